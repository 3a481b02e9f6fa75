"""When a sensor asks for a run, and when it waits: a condition that stays true must not start runs for ever.

Belongs here: the sensor's cursor and the one rule on it. Pure: the clock is given.

A run answers for what was seen. Something new is worth a run at once; the same things seen again are worth
one only after a delay that doubles each time, because the last run did not clear them.
"""

import json
from collections.abc import Iterable, Set
from dataclasses import dataclass
from hashlib import sha256

LONGEST_DELAY_SECONDS = 900.0
_MANY_DOUBLINGS = 20


@dataclass(frozen=True)
class Cursor:
    """What was there at the last run, how often it was there again since, and when it is worth the next run."""

    seen: frozenset[str] = frozenset()
    repeats: int = 0
    not_before: float = 0.0

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The cursor Dagster kept; a fresh one where there is none or it cannot be read."""
        try:
            kept = json.loads(text or "{}")
            return cls(
                frozenset(str(token) for token in kept["seen"]),
                int(kept["repeats"]),
                float(kept["not_before"]),
            )
        except (ValueError, KeyError, TypeError):
            return cls()

    def write(self) -> str:
        """As JSON, for Dagster to keep."""
        return json.dumps({"seen": sorted(self.seen), "repeats": self.repeats, "not_before": self.not_before})


@dataclass(frozen=True)
class Decision:
    """Run or not, the cursor to keep, and the reason in words."""

    run: bool
    cursor: Cursor
    reason: str


def token(*parts: str) -> str:
    """A short stand-in for one thing seen: cursors stay small and name no invoice."""
    return sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def decide(
    cursor: Cursor, present: Iterable[str], *, now: float, delay: float, overlooked: Iterable[str] = ()
) -> Decision:
    """`present` are the tokens of what waits now, `now` epoch seconds, `delay` the first delay in seconds.

    Tokens that begin with one of `overlooked` were not looked for this time: those seen before are kept as they were.
    """
    waiting: Set[str] = frozenset(present)
    kept = {seen for seen in cursor.seen if seen.startswith(tuple(overlooked))} - waiting
    if not waiting:
        return Decision(False, cursor if kept else Cursor(), "nothing waits")
    new = waiting - cursor.seen
    waiting |= kept
    if new:
        return Decision(True, Cursor(frozenset(waiting), 0, now + delay), f"{len(new)} new of {len(waiting)}")
    if now < cursor.not_before:
        left = round(cursor.not_before - now)
        return Decision(
            False,
            cursor,
            f"{len(waiting)} wait that the last run did not clear; the next attempt is in {left} s",
        )
    repeats = min(cursor.repeats + 1, _MANY_DOUBLINGS)
    pause = min(delay * 2**repeats, LONGEST_DELAY_SECONDS)
    return Decision(
        True, Cursor(frozenset(waiting), repeats, now + pause), f"{len(waiting)} again, attempt {repeats + 1}"
    )
