"""Reports read well on a terminal, and long lists end in a count."""

from datetime import date
from decimal import Decimal

import pytest

from connector_defs.cli import book_tables, tables
from connector_defs.flows.reports import (
    Difference,
    LedgerTotal,
    Probe,
    PublishNote,
    ReconcileReport,
    Status,
    UnmappedAccount,
)
from connector_tests.cli.reports import WHEN, invoice_run, payment_run, problem, published, queue_item, staged

Output = pytest.CaptureFixture[str]


def test_columns_that_a_site_does_not_have_are_named(capsys: Output) -> None:
    tables.staged(
        [
            staged(
                missing_columns=("TaxRegnNum",),
                new_columns=("Mood",),
                changed_columns=("Age: text became number",),
            )
        ]
    )

    out = capsys.readouterr().out
    assert "M1 suppliers: this site has no TaxRegnNum" in out
    assert "M1 suppliers: new columns: Mood" in out
    assert "M1 suppliers: another kind of value in Age: text became number" in out


def test_published_and_invoice_tables_hold_their_counts(capsys: Output) -> None:
    tables.published([published(sent=12345)])
    tables.invoice_runs([invoice_run(posted=280)])

    out = capsys.readouterr().out
    assert "12,345" in out
    assert "280" in out


def test_what_was_not_told_exactly_is_listed_and_beyond_a_screenful_counted(capsys: Output) -> None:
    notes = tuple(
        PublishNote("M1", "vendors", "TEXT_CUT", f"SupAddr{number} is cut", "shorten it", 1234, "000001")
        for number in range(25)
    )
    tables.published([published(notes=notes)])

    out = capsys.readouterr().out
    assert "Sent, and not told exactly" in out
    assert "SupAddr19 is cut" in out
    assert "SupAddr20" not in out
    assert "1,234" in out
    assert "5 more" in out


def test_where_all_was_told_exactly_nothing_is_listed(capsys: Output) -> None:
    tables.published([published()])

    assert "not told exactly" not in capsys.readouterr().out


def test_payments_are_listed_and_beyond_a_screenful_counted(capsys: Output) -> None:
    tables.payment_runs([payment_run(told=25, refused=1)])

    out = capsys.readouterr().out
    assert "INV-019" in out
    assert "INV-020" not in out
    assert "617.25" in out
    assert "refused" in out
    assert "5 more" in out


def test_a_run_without_news_of_payments_lists_none(capsys: Output) -> None:
    tables.payment_runs([payment_run(told=0)])

    assert "payment(s) told" not in capsys.readouterr().out


def test_beyond_a_screenful_problems_are_counted_by_reason(capsys: Output) -> None:
    tables.problems([problem(f"{number:06d}") for number in range(25)])

    out = capsys.readouterr().out
    assert "000019" in out
    assert "000020" not in out
    assert "5 more (5 × vendors name_too_short)" in out


def test_no_problem_prints_nothing(capsys: Output) -> None:
    tables.problems([])

    assert capsys.readouterr().out == ""


def test_the_queue_shows_what_to_do_and_no_markup_of_a_supplier(capsys: Output) -> None:
    tables.queue([queue_item(supplier="[bold]ACME\x1b[2J")])

    out = capsys.readouterr().out
    assert "connector mapping set 6400-LEGACY GL_CODE" in out
    assert "[bold]ACME\\x1b[2J" in out
    assert "1,234.50" in out


def test_keys_and_numbers_are_whole_on_a_narrow_terminal(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    tables.published([published("matchingOrderLines", sent=1234567)])
    tables.problems([problem("00-6990-CONTRACT-LABOUR-PEAK", reason="a long story " * 5)])

    out = capsys.readouterr().out
    for text in ("matchingOrderLines", "1,234,567", "00-6990-CONTRACT-LABOUR-PEAK", "quarantined"):
        assert text in out


def test_counts_that_are_seldom_anything_but_zero_show_when_they_are_not(capsys: Output) -> None:
    tables.published([published(held=0)])
    assert "held" not in capsys.readouterr().out

    tables.published([published(held=3)])
    assert "held" in capsys.readouterr().out


def test_unmapped_accounts_show_what_waits_for_them(capsys: Output) -> None:
    tables.unmapped(
        [UnmappedAccount("M1", "6400", "Tool hire", "", 3, Decimal("99.90"), WHEN, ("000123", "000124"))]
    )

    assert "000123, 000124" in capsys.readouterr().out


def test_status_leaves_out_states_without_invoices(capsys: Output) -> None:
    book_tables.status(Status({"posted": 2, "dead": 0}, {"vendors": {"published": 5, "failed": 1}}, 90))

    out = capsys.readouterr().out
    assert "posted" in out
    assert "dead" not in out
    assert "90 minute(s)" in out


@pytest.mark.parametrize("number", [1, 25])
def test_differences_between_the_books_are_listed(capsys: Output, number: int) -> None:
    differences = tuple(
        Difference("M1", f"INV-{each}", "missing in SYSPRO", "10.00", "–", "look it up")
        for each in range(number)
    )
    totals = (LedgerTotal("M1", "USD", 2, Decimal("10.00"), Decimal("10.00"), Decimal("0.00")),)
    book_tables.reconciliation(ReconcileReport(date(2026, 3, 1), 26, 26 - number, totals, differences))

    out = capsys.readouterr().out
    assert "Books of 2026-03-01" in out
    assert "do NOT agree" in out
    assert ("5 more" in out) is (number == 25)


def test_a_failed_probe_shows_its_remedy_and_what_else_there_is_to_do(capsys: Output) -> None:
    remedy, warning = "set BASWARE_CLIENT_SECRET", "this client may delete"
    tables.probes([Probe("token", "", ok=False, detail="401", remedy=remedy, warning=warning)])

    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "set BASWARE_CLIENT_SECRET; this client may delete" in out
