"""Parquet partitions: `<root>/<table>/company=<id>/date=<day>/rows.parquet`, one file for each.

A file is written under a temporary name and renamed when it is whole, so a reader never meets half a
partition and parallel backfills never share a writer. DuckDB runs in memory over the files: nothing holds
DuckDB's one-writer lock.
"""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from connector_defs.domain.errors import Fatal

# Without their types DuckDB would make a number of company 01.
_ALL_PARTITIONS = """
SELECT * FROM read_parquet(
    ?, hive_partitioning = true, hive_types = {'company': VARCHAR, 'date': DATE}, union_by_name = true
)
"""


class Staging:
    """The staged tables under one root folder."""

    def __init__(self, url: str) -> None:
        if re.match(r"^[a-z][a-z0-9+]+://", url) and not url.startswith("file://"):
            raise Fatal(
                f"CONNECTOR_STAGING_URL {url.split('://', maxsplit=1)[0]}://… is not supported: give a folder"
            )
        self.root = Path(url.removeprefix("file://"))

    def path(self, table: str, company: str, day: date) -> Path:
        """Where the partition of one table, company and day lies."""
        return self.root / table / f"company={company}" / f"date={day.isoformat()}" / "rows.parquet"

    @contextmanager
    def writer(self, table: str, company: str, day: date, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
        """Write one partition; it appears, whole, when the block ends without an exception."""
        target = self.path(table, company, day)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{uuid.uuid4().hex}.partial")
        # Amounts compress better without a dictionary, and it costs a third of the time of writing.
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        try:
            with pq.ParquetWriter(unfinished, schema, compression="zstd", use_dictionary=texts) as writer:
                yield writer
            os.replace(unfinished, target)  # noqa: PTH105 - the one call whose atomicity is the point
        finally:
            unfinished.unlink(missing_ok=True)

    def newest_day(self, tables: tuple[str, ...], company: str) -> date | None:
        """The day whose partition of the first table was written last and that all tables have; None for none.

        Written last, not the latest day: a backfill of earlier days is the newer reading.
        """
        written = {
            date.fromisoformat(path.parent.name.removeprefix("date=")): path.stat().st_mtime_ns
            for path in (self.root / tables[0] / f"company={company}").glob("date=*/rows.parquet")
        }
        whole = [day for day in written if all(self.path(table, company, day).exists() for table in tables)]
        return max(whole, key=lambda day: (written[day], day), default=None)

    def tables(self) -> list[str]:
        """Names of the tables that have at least one partition."""
        if not self.root.is_dir():
            return []
        return sorted(folder.name for folder in self.root.iterdir() if any(folder.glob("*/*/rows.parquet")))

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB in memory with one view per table, all partitions, `company` and `date` as columns."""
        with open_duckdb() as connection:
            for table in self.tables():
                files = str(self.root / table / "*" / "*" / "rows.parquet")
                connection.from_query(_ALL_PARTITIONS, params=[files]).create_view(table)
            yield connection

    @contextmanager
    def partition(
        self, tables: tuple[str, ...], company: str, day: date
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB in memory with one view per table, holding that company's partition of that day.

        Raises Fatal naming the table that was not staged.
        """
        with open_duckdb() as connection:
            for table in tables:
                path = self.path(table, company, day)
                if not path.exists():
                    raise Fatal(
                        f"{table} of company {company} is not staged for {day}: run the stage of that day first"
                    )
                connection.read_parquet(str(path)).create_view(table)
            yield connection


@contextmanager
def open_duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    """A private DuckDB in memory that never goes to the network for extensions."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "threads": "1",
            # Beyond this DuckDB spills to disk, so a large night needs no more memory than a small one.
            "memory_limit": "128MB",
            "temp_directory": str(Path(tempfile.gettempdir()) / "connector-duckdb"),
        },
    )
    try:
        yield connection
    finally:
        connection.close()
