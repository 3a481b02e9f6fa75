"""The state store on both databases: a test that asks for `store` or `state_url` runs once on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_defs.store.engine import Store
from connector_defs.store.schema import open_store
from connector_tests.store.builders import SetClock

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Name of the database the test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a store that was never set up."""
    if backend == "postgresql":
        return str(request.getfixturevalue("postgres").empty_database())
    return f"sqlite:///{tmp_path}/state/state.db"


@pytest.fixture
def state_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a store that can be opened at once."""
    if backend == "postgresql":
        return str(request.getfixturevalue("postgres").database())
    url = f"sqlite:///{tmp_path}/state.db"
    open_store(url).close()
    return url


@pytest.fixture
def store(state_url: str) -> Iterator[Store]:
    """The open store."""
    opened = open_store(state_url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SetClock:
    """Noon of 31 January 2026 until it is set."""
    return SetClock()
