"""Data extracts at rest: which were met, how much of each is durable here, and which Basware was told about.

States: open (being taken in), refused (cannot be taken in as it is; tried again later), taken (all of it is
durable here), acknowledged (Basware was told so).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select

from connector_defs.store import audit
from connector_defs.store.cursors import TENANT
from connector_defs.store.tables import data_extract
from connector_defs.store.upsert import upsert

ExtractState = Literal["open", "refused", "taken", "acknowledged"]


@dataclass(frozen=True)
class StoredExtract:
    """One extract. `taken` rows of it, counted over its files in the order of their names, need no second look."""

    id: str
    state: ExtractState
    rows: int
    taken: int
    columns: str
    reason: str
    noted_at: datetime


def get(connection: Connection, extract_id: str) -> StoredExtract | None:
    """One extract, or None where it was never met."""
    row = connection.execute(select(data_extract).where(data_extract.c.id == extract_id)).first()
    return StoredExtract(**row._mapping) if row else None


def in_state(connection: Connection, state: ExtractState) -> list[StoredExtract]:
    """The extracts in `state`, oldest first."""
    query = select(data_extract).where(data_extract.c.state == state)
    rows = connection.execute(query.order_by(data_extract.c.noted_at, data_extract.c.id))
    return [StoredExtract(**row._mapping) for row in rows]


def latest_columns(connection: Connection) -> str:
    """The table as it was defined for the extract taken in last; "" before the first."""
    query = select(data_extract.c.columns).where(data_extract.c.state.in_(["taken", "acknowledged"]))
    return connection.scalars(query.order_by(data_extract.c.noted_at.desc()).limit(1)).first() or ""


def keep(connection: Connection, extract: StoredExtract, now: datetime, **changes: object) -> StoredExtract:
    """Write `extract` with `changes`; a change of state has its audit event."""
    before = get(connection, extract.id)
    kept = replace(extract, noted_at=now, **changes)  # type: ignore[arg-type]
    upsert(connection, data_extract, [vars(kept)])
    if before is None or before.state != kept.state:
        event = audit.Event(
            chain=f"extract/{kept.id}",
            company=TENANT,
            key=kept.id[:140],
            action=kept.state,
            actor="connector",
            detail={"rows": kept.rows, "taken": kept.taken, "reason": kept.reason},
        )
        audit.append(connection, [event], now)
    return kept
