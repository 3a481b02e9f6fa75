"""The watch over push: our subscription at Basware, notifications that never came, and the pace of polls."""

import itertools
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector_defs.basware.subscriptions import SINCE_EVER
from connector_defs.domain.polling_pace import GRACE
from connector_defs.flows import hints, overview, pace, push_watch
from connector_defs.flows.doctor import ping
from connector_defs.flows.push_reports import PushStatus, Standing
from connector_defs.flows.push_watch import INVOICES, REQUESTS
from connector_defs.sandbox.basware.tokens import ALL_SCOPES
from connector_defs.store import cursors, notifications
from connector_defs.store import push_watch as rows
from connector_tests.flows.pair import Pair, assert_books_agree, invoice
from connector_tests.flows.push_scene import Inbox, SteppedClock, open_inbox

GET_SUBSCRIPTIONS, GET_TASKS = "GET subscriptions", "GET tasks"


@pytest.fixture
def inbox(folder: Path) -> Iterator[Inbox]:
    """Subscribed."""
    with open_inbox(folder) as opened:
        opened.subscribe()
        yield opened


@pytest.fixture
def stepped(folder: Path) -> Iterator[Inbox]:
    """Subscribed a second ago, on a clock that stands still."""
    clock = SteppedClock()
    with open_inbox(folder, clock) as opened:
        opened.subscribe()
        clock.wait(1)
        yield opened


def status(inbox: Inbox) -> PushStatus:
    found = push_watch.status(inbox.connector)
    assert found is not None
    return found


def lose(inbox: Inbox, number: str, fault: str = "lost_notification") -> str:
    """Approve an invoice whose notification is lost; it is some minutes ago then."""
    bill = invoice(number)
    inbox.pair.faults.arm(fault, match=bill["invoiceId"])
    (bill_id,) = inbox.pair.approve(bill)
    inbox.wait(lambda: inbox.pair.faults.drawn[fault] > 0)
    inbox.connector.clock.wait((GRACE + timedelta(minutes=1)).total_seconds())
    return bill_id


def calls(pair: Pair) -> tuple[int, int]:
    requests = pair.sandbox.basware.requests
    return requests[GET_SUBSCRIPTIONS], requests[GET_TASKS]


def test_without_a_subscription_nothing_is_watched(pair: Pair) -> None:
    push_watch.look(pair.connector)
    assert push_watch.check(pair.connector) is None
    assert push_watch.find_lost(pair.connector) == 0
    assert overview.status(pair.connector).push is None
    assert calls(pair) == (0, 0)


def test_a_look_is_made_once_in_its_time_and_at_once_after_the_clock_was_set_back(inbox: Inbox) -> None:
    before = calls(inbox.pair)
    push_watch.look(inbox.connector)
    push_watch.look(inbox.connector)
    assert calls(inbox.pair) == (before[0] + 1, before[1] + 2)
    push_watch.look(inbox.connector, at_start=True)
    assert calls(inbox.pair) == (before[0] + 2, before[1] + 4)
    inbox.connector.clock.wait(3601)
    push_watch.look(inbox.connector)
    inbox.connector.clock.wait(-7200)
    push_watch.look(inbox.connector)
    assert calls(inbox.pair)[0] == before[0] + 4


def test_a_subscription_that_is_gone_is_told_once_with_its_remedy(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.connector.push.unsubscribe(INVOICES, SINCE_EVER)
    caplog.set_level(logging.WARNING, "connector_defs")
    for _ in range(2):
        found = push_watch.check(inbox.connector)
        assert found == Standing(
            "missing",
            "Basware has no subscription for AccountingDocuments/WaitingForTransfer",
            f"run `connector webhook subscribe --url {inbox.url}`",
        )
    assert len([record for record in caplog.records if "no subscription for" in record.message]) == 1
    (probe,) = [one for one in ping(inbox.connector.settings) if one.name == "webhook subscription"]
    assert (probe.ok, "subscribe --url" in probe.remedy) == (False, True)
    assert overview.status(inbox.connector).push == status(inbox)
    assert inbox.subscribe().standing.sound


def test_a_subscription_that_goes_elsewhere_is_told(inbox: Inbox) -> None:
    subscription = inbox.pair.sandbox.basware.push.subscriptions["AccountingDocuments", "WaitingForTransfer"]
    subscription["notificationWebhookURL"] = "https://other.example.com/hook?key=secret"
    found = push_watch.check(inbox.connector)
    assert found is not None
    assert found.state == "foreign"
    assert "https://other.example.com/hook?…" in found.detail
    assert "--replace" in found.remedy


def test_an_address_that_is_not_told_counts_as_another(inbox: Inbox) -> None:
    subscription = inbox.pair.sandbox.basware.push.subscriptions["AccountingDocuments", "WaitingForTransfer"]
    del subscription["notificationWebhookURL"]
    found = push_watch.check(inbox.connector)
    assert found is not None
    assert "an address it does not tell" in found.detail


def test_ping_says_that_it_is_in_place(inbox: Inbox) -> None:
    before = status(inbox)
    (probe,) = [one for one in ping(inbox.connector.settings) if one.name == "webhook subscription"]
    assert (probe.ok, probe.detail, probe.remedy) == (True, "in place", "")
    assert status(inbox) == before, "ping keeps nothing"
    inbox.pair.faults.arm("http_503", times=20, site="basware.push")
    (probe,) = [one for one in ping(inbox.connector.settings) if one.name == "webhook subscription"]
    assert (probe.ok, "polled all the same" in probe.remedy) == (False, True)


def test_where_basware_does_not_let_us_look_it_is_said_once_and_polling_goes_on(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = inbox.pair.sandbox.basware
    sandbox.tokens.scopes = frozenset(ALL_SCOPES) - {"subscriptions.read", "tasks.read"}
    sandbox.tokens.revoke()
    inbox.connector.__dict__.pop("push", None)
    caplog.set_level(logging.WARNING, "connector_defs.flows.push_watch")
    for _ in range(3):
        inbox.connector.clock.wait(3601)
        push_watch.look(inbox.connector)
    refusals = [record.getMessage() for record in caplog.records if "does not show" in record.getMessage()]
    assert len(refusals) == 2, refusals
    assert (status(inbox).standing.state, "does not show" in status(inbox).tasks) == ("refused", True)
    inbox.pair.approve(invoice("STILL-FOUND"))
    inbox.pair.run()
    assert inbox.pair.states() == {"responded": 1}


def test_a_look_that_fails_is_made_again_later_and_stops_nothing(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.pair.faults.arm("http_503", times=20, site="basware.push")
    push_watch.look(inbox.connector)
    assert "push is looked at later" in caplog.text
    assert status(inbox).standing.sound, "what cannot be seen is not gone"


@pytest.mark.covers("F21")
@pytest.mark.parametrize("fault", ["lost_notification", "failed_notification"])
def test_a_notification_that_never_came_is_found_in_the_list_of_tasks(inbox: Inbox, fault: str) -> None:
    bill_id = lose(inbox, "LOST-1", fault)
    assert push_watch.find_lost(inbox.connector) == 1
    assert push_watch.find_lost(inbox.connector) == 0, "it counts once"
    assert (status(inbox).received, status(inbox).lost, status(inbox).loss_rate) == (0, 1, 1.0)
    assert hints.waiting(inbox.connector) is not None
    report = hints.take_in_hints(inbox.connector)
    assert (report.open, report.fetched, report.received, report.settled) == (1, 1, 1, 1)
    assert inbox.pair.state(bill_id) == "received"
    assert hints.waiting(inbox.connector) is None
    inbox.pair.run()
    assert inbox.pair.state(bill_id) == "responded"
    assert_books_agree(inbox.pair)


def test_a_notification_on_its_way_is_not_lost_yet(inbox: Inbox) -> None:
    inbox.pair.faults.arm("lost_notification")
    inbox.pair.approve(invoice("YOUNG"))
    inbox.wait(lambda: inbox.pair.faults.drawn["lost_notification"] > 0)
    assert push_watch.find_lost(inbox.connector) == 0
    inbox.connector.clock.wait(GRACE.total_seconds() + 60)
    assert push_watch.find_lost(inbox.connector) == 1, "the cursor stayed before it"


def test_one_that_comes_after_all_counts_as_having_come(inbox: Inbox) -> None:
    bill_id = lose(inbox, "LATE-1", "late_notification")
    assert push_watch.find_lost(inbox.connector) == 1
    hints.take_in_hints(inbox.connector)
    assert inbox.pair.sandbox.basware.push.release() == 1
    inbox.wait(lambda: inbox.told == [bill_id])
    assert (status(inbox).received, status(inbox).lost, status(inbox).loss_rate) == (1, 0, 0.0)
    assert status(inbox).newest_notification is not None
    assert hints.waiting(inbox.connector) is None, "it was looked at"


def test_one_that_failed_at_once_hides_none_that_is_on_its_way(stepped: Inbox) -> None:
    connector = stepped.connector
    connector.settings.intake.__dict__["overlap_hours"] = 0.0
    stepped.pair.faults.arm("lost_notification")
    stepped.pair.approve(invoice("YOUNG"))
    stepped.wait(lambda: stepped.pair.faults.drawn["lost_notification"] > 0)
    connector.clock.wait(60)
    stepped.pair.faults.arm("failed_notification")
    stepped.pair.approve(invoice("FAILED"))
    stepped.wait(lambda: stepped.pair.sandbox.basware.push.tasks[-1].status == "Failed")
    connector.clock.wait(1)
    assert push_watch.find_lost(connector) == 1
    connector.clock.wait(GRACE.total_seconds())
    assert push_watch.find_lost(connector) == 1


def test_what_came_is_never_lost_and_the_rate_is_the_share_of_what_did_not(inbox: Inbox) -> None:
    for number in range(3):
        inbox.pair.approve(invoice(f"CAME-{number}"))
    inbox.wait(lambda: len(inbox.told) == 3)
    lose(inbox, "LOST-1")
    assert push_watch.find_lost(inbox.connector) == 1
    assert (status(inbox).received, status(inbox).lost, status(inbox).loss_rate) == (3, 1, 0.25)
    inbox.connector.clock.wait(31 * 86_400)
    assert (status(inbox).received, status(inbox).loss_rate) == (0, None)


def test_tasks_of_other_kinds_and_before_the_subscription_are_not_ours(inbox: Inbox) -> None:
    push = inbox.pair.sandbox.basware.push
    lose(inbox, "LOST-1")
    task = push.tasks[-1]
    task.task_sub_type = "WaitingForPrebook"
    assert push_watch.find_lost(inbox.connector) == 0
    task.task_sub_type, task.task_type = None, "ExportedContracts"
    assert push_watch.find_lost(inbox.connector) == 0
    task.task_type, task.last_updated = "AccountingDocuments", task.last_updated - timedelta(days=2)
    assert push_watch.find_lost(inbox.connector) == 0
    task.last_updated += timedelta(days=2)
    assert push_watch.find_lost(inbox.connector) == 1, "a sub type that is not told is any"


def test_the_cursor_of_the_tasks_comes_from_basware_and_never_from_the_future(inbox: Inbox) -> None:
    lose(inbox, "LOST-1")
    task = inbox.pair.sandbox.basware.push.tasks[-1]
    push_watch.find_lost(inbox.connector)
    with inbox.connector.store.read() as connection:
        kept = cursors.get(connection, cursors.TENANT, rows.TASKS).last_updated
    assert kept is not None
    assert abs(kept - task.last_updated) < timedelta(milliseconds=2)
    task.task_id, task.status, task.last_updated = "t-2", "Failed", task.last_updated + timedelta(days=400)
    push_watch.find_lost(inbox.connector)
    with inbox.connector.store.read() as connection:
        kept = cursors.get(connection, cursors.TENANT, rows.TASKS).last_updated
    assert kept is not None
    assert kept <= inbox.connector.clock.now()


def test_polls_stretch_while_push_works_and_shrink_when_it_missed_one(stepped: Inbox) -> None:
    company = stepped.pair.company
    assert pace.until_poll(stepped.connector, company) == 0, "never polled"
    pace.polled(stepped.connector, company, left=False)
    assert pace.until_poll(stepped.connector, company) == 60, "nothing came yet"
    stepped.pair.approve(invoice("TOLD"))
    stepped.wait(lambda: stepped.told != [])
    stepped.pair.run()
    seen = []
    for _ in range(6):
        until = pace.until_poll(stepped.connector, company)
        seen.append(until)
        stepped.connector.clock.wait(until)
        pace.polled(stepped.connector, company, left=False)
    assert seen[0] == 60
    assert seen[-1] == 900
    assert all(later >= earlier for earlier, later in itertools.pairwise(seen))

    lose(stepped, "MISSED")
    stepped.pair.run()
    stepped.connector.clock.wait(GRACE.total_seconds() + 1)
    assert pace.polled(stepped.connector, company, left=False) == 1
    assert pace.until_poll(stepped.connector, company) == 60
    shown = status(stepped).polls[0]
    assert (shown.missed, shown.missed_at is not None) == (1, True)

    stepped.pair.approve(invoice("TOLD-AGAIN"))
    stepped.wait(lambda: len(stepped.told) == 2)
    stepped.connector.clock.wait(600)
    pace.polled(stepped.connector, company, left=False)
    assert pace.until_poll(stepped.connector, company) == 600


def test_polls_shrink_minutes_after_one_found_what_push_missed_and_not_with_the_next(stepped: Inbox) -> None:
    company, clock = stepped.pair.company, stepped.connector.clock
    stepped.pair.approve(invoice("TOLD"))
    stepped.wait(lambda: stepped.told != [])
    stepped.pair.run()
    clock.wait(3600)
    pace.polled(stepped.connector, company, left=False)
    stepped.pair.faults.arm("lost_notification")
    stepped.pair.approve(invoice("MISSED"))
    clock.wait(900)
    stepped.pair.run()
    assert pace.until_poll(stepped.connector, company) == 900, "its notification may be on its way"
    clock.wait(GRACE.total_seconds() + 1)
    assert pace.until_poll(stepped.connector, company) == 0
    shown = status(stepped).polls[0]
    assert (shown.missed, shown.missed_at is not None) == (1, True)
    assert pace.polled(stepped.connector, company, left=False) == 1
    assert status(stepped).polls[0].missed == 1, "it counts once"
    assert pace.until_poll(stepped.connector, company) == 60


def test_what_a_poll_left_is_looked_for_again_at_once_and_a_tick_may_be_early(stepped: Inbox) -> None:
    company = stepped.pair.company
    stepped.pair.approve(invoice("TOLD"))
    stepped.wait(lambda: stepped.told != [])
    stepped.connector.clock.wait(3600)
    pace.polled(stepped.connector, company, left=False)
    assert pace.until_poll(stepped.connector, company) == 900
    pace.polled(stepped.connector, company, left=True)
    assert pace.until_poll(stepped.connector, company) == 60
    stepped.connector.clock.wait(31)
    assert pace.until_poll(stepped.connector, company) == 0
    stepped.pair.run()
    assert pace.until_poll(stepped.connector, company) == 900


def test_a_lost_subscription_brings_the_polls_back_to_a_minute(stepped: Inbox) -> None:
    company = stepped.pair.company
    stepped.pair.approve(invoice("TOLD"))
    stepped.wait(lambda: stepped.told != [])
    stepped.connector.clock.wait(3600)
    pace.polled(stepped.connector, company, left=False)
    stepped.connector.push.unsubscribe(INVOICES, SINCE_EVER)
    push_watch.look(stepped.connector)
    assert pace.until_poll(stepped.connector, company) == 60
    assert pace.polled(stepped.connector, company, left=False) == 0


def test_a_failed_request_is_told_and_settled_after_a_look(inbox: Inbox) -> None:
    inbox.pair.sandbox.basware.push.notify("RequestStatus", REQUESTS.task_sub_type or "", "request-1")
    inbox.wait(lambda: inbox.of("RequestStatus") == ["request-1"])
    assert hints.requests_waiting(inbox.connector) is not None
    assert hints.waiting(inbox.connector) is None
    told = hints.requests_told(inbox.connector)
    hints.settle_requests(inbox.connector, told)
    assert hints.requests_waiting(inbox.connector) is None
    hints.settle_requests(inbox.connector, [])
    with inbox.connector.store.read() as connection:
        assert notifications.open_hints(connection) == []


def test_a_miss_of_one_company_leaves_the_pace_of_the_other(stepped: Inbox) -> None:
    first = stepped.pair.company
    second = first.model_copy(update={"syspro_company": "M2", "basware_company": "2000"})
    stepped.pair.approve(invoice("TOLD"))
    stepped.wait(lambda: stepped.told != [])
    stepped.connector.clock.wait(3600)
    lose(stepped, "MISSED")
    stepped.pair.run()
    stepped.connector.clock.wait(GRACE.total_seconds() + 1)
    assert [pace.polled(stepped.connector, company, left=False) for company in (first, second)] == [1, 0]
    assert [pace.until_poll(stepped.connector, company) for company in (first, second)] == [60, 900]
