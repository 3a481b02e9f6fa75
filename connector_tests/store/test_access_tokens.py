"""The shared access token: one request for all who ask at once, whatever becomes of the store."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from connector_defs.domain.clock import SystemClock
from connector_defs.domain.errors import Fatal, LaneBlocked, RetryLater
from connector_defs.store.access_tokens import AccessTokens
from connector_defs.store.engine import Store
from connector_defs.store.leases import Leases
from connector_defs.store.tables import access_token, lease
from connector_tests.store.builders import SetClock, seal_under

KEY = Fernet.generate_key().decode()
CLIENT = "c" * 64


class Tokens:
    """Fetches "token 1", "token 2" and so on; no sealed text can hold a blank by chance."""

    def __init__(self) -> None:
        self.fetched = 0
        self.rejected: set[str] = set()

    def fetch(self) -> str:
        self.fetched += 1
        return f"token {self.fetched}"

    def is_good(self, token: str) -> bool:
        return token not in self.rejected


def process(store: Store, clock: SetClock | SystemClock | None = None, key: str = KEY) -> AccessTokens:
    """What one process has of the shared token."""
    return AccessTokens(store, seal_under(key), clock or SetClock(), 60)


def test_what_one_process_fetched_the_others_use(store: Store) -> None:
    tokens = Tokens()
    for _ in range(3):
        assert process(store).obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 1"
    assert tokens.fetched == 1
    with store.read() as connection:
        sealed, digest = connection.execute(select(access_token.c.sealed, access_token.c.digest)).one()
    assert b"token 1" not in sealed
    assert "token 1" not in digest


def test_each_client_has_a_token_of_its_own(store: Store) -> None:
    tokens = Tokens()
    assert process(store).obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 1"
    assert process(store).obtain("d" * 64, tokens.is_good, tokens.fetch) == "token 2"


def test_a_hundred_callers_of_four_processes_cause_one_request(store: Store) -> None:
    tokens, start = Tokens(), threading.Barrier(100)
    processes = [process(store, SystemClock()) for _ in range(4)]
    # Threads of one process wait for one another already, so that one of each comes here at a time.
    gates = [threading.Lock() for _ in processes]

    def ask(number: int) -> str:
        start.wait(timeout=60)
        with gates[number % 4]:
            return processes[number % 4].obtain(CLIENT, tokens.is_good, tokens.fetch)

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(ask, range(100))) == {"token 1"}
    assert tokens.fetched == 1


def test_exactly_the_refused_token_is_dropped(store: Store) -> None:
    tokens, one, other = Tokens(), process(store), process(store)
    assert one.obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 1"
    one.reject(CLIENT, "token 1")
    assert other.obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 2"
    one.reject(CLIENT, "token 1")
    assert one.obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 2"
    assert tokens.fetched == 2


def test_one_that_is_no_longer_good_is_replaced(store: Store) -> None:
    tokens = Tokens()
    process(store).obtain(CLIENT, tokens.is_good, tokens.fetch)
    tokens.rejected.add("token 1")
    assert process(store).obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 2"


def test_one_that_no_key_opens_or_that_was_put_in_anothers_place_is_replaced(store: Store) -> None:
    tokens = Tokens()
    process(store).obtain(CLIENT, tokens.is_good, tokens.fetch)
    assert (
        process(store, key=Fernet.generate_key().decode()).obtain(CLIENT, tokens.is_good, tokens.fetch)
        == "token 2"
    )
    process(store).obtain("d" * 64, tokens.is_good, tokens.fetch)
    with store.write() as connection:
        other = connection.scalar(select(access_token.c.sealed).where(access_token.c.client == "d" * 64))
        connection.execute(update(access_token).where(access_token.c.client == CLIENT).values(sealed=other))
    assert process(store).obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 4"


def test_a_refusal_reaches_the_caller_and_the_next_one_may_try(store: Store) -> None:
    def refuse() -> str:
        raise Fatal("the client is refused")

    with pytest.raises(Fatal, match="the client is refused"):
        process(store).obtain(CLIENT, lambda _: True, refuse)
    tokens = Tokens()
    assert process(store).obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 1"


def test_who_waits_takes_over_where_the_one_who_fetches_never_comes_back(store: Store) -> None:
    clock, tokens = SetClock(), Tokens()
    Leases(store, clock, seal_under(KEY), 0.5)._take(f"token/{CLIENT}")
    with store.write() as connection:
        connection.execute(update(lease).values(owner="another-host:1:abc"))
    assert process(store, clock).obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 1"


def test_the_token_that_comes_while_we_wait_is_taken(store: Store) -> None:
    tokens = Tokens()

    class Bringing(SetClock):
        """While we wait, the other process brings its token."""

        def wait(self, seconds: float) -> None:
            process(store)._keep(CLIENT, "theirs")
            super().wait(seconds)

    clock = Bringing()
    Leases(store, clock, seal_under(KEY), 60)._take(f"token/{CLIENT}")
    assert process(store, clock).obtain(CLIENT, tokens.is_good, tokens.fetch) == "theirs"
    assert tokens.fetched == 0


class Away(Store):
    """A store that is away, from the first or from a later transaction on."""

    def __init__(self, store: Store, writes: int) -> None:
        super().__init__(store.engine)
        self.writes = writes

    @contextmanager
    def write(self) -> Iterator[object]:  # type: ignore[override]
        if self.writes <= 0:
            raise LaneBlocked("the state store is not available")
        self.writes -= 1
        with super().write() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[object]:  # type: ignore[override]
        if self.writes <= 0:
            raise LaneBlocked("the state store is not available")
        with super().read() as connection:
            yield connection


@pytest.mark.parametrize("writes", range(3))
def test_a_store_that_is_away_keeps_nobody_from_a_token(store: Store, writes: int) -> None:
    """Away from the start, once the lease is taken, or once the token is kept."""
    tokens = Tokens()
    away = process(Away(store, writes))
    assert away.obtain(CLIENT, tokens.is_good, tokens.fetch) == "token 1"
    away.reject(CLIENT, "token 1")


def test_what_the_fetch_raises_is_not_taken_for_the_store(store: Store) -> None:
    calls = []

    def later() -> str:
        calls.append(1)
        raise RetryLater("Basware's token endpoint answered 503")

    with pytest.raises(RetryLater, match="503"):
        process(store).obtain(CLIENT, lambda _: True, later)
    assert calls == [1]
