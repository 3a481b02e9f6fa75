"""Whether push works: our subscription at Basware, and the notifications that never came.

Belongs here: what Basware's lists of subscriptions and tasks mean to us, kept for status, checks and the pace of polls.
Not here: making and ending subscriptions (`subscriptions`), and what a notification leads to (`hints`).

Where Basware refuses these lists, that is told once, and nothing else stops: polling finds every invoice.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from connector_defs.basware.subscriptions import FAILED, NEW, ListedSubscription, Task, Wanted
from connector_defs.domain.errors import ConnectorError, Fatal
from connector_defs.domain.polling_pace import GRACE
from connector_defs.domain.redaction import redacted
from connector_defs.flows import pace, webhook_secret
from connector_defs.flows.hints import DOCUMENT_TYPES, REQUEST_TYPES
from connector_defs.flows.push_reports import OURS, PushStatus, Standing
from connector_defs.flows.runtime import Connector
from connector_defs.flows.webhook_secret import Secrets
from connector_defs.store import cursors, notifications, push_watch
from connector_defs.store.notifications import LISTED, TaskNotice
from connector_defs.store.push_watch import SUBSCRIPTION, TASKS, Watch

_log = logging.getLogger(__name__)

INVOICES: Final = Wanted("AccountingDocuments", "WaitingForTransfer")
# Records that fail hours after Basware took them. Success is read back by the runs that sent them.
REQUESTS: Final = Wanted("RequestStatus", "Error")
WANTED: Final = (INVOICES, REQUESTS)
# The secret is stored, and Basware may or may not know it.
PENDING: Final = "a call to subscribe was not finished"
# What the loss rate looks back on.
_COUNTED: Final = timedelta(days=30)
_OURS_TO_HEAR: Final = frozenset(
    {
        *((kind, sub) for kind in DOCUMENT_TYPES for sub in ("", "waitingfortransfer")),
        *((kind, sub) for kind in REQUEST_TYPES for sub in ("", "error")),
    }
)


def look(connector: Connector, *, at_start: bool = False) -> None:
    """Look at subscription and tasks where something is subscribed: at a start, or if the last look is long ago.

    What goes wrong is told in the log and stops nothing.
    """
    try:
        if _is_due(connector) or at_start:
            check(connector)
            find_lost(connector)
    except ConnectorError as error:
        _log.warning("push is looked at later: %s", error)


def _is_due(connector: Connector) -> bool:
    """True where it is time for a look; it counts as made then, whatever comes of it."""
    now = connector.clock.now()
    with connector.store.read() as connection:
        watch = push_watch.get(connection, SUBSCRIPTION)
        last = push_watch.last_look(connection)
    age = timedelta(minutes=connector.settings.webhook.watch_minutes)
    # A look of the future is one from before this machine's clock was set back.
    if watch is None or (last is not None and now - age < last <= now):
        return False
    with connector.store.write() as connection:
        cursors.mark_listed(connection, cursors.TENANT, [TASKS], now)
    return True


def check(connector: Connector, *, finished: bool = False) -> Standing | None:
    """Compare our subscription with Basware's list and keep what is found; None where nothing is subscribed.

    A call to subscribe that broke off stays so until the next one has `finished` it: Basware may know the secret of
    before, and not show which. Raises RetryLater where Basware cannot be asked now.
    """
    with connector.store.read() as connection:
        watch = push_watch.get(connection, SUBSCRIPTION)
    if watch is None:
        return None
    if watch.detail.startswith(PENDING) and not finished:
        return _standing_of(watch)
    found = seen(connector, watch.url)
    _keep(connector, SUBSCRIPTION, found, watch.url)
    return found


def seen(connector: Connector, url: str) -> Standing:
    """Our subscription as Basware lists it now; nothing is kept of it.

    Raises RetryLater where Basware cannot be asked now.
    """
    try:
        listed = connector.push.subscriptions()
    except Fatal as error:
        return Standing("refused", f"Basware does not show its subscriptions: {error}", _GRANT)
    return standing(listed, url, webhook_secret.known(connector))


def standing(listed: Sequence[ListedSubscription], url: str, secrets: Secrets) -> Standing:
    """What the list of subscriptions says of ours at `url`."""
    again = f"run `connector webhook subscribe --url {url}`"
    brought = [one for one in listed if one.covers(INVOICES)]
    ours = [one for one in brought if one.url == url]
    if not brought:
        return Standing("missing", f"Basware has no subscription for {INVOICES}", again)
    if not ours:
        places = ", ".join(sorted({redacted(one.url) or "an address it does not tell" for one in brought}))
        reason = f"Basware's subscription for {INVOICES} goes to {places}"
        return Standing("foreign", reason, f"{again} --replace, or leave the notifications to that address")
    if all(secrets.verdict(one.token) == "differs" for one in ours):
        reason = "Basware signs with another secret than ours, so every notification is refused"
        return Standing("foreign", reason, again)
    if not any(one.url == url and one.covers(REQUESTS) for one in listed):
        return Standing(OURS, f"no subscription for {REQUESTS}: failed records are found by polling alone")
    return Standing(OURS, "")


def find_lost(connector: Connector) -> int:
    """Put the notifications that Basware lists and that never came among those that did; returns how many.

    Raises RetryLater where Basware cannot be asked now.
    """
    begun = connector.clock.now()
    with connector.store.read() as connection:
        watch = push_watch.get(connection, SUBSCRIPTION)
        cursor = cursors.get(connection, cursors.TENANT, TASKS).last_updated
    if watch is None:
        return 0
    since = watch.since - GRACE
    if cursor is not None:
        since = max(since, cursor - timedelta(hours=connector.settings.intake.overlap_hours))
    lost = 0
    newest = cursor
    try:
        for status in (NEW, FAILED):
            for page in connector.push.tasks(status, last_updated=since):
                settled = [task for task in page if _is_settled(task, begun)]
                lost += _take_up(connector, settled)
                newest = max((at for at in (newest, *_moments(settled)) if at), default=None)
    except Fatal as error:
        detail = f"Basware does not show its notifications: {error}"
        _keep(connector, TASKS, Standing("refused", detail, _GRANT), watch.url)
        return lost
    with connector.store.write() as connection:
        # One that failed at once may be newer than one that is on its way; and a moment ahead of our own clock would
        # hide what comes until then.
        cursors.keep(connection, cursors.TENANT, TASKS, min(newest, begun - GRACE) if newest else None)
    _keep(connector, TASKS, Standing("listed", ""), watch.url)
    if lost:
        _log.warning(
            "%d notifications that Basware lists never came; their documents are looked at now", lost
        )
    return lost


def status(connector: Connector) -> PushStatus | None:
    """Push as it was last seen, from our own store; None where nothing is subscribed."""
    with connector.store.read() as connection:
        watch = push_watch.get(connection, SUBSCRIPTION)
        tasks = push_watch.get(connection, TASKS)
        came = push_watch.arrivals(connection, connector.clock.now() - _COUNTED)
    if watch is None:
        return None
    told = came.received + came.lost
    return PushStatus(
        standing=_standing_of(watch),
        url=watch.url,
        since=watch.since,
        checked_at=watch.checked_at,
        tasks=_told_of_tasks(tasks),
        newest_notification=came.newest,
        received=came.received,
        lost=came.lost,
        loss_rate=round(came.lost / told, 4) if told else None,
        polls=tuple(pace.pace_of(connector, company) for company in connector.companies),
    )


_GRANT = "ask Basware to grant the client subscriptions.read and tasks.read; invoices are polled all the same"


def _standing_of(watch: Watch) -> Standing:
    detail, _, remedy = watch.detail.partition("\n")
    return Standing(watch.state, detail, remedy)


def _told_of_tasks(watch: Watch | None) -> str:
    if watch is None:
        return "not looked at yet"
    return watch.detail.partition("\n")[0] or watch.state


def _keep(connector: Connector, subject: str, found: Standing, url: str) -> None:
    """What is seen now; a change for the worse is told in the log, once."""
    detail = f"{found.detail}\n{found.remedy}" if found.remedy else found.detail
    with connector.store.write() as connection:
        changed = push_watch.keep(
            connection, subject, found.state, connector.clock.now(), url=url, detail=detail
        )
    if changed and found.remedy:
        _log.warning("push notifications: %s; %s", found.detail, found.remedy)


def _take_up(connector: Connector, tasks: Iterable[Task]) -> int:
    """Those of the tasks that are for us and never came, as notifications; returns how many."""
    listed = {task.task_id: task for task in tasks if _is_for_us(task)}
    if not listed:
        return 0
    with connector.store.write() as connection:
        return _record(connection, connector.clock.now(), listed)


def _record(connection: Connection, now: datetime, listed: dict[str, Task]) -> int:
    came = notifications.known(connection, list(listed))
    return notifications.record_all(
        connection,
        [
            TaskNotice(
                task_id=task.task_id[:200],
                task_type=task.task_type[:60],
                task_sub_type=task.task_sub_type[:60],
                status=task.status[:60],
                document_id=task.document_id[:200],
                company_code=None,
                body_digest=LISTED,
            )
            for task_id, task in listed.items()
            if task_id not in came
        ],
        now,
    )


def _is_for_us(task: Task) -> bool:
    kind = (task.task_type.strip().casefold(), task.task_sub_type.strip().casefold())
    return kind in _OURS_TO_HEAR and bool(task.document_id)


def _is_settled(task: Task, now: datetime) -> bool:
    """False while the notification may still be on its way: it is looked at again, since the cursor stays before it."""
    return (
        task.status.casefold() != NEW.casefold()
        or task.last_updated is None
        or now - task.last_updated > GRACE
    )


def _moments(tasks: Iterable[Task]) -> list[datetime | None]:
    return [task.last_updated for task in tasks]
