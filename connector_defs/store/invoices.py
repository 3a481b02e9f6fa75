"""Invoices at rest: taken in once, moved only along legal transitions, each move with its audit event.

A move names the state and version it starts from and, where a lane is involved, the lease it acts under;
if another worker was faster the write touches no row and `LostRace` says so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, func, literal, or_, select, update

from connector_defs.domain.errors import RetryLater
from connector_defs.domain.states import OPEN, State, may_move
from connector_defs.store import audit
from connector_defs.store.leases import Lease, renew
from connector_defs.store.tables import invoice
from connector_defs.store.upsert import insert_missing

SYSTEM = "connector"
# Columns an event does not repeat: the payload is in the row, the intent in the event's own words.
_UNTOLD = frozenset({"payload", "intent"})
_CHUNK = 400
# Namespace of the advisory lock on a company's invoice numbers.
_NUMBERS = 20261
_WITHOUT_PAYLOAD = [
    column if column is not invoice.c.payload else literal("").label("payload") for column in invoice.c
]


class LostRace(RetryLater):
    """Another worker moved this invoice first; our write took no effect."""


@dataclass(frozen=True)
class StoredInvoice:
    """One invoice as the store knows it."""

    company: str
    invoice_id: str
    state: State
    version: int
    code: str
    reason: str
    remedy: str
    payload: str
    payload_digest: str
    document_updated: str
    supplier: str
    number: str
    currency: str
    gross: Decimal | None
    attempts: int
    received_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
    fence: int | None
    fingerprint: str
    reference: str
    voucher: str
    gl_journal: str
    gl_problem: str
    generation: int
    answers: int
    answered_at: datetime | None
    decisions: str
    intent: str
    number_key: str


@dataclass(frozen=True)
class Arrival:
    """An invoice as it came in: its raw payload and the few fields people search by."""

    invoice_id: str
    payload: str
    payload_digest: str
    document_updated: str
    supplier: str
    number: str
    currency: str
    gross: Decimal | None


def insert(
    connection: Connection,
    company: str,
    arrival: Arrival,
    now: datetime,
    *,
    state: State = State.RECEIVED,
    code: str = "",
    reason: str = "",
    remedy: str = "",
) -> bool:
    """Store an invoice never seen before; False where another worker just did."""
    values = {
        **vars(arrival),
        "company": company,
        "state": state.value,
        "version": 1,
        "code": code,
        "reason": reason,
        "remedy": remedy,
        "attempts": 0,
        "received_at": now,
        "updated_at": now,
        "generation": 1,
        "answers": 0,
        "decisions": "{}",
        "intent": "",
        "number_key": "",
    }
    if not insert_missing(connection, invoice, [values]):
        return False
    _record(
        connection, company, arrival.invoice_id, "received", SYSTEM, {"state": state.value, "code": code}, now
    )
    return True


def move(
    connection: Connection,
    current: StoredInvoice,
    new: State,
    now: datetime,
    *,
    actor: str = SYSTEM,
    lease: Lease | None = None,
    changes: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> StoredInvoice:
    """Move `current` to `new`, with its event, in the caller's transaction. Raises LostRace."""
    if not may_move(current.state, new):
        raise ValueError(f"invoice {current.invoice_id}: {current.state} -> {new} is not a legal move")
    if lease is not None:
        renew(connection, lease, now)
    fields: dict[str, Any] = {
        "code": "",
        "reason": "",
        "remedy": "",
        "next_attempt_at": None,
        **(changes or {}),
    }
    if lease is not None:
        fields["fence"] = lease.fence
    moved = connection.execute(
        update(invoice)
        .where(
            invoice.c.company == current.company,
            invoice.c.invoice_id == current.invoice_id,
            invoice.c.version == current.version,
        )
        .values(state=new.value, version=current.version + 1, updated_at=now, **fields)
    )
    if not moved.rowcount:
        raise LostRace(f"invoice {current.invoice_id} was moved by another worker; nothing was written")
    told = {key: value for key, value in fields.items() if value not in ("", None) and key not in _UNTOLD}
    _record(
        connection,
        current.company,
        current.invoice_id,
        f"{current.state}->{new}",
        actor,
        {"state": new.value, **told, **(detail or {})},
        now,
    )
    return replace(current, state=new, version=current.version + 1, updated_at=now, **fields)


def _record(
    connection: Connection,
    company: str,
    invoice_id: str,
    action: str,
    actor: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> None:
    row = connection.execute(
        select(invoice).where(invoice.c.company == company, invoice.c.invoice_id == invoice_id)
    ).one()
    event = audit.Event(
        chain=audit.invoice_chain(row._mapping),
        company=company,
        key=invoice_id,
        action=action,
        actor=actor,
        detail={**detail, "row": audit.row_digest(row._mapping)},
    )
    audit.append(connection, [event], now)


def get(connection: Connection, company: str, invoice_id: str) -> StoredInvoice | None:
    """One invoice, or None."""
    row = connection.execute(
        select(invoice).where(invoice.c.company == company, invoice.c.invoice_id == invoice_id)
    ).first()
    return _stored(row._mapping) if row else None


def get_many(connection: Connection, company: str, invoice_ids: Sequence[str]) -> dict[str, StoredInvoice]:
    """The invoices among `invoice_ids` that the store knows."""
    found = {}
    for start in range(0, len(invoice_ids), _CHUNK):
        part = invoice_ids[start : start + _CHUNK]
        for row in connection.execute(
            select(invoice).where(invoice.c.company == company, invoice.c.invoice_id.in_(part))
        ):
            found[row.invoice_id] = _stored(row._mapping)
    return found


def find(connection: Connection, key: str) -> list[StoredInvoice]:
    """Invoices whose id is or begins with `key`, or whose invoice number is `key`."""
    rows = connection.execute(
        select(invoice)
        .where(or_(invoice.c.invoice_id.startswith(key, autoescape=True), invoice.c.number == key))
        .limit(20)
    )
    return [_stored(row._mapping) for row in rows]


def in_states(
    connection: Connection,
    company: str | None,
    states: Collection[State],
    *,
    due: datetime | None = None,
    limit: int | None = None,
    with_payload: bool = True,
) -> list[StoredInvoice]:
    """Invoices in `states`, oldest first; with `due`, only those whose next attempt is not later.

    Without payloads (they are "") even a long history fits in memory.
    """
    query = select(*(invoice.c if with_payload else _WITHOUT_PAYLOAD)).where(
        invoice.c.state.in_(sorted(states))
    )
    if company is not None:
        query = query.where(invoice.c.company == company)
    if due is not None:
        query = query.where(or_(invoice.c.next_attempt_at.is_(None), invoice.c.next_attempt_at <= due))
    query = query.order_by(invoice.c.received_at, invoice.c.invoice_id)
    if limit is not None:
        query = query.limit(limit)
    return [_stored(row._mapping) for row in connection.execute(query)]


def ids_in_states(
    connection: Connection, company: str, states: Collection[State], *, due: datetime | None = None
) -> list[str]:
    """Ids only, for flows that then work in slices."""
    query = select(invoice.c.invoice_id).where(
        invoice.c.company == company, invoice.c.state.in_(sorted(states))
    )
    if due is not None:
        query = query.where(or_(invoice.c.next_attempt_at.is_(None), invoice.c.next_attempt_at <= due))
    return list(connection.scalars(query.order_by(invoice.c.received_at, invoice.c.invoice_id)))


def due_times(connection: Connection, company: str, states: Collection[State]) -> list[datetime]:
    """When the invoices in `states` that wait for a time are due, the soonest first; at most one is given."""
    query = select(invoice.c.next_attempt_at).where(
        invoice.c.company == company,
        invoice.c.state.in_(sorted(states)),
        invoice.c.next_attempt_at.is_not(None),
    )
    return list(connection.scalars(query.order_by(invoice.c.next_attempt_at).limit(1)))


def same_number(
    connection: Connection, one: StoredInvoice, number_key: str, states: Collection[State]
) -> StoredInvoice | None:
    """Another invoice of the same supplier, in `states` or with a voucher, whose number is the same to a person.

    Of several workers that ask at once, one is let in at a time, until its transaction ends.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_NUMBERS, func.hashtext(one.company))))
    rows = connection.execute(
        select(invoice).where(
            invoice.c.company == one.company,
            invoice.c.supplier == one.supplier,
            invoice.c.number_key == number_key,
            invoice.c.invoice_id != one.invoice_id,
            or_(invoice.c.state.in_(sorted(states)), invoice.c.voucher != ""),
        )
    )
    return next((_stored(row._mapping) for row in rows), None)


def rivals(connection: Connection, one: StoredInvoice, voucher: str) -> list[StoredInvoice]:
    """Other invoices of ours that hold `voucher`, or bear `one`'s supplier and number, in whatever state.

    All of them and `one` itself stay locked until the transaction ends, so that two acts on the same number
    come one after the other.
    """
    same_number = and_(
        invoice.c.supplier == one.supplier,
        func.lower(func.trim(invoice.c.number)) == one.number.strip().lower(),
    )
    rows = connection.execute(
        select(invoice)
        .where(
            invoice.c.company == one.company,
            or_(invoice.c.voucher == voucher, same_number, invoice.c.invoice_id == one.invoice_id),
        )
        .order_by(invoice.c.invoice_id)
        .with_for_update()
    )
    return [_stored(row._mapping) for row in rows if row.invoice_id != one.invoice_id]


def with_gl_problem(connection: Connection, company: str | None) -> list[StoredInvoice]:
    """Invoices whose AP posting stands while SYSPRO's GL journal for it failed, oldest first; without payloads."""
    query = select(*_WITHOUT_PAYLOAD).where(invoice.c.gl_problem != "")
    if company is not None:
        query = query.where(invoice.c.company == company)
    rows = connection.execute(query.order_by(invoice.c.received_at, invoice.c.invoice_id))
    return [_stored(row._mapping) for row in rows]


def references_of_posted(connection: Connection, company: str, number: int = 20) -> list[str]:
    """What SYSPRO keeps as reference of the invoices posted last: our marker, or a text of the site's own."""
    posted = (State.POSTED.value, State.RESPONDED.value)
    query = select(invoice.c.reference).where(
        invoice.c.company == company, invoice.c.state.in_(posted), invoice.c.reference != ""
    )
    return list(connection.scalars(query.order_by(invoice.c.updated_at.desc()).limit(number)))


def holders(connection: Connection, company: str, suppliers: Collection[str]) -> dict[str, str]:
    """Which of our invoices holds which voucher, for the invoices of these suppliers."""
    query = select(invoice.c.voucher, invoice.c.invoice_id).where(
        invoice.c.company == company, invoice.c.supplier.in_(sorted(suppliers)), invoice.c.voucher != ""
    )
    return {row.voucher: row.invoice_id for row in connection.execute(query)}


def posted_of(
    connection: Connection, company: str, suppliers: Sequence[str], *, limit: int
) -> list[StoredInvoice]:
    """The invoices of some suppliers that stand in SYSPRO, newest first."""
    posted = (State.POSTED.value, State.RESPONDED.value)
    found: list[StoredInvoice] = []
    for start in range(0, len(suppliers), _CHUNK):
        query = select(invoice).where(
            invoice.c.company == company,
            invoice.c.state.in_(posted),
            invoice.c.supplier.in_(suppliers[start : start + _CHUNK]),
        )
        query = query.order_by(invoice.c.updated_at.desc(), invoice.c.invoice_id).limit(limit)
        found += [_stored(row._mapping) for row in connection.execute(query)]
    return found[:limit]


def counts(connection: Connection, company: str | None = None) -> dict[str, int]:
    """Number of invoices by state, every state included."""
    query = select(invoice.c.state, func.count()).group_by(invoice.c.state)
    if company is not None:
        query = query.where(invoice.c.company == company)
    found = {row[0]: int(row[1]) for row in connection.execute(query)}
    return {state.value: found.get(state.value, 0) for state in State}


def oldest_open(connection: Connection) -> datetime | None:
    """When the oldest unfinished invoice was received."""
    query = select(invoice.c.received_at).where(invoice.c.state.in_(sorted(OPEN)))
    return connection.scalars(query.order_by(invoice.c.received_at).limit(1)).first()


def _stored(row: Mapping[Any, Any] | Any) -> StoredInvoice:
    values = dict(row)
    return StoredInvoice(**{**values, "state": State(values["state"])})
