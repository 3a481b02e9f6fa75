"""One way into the state store: short write transactions, plain reads, SQLite and PostgreSQL alike.

SQLite runs in WAL mode with synchronous=FULL, so that a committed intent survives a power cut. Every write
transaction takes the write lock at once (BEGIN IMMEDIATE), because upgrading a read lock under
concurrent writers fails instead of waiting.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError

from connector_defs.domain.errors import Fatal, LaneBlocked, RetryLater
from connector_defs.private_files import make_file, make_folder

_BUSY_SECONDS = 30


class Store:
    """The open state store. Share one between threads; each transaction has its own connection."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits on leaving and rolls back on any exception."""
        with store_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read that takes no write lock; all its queries see the store as it was at the first one."""
        with store_errors(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            else:
                connection.execution_options(reads_only=True)
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def database_url(url: str) -> URL:
    """CONNECTOR_STATE_URL, read. Raises Fatal where it is none; the text holds nothing of it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Fatal(
            "CONNECTOR_STATE_URL is not a database URL: use sqlite:///path/to/state.db or postgresql://host/database, "
            "with the signs @ : / in a password written as %40 %3A %2F"
        ) from None
    if "@" in (parsed.host or ""):
        # Told as an unknown host, the rest of the password would be told with it.
        raise Fatal("CONNECTOR_STATE_URL holds more than one @: write %40 for the one in the password")
    return parsed


def make_engine(url: str, *, patience: float | None = None) -> Engine:
    """The engine for CONNECTOR_STATE_URL; a SQLite file and its folder are made, for their owner alone.

    `patience` is how many seconds one that must answer at once waits for a lock, or for the server. The engine's
    errors name no parameter. Raises Fatal on a bad URL.
    """
    parsed = database_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return _postgresql(parsed, patience)
    if backend != "sqlite":
        raise Fatal(f"CONNECTOR_STATE_URL names {backend}: the state store runs on sqlite or postgresql")
    if parsed.database and parsed.database != ":memory:":
        file = Path(parsed.database)
        folder = file.parent
        try:
            make_folder(folder)
        except OSError as error:
            raise Fatal(
                f"the folder {folder} of CONNECTOR_STATE_URL cannot be made ({error.strerror}): correct the path"
            ) from None
        # SQLite gives its -wal and -shm the mode of this file. Where it cannot be made, SQLite says why.
        with suppress(OSError):
            make_file(file)
    waits = {"timeout": _BUSY_SECONDS if patience is None else patience}
    engine = create_engine(parsed, connect_args=waits, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _postgresql(url: URL, patience: float | None) -> Engine:
    hurry = {} if patience is None else {"connect_timeout": max(1, round(patience))}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=10,
        connect_args=hurry,
        hide_parameters=True,
    )
    if patience is not None:
        event.listen(engine, "connect", partial(_hurry_postgresql, round(patience * 1000)))
    return engine


def _hurry_postgresql(milliseconds: int, connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {milliseconds}")
    connection.commit()


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # SQLite's own lower() knows ASCII alone, PostgreSQL's and Python's know all letters.
    connection.create_function("lower", 1, _lower, deterministic=True)
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _begin(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the database's errors into ours. The texts hold no statement and no parameter: these may be an invoice."""
    try:
        yield
    except IntegrityError as error:
        raise RetryLater(
            f"another worker wrote the same record first ({type(error.orig).__name__}); nothing was changed, run again"
        ) from None
    except OperationalError as error:
        raise LaneBlocked(
            f"the state store is not available ({type(error.orig).__name__}: {error.orig}); nothing was changed, "
            "the work goes on when it is back"
        ) from None
    except DatabaseError as error:
        if "malformed" in str(error.orig):
            raise Fatal(
                "the file of the state store is damaged: stop every process of the connector, put the file aside with "
                "its -wal and -shm, restore the newest backup, and run `connector db restored`"
            ) from None
        if "not a database" not in str(error.orig):
            raise
        raise Fatal("the file that CONNECTOR_STATE_URL names is no state store: correct the path") from None
