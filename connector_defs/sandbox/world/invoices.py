"""Approved invoices as Basware hands them out: AccountingDocumentEntity documents with coding rows.

Every document refers to records of the same world: supplier, GL code, cost centre, and for matched rows
the order number, line and goods receipt exactly as SYSPRO stores them. Amounts are Decimal and agree to
the cent (row net + tax = row gross; rows add up to the header), but for the ones unbalanced on purpose.
Source of the shape: Basware wire notes 3 and 5.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from connector_defs.sandbox.world.ledger_codes import (
    CURRENCIES,
    FREIGHT_GL,
    LOCAL_CURRENCY,
    TAXES,
    TERMS,
    Record,
    iso_currency,
)
from connector_defs.sandbox.world.options import WorldOptions
from connector_defs.sandbox.world.orders import CENT, PurchaseOrders

Cell = str | int | bool | Decimal | list["Document"] | list[str]
Document = dict[str, Cell]

LEGACY_ACCOUNTS = (
    ("6400-LEGACY", "Fork-lift hire (old chart)"),
    ("6710-LEGACY", "Security services (old chart)"),
)


class InvoiceKind(StrEnum):
    """What a generated invoice shows."""

    PLAIN = "plain"
    MATCHED = "matched"
    CREDIT_NOTE = "credit_note"
    UNMAPPED = "unmapped"
    UNBALANCED = "unbalanced"
    UNKNOWN_SUPPLIER = "unknown_supplier"
    SUPPLIER_ON_HOLD = "supplier_on_hold"
    LONG_NUMBER = "long_number"


@dataclass(frozen=True, slots=True)
class Books:
    """The records that invoices may refer to."""

    suppliers: list[Record]
    accounts: list[Record]
    cost_centers: list[Record]
    orders: PurchaseOrders


@dataclass(frozen=True, slots=True)
class Approved:
    """The documents, and what each of them was made to show, by invoiceId."""

    documents: list[Document]
    kinds: dict[str, InvoiceKind]


def approved_invoices(options: WorldOptions, books: Books, dice: random.Random) -> Approved:
    """`options.invoices` documents: about 70 % plain, 25 % matched, the rest credit notes and odd ones."""
    desk = _Desk(options, books, dice)
    approved = Approved([], {})
    for kind in _kinds(options.invoices, dice):
        document, shown = desk.write(kind)
        approved.documents.append(document)
        approved.kinds[str(document["invoiceId"])] = shown
    return approved


def _kinds(count: int, dice: random.Random) -> list[InvoiceKind]:
    odd: list[InvoiceKind] = []
    if count >= 10:
        few = max(2, count // 50)
        odd = [InvoiceKind.UNMAPPED] * few + [InvoiceKind.UNBALANCED] * few
        odd += [InvoiceKind.UNKNOWN_SUPPLIER, InvoiceKind.SUPPLIER_ON_HOLD, InvoiceKind.LONG_NUMBER]
    kinds = odd + [InvoiceKind.MATCHED] * (count // 4) + [InvoiceKind.CREDIT_NOTE] * (count // 20)
    kinds = (kinds + [InvoiceKind.PLAIN] * count)[:count]
    dice.shuffle(kinds)
    return kinds


class _Desk:
    """Writes one document after the other, never using a receipt or an invoice number twice."""

    def __init__(self, options: WorldOptions, books: Books, dice: random.Random) -> None:
        self.options = options
        self.dice = dice
        self.suppliers = {str(row["Supplier"]): row for row in books.suppliers}
        active = [row for row in books.suppliers if row["OnHold"] != "Y" and row["Currency"] != "QQ"]
        active = [row for row in active if row["GrnMatchReqd"] != "Y" and row["SupplierName"] != "X"]
        self.local = [row for row in active if row["Currency"] == LOCAL_CURRENCY]
        self.foreign = [row for row in active if row["Currency"] != LOCAL_CURRENCY]
        self.held = [
            row
            for row in books.suppliers
            if row["OnHold"] == "Y" and row["GrnMatchReqd"] != "Y" and row["Currency"] != "QQ"
        ]
        self.accounts = [row for row in books.accounts if usable_expense(row)]
        self.account_names = {str(row["GlCode"]): str(row["Description"]) for row in books.accounts}
        self.cost_centers = books.cost_centers
        self.lines = {(str(row["PurchaseOrder"]), row["Line"]): row for row in books.orders.lines}
        self.bundles = self._receipt_bundles(books.orders)
        self.serial = 0

    def _receipt_bundles(self, orders: PurchaseOrders) -> Iterator[list[Record]]:
        """Up to four outstanding receipts of one open local order at a time, each receipt once."""
        usable = {
            str(row["PurchaseOrder"])
            for row in orders.headers
            if row["OrderStatus"] == "4"
            and row["Currency"] == LOCAL_CURRENCY
            and self.suppliers[str(row["Supplier"])]["OnHold"] != "Y"
        }
        by_order: dict[str, list[Record]] = {}
        for receipt in orders.receipts:
            order = str(receipt["PurchaseOrder"])
            if order in usable and outstanding(receipt) > 0:
                by_order.setdefault(order, []).append(receipt)
        for bundle in by_order.values():
            left = bundle
            while left:
                size = self.dice.randint(1, 4)
                yield left[:size]
                left = left[size:]

    def write(self, kind: InvoiceKind) -> tuple[Document, InvoiceKind]:
        """One document; where the world is too small for `kind` it is a plain one, and says so."""
        if kind is InvoiceKind.MATCHED:
            bundle = next(self.bundles, None)
            if bundle:
                return self._matched(bundle), kind
            kind = InvoiceKind.PLAIN
        if kind is InvoiceKind.SUPPLIER_ON_HOLD and not self.held:
            kind = InvoiceKind.PLAIN
        return self._coded(kind), kind

    def _coded(self, kind: InvoiceKind) -> Document:
        supplier = self._supplier(kind)
        tax_code, percent = self._tax(supplier)
        sign = -1 if kind is InvoiceKind.CREDIT_NOTE else 1
        rows = [
            self._expense_row(number, sign * self._amount(), tax_code, percent)
            for number in range(1, self.dice.choices((1, 2, 3, 5, 9), (45, 25, 15, 10, 5))[0] + 1)
        ]
        if kind is InvoiceKind.UNMAPPED:
            rows[0]["accountCode"], rows[0]["accountName"] = LEGACY_ACCOUNTS[
                self.serial % len(LEGACY_ACCOUNTS)
            ]
        document = self._document(supplier, rows, tax_code, percent, credit=sign < 0)
        if kind is InvoiceKind.UNBALANCED:
            rows[0]["netTotal"] = _money(rows[0]["netTotal"]) + Decimal("12.50")
        if kind is InvoiceKind.UNKNOWN_SUPPLIER:
            document["supplierCode"], document["supplierName"] = f"{990_001:015d}", "Phantom Fasteners LLC"
        if kind is InvoiceKind.LONG_NUMBER:
            document["invoiceNumber"] = f"2026/CONTRACT-4711/PART-{self.serial:04d}"
        return document

    def _supplier(self, kind: InvoiceKind) -> Record:
        if kind is InvoiceKind.SUPPLIER_ON_HOLD:
            return self.held[0]
        if (
            kind in (InvoiceKind.PLAIN, InvoiceKind.CREDIT_NOTE)
            and self.foreign
            and self.dice.random() < 0.15
        ):
            return self.dice.choice(self.foreign)
        return self.dice.choice(self.local or self.foreign)

    def _tax(self, supplier: Record) -> tuple[str, Decimal]:
        code = self.dice.choices((str(supplier["DefTaxCode"]), "Z"), (80, 20))[0]
        return code, next(Decimal(row[2]) for row in TAXES if row[0] == code)

    def _amount(self) -> Decimal:
        return Decimal(self.dice.randrange(500, 10 ** self.dice.randint(4, 7))).scaleb(-2)

    def _expense_row(self, number: int, net: Decimal, tax_code: str, percent: Decimal) -> Document:
        row = self._row(number, str(self.dice.choice(self.accounts)["GlCode"]), net, tax_code, percent)
        if self.cost_centers:
            center = self.dice.choice(self.cost_centers)
            row["costCenterCode"] = str(center["AnalysisCode"])
            row["costCenterName"] = str(center["Description"])
        if self.dice.random() < 0.2:
            row["lastComment"] = self.dice.choice(("as agreed with J. O'Hara", "split 50/50 <May & June>"))
        return row

    def _row(self, number: int, account: str, net: Decimal, tax_code: str, percent: Decimal) -> Document:
        tax = (net * percent / 100).quantize(CENT, ROUND_HALF_UP)
        return {
            "externalCode": self._uuid(),
            "rowIndex": number,
            "accountCode": account,
            "accountName": self.account_names[account],
            "taxCode": tax_code,
            "taxPercent": percent.quantize(CENT),
            "netTotal": net,
            "taxSum": tax,
            "grossTotal": net + tax,
        }

    def _matched(self, receipts: list[Record]) -> Document:
        supplier = self.suppliers[str(receipts[0]["Supplier"])]
        tax_code, percent = self._tax(supplier)
        rows = [
            self._receipt_row(number, receipt, tax_code, percent)
            for number, receipt in enumerate(receipts, start=1)
        ]
        if self.dice.random() < 0.25:
            rows.append(self._row(len(rows) + 1, FREIGHT_GL, Decimal("48.50"), tax_code, percent))
        document = self._document(supplier, rows, tax_code, percent, credit=False)
        document["orderNumbers"] = [str(receipts[0]["PurchaseOrder"])]
        return document

    def _receipt_row(self, number: int, receipt: Record, tax_code: str, percent: Decimal) -> Document:
        line = self.lines[(str(receipt["PurchaseOrder"]), receipt["PurchaseOrderLin"])]
        row = self._row(number, str(line["MGlCode"]), outstanding(receipt), tax_code, percent)
        quantity = receipt["QtyReceived"]
        assert isinstance(quantity, Decimal)
        if row["accountCode"] in {str(account["GlCode"]) for account in self.accounts} and self.cost_centers:
            center = self.dice.choice(self.cost_centers)
            row["costCenterCode"] = str(center["AnalysisCode"])
            row["costCenterName"] = str(center["Description"])
        row.update(
            orderNumber=str(receipt["PurchaseOrder"]),
            orderLineNumber=str(receipt["PurchaseOrderLin"]),
            goodsReceiptNumber=str(receipt["Grn"]),
            deliveryNoteNumber=str(receipt["DeliveryNote"]),
            matchingType=0,
            matchedQuantity=quantity,
            matchedNetSum=row["netTotal"],
            matchedGrossSum=row["grossTotal"],
            receivedQuantity=quantity,
            receivedNetTotal=_money(receipt["OrigGrnValue"]),
            orderLineUOM=str(receipt["QtyUom"]),
            productCode=str(receipt["StockCode"]),
        )
        return row

    def _document(
        self, supplier: Record, rows: list[Document], tax_code: str, percent: Decimal, *, credit: bool
    ) -> Document:
        self.serial += 1
        net = sum((_money(row["netTotal"]) for row in rows), Decimal(0))
        tax = sum((_money(row["taxSum"]) for row in rows), Decimal(0))
        issued = self.options.today - timedelta(days=self.dice.randint(2, 25))
        terms = next(row for row in TERMS if row[0] == supplier["TermsCode"])
        currency = iso_currency(str(supplier["Currency"]))
        assert currency
        document: Document = {
            "invoiceId": self._uuid(),
            "invoiceNumber": self._number(issued, credit=credit),
            "processingStatus": "WaitingForTransfer",
            "p2pProcessingMode": "Standard",
            "companyCode": self.options.basware_company,
            "companyName": "Lakeside Castings Inc",
            "supplierCode": str(supplier["Supplier"]),
            "supplierName": str(supplier["SupplierName"]),
            "currencyCode": currency,
            "netSum": net,
            "taxSum1": tax,
            "grossSum": net + tax,
            "taxCode": tax_code,
            "taxPercent1": percent.quantize(CENT),
            "invoiceDate": _midnight(issued),
            "dueDate": _midnight(issued + timedelta(days=terms[2])),
            "invoiceTypeCode": "CRN" if credit else "INV",
            "invoiceTypeName": "Credit note" if credit else "Invoice",
            "paymentTermCode": terms[0],
            "paymentTermName": terms[1],
            "paymentBlock": False,
            "referenceNumber": f"RF{self.dice.randrange(10**8):08d}",
            "description": self.dice.choice(
                ("", "Monthly account", "Parts & labour <line 3>", "Façade works")
            ),
            "lastUpdated": self._updated(),
            "codingRows": list(rows),
        }
        self._add_company_amounts(document, rows, str(supplier["Currency"]))
        return document

    def _add_company_amounts(self, document: Document, rows: list[Document], currency: str) -> None:
        rate, way = next((Decimal(row[2]), row[3]) for row in CURRENCIES if row[0] == currency)
        factor = rate if way == "M" else 1 / rate
        for row in rows:
            for name in ("netTotal", "taxSum"):
                row[f"{name}Company"] = (_money(row[name]) * factor).quantize(CENT, ROUND_HALF_UP)
            row["grossTotalCompany"] = _money(row["netTotalCompany"]) + _money(row["taxSumCompany"])
        for header, name in (("netSum", "netTotal"), ("taxSum1", "taxSum"), ("grossSum", "grossTotal")):
            document[f"{header}Company"] = sum((_money(row[f"{name}Company"]) for row in rows), Decimal(0))
        document["currencyCodeCompany"] = "USD"
        document["exchangeRateCompany"] = factor.quantize(Decimal("0.000001"))

    def _number(self, issued: date, *, credit: bool) -> str:
        if credit:
            return f"CN-{self.serial:05d}"
        return self.dice.choice(
            ("INV-{y}-{n:05d}", "{n:08d}", "R{y}/{n:05d}", "{n:05d}-A", "F {n:06d}")
        ).format(y=issued.year, n=self.serial)

    def _updated(self) -> str:
        day_end = datetime.combine(self.options.today, datetime.min.time(), UTC)
        moment = day_end - timedelta(milliseconds=self.dice.randrange(3 * 86_400_000))
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))


def usable_expense(account: Record) -> bool:
    """Whether an invoice row may name this account: an expense, not on hold, short enough for Basware."""
    return (
        account["AccountType"] == "E"
        and account["AccOnHldFlag"] != "Y"
        and account["ControlAccFlag"] != "Y"
        and len(str(account["GlCode"])) <= 25
    )


def outstanding(receipt: Record) -> Decimal:
    """What of a goods receipt is not matched to an invoice yet, in local currency."""
    return _money(receipt["CurGrnValue"]) - _money(receipt["MatchedValue"])


def _money(value: object) -> Decimal:
    assert isinstance(value, Decimal)
    return value


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"
