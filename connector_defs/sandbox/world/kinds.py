"""The less usual kinds of suppliers and order lines, put into worlds large enough to have them.

No dice are thrown here, so the rest of a world is the same with and without them. Everything can be told to Basware;
what cannot is a matter of `suppliers` and `ledger_codes`.
"""

from datetime import date, timedelta
from decimal import Decimal

from connector_defs.sandbox.world.ledger_codes import LOCAL_CURRENCY, Record
from connector_defs.sandbox.world.options import WorldOptions
from connector_defs.sandbox.world.orders import PurchaseOrders

_SUPPLIERS = 40
_ORDERS = 50
# Due and discount by a fixed day; no supplier of the world has them.
_FIXED_DAY_TERMS: tuple[Record, ...] = (
    {
        "TermsCode": "F1",
        "Description": "20th of next month, 1% by the 5th",
        "DueFix": "Y",
        "DueDayOfMonth": 20,
        "DueMonths": 1,
        "DiscPct": Decimal("1.00"),
        "DiscFix": "Y",
        "DiscDayOfMonth": 5,
        "DiscMonths": 1,
    },
    {
        "TermsCode": "F2",
        "Description": "25th of the month",
        "DueFix": "Y",
        "DueDayOfMonth": 25,
        "DueMonths": 0,
    },
)
_ONE = Decimal(1)
_CENT = Decimal("0.01")


def unusual_terms(options: WorldOptions) -> list[Record]:
    """Payment terms by a fixed day."""
    return [dict(row) for row in _FIXED_DAY_TERMS] if options.suppliers >= _SUPPLIERS else []


def unusual_suppliers(rows: list[Record], addresses: list[Record]) -> None:
    """IBANs, a mistyped one, two suppliers of one VAT number, e-mails and nationalities as people type them."""
    if len(rows) < _SUPPLIERS:
        return
    abroad = [row for row in rows[12:-2] if row["Currency"] == "EUR"]
    for row in abroad[1:]:
        row.update(BankAccount=_iban("DE", f"{row['BankAccount']:0>18}"), BankBranch="COBADEFFXXX")
    for row in abroad[:1]:
        row["BankAccount"] = "DE00 1234 5678 9012 3456 78"
    usual = [row for row in rows[12:-2] if row["OnHold"] != "Y"]
    usual[1]["TaxRegnNum"] = usual[0]["TaxRegnNum"]
    usual[2]["PoEmail"] = str(usual[2]["PoEmail"]).replace("orders", "Orders")
    usual[3]["PoEmail"] = f"{usual[3]['PoEmail']}; {usual[3]['Email']}"
    usual[4]["Nationality"] = "UK"
    usual[5]["Nationality"] = "OHI"
    for address in addresses:
        if address["Supplier"] == usual[6]["Supplier"]:
            address.update(
                RemitName="Factoring House plc", RemitAddr1="PO Box 77", RemitAddr5="United Kingdom"
            )


def _iban(country: str, account: str) -> str:
    digits = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    check = f"{98 - int(digits) % 97:02d}"
    plain = f"{country}{check}{account}"
    return " ".join(plain[place : place + 4] for place in range(0, len(plain), 4))


def unusual_lines(book: PurchaseOrders) -> None:
    """Discounts of the order, by unit and by value, a return, a free line, a price unit, and reversed receipts."""
    if len(book.headers) < _ORDERS:
        return
    fresh = {
        str(header["PurchaseOrder"]): header
        for header in book.headers
        if header["OrderStatus"] in ("0", "1") and header["Currency"] == LOCAL_CURRENCY
    }
    goods = [row for row in book.lines if row["PurchaseOrder"] in fresh and row["LineType"] in ("1", "7")]
    changes: list[Record] = [
        {"MDiscPct1": Decimal(10), "MDiscPct2": Decimal(5)},
        {"MDiscPct1": Decimal(0), "MDiscValFlag": "U", "MDiscValue": _ONE},
        {"MDiscPct1": Decimal(0), "MDiscValFlag": "V", "MDiscValue": _ONE},
        {"MOrderQty": Decimal(-3)},
        {"MPrice": Decimal(0), "MForeignPrice": Decimal(0)},
        {"MPriceUom": "DOZ", "MConvFactPrcUm": Decimal(12), "MMulDivPrc": "D"},
    ]
    for row, change in zip(goods, changes, strict=False):
        row.update(change)
    for row in goods[:1]:
        fresh[str(row["PurchaseOrder"])].update(DiscPct1=Decimal("2.50"), DiscPct2=Decimal(1))
    _reverse_some_receipts(book)


def _reverse_some_receipts(book: PurchaseOrders) -> None:
    """One piece of some receipts goes back; of foreign orders, which no approved invoice is matched to."""
    lines = {(row["PurchaseOrder"], row["Line"]): row for row in book.lines}
    reversible = [
        row
        for row in book.receipts
        if row["PostCurrency"] != LOCAL_CURRENCY
        and not row["MatchedValue"]
        and _number(row["QtyReceived"]) > 1
    ]
    for receipt in reversible[:5]:
        share = _number(receipt["QtyReceived"])
        line = lines[receipt["PurchaseOrder"], receipt["PurchaseOrderLin"]]
        line["MReceivedQty"] = _number(line["MReceivedQty"]) - 1
        line["MCompleteFlag"] = "N"
        local, value = (
            -(_number(receipt[column]) / share).quantize(_CENT)
            for column in ("OrigGrnValue", "CurrencyValue")
        )
        received = receipt["OrigReceiptDate"]
        assert isinstance(received, date)
        book.receipts.append(
            {
                **receipt,
                "Journal": int(_number(receipt["Journal"])) + 1,
                "QtyReceived": -_ONE,
                "OrigReceiptDate": received + timedelta(days=1),
                "OrigGrnValue": local,
                "CurGrnValue": local,
                "CurrencyValue": value,
            }
        )


def _number(value: object) -> Decimal:
    assert isinstance(value, Decimal | int)
    return Decimal(value)
