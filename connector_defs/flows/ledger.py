"""The AP look-up: which invoices stand in SYSPRO's ledger, read by key through OData.

Belongs here: what a row of ApInvoice means to us. What follows from it is decided in `posting`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from connector_defs.domain.intents import Intent
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.translation.context import iso_currency, number, text, trimmed
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
    "Currency",
    "PostCurrency",
)

JOURNAL_UNPOSTED = "its GL journal is kept in SYSPRO and not posted yet"


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
    # ISO codes of the currencies SYSPRO names, as far as they are known
    currencies: tuple[str, ...] = ()
    # (ledger code, value) of its distribution; None where it was not read
    lines: tuple[tuple[str, Decimal], ...] | None = None
    journal_voucher: str = ""
    # a GL journal that is kept in SYSPRO and stands in no ledger yet
    unposted: bool = False

    @property
    def voucher(self) -> str:
        """The voucher number Basware gets (at most 25 characters)."""
        return self.journal_voucher or voucher_number(self.year, self.month, self.journal, self.entry)

    @property
    def period(self) -> str:
        """The posting period it stands in, CCYY-MM."""
        return f"{self.year:04d}-{self.month:02d}"

    def differences(self, intent: Intent) -> list[str]:
        """In which respects this is not what `intent` meant."""
        amounts = (self.value, self.currency_value)
        found = intent.differences(amounts, self.currencies, self.lines, self.period)
        return [*found, JOURNAL_UNPOSTED] if self.unposted else found

    def is_by(self, stored: StoredInvoice) -> bool:
        """True where this is our own posting of `stored`: by our reference, or, without any, by intent and amount."""
        if self.reference:
            return self.reference == posting_reference(stored.company, stored.invoice_id)
        return bool(stored.fingerprint) and self.amounts_to(stored.gross)

    def amounts_to(self, gross: Decimal | None) -> bool:
        """True where the entry stands for exactly `gross`."""
        return gross is not None and gross in (self.value, self.currency_value)


def voucher_number(year: int, month: int, journal: int, entry: int) -> str:
    """The key of an AP posting as one text, at most the 25 characters Basware takes."""
    return f"{year:04d}{month:02d}-{journal:05d}-{entry:04d}"[:25]


def journal_voucher(year: int, period: int, journal: int) -> str:
    """The key of a GL journal as one text, told from an AP posting by its first letters."""
    return f"GL{year:04d}{period:02d}-{journal:05d}"[:25]


def find_entries(
    odata: ODataClient, keys: Sequence[tuple[str, str]], *, currencies: Mapping[str, str] | None = None
) -> dict[tuple[str, str], LedgerEntry]:
    """AP invoices by (supplier, invoice number) as asked for, 50 to a call. A read only: safe to repeat.

    What the database itself takes for the same number counts as found, so that nothing is posted beside it.
    """
    exact: dict[tuple[str, str], LedgerEntry] = {}
    loose: dict[tuple[str, str], LedgerEntry] = {}
    rows = odata.by_keys(tables.AP_INVOICE, ["Supplier", "Invoice"], keys, select=_LOOKUP_COLUMNS)
    for row in rows:
        entry = _entry(row, currencies or {})
        exact[entry.supplier, entry.number] = entry
        loose[_loose(entry.supplier, entry.number)] = entry
    found = {key: exact.get(key) or loose.get(_loose(*key)) for key in keys}
    return {key: entry for key, entry in found.items() if entry is not None}


def _loose(supplier: str, number: str) -> tuple[str, str]:
    """Keys as a database that ignores case and blanks at the end takes them for equal."""
    return supplier.strip().casefold(), number.strip().casefold()


def _entry(row: Row, currencies: Mapping[str, str]) -> LedgerEntry:
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
        currencies=tuple(
            dict.fromkeys(
                iso
                for column in ("Currency", "PostCurrency")
                if (iso := iso_currency(text(row, column), currencies)) is not None
            )
        ),
    )
