"""Purchase orders: one test for each line of the room's table."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.entities import GoodsReceipt, Order, OrderLine
from connector_defs.domain.keys import external_code
from connector_defs.domain.ledger_sections import GlSection
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

    def test_an_order_of_an_organization_of_one_character_is_quarantined(self) -> None:
        with pytest.raises(Untranslatable, match="no organization '1'") as refusal:
            order(ORDER, replace(SITE, organization="1"))
        assert "companies.organization_element" in refusal.value.remedy

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
    @pytest.mark.parametrize("quantity", [Decimal(0), None])
    def test_a_line_of_nothing_is_quarantined(self, quantity: Decimal | None) -> None:
        with pytest.raises(Untranslatable, match="line 1: the quantity is 0") as refusal:
            line_of(MOrderQty=quantity)
        assert refusal.value.code == "QUANTITY_NOT_POSITIVE"

    @pytest.mark.covers("H17")
    def test_a_negative_quantity_is_a_return_without_receipts(self) -> None:
        translated = order_line({**ORDER_LINE, "MOrderQty": Decimal(-4)}, SITE)
        entity = translated.entity
        assert isinstance(entity, OrderLine)
        assert (entity.matching_mode, entity.quantity, entity.net_price, entity.net_sum) == (
            "Return",
            4,
            -10,
            -40,
        )
        assert (entity.is_receipt_required, entity.is_receipt_based_matching) == (False, False)
        assert entity.goods_receipts is None
        assert [note.code for note in translated.notes] == ["RETURN_RECEIPTS"]
        (coding,) = entity.order_line_coding or ()
        assert (coding.allocated_quantity, coding.net_total) == (4, -40)

    @pytest.mark.parametrize("kind", ["6", "2", "", " ", None])
    def test_a_line_of_another_type_is_quarantined(self, kind: str | None) -> None:
        with pytest.raises(Untranslatable, match=r"line 1: line type '.?' is none of") as refusal:
            line_of(LineType=kind)
        assert refusal.value.code == "LINE_TYPE_UNKNOWN"

    @pytest.mark.parametrize("kind", ["4", "5"])
    def test_a_charge_is_one_piece_at_its_value(self, kind: str) -> None:
        charge = {"LineType": kind, "MOrderQty": Decimal(0), "MTaxCode": "", "NMscChargeTax": "B  "}
        entity = line_of(**charge, NMscChargeFor=Decimal("25.00"), NMscChargeValue=Decimal("400.00"))
        assert (entity.quantity, entity.net_sum, entity.tax_code) == (1, Decimal("25.00"), "B")
        assert (entity.is_receipt_required, entity.is_receipt_based_matching) == (False, False)

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

    @pytest.mark.parametrize(
        ("stored", "sent", "noted"),
        [("KG  ", "KGM", []), ("kg", "KGM", []), ("KGM", "KGM", []), ("BOX", "BOX", ["UNIT_UNMAPPED"])],
    )
    def test_the_unit_is_told_by_the_sites_map_for_quantity_and_price(
        self, stored: str, sent: str, noted: list[str]
    ) -> None:
        translated = order_line({**ORDER_LINE, "MOrderUom": stored}, SITE)
        assert isinstance(translated.entity, OrderLine)
        assert (translated.entity.uom, translated.entity.price_unit) == (sent, sent)
        assert [note.code for note in translated.notes] == noted

    def test_comment_lines_go_with_the_line_before_them(self) -> None:
        assert line_of(Comments="Deliver by 15:00\nCall first").comment == "Deliver by 15:00\nCall first"
        assert line_of(Comments=None).comment is None
        translated = order_line({**ORDER_LINE, "Comments": "c" * 1001}, SITE)
        assert isinstance(translated.entity, OrderLine)
        assert translated.entity.comment == "c" * 1000
        assert [note.code for note in translated.notes] == ["TEXT_CUT"]

    def test_the_coding_is_one_row(self) -> None:
        (coding,) = line_of().order_line_coding or ()
        assert (coding.account_code, coding.tax_code, coding.row_index) == ("40-4000", "A", 1)
        assert (coding.allocated_quantity, coding.net_total) == (10, Decimal("100.00"))

    def test_the_coding_has_the_cost_centre_that_the_gl_code_names(self) -> None:
        site = replace(SITE, cost_center_section=GlSection("-", 1))
        entity = order_line(ORDER_LINE, site).entity
        assert isinstance(entity, OrderLine)
        (coding,) = entity.order_line_coding or ()
        assert coding.cost_center_code == "40"
        (plain,) = line_of().order_line_coding or ()
        assert plain.cost_center_code is None, "where cost centres come from elsewhere it would be a guess"

    def test_a_gl_code_that_basware_cannot_hold_is_quarantined(self) -> None:
        with pytest.raises(Untranslatable, match=r"line 1: GL code '9+' has 51 characters, Basware takes 50"):
            line_of(MGlCode="9" * 51)

    def test_a_line_without_a_tax_code_has_none(self) -> None:
        entity = line_of(MTaxCode=" ")
        (coding,) = entity.order_line_coding or ()
        assert (entity.tax_code, coding.tax_code) == (None, None)

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

    def test_a_receipt_tells_its_price_and_unit(self) -> None:
        one = receipt_of(QtyReceived=Decimal(3))
        assert (one.net_price, one.unit_of_measure) == (Decimal("13.33333"), "EA")

    def test_a_receipt_of_a_local_order_is_valued_in_local_currency(self) -> None:
        local = {**RECEIPT, "CurrencyValue": Decimal(0)}
        (one,) = line_of(ExchangeRate=Decimal(1), Receipts=[local]).goods_receipts or ()
        assert one.net_sum == 700

    def test_a_receipt_without_a_value_in_the_orders_currency_is_valued_at_the_lines_price(self) -> None:
        row = {**ORDER_LINE, "Receipts": [{**RECEIPT, "CurrencyValue": Decimal(0)}]}
        translated = order_line(row, SITE)
        assert isinstance(translated.entity, OrderLine)
        (one,) = translated.entity.goods_receipts or ()
        assert (one.net_sum, one.net_price) == (40, 10)
        assert [note.code for note in translated.notes] == ["RECEIPT_AT_ORDER_PRICE"]

    def test_a_receipt_of_nothing_has_no_price(self) -> None:
        one = receipt_of(QtyReceived=Decimal(0), CurrencyValue=Decimal(0), OrigGrnValue=Decimal(0))
        assert (one.quantity, one.net_sum, one.net_price) == (0, 0, None)

    def test_a_receipt_of_a_free_line_is_worth_nothing(self) -> None:
        free = {"MPrice": Decimal(0), "MForeignPrice": Decimal(0)}
        worthless = {**RECEIPT, "CurrencyValue": Decimal(0), "OrigGrnValue": Decimal(0)}
        (one,) = line_of(**free, Receipts=[worthless]).goods_receipts or ()
        assert (one.net_sum, one.net_price) == (0, 0)

    def test_a_reversal_names_the_receipt_of_the_same_number_and_keeps_its_prices(self) -> None:
        back = {**RECEIPT, "Journal": 13, "QtyReceived": Decimal(-1), "CurrencyValue": Decimal(-10)}
        other = {**RECEIPT, "Grn": "000778"}
        original, _, reversal = line_of(Receipts=[RECEIPT, other, back]).goods_receipts or ()
        assert (reversal.quantity, reversal.net_sum, reversal.net_price) == (-1, -10, 10)
        assert reversal.reference_gr_external_code == original.external_code
        assert original.reference_gr_external_code is None

    @pytest.mark.parametrize(
        "others",
        [
            pytest.param([], id="none"),
            pytest.param([{**RECEIPT, "Journal": 1}, {**RECEIPT, "Journal": 2}], id="two"),
            pytest.param([{**RECEIPT, "Grn": "000778"}], id="of another number"),
            pytest.param(
                [{**RECEIPT, "Journal": 1, "QtyReceived": Decimal(3)}], id="of less than what goes back"
            ),
        ],
    )
    def test_a_reversal_whose_receipt_cannot_be_told_names_none(self, others: list[dict[str, Any]]) -> None:
        back = {**RECEIPT, "Journal": 13, "QtyReceived": Decimal(-4), "CurrencyValue": Decimal(-40)}
        translated = order_line({**ORDER_LINE, "Receipts": [*others, back]}, SITE)
        assert isinstance(translated.entity, OrderLine)
        assert (translated.entity.goods_receipts or ())[-1].reference_gr_external_code is None
        assert [note.code for note in translated.notes] == ["REVERSAL_WITHOUT_ORIGINAL"]

    def test_a_receipt_whose_quantity_and_value_contradict_each_other_keeps_the_line_back(self) -> None:
        with pytest.raises(Untranslatable, match="'000777' has the quantity -4 and the value 40") as refusal:
            receipt_of(QtyReceived=Decimal(-4))
        assert refusal.value.code == "SIGNS_CONTRADICT"

    def test_a_receipt_without_a_number_keeps_the_line_back(self) -> None:
        with pytest.raises(Untranslatable, match="line 1: goods receipt has no code"):
            receipt_of(Grn=" ")

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
