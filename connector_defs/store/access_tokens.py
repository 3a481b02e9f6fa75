"""The access token that all processes share: kept sealed, fetched by one of them at a time.

What a token is, and how long it is good, its user says (`basware.oauth`); here it is a text. A store that is away keeps
nobody from fetching a token for himself: the kept one saves requests, nothing depends on it.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from sqlalchemy import select, update

from connector_defs.domain.clock import Clock
from connector_defs.domain.errors import ConnectorError
from connector_defs.store.engine import Store
from connector_defs.store.leases import Lease, Leases, LeaseTaken
from connector_defs.store.seal import Seal
from connector_defs.store.sealed import TOKENS
from connector_defs.store.tables import access_token
from connector_defs.store.upsert import upsert

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.05


class AccessTokens:
    """Keeps one token for each client. `seconds` is the longest that fetching one may take."""

    def __init__(self, store: Store, seal: Seal, clock: Clock, seconds: float) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._leases = Leases(store, clock, seal, seconds)

    def obtain(self, client: str, is_good: Callable[[str], bool], fetch: Callable[[], str]) -> str:
        """The kept token where it is good, else the one that `fetch` brings, which is kept for all others.

        While one process fetches, the others wait for what it brings. What `fetch` raises is raised.
        """
        while (kept := self._kept(client, is_good)) is None:
            try:
                with self._as_only_one(client):
                    # Another process may have brought one since we looked.
                    kept = self._kept(client, is_good)
                    if kept is None:
                        kept = fetch()
                        self._keep(client, kept)
                    return kept
            except LeaseTaken:
                self._clock.wait(_PAUSE_SECONDS)
        return kept

    def reject(self, client: str, token: str) -> None:
        """This very token was refused; a newer one that is kept by now stays."""
        with suppress(ConnectorError), self._store.write() as connection:
            connection.execute(
                update(access_token)
                .where(access_token.c.client == client, access_token.c.digest == _digest(token))
                .values(sealed=None)
            )

    def _kept(self, client: str, is_good: Callable[[str], bool]) -> str | None:
        try:
            with self._store.read() as connection:
                sealed = connection.scalar(
                    select(access_token.c.sealed).where(access_token.c.client == client)
                )
            token = self._seal.open(TOKENS.bound_to(client), sealed) if sealed else None
        except ConnectorError as error:
            logger.warning("The kept access token cannot be looked up: %s", error)
            return None
        return token if token is not None and is_good(token) else None

    def _keep(self, client: str, token: str) -> None:
        try:
            row = {
                "client": client,
                "sealed": self._seal.close(TOKENS.bound_to(client), token),
                "digest": _digest(token),
                "changed_at": self._clock.now(),
            }
            with self._store.write() as connection:
                upsert(connection, access_token, [row])
        except ConnectorError as error:
            logger.warning("The access token cannot be kept for other processes: %s", error)

    @contextmanager
    def _as_only_one(self, client: str) -> Iterator[None]:
        """Raises LeaseTaken where another process fetches; a store that is away lets everybody fetch."""
        lease = self._leases.hold(f"token/{client}")
        with ExitStack() as held:
            try:
                lease.__enter__()
            except LeaseTaken:
                raise
            except ConnectorError as error:
                logger.warning("The access token is fetched without a lease: %s", error)
            else:
                held.callback(_give_back, lease)
            yield


def _give_back(lease: AbstractContextManager[Lease]) -> None:
    with suppress(ConnectorError):
        lease.__exit__(None, None, None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
