"""The look-up of credit notes of type C, which leave no invoice of their own in SYSPRO.

Such a posting is an entry of the AP journal on the invoice it lowers: ApJnlSummary by supplier and invoice. The
journal keeps no reference of ours, so an entry is told by its amount, and by being nobody else's.
Source: SYSPRO wire notes 2.1 and 2.6.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector_defs.domain.translation.context import number, text, trimmed, whole
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.syspro import tables
from connector_defs.syspro.odata import ODataClient
from connector_defs.syspro.tables import Row

_CREDIT = "C"


@dataclass(frozen=True)
class CreditKey:
    """What a credit note of ours looks like: the invoice it lowers and its gross sum, of whichever sign."""

    supplier: str
    original: str
    gross: Decimal


def find_credits(
    odata: ODataClient, keys: Sequence[CreditKey], claimed: Collection[str] = ()
) -> dict[CreditKey, tuple[LedgerEntry, ...]]:
    """Journal entries of type C that fit each key, oldest first. A read only: safe to repeat.

    `claimed` are vouchers that other invoices of ours hold already: those entries are left out, so that two credit
    notes of one amount on one invoice are not taken for each other. More than one entry left is for a person.
    """
    on_invoices = list(dict.fromkeys((key.supplier, key.original) for key in keys))
    rows = odata.by_keys(tables.AP_JNL_SUMMARY, ["Supplier", "Invoice"], on_invoices)
    entries = sorted(
        (_entry(row) for row in rows if trimmed(row, "TransactionCode") == _CREDIT),
        key=lambda entry: (entry.year, entry.month, entry.journal, entry.entry),
    )
    free = [entry for entry in entries if entry.voucher not in claimed]
    return {key: tuple(entry for entry in free if _fits(entry, key)) for key in keys}


def _fits(entry: LedgerEntry, key: CreditKey) -> bool:
    return (entry.supplier, entry.number) == (key.supplier, key.original) and abs(entry.value) == abs(
        key.gross
    )


def _entry(row: Row) -> LedgerEntry:
    value = number(row, "InvoiceValue")
    return LedgerEntry(
        supplier=text(row, "Supplier"),
        number=trimmed(row, "Invoice"),
        reference="",
        value=value,
        currency_value=value,
        year=whole(row, "TrnYear"),
        month=whole(row, "TrnMonth"),
        journal=whole(row, "Journal"),
        entry=whole(row, "EntryNumber"),
    )
