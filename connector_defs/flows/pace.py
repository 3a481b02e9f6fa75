"""When a company is polled next, and what its polls found that push had not told.

The rule is `domain.polling_pace`, the rows are `store.polls`; here both meet the settings and the clock.
"""

from datetime import datetime

from sqlalchemy import Connection

from connector_defs.domain.polling_pace import Bounds, LastPoll, seconds_until_poll
from connector_defs.flows.push_reports import OURS, PollPace
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import polls, push_watch
from connector_defs.store.push_watch import Watch

# A client that may not look whether its subscription is there is judged by what comes.
_IN_USE = frozenset({OURS, "refused"})


def until_poll(connector: Connector, company: CompanySettings) -> int:
    """Seconds until the company is to be polled; 0 where it is now. Reads our own store alone.

    Whoever asks comes by once in the shortest interval, and may come a little early: the poll goes to the nearest time.
    """
    left = pace_of(connector, company).next_poll_seconds
    return left if left > connector.settings.schedules.invoice_poll_seconds / 2 else 0


def pace_of(connector: Connector, company: CompanySettings) -> PollPace:
    """The same with what it follows from."""
    now = connector.clock.now()
    with connector.store.read() as connection:
        last = polls.get(connection, company.syspro_company)
        watch = _in_use(connection)
        missed: list[datetime] = []
        proof = None
        if watch is not None:
            # What the last poll found is judged some minutes later, not with the next one.
            missed = polls.missed_since(connection, last, watch.since, now)
            after = max([watch.since, *missed, *([last.missed_at] if last.missed_at else [])])
            proof = push_watch.proof(connection, after)
    bounds = Bounds(
        connector.settings.schedules.invoice_poll_seconds,
        connector.settings.webhook.stretched_poll_seconds,
    )
    seconds = seconds_until_poll(LastPoll(last.polled_at, bool(last.left_over)), proof, bounds, now)
    return PollPace(
        company.syspro_company,
        last.polled_at,
        round(seconds),
        last.missed + len(missed),
        max(missed, default=last.missed_at),
    )


def polled(connector: Connector, company: CompanySettings, *, left: bool) -> int:
    """The company was polled just now; returns how many invoices turn out to have been missed by push.

    `left` tells whether the poll showed invoices that are still to be taken in.
    """
    now = connector.clock.now()
    with connector.store.write() as connection:
        polls.note(connection, company.syspro_company, now, left=left)
        watch = _in_use(connection)
        return polls.judge(connection, company.syspro_company, watch.since, now) if watch else 0


def _in_use(connection: Connection) -> Watch | None:
    watch = push_watch.get(connection, push_watch.SUBSCRIPTION)
    return watch if watch is not None and watch.state in _IN_USE else None
