"""Polls, the watch over push, and what the inbox says of it, on both databases."""

from datetime import timedelta

import pytest

from connector_defs.domain.polling_pace import GRACE, PushProof
from connector_defs.store import notifications, polls, push_watch
from connector_defs.store.engine import Store
from connector_defs.store.notifications import LISTED, TaskNotice
from connector_defs.store.polls import Poll
from connector_defs.store.push_watch import SUBSCRIPTION, TASKS, Arrivals
from connector_tests.store.builders import NOON, arrival, take_in

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(hours=1)


def notify(store: Store, task_id: str, document_id: str, at: timedelta, digest: str = "ab" * 32) -> None:
    notice = TaskNotice(task_id, "AccountingDocuments", "", "New", document_id, None, digest)
    with store.write() as connection:
        assert notifications.record(connection, notice, NOON + at)


def judged(store: Store, now: timedelta, company: str = "M1") -> int:
    with store.write() as connection:
        return polls.judge(connection, company, NOON, NOON + now)


def poll_of(store: Store, company: str = "M1") -> Poll:
    with store.read() as connection:
        return polls.get(connection, company)


def received(store: Store, *invoice_ids: str, at: timedelta, company: str = "M1") -> None:
    for invoice_id in invoice_ids:
        take_in(store, arrival(invoice_id), company=company, now=NOON + at)


def test_a_poll_is_noted_by_company(store: Store) -> None:
    with store.write() as connection:
        polls.note(connection, "M1", NOON, left=True)
        polls.note(connection, "M2", LATER, left=False)
    assert (poll_of(store).polled_at, poll_of(store).left_over) == (NOON, 1)
    assert (poll_of(store, "M2").polled_at, poll_of(store, "M2").left_over) == (LATER, 0)
    assert poll_of(store, "M3") == Poll("M3")


def test_an_invoice_without_a_notification_counts_as_missed_once_and_not_at_once(store: Store) -> None:
    received(store, "told", "silent", at=MINUTE)
    notify(store, "t-1", "told", 2 * MINUTE)
    assert judged(store, 3 * MINUTE) == 0, "its notification may be on its way"
    assert judged(store, MINUTE + GRACE) == 1
    assert judged(store, 10 * MINUTE) == 0
    assert (poll_of(store).missed, poll_of(store).missed_at) == (1, NOON + MINUTE)
    received(store, "again", at=11 * MINUTE)
    assert judged(store, 20 * MINUTE) == 1
    assert (poll_of(store).missed, poll_of(store).missed_at) == (2, NOON + 11 * MINUTE)


def test_a_notification_that_came_too_late_or_only_in_a_list_was_missed(store: Store) -> None:
    received(store, "late", "listed", "early", at=MINUTE)
    notify(store, "t-1", "late", MINUTE + GRACE + MINUTE)
    notify(store, "t-2", "listed", MINUTE, LISTED)
    notify(store, "t-3", "early", timedelta())
    assert judged(store, 20 * MINUTE) == 2


def test_what_came_before_push_began_is_not_judged_and_neither_is_another_company(store: Store) -> None:
    received(store, "before", at=-MINUTE)
    received(store, "elsewhere", at=MINUTE, company="M2")
    assert judged(store, 20 * MINUTE) == 0
    assert judged(store, 20 * MINUTE, "M2") == 1
    assert poll_of(store).missed == 0


def test_after_the_clock_was_set_back_judging_goes_on_from_there(store: Store) -> None:
    assert judged(store, timedelta(days=30)) == 0
    received(store, "first", at=20 * MINUTE)
    assert judged(store, 30 * MINUTE) == 0
    received(store, "second", at=31 * MINUTE)
    assert judged(store, 60 * MINUTE) == 1
    assert poll_of(store).judged_until == NOON + 55 * MINUTE


def test_push_is_proved_by_notifications_that_came_and_not_by_listed_ones(store: Store) -> None:
    with store.read() as connection:
        assert push_watch.proof(connection, None) == PushProof()
    notify(store, "t-0", "x", MINUTE, LISTED)
    notify(store, "t-1", "x", 2 * MINUTE)
    notify(store, "t-2", "x", 3 * MINUTE)
    with store.read() as connection:
        assert push_watch.proof(connection, None) == PushProof(NOON + 2 * MINUTE, NOON + 3 * MINUTE)
        after = push_watch.proof(connection, NOON + 2 * MINUTE)
        assert after == PushProof(NOON + 3 * MINUTE, NOON + 3 * MINUTE)
        assert push_watch.arrivals(connection, NOON) == Arrivals(2, 1, NOON + 3 * MINUTE)
        assert push_watch.arrivals(connection, LATER) == Arrivals(0, 0, None)


def test_the_watch_knows_since_when_it_is_so_and_tells_a_change(store: Store) -> None:
    with store.write() as connection:
        assert push_watch.get(connection, SUBSCRIPTION) is None
        assert push_watch.keep(connection, SUBSCRIPTION, "ours", NOON, url="https://a.example/")
        assert not push_watch.keep(
            connection, SUBSCRIPTION, "ours", LATER, url="https://a.example/", detail="x"
        )
        kept = push_watch.get(connection, SUBSCRIPTION)
        assert kept is not None
        assert (kept.since, kept.checked_at, kept.detail) == (NOON, LATER, "x")
        assert push_watch.keep(connection, SUBSCRIPTION, "missing", LATER, url="https://a.example/")
        assert push_watch.keep(connection, SUBSCRIPTION, "missing", LATER, url="https://b.example/")
        push_watch.keep(connection, TASKS, "listed", LATER)
        push_watch.forget(connection)
        assert push_watch.get(connection, SUBSCRIPTION) is None
        assert push_watch.get(connection, TASKS) is None


@pytest.mark.parametrize("count", [1, 600])
def test_many_listed_tasks_count_once_each(store: Store, count: int) -> None:
    with store.write() as connection:
        notices = [
            TaskNotice(f"t-{number}", "AccountingDocuments", "", status, "d", None, LISTED)
            for number in range(count)
            for status in ("New", "Failed")
        ]
        assert notifications.record_all(connection, notices, NOON) == 2 * count
        assert push_watch.arrivals(connection, NOON).lost == count
