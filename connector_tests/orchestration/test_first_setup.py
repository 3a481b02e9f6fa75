"""Several commands that make Dagster's tables in one new folder at once."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector_defs.orchestration import running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return tmp_path


def held(home: Path) -> bool:
    with (home / ".setting-up").open("w") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_one_at_a_time_makes_the_tables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def made() -> Any:
        seen.append(held(home))
        return "instance"

    monkeypatch.setattr(dg.DagsterInstance, "get", made)
    assert running._instance_at(home) == "instance"
    assert seen == [True]
    assert not held(home)


def test_a_setup_that_fails_lets_the_next_one_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Any:
        raise OSError("no space left")

    monkeypatch.setattr(dg.DagsterInstance, "get", fails)
    with pytest.raises(OSError, match="no space left"):
        running._instance_at(home)
    assert not held(home)


def test_a_folder_that_is_not_there_is_left_to_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: "its own words")
    assert running._instance_at(tmp_path / "none") == "its own words"
    assert not (tmp_path / "none").exists()


def test_threads_that_use_one_new_folder_at_once_all_get_an_instance(home: Path) -> None:
    def attempt(_: int) -> int:
        with running._instance_at(home) as instance:
            return instance.get_runs_count()

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(attempt, range(3))) == [0, 0, 0]
