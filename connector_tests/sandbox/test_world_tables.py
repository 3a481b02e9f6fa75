"""One table in memory: unique keys in binary order, values as their column stores them."""

from datetime import date
from decimal import Decimal

import pytest

from connector_defs.sandbox.world.schema import SCHEMAS
from connector_defs.sandbox.world.tables import TableStore


def receipts(*numbers: str) -> TableStore:
    table = TableStore(SCHEMAS["GrnDetails"])
    table.load(
        {"Supplier": "S1", "Grn": number, "GrnSource": "1", "Journal": 1, "JournalEntry": 1}
        for number in numbers
    )
    return table


def test_columns_left_out_are_blank_and_never_null_but_dates() -> None:
    row = receipts("P1").get("S1", "P1", "1", 1, 1)
    assert row
    assert row["StockCode"] == ""
    assert row["MTaxCode"] == "   "
    assert row["OrigGrnValue"] == Decimal("0.00")
    assert row["GrnYear"] == 0
    assert row["OrigReceiptDate"] is None


def test_numbers_are_kept_at_the_scale_of_their_column() -> None:
    table = receipts("P1")
    table.update(("S1", "P1", "1", 1, 1), {"QtyReceived": Decimal(3), "OrigGrnValue": Decimal("10.005")})
    row = table.get("S1", "P1", "1", 1, 1)
    assert row
    assert str(row["QtyReceived"]) == "3.000000"
    assert str(row["OrigGrnValue"]) == "10.01"


def test_rows_come_in_binary_order_whatever_the_order_of_arrival() -> None:
    table = receipts("b", "A", "a")
    table.insert({"Supplier": "S1", "Grn": "B", "GrnSource": "1", "Journal": 1, "JournalEntry": 1})
    assert [row["Grn"] for row in table] == ["A", "B", "a", "b"]


def test_a_key_exists_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        receipts("A", "A")
    with pytest.raises(ValueError, match="exists"):
        receipts("A").insert(
            {"Supplier": "S1", "Grn": "A", "GrnSource": "1", "Journal": 1, "JournalEntry": 1}
        )


def test_a_prefix_of_the_key_spans_its_rows() -> None:
    table = receipts("A", "B")
    table.insert({"Supplier": "S2", "Grn": "A", "GrnSource": "1", "Journal": 1, "JournalEntry": 1})
    assert table.span(("S1",)) == (0, 2)
    assert table.span(("S2", "A")) == (2, 3)
    assert table.span(("S3",)) == (3, 3)


def test_a_key_column_cannot_change() -> None:
    with pytest.raises(KeyError, match="part of the key"):
        receipts("A").update(("S1", "A", "1", 1, 1), {"Grn": "B"})


def test_a_missing_row_cannot_change_and_deleting_it_says_so() -> None:
    with pytest.raises(KeyError, match="no row"):
        receipts("A").update(("S1", "B", "1", 1, 1), {"MatchedValue": Decimal(1)})
    assert receipts("A").delete(("S1", "B", "1", 1, 1)) is False
    assert receipts("A").delete(("S1", "A", "1", 1, 1)) is True


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Grn", "x" * 21),
        ("GrnSource", "12"),
        ("OrigGrnValue", "1.00"),
        ("GrnYear", date(2026, 1, 1)),
        ("OrigReceiptDate", "2026-01-01"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_refused(column: str, value: str | date) -> None:
    with pytest.raises(ValueError, match=column):
        receipts().row({column: value})
