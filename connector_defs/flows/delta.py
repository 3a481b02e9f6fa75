"""What changed: staged rows against what Basware was sent, as one join of content hashes in DuckDB.

The hash covers the published columns only, never balances nor what Basware owns, together with the translation's own
version and those maps of the site that the entity's translation looks up, so that a changed map sends the records it
touches. The join works through key ranges of the partition one after the other, so memory does not grow with it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from connector_defs.domain.translation.context import Site, Untranslatable
from connector_defs.flows.entities import Entity
from connector_defs.flows.runtime import Connector
from connector_defs.store import records

# Raised when a translation changes what it makes of the same row.
TRANSLATION_VERSION = 1
_BATCH = 1000
_RANGE_ROWS = 8_000

_VERDICTS = """
CREATE OR REPLACE TEMP TABLE delta AS
SELECT s.key, s.hash, s.forms, k.touches, k.state AS known_state, k.hash AS known_hash, k.active AS known_active,
       CASE
           WHEN k.hash = s.hash AND k.state IN ('confirmed', 'sent') THEN 'unchanged'
           WHEN k.hash = s.hash AND k.state = 'quarantined' AND k.active = 0 THEN 'quarantined'
           WHEN k.state = 'sent' THEN 'in_flight'
           WHEN s.dependency <> '' AND d.key IS NULL THEN 'held'
           ELSE 'send'
       END AS verdict
FROM source s
LEFT JOIN known k ON k.key = s.key
LEFT JOIN confirmed d ON d.key = s.dependency
"""

# A key that was read twice counts once; where its rows differ, `forms` tells in how many ways.
_SOURCE = """
CREATE OR REPLACE TEMP TABLE source AS
SELECT key, min(dependency) AS dependency, count(DISTINCT content) AS forms,
       CASE WHEN count(DISTINCT content) = 1 THEN min(content)
            ELSE md5(string_agg(DISTINCT content ORDER BY content)) END AS hash
FROM (SELECT key, dependency, {content} AS content FROM rows_of_entity)
GROUP BY key
"""

_RANGES = """
SELECT min(place), max(place) FROM (
    SELECT place, sum(number) OVER (ORDER BY place) // {rows} AS part
    FROM (SELECT {column} AS place, count(*) AS number FROM {table} GROUP BY ALL)
)
GROUP BY part ORDER BY part
"""

# What waits here for any reason may be held by Basware in an older form, and a farewell may have been refused.
_GONE = """
SELECT k.key FROM known k ANTI JOIN seen s ON s.key = k.key
WHERE (k.active = 1 AND k.state = 'confirmed') OR k.state IN ('failed', 'held', 'quarantined')
"""

# An order of which no line at all was read tells nothing about its lines.
_GONE_LINES = """
SELECT k.key FROM known k ANTI JOIN seen s ON s.key = k.key
WHERE k.parent IN (SELECT PurchaseOrder FROM all_order_headers)
  AND k.parent IN (SELECT PurchaseOrder FROM all_order_lines)
  AND ((k.active = 1 AND k.state = 'confirmed') OR k.state IN ('failed', 'held', 'quarantined'))
"""

_KNOWN_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("hash", pa.string()),
        ("state", pa.string()),
        ("active", pa.int64()),
        ("touches", pa.int64()),
        ("parent", pa.string()),
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
    """The comparison of one entity, company and day. Use as a context manager; `changes` is read once.

    `beside` are the tables that the entity's query reads beside the staged ones.
    """

    def __init__(
        self,
        connector: Connector,
        entity: Entity,
        site: Site,
        day: date,
        beside: Mapping[str, pa.Table] | None = None,
    ) -> None:
        self._connector = connector
        self._entity = entity
        self._site = site
        self._day = day
        self._beside = beside or {}
        self._scope = connector.staging.partition(entity.sources, site.syspro_company, day)
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._duck = self._scope.__enter__()
        self._duck.execute(f"SET VARIABLE staged_on = DATE '{self._day.isoformat()}'")
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
                f"CREATE TEMP VIEW {table} AS SELECT * FROM all_{table} "  # noqa: S608
                f"WHERE {column} BETWEEN getvariable('range_first') AND getvariable('range_last')"
            )
        return self

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
            self._compare()
            for rows in self._slices(
                "verdict = 'held' AND NOT (known_state IS NOT DISTINCT FROM 'held' AND known_hash = hash)"
            ):
                yield "held", rows
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

    def _compare(self) -> None:
        """Judge every row of the current range."""
        query = (
            resources.files("connector_defs.flows")
            .joinpath("sql", f"{self._entity.name}.sql")
            .read_text("utf-8")
        )
        self._duck.execute(f"CREATE OR REPLACE TEMP VIEW rows_of_entity AS {query}")
        columns = [
            name
            for name, *_ in self._duck.execute("DESCRIBE rows_of_entity").fetchall()
            if name not in ("key", "dependency", *self._entity.owned_columns)
        ]
        content = ", ".join(f'coalesce(CAST("{name}" AS VARCHAR), chr(30))' for name in columns)
        hashed = f"md5(concat_ws(chr(31), ?, {content}))"
        self._duck.execute(_SOURCE.format(content=hashed), [self._salt()])
        self._duck.execute("INSERT INTO seen SELECT key FROM source")
        self._duck.execute(_VERDICTS)
        self.counts.update(
            dict(self._duck.execute("SELECT verdict, count(*) FROM delta GROUP BY ALL").fetchall())
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
        self._duck.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM empty")  # noqa: S608
        self._duck.unregister("empty")
        if entity is None:
            return
        with self._connector.store.read() as connection:
            for part in records.known(connection, entity, self._site.syspro_company):
                columns = [list(column) for column in zip(*part, strict=True)]
                self._duck.register("part", pa.table(columns, schema=_KNOWN_SCHEMA))
                self._duck.execute(f"INSERT INTO {table} SELECT * FROM part")  # noqa: S608
                self._duck.unregister("part")

    def _slices(self, condition: str) -> Iterator[list[Changed]]:
        query = (
            "SELECT r.*, d.* EXCLUDE (key), count(*) OVER (PARTITION BY r.dependency) AS together "  # noqa: S608
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
        """Orders whose lines this partition tells, for the lines alone."""
        found = self._duck.execute("SELECT PurchaseOrder FROM all_order_headers").fetchall()
        return {str(order) for (order,) in found}

    def gone(self) -> list[str]:
        """Keys that Basware may hold as active and SYSPRO no longer has. Known once `changes` was read."""
        query = _GONE_LINES if self._entity.name == "matchingOrderLines" else _GONE
        return sorted(str(key) for (key,) in self._duck.execute(query).fetchall())
