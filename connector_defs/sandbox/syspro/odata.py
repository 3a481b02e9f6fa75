"""The OData service: read-only pages of tables under HTTP Basic.

Source: SYSPRO wire notes 3. A page holds at most `row_cap` rows and is cut in silence; every unproven habit
is an option. Faults are applied by the caller.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.syspro.odata_filter import BadFilter, Condition, narrowed, parse, test_of
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world.schema import Column, Kind
from connector_defs.sandbox.world.tables import Row, TableStore, Value

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_OPTIONS = {"$top", "$skip", "$filter", "$orderby", "$select", "$count", "$format"}


@dataclass(frozen=True, slots=True)
class ODataAnswer:
    """Status, body and content type of one answer."""

    status: int
    body: bytes
    content_type: str = "application/json; odata.metadata=minimal"


class Refusal(Exception):
    """The request is answered with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class ODataService:
    """The served tables of one company."""

    tables: Mapping[str, TableStore]
    company: str
    credentials: SandboxCredentials
    options: SysproOptions

    def admits(self, authorization: str | None) -> bool:
        """Whether this Authorization header holds the OData credentials."""
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            sent = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        expected = f"{self.credentials.odata_username}:{self.credentials.odata_password}"
        return hmac.compare_digest(sent, expected.encode())

    def page(
        self, company: str, table_name: str, query: Mapping[str, str], url: str, *, spoilt: str = ""
    ) -> ODataAnswer:
        """One page, as the fault `spoilt` leaves it. Never raises for a bad request."""
        try:
            table = self._table(company, table_name)
            return ODataAnswer(200, _ENCODER.encode(self._payload(table, query, url, spoilt=spoilt)))
        except Refusal as refusal:
            return self.error(refusal.status, str(refusal))
        except BadFilter as bad:
            return self.error(400, str(bad))

    def _table(self, company: str, name: str) -> TableStore:
        table = self.tables.get(name) if company == self.company else None
        if table is None:
            raise Refusal(404, f"Resource not found for the segment '{name}'.")
        return table

    def error(self, status: int, message: str) -> ODataAnswer:
        if self.options.html_errors:
            page = f"<html><head><title>{status}</title></head><body><h1>Server Error</h1></body></html>"
            return ODataAnswer(status, page.encode(), "text/html; charset=utf-8")
        return ODataAnswer(status, _ENCODER.encode({"error": {"code": "", "message": message}}))

    def _payload(
        self, table: TableStore, query: Mapping[str, str], url: str, *, spoilt: str
    ) -> dict[str, object]:
        unknown = [name for name in query if name.startswith("$") and name not in _OPTIONS]
        if unknown:
            raise Refusal(400, f"The query parameter '{unknown[0]}' is not supported.")
        columns = self._columns(table)
        condition = self._condition(query.get("$filter", ""), columns)
        asked = _whole(query, "$top", len(table))
        skip = _whole(query, "$skip", 0)
        top = min(asked, self.options.row_cap)
        selected = self._selected(query.get("$select", ""), columns)
        order = _order(query.get("$orderby", ""), columns)
        rows, more = _slice(
            _ordered(_matching(table, condition), table, order),
            skip,
            top // 2 if spoilt == "short_page" else top,
        )
        if spoilt == "doubled_row":
            rows = [*rows[:1], *rows]
        payload: dict[str, object] = {}
        if self.options.context:
            payload["@odata.context"] = f"{url.rpartition('/')[0]}/$metadata#{table.name}"
        if query.get("$count") == "true":
            if self.options.count == "refused":
                raise Refusal(400, "The query parameter '$count' is not supported.")
            if self.options.count == "present":
                payload["@odata.count"] = sum(1 for _ in _matching(table, condition))
        payload["value"] = self._shown(table, rows, selected)
        if self.options.next_link and more and asked > len(rows):
            payload["@odata.nextLink"] = _link(url, query, skip + len(rows))
        return payload

    def _columns(self, table: TableStore) -> dict[str, Column]:
        return {
            column.name: column
            for column in table.schema.columns
            if f"{table.name}.{column.name}" not in self.options.absent_columns
        }

    def _condition(self, text: str, columns: dict[str, Column]) -> Condition | None:
        if not text:
            return None
        if not self.options.compound_filter and " or " in text:
            raise Refusal(400, "The filter is too complex.")
        return parse(text, columns, self.options.date_literal)

    def _selected(self, text: str, columns: dict[str, Column]) -> list[Column]:
        if not text:
            return list(columns.values())
        return [_column(name.strip(), columns) for name in text.split(",")]

    def _shown(self, table: TableStore, rows: list[Row], selected: list[Column]) -> list[dict[str, object]]:
        names = [column.name for column in selected]
        at = [table.position[name] for name in names]
        pick: Callable[[Row], tuple[Value, ...]] = (
            itemgetter(*at) if len(at) > 1 else lambda row: (row[at[0]],)
        )
        changed = [(column.name, form) for column in selected if (form := self._form(column)) is not None]
        shown: list[dict[str, Any]] = [dict(zip(names, pick(row), strict=True)) for row in rows]
        for name, form in changed:
            for record in shown:
                record[name] = form(record[name])
        return shown

    def _form(self, column: Column) -> Callable[[Any], object] | None:
        if column.kind is Kind.DATETIME:
            return _utc if self.options.date_values == "utc" else _local
        if column.kind is Kind.DECIMAL and self.options.decimals_as_strings:
            return str
        if column.kind is Kind.CHAR and self.options.trimmed_chars:
            return str.rstrip
        return None


def _matching(table: TableStore, condition: Condition | None) -> Iterator[Row]:
    """Rows that meet the condition in key order, reading no more of the table than its key allows."""
    if condition is None:
        yield from table.rows
        return
    test = test_of(condition, table)
    spans = narrowed(condition, table)
    for low, high in [(0, len(table))] if spans is None else spans:
        # By index, as copying the tail of 100,000 rows for each page costs more than the page.
        for index in range(low, high):
            row = table.rows[index]
            if test(row):
                yield row


def _ordered(rows: Iterable[Row], table: TableStore, order: list[tuple[str, bool]]) -> Iterator[Row]:
    names = tuple(name for name, _ in order)
    key = table.schema.key
    rising = not any(falling for _, falling in order)
    if rising and (names == key[: len(names)] or names[: len(key)] == key):
        return iter(rows)
    found = list(rows)
    for name, falling in reversed(order):
        at = table.position[name]
        found.sort(key=lambda row, at=at: (row[at] is not None, row[at]), reverse=falling)  # type: ignore[misc]
    return iter(found)


def _slice(rows: Iterator[Row], skip: int, top: int) -> tuple[list[Row], bool]:
    """The rows from `skip` on, at most `top`, and whether there are more."""
    for _ in range(skip):
        next(rows, None)
    page: list[Row] = []
    for row in rows:
        if len(page) == top:
            return page, True
        page.append(row)
    return page, False


def _order(text: str, columns: dict[str, Column]) -> list[tuple[str, bool]]:
    order = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, direction = part.partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise Refusal(400, f"Syntax error in $orderby at '{part}'.")
        order.append((_column(name, columns).name, direction.strip() == "desc"))
    return order


def _column(name: str, columns: dict[str, Column]) -> Column:
    column = columns.get(name)
    if column is None:
        raise Refusal(400, f"Could not find a property named '{name}'.")
    return column


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise Refusal(400, f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _link(url: str, query: Mapping[str, str], skip: int) -> str:
    return f"{url}?{urlencode({**query, '$skip': str(skip)}, safe='$', quote_via=quote)}"


@lru_cache(maxsize=4096)
def _utc(day: date | None) -> str | None:
    return None if day is None else f"{day.isoformat()}T00:00:00Z"


@lru_cache(maxsize=4096)
def _local(day: date | None) -> str | None:
    return None if day is None else f"{day.isoformat()}T00:00:00"
