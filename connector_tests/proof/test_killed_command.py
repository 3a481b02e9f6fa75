"""`connector sync invoices`, killed with SIGKILL at moments chosen by seed, until nothing is left to do.

The kills come in the midst of acknowledging, posting and answering, as counted by the simulators. Afterwards both
ledgers must agree to the cent, no invoice may stand twice, and no session may be open. `make proof` makes ten rounds.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions

LONG = bool(os.environ.get("CONNECTOR_PROOF"))
ROUNDS_OF_THE_PROOF = 10
ROUNDS = ROUNDS_OF_THE_PROOF if LONG else 1
INVOICES = 40
_DONE_OR_WAITING = {"responded", "needs_mapping", "needs_review"}
# In the order in which a run comes to them.
STAGES = ("POST acknowledge", "Transaction/Post APSTIN", "POST transferResponses")


@pytest.fixture(params=range(ROUNDS), ids=lambda seed: f"seed {seed}")
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["Site"]:
    """Both systems with 40 approved invoices, and a store of the connector that knows the accounts."""
    seed: int = request.param
    world = WorldOptions(
        seed=seed, suppliers=20, accounts=40, cost_centers=6, orders=20, lines=80, invoices=INVOICES
    )
    # A few milliseconds on every call make room for a kill between any two of them.
    faults = FaultPlan(seed, latency=(0.004, 0.012))
    with Sandbox(world, faults=faults, processing_seconds=0.02) as sandbox:
        yield Site(sandbox, seed, tmp_path)


class Site:
    """The command and the two systems it works on."""

    def __init__(self, sandbox: Sandbox, seed: int, folder: Path) -> None:
        self.sandbox = sandbox
        self.dice = random.Random(seed)
        self.environment = {
            **os.environ,
            **sandbox.environment(),
            "CONNECTOR_CONFIG": "",
            "CONNECTOR_STATE_URL": f"sqlite:///{folder / 'state.db'}",
            "CONNECTOR_STAGING_URL": str(folder / "staging"),
            "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.05",
            "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": "0.3",
            "CONNECTOR_RETRY_BASE_SECONDS": "0.05",
            "CONNECTOR_RETRY_MAX_SECONDS": "0.2",
        }
        self._folder = folder

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """The real command, as a user starts it."""
        return subprocess.Popen(
            [sys.executable, "-m", "connector_defs.cli", *words],
            env=self.environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str) -> dict[str, object]:
        """Run a reporting command to its end; returns its JSON."""
        process = self.start(*words, "--json")
        output, errors = process.communicate(timeout=120)
        assert process.returncode in (0, 1), errors.decode()
        found = json.loads(output)
        assert isinstance(found, dict)
        return found

    def count(self, name: str) -> int:
        """How many of these calls either system has seen."""
        return self.sandbox.basware.requests[name] + self.sandbox.syspro.requests[name]

    def kill_amid(self, stage: str) -> None:
        """Start the command and kill it some calls into `stage`; how many, the dice say."""
        wanted = self.count(stage) + self.dice.randint(1, 12)
        process = self.start("sync", "invoices")
        try:
            _until(lambda: self.count(stage) >= wanted or process.poll() is not None)
            assert process.poll() is None, f"the command ended before {wanted} calls of {stage}"
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.kill()
            process.communicate()


def test_kills_amid_a_sync_lose_nothing_and_double_nothing(site: Site) -> None:
    """Faults F1 to F9 and F31 by a real SIGKILL; invariants I1, I2, I4, I5, I6, I7."""
    site.run("sync", "master-data")
    for stage in STAGES:
        site.kill_amid(stage)
    for _ in range(5):
        site.run("sync", "invoices")
        status = site.run("status")
        states = {state for state, number in status["invoices"].items() if number}  # type: ignore[attr-defined]
        if states <= _DONE_OR_WAITING:
            break
    assert states <= _DONE_OR_WAITING
    assert sum(status["invoices"].values()) == len(site.sandbox.world.invoices)  # type: ignore[attr-defined]

    ledger = site.sandbox.syspro.ledger.invoices
    posted = Counter((one.entry.supplier, one.entry.invoice) for one in ledger)
    assert not [key for key, number in posted.items() if number > 1]
    assert len(posted) == status["invoices"]["responded"]  # type: ignore[index]
    assert not site.sandbox.syspro.sessions
    books = site.run("reconcile")
    assert books["clean"], books
    assert site.run("audit", "verify")["ok"]


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.002)
