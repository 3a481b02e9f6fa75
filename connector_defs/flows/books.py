"""SYSPRO's books as one batch of invoices needs them, read by key through OData.

Belongs here: which rows are read and what they mean to the domain, and the settings as planning takes them. What
follows from both is decided in `domain.planning`.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from connector_defs.domain.books import (
    Books,
    ExchangeRate,
    GoodsReceipt,
    LedgerPeriod,
    PeriodControl,
    Supplier,
)
from connector_defs.domain.gl_mapping import MappingRule, MappingTable
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.keys import near_misses
from connector_defs.domain.planning import PlanningRules
from connector_defs.domain.planning.credit import asks_for_original, original_number
from connector_defs.domain.translation.context import day, flag, iso_currency, number, text, trimmed, whole
from connector_defs.flows.chart import of_all_companies
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings, Settings
from connector_defs.syspro import tables
from connector_defs.syspro.odata import QueryRefused, TableMissing
from connector_defs.syspro.tables import Row

_SUPPLIER_COLUMNS = ("Supplier", "Currency", "OnHold", "GrnMatchReqd")
_RATE_COLUMNS = ("Currency", "BuyExchangeRate", "BuyMulDiv", "FixedRate")
_KEY_WIDTH = 15
_NUMBER_WIDTH = 20
_ORDER_WIDTH = 20
_PERIODS = 15


def planning_rules(settings: Settings, company: CompanySettings) -> PlanningRules:
    """The settings as planning takes them."""
    chosen = settings.posting
    return PlanningRules(
        supplier_sources=frozenset((settings.basware.source_system, *settings.basware.supplier_sources)),
        rounding_tolerance=chosen.rounding_tolerance,
        rounding_account=chosen.rounding_account,
        posting_period=chosen.posting_period,
        period_rule=chosen.period_rule,
        closed_status=chosen.closed_status,
        credit_notes=chosen.credit_notes,
        credit_note_types=frozenset(chosen.credit_note_types),
        credit_original=chosen.credit_original,
        credit_without_original=chosen.credit_without_original,
        credit_type_sign=chosen.credit_type_sign,
        zero_value=chosen.zero_value,
        exchange_rate=chosen.exchange_rate,
        tax_basis=chosen.tax_basis,
        tax_variance=chosen.tax_variance,
        tax_codes=dict(chosen.tax_codes),
        reverse_charge=chosen.reverse_charge,
        merge_rows=chosen.merge_rows,
        order_matching=chosen.order_matching,
        freight_charge_types=frozenset(chosen.freight_charge_types),
        long_numbers=chosen.long_numbers,
        ignore_analysis=chosen.ignore_analysis,
        mode=company.posting_mode,
        journal_credit_account=company.journal_credit_account,
    )


class BookReader:
    """Reads books for batches of one company; the small tables are read once, the periods for every batch."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._odata = connector.odata(company)
        self._company = company
        self._currencies = connector.settings.currencies
        self._rules = planning_rules(connector.settings, company)
        self._small_tables_read = False
        self._tax_accounts: dict[str, str] | None = None
        self._rates: dict[str, ExchangeRate] | None = None
        self._local_currency: str | None = None

    def read(
        self, batch: Sequence[ApprovedInvoice], mapping: MappingTable, *, periods: bool = False
    ) -> Books:
        """What SYSPRO knows of everything `batch` names; with `periods` these as well where no rule asks for them."""
        if not self._small_tables_read:
            self._small_tables_read = True
            self._tax_accounts = self._read_tax_accounts()
            self._read_currencies()
        rules = self._rules
        suppliers = self._suppliers({invoice.supplier for invoice in batch if invoice.supplier})
        codes = {rules.rounding_account} if rules.rounding_account else set[str]()
        if rules.journal:
            codes.update(filter(None, [rules.journal_credit_account, *(self._tax_accounts or {}).values()]))
        orders = set()
        for invoice in batch:
            for row in invoice.rows:
                rule = mapping.find(row, invoice.mapping_date)
                if isinstance(rule, MappingRule):
                    codes.add(rule.gl_code)
                by_order = row.receipt_number or rules.order_matching != "ledger"
                if by_order and 0 < len(row.order_number) <= _ORDER_WIDTH:
                    orders.add(row.order_number)
        unknown = sorted({invoice.supplier for invoice in batch} - suppliers.keys())
        own, elsewhere = of_all_companies(self._odata, self._company, codes)
        return Books(
            suppliers=suppliers,
            ledger_codes=own,
            tax_accounts=self._tax_accounts,
            receipts=self._receipts(orders),
            local_currency=self._local_currency,
            rates=self._rates,
            periods=self.periods() if periods or rules.reads_periods else None,
            ap_invoices=self._originals(batch),
            codes_elsewhere=elsewhere,
            supplier_neighbours=self._neighbours(unknown),
        )

    def periods(self) -> PeriodControl | None:
        """The periods as they are now; None where they cannot be read or are not told by their last days."""
        try:
            ap_rows = [row for page in self._odata.pages(tables.AP_CONTROL) for row in page]
            gl_rows = [row for page in self._odata.pages(tables.GEN_CONTROL) for row in page]
        except (TableMissing, QueryRefused):
            return None
        ledger = self._company.gl_company or self._company.syspro_company
        if len(gl_rows) > 1 or self._company.gl_company:
            gl_rows = [row for row in gl_rows if trimmed(row, "Company") == ledger]
        if len(ap_rows) != 1 or len(gl_rows) != 1:
            return None
        control = gl_rows[0]
        year = whole(control, "GlYear")
        return PeriodControl(
            ap_current=(whole(ap_rows[0], "FinYear"), whole(ap_rows[0], "FinPeriod")),
            gl_current=(year, whole(control, "GlPeriod")),
            periods=(*_periods(control, "Prv", year - 1), *_periods(control, "Cur", year)),
        )

    def _originals(self, batch: Sequence[ApprovedInvoice]) -> frozenset[tuple[str, str]]:
        """Those of the invoices that credit notes name which stand in SYSPRO."""
        if not asks_for_original(self._rules):
            return frozenset()
        named = {(invoice.supplier, original_number(invoice, self._rules)) for invoice in batch}
        keys = sorted(key for key in named if all(key) and len(key[1]) <= _NUMBER_WIDTH)
        rows = self._odata.by_keys(
            tables.AP_INVOICE, ["Supplier", "Invoice"], keys, select=["Supplier", "Invoice"]
        )
        return frozenset((text(row, "Supplier"), trimmed(row, "Invoice")) for row in rows)

    def _suppliers(self, codes: Iterable[str]) -> dict[str, Supplier]:
        freight = bool(self._rules.freight_charge_types)
        rows = self._odata.by_keys(
            tables.AP_SUPPLIER,
            ["Supplier"],
            [(code,) for code in sorted(codes)],
            select=(*_SUPPLIER_COLUMNS, "FreightGlCode") if freight else _SUPPLIER_COLUMNS,
        )
        return {
            text(row, "Supplier"): Supplier(
                code=text(row, "Supplier"),
                currency_key=text(row, "Currency"),
                currency=iso_currency(text(row, "Currency"), self._currencies),
                on_hold=flag(row, "OnHold"),
                receipts_required=flag(row, "GrnMatchReqd"),
                freight_account=trimmed(row, "FreightGlCode") if freight else None,
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

    def _read_currencies(self) -> None:
        """Buying rates, and as the local currency the only mapped one at 1; None where that is not exactly one.

        Two keys of one ISO currency, such as $ and USD, are one.
        """
        try:
            rows = [
                row for page in self._odata.pages(tables.TBL_CURRENCY, columns=_RATE_COLUMNS) for row in page
            ]
        except TableMissing:
            return
        self._rates = {
            trimmed(row, "Currency"): ExchangeRate(
                number(row, "BuyExchangeRate"), trimmed(row, "BuyMulDiv") == "M", flag(row, "FixedRate")
            )
            for row in rows
        }
        at_par = [
            iso_currency(text(row, "Currency"), self._currencies)
            for row in rows
            if row["BuyExchangeRate"] == 1
        ]
        mapped = {iso for iso in at_par if iso is not None}
        self._local_currency = mapped.pop() if len(mapped) == 1 else None


def _periods(control: Row, side: str, year: int) -> Iterable[LedgerPeriod]:
    """The periods of a year that have a last day, in order."""
    for place in range(1, _PERIODS + 1):
        ends = day(control, f"{side}YrPrdEnd{place}")
        if ends is not None:
            yield LedgerPeriod(year, place, ends, trimmed(control, f"{side}YrPrdStat{place}"))
