"""Conditions render to the filter they mean, and quoting cannot be broken out of."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.syspro.conditions import (
    DATE_FORMS,
    after_key,
    all_of,
    any_of,
    eq,
    ge,
    gt,
    holds_date,
    le,
    literal,
    lt,
    ne,
    render,
    same_text,
)
from connector_tests.syspro.odata_service_double import matches


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (eq("Supplier", "O'Hara"), "Supplier eq 'O''Hara'"),
        (ne("OrderStatus", "*"), "OrderStatus ne '*'"),
        (gt("Journal", 17), "Journal gt 17"),
        (lt("Value", Decimal("1E+3")), "Value lt 1000"),
        (le("Value", Decimal("-0.50")), "Value le -0.50"),
        (ge("JournalDate", date(2026, 1, 31)), "JournalDate ge 2026-01-31T00:00:00Z"),
        (ge("JournalDate", date(1, 1, 1)), "JournalDate ge 0001-01-01T00:00:00Z"),
        (all_of([eq("A", 1)]), "A eq 1"),
        (
            all_of([eq("A", 1), any_of([eq("B", 2), eq("B", 3)]), ne("C", 4)]),
            "A eq 1 and (B eq 2 or B eq 3) and C ne 4",
        ),
    ],
)
def test_a_condition_renders_as_odata(condition, text):
    assert render(condition) == text


def test_dates_take_each_known_form():
    forms = [render(ge("D", date(2026, 1, 31)), form) for form in DATE_FORMS]
    assert forms == ["D ge 2026-01-31T00:00:00Z", "D ge 2026-01-31T00:00:00", "D ge 2026-01-31"]


@pytest.mark.parametrize(
    ("condition", "dated"),
    [(None, False), (eq("A", "2026-01-31"), False), (all_of([eq("A", 1), ge("D", date(2026, 1, 1))]), True)],
)
def test_a_filter_knows_whether_it_holds_a_date(condition, dated):
    assert holds_date(condition) is dated


def test_an_empty_filter_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        any_of([])


@given(st.text())
def test_quoted_text_can_be_read_back_and_never_ends_early(value):
    quoted = literal(value)
    assert quoted[0] == quoted[-1] == "'"
    assert quoted[1:-1].replace("''", "'") == value
    assert "'" not in quoted[1:-1].replace("''", "")


KEYS = st.tuples(st.sampled_from(["", "$", "R", "EU", "USD"]), st.text("abc'", max_size=3), st.integers(0, 3))


@given(KEYS, KEYS, st.booleans(), st.booleans())
def test_rows_after_a_key_are_exactly_the_greater_ones_padded_or_not(row, key, row_padded, key_padded):
    def stored(values, padded):
        return {"C": values[0].ljust(3) if padded else values[0], "T": values[1], "N": values[2]}

    cursor = tuple(stored(key, key_padded).values())
    condition = after_key([("C", 3), ("T", 0), ("N", 0)], cursor)
    assert matches(render(condition), stored(row, row_padded)) is (row > key)


@pytest.mark.parametrize("stored", ["R", "R  "])
@pytest.mark.parametrize("asked", ["R", "R  "])
def test_char_columns_compare_equal_padded_or_trimmed(stored, asked):
    assert matches(render(same_text("C", asked, 3)), {"C": stored})
    assert not matches(render(same_text("C", asked, 3)), {"C": "RX"})


def test_numbers_in_char_columns_are_left_alone():
    assert render(same_text("C", 5, 3)) == "C eq 5"
