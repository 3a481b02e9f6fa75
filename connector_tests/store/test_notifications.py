"""The inbox of notifications, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connector_defs.store import notifications, push_watch
from connector_defs.store.engine import Store
from connector_defs.store.notifications import LISTED, TaskNotice
from connector_tests.store.builders import NOON

LATER = NOON + timedelta(minutes=5)


def task(task_id: str = "t1", *, status: str = "New", document: str = "d1") -> TaskNotice:
    return TaskNotice(task_id, "AccoutingDocuments", "WaitingForTransfer", status, document, None, "0" * 64)


def record(store: Store, *tasks: TaskNotice, now: object = NOON) -> int:
    with store.write() as connection:
        return notifications.record_all(connection, tasks, now)  # type: ignore[arg-type]


def open_tasks(store: Store) -> list[str]:
    with store.read() as connection:
        return [hint.task_id for hint in notifications.open_hints(connection)]


@pytest.mark.covers("F21")
def test_a_task_is_known_by_its_status_and_a_second_one_changes_nothing(store: Store) -> None:
    assert record(store, task(), task(), task(status="Failed")) == 2
    with store.write() as connection:
        assert not notifications.record(connection, task(document="another"), LATER)
        assert notifications.record(connection, task("t2"), LATER)
    with store.read() as connection:
        hints = notifications.open_hints(connection)
    assert [(hint.task_id, hint.document_id, hint.received_at) for hint in hints] == [
        ("t1", "d1", NOON),
        ("t1", "d1", NOON),
        ("t2", "d1", LATER),
    ]


@pytest.mark.covers("F21")
def test_one_that_was_only_listed_has_come_when_it_comes(store: Store) -> None:
    listed = replace(task("t1"), body_digest=LISTED)
    assert record(store, listed, replace(task("t2"), body_digest=LISTED)) == 2
    assert record(store, listed, now=LATER) == 0
    assert record(store, task("t1"), task("t3"), now=LATER) == 1
    assert record(store, replace(task("t3"), body_digest=LISTED), now=LATER) == 0
    with store.read() as connection:
        assert push_watch.arrivals(connection, NOON) == push_watch.Arrivals(2, 1, LATER)
        assert push_watch.proof(connection, NOON).since == LATER


def test_the_oldest_come_first_and_no_more_than_asked_for(store: Store) -> None:
    record(store, task("late"), now=LATER)
    record(store, task("early"))
    assert open_tasks(store) == ["early", "late"]
    with store.read() as connection:
        assert [hint.task_id for hint in notifications.open_hints(connection, 1)] == ["early"]


def test_what_is_settled_is_open_no_more_and_known_for_ever(store: Store) -> None:
    record(store, *(task(f"t{number:04}") for number in range(1200)))
    with store.write() as connection:
        notifications.settle(connection, [f"t{number:04}" for number in range(1, 1200)], LATER, "looked at")
    assert open_tasks(store) == ["t0000"]
    assert record(store, task("t0001")) == 0
    with store.read() as connection:
        assert notifications.known(connection, ["t0000", "t0001", "nobody's"]) == {"t0000", "t0001"}
        assert notifications.backlog(connection) == notifications.Backlog(1, NOON)


def test_what_came_after_the_look_stays_open(store: Store) -> None:
    record(store, task())
    record(store, task(status="Failed"), now=LATER)
    with store.write() as connection:
        notifications.settle(connection, ["t1"], LATER, received_by=NOON)
    with store.read() as connection:
        assert [hint.received_at for hint in notifications.open_hints(connection)] == [LATER]


def test_one_that_asks_for_nothing_is_settled_as_it_comes(store: Store) -> None:
    with store.write() as connection:
        assert notifications.record_settled(connection, task(), NOON, "a test")
        assert not notifications.record_settled(connection, task(), NOON, "a test")
    assert open_tasks(store) == []


def test_what_was_settled_long_ago_is_forgotten(store: Store) -> None:
    record(store, task("old"), task("new"), task("open"))
    with store.write() as connection:
        notifications.settle(connection, ["old"], NOON)
        notifications.settle(connection, ["new"], LATER)
        assert notifications.forget(connection, LATER) == 1
        assert notifications.known(connection, ["old", "new", "open"]) == {"new", "open"}
        assert notifications.backlog(connection) == notifications.Backlog(1, NOON)
