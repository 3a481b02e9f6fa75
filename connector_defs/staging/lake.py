"""Parquet partitions: `<root>/<table>/company=<id>/date=<day>/rows.parquet`, one file for each.

A file is written under a temporary name and renamed when it is whole, so a reader never meets half a
partition and parallel backfills never share a writer. It says of itself when SYSPRO was read for it. DuckDB runs in
memory over the files: nothing holds DuckDB's one-writer lock.
"""

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from connector_defs.domain.errors import Fatal
from connector_defs.private_files import make_file, make_folder, scratch_folder

# Without their types DuckDB would make a number of company 01.
_ALL_PARTITIONS = """
SELECT * FROM read_parquet(
    ?, hive_partitioning = true, hive_types = {'company': VARCHAR, 'date': DATE}, union_by_name = true
)
"""

# The folders' names are no columns of a partition.
_VIEW = """
CREATE TEMP VIEW {table} AS SELECT * FROM read_parquet(getvariable('file_of_{table}'), hive_partitioning = false)
"""

_READ_AT, _SINCE = b"read_at", b"since"


@dataclass(frozen=True)
class Reading:
    """When a reading of SYSPRO began, and, where it goes on from what was read before, from which date on it reads.

    `read_at` is None for a partition of a version that did not note it.
    """

    read_at: datetime | None = None
    since: date | None = None

    def metadata(self) -> dict[bytes, bytes]:
        """As a Parquet file holds it."""
        told = {}
        if self.read_at is not None:
            told[_READ_AT] = self.read_at.astimezone(UTC).isoformat().encode()
        if self.since is not None:
            told[_SINCE] = self.since.isoformat().encode()
        return told


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
    def writer(
        self, table: str, company: str, day: date, schema: pa.Schema, reading: Reading | None = None
    ) -> Iterator[pq.ParquetWriter]:
        """Write one partition; it appears, whole, when the block ends without an exception."""
        told = schema.with_metadata((reading or Reading()).metadata())
        # Amounts compress better without a dictionary, and it costs a third of the time of writing.
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        with self._appearing(self.path(table, company, day)) as unfinished:
            make_file(unfinished)
            with pq.ParquetWriter(unfinished, told, compression="zstd", use_dictionary=texts) as writer:
                yield writer

    def share(self, table: str, company: str, day: date, others: Iterable[date]) -> None:
        """Let other days have the partition of `day` as theirs; one file stands for all where the disk allows it."""
        source = self.path(table, company, day)
        for other in others:
            with self._appearing(self.path(table, company, other)) as unfinished:
                try:
                    unfinished.hardlink_to(source)
                except OSError:
                    # File systems without hard links, or with a limit to them.
                    make_file(unfinished)
                    shutil.copyfile(source, unfinished)

    @contextmanager
    def _appearing(self, target: Path) -> Iterator[Path]:
        """A temporary path whose file takes the place of `target` when the block ends without an exception."""
        make_folder(target.parent)
        unfinished = target.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            yield unfinished
            os.replace(unfinished, target)  # noqa: PTH105 - the one call whose atomicity is the point
        finally:
            # Also where both were links to one file already: then replacing does nothing.
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

    def reading(self, table: str, company: str, day: date) -> Reading:
        """When SYSPRO was read for a partition. Raises Fatal naming the table where it is not staged."""
        told = pq.read_metadata(self._staged(table, company, day)).metadata or {}
        read_at, since = told.get(_READ_AT), told.get(_SINCE)
        return Reading(
            read_at and datetime.fromisoformat(read_at.decode()),
            since and date.fromisoformat(since.decode()),
        )

    def _staged(self, table: str, company: str, day: date) -> Path:
        path = self.path(table, company, day)
        if not path.exists():
            raise Fatal(
                f"{table} of company {company} is not staged for {day}: run the stage of that day first"
            )
        return path

    def tables(self) -> list[str]:
        """Names of the tables that have at least one partition."""
        if not self.root.is_dir():
            return []
        return sorted(folder.name for folder in self.root.iterdir() if any(folder.glob("*/*/rows.parquet")))

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB in memory with one view per table, all partitions, `company` and `date` as columns."""
        with closing(_new_duckdb()) as connection:
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
                connection.execute(
                    f"SET VARIABLE file_of_{table} = ?", [str(self._staged(table, company, day))]
                )
                connection.execute(_VIEW.format(table=table))
            yield connection


@contextmanager
def open_duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory, whose variables, temporary tables and views nobody else sees. Make no others there.

    All in one process share its memory limit and its one engine: to set an engine up takes 12 ms.
    """
    with closing(_shared_duckdb().cursor()) as connection:
        yield connection


@cache
def _shared_duckdb() -> duckdb.DuckDBPyConnection:
    return _new_duckdb()


def _new_duckdb() -> duckdb.DuckDBPyConnection:
    """An engine of its own that never goes to the network for extensions."""
    return duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "threads": "1",
            # Beyond this DuckDB spills to disk, so a large night needs no more memory than a small one.
            "memory_limit": "128MB",
            # What is spilled are staged rows, bank accounts among them.
            "temp_directory": str(scratch_folder("connector-duckdb")),
            # A partition is written anew under the same name.
            "enable_external_file_cache": "false",
        },
    )
