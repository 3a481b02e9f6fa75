"""Raw rows become typed rows, whatever form the server gives its values in."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.syspro import tables
from connector_defs.syspro.tables import DATE, INTEGER, TEXT, Column, Table, char, decimal

ORDER_LINE = Table(
    "Line",
    ("Order", "Line"),
    (
        Column("Order"),
        Column("Line", INTEGER),
        Column("Unit", char(3)),
        Column("Price", decimal(15, 5)),
        Column("Due", DATE),
    ),
)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (TEXT, "000000000000001", "000000000000001"),
        (TEXT, " 00001", " 00001"),
        (char(3), "R  ", "R  "),
        (TEXT, 7, "7"),
        (TEXT, None, None),
        (decimal(14, 2), 12, Decimal(12)),
        (decimal(14, 2), Decimal("12.10"), Decimal("12.10")),
        (decimal(14, 2), "12.10", Decimal("12.10")),
        (decimal(14, 2), " -3.5 ", Decimal("-3.5")),
        (decimal(14, 2), "", None),
        (INTEGER, 17, 17),
        (INTEGER, "17", 17),
        (INTEGER, Decimal("17.00"), 17),
        (INTEGER, "", None),
        (DATE, "2026-01-31T00:00:00Z", date(2026, 1, 31)),
        (DATE, "2026-01-31T00:00:00", date(2026, 1, 31)),
        (DATE, "2026-01-31T00:00:00.000+02:00", date(2026, 1, 31)),
        (DATE, "2026-01-31T23:00:00-05:00", date(2026, 1, 31)),
        (DATE, "2026-01-31 00:00:00", date(2026, 1, 31)),
        (DATE, "2026-01-31", date(2026, 1, 31)),
        (DATE, "2017/08/02", date(2017, 8, 2)),
        (DATE, "20060912", date(2006, 9, 12)),
        (DATE, "0001-01-01T00:00:00Z", date(1, 1, 1)),
        (DATE, "0000-00-00", None),
        (DATE, "", None),
        (DATE, None, None),
    ],
)
def test_a_value_keeps_its_meaning_in_every_form_a_server_may_give(kind, raw, value):
    parsed = Column("X", kind).parse(raw)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (decimal(14, 2), "1_000"),
        (decimal(14, 2), "１２"),
        (decimal(14, 2), "9" * 5_000),
        (decimal(14, 2), "1e99999999999"),
        (decimal(14, 2), "Infinity"),
        (decimal(14, 2), "."),
        (INTEGER, "9" * 19),
        (INTEGER, Decimal("-1E30")),
        (DATE, "２０２６-01-31"),
        (DATE, "31.01.2026"),
        (DATE, "2026-02-30"),
        (DATE, "2026-01-31x"),
        (INTEGER, Decimal("1.5")),
        (decimal(14, 2), "1,5"),
        (decimal(14, 2), Decimal("NaN")),
        (decimal(14, 2), Decimal("1E400")),
        (decimal(14, 2), True),
        (TEXT, {"a": 1}),
        (TEXT, ["a"]),
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(kind, raw):
    table = Table("T", ("K",), (Column("K"), Column("X", kind)))
    with pytest.raises(Fatal, match=r"T, row K='1': column X"):
        table.parse_row({"K": "1", "X": raw})


def test_half_a_character_is_replaced_in_a_text_and_refused_in_a_key():
    table = Table("T", ("K",), (Column("K"), Column("X")))
    assert table.parse_row({"K": "1", "X": "cut \ud83d"}) == {"K": "1", "X": "cut \ufffd"}
    with pytest.raises(Fatal, match=r"T, row K='1.ud83d': column K .*half a character"):
        table.parse_row({"K": "1\ud83d", "X": "whole"})


def test_a_column_the_answer_lacks_is_absent():
    row = ORDER_LINE.parse_row({"Order": "A", "Line": 1, "@odata.etag": "x"})
    assert row == {"Order": "A", "Line": 1, "Unit": None, "Price": None, "Due": None}


def test_column_names_are_found_in_any_case():
    assert ORDER_LINE.parse_row({"ORDER": "A", "line": 1})["Order"] == "A"


def test_the_key_is_taken_in_key_order_and_as_stored():
    assert ORDER_LINE.key_of(ORDER_LINE.parse_row({"Order": " A ", "Line": "2"})) == (" A ", 2)


def test_a_row_without_its_key_names_the_column():
    with pytest.raises(Fatal, match="without key column Line"):
        ORDER_LINE.key_of(ORDER_LINE.parse_row({"Order": "A"}))


def test_a_narrowed_table_keeps_its_key_and_the_order_of_columns():
    assert ORDER_LINE.narrowed(["Due", "Unit"]).column_names == ("Order", "Line", "Unit", "Due")


def test_narrowing_to_a_column_nobody_knows_is_refused():
    with pytest.raises(Fatal, match="no column Colour"):
        ORDER_LINE.narrowed(["Colour"])


def test_a_table_must_hold_its_key_columns():
    with pytest.raises(ValueError, match="key column K"):
        Table("T", ("K",), (Column("X"),))


def test_rows_become_arrow_without_loss():
    rows = [
        ORDER_LINE.parse_row({"Order": "A", "Line": 1, "Price": Decimal("1.10"), "Due": "2026-01-31"}),
        ORDER_LINE.parse_row({"Order": "A", "Line": 2}),
    ]
    batch = ORDER_LINE.record_batch(rows)
    assert batch.schema == pa.schema(
        [
            ("Order", pa.string()),
            ("Line", pa.int64()),
            ("Unit", pa.string()),
            ("Price", pa.decimal128(15, 5)),
            ("Due", pa.date32()),
        ]
    )
    assert batch.to_pylist() == [{**rows[0], "Price": Decimal("1.10000")}, dict(rows[1])]


@pytest.mark.parametrize("price", [Decimal("0.000001"), Decimal("1E20")])
def test_a_number_that_would_be_rounded_is_refused_by_column(price):
    row = ORDER_LINE.parse_row({"Order": "A", "Line": 1, "Price": price})
    with pytest.raises(Fatal, match="column Price does not fit"):
        ORDER_LINE.record_batch([row])


@pytest.mark.parametrize("table", tables.TABLES, ids=lambda table: table.name)
def test_every_table_has_unique_columns_and_an_empty_arrow_form(table):
    assert len(set(table.column_names)) == len(table.columns)
    assert table.record_batch([]).num_rows == 0


def test_balances_are_never_read_from_suppliers():
    assert not [name for name in tables.AP_SUPPLIER.column_names if "Balance" in name or "Ytd" in name]
