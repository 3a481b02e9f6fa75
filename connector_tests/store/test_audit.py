"""The audit trail: one chain for each document, a checkpoint for each day, the whole life of a record."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from connector_defs.domain.states import State
from connector_defs.store import audit
from connector_defs.store.audit import GENESIS, Event, append, checkpoint, show, verify
from connector_defs.store.engine import Store
from connector_defs.store.tables import audit_checkpoint, audit_event, audit_head
from connector_tests.store.builders import NOON, add_rule, arrival, move_along, record, save, take_in


def event(chain: str = "invoice/M1/a", key: str = "a", **detail: object) -> Event:
    return Event(chain, "M1", key, "moved", "connector", detail)


def write(store: Store, *events: Event, now: datetime = NOON) -> None:
    with store.write() as connection:
        append(connection, events, now)


def days(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(audit_checkpoint.c.day).order_by(audit_checkpoint.c.day)))


def test_each_event_holds_the_hash_of_the_one_before(store: Store) -> None:
    write(store, event(n=1), event(n=2))
    write(store, event(n=3))
    with store.read() as connection:
        rows = connection.execute(select(audit_event).order_by(audit_event.c.id)).all()
        head = connection.execute(select(audit_head)).one()
    assert [row.sequence for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [GENESIS, rows[0].hash, rows[1].hash]
    assert (head.chain, head.sequence, head.hash) == ("invoice/M1/a", 3, rows[2].hash)


def test_a_hash_can_be_computed_by_anyone_who_reads_the_table(store: Store) -> None:
    write(store, event(text="ä"))
    with store.read() as connection:
        row = connection.execute(select(audit_event)).one()
    at = "2026-01-31T12:00:00.000000Z"
    parts = [row.chain, 1, at, row.actor, row.company, row.key, row.action, row.detail, row.previous]
    assert row.hash == hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def test_chains_do_not_touch_each_other(store: Store) -> None:
    write(store, event(), event("invoice/M1/b", "b"), event())
    assert [one.sequence for one in show(store, "a")] == [1, 2]
    assert [one.sequence for one in show(store, "b")] == [1]
    verification = verify(store)
    assert (verification.ok, verification.events, verification.chains) == (True, 3, 2)


def test_nothing_to_write_is_nothing_written(store: Store) -> None:
    write(store)
    assert verify(store) == audit.Verification(0, 0, ())


def test_more_chains_than_one_query_takes_are_written_at_once(store: Store) -> None:
    many = [event(f"invoice/M1/{number}", str(number)) for number in range(900)]
    write(store, *many)
    write(store, *many)
    verification = verify(store)
    assert (verification.ok, verification.events, verification.chains) == (True, 1800, 900)


@pytest.mark.parametrize(
    "chain", ["mapping/M1/" + "a" * 50 + "/" + "c" * 200, "matchingOrderLines/M1/" + "k" * 120]
)
def test_the_longest_chain_name_fits(store: Store, chain: str) -> None:
    write(store, event(chain))
    assert show(store, chain)[0].chain == chain


def test_an_invoices_whole_life_is_shown_in_order(store: Store) -> None:
    one = take_in(store)
    move_along(store, one, State.READY, State.ACKNOWLEDGED, State.POSTING, now=NOON + timedelta(minutes=1))
    take_in(store, arrival("another"))
    life = show(store, "inv-1")
    assert [event.action for event in life] == [
        "received",
        "received->ready",
        "ready->acknowledged",
        "acknowledged->posting",
    ]
    assert [event.sequence for event in life] == [1, 2, 3, 4]
    assert {(event.company, event.key, event.actor) for event in life} == {("M1", "inv-1", "connector")}
    assert life[0].at == NOON
    assert life[1].detail["state"] == "ready"
    assert life == show(store, "invoice/M1/inv-1")


def test_a_record_nobody_knows_has_no_life(store: Store) -> None:
    assert show(store, "nobody") == []


def test_every_kind_of_row_verifies(store: Store) -> None:
    move_along(store, take_in(store, arrival(gross=None)), State.NEEDS_MAPPING)
    add_rule(store)
    add_rule(store, gl_code="40-5000")
    save(store, record(), record("other", state="failed", reason="Straße “x”"))
    verification = verify(store)
    assert (verification.ok, verification.events, verification.chains) == (True, 6, 4)


class TestCheckpoints:
    """A seal over all chains for every finished UTC day."""

    def test_every_finished_day_with_events_is_sealed_once(self, store: Store) -> None:
        for day in (1, 1, 2, 5):
            write(store, event(), now=datetime(2026, 1, day, 12, tzinfo=UTC))
        assert checkpoint(store, datetime(2026, 1, 5, 13, tzinfo=UTC)) == 2
        assert days(store) == ["2026-01-01", "2026-01-02"]
        assert checkpoint(store, datetime(2026, 1, 5, 14, tzinfo=UTC)) == 0
        assert checkpoint(store, datetime(2026, 1, 6, 14, tzinfo=UTC)) == 1
        assert verify(store).ok

    def test_the_running_day_is_not_sealed(self, store: Store) -> None:
        write(store, event())
        assert checkpoint(store, NOON + timedelta(hours=11)) == 0

    @pytest.mark.parametrize(("minutes", "made"), [(0, 0), (14, 0), (15, 1)])
    def test_a_day_is_sealed_when_nothing_of_it_can_still_be_under_way(
        self, store: Store, minutes: int, made: int
    ) -> None:
        write(store, event())
        midnight = datetime(2026, 2, 1, tzinfo=UTC)
        assert checkpoint(store, midnight + timedelta(minutes=minutes)) == made

    def test_without_events_there_is_nothing_to_seal(self, store: Store) -> None:
        assert checkpoint(store, NOON) == 0

    @pytest.mark.parametrize("order", ["ba", "bab", "aba", "bba"])
    def test_events_in_mixed_order_around_midnight_do_not_look_like_tampering(
        self, store: Store, order: str
    ) -> None:
        moments = {
            "a": datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC),
            "b": datetime(2026, 1, 31, 0, 0, 1, tzinfo=UTC),
        }
        for letter in order:
            write(store, event(), now=moments[letter])
        assert checkpoint(store, datetime(2026, 1, 31, 12, tzinfo=UTC)) == 1
        assert verify(store).ok
        checkpoint(store, datetime(2026, 2, 1, 12, tzinfo=UTC))
        write(store, event(), now=datetime(2026, 2, 1, 12, tzinfo=UTC))
        checkpoint(store, datetime(2026, 2, 2, 12, tzinfo=UTC))
        assert verify(store).ok
        with store.read() as connection:
            sealed = connection.scalar(select(func.max(audit_checkpoint.c.last_event)))
            assert sealed == connection.scalar(select(func.max(audit_event.c.id)))
