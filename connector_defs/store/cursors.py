"""How far intake has read each list of Basware, so that a poll need not read it whole.

Belongs here: the rows. What a cursor means, and when a list is read whole all the same, is in `flows.polling`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from connector_defs.store.tables import intake_cursor
from connector_defs.store.upsert import upsert

TENANT = "*"


@dataclass(frozen=True)
class Cursor:
    """One list. `last_updated` is the largest met in it, `listed_at` when it was last read whole."""

    last_updated: datetime | None = None
    listed_at: datetime | None = None


def get(connection: Connection, company: str, source: str) -> Cursor:
    """The cursor; an empty one where the list was never read."""
    row = connection.execute(
        select(intake_cursor.c.last_updated, intake_cursor.c.listed_at).where(
            intake_cursor.c.company == company, intake_cursor.c.source == source
        )
    ).first()
    return Cursor(*row) if row else Cursor()


def keep(connection: Connection, company: str, source: str, last_updated: datetime | None) -> None:
    """The list was read to its end, up to `last_updated`."""
    row = {"company": company, "source": source, "last_updated": last_updated}
    upsert(connection, intake_cursor, [row])


def mark_listed(connection: Connection, company: str, sources: Collection[str], at: datetime) -> None:
    """The lists were read whole, by a round that began `at`."""
    rows = [{"company": company, "source": source, "listed_at": at} for source in sorted(sources)]
    upsert(connection, intake_cursor, rows)


def forget(connection: Connection, company: str) -> None:
    """Let the next poll read every list of the company whole."""
    connection.execute(delete(intake_cursor).where(intake_cursor.c.company == company))
