"""Cursors, extracts and holds at rest, on both databases."""

from dataclasses import replace
from datetime import timedelta

from connector_defs.store import audit, cursors, extracts, holds
from connector_defs.store.cursors import Cursor
from connector_defs.store.engine import Store
from connector_defs.store.extracts import StoredExtract
from connector_tests.store.builders import NOON, take_in

LATER = NOON + timedelta(hours=1)
EXTRACT = StoredExtract("e-1", "open", 0, 0, "[]", "", NOON)


def test_a_cursor_keeps_both_of_its_values(store: Store) -> None:
    with store.write() as connection:
        assert cursors.get(connection, "M1", "WaitingForTransfer") == Cursor()
        cursors.keep(connection, "M1", "WaitingForTransfer", NOON)
        cursors.mark_listed(connection, "M1", ["WaitingForTransfer", "TransferInProgress"], LATER)
    with store.read() as connection:
        assert cursors.get(connection, "M1", "WaitingForTransfer") == Cursor(NOON, LATER)
        assert cursors.get(connection, "M1", "TransferInProgress") == Cursor(None, LATER)
        assert cursors.get(connection, "M2", "WaitingForTransfer") == Cursor()


def test_a_forgotten_cursor_is_that_of_its_company_alone(store: Store) -> None:
    with store.write() as connection:
        cursors.keep(connection, "M1", "WaitingForTransfer", NOON)
        cursors.keep(connection, "M2", "WaitingForTransfer", NOON)
        cursors.forget(connection, "M1")
        assert cursors.get(connection, "M1", "WaitingForTransfer") == Cursor()
        assert cursors.get(connection, "M2", "WaitingForTransfer") == Cursor(NOON)


def test_an_extract_is_found_by_its_state_and_every_change_of_it_is_told(store: Store) -> None:
    with store.write() as connection:
        kept = extracts.keep(connection, EXTRACT, NOON)
        kept = extracts.keep(connection, kept, NOON, rows=200, taken=200)
        kept = extracts.keep(connection, kept, LATER, state="taken")
    with store.read() as connection:
        assert extracts.get(connection, "e-1") == replace(kept, noted_at=LATER)
        assert extracts.get(connection, "e-2") is None
        assert extracts.in_state(connection, "taken") == [kept]
        assert extracts.in_state(connection, "open") == []
    assert [event.action for event in audit.show(store, "e-1")] == ["open", "taken"]
    assert audit.verify(store).ok


def test_the_columns_are_those_of_the_extract_taken_in_last(store: Store) -> None:
    with store.write() as connection:
        assert extracts.latest_columns(connection) == ""
        extracts.keep(connection, replace(EXTRACT, state="acknowledged", columns='["A"]'), NOON)
        extracts.keep(connection, replace(EXTRACT, id="e-2", state="taken", columns='["B"]'), LATER)
        extracts.keep(connection, replace(EXTRACT, id="e-3", columns='["C"]'), LATER + timedelta(1))
        assert extracts.latest_columns(connection) == '["B"]'


def test_a_hold_is_placed_once_forgets_the_cursors_and_ends_once(store: Store) -> None:
    with store.write() as connection:
        cursors.keep(connection, "M1", "WaitingForTransfer", NOON)
        assert holds.place(connection, "M1", "restored", NOON, actor="ap")
        assert not holds.place(connection, "M1", "restored again", LATER, actor="ap")
        held = holds.get(connection, "M1")
        assert held == holds.Hold("M1", "restored", NOON)
        assert holds.get(connection, "M2") is None
        assert cursors.get(connection, "M1", "WaitingForTransfer") == Cursor()
        assert holds.release(connection, "M1", "agreed", LATER, actor="ap")
        assert not holds.release(connection, "M1", "agreed", LATER, actor="ap")
    told = [(event.action, event.detail["reason"]) for event in audit.show(store, "M1")]
    assert told == [("held", "restored"), ("released", "agreed")]
    assert audit.verify(store).ok


def test_a_store_holds_the_mark_it_was_seen_with_and_no_other(store: Store) -> None:
    with store.read() as connection:
        assert holds.mark(connection) is None
    take_in(store)
    with store.read() as connection:
        seen = holds.mark(connection)
        assert seen is not None
        assert holds.has(connection, seen)
        assert not holds.has(connection, replace(seen, event=seen.event + 1))
        assert not holds.has(connection, replace(seen, hash="0" * 64))
