"""What the body of an OData reply holds: a page of typed rows, or the same page in Arrow form.

Belongs here: both forms of a page and their strict reading, which is the truth about what a value means.
Not here: the quick way to Arrow (`arrow_json`), paging (`paging`), HTTP (`odata_service`).
Source: SYSPRO wire notes 3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc

from connector_defs.domain.errors import Fatal
from connector_defs.outside import json_text
from connector_defs.outside.json_text import BadJson, FlawedObject, TooMuchJson
from connector_defs.syspro import arrow_json
from connector_defs.syspro.conditions import Scalar
from connector_defs.syspro.tables import Row, Table
from connector_defs.syspro.transport import plain_text

Key = tuple[Scalar, ...]

_MAX_ROW_BYTES = 1_000_000
# Ten times a page. A row, however empty, becomes a value in every column.
_MAX_ROWS = 50_000


class PageTooLarge(Fatal):
    """A reply that is more than can be read at once; one of fewer rows might be read."""


class Page(Protocol):
    """Rows in the order of the primary key, as far as paging needs to know them."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def key(self, place: int) -> Key:
        """Primary key of the row at `place`, counted from the end where it is negative."""
        ...

    def find(self, key: Key) -> int | None:
        """Place of the first row with that key."""
        ...

    def after(self, place: int) -> Self:
        """The rows behind `place`."""
        ...


@dataclass(frozen=True)
class RowPage:
    """A page as typed rows and their keys."""

    rows: list[Row]
    keys: list[Key]

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, place: int) -> Key:
        """See `Page`."""
        return self.keys[place]

    def find(self, key: Key) -> int | None:
        """See `Page`."""
        return self.keys.index(key) if key in self.keys else None

    def after(self, place: int) -> "RowPage":
        """See `Page`."""
        return RowPage(self.rows[place + 1 :], self.keys[place + 1 :])


@dataclass(frozen=True)
class BatchPage:
    """A page as Arrow batch; no key column holds a null."""

    batch: pa.RecordBatch
    key_columns: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @cached_property
    def _keys(self) -> tuple[pa.Array, ...]:
        return tuple(self.batch.column(name) for name in self.key_columns)

    def key(self, place: int) -> Key:
        """See `Page`."""
        return tuple(column[place].as_py() for column in self._keys)

    def find(self, key: Key) -> int | None:
        """See `Page`."""
        same = (
            pc.equal(column, pa.scalar(part, column.type))
            for column, part in zip(self._keys, key, strict=True)
        )
        place = pc.index(reduce(pc.and_, same), True).as_py()
        return None if place < 0 else place

    def after(self, place: int) -> "BatchPage":
        """See `Page`."""
        return BatchPage(self.batch.slice(place + 1), self.key_columns)


def row_page(table: Table) -> Callable[[bytes], RowPage | None]:
    """Reads a body as typed rows; None where it is no JSON. Raises Fatal for what is no page of this table."""

    def read(body: bytes) -> RowPage | None:
        raw = raw_rows(table.name, body)
        if raw is None:
            return None
        rows = [table.parse_row(row) for row in raw]
        return RowPage(rows, [table.key_of(row) for row in rows])

    return read


def batch_page(table: Table) -> Callable[[bytes], BatchPage | None]:
    """Reads a body as Arrow batch, with the same result as `row_page` and the same refusals."""
    strict = row_page(table)

    def read(body: bytes) -> BatchPage | None:
        batch = arrow_json.record_batch(table, body)
        if batch is None:
            page = strict(body)
            if page is None:
                return None
            batch = table.record_batch(page.rows)
        return BatchPage(batch, table.key)

    return read


def last_key(table: Table, body: bytes) -> Key | None:
    """Key of the last row, told from the end of the body alone: a guess, or None where there is none."""
    start = body.rfind(b"{")
    # A row, not a page that holds no other object.
    if start < 0 or len(body) - start > _MAX_ROW_BYTES:
        return None
    try:
        row, _ = json_text.decode_at(body[start:].decode(), 0)
        return table.key_of(table.parse_row(row)) if isinstance(row, dict) else None
    except (ValueError, Fatal):
        return None


def raw_rows(table: str, body: bytes) -> list[Mapping[str, object]] | None:
    """The rows of a reply with exact numbers; None where it is no JSON at all.

    What is wrong with a single value is left to whoever needs it.
    """
    try:
        reply = json_text.decode_whole(body, mark=True)
    except TooMuchJson as error:
        raise PageTooLarge(f"SYSPRO OData, table {table}: the answer is too large ({error}).") from None
    except BadJson:
        return None
    if isinstance(reply, dict) and "value" not in reply and "error" in reply:
        raise Fatal(f"SYSPRO OData, table {table}: {plain_text(error_text(reply['error']))}")
    _refuse_doubled(table, reply)
    rows = reply.get("value") if isinstance(reply, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Fatal(
            f"SYSPRO OData, table {table}: the reply holds no list of rows under 'value'. "
            "Check that SYSPRO_ODATA_URL is the OData service."
        )
    if len(rows) > _MAX_ROWS:
        raise Fatal(
            f"SYSPRO OData, table {table}: {len(rows)} rows came at once, far more than were asked for. "
            "Trying again cannot help; the service ignores $top."
        )
    for row in rows:
        _refuse_doubled(table, row)
    return rows


def _refuse_doubled(table: str, value: object) -> None:
    """Fatal where a name stands twice in an object of a reply: which of its values is meant, nobody knows."""
    if isinstance(value, FlawedObject):
        raise Fatal(f"SYSPRO OData, table {table}: in the reply {value.reason}. Trying again cannot help.")


def error_text(error: object) -> str:
    """What the error object of a reply says."""
    if isinstance(error, dict):
        error = error.get("message") or error.get("code")
    return error if isinstance(error, str) else "error without text"
