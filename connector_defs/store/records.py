"""Published records at rest: what Basware was sent, under which request, and what became of it.

States: sent (received by Basware, outcome open), confirmed, failed (refused, tried again on the next run),
held (waits for what it depends on), quarantined (cannot be translated until it changes in SYSPRO).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, String, func, select, type_coerce, update

from connector_defs.store import audit
from connector_defs.store.tables import NEVER_READ, publish_request, published_record
from connector_defs.store.upsert import upsert

RecordState = Literal["sent", "confirmed", "failed", "held", "quarantined"]
_CHUNK = 400
# The code of an order that Basware has been sent some lines of, while others follow.
UNFINISHED = "UNFINISHED"


@dataclass(frozen=True)
class Record:
    """One record of one entity. `hash` is the content hash last sent or judged, of a reading that began at `read_at`."""

    entity: str
    company: str
    key: str
    external_code: str
    parent: str
    hash: str
    state: RecordState
    active: int
    touches: int
    request_id: str
    code: str
    reason: str
    updated_at: datetime
    read_at: datetime = NEVER_READ


def save(
    connection: Connection, records: Sequence[Record], action: str, detail: dict[str, Any] | None = None
) -> None:
    """Write records with one audit event each."""
    if not records:
        return
    rows = [vars(record) for record in records]
    upsert(connection, published_record, rows)
    audit.append(connection, [_event(row, action, detail or {}) for row in rows], records[0].updated_at)


def _event(row: dict[str, Any], action: str, detail: dict[str, Any]) -> audit.Event:
    told = {name: row[name] for name in ("state", "hash", "request_id", "code", "reason") if row[name]}
    return audit.Event(
        chain=audit.record_chain(row),
        company=row["company"],
        key=row["key"],
        action=action,
        actor="connector",
        detail={**told, **detail, "row": audit.row_digest(row)},
    )


def open_request(
    connection: Connection, request_id: str, client_request_id: str, records: Sequence[Record], now: datetime
) -> None:
    """Remember a batch that Basware received, before anything else is done with it."""
    upsert(
        connection,
        publish_request,
        [
            {
                "request_id": request_id,
                "entity": records[0].entity,
                "company": records[0].company,
                "client_request_id": client_request_id,
                "records": len(records),
                "state": "open",
                "polls": 0,
                "sent_at": now,
                "done_at": None,
            }
        ],
    )
    save(connection, records, "sent", {"client_request_id": client_request_id})


def open_requests(connection: Connection, company: str, entity: str | None = None) -> list[str]:
    """Requests whose outcome is not known yet, oldest first."""
    query = select(publish_request.c.request_id).where(
        publish_request.c.company == company, publish_request.c.state == "open"
    )
    if entity is not None:
        query = query.where(publish_request.c.entity == entity)
    return list(connection.scalars(query.order_by(publish_request.c.sent_at)))


def of_request(connection: Connection, request_id: str) -> list[Record]:
    """The records last sent under `request_id`."""
    return [
        Record(**row._mapping)
        for row in connection.execute(
            select(published_record).where(published_record.c.request_id == request_id)
        )
    ]


def poll_missed(connection: Connection, request_id: str) -> None:
    """Count a poll that brought no final outcome."""
    connection.execute(
        update(publish_request)
        .where(publish_request.c.request_id == request_id)
        .values(polls=publish_request.c.polls + 1)
    )


def close_request(connection: Connection, request_id: str, records: Sequence[Record], now: datetime) -> None:
    """Write the outcome of every record of a request and close it."""
    for state in ("confirmed", "failed"):
        save(connection, [record for record in records if record.state == state], state)
    connection.execute(
        update(publish_request)
        .where(publish_request.c.request_id == request_id)
        .values(state="done", done_at=now, polls=publish_request.c.polls + 1)
    )


def known(connection: Connection, entity: str, company: str) -> Iterator[Sequence[Any]]:
    """(key, hash, state, active, touches, parent, read_at as text) of every record, in slices, for the delta."""
    columns = [published_record.c[name] for name in ("key", "hash", "state", "active", "touches", "parent")]
    read_at = type_coerce(published_record.c.read_at, String).label("read_at")
    result = connection.execution_options(yield_per=5_000).execute(
        select(*columns, read_at).where(
            published_record.c.entity == entity, published_record.c.company == company
        )
    )
    yield from result.partitions()


def by_keys(connection: Connection, entity: str, company: str, keys: Sequence[str]) -> dict[str, Record]:
    """The records among `keys` that are known."""
    found = {}
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        for row in connection.execute(
            select(published_record).where(
                published_record.c.entity == entity,
                published_record.c.company == company,
                published_record.c.key.in_(part),
            )
        ):
            found[row.key] = Record(**row._mapping)
    return found


def with_problems(connection: Connection, states: Sequence[RecordState]) -> list[Record]:
    """Records in `states`, for the reports."""
    query = select(published_record).where(published_record.c.state.in_(list(states)))
    query = query.order_by(published_record.c.entity, published_record.c.company, published_record.c.key)
    return [Record(**row._mapping) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Number of records by entity and state."""
    found: dict[str, dict[str, int]] = {}
    query = select(published_record.c.entity, published_record.c.state, func.count())
    for entity, state, number in connection.execute(
        query.group_by(published_record.c.entity, published_record.c.state)
    ):
        found.setdefault(entity, {})[state] = number
    return found


def mark_orders(
    connection: Connection, company: str, keys: Sequence[str], *, unfinished: bool, now: datetime
) -> None:
    """Set or clear the mark of orders of which more lines are to come than Basware has been sent."""
    found = by_keys(connection, "matchingOrders", company, keys).values()
    code, action = (UNFINISHED, "unfinished") if unfinished else ("", "finished")
    changed = [
        replace(record, code=code, updated_at=now)
        for record in found
        if (record.code == UNFINISHED) != unfinished
    ]
    save(connection, changed, action)


def unfinished_orders(connection: Connection, company: str) -> list[str]:
    """Orders (by key) that carry the mark."""
    query = select(published_record.c.key).where(
        published_record.c.entity == "matchingOrders",
        published_record.c.company == company,
        published_record.c.code == UNFINISHED,
    )
    return list(connection.scalars(query))


def incomplete_orders(connection: Connection, company: str) -> list[str]:
    """Orders (by key) that Basware knows, but not with all of their lines."""
    lines = published_record.alias("lines")
    query = (
        select(published_record.c.key)
        .join(
            lines,
            (lines.c.entity == "matchingOrderLines")
            & (lines.c.company == published_record.c.company)
            & (lines.c.parent == published_record.c.key),
        )
        .where(
            published_record.c.entity == "matchingOrders",
            published_record.c.company == company,
            published_record.c.state.in_(["sent", "confirmed"]),
            lines.c.state != "confirmed",
        )
    )
    return sorted({*connection.scalars(query), *unfinished_orders(connection, company)})
