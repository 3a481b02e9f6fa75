"""Small complete things to put into a store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import update

from connector_defs.domain.states import State
from connector_defs.store import invoices, mappings, records
from connector_defs.store.engine import Store
from connector_defs.store.invoices import Arrival, StoredInvoice
from connector_defs.store.leases import LEASE_SECONDS, Leases
from connector_defs.store.records import Record
from connector_defs.store.seal import Seal
from connector_defs.store.tables import lease

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class SetClock:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def arrival(invoice_id: str = "inv-1", **changes: Any) -> Arrival:
    plain = Arrival(
        invoice_id=invoice_id,
        payload='{"invoiceId":"' + invoice_id + '"}',
        payload_digest="d" * 64,
        document_updated="2026-01-31T10:00:00Z",
        supplier="0000001",
        number=f"N-{invoice_id}",
        currency="EUR",
        gross=Decimal("121.00"),
    )
    return replace(plain, **changes)


def take_in(
    store: Store, one: Arrival | None = None, *, company: str = "M1", now: datetime = NOON
) -> StoredInvoice:
    one = one or arrival()
    with store.write() as connection:
        invoices.insert(connection, company, one, now)
    return stored(store, one.invoice_id, company)


def stored(store: Store, invoice_id: str, company: str = "M1") -> StoredInvoice:
    with store.read() as connection:
        found = invoices.get(connection, company, invoice_id)
    assert found is not None
    return found


def move_along(store: Store, current: StoredInvoice, *states: State, now: datetime = NOON) -> StoredInvoice:
    with store.write() as connection:
        for state in states:
            current = invoices.move(connection, current, state, now)
    return current


def add_rule(
    store: Store, account: str = "4000", gl_code: str = "40-4000", cost_center: str = "", **more: Any
) -> None:
    told = {"author": "ann", "reason": "as agreed", "now": NOON, **more}
    with store.write() as connection:
        mappings.add(connection, "M1", account, cost_center, gl_code, **told)


def record(key: str = "0000001", **changes: Any) -> Record:
    plain = Record(
        entity="vendors",
        company="M1",
        key=key,
        external_code=f"code-{key}"[:36],
        parent="",
        hash="h" * 32,
        state="confirmed",
        active=1,
        touches=0,
        request_id="request-1",
        code="",
        reason="",
        updated_at=NOON,
    )
    return replace(plain, **changes)


def save(store: Store, *some: Record, action: str = "confirmed") -> None:
    with store.write() as connection:
        records.save(connection, some, action)


def leases(store: Store, clock: SetClock, seconds: float = LEASE_SECONDS, key: bytes | None = None) -> Leases:
    return Leases(store, clock, seal_under((key or Fernet.generate_key()).decode()), seconds)


def seal_under(*keys: str) -> Seal:
    """A seal under keys that were given."""
    return Seal(lambda: ",".join(keys))


def pretend_owner(store: Store, name: str, owner: str, until: datetime) -> None:
    """Let `owner` hold the lease, as another process would have written it."""
    with store.write() as connection:
        connection.execute(update(lease).where(lease.c.name == name).values(owner=owner, expires_at=until))
