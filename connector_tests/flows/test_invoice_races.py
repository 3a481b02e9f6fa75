"""Several workers, and workers that die: one invoice, one posting, and no session left open.

The killed worker is a real process (SIGKILL) against a sandbox of this one; the moment is chosen by the sandbox's
own counters, and a call that the sandbox holds back keeps the worker there.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector_defs.domain.clock import SystemClock
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.runtime import open_connector
from connector_defs.store import invoices
from connector_defs.syspro.enet import EnetClient
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, open_pair

BILLS = 12
_WORKER = """
import sys
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.runtime import open_connector
from connector_defs.settings import Settings

settings = Settings.model_validate_json(sys.stdin.read())
with open_connector(settings) as connector:
    run_invoices(connector, connector.companies[0])
"""


@pytest.mark.covers("F15")
def test_two_connectors_at_once_post_each_invoice_once(folder: Path) -> None:
    """F15: two workers on one store, in step from the first call on."""
    with open_pair(folder, clock=SystemClock()) as pair:
        pair.map()
        bills = [invoice(f"INV-{number}") for number in range(BILLS)]
        pair.approve(*bills)
        start = threading.Barrier(2)

        def work() -> int:
            with open_connector(pair.connector.settings) as connector:
                start.wait()
                return run_invoices(connector, connector.companies[0]).posted

        with ThreadPoolExecutor(2) as pool:
            posted = [future.result() for future in [pool.submit(work), pool.submit(work)]]
        pair.run()
        assert sum(posted) == BILLS
        assert pair.states() == {"responded": BILLS}
        assert pair.sandbox.syspro.requests["Transaction/Post APSTIN"] == BILLS
        assert pair.sandbox.syspro.session_book.counts["evicted"] == 0
        assert_books_agree(pair)


@pytest.mark.covers("F15")
def test_a_worker_that_lost_its_lane_writes_nothing_more(pair: Pair) -> None:
    """The lease passes on while a post is under way: the first worker's outcome touches no row."""
    bill = invoice("SLOW")
    (bill_id,) = pair.approve(bill)
    leases = pair.connector.leases
    new_enet = pair.connector.new_enet
    taken = []

    def slow_enet() -> EnetClient:
        client = new_enet()
        post = client.post

        def slow_post(*arguments: str):  # type: ignore[no-untyped-def]
            reply = post(*arguments)
            pair.connector.clock.wait(10_000)
            taken.append(leases._take("operator/INTEG"))
            return reply

        client.post = slow_post  # type: ignore[method-assign]
        return client

    pair.connector.new_enet = slow_enet  # type: ignore[method-assign]
    pair.run()
    assert pair.stored(bill_id).state == "posting"
    pair.connector.new_enet = new_enet  # type: ignore[method-assign]
    pair.connector.clock.wait(10_000)
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert len(pair.postings(bill)) == 1
    assert_books_agree(pair)


def test_an_invoice_a_person_moves_in_between_does_not_stop_the_others(pair: Pair) -> None:
    first, second, third = pair.approve(invoice("INV-1"), invoice("INV-2"), invoice("INV-3"))
    acknowledge = pair.connector.basware.acknowledge

    def and_meanwhile(invoice_id: str):  # type: ignore[no-untyped-def]
        if invoice_id == second:
            with pair.connector.store.write() as connection:
                stored = invoices.get(connection, "M1", second)
                assert stored is not None
                invoices.move(connection, stored, stored.state, pair.connector.clock.now(), actor="ap")
        return acknowledge(invoice_id)

    pair.connector.basware.acknowledge = and_meanwhile  # type: ignore[method-assign]
    pair.run()
    assert (pair.state(first), pair.state(third)) == ("responded", "responded")
    pair.connector.basware.acknowledge = acknowledge  # type: ignore[method-assign]
    pair.run()
    assert pair.state(second) == "responded"
    assert_books_agree(pair)


def _acknowledged(pair: Pair) -> bool:
    return pair.sandbox.basware.requests["POST acknowledge"] >= BILLS // 2


def _posted(pair: Pair) -> bool:
    return len(pair.sandbox.syspro.ledger.invoices) >= BILLS // 2


def _answered(pair: Pair) -> bool:
    return len(pair.sandbox.basware.responses) >= BILLS // 2


def _logged_on(pair: Pair) -> bool:
    return pair.sandbox.syspro.logons >= 1


@pytest.mark.parametrize(
    ("reached", "held_back"),
    [
        (_acknowledged, "basware.acknowledge"),
        (_logged_on, "syspro.transaction"),
        (_posted, "syspro.transaction"),
        (_posted, "syspro.odata"),
        (_answered, "basware.responses"),
    ],
    ids=[
        "while acknowledging",
        "before the first post",
        "amid the posts",
        "amid the look-ups",
        "while answering",
    ],
)
def test_a_killed_worker_costs_nothing_and_doubles_nothing(
    folder: Path, reached: Callable[[Pair], bool], held_back: str
) -> None:
    with open_pair(folder) as pair:
        pair.map()
        bills = [invoice(f"INV-{number}") for number in range(BILLS)]
        pair.approve(*bills)
        # Every call there takes a while, so that the worker is met in the midst of them.
        pair.faults.arm("latency", times=BILLS, site=held_back, seconds=0.05)
        _kill_once(pair, reached)
        pair.faults.disarm()
        pair.run()
        pair.connector.clock.wait(60)
        pair.run()
        assert pair.states() == {"responded": BILLS}
        assert [len(pair.postings(bill)) for bill in bills] == [1] * BILLS
        assert_books_agree(pair)


@pytest.mark.covers("F6")
def test_a_worker_killed_with_its_post_on_the_wire_leaves_an_invoice_that_only_a_lookup_settles(
    folder: Path,
) -> None:
    """F31 and F6 in one: the intent is stored, the post takes effect after the worker's death."""
    with open_pair(folder) as pair:
        pair.map()
        bill = invoice("INV-1")
        (bill_id,) = pair.approve(bill)
        pair.faults.arm("latency", site="syspro.transaction", seconds=1.0)
        _kill_once(pair, lambda pair: pair.sandbox.syspro.requests["Transaction/Post APSTIN"] == 1)
        assert pair.stored(bill_id).state == "posting"
        _until(lambda: bool(pair.postings(bill)))
        pair.run()
        pair.connector.clock.wait(60)
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert pair.stored(bill_id).attempts == 1
        assert pair.sandbox.syspro.requests["Transaction/Post APSTIN"] == 1
        assert_books_agree(pair)


def _kill_once(pair: Pair, reached: Callable[[Pair], bool]) -> None:
    """Start a worker of its own process and kill it at the first moment `reached` is true."""
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert worker.stdin is not None
    try:
        worker.stdin.write(_revealed(pair))
        worker.stdin.close()
        _until(lambda: reached(pair) or worker.poll() is not None)
        assert worker.poll() is None, worker.stderr.read() if worker.stderr else ""
        os.kill(worker.pid, signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait()
        if worker.stderr is not None:
            worker.stderr.close()


def _revealed(pair: Pair) -> str:
    """The settings as JSON, secrets in clear: they open nothing but this test's sandbox."""

    def plain(value: object) -> object:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    return json.dumps(plain(pair.connector.settings.model_dump()), default=str)


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.002)
