"""Several that set up one new store at once: one does, the others find it done."""

import fcntl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connector_defs.domain.errors import ConnectorError
from connector_defs.store import schema
from connector_defs.store.schema import SchemaStatus, open_store

ROOT = Path(__file__).parents[2]
AT_ONCE = 3


@pytest.fixture
def all_see_an_empty_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody goes on before everybody has seen that nothing is there: the worst that chance could do."""
    everybody, seen = threading.Barrier(AT_ONCE, timeout=20), threading.local()
    look = schema._status

    def status(engine: Engine) -> SchemaStatus:
        found = look(engine)
        if not getattr(seen, "once", False):
            seen.once = True
            everybody.wait()
        return found

    monkeypatch.setattr(schema, "_status", status)


def open_at_once(url: str) -> list[BaseException | None]:
    """What each of several gets that open the store at the same moment."""

    def attempt() -> None:
        open_store(url).close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [under_way.exception() for under_way in [threads.submit(attempt) for _ in range(AT_ONCE)]]


@pytest.mark.usefixtures("all_see_an_empty_store")
def test_threads_that_set_up_one_new_store_at_once_all_get_it(empty_url: str) -> None:
    assert open_at_once(empty_url) == [None] * AT_ONCE
    assert schema.check(empty_url).ok


@pytest.mark.usefixtures("all_see_an_empty_store")
def test_without_the_lock_they_would_collide(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def not_alone(engine: Engine) -> Iterator[None]:
        yield

    monkeypatch.setattr(schema, "_alone", not_alone)
    # By an error of the database, or by finding the tables of another that is not done.
    outcomes = open_at_once(empty_url)
    assert any(isinstance(outcome, Exception) for outcome in outcomes)


def test_processes_that_set_up_one_new_store_at_once_all_get_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/state.db"
    code = f"from connector_defs.store.schema import open_store; open_store({url!r}).close()"
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [(process.communicate()[1][-500:], process.returncode) for process in running] == [("", 0)] * 2
    assert schema.check(url).ok


def test_who_waits_for_the_lock_sets_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.db"
    upgraded = schema._upgrade

    def while_it_is_set_up(engine: Engine) -> str:
        with Path(f"{file}.setting-up").open("w") as gate, pytest.raises(BlockingIOError):
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return upgraded(engine)

    monkeypatch.setattr(schema, "_upgrade", while_it_is_set_up)
    open_store(f"sqlite:///{file}").close()
    with Path(f"{file}.setting-up").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_setup_that_fails_lets_the_next_one_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/state.db"

    def breaks(engine: Engine) -> str:
        raise ConnectorError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(schema, "_upgrade", breaks)
        with pytest.raises(ConnectorError, match="the disk is full"):
            open_store(url)
    open_store(url).close()
    assert schema.check(url).ok
