"""The quick way from the body of an OData reply to Arrow, for pages about which there can be no two opinions.

Arrow's own JSON reader takes exact decimals from numbers and from text, refuses what it would have to round, and
leaves the interpreter free meanwhile. It knows nothing of blank numbers, odd dates, names in other letters or the
other forms that `Column.parse` accepts: such a page is left to the strict reading of `pages`, which is the truth.
So every doubt here ends in None, never in a value; nothing is rounded, and nothing becomes null that is not.
Belongs here: only that shortcut. What a value means is in `tables`.
"""

import re
from functools import lru_cache

import pyarrow as pa
from pyarrow import json as pa_json

from connector_defs.syspro.tables import Column, Table

# A page has 5,000 rows. A million of empty ones would be a million values in every column.
_MAX_OBJECTS = 100_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A number such as 1E-70. Arrow (26.0.1) looks its power of ten up in a table of 38 without asking first: at 1E-39 it
# reads beyond the table, at 1E-2000000000 the process dies. Begins with the rarest character, for speed.
_SMALL_EXPONENT = re.compile(rb"-(?<=[0-9.][eE]-)")
# At a `null` that stands before everything else the reader (26.0.1) dies of a segmentation fault.
_OBJECT = re.compile(rb"[ \t\r\n]*\{")
# Annotations of OData 4.0 that a service may give without being asked. Any other name that is not a column, a
# column's name in other letters among them, makes Arrow refuse the page.
_REPLY_ANNOTATIONS = (
    pa.field("@odata.context", pa.string()),
    pa.field("@odata.count", pa.int64()),
    pa.field("@odata.nextLink", pa.string()),
)
_ROW_ANNOTATIONS = (pa.field("@odata.etag", pa.string()),)


def record_batch(table: Table, body: bytes) -> pa.RecordBatch | None:
    """The page in `table.arrow_schema`, or None where only the strict reading can say what it means."""
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not _OBJECT.match(body) or body.count(b"{") > _MAX_OBJECTS:
        return None
    if not _is_utf8(body) or _SMALL_EXPONENT.search(body):
        return None
    try:
        reply = pa_json.read_json(
            pa.BufferReader(body),
            # One block, so that a page is read in one go however long it is.
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pa_json.ParseOptions(
                explicit_schema=_reply_schema(table),
                newlines_in_values=b"\n" in body,
                unexpected_field_behavior="error",
            ),
        )
        return _typed(table, reply)
    except pa.ArrowException:
        return None


def _typed(table: Table, reply: pa.Table) -> pa.RecordBatch | None:
    pages = reply.column("value")
    if reply.num_rows != 1 or pages.null_count:
        return None
    rows = pages.chunk(0).flatten()
    if rows.null_count:
        return None
    arrays = dict(zip((field.name for field in rows.type), rows.flatten(), strict=True))
    columns = []
    for column in table.columns:
        array = arrays[column.name]
        if column.kind.family == "date":
            array = _dates(column, array)
        if array is None or (column.name in table.key and array.null_count):
            return None
        columns.append(array)
    batch = pa.RecordBatch.from_arrays(columns, schema=table.arrow_schema)
    # The reader counts the digits of a number as it is written, not those it has at the column's scale.
    batch.validate(full=True)
    return batch


def _dates(column: Column, texts: pa.Array) -> pa.Array | None:
    """Each distinct text is read by the column's own rule: a page holds few."""
    distinct = texts.dictionary_encode()
    try:
        days = [column.parse(text) for text in distinct.dictionary.to_pylist()]
    except ValueError:
        return None
    return pa.array(days, pa.date32()).take(distinct.indices)


def _is_utf8(body: bytes) -> bool:
    """Arrow does not look whether text is UTF-8."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=64)
def _reply_schema(table: Table) -> pa.Schema:
    """The reply as Arrow reads it: dates as text, all else in its own type."""
    columns = [
        pa.field(field.name, pa.string() if pa.types.is_date(field.type) else field.type)
        for field in table.arrow_schema
    ]
    rows = pa.list_(pa.struct([*columns, *_ROW_ANNOTATIONS]))
    return pa.schema([*_REPLY_ANNOTATIONS, pa.field("value", rows)])
