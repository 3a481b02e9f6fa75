"""A process is known again by its mark, and taken for dead only where that is certain."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from connector_defs import processes
from connector_defs.processes import is_dead, mark_of, numbering


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_it_lives_until_it_has_ended(child: subprocess.Popen[bytes]) -> None:
    mark = mark_of(child.pid)
    assert not is_dead(mark)
    child.kill()
    child.wait()
    assert is_dead(mark)


def test_one_that_is_dead_and_not_yet_buried_is_dead(child: subprocess.Popen[bytes]) -> None:
    mark = mark_of(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(mark)


def test_a_later_process_with_its_number_is_another_one() -> None:
    assert not is_dead(mark_of(os.getpid()))
    assert is_dead(f"{mark_of(os.getpid())}0")


def test_of_another_host_nothing_is_known() -> None:
    assert not is_dead(f"another-{mark_of(os.getpid())}0")


def test_one_that_is_not_ours_to_signal_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert not is_dead(f"{mark_of(os.getpid())}0")


def test_where_the_system_tells_nothing_a_number_that_is_in_use_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_start_of", lambda _: None)
    assert not is_dead(mark_of(os.getpid()))


def test_all_processes_of_a_host_are_numbered_alike() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from connector_defs.processes import numbering; print(numbering())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == numbering()
