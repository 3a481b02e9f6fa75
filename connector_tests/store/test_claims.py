"""Claims: one queue, several lanes, and nobody has to clear up after the dead."""

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import update

from connector_defs.store import claims
from connector_defs.store.claims import Claim
from connector_defs.store.engine import Store
from connector_defs.store.leases import Lease, LeaseLost, owner_of
from connector_defs.store.tables import lease
from connector_tests.store.builders import NOON, SetClock, leases

IDS = ["inv-1", "inv-2", "inv-3"]


def take(store: Store, held: Lease, *invoice_ids: str) -> list[str]:
    with store.write() as connection:
        return claims.take(connection, held, "M1", invoice_ids or IDS, NOON)


def of(store: Store, now: object = NOON) -> dict[str, Claim]:
    with store.read() as connection:
        return claims.of(connection, "M1", IDS, now)  # type: ignore[arg-type]


def test_what_one_lane_has_another_does_not_get(store: Store) -> None:
    book = leases(store, SetClock())
    with book.hold("operator/A") as first, book.hold("operator/B") as second:
        assert take(store, first, "inv-1", "inv-2") == ["inv-1", "inv-2"]
        assert take(store, second) == ["inv-3"]
        assert take(store, first) == ["inv-1", "inv-2"], "its own it keeps"
        assert of(store)["inv-3"] == Claim("operator/B", 0, True)


def test_what_is_given_back_anybody_gets(store: Store) -> None:
    book = leases(store, SetClock())
    with book.hold("operator/A") as first, book.hold("operator/B") as second:
        take(store, first)
        with store.write() as connection:
            claims.release(connection, first, "M1", ["inv-2"])
        assert take(store, second) == ["inv-2"]
        with store.write() as connection:
            claims.release(connection, first, "M1")
        assert take(store, second) == IDS


def test_the_claims_of_a_lane_end_with_its_lease(store: Store) -> None:
    book = leases(store, SetClock())
    with book.hold("operator/A") as first:
        take(store, first)
    with book.hold("operator/B") as second:
        assert take(store, second) == IDS
        assert of(store)["inv-1"] == Claim("operator/B", 1, True)


def test_the_claims_of_a_lane_that_changed_hands_are_void(store: Store) -> None:
    """Each worker that dies over an invoice is counted; one that worked on it to its end is not."""
    clock = SetClock()
    book = leases(store, clock)
    for _ in range(3):
        with store.write() as connection:
            connection.execute(update(lease).values(owner="", expires_at=NOON - timedelta(days=1)))
        held = book._take("operator/A")
        take(store, held, "inv-1")
    assert of(store)["inv-1"] == Claim("operator/A", 2, True)
    with store.write() as connection:
        claims.release(connection, held, "M1", ["inv-1"])
    assert "inv-1" not in of(store)


def test_the_claims_of_a_dead_process_are_void_at_once(store: Store) -> None:
    book = leases(store, SetClock())
    held = book._take("operator/A")
    take(store, held)
    assert of(store)["inv-1"].alive
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with store.write() as connection:
        connection.execute(update(lease).values(owner=owner_of(int(gone))))
    assert not of(store)["inv-1"].alive


def test_a_lane_that_is_lost_claims_nothing(store: Store) -> None:
    clock = SetClock()
    book = leases(store, clock)
    held = book._take("operator/A")
    clock.wait(10_000)
    book._take("operator/A")
    with pytest.raises(LeaseLost):
        take(store, held)
