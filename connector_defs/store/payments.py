"""Payments at rest: what Basware was told about how far each invoice is paid, and what it is to be told.

States: unpaid (looked at, nothing to tell), planned (a change is known and not yet told), answered (Basware took
it, the outcome is open), confirmed, refused (by Basware; tried again later), unclear (SYSPRO's rows can be read in
more than one way).

Every change stands in the invoice's own audit chain, and is written only while the lease is ours.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, select

from connector_defs.domain.intents import CREDIT, Intent
from connector_defs.domain.invoices import JOURNAL
from connector_defs.domain.states import State
from connector_defs.store import audit
from connector_defs.store.leases import Lease, renew
from connector_defs.store.tables import invoice, payment, payment_cursor
from connector_defs.store.upsert import upsert

PaymentAt = Literal["unpaid", "planned", "answered", "confirmed", "refused", "unclear"]
# Looked at only when SYSPRO has news of them; all others are looked at in every run.
SETTLED: frozenset[str] = frozenset({"unpaid", "confirmed"})
_CHUNK = 400


@dataclass(frozen=True)
class Payment:
    """The payment of one invoice. `digest`, `facts` and `paid_total` are of its newest generation.

    `facts` is the state of payment as text, `body` the payment response exactly as it is sent, "" until it is about
    to be. The `told_…` fields are what Basware took last. `entries` is how many rows of SYSPRO's this rests on.
    """

    company: str
    invoice_id: str
    state: PaymentAt
    generation: int
    digest: str
    facts: str
    paid_total: Decimal | None
    entries: int
    external_code: str
    body: str
    attempts: int
    told_digest: str
    told_total: Decimal | None
    told_code: str
    request_id: str
    client_request_id: str
    code: str
    reason: str
    remedy: str
    updated_at: datetime


@dataclass(frozen=True)
class Answered:
    """An invoice Basware has its voucher of, so that its payment may be told.

    `payment` is None before its first look; `moved_at` is when the invoice came to its state.
    """

    company: str
    invoice_id: str
    supplier: str
    number: str
    currency: str
    gross: Decimal | None
    moved_at: datetime
    payment: Payment | None

    @property
    def needs_a_look(self) -> bool:
        """True where its payment is not settled, or was last looked at before it was answered once more."""
        known = self.payment
        return known is None or known.state not in SETTLED or known.updated_at < self.moved_at


@dataclass(frozen=True)
class Change:
    """A payment as it is to stand, and the audit event that tells of it; without an action none is written."""

    payment: Payment
    action: str = ""
    detail: dict[str, Any] | None = None


def save(connection: Connection, lease: Lease, changes: Sequence[Change], now: datetime) -> None:
    """Write payments with their events. Raises LeaseLost, and then nothing is written."""
    renew(connection, lease, now)
    upsert(connection, payment, [vars(change.payment) for change in changes])
    events = []
    for change in changes:
        if not change.action:
            continue
        one = change.payment
        # Locked, so that the invoice cannot move between its digest and the event that holds it.
        row = connection.execute(_the_invoice(one.company, one.invoice_id).with_for_update()).one()
        told = {name: value for name, value in (change.detail or {}).items() if value not in ("", None)}
        events.append(
            audit.Event(
                chain=audit.invoice_chain(row._mapping),
                company=one.company,
                key=one.invoice_id,
                action=change.action,
                actor="connector",
                detail={"payment": one.state, **told, "row": audit.row_digest(row._mapping)},
            )
        )
    audit.append(connection, events, now)


def may_be_told(connection: Connection, one: Payment) -> bool:
    """True while Basware holds the invoice's voucher; the invoice keeps its state until this transaction ends."""
    row = connection.execute(_the_invoice(one.company, one.invoice_id).with_for_update()).one()
    return bool(row.state == State.RESPONDED.value)


def _the_invoice(company: str, invoice_id: str) -> Any:
    return select(invoice).where(invoice.c.company == company, invoice.c.invoice_id == invoice_id)


def answered_invoices(connection: Connection, company: str) -> Iterator[Answered]:
    """Every responded invoice with its payment, under the number it has in SYSPRO, as a stream, oldest first."""
    query = (
        select(
            invoice.c.company.label("of_company"),
            invoice.c.invoice_id.label("of_invoice"),
            invoice.c.supplier,
            invoice.c.number,
            invoice.c.currency,
            invoice.c.gross,
            invoice.c.intent,
            invoice.c.updated_at.label("moved_at"),
            payment,
        )
        .select_from(
            invoice.outerjoin(
                payment,
                and_(
                    payment.c.company == invoice.c.company,
                    payment.c.invoice_id == invoice.c.invoice_id,
                ),
            )
        )
        .where(invoice.c.company == company, invoice.c.state == State.RESPONDED.value)
        .order_by(invoice.c.received_at, invoice.c.invoice_id)
    )
    for row in connection.execution_options(yield_per=1_000).execute(query):
        intent = Intent.read(row.intent)
        if intent is not None and (intent.mode == JOURNAL or intent.kind == CREDIT):
            # Neither a journal nor a credit on another invoice is ever paid by itself.
            continue
        values = {column.name: row._mapping[column] for column in payment.c}
        yield Answered(
            row.of_company,
            row.of_invoice,
            row.supplier,
            intent.number if intent else row.number,
            row.currency,
            row.gross,
            row.moved_at,
            None if values["invoice_id"] is None else Payment(**values),
        )


def in_states(connection: Connection, states: Collection[str], company: str | None = None) -> list[Payment]:
    """Payments in `states`, in the order of their invoices' ids."""
    query = select(payment).where(payment.c.state.in_(sorted(states)))
    if company is not None:
        query = query.where(payment.c.company == company)
    query = query.order_by(payment.c.company, payment.c.invoice_id)
    return [Payment(**row._mapping) for row in connection.execute(query)]


def get_many(connection: Connection, company: str, invoice_ids: Sequence[str]) -> dict[str, Payment]:
    """The payments known among `invoice_ids`."""
    found = {}
    for start in range(0, len(invoice_ids), _CHUNK):
        part = invoice_ids[start : start + _CHUNK]
        query = select(payment).where(payment.c.company == company, payment.c.invoice_id.in_(part))
        for row in connection.execute(query):
            found[row.invoice_id] = Payment(**row._mapping)
    return found


def counts(connection: Connection, company: str | None = None) -> dict[str, int]:
    """Number of payments by state; a state without any is left out."""
    query = select(payment.c.state, func.count()).group_by(payment.c.state)
    if company is not None:
        query = query.where(payment.c.company == company)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def read_until(connection: Connection, company: str) -> date | None:
    """The largest JournalDate read so far; None before the first reading."""
    query = select(payment_cursor.c.journal_date).where(payment_cursor.c.company == company)
    found = connection.scalar(query)
    return None if found is None else date.fromisoformat(found)


def remember_read(connection: Connection, company: str, journal_date: date, now: datetime) -> None:
    """Payments are read up to this JournalDate; an earlier one than is remembered changes nothing."""
    known = read_until(connection, company)
    if known is None or journal_date > known:
        row = {"company": company, "journal_date": journal_date.isoformat(), "updated_at": now}
        upsert(connection, payment_cursor, [row])


def first_received(connection: Connection, company: str) -> datetime | None:
    """When the first invoice was received whose payment may be told."""
    query = select(func.min(invoice.c.received_at)).where(
        invoice.c.company == company, invoice.c.state == State.RESPONDED.value
    )
    found: datetime | None = connection.scalar(query)
    return found
