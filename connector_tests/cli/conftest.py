"""The command line as its users meet it: arguments in; exit code, stdout and stderr out."""

import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector_defs.cli import main

OURS = ("SYSPRO_", "BASWARE_", "CONNECTOR_", "DAGSTER_")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def call(*arguments: str) -> Ended:
    """Run `connector` with these arguments in this process."""
    out, err = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(list(arguments))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test runs in a folder of its own, with none of our variables set, and leaves none behind."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in os.environ if name.startswith(OURS) and name not in before]:
        del os.environ[name]


@pytest.fixture
def connector() -> Command:
    """`connector` as a function."""
    return call
