"""The pair most tests of the flows start from, and what makes hundreds of them quick."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_defs.store.schema import upgrade
from connector_tests.flows.pair import Pair, open_pair
from connector_tests.flows.prepared import Prepared
from connector_tests.flows.push_scene import NO_SECRET


@pytest.fixture(scope="session", autouse=True)
def one_set_of_certificates() -> Iterator[None]:
    """Every HTTP client reads the CA bundle, 45 ms each, which loopback never needs: read it once."""
    context = ssl.create_default_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", lambda *_, **__: context)
        yield


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state store that holds nothing yet, to be copied: making one takes 130 ms."""
    path = tmp_path_factory.mktemp("store") / "state.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def folder(tmp_path: Path, empty_store: Path) -> Path:
    """Where a connector may keep its state and its staged tables."""
    shutil.copy(empty_store, tmp_path / "state.db")
    return tmp_path


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """A small SYSPRO company, an empty Basware, and a connector that has one mapping."""
    with open_pair(folder) as opened:
        opened.map()
        yield opened


@pytest.fixture
def site(folder: Path) -> Iterator[Pair]:
    """A pair that nobody notifies, without a secret of the webhook."""
    with open_pair(folder, **NO_SECRET) as opened:
        yield opened


@pytest.fixture(scope="session")
def all_staged(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Prepared:
    """The same after all its tables were staged, to be copied."""
    home = tmp_path_factory.mktemp("staged")
    shutil.copy(empty_store, home / "state.db")
    return Prepared.by(Pair.stage, home)


@pytest.fixture(scope="session")
def all_published(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Prepared:
    """The same after its first load of master data and orders, to be copied."""
    home = tmp_path_factory.mktemp("published")
    shutil.copy(empty_store, home / "state.db")
    return Prepared.by(Pair.sync, home)


@pytest.fixture
def staged(tmp_path: Path, all_staged: Prepared) -> Iterator[Pair]:
    """A small company, staged, nothing published yet."""
    with all_staged.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def published(tmp_path: Path, all_published: Prepared) -> Iterator[Pair]:
    """A small company after its first load of master data and orders."""
    with all_published.open(tmp_path) as opened:
        yield opened
