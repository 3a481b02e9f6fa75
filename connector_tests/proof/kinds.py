"""The kinds of approved invoices that the proof sends on their way, each with what must become of it.

Belongs here: documents as Basware hands them out, and what SYSPRO must hold in the end, worked out here from the
document alone. Not here: anything the connector thinks of them.
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions, build_world
from connector_defs.sandbox.world.invoices import InvoiceKind
from connector_defs.sandbox.world.ledger_codes import FREIGHT_GL
from connector_tests.flows.pair import EURO_SUPPLIER, SUPPLIER, TODAY
from connector_tests.proof.judge import Expected

WORLD = WorldOptions(
    suppliers=12, accounts=20, cost_centers=4, orders=500, lines=3000, invoices=0, today=TODAY
)
ACCOUNTS = ("00-6000", "00-6010", "00-6020", "00-6030")
MAPPED = (*ACCOUNTS, FREIGHT_GL)
RATES = {"S": Decimal("8.25"), "A": Decimal(20), "B": Decimal(5), "Z": Decimal(0)}
# A tax code without an AP account of its own: its tax travels in the header, where SYSPRO computes it again.
HEADER_TAX = "B"
_CENT = Decimal("0.01")
_LONG = "Überholung der Gießerei – łożyska, sprzęgło; Αθήνα. "

Document = dict[str, Any]


@dataclass(frozen=True)
class Bill:
    """One document and what must become of it."""

    document: Document
    expected: Expected


class Desk:
    """Writes documents for one sandbox; numbers and ids come from its seed."""

    def __init__(self, name: str, seed: int, world: WorldOptions = WORLD) -> None:
        self._name = name
        self._dice = random.Random(f"{seed}:{name}")
        self._serial = 0
        self._receipts = iter(_matched_documents(world))
        self._last: Bill | None = None
        self.account_to_map = ""

    def number(self) -> str:
        """An invoice number never used before."""
        self._serial += 1
        return f"{self._name}-{self._serial:05d}"

    def amount(self) -> Decimal:
        """Between 5.00 and 9,999.99."""
        return Decimal(self._dice.randrange(500, 1_000_000)).scaleb(-2)

    def row(self, net: Decimal, tax_code: str = "S", **fields: Any) -> Document:
        """A coding row on one of the mapped accounts."""
        tax = (net * RATES[tax_code] / 100).quantize(_CENT, ROUND_HALF_UP)
        return {
            "externalCode": self._uuid(),
            "accountCode": self._dice.choice(ACCOUNTS),
            "accountName": "Tooling",
            "taxCode": tax_code,
            "netTotal": net,
            "taxSum": tax,
            "grossTotal": net + tax,
            **fields,
        }

    def bill(self, *rows: Document, **fields: Any) -> Bill:
        """An approved invoice of these rows, and its like in SYSPRO."""
        net = sum((row["netTotal"] for row in rows), Decimal(0))
        tax = sum((row["taxSum"] for row in rows), Decimal(0))
        document: Document = {
            "invoiceId": self._uuid(),
            "invoiceNumber": self.number(),
            "companyCode": WORLD.basware_company,
            "supplierCode": SUPPLIER,
            "supplierName": "Summit Pallets LLC",
            "currencyCode": "USD",
            "netSum": net,
            "taxSum1": tax,
            "grossSum": net + tax,
            "taxCode": rows[0]["taxCode"],
            "invoiceDate": "2026-11-09T00:00:00",
            "dueDate": "2026-12-09T00:00:00",
            "paymentBlock": False,
            "codingRows": [dict(row, rowIndex=index) for index, row in enumerate(rows, 1)],
            **fields,
        }
        self._last = Bill(document, in_syspro(document))
        return self._last

    def again(self) -> Document:
        """Supplier and number of the bill written last."""
        assert self._last is not None
        return {name: self._last.document[name] for name in ("supplierCode", "invoiceNumber")}

    def matched(self) -> Document:
        """An invoice matched to goods receipts of this world that no other one takes."""
        document = next(self._receipts, None)
        assert document is not None, "this world has no more goods receipts: give WORLD more orders"
        return {**document, "invoiceId": self._uuid(), "invoiceNumber": self.number()}

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))


@cache
def _matched_documents(options: WorldOptions) -> tuple[Document, ...]:
    """The tables of a world do not depend on its invoices: those of the same one with invoices fit here."""
    world = build_world(replace(options, invoices=4000))
    kinds = world.invoice_kinds
    return tuple(dict(one) for one in world.invoices if kinds[str(one["invoiceId"])] is InvoiceKind.MATCHED)


def in_syspro(document: Mapping[str, Any], mapped: Mapping[str, str] | None = None) -> Expected:
    """What SYSPRO must hold of a document that is right, worked out from the document alone."""
    ledger: dict[str, Decimal] = defaultdict(Decimal)
    matched = tax = Decimal(0)
    for row in document["codingRows"]:
        tax += row["taxSum"]
        if row.get("goodsReceiptNumber"):
            matched += row["netTotal"]
        else:
            ledger[(mapped or {}).get(row["accountCode"], row["accountCode"])] += row["netTotal"]
    return Expected(
        document["invoiceId"],
        document["supplierCode"],
        document["invoiceNumber"],
        document["currencyCode"],
        document["grossSum"],
        {code: value for code, value in ledger.items() if value},
        tax,
        matched,
    )


def held(bill: Bill) -> Bill:
    """The same document, of which nothing may reach SYSPRO."""
    return Bill(bill.document, replace(bill.expected, ledger=None))


def _plain(desk: Desk) -> list[Bill]:
    return [desk.bill(desk.row(desk.amount()))]


def _several_rows(desk: Desk) -> list[Bill]:
    return [desk.bill(*(desk.row(desk.amount()) for _ in range(7)))]


def _several_tax_codes(desk: Desk) -> list[Bill]:
    return [desk.bill(*(desk.row(desk.amount(), code) for code in ("S", "A", "Z", "S")))]


def _foreign(desk: Desk) -> list[Bill]:
    rows = [desk.row(desk.amount(), "A") for _ in range(3)]
    return [desk.bill(*rows, supplierCode=EURO_SUPPLIER, currencyCode="EUR")]


def _credit_note(desk: Desk) -> list[Bill]:
    return [desk.bill(desk.row(-desk.amount()), desk.row(-desk.amount(), "Z"), invoiceTypeCode="CRN")]


def _zero(desk: Desk) -> list[Bill]:
    amount = desk.amount()
    return [held(desk.bill(desk.row(amount, "Z"), desk.row(-amount, "Z")))]


def _matched(desk: Desk) -> list[Bill]:
    document = desk.matched()
    return [Bill(document, in_syspro(document))]


def _long_text(desk: Desk) -> list[Bill]:
    """Too long for a URL, so that it goes by PostLD, and with letters that Windows-1252 does not know."""
    rows = [desk.row(desk.amount(), lastComment=_LONG * 3) for _ in range(60)]
    return [desk.bill(*rows, description=_LONG * 5)]


def _duplicates(desk: Desk) -> list[Bill]:
    """The same supplier and number twice, over different amounts: one is posted, one waits for a person."""
    first = desk.bill(desk.row(desk.amount()))
    second = desk.bill(desk.row(desk.amount()), **desk.again())
    rivalry = f"rivals for {first.expected.number}"
    return [Bill(one.document, replace(one.expected, rivalry=rivalry)) for one in (first, second)]


def _rejected(desk: Desk) -> list[Bill]:
    """Balanced, but over a tax that SYSPRO computes otherwise."""
    row = desk.row(desk.amount(), HEADER_TAX)
    wrong = dict(row, taxSum=row["taxSum"] + 9, grossTotal=row["grossTotal"] + 9)
    return [held(desk.bill(wrong))]


def _unmapped(desk: Desk) -> list[Bill]:
    """On an account that is mapped to another GL code only after it has been waiting."""
    bill = desk.bill(desk.row(desk.amount(), accountCode=desk.account_to_map))
    return [Bill(bill.document, in_syspro(bill.document, {desk.account_to_map: ACCOUNTS[0]}))]


def _no_trouble(_sandbox: Sandbox) -> None:
    pass


def _gl_fails(sandbox: Sandbox) -> None:
    with sandbox.syspro.lock:
        sandbox.syspro.ledger.gl_failures_due = 3


def _reply_lost(sandbox: Sandbox) -> None:
    sandbox.faults.arm("reset_after", times=2, site="syspro.transaction")


def _post_lost(sandbox: Sandbox) -> None:
    sandbox.faults.arm("reset_before", times=2, site="syspro.transaction")


def _late_commit(sandbox: Sandbox) -> None:
    sandbox.faults.arm("late_commit", times=2, site="syspro.transaction", seconds=0.1)


def _evicted(sandbox: Sandbox) -> None:
    sandbox.faults.arm("evict_session", times=2, site="syspro.transaction")


def _answer_lost(sandbox: Sandbox) -> None:
    sandbox.faults.arm("reset_after", times=2, site="basware.acknowledge")
    sandbox.faults.arm("reset_after", times=2, site="basware.responses")


@dataclass(frozen=True)
class Kind:
    """One kind of invoice, the trouble that comes with it, and how many of it a scenario sends."""

    name: str
    write: Callable[[Desk], list[Bill]]
    trouble: Callable[[Sandbox], None] = _no_trouble
    number: int = 16


KINDS: tuple[Kind, ...] = (
    Kind("plain", _plain),
    Kind("several rows", _several_rows),
    Kind("several tax codes", _several_tax_codes),
    Kind("foreign currency", _foreign),
    Kind("credit note", _credit_note),
    Kind("zero value", _zero),
    Kind("unmapped, then mapped", _unmapped),
    Kind("matched to goods receipts", _matched, number=8),
    Kind("long text, large document", _long_text, number=4),
    Kind("duplicate number", _duplicates),
    Kind("GL journal fails", _plain, _gl_fails),
    Kind("refused by SYSPRO", _rejected),
    Kind("reply of SYSPRO lost", _plain, _reply_lost),
    Kind("post lost on its way", _plain, _post_lost),
    Kind("SYSPRO commits late", _plain, _late_commit),
    Kind("session evicted", _plain, _evicted),
    Kind("replies of Basware lost", _plain, _answer_lost),
)
PLAIN, UNMAPPED = KINDS[0], KINDS[6]
