"""The schema's version: upgraded by Alembic, checked before anything else touches the store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, inspect, select

from connector_defs.domain.errors import Fatal
from connector_defs.private_files import create
from connector_defs.store.engine import Store, make_engine, store_errors

# Names the lock in PostgreSQL, which knows locks by number.
_SETTING_UP = 7_130_542
_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaOutdated(Fatal):
    """The store has a schema this version does not know."""


@dataclass(frozen=True)
class SchemaStatus:
    """`current` is the store's revision (None for an empty store), `head` the one this version needs."""

    current: str | None
    head: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """True where the store can be used as it is."""
        return self.current == self.head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _status(engine: Engine) -> SchemaStatus:
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head() or ""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return SchemaStatus(current, head)
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        return SchemaStatus(
            current, head, "the store was made by a newer version: install that version of the connector"
        )
    return SchemaStatus(current, head, "run `connector db upgrade`")


def check(state_url: str) -> SchemaStatus:
    """Compare the store's schema with the one this version needs; changes nothing."""
    engine = make_engine(state_url)
    try:
        with store_errors():
            return _status(engine)
    finally:
        engine.dispose()


def status_of(store: Store) -> SchemaStatus:
    """The same for a store that is open."""
    with store_errors():
        return _status(store.engine)


def upgrade(state_url: str) -> str:
    """Bring the store to the newest schema and return its revision."""
    engine = make_engine(state_url)
    try:
        with store_errors():
            return _upgrade(engine)
    finally:
        engine.dispose()


def _upgrade(engine: Engine) -> str:
    status = _status(engine)
    if status.current is not None and status.remedy.startswith("the store was made"):
        raise SchemaOutdated(f"schema {status.current} of the state store is unknown here: {status.remedy}")
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return status.head


def open_store(state_url: str) -> Store:
    """Open the store. A new, empty one is set up; one with another schema is refused with the remedy."""
    engine = make_engine(state_url)
    try:
        with store_errors():
            _make_usable(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def _make_usable(engine: Engine) -> None:
    status = _status(engine)
    if status.current is None:
        with _alone(engine):
            status = _status(engine)
            if status.current is None and not inspect(engine).has_table("invoice"):
                _upgrade(engine)
                return
    if not status.ok:
        raise SchemaOutdated(
            f"the state store has schema {status.current or 'of unknown origin'}, this version needs {status.head}: "
            f"{status.remedy}"
        )


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Nobody else sets the same store up meanwhile: its tables appear one by one."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as gate:
            gate.execute(select(func.pg_advisory_xact_lock(_SETTING_UP)))
            yield
        return
    if not engine.url.database:
        yield
        return
    # A file of its own: SQLite may replace the locks on the store's.
    with os.fdopen(create(Path(f"{engine.url.database}.setting-up")), "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield
