"""Differences of suppliers at rest: written under the lease, told in a chain of their own, found when tampered with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, update

from connector_defs.store import audit, enrichment
from connector_defs.store.engine import Store
from connector_defs.store.enrichment import Change, Enrichment
from connector_defs.store.leases import Lease, LeaseLost
from connector_defs.store.tables import enrichment as table
from connector_tests.store.builders import NOON, SetClock, leases


def row(supplier: str = "0001", field: str = "tax_id", **changes: Any) -> Enrichment:
    plain = Enrichment(
        company="M1",
        supplier=supplier,
        field=field,
        state="proposed",
        before="ZA1",
        after="DE1",
        external_code="e-1",
        vendor_updated="2026-01-30T00:00:00.000Z",
        code="",
        reason="",
        remedy="",
        decided_by="",
        attempts=0,
        found_at=NOON,
        updated_at=NOON,
    )
    return replace(plain, **changes)


@contextmanager
def held(store: Store, clock: SetClock | None = None) -> Iterator[Lease]:
    with leases(store, clock or SetClock()).hold("enrichment/M1") as lease:
        yield lease


def keep(store: Store, *rows: Enrichment, action: str = "enrichment proposed") -> None:
    with held(store) as lease, store.write() as connection:
        enrichment.save(connection, lease, [Change(one, action) for one in rows], NOON)


def test_a_difference_comes_back_as_it_was_stored(store: Store) -> None:
    first, second = row(), row("0002", "payment_terms", state="review", code="UNKNOWN_TERM")
    keep(store, second, first)
    with store.read() as connection:
        assert enrichment.of_suppliers(connection, "M1", ["0001", "0002"]) == {
            first.key: first,
            second.key: second,
        }
        assert enrichment.in_states(connection, {"proposed", "review"}) == [first, second]
        assert enrichment.in_states(connection, {"review"}, "M1") == [second]
        assert enrichment.in_states(connection, {"review"}, "M2") == []
        assert enrichment.counts(connection) == {"proposed": 1, "review": 1}
        assert enrichment.counts(connection, "M2") == {}


def test_its_life_stands_in_a_chain_of_the_field_under_the_suppliers_key(store: Store) -> None:
    keep(store, row(), row(field="payment_terms"))
    with held(store) as lease, store.write() as connection:
        change = Change(row(state="approved"), "enrichment approved", "ann", {"note": "by telephone"})
        enrichment.save(connection, lease, [change], NOON)
    assert len(audit.show(store, "0001")) == 3
    last = audit.show(store, "enrichment/M1/0001/tax_id")[-1]
    assert (last.action, last.actor, last.detail["note"]) == ("enrichment approved", "ann", "by telephone")
    assert (last.detail["field"], last.detail["before"], last.detail["after"]) == ("tax_id", "ZA1", "DE1")
    assert audit.verify(store).ok


def test_a_writer_that_lost_its_lease_writes_nothing(store: Store) -> None:
    clock = SetClock()
    with held(store, clock) as lost:
        clock.wait(300)
        with (
            leases(store, clock).hold("enrichment/M1"),
            pytest.raises(LeaseLost),
            store.write() as connection,
        ):
            enrichment.save(connection, lost, [Change(row(), "enrichment proposed")], NOON)
    with store.read() as connection:
        assert enrichment.counts(connection) == {}


def test_a_row_changed_behind_the_trail_is_found(store: Store) -> None:
    keep(store, row())
    with store.write() as connection:
        connection.execute(update(table).values(state="approved"))
    (broken,) = audit.verify(store).broken
    assert broken.chain == "enrichment/M1/0001/tax_id"
    assert "table enrichment does not hold what the trail says" in broken.reason


def test_a_row_that_is_gone_is_found(store: Store) -> None:
    keep(store, row())
    with store.write() as connection:
        connection.execute(delete(table))
    (broken,) = audit.verify(store).broken
    assert "is gone" in broken.reason
