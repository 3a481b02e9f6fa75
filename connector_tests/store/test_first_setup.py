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
from sqlalchemy import Engine, text

from connector_defs.domain.errors import ConnectorError
from connector_defs.store import schema
from connector_defs.store.schema import SchemaOutdated, open_store

ROOT = Path(__file__).parents[2]


class HalfWay:
    """The first that sets the store up has one table of it when the second one comes, and goes on once that is done.

    Whoever waits for the lock is not done; then the first goes on after a moment.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._begun, self._second_done = threading.Event(), threading.Event()
        self._upgrade = schema._upgrade
        monkeypatch.setattr(schema, "_upgrade", self._slowly)

    def _slowly(self, engine: Engine) -> str:
        if not self._begun.is_set():
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE invoice (id INTEGER)"))
            self._begun.set()
            self._second_done.wait(0.3)
            with engine.begin() as connection:
                connection.execute(text("DROP TABLE invoice"))
        return self._upgrade(engine)

    def outcomes(self, url: str) -> list[BaseException | None]:
        """What the first and the second get."""

        def second() -> None:
            try:
                open_store(url).close()
            finally:
                self._second_done.set()

        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(lambda: open_store(url).close())
            assert self._begun.wait(20)
            meanwhile = threads.submit(second)
            return [first.exception(), meanwhile.exception()]


def test_two_that_set_up_one_new_store_at_once_both_get_it(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HalfWay(monkeypatch).outcomes(empty_url) == [None, None]
    assert schema.check(empty_url).ok


def test_without_the_lock_the_second_would_meet_half_a_store(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def not_alone(engine: Engine) -> Iterator[None]:
        yield

    monkeypatch.setattr(schema, "_alone", not_alone)
    first, second = HalfWay(monkeypatch).outcomes(empty_url)
    assert first is None
    assert isinstance(second, SchemaOutdated)


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
