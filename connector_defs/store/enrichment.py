"""Differences of suppliers at rest: what Basware tells of a field, what SYSPRO held, and what became of it.

States: proposed (waits for a person), approved (goes with the next run), applying (may have been sent), applied
(read back in SYSPRO), review (nothing can be done before a person looks), rejected (by a person), failed (sent
several times, never seen in SYSPRO), superseded (there is no difference any more).

Every change stands in the chain of its field, and is written only while the lease is ours.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from connector_defs.store import audit
from connector_defs.store.leases import Lease, renew
from connector_defs.store.tables import enrichment
from connector_defs.store.upsert import upsert

SuppliedAt = Literal[
    "proposed", "approved", "applying", "applied", "review", "rejected", "failed", "superseded"
]
# What is still to be dealt with, by us or by a person.
OPEN: frozenset[SuppliedAt] = frozenset({"proposed", "approved", "applying", "review", "failed"})
_CHUNK = 400


@dataclass(frozen=True)
class Enrichment:
    """One field of one supplier. `vendor_updated` is Basware's lastUpdated of the vendor, `decided_by` a person."""

    company: str
    supplier: str
    field: str
    state: SuppliedAt
    before: str
    after: str
    external_code: str
    vendor_updated: str
    code: str
    reason: str
    remedy: str
    decided_by: str
    attempts: int
    found_at: datetime
    updated_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """Supplier and field: what tells it from the others of its company."""
        return self.supplier, self.field


@dataclass(frozen=True)
class Change:
    """A row as it is to stand, and the audit event that tells of it."""

    row: Enrichment
    action: str
    actor: str = "connector"
    detail: Mapping[str, Any] = field(default_factory=dict)


def save(connection: Connection, lease: Lease, changes: Sequence[Change], now: datetime) -> None:
    """Write rows with their events. Raises LeaseLost, and then nothing is written."""
    renew(connection, lease, now)
    rows = [vars(change.row) for change in changes]
    upsert(connection, enrichment, rows)
    audit.append(connection, [_event(change, row) for change, row in zip(changes, rows, strict=True)], now)


def _event(change: Change, row: dict[str, Any]) -> audit.Event:
    told = ("state", "before", "after", "external_code", "vendor_updated", "code", "reason", "attempts")
    return audit.Event(
        chain=audit.enrichment_chain(row),
        company=row["company"],
        key=row["supplier"],
        action=change.action,
        actor=change.actor,
        detail={
            "field": row["field"],
            **{name: row[name] for name in told if row[name]},
            **change.detail,
            "row": audit.row_digest(row),
        },
    )


def of_suppliers(
    connection: Connection, company: str, suppliers: Sequence[str]
) -> dict[tuple[str, str], Enrichment]:
    """What is known of these suppliers, by supplier and field."""
    found = {}
    for start in range(0, len(suppliers), _CHUNK):
        query = select(enrichment).where(
            enrichment.c.company == company, enrichment.c.supplier.in_(suppliers[start : start + _CHUNK])
        )
        for row in connection.execute(query):
            one = Enrichment(**row._mapping)
            found[one.key] = one
    return found


def in_states(
    connection: Connection, states: Collection[str], company: str | None = None
) -> list[Enrichment]:
    """Rows in `states`, by company, supplier and field."""
    query = select(enrichment).where(enrichment.c.state.in_(sorted(states)))
    if company is not None:
        query = query.where(enrichment.c.company == company)
    query = query.order_by(enrichment.c.company, enrichment.c.supplier, enrichment.c.field)
    return [Enrichment(**row._mapping) for row in connection.execute(query)]


def counts(connection: Connection, company: str | None = None) -> dict[str, int]:
    """Number of rows by state; a state without any is left out."""
    query = select(enrichment.c.state, func.count()).group_by(enrichment.c.state)
    if company is not None:
        query = query.where(enrichment.c.company == company)
    return {row[0]: int(row[1]) for row in connection.execute(query)}
