"""Published records for the reports: how long they have been open, which lines an order lacks, what is known of all.

Belongs here: reads alone. What records are and how they are written is in `records`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, cast, func, literal, select, type_coerce

from connector_defs.store.records import Record
from connector_defs.store.tables import Instant, audit_event, published_record

_OPEN = ("sent", "held", "failed")
_CHUNK = 400
STANDING = ("key", "external_code", "parent", "state", "active")


@dataclass(frozen=True)
class OpenRecords:
    """Records of one entity and company in one state, and since when the first of them is not confirmed."""

    entity: str
    company: str
    state: str
    records: int
    since: datetime


def open_since(connection: Connection) -> list[OpenRecords]:
    """Records that wait for an outcome, for another record or for the next attempt, with the age of the oldest.

    A refused record is refused anew every night, so its age is not that of its row: it counts from the first event
    of the trail after its last confirmation.
    """
    record = published_record
    confirmed = audit_event.alias("confirmed")
    chain = record.c.entity + literal("/") + record.c.company + literal("/") + record.c.key
    last_confirmed = (
        select(func.coalesce(func.max(confirmed.c.sequence), 0))
        .where(confirmed.c.chain == chain, confirmed.c.action == "confirmed")
        .correlate(record)
        .scalar_subquery()
    )
    since = (
        select(func.min(type_coerce(audit_event.c.at, String)))
        .where(audit_event.c.chain == chain, audit_event.c.sequence > last_confirmed)
        .correlate(record)
        .scalar_subquery()
    )
    # The row's own time stands in where the trail has nothing newer than the confirmation.
    first = func.min(func.coalesce(since, type_coerce(record.c.updated_at, String)))
    query = (
        select(record.c.entity, record.c.company, record.c.state, func.count(), cast(first, String))
        .where(record.c.state.in_(_OPEN))
        .group_by(record.c.entity, record.c.company, record.c.state)
        .order_by(record.c.entity, record.c.company, record.c.state)
    )
    found = []
    for entity, company, state, number, told in connection.execute(query):
        at = Instant.read(told)
        assert at is not None  # noqa: S101 - the least of instants that are never null  # nosec B101
        found.append(OpenRecords(entity, company, state, number, at))
    return found


def lines_of(connection: Connection, company: str, orders: Sequence[str]) -> dict[str, list[Record]]:
    """The known lines of the orders, by order."""
    found: dict[str, list[Record]] = {}
    for start in range(0, len(orders), _CHUNK):
        query = (
            select(published_record)
            .where(
                published_record.c.entity == "matchingOrderLines",
                published_record.c.company == company,
                published_record.c.parent.in_(orders[start : start + _CHUNK]),
            )
            .order_by(published_record.c.key)
        )
        for row in connection.execute(query):
            found.setdefault(row.parent, []).append(Record(**row._mapping))
    return found


def standing(connection: Connection, entity: str, company: str) -> Iterator[Sequence[Any]]:
    """The columns `STANDING` of every record, in slices."""
    columns = [published_record.c[name] for name in STANDING]
    result = connection.execution_options(yield_per=5_000).execute(
        select(*columns).where(published_record.c.entity == entity, published_record.c.company == company)
    )
    yield from result.partitions()
