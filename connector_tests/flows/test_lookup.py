"""Whose is a document that stands in SYSPRO? The verdict, by its mark, its amount and what was under way."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connector_defs.domain.intents import Intent
from connector_defs.domain.keys import posting_reference
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import Verdict, Wanted, judge, wanted_of
from connector_defs.store.invoices import StoredInvoice
from connector_tests.flows.pair import Pair, invoice

OURS = posting_reference("M1", "mine")
ANOTHER = posting_reference("M1", "another")
SITE_TEXT = "PAID BY BANK"
SITE_TEXT_OR_NONE = [SITE_TEXT, ""]


@pytest.fixture
def stored(pair: Pair) -> StoredInvoice:
    """An invoice over 108.25 USD that an attempt was made for."""
    (bill_id,) = pair.approve(invoice("N-1"))
    pair.run()
    return replace(pair.stored(bill_id), invoice_id="mine", voucher="")


def entry(reference: str, value: str = "108.25") -> LedgerEntry:
    return LedgerEntry("0000001", "N-1", reference, Decimal(value), Decimal(value), 2026, 11, 7, 1)


@pytest.mark.parametrize(
    ("reference", "value", "in_doubt", "own_texts", "verdict"),
    [
        (OURS, "108.25", False, False, Verdict.OURS),
        (OURS, "108.25", True, True, Verdict.OURS),
        (OURS, "108.24", False, False, Verdict.DIFFERENT),
        (OURS, "108.24", True, True, Verdict.DIFFERENT),
        (ANOTHER, "108.25", False, False, Verdict.FOREIGN),
        (ANOTHER, "108.25", True, True, Verdict.FOREIGN),
        ("", "108.25", False, False, Verdict.OURS),
        ("", "108.25", True, False, Verdict.OURS),
        ("", "108.24", True, True, Verdict.FOREIGN),
        (SITE_TEXT, "108.25", False, False, Verdict.FOREIGN),
        (SITE_TEXT, "108.25", True, False, Verdict.FOREIGN),
        (SITE_TEXT, "108.25", False, True, Verdict.FOREIGN),
        (SITE_TEXT, "108.25", True, True, Verdict.OURS),
        (SITE_TEXT, "108.24", True, True, Verdict.FOREIGN),
    ],
)
def test_the_mark_decides_and_without_one_what_was_under_way(
    stored: StoredInvoice, reference: str, value: str, in_doubt: bool, own_texts: bool, verdict: Verdict
) -> None:
    found, differences = judge(
        entry(reference, value),
        stored,
        Intent.read(stored.intent),
        in_doubt=in_doubt,
        own_texts=own_texts,
    )
    assert found is verdict
    assert bool(differences) == (value != "108.25")


@pytest.mark.parametrize("reference", SITE_TEXT_OR_NONE)
def test_what_was_never_attempted_is_not_ours_without_our_mark(stored: StoredInvoice, reference: str) -> None:
    fresh = replace(stored, fingerprint="", intent="")
    found, _ = judge(entry(reference), fresh, None, in_doubt=True, own_texts=True)
    assert found is Verdict.FOREIGN


def test_our_mark_counts_even_where_the_intent_was_lost(stored: StoredInvoice) -> None:
    """After a restore from a backup: the row does not know of the attempt, SYSPRO does."""
    restored = replace(stored, fingerprint="", intent="")
    assert judge(entry(OURS), restored, None, in_doubt=False, own_texts=False)[0] is Verdict.OURS
    assert judge(entry(OURS, "1.00"), restored, None, in_doubt=False, own_texts=False) == (
        Verdict.DIFFERENT,
        ["it is over 1.00"],
    )


def test_what_is_looked_for_is_what_was_meant_to_be_posted(stored: StoredInvoice) -> None:
    intent = Intent.read(stored.intent)
    assert intent is not None
    shortened = replace(intent, number="N-1-SHORT")
    assert wanted_of(stored, shortened, "ap").number == "N-1-SHORT"
    assert wanted_of(replace(stored, number=" N-1 "), None, "journal") == Wanted(
        "mine", stored.supplier, "N-1", OURS, mode="journal", gross=stored.gross
    )
