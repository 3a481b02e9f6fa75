"""The audit trail: append-only events, one hash chain per document, a checkpoint per day over all.

An event's hash covers its own content and its predecessor's hash, so a changed byte breaks the chain at
that place. The last event of an invoice, a published record or a difference of a supplier, and the event of every
version of a mapping, also holds a digest of the row it describes, so that a row changed behind the trail's back is
found as well.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Table,
    Text,
    TypeDecorator,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.exc import DatabaseError

from connector_defs.store.engine import Store
from connector_defs.store.tables import (
    NEVER_READ,
    Exact,
    Instant,
    audit_checkpoint,
    audit_event,
    audit_head,
    enrichment,
    gl_mapping,
    instant_text,
    invoice,
    published_record,
)
from connector_defs.store.upsert import insert_missing, upsert

GENESIS = "0" * 64
_CHUNK = 400
# A day is sealed this long after its end, when no transaction that began in it can still be open.
_LATE = timedelta(minutes=15)
# Columns of rows with a digest that came after the first schema -> their default, as text.
_ADDED_LATER = {
    "decisions": "{}",
    "intent": "",
    "number_key": "",
    # of published_record
    "confirmed_before": "0",
    # of gl_mapping
    "dimensions": "",
    "valid_from": "",
    "valid_to": "",
    "status": "active",
    "approved_by": "",
    # of published_record
    "read_at": str(NEVER_READ),
}
# What tells one version of a mapping from the others of its chain -> its event's place and digest.
_Versions = dict[tuple[object, ...], tuple[int, str]]


@dataclass(frozen=True)
class Event:
    """What happened. `detail` is redacted by its writer and must be JSON; `chain` names the document."""

    chain: str
    company: str
    key: str
    action: str
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditEvent:
    """An event as it stands in the store."""

    chain: str
    sequence: int
    at: datetime
    actor: str
    company: str
    key: str
    action: str
    detail: dict[str, Any]
    hash: str


@dataclass(frozen=True)
class BrokenLink:
    """Where the trail does not hold."""

    chain: str
    sequence: int
    reason: str


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`; `broken` locates every place that does not hold."""

    events: int
    chains: int
    broken: tuple[BrokenLink, ...]

    @property
    def ok(self) -> bool:
        """True where every event, head, row and checkpoint agrees."""
        return not self.broken


def append(connection: Connection, events: Sequence[Event], now: datetime) -> None:
    """Write events in the caller's transaction, so that no state changes without its event."""
    if not events:
        return
    heads = _heads(connection, sorted({event.chain for event in events}))
    rows = []
    for event in events:
        sequence, previous = heads.get(event.chain, (0, GENESIS))
        detail = json.dumps(
            event.detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str
        )
        row = {
            "chain": event.chain,
            "sequence": sequence + 1,
            "at": now,
            "actor": event.actor,
            "company": event.company,
            "key": event.key,
            "action": event.action,
            "detail": detail,
            "previous": previous,
        }
        digest = _hash(row, instant_text(now))
        heads[event.chain] = (sequence + 1, digest)
        rows.append({**row, "hash": digest})
    connection.execute(audit_event.insert(), rows)
    upsert(
        connection,
        audit_head,
        [
            {"chain": chain, "sequence": sequence, "hash": digest}
            for chain, (sequence, digest) in heads.items()
        ],
    )


def _heads(connection: Connection, chains: Sequence[str]) -> dict[str, tuple[int, str]]:
    heads = {}
    for start in range(0, len(chains), _CHUNK):
        part = chains[start : start + _CHUNK]
        for row in connection.execute(
            select(audit_head).where(audit_head.c.chain.in_(part)).with_for_update()
        ):
            heads[row.chain] = (row.sequence, row.hash)
    return heads


def _hash(row: Mapping[str, Any] | RowMapping, at: str) -> str:
    parts = [row["chain"], row["sequence"], at, row["actor"], row["company"], row["key"], row["action"]]
    text = json.dumps([*parts, row["detail"], row["previous"]], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def row_digest(row: Mapping[str, Any] | RowMapping) -> str:
    """SHA-256 over a row's columns, in name order, as they are stored.

    A column that a later schema added counts only where it holds more than its default, so that rows written
    before the upgrade keep their digest.
    """
    values = {str(name): str(value) for name, value in row.items()}
    told = {name: value for name, value in values.items() if value != _ADDED_LATER.get(name)}
    text = json.dumps(told, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def show(store: Store, key: str) -> list[AuditEvent]:
    """All events of one record, oldest first. `key` is the record's key, or its chain's name."""
    with store.read() as connection:
        rows = connection.execute(
            select(audit_event)
            .where(or_(audit_event.c.key == key, audit_event.c.chain == key))
            .order_by(audit_event.c.id)
        ).all()
    return [_event(row) for row in rows]


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        row.chain,
        row.sequence,
        row.at,
        row.actor,
        row.company,
        row.key,
        row.action,
        json.loads(row.detail),
        row.hash,
    )


def checkpoint(store: Store, now: datetime) -> int:
    """Seal every finished UTC day that has none yet; returns how many were made.

    Around midnight events of two days may stand in mixed order: a day's seal reaches to its last event and
    covers whatever stands before that.
    """
    today = (now.astimezone(UTC) - _LATE).date().isoformat()
    made = 0
    with store.write() as connection:
        last = connection.execute(
            select(audit_checkpoint).order_by(audit_checkpoint.c.day.desc()).limit(1)
        ).first()
        after, digest = (last.last_event, last.digest) if last else (0, GENESIS)
        day_of = func.substr(audit_event.c.at, 1, 10)
        days = connection.scalars(
            select(day_of).where(audit_event.c.id > after, day_of < today).distinct().order_by(day_of)
        ).all()
        for day in days:
            end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=UTC)
            last_event = connection.scalar(
                select(func.max(audit_event.c.id)).where(audit_event.c.id > after, audit_event.c.at < end)
            )
            if last_event is None:
                continue
            digest = _seal(digest, day, last_event, _hashes(connection, after, last_event))
            after = last_event
            made += insert_missing(
                connection,
                audit_checkpoint,
                [{"day": day, "last_event": after, "digest": digest, "made_at": now}],
            )
    return made


def _hashes(connection: Connection, after: int, last_event: int) -> Iterator[str]:
    yield from connection.scalars(
        select(audit_event.c.hash)
        .where(audit_event.c.id > after, audit_event.c.id <= last_event)
        .order_by(audit_event.c.id)
    )


def _seal(previous: str, day: str, last_event: int, hashes: Iterable[str]) -> str:
    digest = hashlib.sha256(f"{previous}{day}{last_event}".encode())
    for one in hashes:
        digest.update(one.encode())
    return digest.hexdigest()


def verify(store: Store) -> Verification:
    """Recompute everything and locate what does not hold."""
    broken: list[BrokenLink] = []
    last: dict[str, tuple[int, str, str]] = {}
    versions: dict[str, _Versions] = {}
    events = 0
    with store.read() as connection:
        broken += _database_damage(connection)
        if broken:
            return Verification(0, 0, tuple(broken))
        try:
            for row in _stream(connection):
                events += 1
                sequence, previous, _ = last.get(row.chain, (0, GENESIS, ""))
                problem = _link_problem(row, sequence, previous)
                if problem:
                    broken.append(BrokenLink(row.chain, row.sequence, problem))
                last[row.chain] = (row.sequence, row.hash, row.detail)
                if row.chain.startswith(_MAPPINGS):
                    versions.setdefault(row.chain, {}).update(_version_told(row))
            broken += _head_problems(connection, last)
            broken += _row_problems(connection, last)
            broken += _version_problems(connection, versions)
            broken += _checkpoint_problems(connection)
        except (ValueError, TypeError, DatabaseError) as error:
            broken.append(BrokenLink("store", 0, f"a stored value cannot be read: {type(error).__name__}"))
    return Verification(events, len(last), tuple(broken))


def _database_damage(connection: Connection) -> list[BrokenLink]:
    if connection.dialect.name != "sqlite":
        return []
    try:
        answer = connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars().all()
    except DatabaseError as error:
        return [BrokenLink("store", 0, f"the database file is damaged: {error.orig}")]
    return (
        []
        if answer == ["ok"]
        else [BrokenLink("store", 0, f"the database file is damaged: {'; '.join(answer)}")]
    )


def _stream(connection: Connection) -> Iterator[Row[Any]]:
    """Events chain by chain, `at` as the text that stands there, so that no byte of it can change unseen."""
    columns = [_as_stored(column) for column in audit_event.c]
    result = connection.execution_options(yield_per=2000).execute(
        select(*columns).order_by(audit_event.c.chain, audit_event.c.sequence)
    )
    yield from result


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    return type_coerce(column, Text).label(column.name) if isinstance(column.type, TypeDecorator) else column


def _link_problem(row: Row[Any], sequence: int, previous: str) -> str:
    if row.sequence != sequence + 1:
        return f"event {sequence + 1} is missing"
    if row.previous != previous:
        return "does not follow its predecessor"
    if row.hash != _hash(row._mapping, row.at):
        return "content was changed after it was written"
    return ""


def _head_problems(connection: Connection, last: Mapping[str, tuple[int, str, str]]) -> list[BrokenLink]:
    broken = []
    heads = {row.chain: (row.sequence, row.hash) for row in connection.execute(select(audit_head))}
    for chain in sorted(heads.keys() | last.keys()):
        found = last.get(chain, (0, GENESIS, ""))[:2]
        if heads.get(chain) != found:
            broken.append(BrokenLink(chain, found[0], "the end of the chain is not the one recorded"))
    return broken


def _row_problems(connection: Connection, last: Mapping[str, tuple[int, str, str]]) -> list[BrokenLink]:
    """Rows whose content is not what their last event says, that no event explains, or that are gone."""
    broken = []
    told = {chain: _told(detail) for chain, (_, _, detail) in last.items() if not chain.startswith(_MAPPINGS)}
    unseen = {chain for chain, digest in told.items() if digest}
    for table, chain_of in _ROWS_WITH_A_CHAIN:
        query = select(*(_as_stored(column) for column in table.c))
        for row in connection.execution_options(yield_per=2000).execute(query):
            chain = chain_of(row._mapping)
            unseen.discard(chain)
            if told.get(chain, "") != _digest_of(table, row):
                sequence = last.get(chain, (0,))[0]
                broken.append(
                    BrokenLink(chain, sequence, f"table {table.name} does not hold what the trail says")
                )
    broken += [
        BrokenLink(chain, last[chain][0], "the row that the trail tells of is gone")
        for chain in sorted(unseen)
    ]
    return broken


def _version_told(row: Row[Any]) -> _Versions:
    """The version of a mapping that an event tells of; none where its detail cannot be read."""
    try:
        detail = json.loads(row.detail)
        names = detail["cost_center"], detail.get("dimensions", ""), detail.get("valid_from", "")
        return {(row.key, *names, detail["version"]): (row.sequence, str(detail["row"]))}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _version_problems(connection: Connection, told: Mapping[str, _Versions]) -> list[BrokenLink]:
    """Every version of every mapping against its own event, the superseded ones too."""
    broken = []
    unseen = {chain: dict(versions) for chain, versions in told.items()}
    query = select(*(_as_stored(column) for column in gl_mapping.c))
    for row in connection.execution_options(yield_per=2000).execute(query):
        chain = mapping_chain(row._mapping)
        version = (row.account_code, row.cost_center, row.dimensions, row.valid_from, row.version)
        sequence, digest = unseen.get(chain, {}).pop(version, (0, ""))
        if digest != _digest_of(gl_mapping, row):
            broken.append(BrokenLink(chain, sequence, "table gl_mapping does not hold what the trail says"))
    broken += [
        BrokenLink(chain, sequence, "the row that the trail tells of is gone")
        for chain, versions in sorted(unseen.items())
        for sequence, _ in sorted(versions.values())
    ]
    return broken


def _told(detail: str) -> str:
    """The row digest in an event's detail; "" where it has none."""
    try:
        return str(json.loads(detail)["row"])
    except (ValueError, TypeError, KeyError):
        return ""


def _digest_of(table: Table, row: Row[Any]) -> str | None:
    """Digest of a row read as it is stored; None where a value cannot be read."""
    values = dict(row._mapping)
    try:
        for column in table.c:
            if isinstance(column.type, (Exact, Instant)):
                values[column.name] = column.type.read(values[column.name])
    except (ValueError, TypeError, ArithmeticError):
        return None
    return row_digest(values)


def _checkpoint_problems(connection: Connection) -> list[BrokenLink]:
    broken = []
    after, digest = 0, GENESIS
    for sealed in connection.execute(select(audit_checkpoint).order_by(audit_checkpoint.c.day)).all():
        hashes = _hashes(connection, after, sealed.last_event)
        digest = _seal(digest, sealed.day, sealed.last_event, hashes)
        if digest != sealed.digest:
            broken.append(
                BrokenLink(f"checkpoint/{sealed.day}", 0, "events of that day were changed or removed")
            )
        after, digest = sealed.last_event, sealed.digest
    return broken


def invoice_chain(row: Mapping[str, Any] | RowMapping) -> str:
    """Name of an invoice's chain."""
    return f"invoice/{row['company']}/{row['invoice_id']}"


_MAPPINGS = "mapping/"


def mapping_chain(row: Mapping[str, Any] | RowMapping) -> str:
    """Name of the chain of all mapping rules of an account code and a cost centre."""
    return f"{_MAPPINGS}{row['company']}/{row['account_code']}/{row['cost_center']}"


def record_chain(row: Mapping[str, Any] | RowMapping) -> str:
    """Name of a published record's chain."""
    return f"{row['entity']}/{row['company']}/{row['key']}"


def enrichment_chain(row: Mapping[str, Any] | RowMapping) -> str:
    """Name of the chain of one field of a supplier."""
    return f"enrichment/{row['company']}/{row['supplier']}/{row['field']}"


# Tables of which the last event of a row's chain holds the row's digest.
_ROWS_WITH_A_CHAIN = (
    (invoice, invoice_chain),
    (published_record, record_chain),
    (enrichment, enrichment_chain),
)
