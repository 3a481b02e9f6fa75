"""A site of the proof: both simulated systems, a store of the connector, workers on it, and the judge over all.

Belongs here: setting it up and driving it to rest. Not here: which scenario is driven.
SYSPRO's own check for duplicate numbers is off on every site: nothing but the connector keeps an invoice from
standing twice.
"""

import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector_defs.domain.states import State
from connector_defs.flows import mapping
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.settings import Settings
from connector_defs.store import invoices
from connector_tests.flows.pair import settings_for
from connector_tests.proof.judge import Expected, Judge, Verdict
from connector_tests.proof.kinds import ACCOUNTS, HEADER_TAX, MAPPED, WORLD, Bill, Desk
from connector_tests.proof.workers import Order, Worker, in_the_clear

SECOND_OPERATOR = {"operator": "INTEG2", "operator_password": "second-lane"}
_TIMING = {
    "http_timeout_seconds": 10,
    "retry_base_seconds": 0.01,
    "retry_max_seconds": 0.05,
    # Longer than any late commit of the proof, with room for a machine that is busy.
    "uncertain_quarantine_seconds": 0.6,
    "linger_seconds": 5,
}
_UNDER_WAY = (
    State.RECEIVED,
    State.READY,
    State.ACKNOWLEDGED,
    State.POSTING,
    State.UNCERTAIN,
    State.POSTED,
)


class NeverAtRest(Exception):
    """Invoices are still under way after more runs than any outage explains."""


class ProofSite:
    """Everything one scenario works with."""

    def __init__(self, sandbox: Sandbox, connector: Connector, folder: Path, name: str, seed: int) -> None:
        self.sandbox = sandbox
        self.connector = connector
        self.folder = folder
        self.judge = Judge(sandbox, connector)
        self.desk = Desk(name, seed)
        self.approved = 0
        self.paid: list[str] = []
        # Supplier -> payment term and tax id that people gave it in Basware, and how often they did.
        self.enriched: dict[str, tuple[str, str]] = {}
        self.serial = 0
        self._expected: list[Expected] = []
        self._unmapped: dict[str, list[Expected]] = {}
        self._settings = in_the_clear(connector.settings)

    def approve(self, bills: Sequence[Bill], *, unmapped: str = "") -> None:
        """Approve invoices in Basware; they wait while the account `unmapped` has no mapping."""
        self.approved += len(bills)
        expected = self._unmapped.setdefault(unmapped, []) if unmapped else self._expected
        for bill in bills:
            self.sandbox.basware.approve(bill.document)
            expected.append(bill.expected)

    @property
    def expected(self) -> list[Expected]:
        """What must have become of every invoice by now."""
        waiting = [replace(one, ledger=None) for group in self._unmapped.values() for one in group]
        return [*self._expected, *waiting]

    def order(self, **fields: Any) -> Order:
        """An order for a worker on this site."""
        return replace(Order(self._settings), **fields)

    def work(self, **fields: Any) -> bool:
        """One worker from start to end; True where it was killed."""
        return Worker(self.order(**fields)).end()

    def map(self, account: str, gl_code: str = ACCOUNTS[0]) -> None:
        """Set a mapping, as an accountant does."""
        company = self.connector.companies[0].syspro_company
        mapping.set_rule(self.connector, company, account, None, gl_code, actor="ap", reason="proof")
        self.mapped(account)

    def mapped(self, account: str) -> None:
        """The account has a mapping now: its invoices must be posted."""
        self._expected += self._unmapped.pop(account, [])

    def counts(self) -> Mapping[str, int]:
        """Invoices by state."""
        with self.connector.store.read() as connection:
            return invoices.counts(connection)

    @property
    def at_rest(self) -> bool:
        """True where every approved invoice is taken in and none is under way."""
        counts = self.counts()
        return sum(counts.values()) >= self.approved and not any(counts[state] for state in _UNDER_WAY)

    def drain(self, runs: int = 12) -> int:
        """Workers one after the other until all is at rest; returns how many it took. Raises NeverAtRest."""
        for number in range(1, runs + 1):
            self.work()
            if self.at_rest:
                return number
        open_now = {state: number for state, number in self.counts().items() if number}
        raise NeverAtRest(f"after {runs} runs: {open_now}")

    def verdict(self) -> Verdict:
        """The judge's word on all that ever happened on this site."""
        return self.judge.at_rest(self.expected)


@contextmanager
def open_site(
    name: str,
    seed: int,
    *,
    faults: FaultPlan | None = None,
    state_url: str = "",
    two_operators: bool = False,
    processing_seconds: float = 0.0,
    timing: Mapping[str, float] | None = None,
    posting: Mapping[str, object] | None = None,
) -> Iterator[ProofSite]:
    """A site of its own, gone at the end. `name` begins the invoice numbers."""
    options = SysproOptions(
        duplicate_check=False,
        other_operators={SECOND_OPERATOR["operator"]: SECOND_OPERATOR["operator_password"]},
    )
    with tempfile.TemporaryDirectory(prefix="connector-proof-") as place:
        folder = Path(place)
        with Sandbox(
            WORLD, faults=faults, syspro_options=options, processing_seconds=processing_seconds
        ) as sandbox:
            sandbox.syspro.ledger.tables["AdmTax"].update((HEADER_TAX.ljust(3),), {"ApTaxGlCode": ""})
            settings = _settings(sandbox, folder, state_url, two_operators, timing or {}, posting or {})
            with open_connector(settings) as connector:
                site = ProofSite(sandbox, connector, folder, name, seed)
                for account in MAPPED:
                    site.map(account, account)
                yield site


def _settings(
    sandbox: Sandbox,
    folder: Path,
    state_url: str,
    two_operators: bool,
    timing: Mapping[str, float],
    posting: Mapping[str, object],
) -> Settings:
    # Extracts are looked for at every turn, in a build that knows them.
    intake = {"data_extracts": True, "extract_hours": 0} if "intake" in Settings.model_fields else None
    return settings_for(
        sandbox,
        folder,
        **({"intake": intake} if intake else {}),
        timing={**_TIMING, **timing},
        posting={"batch_size": 8, **posting},
        enrichment={"apply": "automatic", "full_list_hours": 0},
        company={"extra_operators": [SECOND_OPERATOR] if two_operators else []},
        storage={"state_url": state_url} if state_url else {},
    )


def wait_until(condition: Any, seconds: float = 60.0) -> bool:
    """True as soon as the condition holds, False where it never does in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def dice(seed: int, *names: object) -> random.Random:
    """Dice of their own for every scenario, so that one may be thrown again alone."""
    return random.Random(":".join(map(str, (seed, *names))))
