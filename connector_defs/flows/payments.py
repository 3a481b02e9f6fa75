"""Payments back: what changed in SYSPRO's payments of answered invoices is found, planned and told to Basware.

Which invoices are looked at follows from data alone: those with a payment in the staged window, those never looked
at since they were answered, and those that are not settled. How far the payments are read moves on in the very
transaction that makes the last of their consequences durable.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from itertools import islice

from connector_defs.domain.errors import RecordRefused
from connector_defs.domain.invoices import key_of_number
from connector_defs.domain.payments import PaymentState
from connector_defs.domain.states import State
from connector_defs.flows.payment_answers import PaymentTeller
from connector_defs.flows.payment_changes import decide
from connector_defs.flows.payment_ledger import LedgerKey, PaidSoFar, PaymentReader, ledger_key
from connector_defs.flows.reports import DateWindow, PaymentRunReport, Problem, ToldPayment
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices, payments
from connector_defs.store.leases import Lease, LeaseTaken
from connector_defs.store.payments import Answered, Change, Payment

ENTITY = "paymentResponses"
STAGED_TABLE = "invoice_payments"

_BATCH = 200
_KEYS_AT_A_TIME = 5_000
_PAUSE_SECONDS = 0.2

_NEWS = """
SELECT DISTINCT Supplier, Invoice FROM invoice_payments WHERE Supplier IS NOT NULL AND Invoice IS NOT NULL
"""
_EXTENT = "SELECT count(*), max(JournalDate) FROM invoice_payments"


def run_payments(
    connector: Connector, company: CompanySettings, window: DateWindow, *, again: bool = False
) -> PaymentRunReport:
    """Tell Basware what changed, from the payments staged for the window's last day.

    With `again`, refused payments are told once more without waiting for their time.
    """
    return _Run(connector, company, window.last, again=again).run()


class _Run:
    def __init__(self, connector: Connector, company: CompanySettings, day: date, *, again: bool) -> None:
        self._connector = connector
        self._company = company
        self._day = day
        self._again = again
        self._rows = self._examined = self._changed = 0
        self._told: list[Payment] = []
        self._outages: list[Problem] = []

    def run(self) -> PaymentRunReport:
        started = time.monotonic()
        calls_before = self._connector.basware.calls.total()
        notes: list[Problem] = []
        try:
            with self._connector.leases.hold(f"payments/{self._company.syspro_company}") as lease:
                self._work(lease)
        except LeaseTaken as taken:
            notes.append(
                self._problem("lease", "LANE_TAKEN", str(taken), "nothing to do: the other run tells them")
            )
        return self._report(started, calls_before, notes)

    def _work(self, lease: Lease) -> None:
        """What an earlier run left comes first: a response under way must be known before a newer one is planned."""
        earlier = PaymentTeller(self._connector, self._company, lease)
        earlier.confirm()
        earlier.tell()
        self._plan_all(lease)
        teller = PaymentTeller(self._connector, self._company, lease)
        if not earlier.outage:
            teller.tell()
            self._await(teller)
        self._told = [*earlier.told, *teller.told]
        away = earlier.outage or teller.outage
        if away:
            self._outages.append(
                self._problem("Basware", "BASWARE_AWAY", away, "nothing to do: the next run goes on here")
            )

    def _await(self, teller: PaymentTeller) -> None:
        """Ask what became of the told ones, for as long as a run may stay; the next run asks for the rest."""
        timing = self._connector.settings.timing
        deadline = time.monotonic() + timing.linger_seconds
        pause = _PAUSE_SECONDS
        while teller.confirm() and time.monotonic() + pause < deadline:
            self._connector.clock.wait(pause)
            pause = min(2 * pause, max(timing.request_status_poll_seconds, _PAUSE_SECONDS))

    def _plan_all(self, lease: Lease) -> None:
        """Look at every invoice there may be news of, and make what changed durable, batch by batch."""
        news, newest = self._staged()
        reader = PaymentReader(self._connector, self._company)
        wanted = iter(self._wanted(news))
        batch = list(islice(wanted, _BATCH))
        while True:
            following = list(islice(wanted, _BATCH))
            changes = self._decide(batch, reader.read(batch)) if batch else []
            if any(change.action for change in changes):
                reach("payment.planned")
            now = self._now()
            with self._connector.store.write() as connection:
                payments.save(connection, lease, changes, now)
                if not following and newest is not None:
                    payments.remember_read(connection, self._company.syspro_company, newest, now)
            if not following:
                return
            batch = following

    def _staged(self) -> tuple[set[LedgerKey], date | None]:
        """Keys of the invoices with a staged payment, and the date up to which payments are read with these, if any."""
        company = self._company.syspro_company
        keys: set[LedgerKey] = set()
        with self._connector.staging.partition((STAGED_TABLE,), company, self._day) as staged:
            counted = staged.execute(_EXTENT).fetchone()
            self._rows, newest = counted or (0, None)
            found = staged.execute(_NEWS)
            while part := found.fetchmany(_KEYS_AT_A_TIME):
                keys.update(ledger_key(supplier, number) for supplier, number in part)
        reading = self._connector.staging.reading(STAGED_TABLE, company, self._day)
        if newest is None or reading.since is None:
            # A day that is over was read by itself: what was paid before it may be unread.
            return keys, None
        # A date typed ahead must not hide the payments of the days until then.
        return keys, min(newest, self._day)

    def _wanted(self, news: set[LedgerKey]) -> list[Answered]:
        with self._connector.store.read() as connection:
            return [
                one
                for one in payments.answered_invoices(connection, self._company.syspro_company)
                if one.needs_a_look or ledger_key(one.supplier, one.number) in news
            ]

    def _decide(self, batch: Sequence[Answered], found: dict[str, PaidSoFar | RecordRefused]) -> list[Change]:
        changes = []
        for one in batch:
            self._examined += 1
            change = decide(
                one,
                found[one.invoice_id],
                self._now(),
                again=self._again,
                is_alone=partial(self._is_alone, one),
            )
            if change is None and one.payment is not None and one.payment.updated_at < one.moved_at:
                change = Change(replace(one.payment, updated_at=self._now()))
            if change is not None:
                changes.append(change)
                self._changed += change.payment.state == "planned"
        return changes

    def _is_alone(self, one: Answered) -> bool:
        """Whether no other invoice of ours stands for the same posting in SYSPRO."""
        with self._connector.store.read() as connection:
            stored = invoices.get(connection, one.company, one.invoice_id)
            assert stored is not None  # noqa: S101 - an invoice is never deleted  # nosec B101
            key = stored.number_key or key_of_number(stored.number)
            return invoices.same_number(connection, stored, key, {State.POSTED, State.RESPONDED}) is None

    def _report(self, started: float, calls_before: int, notes: Sequence[Problem]) -> PaymentRunReport:
        company = self._company.syspro_company
        with self._connector.store.read() as connection:
            # Unsettled ones are few; the others are counted only.
            open_ones = payments.in_states(connection, {"planned", "answered", "refused", "unclear"}, company)
            confirmed = payments.counts(connection, company).get("confirmed", 0)
            stored = invoices.get_many(
                connection, company, [one.invoice_id for one in (*self._told, *open_ones)]
            )
        state_count = {
            state: sum(one.state == state for one in open_ones)
            for state in ("planned", "answered", "refused", "unclear")
        }
        return PaymentRunReport(
            company=company,
            rows=self._rows,
            examined=self._examined,
            changed=self._changed,
            told=len(self._told),
            confirmed=confirmed,
            pending=state_count["planned"] + state_count["answered"],
            refused=state_count["refused"],
            unclear=state_count["unclear"],
            basware_requests=self._connector.basware.calls.total() - calls_before,
            seconds=time.monotonic() - started,
            payments=tuple(_told_payment(one, stored[one.invoice_id]) for one in self._told),
            outages=tuple(self._outages),
            problems=(
                *notes,
                *self._outages,
                *(payment_problem(one, stored[one.invoice_id].number) for one in open_ones if one.code),
            ),
        )

    def _problem(self, key: str, code: str, reason: str, remedy: str) -> Problem:
        return Problem(self._company.syspro_company, ENTITY, key, code, reason, remedy)

    def _now(self) -> datetime:
        return self._connector.clock.now()


def payment_problem(one: Payment, invoice_number: str) -> Problem:
    """A payment that could not be told, for the reports."""
    return Problem(one.company, ENTITY, invoice_number or one.invoice_id, one.code, one.reason, one.remedy)


def _told_payment(one: Payment, stored: invoices.StoredInvoice) -> ToldPayment:
    state = PaymentState.of_text(one.facts)
    return ToldPayment(
        company=one.company,
        supplier=stored.supplier,
        invoice_number=stored.number,
        invoice_id=one.invoice_id,
        paid_total=state.paid_total,
        gross=stored.gross,
        currency=stored.currency,
        cash_discount=state.cash_discount,
        payment_date=state.payment_date,
        generation=one.generation,
    )
