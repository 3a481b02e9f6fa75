"""The document as it was meant, against what SYSPRO holds."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.intents import Intent
from connector_tests.domain.builders import invoice, planned, row

CODES = st.sampled_from(["40-4000", "40-4100", "22-TAX"])
AMOUNTS = st.decimals(-1000, 1000, places=2)
LINES = [("40-4000", Decimal("100.00")), ("22-TAX", Decimal("21.00"))]


def meant(**changes: object) -> Intent:
    plain = Intent("ap", "0000123", "INV-1", "I", Decimal("121.00"), "EUR", dict(LINES), True)
    return replace(plain, **changes)


def differences(
    intent: Intent,
    *amounts: str,
    currency: str = "EUR",
    lines: list[tuple[str, Decimal]] | None = None,
) -> list[str]:
    return intent.differences([Decimal(amount) for amount in amounts], currency.split(), lines)


def test_an_intent_says_what_the_document_says() -> None:
    posting = planned(invoice(row("r1", "60.00"), row("r2", "40.00")))
    intent = Intent.of(posting, ["202611-00002-0001", "202611-00001-0001"])
    assert (intent.supplier, intent.number, intent.kind) == ("0000123", "INV-1001", "I")
    assert (intent.gross, intent.currency) == (Decimal("100.00"), "EUR")
    assert intent.values == {"40-4000": Decimal("100.00")}, "rows of one code count together"
    assert intent.complete
    assert intent.seen == ("202611-00001-0001", "202611-00002-0001")


@given(st.dictionaries(CODES, AMOUNTS.filter(bool)), AMOUNTS, st.lists(st.text(max_size=25)))
def test_an_intent_is_read_back_as_it_was_written(
    values: dict[str, Decimal], gross: Decimal, seen: list[str]
) -> None:
    intent = meant(values=values, gross=gross, seen=tuple(seen))
    assert Intent.read(intent.text) == intent


def test_there_is_no_intent_before_the_first() -> None:
    assert Intent.read("") is None


def test_the_same_document_has_no_differences() -> None:
    assert differences(meant(), "121.00", "121.00", lines=list(reversed(LINES))) == []
    assert differences(meant(), "98.00", "121.00", lines=None) == [], "either amount may be the invoice's"
    assert differences(meant(), "121.00", currency="") == []
    assert differences(meant(), "121.00", currency="USD EUR") == []


@pytest.mark.parametrize(
    ("amount", "currency", "lines", "told"),
    [
        ("120.99", "EUR", None, "it is over 120.99"),
        ("121.00", "USD", None, "it is in USD"),
        (
            "121.00",
            "EUR",
            [("40-4000", Decimal("99.00")), ("22-TAX", Decimal("22.00"))],
            "GL code 22-TAX has 22.00 instead of 21.00",
        ),
        ("121.00", "EUR", [("40-4100", Decimal("121.00"))], "GL code 40-4100 has 121.00 instead of 0"),
    ],
)
def test_another_amount_currency_or_account_is_told(
    amount: str, currency: str, lines: list[tuple[str, Decimal]] | None, told: str
) -> None:
    assert told in differences(meant(), amount, currency=currency, lines=lines)


def test_lines_that_stand_for_another_sum_say_nothing() -> None:
    """A site may keep them in local currency, or without the tax."""
    local = [("40-4000", Decimal("90.00")), ("22-TAX", Decimal("19.00"))]
    assert differences(meant(), "121.00", lines=local) == []


def test_lines_beside_matched_receipts_say_nothing() -> None:
    assert differences(meant(complete=False), "121.00", lines=[("14-1000", Decimal("121.00"))]) == []
