"""Companies on hold because the state is older than what both systems hold, and how that is noticed.

Belongs here: the holds, and the two questions about the trail of events by which a restored store is known.
What is done about a hold is in `flows.restoring`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from connector_defs.store import audit
from connector_defs.store.cursors import forget
from connector_defs.store.tables import audit_event, hold
from connector_defs.store.upsert import insert_missing


@dataclass(frozen=True)
class Hold:
    """Why a company is on hold, and since when."""

    company: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Mark:
    """The newest event that the store was seen with. A store that does not hold it is not the one it was."""

    event: int
    hash: str


def get(connection: Connection, company: str) -> Hold | None:
    """The hold of a company, or None."""
    row = connection.execute(select(hold).where(hold.c.company == company)).first()
    return Hold(**row._mapping) if row else None


def place(connection: Connection, company: str, reason: str, now: datetime, *, actor: str) -> bool:
    """Put a company on hold and let its lists be read whole; False where it is on hold already."""
    row = {"company": company, "reason": reason, "since": now}
    if not insert_missing(connection, hold, [row]):
        return False
    forget(connection, company)
    _record(connection, company, "held", reason, now, actor)
    return True


def release(connection: Connection, company: str, reason: str, now: datetime, *, actor: str) -> bool:
    """End the hold; False where there is none."""
    if not connection.execute(delete(hold).where(hold.c.company == company)).rowcount:
        return False
    _record(connection, company, "released", reason, now, actor)
    return True


def _record(
    connection: Connection, company: str, action: str, reason: str, now: datetime, actor: str
) -> None:
    event = audit.Event(f"hold/{company}", company, company, action, actor, {"reason": reason})
    audit.append(connection, [event], now)


def mark(connection: Connection) -> Mark | None:
    """The newest event; None in a store without any."""
    query = select(audit_event.c.id, audit_event.c.hash).order_by(audit_event.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return Mark(row.id, row.hash) if row else None


def has(connection: Connection, seen: Mark) -> bool:
    """True where the store still holds the event it was seen with."""
    found = connection.scalar(select(audit_event.c.hash).where(audit_event.c.id == seen.event))
    return bool(found == seen.hash)
