"""Many writers at once: all are served, none overwrites another, the trail stays whole."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector_defs.domain.states import State
from connector_defs.store import audit, invoices, mappings, records
from connector_defs.store.engine import Store
from connector_defs.store.invoices import LostRace
from connector_tests.store.builders import NOON, arrival, record, save, stored, take_in

THREADS, WRITES = 4, 50


def test_four_threads_write_fifty_times_each_and_every_write_is_there(store: Store) -> None:
    start = threading.Barrier(THREADS)

    def work(worker: int) -> None:
        start.wait()
        for number in range(WRITES):
            with store.write() as connection:
                invoices.insert(connection, "M1", arrival(f"inv-{worker}-{number}"), NOON)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    with store.read() as connection:
        assert invoices.counts(connection)["received"] == THREADS * WRITES
    verification = audit.verify(store)
    assert (verification.ok, verification.events) == (True, THREADS * WRITES)


def test_writers_of_one_record_queue_up_and_its_chain_stays_whole(store: Store) -> None:
    save(store, record())
    start = threading.Barrier(THREADS)

    def work(worker: int) -> None:
        start.wait()
        for number in range(10):
            save(store, record(touches=worker * 100 + number))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    verification = audit.verify(store)
    assert (verification.broken, verification.events, verification.chains) == ((), 1 + THREADS * 10, 1)


def test_of_all_who_move_an_invoice_from_the_same_state_one_wins(store: Store) -> None:
    current = take_in(store)
    start = threading.Barrier(THREADS)

    def work(worker: int) -> bool:
        start.wait()
        try:
            with store.write() as connection:
                invoices.move(connection, current, State.READY, NOON, detail={"worker": worker})
        except LostRace as lost:
            assert "inv-1 was moved by another worker; nothing was written" in str(lost)  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert sorted(pool.map(work, range(THREADS))) == [False] * (THREADS - 1) + [True]
    assert stored(store, "inv-1").version == 2
    assert [event.action for event in audit.show(store, "inv-1")] == ["received", "received->ready"]


@pytest.mark.parametrize("stale", [State.READY, State.NEEDS_REVIEW])
def test_a_second_connection_that_read_earlier_cannot_write(store: Store, stale: State) -> None:
    current = take_in(store)
    with store.write() as connection:
        invoices.move(connection, current, State.NEEDS_MAPPING, NOON)

    def write_both() -> None:
        with store.write() as connection:
            mappings.add(connection, "M1", "4000", "", "40", author="ann", reason="r", now=NOON)
            invoices.move(connection, current, stale, NOON)

    with pytest.raises(LostRace):
        write_both()
    assert stored(store, "inv-1").state is State.NEEDS_MAPPING
    with store.read() as connection:
        assert mappings.in_force(connection) == []


def test_a_long_read_in_slices_is_not_disturbed_by_a_writer(store: Store) -> None:
    save(store, *(record(f"{number:07}") for number in range(50)))
    with store.read() as connection:
        slices = records.known(connection, "vendors", "M1")
        first = next(slices)
        save(store, record("9999999"))
        assert len(first) + sum(len(part) for part in slices) == 50
