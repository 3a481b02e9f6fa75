"""Whether notifications can be taken in now, and how many wait: for whoever watches over the process.

Belongs here: the questions to the store. It is asked once a second at most, however often somebody asks.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from connector_defs.domain.clock import Clock
from connector_defs.domain.errors import ConnectorError
from connector_defs.store import notifications, schema
from connector_defs.store.engine import Store
from connector_defs.store.notifications import Backlog

_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Condition:
    """What was found. `backlog` is None where the store does not answer."""

    store: bool
    schema: bool
    key: bool = False
    backlog: Backlog | None = None
    looked_at: datetime | None = None

    @property
    def ready(self) -> bool:
        """True where a notification would be taken in."""
        return self.store and self.schema and self.key

    @property
    def oldest_seconds(self) -> float | None:
        """Age of the oldest open notification."""
        if self.backlog is None or self.backlog.oldest is None or self.looked_at is None:
            return None
        return max(0.0, (self.looked_at - self.backlog.oldest).total_seconds())


class Health:
    """The condition, as of a second ago at most."""

    def __init__(self, store: Store, clock: Clock, *, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._lock = asyncio.Lock()
        self._found: Condition | None = None
        self._found_at = 0.0

    async def condition(self, keys: tuple[bytes, ...]) -> Condition:
        """Look, or tell what was found just now; `keys` as they are now."""
        async with self._lock:
            if self._found is None or self._now() - self._found_at >= _SECONDS:
                self._found = await asyncio.to_thread(self._look)
                self._found_at = self._now()
            return replace(self._found, key=bool(keys))

    def _look(self) -> Condition:
        try:
            if not schema.status_of(self._store).ok:
                return Condition(store=True, schema=False)
            with self._store.read() as connection:
                backlog = notifications.backlog(connection)
        except ConnectorError as error:
            _log.warning("The state store does not answer: %s", error)
            return Condition(store=False, schema=False)
        return Condition(store=True, schema=True, backlog=backlog, looked_at=self._clock.now())
