"""What was last seen of push at Basware, and what of it came here.

Belongs here: the rows, and what the inbox of notifications says about push as a whole. Which state follows from which
answer of Basware is in `flows.push_watch`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, case, delete, func, select

from connector_defs.domain.polling_pace import PushProof
from connector_defs.store import cursors
from connector_defs.store.notifications import LISTED
from connector_defs.store.tables import notification, push_watch
from connector_defs.store.upsert import upsert

SUBSCRIPTION: Final = "subscription"
TASKS: Final = "tasks"


@dataclass(frozen=True)
class Watch:
    """One subject, in one of the states of `flows.push_watch`.

    `url` is our address, `since` when the state began, `checked_at` when Basware was last asked.
    """

    subject: str
    state: str
    url: str
    detail: str
    since: datetime
    checked_at: datetime


@dataclass(frozen=True)
class Arrivals:
    """Notifications since some instant: those that came, and those that Basware only listed."""

    received: int
    lost: int
    newest: datetime | None


def get(connection: Connection, subject: str) -> Watch | None:
    """What was last seen, or None where nobody looked or nothing is subscribed."""
    row = connection.execute(select(push_watch).where(push_watch.c.subject == subject)).first()
    return Watch(**row._mapping) if row else None


def keep(
    connection: Connection,
    subject: str,
    state: str,
    now: datetime,
    *,
    url: str = "",
    detail: str = "",
) -> bool:
    """Write what is seen now; True where the state or the address is another than before."""
    before = get(connection, subject)
    same = before is not None and (before.state, before.url) == (state, url)
    since = before.since if before is not None and same else now
    row = {
        "subject": subject,
        "state": state,
        "url": url,
        "detail": detail,
        "since": since,
        "checked_at": now,
    }
    upsert(connection, push_watch, [row])
    return not same


def forget(connection: Connection) -> None:
    """Push is not used any more: nothing is watched."""
    connection.execute(delete(push_watch))


def last_look(connection: Connection) -> datetime | None:
    """When subscription and tasks were last looked at, or that was tried."""
    return cursors.get(connection, cursors.TENANT, TASKS).listed_at


def proof(connection: Connection, after: datetime | None) -> PushProof:
    """The first notification that came after an instant, and the newest one."""
    query = select(func.min(notification.c.received_at), func.max(notification.c.received_at)).where(
        notification.c.body_digest != LISTED
    )
    if after is not None:
        query = query.where(notification.c.received_at > after)
    return PushProof(*connection.execute(query).one())


def arrivals(connection: Connection, since: datetime) -> Arrivals:
    """What came and what did not since an instant, by task."""
    came = case((notification.c.body_digest != LISTED, notification.c.task_id))
    lost = case((notification.c.body_digest == LISTED, notification.c.task_id))
    arrived = case((notification.c.body_digest != LISTED, notification.c.received_at))
    query = select(func.count(func.distinct(came)), func.count(func.distinct(lost)), func.max(arrived)).where(
        notification.c.received_at >= since
    )
    return Arrivals(*connection.execute(query).one())
