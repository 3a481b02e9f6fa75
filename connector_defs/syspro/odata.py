"""SYSPRO's OData service: tables read page by page, each page a list of typed rows or an Arrow batch.

Belongs here: the query of one page, look-ups by key, and finding out which of the unpublished details (date
literal, compound filters, unknown columns in `$select`) a given server understands.
Not here: what columns there are (`tables`), how a filter is written (`conditions`), which page comes next
(`paging`), what a body holds (`pages`), HTTP (`odata_service`).
Source: SYSPRO wire notes 3; nothing marked as inferred there is relied on.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self, TypeVar

import httpx
import pyarrow as pa
from pydantic import SecretStr

from connector_defs.syspro import conditions
from connector_defs.syspro.addresses import Trust
from connector_defs.syspro.conditions import Condition, Scalar
from connector_defs.syspro.odata_service import (
    QueryRefused,
    RetryPolicy,
    TableMissing,
    TableReader,
    percent_encoded,
)
from connector_defs.syspro.pages import Key, batch_page, raw_rows, row_page
from connector_defs.syspro.paging import ROW_CAP, Query, Reading
from connector_defs.syspro.reading_ahead import ReadAhead
from connector_defs.syspro.tables import Row, Table

__all__ = ["KEYS_PER_CALL", "ROW_CAP", "ODataClient", "QueryRefused", "RetryPolicy", "TableMissing"]

KEYS_PER_CALL = 50
_KEY_FILTER_BYTES = 6000
_LONG_FILTER_BYTES = 500

_log = logging.getLogger(__name__)

T = TypeVar("T")


class ODataClient:
    """Read-only access to the tables of one company. May be used from several threads at once.

    Raises Fatal (credentials, rights, address), `TableMissing`, `QueryRefused`, or RetryLater once its own
    retries are used up.
    """

    def __init__(
        self,
        base_url: str,
        company: str,
        username: str,
        password: SecretStr,
        *,
        timeout: float,
        trust: Trust = Trust(),  # noqa: B008 - immutable
        transport: httpx.BaseTransport | None = None,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader = TableReader(
            base_url,
            company,
            username,
            password,
            timeout=timeout,
            trust=trust,
            transport=transport,
            retry=retry or RetryPolicy(),
            sleep=sleep,
        )
        self._served: dict[str, frozenset[str]] = {}
        self._date_forms: dict[str, str] = {}
        self._last_date_form = conditions.DATE_FORMS[0]
        self._skipping: set[str] = set()
        self._keys_per_call = KEYS_PER_CALL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()

    def probe(self, table: Table) -> set[str]:
        """Names of the columns the service gives for the table, from one row; empty for an empty table."""
        return set(self.columns(table))

    def columns(self, table: Table) -> dict[str, str]:
        """The same names with the kind of JSON value each holds in that row: text, number, truth, "" for null."""
        rows = self._reader.read(table.name, [("$top", "1")], lambda body: raw_rows(table.name, body))
        return {name: _json_kind(value) for row in rows[:1] for name, value in row.items() if "@" not in name}

    def count(self, table: Table, where: Condition | None = None) -> int | None:
        """How many rows the service says the table has; None where it tells none. Nothing may rest on it."""
        chosen = [] if where is None else [("$filter", conditions.render(where, self._last_date_form))]
        options = [("$count", "true"), *chosen, ("$select", ",".join(table.key)), ("$top", "1")]
        return self._reader.count(table.name, options)

    def pages(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Condition | None = None,
        page_size: int = ROW_CAP,
    ) -> Iterator[list[Row]]:
        """All rows in the order of the primary key, page by page; the key columns are always among them.

        Pages follow the key, not the row number, for rows move between calls; only an empty page ends the
        table (traps 31). Where the service refuses the key filter, `$skip` pages overlap by one row, and a
        table that moved in between raises RetryLater instead of losing rows. A service that gives the same
        page again raises Fatal.
        """
        narrow = table if columns is None else table.narrowed(columns)
        query = self._query_of(narrow, row_page(narrow))
        reading = Reading(narrow, where, _top(page_size), query, self._skipping)
        return (page.rows for page in reading.pages())

    def batches(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Condition | None = None,
        page_size: int = ROW_CAP,
    ) -> Iterator[pa.RecordBatch]:
        """The same as `pages`, each page as Arrow batch, read ahead in threads of its own while the caller has another one.

        Where a page is plain, Arrow reads it itself; whatever it could take in another way than `pages` goes
        through the rows of `pages`. Raises Fatal besides, where a value does not fit its column without rounding.
        """
        narrow = table if columns is None else table.narrowed(columns)
        ahead = ReadAhead(
            narrow,
            where,
            _top(page_size),
            fetch=self._query_of(narrow, lambda body: body),
            read=self._query_of(narrow, batch_page(narrow)),
            skipping=self._skipping,
        )
        return (page.batch for page in ahead.pages())

    def _query_of(self, table: Table, take: Callable[[bytes], T | None]) -> Query[T]:
        def query(where: Condition | None, top: int, skip: int) -> T:
            return self._query(table, where, top, skip, take)

        return query

    def by_keys(
        self,
        table: Table,
        columns: Sequence[str],
        keys: Sequence[Sequence[Scalar]],
        *,
        select: Sequence[str] | None = None,
    ) -> list[Row]:
        """Rows whose `columns` equal one of `keys`, at most 50 keys to a call; no order is promised.

        Values of char(n) columns match padded and trimmed alike. A key without row is simply absent. A row that is shown
        twice, as a read does that meets it on the move, comes once; two rows of one primary key that differ both come.
        """
        narrow = table if select is None else table.narrowed([*select, *columns])
        pending = list(dict.fromkeys(_typed(table, columns, key) for key in keys))
        found: list[Row] = []
        while pending:
            chunk = self._next_chunk(narrow, columns, pending)
            where = conditions.any_of(_match(narrow, columns, key) for key in chunk)
            try:
                found += list(self._all_of_chunk(narrow, columns, where, chunk))
            except (QueryRefused, TableMissing) as refusal:
                long = len(percent_encoded(conditions.render(where))) > _LONG_FILTER_BYTES
                if len(chunk) == 1 or (isinstance(refusal, TableMissing) and not long):
                    raise
                self._keys_per_call = len(chunk) // 2
                continue
            del pending[: len(chunk)]
        return list({tuple(row.values()): row for row in found}.values())

    def _next_chunk(self, table: Table, columns: Sequence[str], keys: list[Key]) -> list[Key]:
        chunk: list[Key] = []
        size = 0
        for key in keys[: self._keys_per_call]:
            size += len(percent_encoded(conditions.render(_match(table, columns, key)))) + 8
            if chunk and size > _KEY_FILTER_BYTES:
                break
            chunk.append(key)
        return chunk

    def _all_of_chunk(
        self, table: Table, columns: Sequence[str], where: Condition, keys: Sequence[Key]
    ) -> Iterator[Row]:
        """Read on until every key that can have one row alone has it: rows nobody asked for, or twice, prove nothing."""
        missing = {_alike(key) for key in keys} if set(columns) == set(table.key) else None
        for page in self.pages(table, where=where):
            yield from page
            if missing is not None:
                missing -= {_alike([row[name] for name in columns]) for row in page}
                if not missing:
                    return

    def _query(
        self,
        table: Table,
        where: Condition | None,
        top: int,
        skip: int,
        take: Callable[[bytes], T | None],
    ) -> T:
        """One page, trying the forms a server may want; the one that works is remembered."""
        dated = conditions.holds_date(where)
        refused = QueryRefused(f"SYSPRO OData, table {table.name}: no way of writing a date is known.")
        for form in self._forms(table) if dated else [self._last_date_form]:
            options = self._options(table, where, form, top, skip)
            try:
                page = self._reader.read(table.name, options, take)
            except QueryRefused as refusal:
                if self._learn_columns(table) or options != self._options(table, where, form, top, skip):
                    return self._query(table, where, top, skip, take)
                refused = refusal
                continue
            if dated:
                self._date_forms[table.name] = self._last_date_form = form
            return page
        raise refused

    def _forms(self, table: Table) -> list[str]:
        known = self._date_forms.get(table.name)
        if known is not None:
            return [known]
        return [self._last_date_form, *(f for f in conditions.DATE_FORMS if f != self._last_date_form)]

    def _learn_columns(self, table: Table) -> bool:
        """After a refusal: ask which columns there are. True where that changes what is selected."""
        if table.name in self._served:
            return False
        self._served[table.name] = frozenset(name.casefold() for name in self.probe(table))
        if not self._served[table.name]:
            _log.info("SYSPRO OData %s is empty and tells no columns: none are selected", table.name)
            return True
        lacking = [n for n in table.column_names if n.casefold() not in self._served[table.name]]
        if lacking:
            _log.warning("SYSPRO OData %s has no column %s", table.name, ", ".join(lacking))
        return bool(lacking)

    def _options(
        self, table: Table, where: Condition | None, date_form: str, top: int, skip: int
    ) -> list[tuple[str, str]]:
        served = self._served.get(table.name)
        names = [n for n in table.column_names if served is None or n.casefold() in served]
        options = [("$select", ",".join(names))] if names else []
        if where is not None:
            options.append(("$filter", conditions.render(where, date_form)))
        options += [("$orderby", ",".join(table.key)), ("$top", str(top))]
        if skip:
            options.append(("$skip", str(skip)))
        return options


def _json_kind(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "truth"
        case int() | Decimal():
            return "number"
        case _:
            return "text"


def _top(page_size: int) -> int:
    return max(1, min(page_size, ROW_CAP))


def _match(table: Table, columns: Sequence[str], key: Key) -> Condition:
    return conditions.all_of(
        conditions.same_text(name, value, table.column(name).kind.width)
        for name, value in zip(columns, key, strict=True)
    )


def _alike(key: Sequence[object]) -> tuple[object, ...]:
    """The key as a database takes it that ignores case and the blanks at the end."""
    return tuple(value.rstrip().casefold() if isinstance(value, str) else value for value in key)


def _typed(table: Table, columns: Sequence[str], key: Sequence[Scalar]) -> Key:
    """The key with numbers as numbers, so that their literals are not quoted."""
    typed: list[Scalar] = []
    for name, value in zip(columns, key, strict=True):
        parsed = table.column(name).parse(value)
        if parsed is None:
            raise ValueError(f"{table.name}: blank value for key column {name}")
        typed.append(parsed)
    return tuple(typed)
