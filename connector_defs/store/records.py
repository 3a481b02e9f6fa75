"""Published records at rest: what Basware was sent, under which request, and what became of it.

States: sent (received by Basware, outcome open), confirmed, failed (refused, tried again on the next run),
held (waits for what it depends on), quarantined (cannot be translated until it changes in SYSPRO).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, String, delete, func, select, type_coerce, update

from connector_defs.store import audit
from connector_defs.store.tables import (
    NEVER_READ,
    audit_event,
    publish_request,
    published_record,
    unfinished_order,
)
from connector_defs.store.upsert import insert_missing, upsert

RecordState = Literal["sent", "confirmed", "failed", "held", "quarantined"]
_CHUNK = 400
# The hash of a record that is to go again although nothing changed: it equals no content.
FORCED = "forced"
# The hash of a record that SYSPRO no longer has.
GONE = "gone"


@dataclass(frozen=True)
class Record:
    """One record of one entity. `hash` is the content hash last sent or judged, of a reading that began at `read_at`.

    `confirmed_before` is 1 where P2P had confirmed the record when it was last sent.
    """

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
    confirmed_before: int = 0
    read_at: datetime = NEVER_READ


@dataclass(frozen=True)
class OpenRequest:
    """A batch whose outcome is not known yet. `received_at` is by Basware's clock, `polls` counts the looks so far."""

    request_id: str
    entity: str
    polls: int
    sent_at: datetime
    received_at: datetime | None


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
    connection: Connection,
    request_id: str,
    client_request_id: str,
    records: Sequence[Record],
    sent_at: datetime,
    received_at: datetime | None = None,
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
                "sent_at": sent_at,
                "received_at": received_at,
                "done_at": None,
            }
        ],
    )
    save(connection, records, "sent", {"client_request_id": client_request_id})


def open_requests(connection: Connection, company: str, entity: str | None = None) -> list[OpenRequest]:
    """Requests whose outcome is not known yet, oldest first."""
    columns = [
        publish_request.c[name] for name in ("request_id", "entity", "polls", "sent_at", "received_at")
    ]
    query = select(*columns).where(publish_request.c.company == company, publish_request.c.state == "open")
    if entity is not None:
        query = query.where(publish_request.c.entity == entity)
    return [OpenRequest(*row) for row in connection.execute(query.order_by(publish_request.c.sent_at))]


def has_closed_requests(connection: Connection, company: str, entity: str) -> bool:
    """Whether any request of the entity was ever followed to its end."""
    query = select(publish_request.c.request_id).where(
        publish_request.c.company == company,
        publish_request.c.entity == entity,
        publish_request.c.state == "done",
    )
    return connection.execute(query.limit(1)).first() is not None


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


def force(
    connection: Connection, chosen: Sequence[Record], *, actor: str, reason: str, now: datetime
) -> None:
    """Let confirmed records go again with the next run, told apart from what Basware has by one more touch.

    One that SYSPRO no longer has is taken for open again, so that Basware is told of its end once more.
    """
    forced = [
        replace(
            record,
            hash=FORCED,
            active=1 if record.hash == GONE else record.active,
            touches=record.touches + 1,
            updated_at=now,
        )
        for record in chosen
    ]
    save(connection, forced, "resend", {"by": actor, "why": reason})


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


def ever_confirmed(connection: Connection, entity: str, company: str, keys: Sequence[str]) -> set[str]:
    """Those of `keys` whose record Basware confirmed at least once, as the trail tells."""
    chain_of = {audit.record_chain({"entity": entity, "company": company, "key": key}): key for key in keys}
    chains = list(chain_of)
    found: set[str] = set()
    for start in range(0, len(chains), _CHUNK):
        query = select(audit_event.c.chain).where(
            audit_event.c.chain.in_(chains[start : start + _CHUNK]), audit_event.c.action == "confirmed"
        )
        found.update(chain_of[chain] for chain in connection.scalars(query))
    return found


def with_problems(
    connection: Connection, states: Sequence[RecordState], code: str | None = None
) -> list[Record]:
    """Records in `states`, those with `code` where one is given, for the reports."""
    query = select(published_record).where(published_record.c.state.in_(list(states)))
    if code is not None:
        query = query.where(published_record.c.code == code)
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
    marked = _marked_of(connection, company, keys)
    changed = [key for key in keys if (key in marked) != unfinished]
    if unfinished:
        insert_missing(connection, unfinished_order, [{"company": company, "key": key} for key in changed])
    else:
        for start in range(0, len(changed), _CHUNK):
            part = changed[start : start + _CHUNK]
            connection.execute(
                delete(unfinished_order).where(
                    unfinished_order.c.company == company, unfinished_order.c.key.in_(part)
                )
            )
    orders = by_keys(connection, "matchingOrders", company, changed).values()
    action = "unfinished" if unfinished else "finished"
    audit.append(connection, [_event(vars(order), action, {}) for order in orders], now)


def _marked_of(connection: Connection, company: str, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        query = select(unfinished_order.c.key).where(
            unfinished_order.c.company == company, unfinished_order.c.key.in_(keys[start : start + _CHUNK])
        )
        found.update(connection.scalars(query))
    return found


def unfinished_orders(connection: Connection, company: str) -> list[str]:
    """Orders (by key) that carry the mark."""
    query = select(unfinished_order.c.key).where(unfinished_order.c.company == company)
    return list(connection.scalars(query))


def headers_alone(connection: Connection, company: str) -> list[str]:
    """Orders (by key) whose header is confirmed while the order is incomplete."""
    incomplete = incomplete_orders(connection, company)
    known = by_keys(connection, "matchingOrders", company, incomplete)
    return [key for key, header in known.items() if header.state == "confirmed"]


def incomplete_orders(connection: Connection, company: str) -> list[str]:
    """Orders (by key) that Basware knows, but not with all of their lines.

    It knows an order that was sent, and one of which it has a line, whatever became of the header since.
    """
    lines, shown = published_record.alias("lines"), published_record.alias("shown")
    has_a_line = published_record.c.key.in_(
        select(shown.c.parent).where(
            shown.c.entity == "matchingOrderLines", shown.c.company == company, shown.c.state == "confirmed"
        )
    )
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
            published_record.c.state.in_(["sent", "confirmed"]) | has_a_line,
            lines.c.state != "confirmed",
        )
    )
    # The mark stands whatever becomes of the header meanwhile: P2P shows the lines that it has.
    return sorted({*connection.scalars(query), *unfinished_orders(connection, company)})
