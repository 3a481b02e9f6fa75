"""What an order line costs: one test for each line of the room's table."""

from decimal import Decimal
from typing import Any

import pytest

from connector_defs.domain.translation.context import Untranslatable
from connector_defs.domain.translation.pricing import LinePrice, charge_price, goods_price
from connector_tests.domain.site import ORDER_LINE

LOCAL = {"ExchangeRate": Decimal(1), "MPrice": Decimal("10.00000")}


def priced(currency: str = "USD", **changes: Any) -> LinePrice:
    return goods_price({**ORDER_LINE, **changes}, currency, "order 'P' line 1")


def refused(**changes: Any) -> Untranslatable:
    with pytest.raises(Untranslatable, match="order 'P' line 1") as refusal:
        priced(**changes)
    return refusal.value


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        pytest.param({}, "10", id="the foreign price"),
        pytest.param({"MForeignPrice": Decimal(0), "ExchangeRate": Decimal(1)}, "175", id="of a local order"),
        pytest.param(
            {"MForeignPrice": Decimal(0), "ExchangeRate": None}, "175", id="no rate, so a local order"
        ),
        pytest.param({"MForeignPrice": Decimal(0), "MPrice": Decimal(0)}, "0", id="nothing"),
        pytest.param({"MConvFactPrcUm": Decimal(12), "MMulDivPrc": "M"}, "120", id="price unit times"),
        pytest.param({"MConvFactPrcUm": Decimal(4), "MMulDivPrc": "D"}, "2.5", id="price unit divided"),
        pytest.param({"MConvFactPrcUm": Decimal(0), "MMulDivPrc": ""}, "10", id="no factor"),
        pytest.param({"MDiscPct1": Decimal("10.00")}, "9", id="one discount"),
        pytest.param(
            {"MDiscPct1": Decimal(10), "MDiscPct2": Decimal(10), "MDiscPct3": Decimal(50)},
            "4.05",
            id="discounts on what is left",
        ),
        pytest.param({"MDiscPct1": Decimal(10), "MDiscValFlag": "P"}, "9", id="flagged as percentages"),
        pytest.param({"OrderDiscPct1": Decimal(10), "OrderDiscPct2": Decimal(50)}, "4.5", id="the order's"),
        pytest.param(
            {"MDiscPct1": Decimal(50), "OrderDiscPct1": Decimal(10)}, "4.5", id="line's, then order's"
        ),
        pytest.param({"MConvFactPrcUm": Decimal(3), "MMulDivPrc": "D"}, "3.33333", id="five decimals"),
        pytest.param({**LOCAL, "MDiscValFlag": "U", "MDiscValue": Decimal("2.50")}, "7.5", id="off one unit"),
        pytest.param({**LOCAL, "MDiscValFlag": "V", "MDiscValue": Decimal("5.00")}, "9.5", id="off the line"),
        pytest.param(
            {**LOCAL, "MDiscValFlag": "U", "MDiscValue": Decimal("2.50"), "MDiscPct1": Decimal(10)},
            "7.5",
            id="percentages do not count beside a value",
        ),
        pytest.param({"MDiscValFlag": "V", "MDiscValue": Decimal(0)}, "10", id="a value of nothing"),
        pytest.param({"MDiscValFlag": "N", "MDiscValue": Decimal("2.50")}, "10", id="a value that is none"),
    ],
)
def test_the_price_is_per_order_unit_after_discounts(changes: dict[str, Any], price: str) -> None:
    assert priced(**changes).net_price == Decimal(price)


@pytest.mark.parametrize(
    ("currency", "quantity", "price", "net_sum"),
    [
        ("USD", "3", "0.33500", "1.01"),
        ("USD", "3", "0.33166", "0.99"),
        ("JPY", "3", "0.50000", "2"),
        ("KWD", "3", "0.33333", "1.000"),
    ],
)
def test_the_sum_is_rounded_to_the_currencys_minor_unit(
    currency: str, quantity: str, price: str, net_sum: str
) -> None:
    line = priced(currency, MOrderQty=Decimal(quantity), MForeignPrice=Decimal(price))
    assert str(line.net_sum) == net_sum


def test_a_value_off_the_line_is_exact_in_the_sum() -> None:
    line = priced(
        **{**LOCAL, "MOrderQty": Decimal(3), "MDiscValFlag": "V", "MDiscValue": Decimal("1.00")},
        OrderDiscPct1=Decimal(10),
    )
    assert line.net_sum == Decimal("26.10")
    assert line.net_price == Decimal("8.70000")


@pytest.mark.parametrize(
    ("quantity", "price"), [("-4", "10"), ("4", "-10")], ids=["negative quantity", "negative price"]
)
def test_a_return_has_a_quantity_above_0_and_a_price_below(quantity: str, price: str) -> None:
    line = priced(MOrderQty=Decimal(quantity), MForeignPrice=Decimal(price), MDiscPct1=Decimal(10))
    assert (line.quantity, line.net_price, line.net_sum, line.mode) == (4, -9, -36, "Return")


def test_a_free_line_is_a_usual_one() -> None:
    line = priced(MForeignPrice=Decimal(0), MPrice=Decimal(0))
    assert (line.net_sum, line.mode) == (0, "Standard")


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        pytest.param({"MOrderQty": Decimal(0)}, "QUANTITY_NOT_POSITIVE", "is 0", id="no quantity"),
        pytest.param({"MOrderQty": None}, "QUANTITY_NOT_POSITIVE", "is 0", id="quantity unknown"),
        pytest.param(
            {"MOrderQty": Decimal(-1), "MDiscPct1": Decimal(100)},
            "QUANTITY_NOT_POSITIVE",
            "free return",
            id="a free return",
        ),
        pytest.param(
            {"MOrderQty": Decimal(-1), "MForeignPrice": Decimal(-1)},
            "SIGNS_CONTRADICT",
            "both",
            id="two signs",
        ),
        pytest.param(
            {"MForeignPrice": Decimal(0)}, "FOREIGN_PRICE_MISSING", "local currency only", id="local only"
        ),
        pytest.param(
            {"MConvFactPrcUm": Decimal(12), "MMulDivPrc": ""},
            "PRICE_FACTOR_UNKNOWN",
            "neither M nor D",
            id="way",
        ),
        pytest.param({"MConvFactPrcUm": Decimal(-12)}, "PRICE_FACTOR_UNKNOWN", "-12", id="a factor below 0"),
        pytest.param({"MDiscPct2": Decimal(101)}, "DISCOUNT_IMPOSSIBLE", "MDiscPct2", id="over 100 %"),
        pytest.param({"OrderDiscPct1": Decimal(-1)}, "DISCOUNT_IMPOSSIBLE", "-1 %", id="below 0 %"),
        pytest.param(
            {**LOCAL, "MDiscValFlag": "U", "MDiscValue": Decimal(11)},
            "DISCOUNT_IMPOSSIBLE",
            "11 on 10",
            id="too much",
        ),
        pytest.param(
            {"MDiscValFlag": "V", "MDiscValue": Decimal(1)},
            "VALUE_DISCOUNT",
            "which the discount is in",
            id="currency",
        ),
        pytest.param(
            {**LOCAL, "MDiscValFlag": "X", "MDiscValue": Decimal(1)},
            "VALUE_DISCOUNT",
            "'X' is not known",
            id="letter",
        ),
        pytest.param(
            {**LOCAL, "MDiscValFlag": "U", "MDiscValue": Decimal(1), "MConvFactPrcUm": Decimal(12)},
            "VALUE_DISCOUNT",
            "which the discount is for",
            id="unit",
        ),
        pytest.param(
            {**LOCAL, "MDiscValFlag": "V", "MDiscValue": Decimal(1), "MOrderQty": Decimal(-4)},
            "VALUE_DISCOUNT",
            "on a return",
            id="return",
        ),
        pytest.param(
            {"MForeignPrice": Decimal(9999999999), "MOrderQty": Decimal(999999999999)},
            "AMOUNT_TOO_LARGE",
            "no value",
            id="no amount",
        ),
        pytest.param(
            {
                "MForeignPrice": Decimal("9999999999.99999"),
                "MOrderQty": Decimal("999999999999.999999"),
                "MConvFactPrcUm": Decimal("999999.999999"),
            },
            "AMOUNT_TOO_LARGE",
            "no value",
            id="the widest columns",
        ),
    ],
)
def test_what_cannot_be_told_for_certain_is_kept_back(changes: dict[str, Any], code: str, why: str) -> None:
    refusal = refused(**changes)
    assert refusal.code == code
    assert why in refusal.reason
    assert refusal.remedy


def test_a_charge_is_one_piece_at_its_value() -> None:
    charge = {**ORDER_LINE, "NMscChargeFor": Decimal("25.00"), "NMscChargeValue": Decimal("400.00")}
    assert charge_price(charge, "USD", "x").net_sum == Decimal("25.00")
    local = {**charge, "NMscChargeFor": Decimal(0), "ExchangeRate": Decimal(1)}
    assert charge_price(local, "USD", "x").net_sum == 400
    with pytest.raises(Untranslatable, match="local currency only"):
        charge_price({**local, "ExchangeRate": Decimal("17.5")}, "USD", "x")


def test_an_order_discount_is_not_taken_off_a_charge() -> None:
    charge = {**ORDER_LINE, "NMscChargeFor": Decimal("25.00"), "OrderDiscPct1": Decimal(50)}
    assert charge_price(charge, "USD", "x").net_price == 25


def test_a_negative_charge_is_a_return() -> None:
    line = charge_price({**ORDER_LINE, "NMscChargeFor": Decimal("-25.00")}, "USD", "x")
    assert (line.quantity, line.net_sum, line.mode) == (1, Decimal("-25.00"), "Return")
