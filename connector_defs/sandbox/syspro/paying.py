"""Payments of AP invoices: what a payment run, a manual cheque, a reversal or an adjustment does to the tables.

Source: SYSPRO wire notes 4.2: payments are negative rows of ApInvoicePay, and what is open is OrigInvValue plus their
sum. Not public, so ours: a discount is an adjustment under the number of its payment, a reversal a positive row.
Nothing here checks anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connector_defs.sandbox.world.tables import TableStore, Value

Tables = Mapping[str, TableStore]


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What to pay: `value` is all that is open where it is None, `discount` is taken on top of it.

    With `cheque` it is a manual cheque of that number. `kind` is the letter of the row.
    """

    value: Decimal | None = None
    discount: Decimal = Decimal(0)
    cheque: str = ""
    kind: str = "P"


def pay(tables: Tables, supplier: str, invoice: str, order: PaymentOrder, day: date) -> None:
    """Pay an invoice; KeyError when it is not on file."""
    row = _invoice(tables, supplier, invoice)
    paid = _money(row["MthInvBal1"]) - order.discount if order.value is None else order.value
    journal = _next_journal(tables)
    number = f"{journal:05d}"
    _enter(tables, row, -paid, day, journal, kind=order.kind, number=number)
    if order.discount:
        _enter(tables, row, -order.discount, day, journal, kind="A", number=number)
    if order.cheque:
        tables["ApInvoice"].update(
            (supplier, invoice), {"ManualChqDate": day, "ManualChqNum": order.cheque, "PaymentChkType": "M"}
        )
        return
    tables["ApPayRunDet"].insert(
        {
            "PaymentNumber": number,
            "Supplier": supplier,
            "Invoice": invoice,
            "Cheque": f"CHQ{journal:06d}",
            "ChequeDate": day,
            "NetPayValue": paid,
            "PostValue": paid + order.discount,
            "PostCurrency": row["PostCurrency"],
            "DueDate": row["DueDate"],
            "InvoiceType": "I",
        }
    )


def take_back(tables: Tables, supplier: str, invoice: str, day: date) -> None:
    """Reverse the last payment of an invoice, with its discount; KeyError when there is none."""
    row = _invoice(tables, supplier, invoice)
    past = tables["ApInvoicePay"]
    low, high = past.span((supplier, invoice))
    entries = [past.as_dict(past.rows[index]) for index in range(low, high)]
    payments = [entry for entry in entries if entry["TrnType"] == "P" and _money(entry["PostValue"]) < 0]
    if not payments:
        raise KeyError(f"no payment of invoice {invoice} of supplier {supplier}")
    number = payments[-1]["PaymentNumber"]
    journal = _next_journal(tables)
    for entry in entries:
        if entry["PaymentNumber"] == number and _money(entry["PostValue"]) < 0:
            kind = str(entry["TrnType"])
            _enter(tables, row, -_money(entry["PostValue"]), day, journal, kind=kind, number=str(number))


def adjust(
    tables: Tables, supplier: str, invoice: str, value: Decimal, day: date, *, kind: str = "A"
) -> None:
    """Change what is open by `value` without any money; KeyError when the invoice is not on file."""
    row = _invoice(tables, supplier, invoice)
    _enter(tables, row, value, day, _next_journal(tables), kind=kind, number="")


def move_balance(tables: Tables, supplier: str, value: Decimal) -> None:
    """The supplier is owed `value` more."""
    row = tables["ApSupplier"].get(supplier)
    assert row is not None
    tables["ApSupplier"].update((supplier,), {"CurrentBalance": _money(row["CurrentBalance"]) + value})


def _invoice(tables: Tables, supplier: str, invoice: str) -> dict[str, Value]:
    row = tables["ApInvoice"].get(supplier, invoice)
    if row is None:
        raise KeyError(f"invoice {invoice} of supplier {supplier} is not on file")
    return row


def _next_journal(tables: Tables) -> int:
    return len(tables["ApInvoicePay"]) + 1


def _enter(
    tables: Tables,
    invoice: Mapping[str, Value],
    value: Decimal,
    day: date,
    journal: int,
    *,
    kind: str,
    number: str,
) -> None:
    supplier, name = str(invoice["Supplier"]), str(invoice["Invoice"])
    past = tables["ApInvoicePay"]
    low, high = past.span((supplier, name))
    past.insert(
        {
            "Supplier": supplier,
            "Invoice": name,
            "EntryNumber": high - low + 1,
            "TrnType": kind,
            "TrnValue": value,
            "PostValue": value,
            "PostCurrency": invoice["PostCurrency"],
            "PostConvRate": invoice["ConvRate"],
            "PostMulDiv": invoice["MulDiv"],
            "JournalDate": day,
            "Journal": journal,
            "TrnYear": day.year,
            "TrnMonth": day.month,
            "PaymentReference": f"EFT {day.isoformat()}" if number else "",
            "PaymentNumber": number,
        }
    )
    held = _invoice(tables, supplier, name)
    left = _money(held["MthInvBal1"]) + value
    settled = (0, 0) if left else (day.year, day.month)
    tables["ApInvoice"].update(
        (supplier, name),
        {
            "MthInvBal1": left,
            "InvoiceStatus": "1" if left else "9",
            "YearInvBalZero": settled[0],
            "MonthInvBalZero": settled[1],
        },
    )
    move_balance(tables, supplier, value)


def _money(value: Value) -> Decimal:
    assert isinstance(value, Decimal)
    return value
