"""What the ledger holds before the connector comes: older AP invoices, paid in part, and their journals.

Source of the tables: SYSPRO wire notes 4.2 and 4.4; payments carry negative values.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from connector_defs.sandbox.world.ledger_codes import AP_CONTROL_GL, LOCAL_CURRENCY, Record
from connector_defs.sandbox.world.options import WorldOptions


@dataclass(frozen=True, slots=True)
class PastPostings:
    """Rows of the AP and GL tables, by table name."""

    tables: dict[str, list[Record]] = field(
        default_factory=lambda: {
            name: []
            for name in ("ApInvoice", "ApInvoicePay", "ApJnlSummary", "ApJnlDistrib", "GenJournalDetail")
        }
    )


def past_postings(
    options: WorldOptions, suppliers: list[Record], expense_codes: list[str], dice: random.Random
) -> PastPostings:
    """One posted local invoice for every second supplier; half of them are paid."""
    past = PastPostings()
    local = [row for row in suppliers if row["Currency"] == LOCAL_CURRENCY][::2]
    journals: dict[tuple[int, int], int] = {}
    for number, supplier in enumerate(local, start=1):
        posted = options.today - timedelta(days=dice.randint(35, 160))
        period = (posted.year, posted.month)
        journals[period] = journals.get(period, 0) + 1
        value = Decimal(dice.randrange(2_000, 900_000)).scaleb(-2)
        paid = dice.random() < 0.5
        _post(
            past,
            supplier,
            posted,
            number=number,
            journal=journals[period],
            value=value,
            expense_code=dice.choice(expense_codes),
            paid=paid,
        )
    return past


def _post(
    past: PastPostings,
    supplier: Record,
    posted: date,
    *,
    number: int,
    journal: int,
    value: Decimal,
    expense_code: str,
    paid: bool,
) -> None:
    invoice = f"OLD-{number:06d}"
    entry: Record = {
        "TrnYear": posted.year, "TrnMonth": posted.month, "Journal": journal, "EntryNumber": 1,
    }  # fmt: skip
    owner: Record = {"Supplier": supplier["Supplier"], "Invoice": invoice}
    past.tables["ApInvoice"].append(
        {
            **owner,
            "InvoiceDate": posted - timedelta(days=4),
            "DueDate": posted + timedelta(days=26),
            "JournalDate": posted,
            "Journal": journal,
            "EntryNumber": 1,
            "InvoiceYear": posted.year,
            "InvoiceMonth": posted.month,
            "Branch": "10",
            "Bank": "1",
            "Reference": f"TAKE-ON {number}",
            "Currency": LOCAL_CURRENCY,
            "PostCurrency": LOCAL_CURRENCY,
            "OrigInvValue": value,
            "CurrencyValue": value,
            "MthInvBal1": Decimal(0) if paid else value,
            "InvoiceStatus": "9" if paid else "0",
            "ExchangeRate": Decimal(1),
            "ConvRate": Decimal(1),
            "MulDiv": "M",
            "YearInvBalZero": posted.year if paid else 0,
            "MonthInvBalZero": posted.month if paid else 0,
        }
    )
    past.tables["ApJnlSummary"].append({**entry, **owner, "TransactionCode": "I", "InvoiceValue": value})
    past.tables["ApJnlDistrib"].append(
        {
            **entry,
            "Line": 1,
            "ExpenseGlCode": expense_code,
            "DistrValue": value,
            "ExpenseType": "O",
            "SupplierGlCode": AP_CONTROL_GL,
            "TrnDate": posted,
        }
    )
    for line, (code, amount) in enumerate(((expense_code, value), (AP_CONTROL_GL, -value)), start=1):
        past.tables["GenJournalDetail"].append(
            _ledger_line(posted, journal, owner, line=line, code=code, amount=amount)
        )
    if paid:
        past.tables["ApInvoicePay"].append(_payment(posted, journal, value, owner))


def _ledger_line(
    posted: date, journal: int, owner: Record, *, line: int, code: str, amount: Decimal
) -> Record:
    return {
        "GlYear": posted.year,
        "GlPeriod": posted.month,
        "Journal": journal,
        "EntryNumber": line,
        "GlCode": code,
        "Reference": owner["Invoice"],
        "EntryValue": amount,
        "EntryType": "D" if amount > 0 else "C",
        "EntryDate": posted,
        "EntryPosted": "Y",
        "CurrencyValue": amount,
        "PostCurrency": LOCAL_CURRENCY,
        "TransactionDate": posted,
        "SubModJournal": journal,
        "SubModSupplier": owner["Supplier"],
        "SubModInvoice": owner["Invoice"],
    }


def _payment(posted: date, journal: int, value: Decimal, owner: Record) -> Record:
    paid_on = posted + timedelta(days=20)
    return {
        **owner,
        "EntryNumber": 1,
        "TrnType": "P",
        "TrnValue": -value,
        "PostValue": -value,
        "PostCurrency": LOCAL_CURRENCY,
        "PostConvRate": Decimal(1),
        "PostMulDiv": "M",
        "JournalDate": paid_on,
        "Journal": journal,
        "TrnYear": paid_on.year,
        "TrnMonth": paid_on.month,
        "PaymentReference": f"EFT {paid_on.isoformat()}",
        "PaymentNumber": f"{journal:05d}",
    }
