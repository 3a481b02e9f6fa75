"""Control totals, ages and the comparison of records read well on a terminal."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from connector_defs.cli import book_tables
from connector_defs.flows.record_reports import (
    ControlTotals,
    IncompleteOrder,
    MissingLine,
    MoneyTotal,
    RecordAge,
    RecordComparison,
    RecordDifference,
    RecordsReport,
)
from connector_defs.flows.reports import Status
from connector_tests.cli.reports import WHEN

Output = pytest.CaptureFixture[str]

TOTALS = ControlTotals(
    company="M1",
    entity="matchingOrderLines",
    day=date(2026, 3, 1),
    made_at=WHEN,
    rows=12345,
    counted=None,
    left_out=5,
    staged=12340,
    unchanged=12000,
    sent=340,
    carried=0,
    confirmed=340,
    pending=0,
    held=0,
    refused=0,
    quarantined=0,
    in_flight=0,
    closed=0,
    money=(
        MoneyTotal(
            "EUR", 12340, *(Decimal(n) for n in ("1234567.80", "1234567.80", "0", "0", "0", "0", "0"))
        ),
    ),
)
COMPARED = RecordComparison("M1", "vendors", date(2026, 3, 1), 12, 12, 10, 10, 10, 2, 0, 0)


def test_totals_show_their_figures_and_the_money(capsys: Output) -> None:
    book_tables.control_totals([TOTALS])

    out = capsys.readouterr().out
    for text in ("12,345", "left out", "1,234,567.80", "All 1 control totals add up."):
        assert text in out


def test_totals_that_do_not_add_up_say_so(capsys: Output) -> None:
    book_tables.control_totals([replace(TOTALS, money=(), differences=("rows read: 2 and 1",))])

    out = capsys.readouterr().out
    assert "M1 matchingOrderLines: the totals do NOT add up: rows read: 2 and 1" in out
    assert "add up." not in out
    assert "Net value" not in out


def test_lines_without_a_value_are_told(capsys: Output) -> None:
    book_tables.control_totals([replace(TOTALS, unvalued=3)])

    assert "3 order line(s) have no value that can be told" in capsys.readouterr().out


def test_nothing_published_has_no_totals(capsys: Output) -> None:
    book_tables.control_totals([])

    assert capsys.readouterr().out == ""


def test_status_tells_how_long_records_are_not_confirmed(capsys: Output) -> None:
    book_tables.status(
        Status(
            {}, {}, 0, unconfirmed=(RecordAge("M1", "vendors", "failed", 3, 1500),), control_totals=(TOTALS,)
        )
    )

    out = capsys.readouterr().out
    for text in ("Records not confirmed", "failed", "1,500", "Control totals"):
        assert text in out


@pytest.mark.parametrize("number", [1, 25])
def test_status_lists_incomplete_orders_with_the_reason_of_each_line(capsys: Output, number: int) -> None:
    missing = tuple(
        MissingLine(f"{each}", "quarantined", "VALUE_DISCOUNT", "a discount by value")
        for each in range(number)
    )
    book_tables.status(Status({}, {}, 0, incomplete_orders=(IncompleteOrder("M1", "4711", 3, missing),)))

    out = capsys.readouterr().out
    for text in ("1 order(s) are in Basware without all of their lines", "4711", "a discount by value"):
        assert text in out
    assert ("5 more line(s)" in out) is (number == 25)


def test_records_that_agree(capsys: Output) -> None:
    book_tables.comparison(RecordsReport((COMPARED,)))

    out = capsys.readouterr().out
    assert "10 of 10 records match: master data and orders agree." in out
    assert "difference(s)" not in out


@pytest.mark.parametrize("number", [1, 25])
def test_records_that_differ_are_listed_with_field_and_remedy(capsys: Output, number: int) -> None:
    differences = tuple(
        RecordDifference(
            "M1", "vendors", f"S-{each:02}", "DIFFERS_IN_BASWARE", "name", "Ann", "Bob", "resend it"
        )
        for each in range(number)
    )
    report = replace(COMPARED, matched=9, not_compared=7, differing=number, differences=differences)
    book_tables.comparison(RecordsReport((report, replace(COMPARED, entity="accounts", outage="away"))))

    out = capsys.readouterr().out
    for text in (
        f"{number:,} difference(s)",
        "S-00",
        "resend it",
        "do NOT agree",
        "accounts could not be compared: away",
        "7 order line(s) were not asked",
    ):
        assert text in out
    assert ("5 more" in out) is (number == 25)
