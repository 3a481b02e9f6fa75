"""Candidates for account codes without a GL mapping: what is known of each is gathered here, and scored by the domain.

Reads our own store, SYSPRO's chart of accounts and, where it can be read, SYSPRO's AP distributions. Writes nothing.
"""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from connector_defs.domain.gl_mapping import MappingRule, MappingTable, needs_rule
from connector_defs.domain.suggestions import Evidence, Suggestion, suggest
from connector_defs.domain.translation.context import text
from connector_defs.flows import overview
from connector_defs.flows.chart import tax_accounts, whole_chart
from connector_defs.flows.intake import approved_invoice
from connector_defs.flows.reports import UnmappedAccount
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices, mappings
from connector_defs.syspro import conditions, tables
from connector_defs.syspro.odata import ODataClient, QueryRefused, TableMissing

# Enough to see a habit, little enough to be read while a person waits.
_OWN_INVOICES = 500
_SUPPLIERS = 5
_INVOICES_EACH = 200
_HISTORY = timedelta(days=730)
_JOURNAL_KEY = ("TrnYear", "TrnMonth", "Journal", "EntryNumber")


@dataclass(frozen=True)
class Candidates:
    """An account code without a rule, how many invoices wait for it, and what it may stand for, best first."""

    company: str
    account_code: str
    account_name: str
    cost_centers: tuple[str, ...]
    invoices: int
    suggestions: tuple[Suggestion, ...]

    def command(self, suggestion: Suggestion) -> str:
        """The line that accepts a suggestion."""
        account, gl_code = shlex.quote(self.account_code), shlex.quote(suggestion.gl_code)
        return f"connector mapping set {account} {gl_code} --company {shlex.quote(self.company)}"


def candidates(
    connector: Connector, company_name: str | None = None, account_code: str | None = None
) -> list[Candidates]:
    """Candidates for every account code that invoices wait for, or for the one named, waited for or not.

    Raises RetryLater where SYSPRO's chart of accounts cannot be read.
    """
    named = connector.settings.company(company_name).syspro_company if company_name else None
    waiting = [account for account in overview.unmapped_accounts(connector) if not account.rivals]
    found: list[Candidates] = []
    for company in connector.companies:
        if named not in (None, company.syspro_company):
            continue
        wanted: dict[str, list[UnmappedAccount]] = {} if account_code is None else {account_code: []}
        for account in waiting:
            if account.company == company.syspro_company and account_code in (None, account.account_code):
                wanted.setdefault(account.account_code, []).append(account)
        if wanted:
            found += _of_company(connector, company, wanted)
    return found


def _of_company(
    connector: Connector, company: CompanySettings, wanted: Mapping[str, Sequence[UnmappedAccount]]
) -> list[Candidates]:
    odata = connector.odata(company)
    kept_out = tax_accounts(odata) | {connector.settings.posting.rounding_account}
    chart = [code for code in whole_chart(odata, company).values() if code.code not in kept_out]
    suppliers = {supplier for rows in wanted.values() for row in rows for supplier in row.suppliers}
    own = _OwnHistory(connector, company, suppliers)
    in_syspro = _SysproHistory(connector, odata)
    found = []
    for code, rows in wanted.items():
        named = Counter(supplier for row in rows for supplier in row.suppliers)
        often = tuple(supplier for supplier, _ in named.most_common(_SUPPLIERS))
        centers = tuple(sorted({row.cost_center for row in rows if row.cost_center}))
        evidence = Evidence(
            code,
            next((row.account_name for row in rows if row.account_name), ""),
            centers,
            often,
            # Our own postings stand in SYSPRO as well: the greater number, not the sum.
            own.posted(often) | in_syspro.posted(often),
            own.same_center(code, centers),
        )
        found.append(
            Candidates(
                company.syspro_company,
                code,
                evidence.account_name,
                centers,
                sum(row.invoices for row in rows),
                tuple(suggest(evidence, chart)),
            )
        )
    return sorted(found, key=lambda one: (-one.invoices, one.account_code))


class _OwnHistory:
    """What the invoices we posted, and the rules in force, say of suppliers and cost centres."""

    def __init__(self, connector: Connector, company: CompanySettings, suppliers: set[str]) -> None:
        with connector.store.read() as connection:
            rules = mappings.in_force(connection, company.syspro_company)
            posted = invoices.posted_of(
                connection, company.syspro_company, sorted(suppliers), limit=_OWN_INVOICES
            )
        self._by_supplier: dict[str, Counter[str]] = defaultdict(Counter)
        self._by_center: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for rule in rules:
            if rule.cost_center:
                self._by_center[rule.cost_center].add((rule.account_code, rule.gl_code))
        table = MappingTable(rules)
        for stored in posted:
            invoice = approved_invoice(stored)
            for row in filter(needs_rule, invoice.rows):
                found = table.find(row, invoice.mapping_date)
                if isinstance(found, MappingRule):
                    self._by_supplier[stored.supplier][found.gl_code] += 1
                    if row.cost_center:
                        self._by_center[row.cost_center].add((row.account_code, found.gl_code))

    def posted(self, suppliers: Iterable[str]) -> Counter[str]:
        """GL code -> ledger lines."""
        return sum((self._by_supplier[supplier] for supplier in suppliers), Counter[str]())

    def same_center(self, account_code: str, centers: Iterable[str]) -> Counter[str]:
        """GL code -> other account codes that stand for it with one of the cost centres."""
        pairs = {pair for center in centers for pair in self._by_center[center]}
        return Counter(gl_code for code, gl_code in pairs if code != account_code)


class _SysproHistory:
    """What SYSPRO's AP journals say of a supplier; nothing where they cannot be read."""

    def __init__(self, connector: Connector, odata: ODataClient) -> None:
        self._odata = odata
        self._since = connector.clock.now().date() - _HISTORY
        self._known: dict[str, Counter[str]] = {}

    def posted(self, suppliers: Iterable[str]) -> Counter[str]:
        """GL code -> ledger lines."""
        for supplier in suppliers:
            if supplier not in self._known:
                self._known[supplier] = self._of(supplier)
        return sum((self._known[supplier] for supplier in suppliers), Counter[str]())

    def _of(self, supplier: str) -> Counter[str]:
        recent = conditions.all_of(
            [conditions.eq("Supplier", supplier), conditions.ge("InvoiceDate", self._since)]
        )
        columns = ("InvoiceYear", "InvoiceMonth", "Journal", "EntryNumber", "InvoiceDate")
        try:
            pages = self._odata.pages(
                tables.AP_INVOICE, columns=columns, where=recent, page_size=_INVOICES_EACH
            )
            keys = [
                cast("tuple[int, ...]", tuple(row[name] for name in columns[:4]))
                for row in next(pages, [])
                if all(row[name] is not None for name in columns[:4])
            ]
            lines = self._odata.by_keys(
                tables.AP_JNL_DISTRIB, _JOURNAL_KEY, keys, select=[*_JOURNAL_KEY, "ExpenseGlCode"]
            )
        except (TableMissing, QueryRefused):
            return Counter()
        return Counter(code for line in lines if (code := text(line, "ExpenseGlCode")))
