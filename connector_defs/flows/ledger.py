"""The AP look-up: which invoices stand in SYSPRO's ledger, read by key through OData.

Belongs here: what a row of ApInvoice means to us. What follows from it is decided in `posting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from connector_defs.domain.keys import is_posting_reference, posting_reference
from connector_defs.domain.translation.context import number, text, trimmed
from connector_defs.store.invoices import StoredInvoice
from connector_defs.syspro import tables
from connector_defs.syspro.odata import ODataClient
from connector_defs.syspro.tables import Row

_LOOKUP_COLUMNS = (
    "Supplier",
    "Invoice",
    "Reference",
    "Journal",
    "EntryNumber",
    "InvoiceYear",
    "InvoiceMonth",
    "OrigInvValue",
    "CurrencyValue",
)


@dataclass(frozen=True)
class LedgerEntry:
    """An AP invoice as SYSPRO holds it. `value` and `currency_value`: either may be the invoice's own currency."""

    supplier: str
    number: str
    reference: str
    value: Decimal
    currency_value: Decimal
    year: int
    month: int
    journal: int
    entry: int

    @property
    def voucher(self) -> str:
        """The voucher number Basware gets (at most 25 characters)."""
        return voucher_number(self.year, self.month, self.journal, self.entry)

    def is_by(self, stored: StoredInvoice) -> bool:
        """True where this is our own posting of `stored`: by our reference, or, without any, by intent and amount."""
        if self.reference:
            return self.reference == posting_reference(stored.company, stored.invoice_id)
        return bool(stored.fingerprint) and self.amounts_to(stored.gross)

    def came_of(self, stored: StoredInvoice, *, own_texts: bool) -> bool:
        """True where this is what an attempt under way left: absent before it, and now there over our amount.

        `own_texts`: this site is known to keep another text than ours in the reference, so that only another
        invoice's marker speaks against it.
        """
        if not own_texts or is_posting_reference(self.reference):
            return self.is_by(stored) and self.amounts_to(stored.gross)
        return self.amounts_to(stored.gross)

    def amounts_to(self, gross: Decimal | None) -> bool:
        """True where the entry stands for exactly `gross`."""
        return gross is not None and gross in (self.value, self.currency_value)


def voucher_number(year: int, month: int, journal: int, entry: int) -> str:
    """The key of an AP posting as one text, at most the 25 characters Basware takes."""
    return f"{year:04d}{month:02d}-{journal:05d}-{entry:04d}"[:25]


def find_entries(odata: ODataClient, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], LedgerEntry]:
    """AP invoices by (supplier, invoice number) as asked for, 50 to a call. A read only: safe to repeat.

    What the database itself takes for the same number counts as found, so that nothing is posted beside it.
    """
    exact: dict[tuple[str, str], LedgerEntry] = {}
    loose: dict[tuple[str, str], LedgerEntry] = {}
    rows = odata.by_keys(tables.AP_INVOICE, ["Supplier", "Invoice"], keys, select=_LOOKUP_COLUMNS)
    for row in rows:
        entry = _entry(row)
        exact[entry.supplier, entry.number] = entry
        loose[_loose(entry.supplier, entry.number)] = entry
    found = {key: exact.get(key) or loose.get(_loose(*key)) for key in keys}
    return {key: entry for key, entry in found.items() if entry is not None}


def _loose(supplier: str, number: str) -> tuple[str, str]:
    """Keys as a database that ignores case and blanks at the end takes them for equal."""
    return supplier.strip().casefold(), number.strip().casefold()


def _entry(row: Row) -> LedgerEntry:
    def whole(column: str) -> int:
        return int(cast("int | None", row[column]) or 0)

    return LedgerEntry(
        supplier=text(row, "Supplier"),
        number=trimmed(row, "Invoice"),
        reference=trimmed(row, "Reference"),
        value=number(row, "OrigInvValue"),
        currency_value=number(row, "CurrencyValue"),
        year=whole("InvoiceYear"),
        month=whole("InvoiceMonth"),
        journal=whole("Journal"),
        entry=whole("EntryNumber"),
    )
