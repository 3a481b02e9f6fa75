"""What tests of every package share: an unwatched terminal, untouched log levels, one PostgreSQL for all."""

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from connector_defs.domain import known_secrets
from connector_tests.postgres import Postgres

# The time one example takes says nothing on a machine that runs several workers.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


# Loggers whose level the command line, or a library it starts, sets for its whole process.
_TOUCHED = ("httpx", "httpcore", "uvicorn", "alembic", "connector_defs")


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal width from outside, no log level and no secret that an earlier test left behind."""
    known_secrets.forget_all()
    monkeypatch.delenv("COLUMNS", raising=False)
    for name in _TOUCHED:
        logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger(name).disabled = False


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this session's own, reached over a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="connector-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        runtime = Path(folder, "run")
        runtime.mkdir(mode=0o700)
        # pgserver asks for it when it is imported, and warns where there is none.
        if not os.environ.get("XDG_RUNTIME_DIR"):
            patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        with Postgres.running(Path(folder, "data")) as server:
            yield server
