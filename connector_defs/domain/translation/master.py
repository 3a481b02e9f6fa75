"""GL accounts, cost centres and tax codes.

| Basware | SYSPRO | rule |
|---|---|---|
| account accountCode | GenMaster.GlCode | as stored, at most 25 characters |
| account active | AccountType, ControlAccFlag, AccOnHldFlag | postable type, no control account, not on hold |
| account taxCode | TaxCode | trimmed; waits until P2P has the tax code |
| names | Description | 2 characters at least, never cut; in en-US and in the site's language |
| cost centre code | GenAnalysisCode.AnalysisCode, a section of the GL code, or a CSV file | as stored |
| tax code | AdmTax.TaxCode, rate | the rate in force on the staged day: PrvTaxRate before TaxEffDate |
"""

from connector_defs.basware.entities import (
    Account,
    AccountCompany,
    CostCenter,
    CostCenterCompany,
    TaxCode,
    TaxCodeCompany,
)
from connector_defs.domain.books import POSTABLE_ACCOUNT_TYPES
from connector_defs.domain.translation.context import (
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    code_within_limit,
    flag,
    number,
    plain,
    text,
    trimmed,
)

# SYSPRO's column holds three digits before the point (wire notes 4.3).
_NO_RATE = 1000


def account(row: SourceRow, site: Site) -> Translated:
    """GenMaster row -> AccountEntity."""
    code = code_within_limit(text(row, "GlCode"), "GL code")
    kind = trimmed(row, "AccountType")
    active = (
        (not kind or kind in POSTABLE_ACCOUNT_TYPES)
        and not flag(row, "ControlAccFlag")
        and not flag(row, "AccOnHldFlag")
    )
    return Translated(
        Account(
            external_code=site.external_code("accounts", code),
            account_code=code,
            account_names=site.names(text(row, "Description"), f"GL code {code!r}"),
            tax_code=_tax_code_of(row, code),
            companies=(AccountCompany(company_code=site.basware_company, inherit=False, active=active),),
        ),
        active=active,
    )


def _tax_code_of(row: SourceRow, account_code: str) -> str | None:
    tax_code = trimmed(row, "TaxCode")
    return code_within_limit(tax_code, f"GL code {account_code!r}: tax code") if tax_code else None


def cost_center(row: SourceRow, site: Site) -> Translated:
    """Cost-centre row (CostCenter, Description) -> CostCenterEntity."""
    code = code_within_limit(text(row, "CostCenter"), "cost centre")
    return Translated(
        CostCenter(
            external_code=site.external_code("costCenters", code),
            cost_center_code=code,
            cost_center_names=site.names(text(row, "Description"), f"cost centre {code!r}"),
            companies=(CostCenterCompany(company_code=site.basware_company, active=True),),
        )
    )


def tax_code(row: SourceRow, site: Site) -> Translated:
    """AdmTax row, with the `Rate` in force on the staged day, -> TaxCodeEntity."""
    code = code_within_limit(trimmed(row, "TaxCode"), "tax code")
    if row.get("Rate") is None:
        raise Untranslatable(
            "RATE_UNKNOWN",
            f"tax code {code!r}: SYSPRO gives no rate that is in force on this day",
        )
    rate = number(row, "Rate")
    if abs(rate) >= _NO_RATE:
        raise Untranslatable("RATE_IMPOSSIBLE", f"tax code {code!r}: a rate of {plain(rate)} % is none")
    return Translated(
        TaxCode(
            external_code=site.external_code("taxCodes", text(row, "TaxCode")),
            tax_code=code,
            tax_code_names=site.names(text(row, "Description"), f"tax code {code!r}"),
            tax_percentage=plain(rate),
            companies=(TaxCodeCompany(company_code=site.basware_company, inherit=False, active=True),),
        )
    )
