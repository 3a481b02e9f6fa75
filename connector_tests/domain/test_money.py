"""Amounts: exact decimals with the minor units of their currency."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.money import AmountError, exact, minor_digits, total

CURRENCIES = {"EUR": 2, "USD": 2, "XXX": 2, "JPY": 0, "KRW": 0, "CLP": 0, "KWD": 3, "BHD": 3, "TND": 3}
currencies = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(("currency", "digits"), CURRENCIES.items())
def test_a_currency_has_its_minor_digits(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@given(currencies, st.integers(-(10**14) + 1, 10**14 - 1))
def test_every_whole_number_of_minor_units_is_taken_unchanged(currency: str, units: int) -> None:
    digits = min(CURRENCIES[currency], 2)
    value = Decimal(units).scaleb(-digits)
    if abs(value) > Decimal("999999999999.99"):
        with pytest.raises(AmountError):
            exact(value, currency)
        return
    taken = exact(value, currency)
    assert taken == value
    assert taken.as_tuple().exponent == -CURRENCIES[currency]
    assert not (taken == 0 and taken.is_signed())


@given(currencies, st.decimals(allow_nan=False, allow_infinity=False))
def test_a_value_is_taken_exactly_or_not_at_all(currency: str, value: Decimal) -> None:
    taken = None
    with contextlib.suppress(AmountError):
        taken = exact(value, currency)
    assert taken in (None, value)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(value: str) -> None:
    with pytest.raises(AmountError, match="is not an amount"):
        exact(Decimal(value), "EUR")


@pytest.mark.parametrize("value", ["1000000000000", "-1000000000000.00", "1E+30", "9" * 40])
def test_what_the_ledger_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(AmountError, match="larger than the ledger can hold"):
        exact(Decimal(value), "EUR")


@pytest.mark.parametrize(
    ("value", "currency"),
    [("0.001", "EUR"), ("1.5", "JPY"), ("1.2345", "KWD"), ("0.0" + "0" * 40 + "1", "EUR"), ("1E-400", "EUR")],
)
def test_digits_the_currency_does_not_have_are_refused(value: str, currency: str) -> None:
    with pytest.raises(AmountError, match=f"which {currency} does not know"):
        exact(Decimal(value), currency)


def test_a_negative_zero_becomes_zero() -> None:
    assert str(exact(Decimal("-0.00"), "EUR")) == "0.00"


@given(st.lists(st.integers(-(10**14), 10**14), max_size=100))
def test_a_total_is_exact(units: list[int]) -> None:
    assert total([Decimal(one).scaleb(-2) for one in units]) == Decimal(sum(units)).scaleb(-2)


def test_the_total_of_nothing_is_zero() -> None:
    assert total(()) == 0
