"""What changed: staged rows against what Basware was sent, as one join of content hashes in DuckDB.

The hash covers the published columns only, never balances nor what Basware owns, together with the translation's own
version and those maps of the site that the entity's translation looks up, so that a changed map sends the records it
touches. The join works through key ranges of the partition one after the other, so memory does not grow with it.

What is published never goes back in time. A row that was read before what Basware was last told of its record is
superseded. So is a row read before the newest reading that is published, where that one has shown the record as
well: any row of a table that is read whole, and of the orders those that every reading shows or asks for.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import pyarrow as pa

from connector_defs.domain.translation.context import Site, Untranslatable
from connector_defs.flows.day_rows import days_of, newest_date
from connector_defs.flows.entities import Entity
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import Connector
from connector_defs.staging.days import Rows, open_by_key, open_whole
from connector_defs.staging.lake import Staging
from connector_defs.store import readings, records
from connector_defs.store.tables import NEVER_READ, instant_text

# Raised when a translation changes what it makes of the same row.
TRANSLATION_VERSION = 1
_BATCH = 1000
_RANGE_ROWS = 8_000
# A reading that began later than this from now was not told by a clock that is right.
_CLOCKS_DIFFER = timedelta(minutes=15)

_VERDICTS = """
CREATE OR REPLACE TEMP TABLE delta AS
SELECT s.key, s.hash, s.read_at, s.forms, k.touches,
       k.state AS known_state, k.hash AS known_hash, k.active AS known_active,
       CASE
           WHEN k.hash = s.hash AND k.state IN ('confirmed', 'sent') THEN 'unchanged'
           WHEN k.hash = s.hash AND k.state = 'quarantined' AND k.active = 0 THEN 'quarantined'
           WHEN s.read_at < k.read_at AND k.read_at <= getvariable('plausible_until') THEN 'superseded'
           WHEN s.read_at < getvariable('published_until') AND {shown_by_every_reading} THEN 'superseded'
           WHEN k.state = 'sent' THEN 'in_flight'
           WHEN s.dependency <> '' AND d.key IS NULL THEN 'held'
           ELSE 'send'
       END AS verdict
FROM source s
LEFT JOIN known k ON k.key = s.key
LEFT JOIN confirmed d ON d.key = s.dependency
"""

# No store takes a key with U+0000 in it. The columns keep it, so that the record is refused for it.
_STORABLE = """
CREATE OR REPLACE TEMP VIEW rows_of_entity AS
SELECT * REPLACE (replace(key, chr(0), chr(65533)) AS key, replace(dependency, chr(0), chr(65533)) AS dependency)
FROM ({query})
"""

# A key that was read twice counts once; where its rows differ, `forms` tells in how many ways.
_SOURCE = """
CREATE OR REPLACE TEMP TABLE source AS
SELECT key, min(dependency) AS dependency, min(read_at) AS read_at, count(DISTINCT content) AS forms,
       CASE WHEN count(DISTINCT content) = 1 THEN min(content)
            ELSE md5(string_agg(DISTINCT content ORDER BY content)) END AS hash
FROM (SELECT r.key, r.dependency, {content} AS content, {read_at})
GROUP BY key
"""

_RANGES = """
SELECT min(place), max(place) FROM (
    SELECT place, sum(number) OVER (ORDER BY place) // {rows} AS part
    FROM (SELECT {column} AS place, count(*) AS number FROM {table} GROUP BY ALL)
)
GROUP BY part ORDER BY part
"""

# A table that is read whole shows everything; of orders a reading shows the open ones, and those are asked for by
# number that P2P has as open or that wait here.
_WHOLE = "true"
_OF_ORDERS = "(k.active = 1 OR k.state IN ('failed', 'held', 'quarantined'))"

# What waits here for any reason may be held by Basware in an older form, and a farewell may have been refused.
_UNSEEN = """
SELECT k.key, k.parent FROM known k ANTI JOIN seen s ON s.key = k.key
WHERE ((k.active = 1 AND k.state = 'confirmed') OR k.state IN ('failed', 'held', 'quarantined'))
  AND (k.read_at <= getvariable('read_at') OR k.read_at > getvariable('plausible_until'))
"""

# An order of which no line at all was read tells nothing about its lines.
_UNSEEN_LINES = """
SELECT key FROM ({unseen})
WHERE parent IN (SELECT PurchaseOrder FROM all_order_headers)
  AND parent IN (SELECT PurchaseOrder FROM all_order_lines)
"""

_ORDERS_TO_ASK_FOR = """
SELECT DISTINCT if(parent = '', key, parent) AS number FROM ({unseen})
WHERE number NOT IN (SELECT PurchaseOrder FROM all_order_headers)
ORDER BY ALL
"""

_ROWS = """
SELECT count(*), count(DISTINCT {key}) FILTER ({comment}), count(DISTINCT {key}) FILTER (NOT {comment}) FROM {table}
"""

_KNOWN_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("hash", pa.string()),
        ("state", pa.string()),
        ("active", pa.int64()),
        ("touches", pa.int64()),
        ("parent", pa.string()),
        ("read_at", pa.string()),
    ]
)


@dataclass(frozen=True)
class Changed:
    """A row to look at: its key, content hash, columns, and how often it was forced so far.

    `together` is how many rows of the same dependency (the lines of one order) share its verdict;
    `held_by_basware` is whether P2P may have it in an older form; `confirmed_before` is whether P2P confirmed that
    form, and nobody doubts it; `forms` is how many different rows have its key.
    """

    key: str
    hash: str
    dependency: str
    read_at: datetime
    touches: int
    failed_before: bool
    held_by_basware: bool
    confirmed_before: bool
    together: int
    forms: int
    row: dict[str, Any]

    def sole_row(self) -> dict[str, Any]:
        """Its columns. Raises Untranslatable where different rows have its key."""
        if self.forms > 1:
            raise Untranslatable(
                "DUPLICATE_KEY",
                f"SYSPRO gives {self.forms} different rows of key {self.key!r}, and which one is right is not guessed",
            )
        return self.row


class Delta:
    """The comparison of one entity, company and window of days. Use as a context manager; `changes` is read once.

    `staging` is where the rows lie, by default the connector's own; `beside` are the tables that the entity's query
    reads beside the staged ones.
    """

    def __init__(
        self,
        connector: Connector,
        entity: Entity,
        site: Site,
        window: DateWindow,
        *,
        beside: Mapping[str, pa.Table] | None = None,
        staging: Staging | None = None,
    ) -> None:
        self._connector = connector
        self._entity = entity
        self._site = site
        self._window = window
        self._beside = beside or {}
        self._scope = self._open(staging or connector.staging)
        self.counts: Counter[str] = Counter()

    def _open(self, staging: Staging) -> AbstractContextManager[Rows]:
        entity, company, days = self._entity, self._site.syspro_company, days_of(self._window)
        if entity.of_orders:
            return open_by_key(staging, entity.sources, company, days, entity.range_column, "order_headers")
        return open_whole(staging, entity.sources, company, days)

    def __enter__(self) -> Self:
        self._rows = self._scope.__enter__()
        self._duck = self._rows.duck
        self.read_at = min(reading.read_at or NEVER_READ for reading in self._rows.readings.values())
        with self._connector.store.read() as connection:
            published = readings.newest(connection, self._entity.name, self._site.syspro_company)
        # A clock that was set wrong once must not keep everything that is read later from being published.
        plausible_until = self._connector.clock.now() + _CLOCKS_DIFFER
        published_until = published.read_at if published.read_at <= plausible_until else NEVER_READ
        self._outdated = self.read_at < published_until
        for name, instant in (
            ("read_at", self.read_at),
            ("published_until", published_until),
            ("plausible_until", plausible_until),
        ):
            self._duck.execute(f"SET VARIABLE {name} = ?", [instant_text(instant)])
        self._duck.execute("SET VARIABLE staged_on = ?::DATE", [self._read_on()])
        self._duck.execute("CREATE TEMP TABLE ages (day DATE, read_at VARCHAR)")
        for day, reading in self._rows.readings.items():
            age = instant_text(reading.read_at or NEVER_READ)
            self._duck.execute("INSERT INTO ages VALUES (?, ?)", [day, age])
        self._load("known", self._entity.name)
        self._load("dependency_state", self._entity.depends_on)
        self._duck.execute(
            "CREATE TEMP TABLE confirmed AS SELECT key FROM dependency_state WHERE state = 'confirmed'"
        )
        self._duck.execute("CREATE TEMP TABLE seen (key VARCHAR)")
        for name, schema in self._entity.beside.items():
            self._duck.register(name, self._beside.get(name, schema.empty_table()))
        for table in self._entity.sources:
            column = self._entity.range_column
            self._duck.execute(f"ALTER VIEW {table} RENAME TO all_{table}")
            self._duck.execute(
                f"CREATE TEMP VIEW {table} AS SELECT * FROM all_{table} "  # noqa: S608 - names of our own  # nosec B608
                f"WHERE {column} BETWEEN getvariable('range_first') AND getvariable('range_last')"
            )
        return self

    def _read_on(self) -> date:
        """The business day of the reading: of a rate with a date, a backfill tells the one in force by then."""
        if self.read_at == NEVER_READ:
            return self._window.last
        return self.read_at.astimezone(ZoneInfo(self._connector.settings.schedules.timezone)).date()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scope.__exit__(kind, error, trace)

    def changes(self) -> Iterator[tuple[str, list[Changed]]]:
        """Rows to act on, in staged order and in slices, each with what to do.

        `held`: waits for what it depends on, and was not known to wait yet. `send`: new, changed, or refused before.
        """
        for first, last in self._ranges():
            self._duck.execute("SET VARIABLE range_first = ?", [first])
            self._duck.execute("SET VARIABLE range_last = ?", [last])
            found = self._compare()
            if found["held"]:
                for rows in self._slices(
                    "verdict = 'held' AND NOT (known_state IS NOT DISTINCT FROM 'held' AND known_hash = hash)"
                ):
                    yield "held", rows
            if found["send"]:
                for rows in self._slices("verdict = 'send'"):
                    yield "send", rows

    def all_rows(self) -> Iterator[list[Changed]]:
        """Every staged row in slices, in the place of `changes`.

        Its columns then include what is known of it: known_state (None for an unknown record), known_hash and
        known_active.
        """
        for first, last in self._ranges():
            self._duck.execute("SET VARIABLE range_first = ?", [first])
            self._duck.execute("SET VARIABLE range_last = ?", [last])
            self._compare()
            yield from self._slices("true")

    def _ranges(self) -> list[tuple[str, str]]:
        """Ranges of the key, each of about as many rows as are compared at a time."""
        query = _RANGES.format(
            rows=_RANGE_ROWS, column=self._entity.range_column, table=f"all_{self._entity.sources[0]}"
        )
        return [(first, last) for first, last in self._duck.execute(query).fetchall()]

    def _compare(self) -> Counter[str]:
        """Judge every row of the current range; returns how many got which verdict."""
        query = (
            resources.files("connector_defs.flows")
            .joinpath("sql", f"{self._entity.name}.sql")
            .read_text("utf-8")
        )
        self._duck.execute(_STORABLE.format(query=query))
        columns = [
            name
            for name, *_ in self._duck.execute("DESCRIBE rows_of_entity").fetchall()
            if name not in ("key", "dependency", *self._entity.owned_columns)
        ]
        content = ", ".join(f'coalesce(CAST(r."{name}" AS VARCHAR), chr(30))' for name in columns)
        hashed = f"md5(concat_ws(chr(31), ?, {content}))"
        self._duck.execute(_SOURCE.format(content=hashed, read_at=self._read_at_of_row()), [self._salt()])
        self._duck.execute("INSERT INTO seen SELECT key FROM source")
        shown = _OF_ORDERS if self._entity.of_orders else _WHOLE
        self._duck.execute(_VERDICTS.format(shown_by_every_reading=shown))
        found = Counter(
            dict(self._duck.execute("SELECT verdict, count(*) FROM delta GROUP BY ALL").fetchall())
        )
        self.counts += found
        return found

    def _read_at_of_row(self) -> str:
        if not self._rows.mixed:
            return "getvariable('read_at') AS read_at FROM rows_of_entity r"
        return (
            "a.read_at FROM rows_of_entity r "
            f"JOIN newest n ON n.place = r.{self._entity.range_column} JOIN ages a ON a.day = n.day"
        )

    def _salt(self) -> str:
        """Whatever else decides what Basware gets from the same row."""
        site = self._site
        told = [
            TRANSLATION_VERSION,
            site.basware_company,
            site.organization,
            site.source_system,
            site.language,
        ]
        maps = [getattr(site, name) for name in self._entity.maps]
        looked_up = [sorted(held.items()) if isinstance(held, Mapping) else str(held) for held in maps]
        return hashlib.sha256(json.dumps([*told, looked_up]).encode()).hexdigest()[:16]

    def _load(self, table: str, entity: str | None) -> None:
        self._duck.register("empty", _KNOWN_SCHEMA.empty_table())
        self._duck.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM empty")  # noqa: S608 - names of our own  # nosec B608
        self._duck.unregister("empty")
        if entity is None:
            return
        with self._connector.store.read() as connection:
            for part in records.known(connection, entity, self._site.syspro_company):
                columns = [list(column) for column in zip(*part, strict=True)]
                self._duck.register("part", pa.table(columns, schema=_KNOWN_SCHEMA))
                self._duck.execute(f"INSERT INTO {table} SELECT * FROM part")  # noqa: S608 - names of our own  # nosec B608
                self._duck.unregister("part")

    def _slices(self, condition: str) -> Iterator[list[Changed]]:
        query = (
            "SELECT r.*, d.* EXCLUDE (key), count(*) OVER (PARTITION BY r.dependency) AS together "  # noqa: S608 - names of our own  # nosec B608
            f"FROM (SELECT * FROM rows_of_entity QUALIFY row_number() OVER (PARTITION BY key) = 1) r "
            f"JOIN delta d ON d.key = r.key WHERE {condition} ORDER BY r.key"
        )
        reader = self._duck.sql(query).to_arrow_reader(_BATCH)
        for batch in reader:
            yield [
                Changed(
                    key=row["key"],
                    hash=row["hash"],
                    dependency=row["dependency"],
                    read_at=datetime.fromisoformat(row["read_at"]),
                    touches=row["touches"] or 0,
                    failed_before=row["known_state"] == "failed",
                    held_by_basware=(
                        row["known_active"] == 1 and row["known_state"] in ("confirmed", "quarantined")
                    )
                    or row["known_state"] == "failed",
                    confirmed_before=(
                        row["known_state"] == "confirmed" and row["known_hash"] != records.FORCED
                    ),
                    together=row["together"],
                    forms=row["forms"],
                    row=row,
                )
                for row in batch.to_pylist()
            ]

    def active(self) -> int:
        """How many records Basware holds as active, before this run."""
        query = "SELECT count(*) FROM known WHERE active = 1 AND state = 'confirmed'"
        (number,) = self._duck.execute(query).fetchall()[0]
        return int(number)

    def staged_orders(self) -> set[str]:
        """Orders whose lines these days tell, for the lines alone."""
        found = self._duck.execute("SELECT PurchaseOrder FROM all_order_headers").fetchall()
        return {str(order) for (order,) in found}

    def rows(self) -> tuple[int, int, int]:
        """Rows of the first table as they were read; of them, comment lines, and rows whose key was read before."""
        lines = self._entity.name == "matchingOrderLines"
        key = f"({self._entity.range_column}, Line)" if lines else self._entity.range_column
        comment = "trim(coalesce(LineType, '')) = '6'" if lines else "false"
        query = _ROWS.format(table=f"all_{self._entity.sources[0]}", key=key, comment=comment)
        number, comments, records_made = self._duck.execute(query).fetchall()[0]
        return int(number), int(comments), int(number - comments - records_made)

    def seen(self) -> set[str]:
        """Keys of all rows, once `changes` was read."""
        return {str(key) for (key,) in self._duck.execute("SELECT key FROM seen").fetchall()}

    def gone(self) -> list[str]:
        """Keys that Basware may hold as active and SYSPRO no longer has. Known once `changes` was read.

        An order is not gone because the days of the window do not show it: see `to_ask_for`.
        """
        if self._outdated or self._entity.name == "matchingOrders":
            return []
        query = _UNSEEN_LINES.format(unseen=_UNSEEN) if self._entity.of_orders else _UNSEEN
        return sorted(str(row[0]) for row in self._duck.execute(query).fetchall())

    def to_ask_for(self) -> list[str]:
        """Numbers of orders that P2P has as open, or that wait here, and that the days of the window do not show."""
        if self._outdated or not self._entity.of_orders:
            return []
        query = _ORDERS_TO_ASK_FOR.format(unseen=_UNSEEN)
        return [str(number) for (number,) in self._duck.execute(query).fetchall()]

    def dates(self) -> tuple[date | None, date | None]:
        """From which date on the orders were read up to the present, and their newest date; None where they were not."""
        reading = self._rows.readings.get(self._window.last)
        if reading is None or reading.since is None or not self._entity.of_orders:
            return None, None
        return reading.since, newest_date(self._duck, self._window.last)
