"""Which goods receipts a row takes: by receipt number, or by the order line where Basware names no receipt.

Source: SYSPRO wire notes 2.1 (GrnDetails), 4.5 and trap 23; Basware wire notes 3.10 to 3.12.
"""

import re
from decimal import Decimal

from connector_defs.domain.books import Books, GoodsReceipt, Supplier
from connector_defs.domain.invoices import CodingRow, ReceiptRow
from connector_defs.domain.money import total
from connector_defs.domain.planning.verdict import Refused

# Basware's order fields are far wider than an order number: matching several orders may join them, how is not
# published. A line of SYSPRO's is one number; an order number may hold blanks, but then SYSPRO knows it by them.
_JOINED = re.compile(r"[,;|]")
_SEVERAL_LINES = re.compile(r"\d\D+\d")
_SEVERAL_WORDS = re.compile(r"\S\s+\S")
_ORDER_WIDTH = 20


def receipt_row(row: CodingRow, net: Decimal, supplier: Supplier, books: Books) -> ReceiptRow:
    """The receipt the row names, and how much of it."""
    what = f"goods receipt {row.receipt_number!r} of order {row.order_number!r} line {row.order_line!r}"
    found = [
        receipt
        for receipt in _all_receipts(row, books)
        if receipt.receipt.strip() == row.receipt_number.strip() and _of_order_line(receipt, row, supplier)
    ]
    if not found:
        raise Refused(
            "RECEIPT_UNKNOWN", f"{what} is not in SYSPRO", "correct the matching in Basware, then retry"
        )
    if len(found) > 1:
        raise Refused(
            "RECEIPT_AMBIGUOUS", f"{what} stands in SYSPRO {len(found)} times", "post this one by hand"
        )
    return _taken(found[0], row, net, what)


def open_receipts(row: CodingRow, net: Decimal, supplier: Supplier, books: Books) -> list[GoodsReceipt]:
    """Receipts of the order line that wait for an invoice, or, for a credit, returns that wait for a credit note."""
    return [
        receipt
        for receipt in _all_receipts(row, books)
        if _of_order_line(receipt, row, supplier)
        and not receipt.fully_matched
        and (receipt.outstanding is None or receipt.outstanding * net > 0)
    ]


def receipts_of_order_line(
    row: CodingRow, net: Decimal, receipts: list[GoodsReceipt], *, find: bool
) -> list[ReceiptRow]:
    """The open receipts of an order line that `net` stands for, where that can be told without guessing.

    That is: the only one; the one with exactly this value; or all of them together.
    """
    what = f"order {row.order_number!r} line {row.order_line!r}"
    named = ", ".join(f"{each.receipt.strip()} ({each.outstanding})" for each in receipts)
    if not find:
        raise Refused(
            "RECEIPT_NOT_NAMED",
            f"row {row.key} is matched to {what} and names no receipt, while SYSPRO waits for the invoice of {named}",
            "match the row to its receipts in Basware, or set posting.order_matching to receipts",
        )
    if len(receipts) == 1:
        return [_taken(receipts[0], row, net, f"goods receipt {receipts[0].receipt.strip()!r} of {what}")]
    equal = [each for each in receipts if each.outstanding == net]
    if len(equal) == 1:
        return [_taken(equal[0], row, net, what)]
    values = [each.outstanding for each in receipts if each.outstanding is not None]
    if len(values) == len(receipts) and total(values) == net:
        return [_taken(each, row, value, what) for each, value in zip(receipts, values, strict=True)]
    raise Refused(
        "RECEIPT_NOT_NAMED",
        f"row {row.key} over {net} is matched to {what}, and it cannot be told which of its receipts are meant: {named}",
        "match the row to its receipts in Basware",
    )


def check_taken_once(rows: list[ReceiptRow]) -> None:
    """No receipt may be taken by two rows."""
    taken = [(row.receipt, row.source, row.journal, row.entry) for row in rows]
    if len(set(taken)) < len(taken):
        raise Refused(
            "RECEIPT_TWICE",
            "two rows are matched to the same goods receipt",
            "correct the matching in Basware",
        )


def _all_receipts(row: CodingRow, books: Books) -> tuple[GoodsReceipt, ...]:
    order = row.order_number.strip()
    known = any(receipt.order_number.strip() == order for receipt in books.receipts or ())
    for name, value, joined in (
        ("order number", row.order_number, bool(_SEVERAL_WORDS.search(order)) and not known),
        ("order line", row.order_line, bool(_SEVERAL_LINES.search(row.order_line))),
    ):
        if joined or _JOINED.search(value) or len(value.strip()) > _ORDER_WIDTH:
            raise Refused(
                "MATCH_AMBIGUOUS",
                f"row {row.key}: {name} {value!r} names more than one",
                "split the row in Basware so that it is matched to one order line",
            )
    if books.receipts is None:
        raise Refused(
            "RECEIPTS_UNREADABLE",
            "SYSPRO's goods receipts (GrnDetails) cannot be read, and the invoice is matched to an order",
            "give the OData user access to GrnDetails, or set posting.order_matching to ledger, then retry",
        )
    return books.receipts


def _of_order_line(receipt: GoodsReceipt, row: CodingRow, supplier: Supplier) -> bool:
    return (
        receipt.supplier == supplier.code
        and (not row.order_number or receipt.order_number.strip() == row.order_number.strip())
        and (not row.order_line or _line(receipt.order_line) == _line(row.order_line))
    )


def _line(number: str) -> str:
    return number.strip().lstrip("0")


def _taken(receipt: GoodsReceipt, row: CodingRow, net: Decimal, what: str) -> ReceiptRow:
    if receipt.fully_matched or receipt.outstanding == 0:
        raise Refused("RECEIPT_MATCHED", f"{what} is already matched in SYSPRO", "check for a double invoice")
    if receipt.outstanding is None:
        raise Refused("RECEIPT_VALUE", f"{what}: its open value cannot be told", "post this one by hand")
    if (net < 0) != (receipt.outstanding < 0):
        raise Refused(
            "RECEIPT_SIGN",
            f"{what}: the row is over {net}, the receipt is open with {receipt.outstanding}",
            "match a credit note to the return it is for, or code it without a receipt, in Basware",
        )
    match, quantity = "U", None
    if net == receipt.outstanding:
        match = "O"
    elif not row.matched_quantity and abs(net) < abs(receipt.outstanding):
        raise Refused(
            "RECEIPT_QUANTITY",
            f"{what} is open with {receipt.outstanding}, the row is over {net} and tells no quantity: it cannot be told "
            "whether the rest of the receipt stays open",
            "enter the matched quantity in Basware, or post this one by hand",
        )
    elif row.matched_quantity and abs(row.matched_quantity) < abs(receipt.quantity):
        match, quantity = "P", row.matched_quantity.copy_abs().copy_sign(receipt.quantity)
    return ReceiptRow(
        receipt.supplier,
        receipt.receipt,
        receipt.source,
        receipt.journal,
        receipt.entry,
        match,
        net,
        quantity,
    )
