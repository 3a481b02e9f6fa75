"""The inbox of Basware's notifications: written by the receiver, read and settled by intake.

Belongs here: the rows. Delivery is at least once and in no order (Basware wire notes 4.7), so a row is known by task
and status, and a second one changes nothing. Not here: what a notification is worth (`flows.hints`), nor whether it is
Basware's (`console.signature`): nothing is recorded that was not verified before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, select, update

from connector_defs.store.tables import notification
from connector_defs.store.upsert import insert_missing

# Stands in the place of a body's digest where there was none: Basware listed the task, and no notification came.
LISTED: Final = "listed"
# SQLite takes a limited number of parameters in one statement.
_CHUNK = 500


@dataclass(frozen=True)
class TaskNotice:
    """A verified notification, in Basware's own words. `body_digest` is the SHA-256 of the body as it came."""

    task_id: str
    task_type: str
    task_sub_type: str
    status: str
    document_id: str
    company_code: str | None
    body_digest: str


@dataclass(frozen=True)
class Hint:
    """An open notification."""

    task_id: str
    task_type: str
    document_id: str
    received_at: datetime


@dataclass(frozen=True)
class Backlog:
    """How many notifications are open, and since when the oldest."""

    open: int
    oldest: datetime | None


def record(connection: Connection, task: TaskNotice, now: datetime) -> bool:
    """Keep a notification; False where this task is known in this status."""
    return record_all(connection, [task], now) == 1


def record_all(connection: Connection, tasks: Iterable[TaskNotice], now: datetime) -> int:
    """Keep several at once; returns how many were new. One that Basware had only listed until now has come after all."""
    rows = [_row(task, now) for task in tasks]
    new = insert_missing(connection, notification, rows)
    came = [row for row in rows if row["body_digest"] != LISTED]
    if came and new < len(rows):
        statement = (
            update(notification)
            .where(
                notification.c.task_id == bindparam("of_task"),
                notification.c.status == bindparam("in_status"),
                notification.c.body_digest == LISTED,
            )
            .values(body_digest=bindparam("digest"), received_at=now)
        )
        told = [
            {"of_task": row["task_id"], "in_status": row["status"], "digest": row["body_digest"]}
            for row in came
        ]
        connection.execute(statement, told)
    return new


def record_settled(connection: Connection, task: TaskNotice, now: datetime, note: str) -> bool:
    """Keep a notification that asks for nothing; False where this task is known in this status."""
    row = {**_row(task, now), "settled_at": now, "note": note}
    return insert_missing(connection, notification, [row]) == 1


def _row(task: TaskNotice, now: datetime) -> dict[str, object]:
    return {**vars(task), "received_at": now, "settled_at": None, "note": ""}


def open_hints(connection: Connection, limit: int | None = None) -> list[Hint]:
    """Notifications that nobody has looked into yet, the oldest first."""
    query = (
        select(
            notification.c.task_id,
            notification.c.task_type,
            notification.c.document_id,
            notification.c.received_at,
        )
        .where(notification.c.settled_at.is_(None))
        .order_by(notification.c.received_at, notification.c.task_id)
        .limit(limit)
    )
    return [Hint(**row._mapping) for row in connection.execute(query)]


def backlog(connection: Connection) -> Backlog:
    """What is open."""
    query = select(func.count(), func.min(notification.c.received_at)).where(
        notification.c.settled_at.is_(None)
    )
    number, oldest = connection.execute(query).one()
    return Backlog(number, oldest)


def settle(
    connection: Connection,
    task_ids: Collection[str],
    now: datetime,
    note: str = "",
    *,
    received_by: datetime | None = None,
) -> None:
    """These tasks were looked into; with `received_by`, what came later of them stays open."""
    wanted = sorted(task_ids)
    for start in range(0, len(wanted), _CHUNK):
        statement = (
            update(notification)
            .where(
                notification.c.task_id.in_(wanted[start : start + _CHUNK]),
                notification.c.settled_at.is_(None),
            )
            .values(settled_at=now, note=note)
        )
        if received_by is not None:
            statement = statement.where(notification.c.received_at <= received_by)
        connection.execute(statement)


def known(connection: Connection, task_ids: Sequence[str]) -> set[str]:
    """Those of the tasks that a notification came of, in whatever status."""
    found: set[str] = set()
    for start in range(0, len(task_ids), _CHUNK):
        part = task_ids[start : start + _CHUNK]
        found.update(
            connection.scalars(select(notification.c.task_id).where(notification.c.task_id.in_(part)))
        )
    return found


def forget(connection: Connection, before: datetime) -> int:
    """Drop what was settled before this instant; returns how many."""
    return connection.execute(delete(notification).where(notification.c.settled_at < before)).rowcount
