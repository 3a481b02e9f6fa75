"""The look-up of credit notes of type C, which leave no invoice of their own in SYSPRO.

Such a posting is an entry of the AP journal on the invoice it lowers: ApJnlSummary by supplier and invoice. The
journal keeps no reference of ours, so that `lookup` tells an entry by its amount, and by being nobody else's.
Source: SYSPRO wire notes 2.1 and 2.6.
"""

from collections.abc import Sequence

from connector_defs.domain.translation.context import number, text, trimmed, whole
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.syspro import tables
from connector_defs.syspro.odata import ODataClient
from connector_defs.syspro.tables import Row

_CREDIT = "C"


def find_credits(
    odata: ODataClient, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[LedgerEntry, ...]]:
    """Journal entries of type C on each (supplier, invoice number), oldest first. A read only: safe to repeat."""
    rows = odata.by_keys(tables.AP_JNL_SUMMARY, ["Supplier", "Invoice"], list(dict.fromkeys(keys)))
    entries = sorted(
        (_entry(row) for row in rows if trimmed(row, "TransactionCode") == _CREDIT),
        key=lambda entry: (entry.year, entry.month, entry.journal, entry.entry),
    )
    return {key: tuple(entry for entry in entries if (entry.supplier, entry.number) == key) for key in keys}


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
