"""Purchase orders: one test for each line of the room's table."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.entities import GoodsReceipt, Order, OrderLine
from connector_defs.domain.keys import external_code
from connector_defs.domain.translation.context import Untranslatable
from connector_defs.domain.translation.orders import order, order_line
from connector_tests.domain.site import ORDER, ORDER_LINE, RECEIPT, SITE

NUMBER = "000000000000042"


def order_of(**changes: Any) -> Order:
    entity = order({**ORDER, **changes}, SITE).entity
    assert isinstance(entity, Order)
    return entity


def line_of(**changes: Any) -> OrderLine:
    entity = order_line({**ORDER_LINE, **changes}, SITE).entity
    assert isinstance(entity, OrderLine)
    return entity


def receipt_of(**changes: Any) -> GoodsReceipt:
    (one,) = line_of(Receipts=[{**RECEIPT, **changes}]).goods_receipts or ()
    return one


class TestHeaders:
    """PorMasterHdr -> OrderEntity."""

    def test_the_number_is_sent_as_stored(self) -> None:
        entity = order_of()
        assert entity.order_number == NUMBER
        assert entity.external_code == external_code("matchingOrders", "M1", NUMBER)

    def test_it_names_company_organization_source_and_supplier(self) -> None:
        entity = order_of(Supplier=" 123")
        assert (entity.company_code, entity.organization_element_code) == ("1000", "1000")
        assert (entity.source_system, entity.supplier_code) == ("SYSPRO", " 123")

    @pytest.mark.parametrize(
        ("status", "cancelled", "closed"),
        [
            *[(status, "", False) for status in ("1", "4", "0", "", " ")],
            ("9", "", True),
            ("*", "", True),
            ("4", "Y", True),
            ("4", "N", False),
        ],
    )
    def test_a_complete_or_cancelled_order_is_closed(self, status: str, cancelled: str, closed: bool) -> None:
        translated = order({**ORDER, "OrderStatus": status, "CancelledFlag": cancelled}, SITE)
        assert isinstance(translated.entity, Order)
        assert translated.entity.is_closed is closed
        assert translated.active is not closed

    def test_dates_and_terms_are_sent(self) -> None:
        entity = order_of(TermsCode="30 ")
        assert (entity.created, entity.requested_delivery_date) == (date(2026, 1, 5), date(2026, 2, 5))
        assert entity.payment_term_code == "30"
        assert order_of(TermsCode=" ", OrderDueDate=None).payment_term_code is None

    def test_a_currency_without_an_iso_code_is_quarantined(self) -> None:
        with pytest.raises(Untranslatable, match=f"order '{NUMBER}': SYSPRO currency '[?]' has no ISO code"):
            order_of(Currency="?")


class TestLines:
    """PorMasterDetail -> OrderLineEntity."""

    def test_the_line_number_is_a_plain_number(self) -> None:
        entity = line_of(Line=12)
        assert (entity.line_number, entity.sort_number) == ("12", 12)
        assert entity.external_code == external_code("matchingOrderLines", "M1", NUMBER, "12")
        assert entity.order_external_code == external_code("matchingOrders", "M1", NUMBER)

    def test_the_line_hangs_on_its_order(self) -> None:
        assert order_line(ORDER_LINE, SITE).parent == NUMBER

    def test_quantity_and_price_lose_their_trailing_zeros(self) -> None:
        entity = line_of(MOrderQty=Decimal("10.500000"), MForeignPrice=Decimal("12.30000"))
        assert (str(entity.quantity), str(entity.net_price)) == ("10.5", "12.3")
        assert str(line_of(MOrderQty=Decimal("100.000000")).quantity) == "100"

    @pytest.mark.covers("H17")
    @pytest.mark.parametrize("quantity", [Decimal(0), Decimal(-1), None])
    def test_a_quantity_not_above_zero_is_quarantined(self, quantity: Decimal | None) -> None:
        with pytest.raises(Untranslatable, match=r"line 1: quantity -?[01] is not above 0") as refusal:
            line_of(MOrderQty=quantity)
        assert refusal.value.code == "QUANTITY_NOT_POSITIVE"

    @pytest.mark.parametrize(
        ("changes", "price"),
        [
            pytest.param({}, "10", id="the foreign price"),
            pytest.param({"MForeignPrice": Decimal(0)}, "175", id="the local price of a local order"),
            pytest.param({"MConvFactPrcUm": Decimal(12), "MMulDivPrc": "M"}, "120", id="price unit times"),
            pytest.param({"MConvFactPrcUm": Decimal(4), "MMulDivPrc": "D"}, "2.5", id="price unit divided"),
            pytest.param({"MConvFactPrcUm": Decimal(0)}, "10", id="no factor"),
            pytest.param({"MConvFactPrcUm": None}, "10", id="no such column"),
            pytest.param({"MDiscPct1": Decimal("10.00")}, "9", id="one discount"),
            pytest.param(
                {"MDiscPct1": Decimal(10), "MDiscPct2": Decimal(10), "MDiscPct3": Decimal(50)},
                "4.05",
                id="discounts on what is left",
            ),
            pytest.param({"MConvFactPrcUm": Decimal(3), "MMulDivPrc": "D"}, "3.33333", id="five decimals"),
        ],
    )
    def test_the_price_is_per_order_unit_after_discounts(self, changes: dict[str, Any], price: str) -> None:
        assert str(line_of(**changes).net_price) == price

    @pytest.mark.parametrize(
        ("currency", "quantity", "price", "net_sum"),
        [
            ("$", "3", "0.33500", "1.01"),
            ("$", "3", "0.33166", "0.99"),
            ("JPY", "3", "0.50000", "2"),
            ("KWD", "3", "0.33333", "1.000"),
        ],
    )
    def test_the_sum_is_rounded_to_the_currencys_minor_unit(
        self, currency: str, quantity: str, price: str, net_sum: str
    ) -> None:
        entity = line_of(Currency=currency, MOrderQty=Decimal(quantity), MForeignPrice=Decimal(price))
        assert str(entity.net_sum) == net_sum

    @pytest.mark.parametrize("kind", ["4", "5"])
    def test_a_charge_is_one_piece_at_its_value(self, kind: str) -> None:
        charge = {"LineType": kind, "MOrderQty": Decimal(0), "MTaxCode": "", "NMscChargeTax": "B  "}
        entity = line_of(**charge, NMscChargeFor=Decimal("25.00"), NMscChargeValue=Decimal("400.00"))
        assert (entity.quantity, entity.net_sum, entity.tax_code) == (1, Decimal("25.00"), "B")
        assert (entity.is_receipt_required, entity.is_receipt_based_matching) == (False, False)
        assert line_of(**charge, NMscChargeValue=Decimal("400.00")).net_sum == 400

    def test_goods_are_matched_by_their_receipts(self) -> None:
        entity = line_of()
        assert (entity.is_receipt_required, entity.is_receipt_based_matching) == (True, True)
        assert entity.matching_mode == "Standard"

    @pytest.mark.parametrize(("flag", "closed"), [("Y", True), ("N", False), ("", False), (None, False)])
    def test_a_complete_line_is_closed_and_never_deleted(self, flag: str | None, closed: bool) -> None:
        entity = line_of(MCompleteFlag=flag)
        assert (entity.is_closed, entity.is_deleted) == (closed, False)

    @pytest.mark.parametrize(
        "header",
        [{"OrderStatus": "9"}, {"OrderStatus": "*"}, {"CancelledFlag": "Y"}],
        ids=["complete", "cancelled", "flagged as cancelled"],
    )
    def test_a_closed_order_closes_its_lines(self, header: dict[str, str]) -> None:
        entity = line_of(MCompleteFlag="N", **header)
        assert (entity.is_closed, entity.is_deleted) == (True, False)
        assert not order_line({**ORDER_LINE, **header}, SITE).active

    @pytest.mark.parametrize("kind", ["U", "V", "Y"])
    def test_a_discount_by_value_is_quarantined_instead_of_a_wrong_price(self, kind: str) -> None:
        with pytest.raises(Untranslatable, match=r"line 1: a discount by value \(2.50\)") as refusal:
            line_of(MDiscValFlag=kind, MDiscValue=Decimal("2.50"))
        assert refusal.value.code == "VALUE_DISCOUNT"

    @pytest.mark.parametrize(("kind", "value"), [("N", "2.50"), (" ", "2.50"), ("V", "0.00")])
    def test_a_value_that_is_no_discount_changes_nothing(self, kind: str, value: str) -> None:
        assert str(line_of(MDiscValFlag=kind, MDiscValue=Decimal(value)).net_price) == "10"

    def test_the_product_is_named_in_both_catalogues(self) -> None:
        entity = line_of()
        assert (entity.buyer_product_code, entity.product_code, entity.product_name) == (
            "B100",
            "CAT-9",
            "Bicycle",
        )
        assert line_of(MStockDes=" ", NComment="A comment").product_name == "A comment"
        bare = line_of(MStockCode="", MStockDes="", MSupCatalogue="", MOrderUom="")
        assert (bare.buyer_product_code, bare.product_code, bare.product_name, bare.uom) == (None,) * 4

    def test_the_coding_is_one_row(self) -> None:
        (coding,) = line_of().order_line_coding or ()
        assert (coding.account_code, coding.tax_code, coding.row_index) == ("40-4000", "A", 1)
        assert (coding.allocated_quantity, coding.net_total) == (10, Decimal("100.00"))

    @pytest.mark.parametrize("account", ["", "  ", None])
    def test_without_an_account_there_is_no_coding(self, account: str | None) -> None:
        assert line_of(MGlCode=account).order_line_coding is None


class TestReceipts:
    """GrnDetails -> GoodsReceiptEntity."""

    def test_a_receipt_tells_quantity_value_and_delivery(self) -> None:
        one = receipt_of()
        assert (one.goods_receipt_number, str(one.quantity), str(one.net_sum)) == ("000777", "4", "40")
        assert (one.delivery_note_number, one.delivery_date) == ("DN-1", date(2026, 1, 20))
        assert one.is_deleted is False

    def test_a_local_receipt_is_valued_in_local_currency(self) -> None:
        assert receipt_of(CurrencyValue=Decimal(0)).net_sum == 700

    def test_a_reversal_is_negative(self) -> None:
        assert receipt_of(QtyReceived=Decimal(-4), CurrencyValue=Decimal(-40)).quantity == -4

    def test_a_receipt_without_a_delivery_note_has_none(self) -> None:
        assert receipt_of(DeliveryNote=" ").delivery_note_number is None

    def test_every_part_of_its_key_makes_another_receipt(self) -> None:
        changes = [
            {},
            {"Grn": "000778"},
            {"GrnSource": "I"},
            {"Journal": Decimal(13)},
            {"JournalEntry": Decimal(4)},
        ]
        assert len({receipt_of(**change).external_code for change in changes}) == len(changes)

    @pytest.mark.parametrize("receipts", [None, []])
    def test_without_receipts_there_is_no_list(self, receipts: list[Any] | None) -> None:
        assert line_of(Receipts=receipts).goods_receipts is None
