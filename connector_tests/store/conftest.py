"""The state store on both databases: a test that asks for `store` or `state_url` runs once on each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from connector_defs.store.engine import Store, make_engine
from connector_defs.store.schema import open_store
from connector_defs.store.tables import metadata
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
def state_url(empty_url: str) -> str:
    """URL of a store of the test's own, set up."""
    open_store(empty_url).close()
    return empty_url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was set up and holds nothing, to be copied."""
    file = tmp_path_factory.mktemp("template") / "state.db"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def postgres_place(request: pytest.FixtureRequest) -> str:
    """URL of a PostgreSQL place that was set up and is emptied between tests."""
    return str(request.getfixturevalue("postgres").database())


@pytest.fixture
def store(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open store with nothing in it; at `state_url` where the test asks for that too."""
    if "state_url" in request.fixturenames:
        url = request.getfixturevalue("state_url")
    elif backend == "postgresql":
        url = request.getfixturevalue("postgres_place")
    else:
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), tmp_path)}"
    opened = Store(make_engine(url))
    yield opened
    if backend == "postgresql":
        with opened.write() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
    opened.close()


@pytest.fixture
def clock() -> SetClock:
    """Noon of 31 January 2026 until it is set."""
    return SetClock()
