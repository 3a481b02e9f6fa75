"""A notification makes one look, whatever became of it on its way; the invoice itself comes from Basware alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_defs.flows import hints, subscriptions, webhook_secret
from connector_defs.flows.runtime import Connector
from connector_defs.settings import Settings
from connector_defs.store import notifications
from connector_tests.console.scene import receiving
from connector_tests.console.test_from_basware import until
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, open_pair
from connector_tests.flows.push_scene import NO_SECRET, Inbox, notify, open_inbox

ONE_BY_ONE = "GET accountingDocuments/{invoiceId}"


@pytest.fixture
def inbox(folder: Path) -> Iterator[Inbox]:
    """Subscribed."""
    with open_inbox(folder) as opened:
        opened.subscribe()
        yield opened


def singly(pair: Pair) -> int:
    """How many invoices were fetched by their id."""
    return pair.connector.basware.calls[ONE_BY_ONE]


@pytest.mark.covers("F21")
def test_f21_a_notified_invoice_is_there_before_any_poll(inbox: Inbox) -> None:
    (bill_id,) = inbox.pair.approve(invoice("F21-TOLD"))
    inbox.wait(lambda: inbox.told == [bill_id])
    report = hints.take_in_hints(inbox.connector)
    assert (report.received, report.settled, report.trouble) == (1, 1, "")
    assert inbox.pair.state(bill_id) == "received"
    assert hints.take_in_hints(inbox.connector).open == 0
    inbox.pair.run()
    assert inbox.pair.state(bill_id) == "responded"
    assert_books_agree(inbox.pair)


@pytest.mark.covers("F21")
def test_f21_lost_late_doubled_reordered_forged_and_foreign_notifications_end_in_the_same_books(
    inbox: Inbox,
) -> None:
    faults = ("lost", "late", "late", "double", "forged", "foreign")
    bills = [invoice(f"F21-{number}-{name}") for number, name in enumerate(faults)]
    for bill, name in zip(bills, faults, strict=True):
        inbox.pair.faults.arm(f"{name}_notification", match=bill["invoiceId"])
    ids = inbox.pair.approve(*bills)
    doubled, forged, foreign = ids[3:]
    inbox.wait(lambda: foreign in inbox.told and forged in inbox.told and inbox.told.count(doubled) == 2)
    assert inbox.of("AccoutingDocuments", status=401) == [forged], "signed by somebody else"
    assert hints.take_in_hints(inbox.connector).received == 3, "the foreign one leads to no document"
    inbox.pair.run()
    assert inbox.pair.states() == {"responded": 6}, "polling found what was lost or late"
    assert inbox.pair.sandbox.basware.push.release() == 2
    inbox.wait(lambda: inbox.told[-2:] == [ids[2], ids[1]])
    assert hints.take_in_hints(inbox.connector).received == 0
    inbox.pair.run()
    assert inbox.pair.states() == {"responded": 6}
    assert inbox.pair.sandbox.syspro.requests["Transaction/Post APSTIN"] == 6
    assert_books_agree(inbox.pair)


@pytest.mark.covers("F21")
def test_f21_through_the_receiver_itself_with_a_secret_that_is_rotated_meanwhile(folder: Path) -> None:
    with open_pair(folder, **NO_SECRET) as pair:
        pair.map()
        webhook_secret.renew(pair.connector, "test")

        def load() -> Settings:
            known = webhook_secret.known(pair.connector)
            keys = {"webhook_secret": known.current, "webhook_secret_previous": known.previous}
            basware = pair.connector.settings.basware.model_copy(update=keys)
            return pair.connector.settings.model_copy(update={"basware": basware})

        with receiving(folder, load) as receiver:
            url = f"http://127.0.0.1:{receiver.port}/webhooks/basware"
            assert subscriptions.subscribe(pair.connector, url, actor="test").standing.sound
            bills = [invoice(f"F21-{name}") for name in ("double", "forged", "foreign", "lost")]
            for bill, name in zip(bills, ("double", "forged", "foreign", "lost"), strict=True):
                pair.faults.arm(f"{name}_notification", match=bill["invoiceId"])
            ids = pair.approve(*bills[:1])
            assert subscriptions.subscribe(pair.connector, url, rotate=True, actor="test").standing.sound
            ids += pair.approve(*bills[1:])
            until(lambda: set(ids[:3]) <= set(receiver.inbox("document_id")))
        kinds = receiver.inbox("task_type")
        assert (kinds.count("AccoutingDocuments"), kinds.count("ConnectionTest")) == (4, 4)
        assert hints.take_in_hints(pair.connector).received == 3
        pair.run()
        assert pair.states() == {"responded": 4}
        assert_books_agree(pair)


@pytest.mark.covers("H21")
def test_a_kind_that_nobody_knows_wakes_a_run_and_nothing_is_fetched_for_it(pair: Pair) -> None:
    notify(pair.connector, "whatever", "Weather")
    notify(pair.connector, "", "AccountingDocuments", "t-none")
    assert hints.waiting(pair.connector) is not None
    report = hints.take_in_hints(pair.connector)
    assert (report.open, report.fetched, report.settled) == (2, 0, 2)
    assert singly(pair) == 0


@pytest.mark.parametrize("document_id", ["no-such-invoice", "..", "../../v1/tokens", "x" * 200, "\x00"])
def test_a_document_that_basware_does_not_have_for_us_is_settled(pair: Pair, document_id: str) -> None:
    notify(pair.connector, document_id, task_id="t-1")
    report = hints.take_in_hints(pair.connector)
    assert (report.settled, report.received, report.trouble) == (1, 0, "")
    assert hints.waiting(pair.connector) is None


def test_an_invoice_that_is_offered_no_more_is_settled_and_not_taken_in(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("GONE"))
    pair.sandbox.basware.withdraw(bill_id)
    notify(pair.connector, bill_id)
    assert hints.take_in_hints(pair.connector).settled == 1
    assert pair.states() == {}


def test_an_invoice_of_a_company_that_is_not_ours_is_left_alone(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("ELSEWHERE", companyCode="9999"))
    notify(pair.connector, bill_id)
    assert hints.take_in_hints(pair.connector).settled == 1
    assert pair.states() == {}


def test_each_company_gets_its_own(folder: Path) -> None:
    with open_pair(folder) as pair:
        tree = pair.connector.settings.model_dump()
        second = {**tree["companies"][0], "syspro_company": "M2", "basware_company": "2000"}
        settings = Settings.model_validate({**tree, "companies": [*tree["companies"], second]})
        with Connector(settings, pair.connector.store, pair.connector.clock) as both:
            pair.sandbox.basware.target.companies = {"1000", "2000"}
            ids = pair.approve(invoice("A"), invoice("B", companyCode="2000"))
            for bill_id in ids:
                notify(both, bill_id)
            assert hints.take_in_hints(both).received == 2
        with pair.connector.store.read() as connection:
            assert notifications.open_hints(connection) == []


def test_basware_away_leaves_the_notification_open(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("WAITS"))
    notify(pair.connector, bill_id)
    pair.faults.arm("http_503", times=20, site="basware.documents")
    report = hints.take_in_hints(pair.connector)
    assert (report.settled, "503" in report.trouble) == (0, True)
    assert hints.waiting(pair.connector) is not None
    pair.faults.disarm()
    assert hints.take_in_hints(pair.connector).received == 1


def test_another_worker_at_it_is_left_to_it(pair: Pair) -> None:
    notify(pair.connector, "x")
    with pair.connector.leases.hold("notifications"):
        assert hints.take_in_hints(pair.connector).open == 0
    assert hints.waiting(pair.connector) is not None


def test_many_notifications_are_served_by_the_lists_and_the_rest_singly(pair: Pair) -> None:
    bills = [invoice(f"MANY-{number}") for number in range(105)]
    ids = pair.approve(*bills)
    pair.sandbox.basware.hide(ids[0])
    for bill_id in ids:
        notify(pair.connector, bill_id)
    report = hints.take_in_hints(pair.connector)
    assert (report.open, report.received, report.settled) == (105, 105, 105)
    assert singly(pair) == 1
    assert pair.states() == {"received": 105}


def test_one_that_cannot_be_fetched_keeps_no_other_waiting(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "_AT_A_TIME", 2)
    ids = sorted(pair.approve(*(invoice(f"MANY-{number}") for number in range(5))))
    for bill_id in ids:
        notify(pair.connector, bill_id)
    notify(pair.connector, "whatever", "Weather")
    pair.faults.arm("http_503", times=20, site="basware.documents", match=ids[0])
    report = hints.take_in_hints(pair.connector)
    assert (report.received, report.settled, "503" in report.trouble) == (4, 5, True)
    with pair.connector.store.read() as connection:
        assert [hint.document_id for hint in notifications.open_hints(connection)] == [ids[0]]


def test_lists_that_cannot_be_read_are_made_up_for_one_by_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = pair.approve(*(invoice(f"MANY-{number}") for number in range(101)))
    for bill_id in ids:
        notify(pair.connector, bill_id)

    def away(*_: object) -> None:
        raise hints.ConnectorError("the lists are away")

    monkeypatch.setattr(hints, "take_in", away)
    assert hints.take_in_hints(pair.connector).received == 101
    assert singly(pair) == 101


def test_an_invoice_that_cannot_be_read_is_kept_for_a_person(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("ODD"))
    pair.sandbox.basware.change(bill_id, {"codingRows": "none"})
    notify(pair.connector, bill_id)
    assert hints.take_in_hints(pair.connector).settled == 1
    assert pair.state(bill_id) == "needs_review/MALFORMED"


def test_a_trouble_with_the_store_is_told_and_raises_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify(pair.connector, "x")

    def fail(*_: object, **__: object) -> None:
        raise hints.ConnectorError("the store is away")

    monkeypatch.setattr(hints, "_look", fail)
    assert hints.take_in_hints(pair.connector).trouble == "the store is away"
