"""Verified notifications into the store: durable before anybody is told so, many in one commit.

A commit that survives a power cut costs milliseconds, and SQLite takes one writer at a time. So one thread writes: what
arrives while a commit is under way goes into the next one together, and each caller is answered after its own. Once a
day the same thread sweeps out what was settled long ago.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connector_defs.console.metrics import Metrics
from connector_defs.domain.clock import Clock
from connector_defs.domain.errors import LaneBlocked
from connector_defs.store import notifications
from connector_defs.store.engine import Store
from connector_defs.store.notifications import TaskNotice

_AT_ONCE: Final = 500
# A settled notification is kept as long as somebody might ask what became of it.
_KEPT: Final = timedelta(days=30)
_BETWEEN_SWEEPS: Final = timedelta(days=1)

_log = logging.getLogger(__name__)


class StoreAway(LaneBlocked):
    """The notification is not known to be durable; the sender may send it again."""


@dataclass
class _Waiting:
    """A notification and who waits for it; `note` settles it at once. Nobody waits any more: `given_up`."""

    task: TaskNotice
    note: str | None
    answer: asyncio.Future[None]
    given_up: bool = False


class Inbox:
    """The one writer. Open from construction to `close`; `keep` is for one event loop."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics, *, answer_within: float) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._answer_within = answer_within
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._swept_at: datetime | None = None
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
        self._thread.start()

    async def keep(self, task: TaskNotice, note: str | None = None) -> None:
        """Return once the notification is durable, with `note` as a settled one. Raises StoreAway."""
        begun = time.monotonic()
        waiting = _Waiting(task, note, asyncio.get_running_loop().create_future())
        self._queue.put(waiting)
        try:
            async with asyncio.timeout(self._answer_within):
                await waiting.answer
        except TimeoutError:
            raise StoreAway(f"the state store did not take it within {self._answer_within:g} s") from None
        finally:
            waiting.given_up = True
        self._metrics.stored.observe(time.monotonic() - begun)

    def close(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        goes_on = True
        while goes_on:
            batch: list[_Waiting] = []
            waiting = self._queue.get()
            while waiting is not None:
                batch.append(waiting)
                if len(batch) == _AT_ONCE or self._queue.empty():
                    break
                waiting = self._queue.get()
            goes_on = waiting is not None
            self._write([one for one in batch if not one.given_up])
            self._sweep()

    def _sweep(self) -> None:
        now = self._clock.now()
        if self._swept_at is not None and now - self._swept_at < _BETWEEN_SWEEPS:
            return
        self._swept_at = now
        try:
            with self._store.write() as connection:
                notifications.forget(connection, now - _KEPT)
        except Exception as error:  # noqa: BLE001 - there is no haste; this thread goes on
            _log.warning("Old notifications stay for another day: %s", type(error).__name__)

    def _write(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        failure: Exception | None = None
        new = 0
        try:
            now = self._clock.now()
            with self._store.write() as connection:
                new = notifications.record_all(
                    connection, [one.task for one in batch if one.note is None], now
                )
                for one in batch:
                    if one.note is not None:
                        notifications.record_settled(connection, one.task, now, one.note)
        except Exception as error:  # noqa: BLE001 - whatever it is, this thread goes on and nobody is told 200
            _log.error("%d notifications could not be stored: %s", len(batch), type(error).__name__)
            failure = error
        try:
            batch[0].answer.get_loop().call_soon_threadsafe(self._tell, batch, new, failure)
        except RuntimeError:
            # The loop is gone, and with it everybody who waited.
            return

    def _tell(self, batch: Sequence[_Waiting], new: int, failure: Exception | None) -> None:
        self._metrics.new += new
        for one in batch:
            if one.answer.done():
                continue
            if failure is None:
                one.answer.set_result(None)
            else:
                told = str(failure) if isinstance(failure, LaneBlocked) else type(failure).__name__
                one.answer.set_exception(StoreAway(told))
