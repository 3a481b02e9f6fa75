"""How many requests may be under way at a time: over all, and at each endpoint.

Here: the seats, and how an endpoint's share of them follows what Basware answers. Not here: repeating a call.

Basware publishes no rate (wire notes 2.24), so the share is found: a 429 or 503 halves it, and ten answers in a row
give one seat back, up to the setting. A Retry-After closes its endpoint until then, and no other. Whoever waits
holds no seat.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_ANSWERS_FOR_A_SEAT: Final = 10


@dataclass
class _Lane:
    share: int
    running: int = 0
    answers: int = 0
    # Grows with every halving: requests that were under way then tell nothing new about the smaller share.
    epoch: int = 0
    closed_until: float = float("-inf")


@dataclass(frozen=True)
class Seat:
    """A request under way at an endpoint, begun under the share of that `epoch`."""

    endpoint: str
    epoch: int


class _Place:
    """One caller in the queue."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint


class Pace:
    """The seats of one tenant; safe to share between threads. `now` are monotonic seconds."""

    def __init__(self, most: int, most_per_endpoint: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._most_per_endpoint = min(most, most_per_endpoint)
        self._now = now
        self._running = 0
        self._lanes: dict[str, _Lane] = defaultdict(lambda: _Lane(self._most_per_endpoint))
        self._waiting: list[_Place] = []
        self._changed = threading.Condition()

    @contextmanager
    def seat(self, endpoint: str) -> Iterator[Seat]:
        """Wait for a seat and hold it for the block. First come, first served among those that could go."""
        with self._changed:
            place = _Place(endpoint)
            self._waiting.append(place)
            try:
                self._changed.wait_for(lambda: self._next() is place)
            finally:
                # Also where Ctrl-C ends the wait: a place that nobody stands in would hold up the others.
                self._waiting.remove(place)
            lane = self._lanes[endpoint]
            lane.running += 1
            self._running += 1
            seat = Seat(endpoint, lane.epoch)
            # The next in the queue may be able to go as well.
            self._changed.notify_all()
        try:
            yield seat
        finally:
            with self._changed:
                self._lanes[endpoint].running -= 1
                self._running -= 1
                self._changed.notify_all()

    def _next(self) -> _Place | None:
        """Whose turn it is: the first in the queue whose endpoint has a seat left."""
        if self._running >= self._most:
            return None
        return next(
            (
                place
                for place in self._waiting
                if self._lanes[place.endpoint].running < self._lanes[place.endpoint].share
            ),
            None,
        )

    def share(self, endpoint: str) -> int:
        """How many requests may be under way at the endpoint now."""
        with self._changed:
            return self._lanes[endpoint].share

    def answered(self, seat: Seat) -> None:
        """Basware took the request in: after enough of these in a row the endpoint has one seat more."""
        with self._changed:
            lane = self._lanes[seat.endpoint]
            if lane.share >= self._most_per_endpoint or seat.epoch != lane.epoch:
                return
            lane.answers += 1
            if lane.answers >= _ANSWERS_FOR_A_SEAT:
                lane.share += 1
                lane.answers = 0
                self._changed.notify_all()

    def hindered(self, seat: Seat, retry_after: float | None) -> None:
        """Basware asked for fewer requests, or for none before `retry_after` seconds have passed."""
        with self._changed:
            lane = self._lanes[seat.endpoint]
            lane.answers = 0
            if seat.epoch == lane.epoch:
                lane.share = max(1, lane.share // 2)
                lane.epoch += 1
            if retry_after:
                lane.closed_until = max(lane.closed_until, self._now() + retry_after)

    def closed_until(self, endpoint: str) -> float:
        """Until when the endpoint takes no requests, in the seconds of `now`; in the past where it is open."""
        with self._changed:
            return self._lanes[endpoint].closed_until

    def left(self, moment: float) -> float:
        """Seconds until `moment`, never below 0."""
        return max(0.0, moment - self._now())
