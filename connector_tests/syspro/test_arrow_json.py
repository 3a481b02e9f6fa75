"""The quick way to Arrow says what the strict reading says, or nothing."""

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from connector_defs.domain.errors import Fatal
from connector_defs.syspro.arrow_json import record_batch
from connector_defs.syspro.pages import batch_page, row_page
from connector_defs.syspro.tables import DATE, INTEGER, TABLES, Column, Table, char, decimal

LINES = Table(
    "Lines",
    ("Order", "Line"),
    (
        Column("Order"),
        Column("Line", INTEGER),
        Column("Unit", char(3)),
        Column("Price", decimal(15, 5)),
        Column("Share", decimal(4, 2)),
        Column("Due", DATE),
    ),
)
PLAIN = {"Order": '"A"', "Line": "1", "Unit": '"EA "', "Price": "1.10", "Share": "5", "Due": '"2026-01-31"'}


def reply(*rows: dict[str, str]) -> bytes:
    """A body of rows whose values are JSON text."""
    shown = (",".join(f'"{name}":{value}' for name, value in row.items()) for row in rows)
    return ('{"value":[' + ",".join(f"{{{row}}}" for row in shown) + "]}").encode("utf-8", "surrogatepass")


def strictly(body: bytes) -> pa.RecordBatch | None:
    """The page as the strict reading has it."""
    page = row_page(LINES)(body)
    return None if page is None else LINES.record_batch(page.rows)


TAKEN: dict[str, tuple[str, object]] = {
    "Order": ('" \\u00e9\\n\\"x\\" "', ' é\n"x" '),
    "Line": ("-0", 0),
    "Unit": ("null", None),
    "Price": ("-12.5", Decimal("-12.50000")),
    "Share": ('"5.1"', Decimal("5.10")),
    "Due": ('"2026-01-31T23:00:00-05:00"', date(2026, 1, 31)),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_plain_value_is_taken_and_exact(name: str) -> None:
    text, value = TAKEN[name]
    batch = record_batch(LINES, reply(PLAIN | {name: text}, PLAIN))
    assert batch is not None
    assert batch.schema == LINES.arrow_schema
    assert batch.column(name)[0].as_py() == value
    assert batch.equals(strictly(reply(PLAIN | {name: text}, PLAIN)))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20260131", date(2026, 1, 31)),
        ("2026/01/31", date(2026, 1, 31)),
        (" 2026-01-31 00:00:00 ", date(2026, 1, 31)),
        ("0001-01-01T00:00:00Z", date(1, 1, 1)),
        ("0000-00-00", None),
        ("", None),
    ],
)
def test_a_date_has_its_one_rule_on_both_ways(text: str, day: date | None) -> None:
    batch = record_batch(LINES, reply(PLAIN | {"Due": json.dumps(text)}))
    assert batch is not None
    assert batch.column("Due").to_pylist() == [day]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("Line", '"17"', 17),
        ("Line", "17.00", 17),
        ("Price", '" 1.5 "', Decimal("1.5")),
        ("Price", '""', None),
        ("Price", "1E-2", Decimal("0.01")),
        ("Price", '"0.0E-4"', Decimal(0)),
        ("Unit", "7", "7"),
        ("Due", "20260131", date(2026, 1, 31)),
    ],
)
def test_what_only_the_strict_reading_understands_is_left_to_it(name: str, text: str, value: object) -> None:
    body = reply(PLAIN | {name: text})
    assert record_batch(LINES, body) is None
    page = batch_page(LINES)(body)
    assert page is not None
    assert page.batch.column(name)[0].as_py() == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Price", "1.000001"),
        ("Price", "12345678901"),
        ("Price", "1E20"),
        ("Price", "1E400"),
        ("Price", "0E-99"),
        ("Price", "true"),
        ("Price", '"NaN"'),
        ("Price", "[1]"),
        ("Share", "100"),
        ("Share", "99.999"),
        ("Share", '"1_0"'),
        ("Line", "1.5"),
        ("Line", "9223372036854775808"),
        ("Line", "null"),
        ("Order", "null"),
        ("Order", "{}"),
        ("Order", '"\\ud800"'),
        ("Due", '"2026-02-30"'),
        ("Due", '"31.01.2026"'),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name_and_never_rounded(name: str, text: str) -> None:
    body = reply(PLAIN, PLAIN | {name: text})
    assert record_batch(LINES, body) is None
    with pytest.raises(Fatal, match=f"Lines.*column {name}"):
        batch_page(LINES)(body)


def test_a_column_named_in_other_letters_is_not_taken_for_an_absent_one() -> None:
    body = reply({name.upper(): value for name, value in PLAIN.items()})
    assert record_batch(LINES, body) is None
    page = batch_page(LINES)(body)
    assert page is not None
    assert page.batch.column("Price").to_pylist() == [Decimal("1.10000")]


def test_a_column_no_row_has_is_absent() -> None:
    body = reply({"Order": '"A"', "Line": "1"})
    batch = record_batch(LINES, body)
    assert batch is not None
    assert batch.equals(strictly(body))
    assert batch.column("Price").null_count == 1


ROW = reply(PLAIN)[len('{"value":[') : -2]
DOUBTFUL = {
    "a name twice": b'{"value":[' + ROW[:-1] + b',"Price":2}]}',
    "a name twice, null first": b'{"value":[' + ROW.replace(b"1.10", b"null")[:-1] + b',"Price":2}]}',
    "a name twice, null last": b'{"value":[' + ROW[:-1] + b',"Price":null}]}',
    "value twice": b'{"value":[],"value":[' + ROW + b"]}",
    "an unknown name": b'{"value":[' + ROW[:-1] + b',"Colour":2}]}',
    "two replies": reply(PLAIN) * 2,
    "two replies on lines": reply(PLAIN) + b"\n" + reply(PLAIN),
    "cut": reply(PLAIN)[:-3],
    "something behind": reply(PLAIN) + b" x",
    "no JSON": b"<html>",
    "nothing": b"",
    "blanks": b" \n ",
    "a list": b"[]",
    "no value": b"{}",
    "value null": b'{"value":null}',
    "value no list": b'{"value":{}}',
    "a row that is null": b'{"value":[null,' + ROW + b"]}",
    "a row that is a number": b'{"value":[1]}',
    "NaN": reply(PLAIN | {"Price": "NaN"}),
    "an error": b'{"error":{"message":"x"},"value":[]}',
    "not UTF-8": reply(PLAIN).replace(b"EA", b"\xe9A"),
    "a surrogate in UTF-8": reply(PLAIN).replace(b"EA", b"\xed\xa0\x80"),
    "a bare line feed in a text": reply(PLAIN).replace(b"EA", b"E\n"),
    "nesting without end": b'{"value":[' + ROW[:-1] + b',"X":' + b"[" * 200_000,
    "nesting without end in a column": b'{"value":[{"Order":' + b"[" * 200_000,
}


@pytest.mark.parametrize("body", DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_doubtful_body_is_left_to_the_strict_reading(body: bytes) -> None:
    assert record_batch(LINES, body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + reply(PLAIN),
        json.dumps(json.loads(reply(PLAIN)), indent=2).encode() + b"\r\n",
        reply(),
        reply(PLAIN).replace(b"EA", "€ä".encode()),
        b'{"@odata.context":"x","@odata.count":1,"value":['
        + ROW[:-1]
        + b',"@odata.etag":"W"}],"@odata.nextLink":"y"}',
        reply(*[PLAIN] * 5000),
        reply(*[PLAIN | {"Unit": '"PRE-E-"'}] * 3),
    ],
    ids=[
        "byte order mark",
        "indented",
        "no row",
        "beyond ASCII",
        "annotations",
        "a full page",
        "E- in a text",
    ],
)
def test_a_page_in_another_dress_is_taken(body: bytes) -> None:
    batch = record_batch(LINES, body)
    assert batch is not None
    assert batch.equals(strictly(body))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_empty_page_of_every_table_is_taken(table: Table) -> None:
    batch = record_batch(table, b'{"value":[]}')
    assert batch is not None
    assert (batch.num_rows, batch.schema) == (0, table.arrow_schema)


NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**11), max_value=10**11).map(
        str
    ),
    st.decimals(allow_nan=False).map(str),
    st.integers().map(str),
    st.from_regex(r"[+-]?[0-9]{0,12}\.?[0-9]{0,7}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "-0.00", "0E-99", "1E-70", "1E400", "01", "1.", "-", "1e2.5"]
    ),
)
DATES = st.one_of(
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(
        ["", " ", "0000-00-00", "20260131", "2026-1-31", "2026-01-31x", "2026-01-31Tx", "٢٠٢٦-٠١-٣١"]
    ),
)
TEXTS = st.one_of(st.text(max_size=8), DATES, NUMBERS, NUMBERS.map(lambda number: f" {number}\t"))
ANYTHING = st.one_of(
    NUMBERS,
    TEXTS.map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(["null", "true", "false", "[]", "{}", '{"a":1}', '"\\ud800"', '"\\u0000"', '"\\x"']),
)
FITTING = {
    # What looks like a small exponent is a doubt, even amid a text.
    "text": st.text(max_size=8).map(json.dumps).filter(lambda text: not re.search("[0-9.][eE]-", text)),
    "integer": st.integers(-(2**63), 2**63 - 1).map(str),
    "decimal": st.decimals(places=2, min_value=-99, max_value=99).map(str),
    "date": st.dates().map(lambda day: f'"{day}T00:00:00Z"'),
}


@st.composite
def rows(draw: st.DrawFn) -> str:
    """A row that is mostly plain."""
    cells = []
    for column in LINES.columns:
        kind = draw(
            st.sampled_from(["fits"] * 90 + ["any"] * 6 + ["absent", "null", "other letters", "twice"])
        )
        value = draw(FITTING[column.kind.family]) if kind == "fits" else draw(ANYTHING)
        name = column.name.lower() if kind == "other letters" else column.name
        cells += {"absent": [], "null": [(name, "null")], "twice": [(name, value), (name, "null")]}.get(
            kind, [(name, value)]
        )
    if draw(st.integers(0, 29)) == 7:
        cells.append(draw(st.tuples(st.sampled_from(["@odata.etag", "Colour", "pRICE"]), ANYTHING)))
    blank = draw(st.sampled_from(["", " ", "\n", "\r\n\t"]))
    return "{" + f",{blank}".join(f'"{name}"{blank}:{blank}{value}' for name, value in cells) + "}"


def changed(body: bytes, changes: list[tuple[int, int]]) -> bytes:
    """The body with bytes put into it at random."""
    held = bytearray(body)
    for place, byte in changes:
        held[place % len(held)] = byte
    return bytes(held)


def bodies() -> Iterator[st.SearchStrategy[bytes]]:
    """Replies as they come, and with a byte or two wrong."""
    whole = st.lists(rows(), max_size=3).map(
        lambda some: ('{"@odata.context":"x","value":[' + ",".join(some) + "]}").encode(
            "utf-8", "surrogatepass"
        )
    )
    yield whole
    wrong = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=2)
    yield st.builds(changed, whole, wrong)


@given(st.one_of(*bodies()))
@example(reply(PLAIN | {"Price": '"1"'}, PLAIN | {"Price": "2"}))
def test_both_ways_agree_or_the_quick_one_keeps_silent(body: bytes) -> None:
    batch = record_batch(LINES, body)
    event("taken" if batch else "left")
    if batch is not None:
        # A Fatal of the strict reading fails this test as well: then the quick one should have kept silent.
        strict = strictly(body)
        assert strict is not None
        assert batch.equals(strict)


@given(
    st.lists(
        st.fixed_dictionaries({column.name: FITTING[column.kind.family] for column in LINES.columns}),
        max_size=4,
    )
)
def test_rows_without_a_doubt_are_taken(some: list[dict[str, str]]) -> None:
    batch = record_batch(LINES, reply(*some))
    assert batch is not None
    assert batch.num_rows == len(some)


@pytest.mark.parametrize(
    "body", [b"null", b" null", b"\nnull\n{}", b'null{"value": []}', b"\xef\xbb\xbfnull"]
)
def test_a_reply_that_begins_with_null_does_not_end_the_process(body: bytes) -> None:
    assert record_batch(LINES, body) is None


def test_a_page_of_more_objects_than_rows_could_be_is_left_to_the_strict_reading() -> None:
    assert record_batch(LINES, b'{"value":[' + b"{}," * 100_000 + b"{}]}") is None
