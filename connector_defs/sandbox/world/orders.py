"""Purchase orders, their lines and goods receipts, up to 100,000 lines.

Source of the tables and codes: SYSPRO wire notes 4.5. The outstanding value of a receipt is
CurGrnValue less MatchedValue; part of the receipts are matched already, wholly or to half.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from connector_defs.sandbox.world.ledger_codes import (
    CURRENCIES,
    FREIGHT_GL,
    GRN_CLEARING_GL,
    INVENTORY_GL,
    LOCAL_CURRENCY,
    Record,
)
from connector_defs.sandbox.world.options import WorldOptions

CENT = Decimal("0.01")
_HISTORY_DAYS = 180
_LARGE_ORDER_LINES = 130

_STOCK = (
    ("BRG-6204", "Deep groove ball bearing 6204", "EA"),
    ("STL-1018", 'Cold rolled bar 1018 3/4"', "FT"),
    ("ALU-6061", "Aluminium plate 6061-T6 <12mm>", "KG"),
    ("CST-0440", "Grey iron casting, gearbox housing", "EA"),
    ("SPR-0815", "Compression spring 0.8x15", "EA"),
    ("GSK-2001", "Gasket & seal kit, pump", "SET"),
    ("BLT-M12", "Hex bolt M12x60 - 8.8", "BOX"),
    ("HYD-0032", 'Hydraulic hose 3/8"', "M"),
)
_NON_STOCK = (
    "Carbide insert CNMG 120408",
    "Calibration of height gauge",
    "Shot blast media S-390",
    "Repair of spindle motor",
    "Pallets 1200 x 1000, heat treated",
    "Safety gloves, cut level D",
    "Coolant concentrate 200 l",
    "Pattern modification, gearbox housing",
)
_COMMENTS = ("Deliver between 07:00 and 15:00", "Certificate 3.1 required", "Confirm price & date by return")


@dataclass(frozen=True, slots=True)
class PurchaseOrders:
    """The three tables of purchasing."""

    headers: list[Record]
    lines: list[Record]
    receipts: list[Record]


def purchase_orders(
    options: WorldOptions, suppliers: list[Record], expense_codes: list[str], dice: random.Random
) -> PurchaseOrders:
    """`options.orders` headers with `options.lines` lines between them, and the receipts of those lines."""
    buyable = [row for row in suppliers if row["PurchOrdAllowed"] == "Y" and row["Currency"] != "QQ"]
    book = PurchaseOrders([], [], [])
    receipt_numbers = iter(range(1, 10 * options.lines + 10))
    for number, line_count in enumerate(_line_counts(options, dice) if buyable else (), start=1):
        header = _header(options, dice, f"{10_000 + number:015d}", dice.choice(buyable), line_count)
        book.headers.append(header)
        for line_number in range(1, line_count + 1):
            line = _line(header, line_number, expense_codes, dice)
            book.lines.append(line)
            book.receipts.extend(_receipts(options, header, line, receipt_numbers, dice))
    return book


def _line_counts(options: WorldOptions, dice: random.Random) -> Iterator[int]:
    """Lines per order: uneven, one long order where there is room for it, exact in total."""
    left = options.lines
    for order in range(options.orders):
        rest = options.orders - order - 1
        if not rest:
            count = left
        elif order == 0 and left - rest > 10 * _LARGE_ORDER_LINES:
            count = _LARGE_ORDER_LINES
        else:
            average = max(1, left // (rest + 1))
            count = min(dice.randint(max(1, average // 2), average + average // 2), left - rest)
        yield max(count, 0)
        left -= max(count, 0)


def _header(
    options: WorldOptions, dice: random.Random, order: str, supplier: Record, line_count: int
) -> Record:
    currency = str(supplier["Currency"])
    rate, way = next((Decimal(row[2]), row[3]) for row in CURRENCIES if row[0] == currency)
    entered = options.today - timedelta(days=dice.randrange(_HISTORY_DAYS))
    status = dice.choices(("0", "1", "4", "9", "*"), (4, 8, 66, 17, 5))[0] if line_count < 100 else "4"
    return {
        "PurchaseOrder": order,
        "OrderStatus": status,
        "ActiveFlag": "N" if status in "9*" else "Y",
        "CancelledFlag": "Y" if status == "*" else "N",
        "OrderType": "L" if currency == LOCAL_CURRENCY else "I",
        "Supplier": supplier["Supplier"],
        "Currency": currency,
        "TermsCode": supplier["TermsCode"],
        "Buyer": dice.choice(("MILLER", "O'HARA", "JENSEN", "PATEL")),
        "Warehouse": dice.choice(("FG", "RM", "MRO")),
        "TaxStatus": "N",
        "OrderEntryDate": entered,
        "OrderDueDate": entered + timedelta(days=dice.randint(7, 45)),
        "DateLastDocPrt": entered if status in "49" else None,
        "DatePoCompleted": min(entered + timedelta(days=50), options.today) if status == "9" else None,
        "ExchangeRate": rate,
        "MulDiv": way,
        "ExchRateFixed": "N",
        "NextDetailLine": line_count + 1,
        "DeliveryName": "Receiving dock 2",
        "DeliveryAddr1": "1 Works Road",
        "DeliveryAddr2": "Cleveland OH",
    }


def _line(header: Record, number: int, expense_codes: list[str], dice: random.Random) -> Record:
    kinds = ("1", "7") if number == 1 else ("1", "7", "4", "5", "6")
    kind = dice.choices(kinds, (50, 40, 3, 4, 8)[: len(kinds)])[0]
    line: Record = {
        "PurchaseOrder": header["PurchaseOrder"],
        "Line": number,
        "LineType": kind,
        "MCompleteFlag": "Y" if header["OrderStatus"] == "9" else dice.choice(("N", " ")),
        "MTaxCode": "S" if header["Currency"] == LOCAL_CURRENCY else "A",
    }
    if kind == "6":
        return {**line, "NComment": dice.choice(_COMMENTS)}
    if kind in "45":
        charge = Decimal(dice.randrange(1000, 40_000)).scaleb(-2)
        return {
            **line,
            "NComment": "Freight to works" if kind == "4" else "Packing & handling",
            "NMscChargeValue": to_local(charge, header),
            "NMscChargeFor": charge,
            "NMscChargeTax": line["MTaxCode"],
            "MGlCode": FREIGHT_GL if kind == "4" else dice.choice(expense_codes),
            "MLatestDueDate": header["OrderDueDate"],
        }
    return {**line, **_goods(header, kind, expense_codes, dice)}


def _goods(header: Record, kind: str, expense_codes: list[str], dice: random.Random) -> Record:
    price = Decimal(dice.randrange(150, 60_000)).scaleb(-2)
    stock, text, unit = dice.choice(_STOCK)
    if kind == "7":
        stock, text, unit = f"NS{dice.randrange(10_000):05d}", dice.choice(_NON_STOCK), "EA"
    return {
        "MStockCode": stock,
        "MStockDes": text,
        "MWarehouse": header["Warehouse"] if kind == "1" else "**",
        "MOrderUom": unit,
        "MPriceUom": unit,
        "MOrderQty": Decimal(dice.randint(1, 120)),
        "MPrice": to_local(price, header),
        "MForeignPrice": price,
        "MConvFactPrcUm": Decimal(1),
        "MMulDivPrc": "M",
        "MDiscPct1": Decimal(5) if dice.random() < 0.05 else Decimal(0),
        "MGlCode": INVENTORY_GL if kind == "1" else dice.choice(expense_codes),
        "MProductClass": "RAW" if kind == "1" else "MRO",
        "MLatestDueDate": header["OrderDueDate"],
        "MOrigDueDate": header["OrderDueDate"],
    }


def _receipts(
    options: WorldOptions, header: Record, line: Record, numbers: Iterator[int], dice: random.Random
) -> Iterator[Record]:
    """Up to two receipts of a line; fills the line's received quantity and last receipt date."""
    ordered = line.get("MOrderQty")
    if not isinstance(ordered, Decimal) or str(header["OrderStatus"]) not in "49":
        return
    if header["OrderStatus"] == "4" and dice.random() < 0.4:
        return
    whole = header["OrderStatus"] == "9" or dice.random() < 0.7
    received = ordered if whole else max(Decimal(1), (ordered / 2).to_integral_value())
    parts = [received]
    if received > 10 and dice.random() < 0.15:
        parts = [received - 4, Decimal(4)]
    entered = header["OrderEntryDate"]
    assert isinstance(entered, date)
    for offset, quantity in enumerate(parts):
        day = min(entered + timedelta(days=dice.randint(3, 30) + offset), options.today)
        yield _receipt(header, line, dice, number=next(numbers), quantity=quantity, day=day)
        line["MLastReceiptDat"] = day
    line["MReceivedQty"] = received
    if received == ordered:
        line["MCompleteFlag"] = "Y"


def _receipt(
    header: Record, line: Record, dice: random.Random, *, number: int, quantity: Decimal, day: date
) -> Record:
    price, discount = line["MForeignPrice"], line["MDiscPct1"]
    assert isinstance(price, Decimal)
    assert isinstance(discount, Decimal)
    value = (quantity * price * (100 - discount) / 100).quantize(CENT, ROUND_HALF_UP)
    local = to_local(value, header)
    state = dice.choices(("open", "half", "matched"), (80, 6, 14))[0]
    if header["OrderStatus"] == "9":
        state = "matched"
    matched = {"open": Decimal(0), "half": (local / 2).quantize(CENT), "matched": local}[state]
    return {
        "Supplier": header["Supplier"],
        "Grn": f"P{number:08d}",
        "GrnSource": "1",
        "Journal": day.toordinal() % 100_000,
        "JournalEntry": number,
        "OrigReceiptDate": day,
        "PurchaseOrder": header["PurchaseOrder"],
        "PurchaseOrderLin": line["Line"],
        "StockCode": line["MStockCode"],
        "StockDescription": line["MStockDes"],
        "Warehouse": line["MWarehouse"],
        "QtyReceived": quantity,
        "QtyUom": line["MOrderUom"],
        "DeliveryNote": f"DN{dice.randrange(10**6):06d}",
        "OrigGrnValue": local,
        "CurGrnValue": local,
        "MatchedValue": matched,
        "GrnMatchedFlag": "Y" if state == "matched" else "N",
        "GrnMatchedYear": day.year if state == "matched" else 0,
        "GrnMatchedMonth": day.month if state == "matched" else 0,
        "GrnYear": day.year,
        "GrnMonth": day.month,
        "DebitRecGlCode": GRN_CLEARING_GL,
        "CurrencyValue": value,
        "PostCurrency": header["Currency"],
        "ConvRate": header["ExchangeRate"],
        "MulDiv": header["MulDiv"],
        "MTaxCode": line["MTaxCode"],
    }


def to_local(value: Decimal, header: Record) -> Decimal:
    """A foreign amount in local currency by the order's rate, to the cent."""
    rate = header["ExchangeRate"]
    assert isinstance(rate, Decimal)
    return (value * rate if header["MulDiv"] == "M" else value / rate).quantize(CENT, ROUND_HALF_UP)
