"""The model: any sequence of what can happen to invoices, thrown by Hypothesis against both simulators.

Invoices are approved, edited, withdrawn and transferred again, mappings and periods change, people work in the
queue, time passes, calls fail, and the worker dies. After every run the judge looks; at the end all is put right
that people can put right, and every invoice must have come out as approved. A failing run prints the shortest
sequence that fails, and how to repeat it.

The worker of the model lives in this process: it dies by an exception that nothing may outlive (`Life`).
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from connector_defs import points
from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.states import State
from connector_defs.flows import mapping, queue
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.sandbox.faults import FAULTS
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import invoices
from connector_defs.store.engine import Store
from connector_defs.store.invoices import StoredInvoice
from connector_defs.store.schema import upgrade
from connector_tests.flows.pair import LeapingClock, settings_for
from connector_tests.proof.crash import of_the_invoices
from connector_tests.proof.judge import Judge
from connector_tests.proof.kinds import (
    ACCOUNTS,
    HEADER_TAX,
    KINDS,
    MAPPED,
    PLAIN,
    WORLD,
    Bill,
    Desk,
    held,
    in_syspro,
)

_HOUR = 3600.0
# Which of those there are. Not drawn from them: threads race, and Hypothesis must see the same choices each time.
_PICK = st.integers(0, 9)
_SITES = (
    *("syspro.logon", "syspro.logoff", "syspro.transaction", "syspro.odata"),
    *("basware.token", "basware.documents", "basware.link", "basware.acknowledge", "basware.responses"),
)
# Every fault at every place where the flow of invoices may meet it.
_FAULTS = [(fault, site) for fault, kind in FAULTS.items() for site in kind.sites if site in _SITES]
_KINDS = [kind for kind in KINDS if kind.name not in ("duplicate number", "long text, large document")]
# Made anew for every sequence, so as small as it can be.
_SMALL = replace(WORLD, orders=60, lines=300)
_LATE_SECONDS = 0.03
_RUNS_TO_REST = 15


class Died(BaseException):
    """The worker of the model has died."""


class Life:
    """The life of the model's worker: once it is over, no call and no transaction of it begins any more."""

    def __init__(self) -> None:
        self.over = False

    def end(self) -> None:
        """Die, as SIGKILL would have it."""
        self.over = True
        raise Died

    def go_on(self) -> None:
        """Raise where there is no life any more."""
        if self.over:
            raise Died

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Every door to the outside opens only to the living."""
        send, write, read = httpx.HTTPTransport.handle_request, Store.write, Store.read

        def guarded_send(transport: Any, request: Any) -> Any:
            self.go_on()
            return send(transport, request)

        def guarded_write(store: Any) -> Any:
            self.go_on()
            return write(store)

        def guarded_read(store: Any) -> Any:
            self.go_on()
            return read(store)

        with (
            mock.patch.object(httpx.HTTPTransport, "handle_request", guarded_send),
            mock.patch.object(Store, "write", guarded_write),
            mock.patch.object(Store, "read", guarded_read),
        ):
            yield


class OutlastingClock(LeapingClock):
    """Waiting leaps, but never ahead of what SYSPRO has still under way: so does a real quarantine."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox

    def wait(self, seconds: float) -> None:
        """Let SYSPRO finish, then leap."""
        self._sandbox.syspro.settle()
        super().wait(seconds)


@dataclass
class _Approved:
    """What the model knows of one invoice; `free` where it did what no expectation covers any more."""

    bill: Bill
    free: bool = False


# What all runs of the model together came to, for the table.
COUNTED: Counter[str] = Counter()


class InvoiceModel(RuleBasedStateMachine):
    """One connector beside one sandbox, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="connector-model-")))
        shutil.copy(_empty_store(), folder / "state.db")
        self.sandbox = self._open.enter_context(
            Sandbox(_SMALL, processing_seconds=0.0, syspro_options=SysproOptions(duplicate_check=False))
        )
        self.sandbox.syspro.ledger.tables["AdmTax"].update((HEADER_TAX.ljust(3),), {"ApTaxGlCode": ""})
        self.clock = OutlastingClock(self.sandbox)
        self.settings = settings_for(self.sandbox, folder, posting={"batch_size": 3})
        self.life = Life()
        self._open.enter_context(self.life.guarding())
        self.desk = Desk("MOD", 0, _SMALL)
        self.desk.account_to_map = "NEW-1"
        self.approved: dict[str, _Approved] = {}
        self.mapped: set[str] = set()
        self.faulty = False
        self._connect()
        COUNTED["examples"] += 1

    # What happens outside

    @initialize()
    def map_the_usual_accounts(self) -> None:
        for account in MAPPED:
            self._map(account, account)

    @rule(kind=st.sampled_from(_KINDS), number=st.integers(1, 3))
    def approve(self, kind: Any, number: int) -> None:
        for _ in range(number):
            for bill in kind.write(self.desk):
                self.sandbox.basware.approve(bill.document)
                self.approved[bill.expected.invoice_id] = _Approved(bill)
                COUNTED["invoices"] += 1

    @rule(pick=_PICK, cents=st.integers(1, 500))
    def edit(self, pick: int, cents: int) -> None:
        """A clerk corrects an amount while the invoice waits for transfer."""
        invoice_id = self._one(pick, "WaitingForTransfer")
        if invoice_id is None:
            return
        document = dict(self.sandbox.basware.documents[invoice_id])
        more = Decimal(cents).scaleb(-2)
        first, *others = document["codingRows"]
        first = {**first, "netTotal": first["netTotal"] + more, "grossTotal": first["grossTotal"] + more}
        changes = {
            "codingRows": [first, *others],
            "netSum": document["netSum"] + more,
            "grossSum": document["grossSum"] + more,
        }
        self.sandbox.basware.change(invoice_id, changes)
        known = self.approved[invoice_id]
        if known.bill.expected.ledger is None or first.get("goodsReceiptNumber"):
            known.free = True
        known.free = known.free or self._touched_syspro(invoice_id)
        document |= changes
        renamed = dict.fromkeys(("NEW-1",), ACCOUNTS[0])
        known.bill = Bill(document, in_syspro(document, renamed))

    @rule(pick=_PICK)
    def withdraw(self, pick: int) -> None:
        """P2P takes the invoice back: it must not be posted any more."""
        invoice_id = self._one(pick, "WaitingForTransfer")
        if invoice_id is None:
            return
        self.sandbox.basware.withdraw(invoice_id)
        known = self.approved[invoice_id]
        known.free = known.free or self._touched_syspro(invoice_id)
        known.bill = held(known.bill)

    @rule(pick=_PICK)
    def transfer_again(self, pick: int) -> None:
        """A user transfers a posted invoice once more: it must get its first voucher back."""
        invoice_id = self._one(pick, "Transferred")
        if invoice_id is not None:
            self.sandbox.basware.retransfer(invoice_id)

    @rule(is_open=st.booleans())
    def turn_period(self, is_open: bool) -> None:
        self._set_period(is_open=is_open)

    @rule()
    def map_the_new_account(self) -> None:
        self._map("NEW-1", ACCOUNTS[0])

    @rule(hours=st.floats(0.1, 48))
    def time_passes(self, hours: float) -> None:
        self.clock.wait(hours * _HOUR)

    @rule(fault=st.sampled_from(_FAULTS), times=st.integers(1, 3))
    def a_fault_is_due(self, fault: tuple[str, str], times: int) -> None:
        name, site = fault
        seconds = _LATE_SECONDS if name in ("late_commit", "latency") else 0.0
        self.sandbox.faults.arm(name, times, site, seconds=seconds)
        self.faulty = True

    @rule()
    def the_network_is_sound_again(self) -> None:
        self.sandbox.faults.disarm()
        self.faulty = False

    # What the connector and its people do

    @rule()
    def run(self) -> None:
        COUNTED["runs"] += 1
        undisturbed = not self.faulty
        self._run_invoices()
        self._judge()
        if undisturbed:
            assert self.sandbox.syspro.sessions == (), "I6: a session is open after an undisturbed run"

    # There is always something on its way for the worker to die over.
    @rule(point=st.sampled_from(of_the_invoices()), arrivals=st.integers(1, 4))
    def die_in_a_run(self, point: str, arrivals: int) -> None:
        COUNTED["runs"] += 1
        self.approve(PLAIN, 2)
        points.arm(point, arrivals, self.life.end)
        try:
            self._run_invoices()
        except Died:
            COUNTED["crashes"] += 1
            COUNTED[f"at {point}"] += 1
            self._begin_a_new_life()
        finally:
            points.disarm()
        self._judge()

    @rule(pick=_PICK, act=st.sampled_from(("retry", "release", "reject")))
    def a_person_works_in_the_queue(self, pick: int, act: str) -> None:
        waiting = [] if self.faulty else self._waiting()
        if not waiting:
            return
        stored = waiting[pick % len(waiting)]
        try:
            getattr(queue, act)(self.connector, stored.invoice_id, actor="ap", reason="model")
        except ConnectorError:
            return
        if act == "reject":
            known = self.approved[stored.invoice_id]
            known.bill = held(known.bill)

    def teardown(self) -> None:
        """Everything is put right that people can put right; then every invoice must have come out as approved."""
        try:
            self._put_right()
            expected = [one.bill.expected for one in self.approved.values() if not one.free]
            edited = any(one.free for one in self.approved.values())
            verdict = Judge(self.sandbox, self.connector).at_rest(expected, differences=edited)
            assert verdict.clean, str(verdict)
        finally:
            self._open.close()
            super().teardown()

    def _put_right(self) -> None:
        self.the_network_is_sound_again()
        self._set_period(is_open=True)
        self._map("NEW-1", ACCOUNTS[0])
        for number in range(_RUNS_TO_REST):
            self.clock.wait(_HOUR)
            run_invoices(self.connector, self.connector.companies[0])
            if number < _RUNS_TO_REST // 2:
                for stored in self._waiting():
                    if not stored.voucher:
                        queue.retry(self.connector, stored.invoice_id, actor="ap", reason="put right")
            elif not self._under_way():
                return
        raise AssertionError(
            f"never at rest: {[(one.number, one.state, one.reason) for one in self._under_way()]}"
        )

    # How the rules look and act

    def _run_invoices(self) -> None:
        """A run may give up where a fault strikes twice, as at a token that is refused afresh: the next one comes."""
        try:
            run_invoices(self.connector, self.connector.companies[0])
        except ConnectorError:
            COUNTED["runs given up"] += 1
            if not self.faulty:
                raise

    def _connect(self) -> None:
        self.connector: Connector = self._open.enter_context(open_connector(self.settings, self.clock))

    def _begin_a_new_life(self) -> None:
        self.life.over = False
        self.connector.close()
        # The lease of a process that still exists runs out only with time.
        self.clock.wait(_HOUR)
        self._connect()

    def _judge(self) -> None:
        verdict = Judge(self.sandbox, self.connector).at_any_time()
        assert verdict.clean, str(verdict)

    def _map(self, account: str, gl_code: str) -> None:
        if account not in self.mapped:
            self.mapped.add(account)
            company = self.connector.companies[0].syspro_company
            mapping.set_rule(self.connector, company, account, None, gl_code, actor="ap", reason="model")

    def _set_period(self, *, is_open: bool) -> None:
        syspro = self.sandbox.syspro
        with syspro.lock:
            period = syspro.periods.relative("C")
            assert period is not None
            syspro.periods.set_open(period, is_open=is_open)

    def _with_status(self, status: str) -> list[str]:
        documents: Mapping[str, Mapping[str, Any]] = self.sandbox.basware.documents
        return [one for one, document in documents.items() if document["processingStatus"] == status]

    def _one(self, pick: int, status: str) -> str | None:
        found = self._with_status(status)
        return found[pick % len(found)] if found else None

    def _touched_syspro(self, invoice_id: str) -> bool:
        """True where the invoice stands in SYSPRO, or may be on its way there."""
        self.sandbox.syspro.settle()
        with self.connector.store.read() as connection:
            stored = invoices.get(connection, self.connector.companies[0].syspro_company, invoice_id)
        return stored is not None and bool(stored.fingerprint or stored.voucher)

    def _held(self, *states: State) -> list[StoredInvoice]:
        with self.connector.store.read() as connection:
            return invoices.in_states(connection, None, states, with_payload=False)

    def _waiting(self) -> list[StoredInvoice]:
        return self._held(State.NEEDS_REVIEW, State.NEEDS_MAPPING, State.DEAD)

    def _under_way(self) -> list[StoredInvoice]:
        return self._held(
            State.RECEIVED, State.READY, State.ACKNOWLEDGED, State.POSTING, State.UNCERTAIN, State.POSTED
        )


@cache
def _template() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="connector-model-")
    upgrade(f"sqlite:///{folder.name}/state.db")
    return folder


def _empty_store() -> Path:
    """A store that holds nothing yet, made once and copied for each sequence."""
    return Path(_template().name, "state.db")
