"""What a state store belongs to: the systems and companies it was used with, kept in its audit trail.

Belongs here: the rows. What may change, and what is refused, is in `flows.binding`. The trail is its place because
nothing in it can be changed unnoticed.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from connector_defs.store import audit
from connector_defs.store.tables import audit_event, enrichment, invoice, published_record

CHAIN = "settings/binding"


def latest(connection: Connection) -> dict[str, Any] | None:
    """What the store was bound to last; None where it never was."""
    query = (
        select(audit_event.c.detail)
        .where(audit_event.c.chain == CHAIN, audit_event.c.action.in_(("bound", "bound anew")))
        .order_by(audit_event.c.sequence.desc())
        .limit(1)
    )
    found = connection.scalar(query)
    return None if found is None else dict(json.loads(found))


def record(
    connection: Connection, action: str, detail: Mapping[str, Any], now: datetime, *, actor: str
) -> None:
    """Write what the store is bound to, or was refused for."""
    audit.append(connection, [audit.Event(CHAIN, "", "binding", action, actor, detail)], now)


def companies_at_work(connection: Connection) -> frozenset[str]:
    """SYSPRO companies of which the store holds something that was exchanged with either system."""
    found: set[str] = set()
    for table in (invoice, published_record, enrichment):
        found.update(connection.scalars(select(table.c.company).distinct()))
    return frozenset(found)
