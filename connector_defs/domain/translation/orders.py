"""Purchase orders: headers, lines, goods receipts.

| Basware | SYSPRO | rule |
|---|---|---|
| orderNumber | PorMasterHdr.PurchaseOrder | as stored; comes back on the coding row |
| isClosed | OrderStatus, CancelledFlag, a line's MCompleteFlag | 9 complete, * cancelled; the header closes its lines |
| lineNumber | PorMasterDetail.Line | plain number; comes back on the coding row |
| quantity | MOrderQty; 1 for freight and miscellaneous lines | above 0 |
| netPrice | MForeignPrice, or MPrice where it is 0, per order unit, less MDiscPct1-3 | price unit turned into order unit |
| netSum | quantity x netPrice, or the charge's value | to the currency's minor unit |
| orderLineCoding | MGlCode, MTaxCode | one row |
| goodsReceipts | GrnDetails | quantity, value, delivery note |
Comment lines (type 6) are not sent.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

from connector_defs.basware.entities import GoodsReceipt, Order, OrderLine, OrderLineCoding
from connector_defs.domain.money import minor_digits
from connector_defs.domain.translation.context import (
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    day,
    flag,
    number,
    plain,
    text,
    trimmed,
    whole,
)

CLOSED_STATES = frozenset("9*")
_CHARGES = frozenset("45")
_HUNDRED = Decimal(100)


def order(row: SourceRow, site: Site) -> Translated:
    """PorMasterHdr row -> OrderEntity."""
    key = text(row, "PurchaseOrder")
    closed = _order_is_closed(row)
    return Translated(
        Order(
            external_code=site.external_code("matchingOrders", key),
            order_number=key,
            source_system=site.source_system,
            company_code=site.basware_company,
            organization_element_code=site.organization,
            supplier_code=text(row, "Supplier"),
            currency_code=site.currency(text(row, "Currency"), f"order {key!r}"),
            payment_term_code=trimmed(row, "TermsCode") or None,
            created=day(row, "OrderEntryDate"),
            requested_delivery_date=day(row, "OrderDueDate"),
            is_closed=closed,
        ),
        active=not closed,
    )


def _order_is_closed(row: SourceRow) -> bool:
    return trimmed(row, "OrderStatus") in CLOSED_STATES or flag(row, "CancelledFlag")


def order_line(row: SourceRow, site: Site) -> Translated:
    """PorMasterDetail row, with its header's currency and state and its receipts, -> OrderLineEntity."""
    order_key, line = text(row, "PurchaseOrder"), str(whole(row, "Line"))
    what = f"order {order_key!r} line {line}"
    currency = site.currency(text(row, "Currency"), what)
    charge = trimmed(row, "LineType") in _CHARGES
    quantity = Decimal(1) if charge else number(row, "MOrderQty")
    if quantity <= 0:
        raise Untranslatable(
            "QUANTITY_NOT_POSITIVE",
            f"{what}: quantity {quantity} is not above 0",
            "correct the line in SYSPRO",
        )
    if not charge and trimmed(row, "MDiscValFlag").upper() not in ("", "N") and number(row, "MDiscValue"):
        raise Untranslatable(
            "VALUE_DISCOUNT",
            f"{what}: a discount by value ({number(row, 'MDiscValue')}) is not part of the price we can state",
            "give the discount as percentages in SYSPRO, or put it into the price",
        )
    price = _in_order_currency(row, "NMscChargeFor", "NMscChargeValue") if charge else _unit_price(row)
    net_sum = (quantity * price).quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)
    tax_code = trimmed(row, "NMscChargeTax" if charge else "MTaxCode") or None
    closed = flag(row, "MCompleteFlag") or _order_is_closed(row)
    code = site.external_code("matchingOrderLines", order_key, line)
    return Translated(
        OrderLine(
            external_code=code,
            order_external_code=site.external_code("matchingOrders", order_key),
            line_number=line,
            sort_number=whole(row, "Line"),
            quantity=plain(quantity),
            matching_mode="Standard",
            net_price=plain(price),
            net_sum=net_sum,
            currency_code=currency,
            uom=trimmed(row, "MOrderUom")[:25] or None,
            is_receipt_required=not charge,
            is_receipt_based_matching=not charge,
            is_closed=closed,
            is_deleted=False,
            product_code=trimmed(row, "MSupCatalogue")[:250] or None,
            buyer_product_code=trimmed(row, "MStockCode")[:250] or None,
            product_name=trimmed(row, "MStockDes")[:250] or trimmed(row, "NComment")[:250] or None,
            tax_code=tax_code,
            requested_delivery_date=day(row, "MLatestDueDate"),
            order_line_coding=_coding(row, code, quantity, net_sum, tax_code, site),
            goods_receipts=_receipts(row, order_key, line, site),
        ),
        active=not closed,
        parent=order_key,
    )


def _in_order_currency(row: SourceRow, foreign: str, local: str) -> Decimal:
    """The foreign value where there is one; a local order keeps its value in the local column alone."""
    return number(row, foreign) or number(row, local)


def _unit_price(row: SourceRow) -> Decimal:
    """Price per order unit after discounts; MMulDivPrc says how a price unit counts in order units."""
    price = _in_order_currency(row, "MForeignPrice", "MPrice")
    factor = number(row, "MConvFactPrcUm")
    if factor and factor != 1:
        price = price * factor if trimmed(row, "MMulDivPrc").upper() == "M" else price / factor
    for column in ("MDiscPct1", "MDiscPct2", "MDiscPct3"):
        price *= 1 - number(row, column) / _HUNDRED
    return price.quantize(Decimal("0.00001"), ROUND_HALF_UP)


def _coding(
    row: SourceRow, line_code: str, quantity: Decimal, net_sum: Decimal, tax_code: str | None, site: Site
) -> tuple[OrderLineCoding, ...] | None:
    account = text(row, "MGlCode")
    if not account.strip():
        return None
    return (
        OrderLineCoding(
            external_code=site.external_code("matchingOrderLines/coding", line_code),
            row_index=1,
            allocated_quantity=plain(quantity),
            net_total=net_sum,
            account_code=account,
            tax_code=tax_code,
        ),
    )


def _receipts(row: SourceRow, order_key: str, line: str, site: Site) -> tuple[GoodsReceipt, ...] | None:
    receipts = cast("Sequence[Mapping[str, object]] | None", row.get("Receipts"))
    if not receipts:
        return None
    return tuple(
        GoodsReceipt(
            external_code=site.external_code(
                "goodsReceipts",
                order_key,
                line,
                text(receipt, "Grn"),
                text(receipt, "GrnSource"),
                text(receipt, "Journal"),
                text(receipt, "JournalEntry"),
            ),
            goods_receipt_number=text(receipt, "Grn"),
            quantity=plain(number(receipt, "QtyReceived")),
            net_sum=plain(_in_order_currency(receipt, "CurrencyValue", "OrigGrnValue")),
            delivery_note_number=trimmed(receipt, "DeliveryNote") or None,
            delivery_date=day(receipt, "OrigReceiptDate"),
            is_deleted=False,
        )
        for receipt in receipts
    )
