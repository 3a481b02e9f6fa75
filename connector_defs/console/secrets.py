"""The keys that may have signed a notification, read anew every few seconds: a rotation needs no restart.

Belongs here: when they are read. During a rotation the new key and the one before it are both accepted.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from connector_defs.domain.errors import ConnectorError
from connector_defs.settings import Settings, SettingsError

_SECONDS: Final = 5.0
# Where they lie may be away: then those known are used, and no caller waits longer for it.
_PATIENCE: Final = 1.0
REMEDY: Final = (
    "no key to verify notifications with: set BASWARE_WEBHOOK_SECRET to the token that was given to Basware when the "
    "webhook was subscribed, or run `connector webhook subscribe`, which makes and keeps one, and start this again"
)

_log = logging.getLogger(__name__)

Read = Callable[[], tuple[bytes, ...]]


def keys_of(settings: Settings) -> tuple[bytes, ...]:
    """The keys the settings hold, the newest first."""
    told = (settings.basware.webhook_secret, settings.basware.webhook_secret_previous)
    return tuple(one.get_secret_value().encode() for one in told if one and one.get_secret_value())


def require_keys(settings: Settings) -> None:
    """Raises SettingsError where there is no key at all: nothing could ever be verified."""
    if not keys_of(settings):
        raise SettingsError([REMEDY])


class Keys:
    """The keys as they are now, give or take `seconds`.

    A signature that no known key fits may be the first one of a new key: they are read again, but for forgeries no more
    often than every `doubt_seconds`.
    """

    def __init__(
        self,
        read: Read,
        *,
        doubt_seconds: float,
        seconds: float = _SECONDS,
        patience: float = _PATIENCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._patience = patience
        self._reading: asyncio.Task[None] | None = None
        self._doubt_seconds = doubt_seconds
        self._now = now
        self._known = read()
        self._read_at = now()

    async def current(self) -> tuple[bytes, ...]:
        """The keys to verify with."""
        return await self._not_older_than(self._seconds)

    async def in_doubt(self) -> tuple[bytes, ...]:
        """The keys to verify with once more, where none fitted."""
        return await self._not_older_than(self._doubt_seconds)

    async def _not_older_than(self, seconds: float) -> tuple[bytes, ...]:
        if self._now() - self._read_at >= seconds:
            self._reading = self._reading or asyncio.create_task(self._read_anew())
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._reading), self._patience)
        return self._known

    async def _read_anew(self) -> None:
        try:
            self._known = await asyncio.to_thread(self._read)
        except ConnectorError as error:
            _log.warning("The keys of the webhook could not be read, those known stay in force: %s", error)
        finally:
            self._read_at = self._now()
            self._reading = None
