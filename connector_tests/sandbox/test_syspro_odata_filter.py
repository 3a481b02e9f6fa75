"""The `$filter` grammar: what it means, what it refuses, and that narrowing by key never loses a row."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.sandbox.syspro.odata_filter import BadFilter, narrowed, parse
from connector_defs.sandbox.syspro.odata_filter import test_of as row_test
from connector_defs.sandbox.syspro.options import DateLiteral
from connector_defs.sandbox.world.schema import SCHEMAS
from connector_defs.sandbox.world.tables import TableStore

TABLE = TableStore(SCHEMAS["PorMasterDetail"])
TABLE.load(
    {
        "PurchaseOrder": order,
        "Line": line,
        "MStockCode": f"S{line}",
        "MTaxCode": "A",
        "MLastReceiptDat": date(2026, 1, line) if line % 2 else None,
    }
    for order in ("A", "B", "B'C", "a")
    for line in range(1, 6)
)
COLUMNS = {column.name: column for column in TABLE.schema.columns}


def keys(text: str, date_literal: DateLiteral = "utc") -> list[tuple[str, int]]:
    """Keys of the rows a filter finds by its narrowed intervals."""
    condition = parse(text, COLUMNS, date_literal)
    test = row_test(condition, TABLE)
    spans = narrowed(condition, TABLE)
    rows = [
        row for low, high in ([(0, len(TABLE))] if spans is None else spans) for row in TABLE.rows[low:high]
    ]
    return [(str(row[0]), int(str(row[1]))) for row in rows if test(row)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PurchaseOrder eq 'A' and Line le 2", [("A", 1), ("A", 2)]),
        ("PurchaseOrder eq 'B''C' and Line eq 5", [("B'C", 5)]),
        ("(PurchaseOrder eq 'A' and Line eq 1) or (PurchaseOrder eq 'a' and Line eq 3)", [("A", 1), ("a", 3)]),
        ("PurchaseOrder gt 'B''C' or (PurchaseOrder eq 'B''C' and Line gt 4)",
         [("B'C", 5), *(("a", n) for n in range(1, 6))]),
        ("Line eq 1 and not (PurchaseOrder eq 'A' or PurchaseOrder eq 'B')", [("B'C", 1), ("a", 1)]),
        ("MStockCode ge 'S5' and PurchaseOrder lt 'B'", [("A", 5)]),
        ("MTaxCode eq 'A' and Line eq 2 and PurchaseOrder eq 'A'", [("A", 2)]),
        ("MLastReceiptDat ge 2026-01-05T00:00:00Z and PurchaseOrder le 'B'", [("A", 5), ("B", 5)]),
        ("MLastReceiptDat eq null and PurchaseOrder eq 'A'", [("A", 2), ("A", 4)]),
        ("MLastReceiptDat ne null and PurchaseOrder eq 'A' and Line lt 3", [("A", 1)]),
        ("Line lt 2.5 and PurchaseOrder eq 'A'", [("A", 1), ("A", 2)]),
        ("PurchaseOrder eq 'A ' and Line eq 1", [("A", 1)]),
        ("PurchaseOrder eq 'no such order that fits the column of twenty'", []),
    ],
)  # fmt: skip
def test_a_filter_finds_its_rows(text: str, expected: list[tuple[str, int]]) -> None:
    assert keys(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "PurchaseOrder",
        "PurchaseOrder eq",
        "PurchaseOrder eq 'A",
        "PurchaseOrder eq 5",
        "Line eq '5'",
        "Line is 5",
        "Colour eq 'red'",
        "(Line eq 5",
        "Line eq 5)",
        "Line eq 5 and",
        "contains(PurchaseOrder,'A')",
        "'A' eq PurchaseOrder",
        "MLastReceiptDat ge 'today'",
        "MLastReceiptDat ge 2026-02-30T00:00:00Z",
        "Line eq 5; drop",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        keys(text)


@pytest.mark.parametrize(
    ("form", "literal"),
    [("utc", "2026-01-05T00:00:00Z"), ("local", "2026-01-05T00:00:00"), ("date", "2026-01-05")],
)
def test_only_the_date_literal_of_the_site_is_taken(form: DateLiteral, literal: str) -> None:
    assert keys(f"MLastReceiptDat eq {literal}", form)
    for other in {"utc", "local", "date"} - {form}:
        with pytest.raises(BadFilter):
            keys(f"MLastReceiptDat eq {literal}", other)  # type: ignore[arg-type]


comparisons = st.one_of(
    st.builds(
        "PurchaseOrder {} '{}'".format,
        st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]),
        st.sampled_from(["A", "B", "B''C", "a", "0", "z", "B "]),
    ),
    st.builds(
        "Line {} {}".format,
        st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]),
        st.sampled_from(["0", "1", "3", "5", "2.5", "9"]),
    ),
    st.just("MStockCode eq 'S2'"),
)
filters = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)


@given(filters)
def test_narrowing_by_key_loses_and_doubles_no_row(text: str) -> None:
    test = row_test(parse(text, COLUMNS, "utc"), TABLE)
    assert keys(text) == [(str(row[0]), int(str(row[1]))) for row in TABLE.rows if test(row)]
