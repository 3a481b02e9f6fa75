"""Purchase orders: headers and lines. What a line costs is in `pricing`, its goods receipts are in `receipts`.

| Basware | SYSPRO | rule |
|---|---|---|
| orderNumber | PorMasterHdr.PurchaseOrder | as stored; comes back on the coding row |
| currencyCode | Currency | SYSPRO key -> ISO 4217 by [currencies] |
| isClosed | OrderStatus, CancelledFlag, a line's MCompleteFlag | 9 complete, * cancelled; the header closes its lines |
| lineNumber | PorMasterDetail.Line | plain number; comes back on the coding row |
| lines sent | LineType | 1 stocked, 7 non-stocked; 4 freight and 5 miscellaneous as charges; no other |
| comment | NComment of the comment lines (6) that follow the line | those before the first line go with that one |
| matchingMode | sign of the price | Standard; Return below 0, without receipts |
| isReceiptRequired, isReceiptBasedMatching | LineType | goods are matched by their receipts, charges and returns are not |
| uom, priceUnit | MOrderUom | UN/ECE by [units]; the price is told per order unit |
| product codes and name | MSupCatalogue, MStockCode, MStockDes or NComment | free texts, cut at 250 |
| orderLineCoding | MGlCode, MTaxCode or NMscChargeTax | one row; cost centre where it is a section of the GL code |
"""

from connector_defs.basware.entities import Order, OrderLine, OrderLineCoding
from connector_defs.domain.translation.context import (
    Notes,
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    code_within_limit,
    day,
    flag,
    plain,
    text,
    trimmed,
    whole,
)
from connector_defs.domain.translation.pricing import LinePrice, charge_price, goods_price
from connector_defs.domain.translation.receipts import goods_receipts

CLOSED_STATES = frozenset("9*")
_GOODS = frozenset("17")
_CHARGES = frozenset("45")


def order(row: SourceRow, site: Site) -> Translated:
    """PorMasterHdr row -> OrderEntity."""
    key = code_within_limit(text(row, "PurchaseOrder"), "order", 100)
    what = f"order {key!r}"
    if len(site.organization) < 2:
        raise Untranslatable(
            "ORGANIZATION_TOO_SHORT",
            f"{what}: Basware takes no organization {site.organization!r} of one character",
        )
    closed = _order_is_closed(row)
    terms = trimmed(row, "TermsCode")
    return Translated(
        Order(
            external_code=site.external_code("matchingOrders", key),
            order_number=key,
            source_system=site.source_system,
            company_code=site.basware_company,
            organization_element_code=site.organization,
            supplier_code=code_within_limit(text(row, "Supplier"), f"{what}: supplier"),
            currency_code=site.currency(text(row, "Currency"), what),
            payment_term_code=code_within_limit(terms, f"{what}: terms") if terms else None,
            created=day(row, "OrderEntryDate"),
            requested_delivery_date=day(row, "OrderDueDate"),
            is_closed=closed,
        ),
        active=not closed,
    )


def _order_is_closed(row: SourceRow) -> bool:
    return trimmed(row, "OrderStatus") in CLOSED_STATES or flag(row, "CancelledFlag")


def order_line(row: SourceRow, site: Site) -> Translated:
    """PorMasterDetail row, with its header's columns, its comments and its receipts, -> OrderLineEntity."""
    order_key, line = text(row, "PurchaseOrder"), str(whole(row, "Line"))
    what = f"order {order_key!r} line {line}"
    kind = trimmed(row, "LineType")
    if kind not in _GOODS | _CHARGES:
        raise Untranslatable(
            "LINE_TYPE_UNKNOWN",
            f"{what}: line type {kind!r} is none of 1, 4, 5, 7, so what it costs is not known",
        )
    notes = Notes()
    charge = kind in _CHARGES
    currency = site.currency(text(row, "Currency"), what)
    price = charge_price(row, currency, what) if charge else goods_price(row, currency, what)
    by_receipt = not charge and price.mode == "Standard"
    closed = flag(row, "MCompleteFlag") or _order_is_closed(row)
    tax_code = trimmed(row, "NMscChargeTax" if charge else "MTaxCode") or None
    if tax_code:
        code_within_limit(tax_code, f"{what}: tax code")
    unit = site.unit(text(row, "MOrderUom"), notes)
    code = site.external_code("matchingOrderLines", order_key, line)
    own_text = notes.cut(trimmed(row, "NComment"), 250, "NComment")
    entity = OrderLine(
        external_code=code,
        order_external_code=site.external_code("matchingOrders", order_key),
        line_number=line,
        sort_number=whole(row, "Line"),
        quantity=plain(price.quantity),
        matching_mode=price.mode,
        net_price=plain(price.net_price),
        net_sum=price.net_sum,
        currency_code=currency,
        uom=unit,
        price_unit=unit,
        is_receipt_required=by_receipt,
        is_receipt_based_matching=by_receipt,
        is_closed=closed,
        is_deleted=False,
        product_code=notes.cut(trimmed(row, "MSupCatalogue"), 250, "MSupCatalogue"),
        buyer_product_code=notes.cut(trimmed(row, "MStockCode"), 250, "MStockCode"),
        product_name=notes.cut(trimmed(row, "MStockDes"), 250, "MStockDes") or own_text,
        comment=notes.cut(trimmed(row, "Comments"), 1000, "the comment lines behind a line"),
        tax_code=tax_code,
        requested_delivery_date=day(row, "MLatestDueDate"),
        order_line_coding=_coding(row, code, price, tax_code, site, what),
        goods_receipts=goods_receipts(row, (order_key, line), price, site, notes),
    )
    return Translated(entity, active=not closed, parent=order_key, notes=notes.found)


def _coding(
    row: SourceRow, line_code: str, price: LinePrice, tax_code: str | None, site: Site, what: str
) -> tuple[OrderLineCoding, ...] | None:
    account = text(row, "MGlCode")
    if not account.strip():
        return None
    code_within_limit(account, f"{what}: GL code", 50)
    section = site.cost_center_section
    return (
        OrderLineCoding(
            external_code=site.external_code("matchingOrderLines/coding", line_code),
            row_index=1,
            allocated_quantity=plain(price.quantity),
            net_total=price.net_sum,
            account_code=account,
            cost_center_code=section.of(account) if section else None,
            tax_code=tax_code,
        ),
    )
