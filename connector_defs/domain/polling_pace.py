"""How often Basware is polled while push notifications work: ever more rarely, and often again once they fail.

Pure: instants in, seconds out. A poll costs a call and finds what push lost; push costs nothing and is trusted as far
as it has shown itself. The time between two polls is the time that push has worked without a miss, so it doubles from
poll to poll, between the two bounds that are settings. Nothing is counted up: a restart, or a poll more or less,
changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A notification may come so long after a poll has found its invoice, and still counts as having come.
GRACE: Final = timedelta(minutes=5)
# After a silence of this length nothing shows any more that push works.
PROOF_LASTS: Final = timedelta(days=7)


@dataclass(frozen=True)
class Bounds:
    """Seconds between two polls: without push, and at most with it."""

    shortest: float
    longest: float


@dataclass(frozen=True)
class PushProof:
    """What shows that push works: the first notification since it last missed an invoice, and the newest one.

    None where there was none since.
    """

    since: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True)
class LastPoll:
    """When a company was last polled, None for never; `left` where it showed what is not taken in yet."""

    at: datetime | None = None
    left: bool = False


def seconds_until_poll(last: LastPoll, push: PushProof | None, bounds: Bounds, now: datetime) -> float:
    """Seconds until the next poll is due, 0 where it is due now. `push` is None where nobody subscribed.

    A last poll in the future is one from before this machine's clock was set back: it says nothing.
    """
    if last.at is None or last.at > now:
        return 0.0
    due = last.at + timedelta(seconds=_interval(last.at, last.left, push, bounds, now))
    return max((due - now).total_seconds(), 0.0)


def _interval(polled: datetime, left: bool, push: PushProof | None, bounds: Bounds, now: datetime) -> float:
    if left or push is None or push.since is None or push.newest is None:
        return bounds.shortest
    if now - push.newest > PROOF_LASTS:
        return bounds.shortest
    worked = (polled - push.since).total_seconds()
    return max(bounds.shortest, min(worked, bounds.longest))


def was_missed(found: datetime, notified: datetime | None) -> bool:
    """True where polling found an invoice that no notification told of, up to a short while later."""
    return notified is None or notified - found > GRACE
