"""What changed: staged rows against what Basware was sent, as one join of content hashes in DuckDB.

The hash covers the published columns only, never balances, together with the translation's own version and
the site's maps, so that a changed map sends the records it touches.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib import resources
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from connector_defs.domain.translation.context import Site
from connector_defs.flows.entities import Entity
from connector_defs.flows.runtime import Connector
from connector_defs.store import records

# Raised when a translation changes what it makes of the same row.
TRANSLATION_VERSION = 1
_BATCH = 2000

_VERDICTS = """
CREATE TEMP TABLE delta AS
SELECT s.*,
       k.touches, k.state AS known_state, k.hash AS known_hash, k.active AS known_active,
       CASE
           WHEN k.hash = s.hash AND k.state IN ('confirmed', 'sent') THEN 'unchanged'
           WHEN k.hash = s.hash AND k.state = 'quarantined' THEN 'quarantined'
           WHEN k.state = 'sent' THEN 'in_flight'
           WHEN s.dependency <> '' AND d.key IS NULL THEN 'held'
           ELSE 'send'
       END AS verdict
FROM source s
LEFT JOIN known k ON k.key = s.key
LEFT JOIN confirmed d ON d.key = s.dependency
"""

_GONE = """
SELECT k.key FROM known k ANTI JOIN source s ON s.key = k.key
WHERE k.active = 1 AND k.state = 'confirmed'
"""

_GONE_LINES = """
SELECT k.key FROM known k ANTI JOIN source s ON s.key = k.key
JOIN order_headers h ON h.PurchaseOrder = k.parent
WHERE k.active = 1 AND k.state = 'confirmed'
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
    """A row to look at: its key, content hash, columns, and how often it was forced so far."""

    key: str
    hash: str
    dependency: str
    touches: int
    failed_before: bool
    row: dict[str, Any]


class Delta:
    """The comparison of one entity, company and day. Use as a context manager."""

    def __init__(self, connector: Connector, entity: Entity, site: Site, day: date) -> None:
        self._connector = connector
        self._entity = entity
        self._site = site
        self._day = day
        self._scope = connector.staging.partition(entity.sources, site.syspro_company, day)

    def __enter__(self) -> Self:
        self._duck = self._scope.__enter__()
        self._duck.execute(f"SET VARIABLE staged_on = DATE '{self._day.isoformat()}'")
        self._load("known", self._entity.name)
        self._load("dependency_state", self._entity.depends_on)
        self._duck.execute(
            "CREATE TEMP TABLE confirmed AS SELECT key FROM dependency_state WHERE state = 'confirmed'"
        )
        self._make_source()
        self._duck.execute(_VERDICTS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scope.__exit__(kind, error, trace)

    def _make_source(self) -> None:
        query = (
            resources.files("connector_defs.flows")
            .joinpath("sql", f"{self._entity.name}.sql")
            .read_text("utf-8")
        )
        self._duck.execute(f"CREATE TEMP VIEW rows_of_entity AS {query}")
        columns = [
            name
            for name, *_ in self._duck.execute("DESCRIBE rows_of_entity").fetchall()
            if name not in ("key", "dependency")
        ]
        content = ", ".join(f'coalesce(CAST("{name}" AS VARCHAR), chr(30))' for name in columns)
        self._duck.execute(
            f"CREATE TEMP TABLE source AS SELECT *, md5(concat_ws(chr(31), ?, {content})) AS hash FROM rows_of_entity",  # noqa: S608
            [self._salt()],
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
        return hashlib.sha256(json.dumps([*told, sorted(site.currencies.items())]).encode()).hexdigest()[:16]

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

    def counts(self) -> dict[str, int]:
        """Number of staged rows by verdict."""
        rows = self._duck.execute("SELECT verdict, count(*) FROM delta GROUP BY verdict").fetchall()
        return {str(verdict): int(number) for verdict, number in rows}

    def to_send(self) -> Iterator[list[Changed]]:
        """Rows that are new, changed, or were refused before; in key order, in slices."""
        return self._slices("verdict = 'send'")

    def newly_held(self) -> Iterator[list[Changed]]:
        """Rows that wait for what they depend on and were not known to wait yet."""
        return self._slices(
            "verdict = 'held' AND NOT (known_state IS NOT NULL AND known_state = 'held' AND known_hash = hash)"
        )

    def _slices(self, condition: str) -> Iterator[list[Changed]]:
        reader = self._duck.sql(f"SELECT * FROM delta WHERE {condition} ORDER BY key").to_arrow_reader(_BATCH)  # noqa: S608
        for batch in reader:
            yield [
                Changed(
                    key=row["key"],
                    hash=row["hash"],
                    dependency=row["dependency"],
                    touches=row["touches"] or 0,
                    failed_before=row["known_state"] == "failed",
                    row=row,
                )
                for row in batch.to_pylist()
            ]

    def gone(self) -> list[str]:
        """Keys that Basware holds as active and SYSPRO no longer has."""
        query = _GONE_LINES if self._entity.name == "matchingOrderLines" else _GONE
        return sorted(str(key) for (key,) in self._duck.execute(query).fetchall())
