"""Amounts: exact decimals, minor units per currency, and what counts as equal.

Nothing here rounds in silence: `exact` refuses digits a currency does not have.
"""

from decimal import Decimal, InvalidOperation, localcontext

# ISO 4217: currencies whose minor unit is not the usual hundredth.
_MINOR_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
LARGEST = Decimal("999999999999.99")


class AmountError(ValueError):
    """An amount that cannot be taken as it is; the text says why."""


def minor_digits(currency: str) -> int:
    """Number of decimals of an ISO 4217 currency; 2 where nothing else is known."""
    return _MINOR_DIGITS.get(currency, 2)


def exact(value: Decimal, currency: str) -> Decimal:
    """`value` with exactly the decimals of `currency`; AmountError where that would lose anything."""
    if not value.is_finite():
        raise AmountError(f"{value} is not an amount")
    if abs(value) > LARGEST:
        raise AmountError(f"{value} is larger than the ledger can hold")
    step = Decimal(1).scaleb(-minor_digits(currency))
    try:
        with localcontext() as context:
            context.prec = 40
            rounded = value.quantize(step)
    except InvalidOperation:
        raise AmountError(f"{value} has too many digits") from None
    if rounded != value:
        raise AmountError(
            f"{value} has more than {minor_digits(currency)} decimals, which {currency} does not know"
        )
    return rounded + 0  # turns -0.00 into 0.00


def written(value: Decimal, currency: str) -> Decimal:
    """`value` with the decimals of `currency` where that loses nothing, else as it is: for what people read."""
    try:
        return exact(value, currency)
    except AmountError:
        return value


def total(values: "list[Decimal] | tuple[Decimal, ...]") -> Decimal:
    """Exact sum, 0 for none."""
    return sum(values, Decimal(0))
