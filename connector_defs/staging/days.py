"""A company's partitions of several days as one set of rows.

Belongs here: which of several partitions a row is taken from. A table that was read whole is taken from its newest
reading; of orders, each is taken, with all that belongs to it, from the newest reading that holds it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa

from connector_defs.staging.lake import Reading, Staging, open_duckdb

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_FILES = pa.schema([("file", pa.string()), ("day", pa.date32()), ("age", pa.int64())])

_NEWEST = """
CREATE TEMP TABLE newest AS
SELECT r."{key}" AS place, max_by(f.day, f.age) AS day
FROM read_parquet(getvariable('files_of_{table}'), filename = true, union_by_name = true) r
JOIN files f ON f.file = r.filename
GROUP BY ALL
"""

_FROM_NEWEST = """
CREATE TEMP VIEW "{table}" AS
SELECT r.* EXCLUDE (filename)
FROM read_parquet(getvariable('files_of_{table}'), filename = true, union_by_name = true) r
JOIN files f ON f.file = r.filename
JOIN newest n ON n.place = r."{key}" AND n.day = f.day
"""


@dataclass(frozen=True)
class Rows:
    """DuckDB in memory with one view per table.

    `readings` are those the rows come from, by day. Where they are several, the table `newest` (place, day) tells
    which one holds the rows of a key.
    """

    duck: duckdb.DuckDBPyConnection
    readings: dict[date, Reading]

    @property
    def mixed(self) -> bool:
        """Whether rows come from more than one reading."""
        return len(self.readings) > 1


@contextmanager
def open_whole(
    staging: Staging, tables: tuple[str, ...], company: str, days: Sequence[date]
) -> Iterator[Rows]:
    """Tables that were read whole, as their newest reading among these days shows them.

    Raises Fatal naming the table and the day that is not staged.
    """
    readings = {day: _oldest(staging, tables, company, day) for day in days}
    newest = max(days, key=lambda day: _age(readings[day], day))
    with staging.partition(tables, company, newest) as duck:
        yield Rows(duck, {newest: readings[newest]})


@contextmanager
def open_by_key(
    staging: Staging, tables: tuple[str, ...], company: str, days: Sequence[date], key: str, keys_in: str
) -> Iterator[Rows]:
    """The rows of every `key` from the newest reading that holds it; `keys_in` is the table that has each key once.

    Raises Fatal naming the table and the day that is not staged.
    """
    readings = {day: _oldest(staging, tables, company, day) for day in days}
    if len(readings) == 1:
        with staging.partition(tables, company, days[0]) as duck:
            yield Rows(duck, readings)
        return
    with open_duckdb() as duck:
        by_age = sorted(days, key=lambda day: _age(readings[day], day))
        files = [
            {"file": str(staging.path(table, company, day)), "day": day, "age": age}
            for table in tables
            for age, day in enumerate(by_age)
        ]
        duck.register("given", pa.Table.from_pylist(files, schema=_FILES))
        duck.execute("CREATE TEMP TABLE files AS SELECT * FROM given")
        duck.unregister("given")
        for table in tables:
            paths = [str(staging.path(table, company, day)) for day in days]
            duck.execute(f"SET VARIABLE files_of_{table} = ?", [paths])
        duck.execute(_NEWEST.format(table=keys_in, key=key))
        for table in tables:
            duck.execute(_FROM_NEWEST.format(table=table, key=key))
        yield Rows(duck, readings)


def _oldest(staging: Staging, tables: tuple[str, ...], company: str, day: date) -> Reading:
    """A row made of several tables is as old as the oldest of them."""
    found = [staging.reading(table, company, day) for table in tables]
    return min(found, key=lambda reading: reading.read_at or _LONG_AGO)


def _age(reading: Reading, day: date) -> tuple[datetime, date]:
    return reading.read_at or _LONG_AGO, day
