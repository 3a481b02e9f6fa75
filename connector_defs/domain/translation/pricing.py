"""What an order line costs, in the order's currency and per order unit.

| Basware | SYSPRO | rule |
|---|---|---|
| quantity | MOrderQty; 1 for freight and miscellaneous lines | above 0; a negative one becomes a return |
| netPrice | MForeignPrice, or MPrice in an order of local currency | price unit turned into order unit by MConvFactPrcUm |
| line discount | MDiscValFlag blank, N or P: MDiscPct1-3 | one after the other, each on what is left |
| | MDiscValFlag U: MDiscValue | off the price of one unit |
| | MDiscValFlag V: MDiscValue | off the value of the line |
| order discount | header's DiscPct1-3 | one after the other, after the line's; off goods, not off charges |
| netSum | quantity x netPrice | to the currency's minor unit |
| netPrice, netSum of charges | NMscChargeFor, or NMscChargeValue in an order of local currency | |

What the letters mean is public for the same columns of sales orders (U one unit, V the value, else percentages). The
currency of MDiscValue is not: where an order's local and foreign prices differ, such a line is kept back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Literal

from connector_defs.domain.money import LARGEST, minor_digits
from connector_defs.domain.translation.context import SourceRow, Untranslatable, number, plain, trimmed

LINE_DISCOUNTS = ("MDiscPct1", "MDiscPct2", "MDiscPct3")
ORDER_DISCOUNTS = ("OrderDiscPct1", "OrderDiscPct2", "OrderDiscPct3")
_PRICE_STEP = Decimal("0.00001")
_HUNDRED = Decimal(100)
# Digits that hold quantity x price x factor of the widest columns.
_PRECISION = 60


@dataclass(frozen=True)
class LinePrice:
    """Quantity above 0, price per order unit and value of a line; both are below 0 on a return."""

    quantity: Decimal
    net_price: Decimal
    net_sum: Decimal
    currency: str

    def value_of(self, quantity: Decimal) -> Decimal:
        """What so many order units cost."""
        return _money(quantity * self.net_price, self.currency)

    @property
    def mode(self) -> Literal["Standard", "Return"]:
        """Basware's matching mode: a return is told by its negative price (wire notes 5)."""
        return "Return" if self.net_price < 0 else "Standard"


def in_order_currency(row: SourceRow, foreign: str, local: str) -> Decimal | None:
    """The foreign value; an order in local currency may keep its value in the local column alone.

    None where an order in foreign currency has its value in local currency only.
    """
    value = number(row, foreign)
    if value or not number(row, local):
        return value
    return None if number(row, "ExchangeRate") not in (0, 1) else number(row, local)


def charge_price(row: SourceRow, currency: str, what: str) -> LinePrice:
    """Price of a freight or miscellaneous line: one piece at its value."""
    value = in_order_currency(row, "NMscChargeFor", "NMscChargeValue")
    if value is None:
        raise _local_only(what)
    return _line_price(Decimal(1), value, _money(value, currency), currency, what)


def goods_price(row: SourceRow, currency: str, what: str) -> LinePrice:
    """Price of a stocked or non-stocked line. Raises Untranslatable where it cannot be told with certainty."""
    quantity = number(row, "MOrderQty")
    if not quantity:
        raise Untranslatable("QUANTITY_NOT_POSITIVE", f"{what}: the quantity is 0")
    price = in_order_currency(row, "MForeignPrice", "MPrice")
    if price is None:
        raise _local_only(what)
    if quantity < 0:
        if price < 0:
            raise Untranslatable("SIGNS_CONTRADICT", f"{what}: quantity and price are both below 0")
        price = -price
    with localcontext() as context:
        context.prec = _PRECISION
        line = _discounted(row, abs(quantity), price * _order_units(row, what), currency, what)
    if quantity < 0 and line.mode != "Return":
        raise Untranslatable(
            "QUANTITY_NOT_POSITIVE", f"{what}: the quantity is below 0, and a free return cannot be told"
        )
    return line


def _discounted(row: SourceRow, quantity: Decimal, price: Decimal, currency: str, what: str) -> LinePrice:
    off_the_line = Decimal(0)
    kind = trimmed(row, "MDiscValFlag").upper()
    if kind in ("", "N", "P"):
        price *= _left_by(row, LINE_DISCOUNTS, what)
    elif number(row, "MDiscValue"):
        discount = _discount_value(row, kind, price, what)
        if kind == "U":
            price = _less(price, discount, what)
        else:
            off_the_line = discount
    left = _left_by(row, ORDER_DISCOUNTS, what)
    if not off_the_line:
        price = (price * left).quantize(_PRICE_STEP, ROUND_HALF_UP)
        return _line_price(quantity, price, _money(quantity * price, currency), currency, what)
    net_sum = _money(_less(quantity * price, off_the_line, what) * left, currency)
    price = (net_sum / quantity).quantize(_PRICE_STEP, ROUND_HALF_UP)
    return _line_price(quantity, price, net_sum, currency, what)


def _line_price(quantity: Decimal, price: Decimal, net_sum: Decimal, currency: str, what: str) -> LinePrice:
    if max(abs(net_sum), abs(price)) > LARGEST:
        raise Untranslatable("AMOUNT_TOO_LARGE", f"{what}: {net_sum} is no value of an order line")
    return LinePrice(quantity, price, net_sum, currency)


def _money(value: Decimal, currency: str) -> Decimal:
    # Adding 0 turns -0.00 into 0.00.
    return value.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP) + 0


def _local_only(what: str) -> Untranslatable:
    return Untranslatable(
        "FOREIGN_PRICE_MISSING",
        f"{what}: the order is in a foreign currency and the line has a value in local currency only",
    )


def _order_units(row: SourceRow, what: str) -> Decimal:
    """How much the price per order unit is of the price per price unit; MMulDivPrc says which way."""
    factor = number(row, "MConvFactPrcUm")
    if factor in (0, 1):
        return Decimal(1)
    way = trimmed(row, "MMulDivPrc").upper()
    if way not in ("M", "D") or factor < 0:
        raise Untranslatable(
            "PRICE_FACTOR_UNKNOWN",
            f"{what}: the price counts {factor} to an order unit and MMulDivPrc is {way!r}, neither M nor D",
        )
    return factor if way == "M" else 1 / factor


def _left_by(row: SourceRow, columns: Iterable[str], what: str) -> Decimal:
    """The share that a chain of percentages leaves."""
    left = Decimal(1)
    for column in columns:
        percent = number(row, column)
        if not 0 <= percent <= _HUNDRED:
            raise Untranslatable(
                "DISCOUNT_IMPOSSIBLE", f"{what}: a discount of {plain(percent)} % ({column}) is none"
            )
        left *= 1 - percent / _HUNDRED
    return left


def _discount_value(row: SourceRow, kind: str, price: Decimal, what: str) -> Decimal:
    discount = number(row, "MDiscValue")
    doubt = ""
    if kind not in ("U", "V"):
        doubt = f"MDiscValFlag {kind!r} is not known"
    elif number(row, "MForeignPrice") not in (0, number(row, "MPrice")):
        doubt = "the order has local and foreign prices, and SYSPRO does not say which the discount is in"
    elif kind == "U" and number(row, "MConvFactPrcUm") not in (0, 1):
        doubt = "price unit and order unit differ, and SYSPRO does not say which the discount is for"
    elif price < 0:
        doubt = "it is on a return"
    if doubt:
        raise Untranslatable(
            "VALUE_DISCOUNT",
            f"{what}: a discount by value ({discount}) cannot be told for certain: {doubt}",
        )
    return discount


def _less(value: Decimal, discount: Decimal, what: str) -> Decimal:
    if not 0 <= discount <= value:
        raise Untranslatable("DISCOUNT_IMPOSSIBLE", f"{what}: a discount of {discount} on {value} is none")
    return value - discount
