"""When each company was polled for approved invoices, and what polls found that no notification told of.

Belongs here: the rows and the comparison of both. How long until the next poll is `domain.polling_pace`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from connector_defs.domain.polling_pace import GRACE, was_missed
from connector_defs.store.notifications import LISTED
from connector_defs.store.tables import invoice, notification, poll
from connector_defs.store.upsert import upsert


@dataclass(frozen=True)
class Poll:
    """The polls of one company. `missed` counts the invoices that push missed, `missed_at` is the newest of them."""

    company: str
    polled_at: datetime | None = None
    left_over: int = 0
    judged_until: datetime | None = None
    missed_at: datetime | None = None
    missed: int = 0


def get(connection: Connection, company: str) -> Poll:
    """The polls of a company; empty where it was never polled."""
    row = connection.execute(select(poll).where(poll.c.company == company)).first()
    return Poll(**row._mapping) if row else Poll(company)


def note(connection: Connection, company: str, at: datetime, *, left: bool) -> None:
    """The company was polled, and `left` tells whether that showed invoices that are not taken in yet."""
    upsert(connection, poll, [{"company": company, "polled_at": at, "left_over": int(left)}])


def judge(connection: Connection, company: str, since: datetime, now: datetime) -> int:
    """Compare the invoices taken in since the last time with the notifications; returns how many push missed.

    Only those since `since`, when push began, and none of the last minutes, whose notification may be on its way.
    """
    before = get(connection, company)
    until = now - GRACE
    if before.judged_until is not None and before.judged_until > now:
        # From before this machine's clock was set back: what comes now would not be judged for as long.
        upsert(connection, poll, [{"company": company, "judged_until": until}])
        return 0
    if until <= max(before.judged_until or since, since):
        return 0
    missed = missed_since(connection, before, since, now)
    row = {
        "company": company,
        "judged_until": until,
        "missed_at": max([*missed, *([before.missed_at] if before.missed_at else [])], default=None),
        "missed": before.missed + len(missed),
    }
    upsert(connection, poll, [row])
    return len(missed)


def missed_since(connection: Connection, last: Poll, since: datetime, now: datetime) -> list[datetime]:
    """When the invoices were taken in that push missed, of those that `judge` would look at now."""
    found = _found(connection, last.company, max(last.judged_until or since, since), now - GRACE)
    return [at for at, notified in found if was_missed(at, notified)]


def _found(
    connection: Connection, company: str, after: datetime, until: datetime
) -> list[tuple[datetime, datetime | None]]:
    """When each invoice was taken in, and when its first notification came."""
    told = (notification.c.document_id == invoice.c.invoice_id) & (notification.c.body_digest != LISTED)
    query = (
        select(invoice.c.received_at, func.min(notification.c.received_at))
        .select_from(invoice.outerjoin(notification, told))
        .where(invoice.c.company == company, invoice.c.received_at > after, invoice.c.received_at <= until)
        .group_by(invoice.c.invoice_id, invoice.c.received_at)
    )
    return [(at, notified) for at, notified in connection.execute(query)]
