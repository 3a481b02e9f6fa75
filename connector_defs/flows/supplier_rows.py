"""Suppliers as SYSPRO holds them now, read by key, and its payment terms.

Belongs here: which columns are read for a comparison with Basware. What follows from them is not decided here.
"""

from collections.abc import Iterable

from connector_defs.domain.enrichment import SUPPLIER_LENGTH, SupplierFacts
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.syspro import tables
from connector_defs.syspro.odata import QueryRefused, TableMissing
from connector_defs.syspro.tables import Row

_COLUMNS = ("Supplier", "TermsCode", "TaxRegnNum", "BankAccount")


class SupplierRows:
    """Reads the suppliers of one company."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._odata = connector.odata(company)

    def by_code(self, codes: Iterable[str]) -> dict[str, SupplierFacts]:
        """The suppliers of exactly these codes; a code without one is absent."""
        wanted = {code for code in codes if code.strip() and len(code) <= SUPPLIER_LENGTH}
        if not wanted:
            return {}
        rows = self._odata.by_keys(
            tables.AP_SUPPLIER, ("Supplier",), [(code,) for code in sorted(wanted)], select=_COLUMNS
        )
        found = {}
        for row in rows:
            # A service that compares without case gives more than was asked for.
            code = str(row["Supplier"])
            if code in wanted:
                found[code] = _facts(code, row)
        return found

    def alike(self, codes: Iterable[str]) -> dict[str, list[str]]:
        """For each code, suppliers whose code differs from it by blanks, case or zero padding only."""
        forms = {code: _forms(code) - {code} for code in codes}
        there = self.by_code({form for each in forms.values() for form in each}).keys()
        return {code: sorted(there & each) for code, each in forms.items()}

    def terms(self) -> frozenset[str] | None:
        """Codes of all payment terms, trimmed; None where the site does not show them."""
        table = tables.TBL_AP_TERMS
        try:
            pages = list(self._odata.pages(table, columns=("TermsCode",)))
        except (TableMissing, QueryRefused):
            return None
        return frozenset(str(row["TermsCode"]).strip() for page in pages for row in page)


def _facts(code: str, row: Row) -> SupplierFacts:
    return SupplierFacts(
        code=code,
        term=_trimmed(row, "TermsCode"),
        tax_id=_trimmed(row, "TaxRegnNum"),
        bank_account=_trimmed(row, "BankAccount") or "",
    )


def _trimmed(row: Row, column: str) -> str | None:
    """As it is compared, shown and kept: without the blanks around it, and without U+0000, which no store takes."""
    value = row.get(column)
    return None if value is None else str(value).strip().replace("\0", "\ufffd")


def _forms(code: str) -> set[str]:
    bare = code.strip()
    shortest = bare.lstrip("0") or bare
    return {
        form for each in (bare, shortest, shortest.zfill(SUPPLIER_LENGTH)) for form in (each, each.upper())
    }
