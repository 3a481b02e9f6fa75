"""Staged partitions: whole or not there, readable as views, told when missing."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.staging.lake import Reading, Staging, open_duckdb

DAY = date(2026, 1, 31)
SCHEMA = pa.schema([("Supplier", pa.string()), ("Amount", pa.decimal128(14, 2)), ("Due", pa.date32())])


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(str(tmp_path / "staging"))


def rows(*codes: str, amount: str = "1.10") -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"Supplier": code, "Amount": Decimal(amount), "Due": DAY} for code in codes], schema=SCHEMA
    )


def stage(
    staging: Staging, *batches: pa.RecordBatch, table: str = "suppliers", company: str = "M1", day: date = DAY
) -> None:
    with staging.writer(table, company, day, SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)


def query(staging: Staging, sql: str) -> list[tuple[object, ...]]:
    with staging.connect() as connection:
        return connection.execute(sql).fetchall()


def files(staging: Staging) -> Sequence[str]:
    return sorted(str(path.relative_to(staging.root)) for path in staging.root.rglob("*") if path.is_file())


class TestWriting:
    """A partition appears whole, or not at all."""

    def test_it_appears_under_table_company_and_day(self, staging: Staging) -> None:
        stage(staging, rows("1", "2"), rows("3"))
        assert files(staging) == ["suppliers/company=M1/date=2026-01-31/rows.parquet"]
        assert staging.path("suppliers", "M1", DAY) == staging.root / files(staging)[0]

    def test_nothing_can_be_seen_of_it_before_it_is_whole(self, staging: Staging) -> None:
        with staging.writer("suppliers", "M1", DAY, SCHEMA) as writer:
            writer.write_batch(rows("1"))
            assert staging.tables() == []
            assert not staging.path("suppliers", "M1", DAY).exists()
        assert staging.tables() == ["suppliers"]

    @pytest.mark.parametrize("broken", [ValueError, KeyboardInterrupt])
    def test_an_error_leaves_nothing_behind(self, staging: Staging, broken: type[BaseException]) -> None:
        def work() -> None:
            with staging.writer("suppliers", "M1", DAY, SCHEMA) as writer:
                writer.write_batch(rows("1"))
                raise broken

        with pytest.raises(broken):
            work()
        assert files(staging) == []
        assert staging.tables() == []

    def test_an_error_leaves_the_partition_that_was_there(self, staging: Staging) -> None:
        def work() -> None:
            with staging.writer("suppliers", "M1", DAY, SCHEMA) as writer:
                writer.write_batch(rows("2"))
                raise ZeroDivisionError

        stage(staging, rows("1"))
        with pytest.raises(ZeroDivisionError):
            work()
        assert query(staging, "SELECT Supplier FROM suppliers") == [("1",)]
        assert len(files(staging)) == 1

    def test_a_second_writing_replaces_the_first(self, staging: Staging) -> None:
        stage(staging, rows("1", "2"))
        stage(staging, rows("3"))
        assert query(staging, "SELECT Supplier FROM suppliers") == [("3",)]

    def test_a_partition_without_rows_is_a_partition(self, staging: Staging) -> None:
        stage(staging)
        assert query(staging, "SELECT count(*) FROM suppliers") == [(0,)]

    def test_two_writers_of_one_partition_do_not_mix(self, staging: Staging) -> None:
        with staging.writer("suppliers", "M1", DAY, SCHEMA) as outer:
            outer.write_batch(rows("outer"))
            stage(staging, rows("inner"))
            assert query(staging, "SELECT Supplier FROM suppliers") == [("inner",)]
        assert query(staging, "SELECT Supplier FROM suppliers") == [("outer",)]
        assert len(files(staging)) == 1

    def test_values_stay_exact(self, staging: Staging) -> None:
        stage(staging, rows(" 00'1\x00ä", amount="-999999999999.99"))
        found = pq.read_table(staging.path("suppliers", "M1", DAY)).to_pylist()
        assert {name: found[0][name] for name in SCHEMA.names} == {
            "Supplier": " 00'1\x00ä",
            "Amount": Decimal("-999999999999.99"),
            "Due": DAY,
        }


class TestReading:
    """A partition says when SYSPRO was read for it, and stands for other days as well."""

    def test_it_is_kept_with_the_rows(self, staging: Staging) -> None:
        reading = Reading(datetime(2026, 2, 1, 6, 30, tzinfo=timezone(timedelta(hours=2))), DAY)
        with staging.writer("suppliers", "M1", DAY, SCHEMA, reading) as writer:
            writer.write_batch(rows("1"))
        found = staging.reading("suppliers", "M1", DAY)
        assert found == reading
        assert found.read_at is not None
        assert found.read_at.tzinfo == UTC

    def test_a_partition_that_does_not_say_has_none(self, staging: Staging) -> None:
        stage(staging, rows("1"))
        assert staging.reading("suppliers", "M1", DAY) == Reading()

    def test_of_a_table_that_is_not_staged_it_is_not_known(self, staging: Staging) -> None:
        with pytest.raises(Fatal, match="suppliers of company M1 is not staged for 2026-01-31"):
            staging.reading("suppliers", "M1", DAY)

    @pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
    def test_other_days_may_have_the_same_rows(
        self, staging: Staging, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        if not links:
            monkeypatch.setattr(Path, "hardlink_to", _refuse)
        others = [date(2026, 1, 29), date(2026, 1, 30)]
        stage(staging, rows("old"), day=others[0])
        stage(staging, rows("1", "2"))
        for _ in range(2):
            staging.share("suppliers", "M1", DAY, others)
        assert query(staging, "SELECT date, Supplier FROM suppliers ORDER BY ALL") == [
            (day, code) for day in (*others, DAY) for code in ("1", "2")
        ]
        assert len(files(staging)) == 3
        stage(staging, rows("3"))
        assert query(staging, "SELECT Supplier FROM suppliers WHERE date = '2026-01-30'") == [("1",), ("2",)]


def _refuse(*_: object) -> None:
    raise OSError("this disk knows no links")


class TestViews:
    """All partitions of a table are one view."""

    def test_every_table_has_a_view_of_all_companies_and_days(self, staging: Staging) -> None:
        stage(staging, rows("1"))
        stage(staging, rows("2"), company="M2", day=date(2026, 2, 1))
        stage(staging, rows("A"), table="gl_accounts")
        assert staging.tables() == ["gl_accounts", "suppliers"]
        assert query(staging, "SELECT Supplier, company, date FROM suppliers ORDER BY 1") == [
            ("1", "M1", DAY),
            ("2", "M2", date(2026, 2, 1)),
        ]
        assert query(staging, "SELECT Supplier FROM gl_accounts") == [("A",)]

    def test_a_company_of_digits_stays_a_text(self, staging: Staging) -> None:
        stage(staging, rows("1"), company="01")
        stage(staging, rows("2"), company="1")
        assert query(staging, "SELECT company FROM suppliers WHERE company = '01'") == [("01",)]

    def test_a_column_that_came_later_is_empty_before(self, staging: Staging) -> None:
        stage(staging, rows("1"))
        wider = SCHEMA.append(pa.field("Email", pa.string()))
        with staging.writer("suppliers", "M1", date(2026, 2, 1), wider) as writer:
            writer.write_batch(pa.RecordBatch.from_pylist([{"Supplier": "2", "Email": "e"}], schema=wider))
        assert query(staging, "SELECT Supplier, Email FROM suppliers ORDER BY 1") == [("1", None), ("2", "e")]

    def test_where_nothing_is_staged_there_is_no_view(self, staging: Staging) -> None:
        assert staging.tables() == []
        assert query(staging, "SELECT 1") == [(1,)]

    def test_a_folder_name_with_quotes_does_no_harm(self, tmp_path: Path) -> None:
        staging = Staging(str(tmp_path / 'it\'s "quoted"'))
        stage(staging, rows("1"))
        assert query(staging, "SELECT Supplier FROM suppliers") == [("1",)]


class TestPartition:
    """One company's partition of one day."""

    def test_it_holds_that_company_and_day_alone(self, staging: Staging) -> None:
        stage(staging, rows("1"))
        stage(staging, rows("2"), company="M2")
        stage(staging, rows("3"), day=date(2026, 2, 1))
        stage(staging, rows("A"), table="gl_accounts")
        with staging.partition(("suppliers", "gl_accounts"), "M1", DAY) as connection:
            assert connection.execute("SELECT * FROM suppliers").fetchall() == [("1", Decimal("1.10"), DAY)]
            assert connection.execute("SELECT Supplier FROM gl_accounts").fetchall() == [("A",)]

    def test_two_that_are_open_at_once_do_not_meet(self, staging: Staging) -> None:
        stage(staging, rows("1"))
        stage(staging, rows("2"), company="M2")
        with (
            staging.partition(("suppliers",), "M1", DAY) as one,
            staging.partition(("suppliers",), "M2", DAY) as other,
        ):
            one.execute("CREATE TEMP TABLE seen AS SELECT Supplier FROM suppliers")
            other.execute("CREATE TEMP TABLE seen AS SELECT Supplier FROM suppliers")
            assert (one.table("seen").fetchall(), other.table("seen").fetchall()) == ([("1",)], [("2",)])
        with open_duckdb() as later:
            assert later.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
            assert later.execute("SELECT getvariable('file_of_suppliers')").fetchall() == [(None,)]

    def test_one_that_is_written_anew_is_read_anew(self, staging: Staging) -> None:
        for key in ("1", "2"):
            stage(staging, rows(key))
            with staging.partition(("suppliers",), "M1", DAY) as connection:
                assert connection.execute("SELECT Supplier FROM suppliers").fetchall() == [(key,)]

    def test_a_table_that_was_not_staged_is_named_with_the_remedy(self, staging: Staging) -> None:
        stage(staging, rows("1"))
        with (
            pytest.raises(
                Fatal, match="gl_accounts of company M1 is not staged for 2026-01-31: run the stage"
            ),
            staging.partition(("suppliers", "gl_accounts"), "M1", DAY),
        ):
            pass


class TestUrl:
    """A folder, plain or as file URL."""

    @pytest.mark.parametrize("prefix", ["", "file://"])
    def test_a_folder_is_taken_plain_or_as_a_file_url(self, tmp_path: Path, prefix: str) -> None:
        assert Staging(f"{prefix}{tmp_path}").root == tmp_path

    @pytest.mark.parametrize(
        "url", ["s3://key:hunter2@bucket/x", "abfss://box@account/x?sig=hunter2", "https://me:hunter2@host/x"]
    )
    def test_another_kind_of_url_is_refused_and_not_quoted(self, url: str) -> None:
        with pytest.raises(Fatal, match="is not supported: give a folder") as error:
            Staging(url)
        assert "hunter2" not in str(error.value)
        assert f"CONNECTOR_STAGING_URL {url.split(':', maxsplit=1)[0]}://" in str(error.value)


def test_duckdb_never_fetches_extensions() -> None:
    with open_duckdb() as connection:
        rows = connection.execute(
            "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions'"
        ).fetchall()
        assert rows == [("false",), ("false",)]
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


def test_the_newest_reading_is_the_one_written_last_of_the_days_that_all_tables_have(tmp_path: Path) -> None:
    staging = Staging(str(tmp_path))
    assert staging.newest_day(("suppliers", "supplier_addresses"), "M1") is None
    written = [("suppliers", 20), ("supplier_addresses", 20), ("suppliers", 3), ("supplier_addresses", 3)]
    for moment, (name, number) in enumerate([*written, ("suppliers", 21)]):
        path = staging.path(name, "M1", date(2026, 11, number))
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, ns=(moment, moment))
    assert staging.newest_day(("suppliers", "supplier_addresses"), "M1") == date(2026, 11, 3)
    assert staging.newest_day(("suppliers",), "M1") == date(2026, 11, 21)
    assert staging.newest_day(("suppliers",), "M2") is None
