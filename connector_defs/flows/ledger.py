"""SYSPRO's books as one batch of invoices needs them, read by key through OData, and the AP look-up.

Belongs here: which rows are read and what they mean to the domain. What follows from them is decided in
`domain.planning` and `posting`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from connector_defs.domain.books import Books, GoodsReceipt, Supplier
from connector_defs.domain.gl_mapping import MappingRule, MappingTable
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.keys import is_posting_reference, near_misses, posting_reference
from connector_defs.domain.translation.context import flag, iso_currency, number, text, trimmed
from connector_defs.flows.chart import ledger_codes
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store.invoices import StoredInvoice
from connector_defs.syspro import tables
from connector_defs.syspro.odata import ODataClient, QueryRefused, TableMissing
from connector_defs.syspro.tables import Row

_SUPPLIER_COLUMNS = ("Supplier", "Currency", "OnHold", "GrnMatchReqd")
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
_KEY_WIDTH = 15
_ORDER_WIDTH = 20


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


class BookReader:
    """Reads books for batches of one company; the small tables are read once."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._odata = connector.odata(company)
        self._company = company
        self._currencies = connector.settings.currencies
        self._rounding_account = connector.settings.posting.rounding_account
        self._small_tables_read = False
        self._tax_accounts: dict[str, str] | None = None
        self._local_currency: str | None = None

    def read(self, batch: Sequence[ApprovedInvoice], mapping: MappingTable) -> Books:
        """What SYSPRO knows of everything `batch` names."""
        if not self._small_tables_read:
            self._small_tables_read = True
            self._tax_accounts = self._read_tax_accounts()
            self._local_currency = self._read_local_currency()
        suppliers = self._suppliers({invoice.supplier for invoice in batch if invoice.supplier})
        codes = {self._rounding_account} if self._rounding_account else set[str]()
        orders = set()
        for invoice in batch:
            for row in invoice.rows:
                rule = mapping.find(row, invoice.mapping_date)
                if isinstance(rule, MappingRule):
                    codes.add(rule.gl_code)
                if row.receipt_number and 0 < len(row.order_number) <= _ORDER_WIDTH:
                    orders.add(row.order_number)
        unknown = sorted({invoice.supplier for invoice in batch} - suppliers.keys())
        return Books(
            suppliers=suppliers,
            ledger_codes=ledger_codes(self._odata, self._company, codes),
            tax_accounts=self._tax_accounts,
            receipts=self._receipts(orders),
            local_currency=self._local_currency,
            supplier_neighbours=self._neighbours(unknown),
        )

    def _suppliers(self, codes: Iterable[str]) -> dict[str, Supplier]:
        rows = self._odata.by_keys(
            tables.AP_SUPPLIER, ["Supplier"], [(code,) for code in sorted(codes)], select=_SUPPLIER_COLUMNS
        )
        return {
            text(row, "Supplier"): Supplier(
                code=text(row, "Supplier"),
                currency_key=text(row, "Currency"),
                currency=iso_currency(text(row, "Currency"), self._currencies),
                on_hold=flag(row, "OnHold"),
                receipts_required=flag(row, "GrnMatchReqd"),
            )
            for row in rows
        }

    def _neighbours(self, unknown: Sequence[str]) -> dict[str, list[str]]:
        """Existing suppliers whose code differs from an unknown one by blanks, case or zero padding only."""
        variants = {
            (form,)
            for code in unknown
            for bare in (code.strip(), code.strip().lstrip("0"))
            for form in (bare, bare.upper(), bare.lower(), bare.zfill(_KEY_WIDTH), f" {bare}")
            if bare
        }
        if not variants:
            return {}
        rows = self._odata.by_keys(tables.AP_SUPPLIER, ["Supplier"], sorted(variants), select=["Supplier"])
        existing = {text(row, "Supplier") for row in rows}
        return {code: near_misses(code, existing) for code in unknown}

    def _receipts(self, orders: set[str]) -> tuple[GoodsReceipt, ...] | None:
        keys = [(order,) for order in sorted(orders)]
        try:
            rows = self._odata.by_keys(tables.GRN_DETAILS, ["PurchaseOrder"], keys)
        except (TableMissing, QueryRefused):
            return None
        return tuple(self._receipt(row) for row in rows)

    def _receipt(self, row: Row) -> GoodsReceipt:
        return GoodsReceipt(
            supplier=text(row, "Supplier"),
            receipt=text(row, "Grn"),
            source=text(row, "GrnSource"),
            journal=text(row, "Journal"),
            entry=text(row, "JournalEntry"),
            order_number=text(row, "PurchaseOrder"),
            order_line=text(row, "PurchaseOrderLin"),
            quantity=number(row, "QtyReceived"),
            outstanding=self._outstanding(row),
            fully_matched=flag(row, "GrnMatchedFlag"),
        )

    def _outstanding(self, row: Row) -> Decimal | None:
        """Open value in the supplier's currency; None where a foreign receipt is already matched in part."""
        local = number(row, "CurGrnValue") - number(row, "MatchedValue")
        currency_value = number(row, "CurrencyValue")
        if currency_value in (Decimal(0), number(row, "OrigGrnValue")):
            return local
        return currency_value if number(row, "MatchedValue") == 0 else None

    def _read_tax_accounts(self) -> dict[str, str] | None:
        try:
            rows = [
                row
                for page in self._odata.pages(tables.ADM_TAX, columns=["TaxCode", "ApTaxGlCode"])
                for row in page
            ]
        except TableMissing:
            return None
        return {trimmed(row, "TaxCode"): text(row, "ApTaxGlCode").strip() for row in rows}

    def _read_local_currency(self) -> str | None:
        """ISO code of the currency whose buying rate is 1; None where that is not exactly one."""
        columns = ["Currency", "BuyExchangeRate"]
        try:
            rows = [row for page in self._odata.pages(tables.TBL_CURRENCY, columns=columns) for row in page]
        except TableMissing:
            return None
        at_par = [
            iso_currency(text(row, "Currency"), self._currencies)
            for row in rows
            if row["BuyExchangeRate"] == 1
        ]
        mapped = [iso for iso in at_par if iso is not None]
        return mapped[0] if len(mapped) == 1 else None
