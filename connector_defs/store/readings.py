"""Up to which reading of SYSPRO each entity is published, and how far the dates of its orders go.

Belongs here: the rows, which only ever move forward. What they decide is in `flows.delta` (an older reading takes
nothing back) and `flows.order_days` (where the next reading of orders begins).
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select, update

from connector_defs.store.tables import NEVER_READ, published_reading
from connector_defs.store.upsert import insert_missing


@dataclass(frozen=True)
class PublishedReading:
    """`read_at` is when the newest reading began of which every row was published.

    Of orders that were read up to the present, `dated_from` is where the first reading began, `dated_until` the newest
    date that was seen; None where there was no such reading.
    """

    read_at: datetime = NEVER_READ
    dated_from: date | None = None
    dated_until: date | None = None


def newest(connection: Connection, entity: str, company: str) -> PublishedReading:
    """The newest published reading of an entity."""
    table = published_reading
    row = connection.execute(
        select(table.c.read_at, table.c.dated_from, table.c.dated_until).where(
            table.c.entity == entity, table.c.company == company
        )
    ).first()
    return PublishedReading() if row is None else PublishedReading(row[0], *map(_date, row[1:]))


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def remember(
    connection: Connection,
    entity: str,
    company: str,
    read_at: datetime,
    now: datetime,
    dated_from: date | None = None,
    dated_until: date | None = None,
) -> None:
    """Every row of this reading is published; an older reading, or an earlier date, than is known changes nothing.

    A known reading that lies ahead of `now` gives way: the clock that told it was wrong.
    """
    table = published_reading
    first = {"entity": entity, "company": company, "read_at": NEVER_READ, "dated_from": "", "dated_until": ""}
    insert_missing(connection, table, [first])
    this = (table.c.entity == entity) & (table.c.company == company)
    outdone = (table.c.read_at < read_at) | (table.c.read_at > now)
    connection.execute(update(table).where(this, outdone).values(read_at=read_at))
    if dated_from is not None:
        told = dated_from.isoformat()
        connection.execute(update(table).where(this, table.c.dated_from == "").values(dated_from=told))
    if dated_until is not None:
        told = dated_until.isoformat()
        connection.execute(update(table).where(this, table.c.dated_until < told).values(dated_until=told))
