"""Transactions, what they survive, and what is said when the store is away."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from connector_defs.domain.errors import Fatal, LaneBlocked, RetryLater
from connector_defs.store import invoices, schema
from connector_defs.store.engine import Store, make_engine
from connector_defs.store.schema import open_store
from connector_defs.store.tables import audit_event, audit_head, gl_mapping, invoice
from connector_tests.postgres import Postgres
from connector_tests.store.builders import NOON, arrival, move_along, take_in

AWAY = "postgresql://connector:hunter2@127.0.0.1:1/state"


def count(store: Store, table: object) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


@pytest.mark.parametrize("broken", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_fails_leaves_neither_the_row_nor_its_event(
    store: Store, broken: type[BaseException]
) -> None:

    def work() -> None:
        with store.write() as connection:
            invoices.insert(connection, "M1", arrival(), NOON)
            raise broken

    with pytest.raises(broken):
        work()
    assert [count(store, table) for table in (invoice, audit_event, audit_head)] == [0, 0, 0]


def test_a_transaction_that_ends_keeps_both(store: Store) -> None:
    take_in(store)
    assert [count(store, table) for table in (invoice, audit_event, audit_head)] == [1, 1, 1]


def test_a_read_sees_one_moment_however_long_it_lasts(store: Store) -> None:
    take_in(store)
    with store.read() as connection:
        before = connection.scalar(select(func.count()).select_from(invoice))
        take_in(store, arrival("inv-2"))
        assert connection.scalar(select(func.count()).select_from(invoice)) == before == 1
    assert count(store, invoice) == 2


def test_a_read_does_not_stop_a_writer_nor_the_writer_a_read(store: Store) -> None:
    with store.read() as reading, store.write() as writing:
        invoices.insert(writing, "M1", arrival(), NOON)
        assert reading.scalar(select(func.count()).select_from(invoice)) == 0


def test_a_row_written_by_two_is_written_once_and_the_second_may_try_again(store: Store) -> None:
    rule = {"company": "M1", "account_code": "4000", "cost_center": "", "version": 1, "gl_code": "40"}
    rest = {"author": "ann", "reason": "confidential", "created_at": NOON}
    with store.write() as connection:
        connection.execute(gl_mapping.insert(), rule | rest)
    with (
        pytest.raises(RetryLater, match="another worker wrote the same record first") as error,
        store.write() as connection,
    ):
        connection.execute(gl_mapping.insert(), rule | rest)
    assert "confidential" not in str(error.value)
    assert count(store, gl_mapping) == 1


def test_sqlite_keeps_a_write_ahead_log_and_syncs_every_commit(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/state.db")
    with store.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        ]
    store.close()
    assert pragmas == ["wal", 2]


@pytest.mark.parametrize("letters", ["ÄÖÜ", "ŁÓDŹ", "ABC"])
def test_both_databases_compare_letters_alike(store: Store, letters: str) -> None:
    with store.read() as connection:
        assert connection.scalar(select(func.lower(letters))) == letters.lower()
        assert connection.scalar(select(func.lower(None))) is None


@pytest.mark.parametrize("attempt", [open_store, schema.check, schema.upgrade])
def test_a_server_that_does_not_answer_blocks_the_lane_and_names_no_password(attempt: object) -> None:
    with pytest.raises(LaneBlocked, match=r"the state store is not available \(OperationalError: ") as error:
        attempt(AWAY)  # type: ignore[operator]
    assert "the work goes on when it is back" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.covers("F28")
def test_a_server_that_goes_away_in_mid_work_blocks_the_lane_and_is_found_again(postgres: Postgres) -> None:
    store = open_store(postgres.database())

    def work() -> None:
        with store.write() as connection:
            invoices.insert(connection, "M1", arrival(), NOON)
            postgres.disconnect_all()
            connection.execute(text("SELECT 1"))

    with pytest.raises(LaneBlocked, match="nothing was changed"):
        work()
    assert take_in(store).version == 1
    store.close()


@pytest.mark.covers("F28")
def test_a_full_disk_blocks_the_lane_and_what_was_stored_stays(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/state.db")
    first = take_in(store)

    def work() -> None:
        with store.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            invoices.insert(connection, "M1", arrival("inv-2", payload="x" * 1_000_000), NOON)

    with pytest.raises(LaneBlocked, match="database or disk is full"):
        work()
    store.close()
    again = open_store(f"sqlite:///{tmp_path}/state.db")
    assert count(again, invoice) == 1
    assert move_along(again, first).version == 1
    again.close()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("state.db", "is not a database URL: use sqlite:///"),
        ("", "is not a database URL"),
        ("://x", "is not a database URL"),
        ("postgresql://me:hunter2@host:port/db", "is not a database URL"),
        ("postgresql://me:a@b:hunter2@host/db", "in a password written as %40"),
        ("postgresql://me:a@hunter2@host/db", "more than one @: write %40"),
        ("mysql://me:hunter2@host/db", "names mysql: the state store runs on sqlite or postgresql"),
        ("sqlite:////proc/no/state.db", "the folder /proc/no of CONNECTOR_STATE_URL cannot be made"),
    ],
)
def test_a_url_that_is_none_is_refused_with_the_remedy(url: str, text: str) -> None:
    with pytest.raises(Fatal) as error:
        make_engine(url)
    assert text in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_postgresql_url_needs_no_driver_in_it(postgres: Postgres) -> None:
    url = postgres.database()
    assert url.startswith("postgresql://")
    assert schema.check(url).ok
    assert schema.check(url.replace("postgresql://", "postgresql+psycopg://")).ok


def _as_another_process(file: Path, statement: str) -> str:
    """What another process is answered that opens the store and closes it again."""
    told = subprocess.run(
        [sys.executable, "-c", _OTHER_PROCESS, str(file), statement],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


_OTHER_PROCESS = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as store:
    print(store.execute(sys.argv[2]).fetchall())
store.close()
"""


def test_a_second_engine_on_the_file_leaves_the_first_one_its_locks(tmp_path: Path) -> None:
    """Closing any descriptor of a file drops all locks of its process: another one then takes the log away under us."""
    file = tmp_path / "state.db"
    ours = Store(make_engine(f"sqlite:///{file}"))
    with ours.write() as connection:
        connection.execute(text("CREATE TABLE inbox (invoice TEXT)"))
    make_engine(f"sqlite:///{file}").dispose()

    _as_another_process(file, "INSERT INTO inbox VALUES ('theirs')")
    with ours.write() as connection:
        connection.execute(text("INSERT INTO inbox VALUES ('ours')"))

    assert (
        _as_another_process(file, "SELECT invoice FROM inbox ORDER BY invoice") == "[('ours',), ('theirs',)]"
    )
    ours.close()


def test_a_damaged_file_is_told_with_the_way_back(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    store = Store(make_engine(f"sqlite:///{file}"))
    with store.write() as connection:
        connection.execute(text("CREATE TABLE inbox (invoice TEXT)"))
    store.close()
    whole = file.read_bytes()
    page = len(whole) // 2
    file.write_bytes(whole[:page] + b"\xff" * page)

    damaged = Store(make_engine(f"sqlite:///{file}"))
    with pytest.raises(Fatal, match=r"damaged.*connector db restored"), damaged.read() as connection:
        connection.execute(text("SELECT * FROM inbox"))
    damaged.close()
