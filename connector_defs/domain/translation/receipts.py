"""Goods receipts of an order line, with their reversals.

| Basware | SYSPRO | rule |
|---|---|---|
| goodsReceiptNumber | GrnDetails.Grn | as stored; comes back on the coding row |
| quantity | QtyReceived | negative for a reversal |
| netSum | CurrencyValue, or OrigGrnValue in an order of local currency | at the line's price where SYSPRO has no value |
| netPrice | netSum / quantity | a reversal without prices would empty the original's sums |
| referenceGRExternalCode | the receipt of the same Grn and line | where there is exactly one it can reverse |
| unitOfMeasure | QtyUom | UN/ECE by [units] |
| deliveryNoteNumber, deliveryDate | DeliveryNote, OrigReceiptDate | |
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

from connector_defs.basware.entities import GoodsReceipt
from connector_defs.domain.translation.context import (
    Notes,
    Site,
    SourceRow,
    Untranslatable,
    code_within_limit,
    day,
    number,
    plain,
    text,
    trimmed,
)
from connector_defs.domain.translation.pricing import LinePrice, in_order_currency

_PRICE_STEP = Decimal("0.00001")


def goods_receipts(
    row: SourceRow, key: tuple[str, str], price: LinePrice, site: Site, notes: Notes
) -> tuple[GoodsReceipt, ...] | None:
    """The `Receipts` of an order line (`key`: order and line number); None where there are none.

    Those of a return are not sent: Basware does not say what sign they have there.
    """
    rows = cast("Sequence[Mapping[str, object]] | None", row.get("Receipts"))
    if not rows:
        return None
    if price.mode == "Return":
        notes.add(
            "RETURN_RECEIPTS",
            "returned goods are sent without their receipts and matched by quantity",
            "nothing to do; credit notes are matched to the line itself",
        )
        return None
    return tuple(_receipt(one, rows, row, key, price, site, notes) for one in rows)


def _receipt(
    one: SourceRow,
    all_of_line: Sequence[SourceRow],
    line: SourceRow,
    key: tuple[str, str],
    price: LinePrice,
    site: Site,
    notes: Notes,
) -> GoodsReceipt:
    what = f"order {key[0]!r} line {key[1]}: goods receipt"
    quantity = number(one, "QtyReceived")
    net_sum = _value(one, quantity, line, price, what, notes)
    return GoodsReceipt(
        external_code=_external_code(one, key, site),
        goods_receipt_number=code_within_limit(text(one, "Grn"), what, 100),
        quantity=plain(quantity),
        net_sum=plain(net_sum),
        net_price=plain((net_sum / quantity).quantize(_PRICE_STEP, ROUND_HALF_UP)) if quantity else None,
        reference_gr_external_code=_reversed(one, all_of_line, key, site, notes) if quantity < 0 else None,
        unit_of_measure=site.unit(text(one, "QtyUom"), notes),
        delivery_note_number=notes.cut(trimmed(one, "DeliveryNote"), 250, "DeliveryNote"),
        delivery_date=day(one, "OrigReceiptDate"),
        is_deleted=False,
    )


def _external_code(one: SourceRow, key: tuple[str, str], site: Site) -> str:
    parts = (text(one, column) for column in ("Grn", "GrnSource", "Journal", "JournalEntry"))
    return site.external_code("goodsReceipts", *key, *parts)


def _value(
    one: SourceRow, quantity: Decimal, line: SourceRow, price: LinePrice, what: str, notes: Notes
) -> Decimal:
    value = in_order_currency(
        {**one, "ExchangeRate": line.get("ExchangeRate")}, "CurrencyValue", "OrigGrnValue"
    )
    if value is not None and value * quantity < 0:
        raise Untranslatable(
            "SIGNS_CONTRADICT",
            f"{what} {text(one, 'Grn')!r} has the quantity {plain(quantity)} and the value {plain(value)}",
        )
    if value or not quantity or not price.net_price:
        return value or Decimal(0)
    notes.add(
        "RECEIPT_AT_ORDER_PRICE",
        "goods receipts without a value in the order's currency are valued at the line's price",
        "nothing to do; the invoice's own price decides",
    )
    return price.value_of(quantity)


def _reversed(
    one: SourceRow, all_of_line: Sequence[SourceRow], key: tuple[str, str], site: Site, notes: Notes
) -> str | None:
    originals = [
        other
        for other in all_of_line
        if text(other, "Grn") == text(one, "Grn")
        and number(other, "QtyReceived") >= -number(one, "QtyReceived")
    ]
    if len(originals) == 1:
        return _external_code(originals[0], key, site)
    notes.add(
        "REVERSAL_WITHOUT_ORIGINAL",
        "reversals of goods receipts are sent without naming the receipt they reverse: SYSPRO does not tell it",
        "nothing to do; quantities and values of the line are right in sum",
    )
    return None
