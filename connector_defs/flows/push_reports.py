"""What the flows of push notifications tell: subscriptions, how push works, how companies are polled. No secret.

Belongs here: plain records that every layer may show.
"""

from dataclasses import dataclass
from datetime import datetime

OURS = "ours"


@dataclass(frozen=True)
class Standing:
    """Our subscription as Basware lists it, and what to do where it is not as it should be.

    `state`: ours, missing, foreign (another address, or another secret), or refused where Basware does not show it.
    """

    state: str
    detail: str
    remedy: str = ""

    @property
    def sound(self) -> bool:
        """True where notifications can come."""
        return self.state == OURS


@dataclass(frozen=True)
class ShownSubscription:
    """One subscription; `secret` says how Basware's compares with ours (matches, previous, differs, not told)."""

    task_type: str
    task_sub_type: str
    subscription_type: str
    url: str
    secret: str
    last_updated: str
    ours: bool


@dataclass(frozen=True)
class Subscriptions:
    """What is subscribed, and where ours stands; None where nothing was subscribed from here."""

    listed: tuple[ShownSubscription, ...]
    standing: Standing | None


@dataclass(frozen=True)
class Subscribed:
    """What became of a call to subscribe. `asked` are the kinds asked for now: none where all were there."""

    url: str
    asked: tuple[str, ...]
    new_secret: bool
    notes: tuple[str, ...]
    standing: Standing


@dataclass(frozen=True)
class Unsubscribed:
    """What was deleted, by kind, and what is still subscribed."""

    deleted: tuple[str, ...]
    left: tuple[ShownSubscription, ...]


@dataclass(frozen=True)
class PollPace:
    """How one company is polled at present; `missed` counts the invoices that push did not tell of."""

    company: str
    polled_at: datetime | None
    next_poll_seconds: int
    missed: int
    missed_at: datetime | None


@dataclass(frozen=True)
class PushStatus:
    """Push as it was last seen.

    `loss_rate` is the share of the notifications of the last 30 days that never came, None where there were none.
    `tasks` says whether Basware's own list of them can be compared.
    """

    standing: Standing
    url: str
    since: datetime
    checked_at: datetime
    tasks: str
    newest_notification: datetime | None
    received: int
    lost: int
    loss_rate: float | None
    polls: tuple[PollPace, ...]


@dataclass
class HintReport:
    """What one look at the open notifications brought; `trouble` is what kept some of them open."""

    open: int = 0
    fetched: int = 0
    received: int = 0
    settled: int = 0
    trouble: str = ""
