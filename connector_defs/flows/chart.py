"""SYSPRO's chart of accounts as GL mapping needs it: single codes by key, or the whole of it."""

from collections.abc import Iterable

from connector_defs.domain.books import LedgerCode
from connector_defs.domain.translation.context import flag, text, trimmed
from connector_defs.settings import CompanySettings
from connector_defs.syspro import tables
from connector_defs.syspro.odata import ODataClient, TableMissing
from connector_defs.syspro.tables import Row

_COLUMNS = (
    "Company",
    "GlCode",
    "Description",
    "AccountType",
    "ControlAccFlag",
    "AccOnHldFlag",
    "AnalysisRequired",
)


def ledger_codes(odata: ODataClient, company: CompanySettings, codes: Iterable[str]) -> dict[str, LedgerCode]:
    """Those of `codes` that the company's ledger has."""
    return of_all_companies(odata, company, codes)[0]


def of_all_companies(
    odata: ODataClient, company: CompanySettings, codes: Iterable[str]
) -> tuple[dict[str, LedgerCode], dict[str, str]]:
    """Those of `codes` that the company's ledger has, and for those only others have, one of these companies."""
    rows = odata.by_keys(tables.GEN_MASTER, ["GlCode"], [(code,) for code in sorted(codes)], select=_COLUMNS)
    own = _of_ledger(company, rows)
    owners = {text(row, "GlCode"): trimmed(row, "Company") for row in rows}
    return own, {code: owner for code, owner in owners.items() if code not in own}


def whole_chart(odata: ODataClient, company: CompanySettings) -> dict[str, LedgerCode]:
    """Every code of the company's ledger."""
    pages = odata.pages(tables.GEN_MASTER, columns=_COLUMNS)
    return _of_ledger(company, [row for page in pages for row in page])


def tax_accounts(odata: ODataClient) -> set[str]:
    """The accounts that tax codes post to by themselves; none where SYSPRO does not show its tax codes."""
    columns = ("TaxCode", "ApTaxGlCode", "GlTaxGlCode")
    try:
        rows = [row for page in odata.pages(tables.ADM_TAX, columns=columns) for row in page]
    except TableMissing:
        return set()
    return {trimmed(row, name) for row in rows for name in columns[1:]} - {""}


def _of_ledger(company: CompanySettings, rows: list[Row]) -> dict[str, LedgerCode]:
    """One database may keep the ledgers of several companies, or this company's under another name."""
    owners = {trimmed(row, "Company") for row in rows}
    ledger = company.gl_company or company.syspro_company
    if ledger not in owners and len(owners) == 1 and not company.gl_company:
        ledger = owners.pop()
    return {
        text(row, "GlCode"): LedgerCode(
            code=text(row, "GlCode"),
            account_type=trimmed(row, "AccountType"),
            on_hold=flag(row, "AccOnHldFlag"),
            control_account=flag(row, "ControlAccFlag"),
            analysis_required=flag(row, "AnalysisRequired"),
            description=trimmed(row, "Description"),
        )
        for row in rows
        if trimmed(row, "Company") == ledger
    }
