"""GL accounts, cost centres, payment terms and tax codes.

| Basware | SYSPRO | rule |
|---|---|---|
| account accountCode | GenMaster.GlCode | as stored, at most 25 characters |
| account active | AccountType, ControlAccFlag, AccOnHldFlag | postable type, no control account, not on hold |
| cost centre code | GenAnalysisCode.AnalysisCode or a section of the GL code | as stored |
| payment term | TblApTerms | due days, month ends and one discount step |
| tax code | AdmTax.TaxCode, rate | the rate in force: PrvTaxRate before TaxEffDate |
"""

from datetime import date

from connector_defs.basware.entities import (
    Account,
    AccountCompany,
    CostCenter,
    CostCenterCompany,
    PaymentTerm,
    PaymentTermCompany,
    TaxCode,
    TaxCodeCompany,
)
from connector_defs.domain.books import POSTABLE_ACCOUNT_TYPES
from connector_defs.domain.translation.context import (
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    flag,
    number,
    plain,
    text,
    trimmed,
    whole,
)

CODE_LIMIT = 25
_ALWAYS = (date(2000, 1, 1), date(2099, 12, 31))


def code_within_limit(code: str, what: str) -> str:
    """A code exactly as stored, refused where Basware's 25 characters do not hold it."""
    if len(code) > CODE_LIMIT:
        raise Untranslatable(
            "CODE_TOO_LONG",
            f"{what} {code!r} has {len(code)} characters, Basware takes {CODE_LIMIT}",
            "use a shorter code, or map invoices to it by hand (`connector mapping set`)",
        )
    if not code.strip():
        raise Untranslatable("CODE_MISSING", f"{what} has no code", "correct the record in SYSPRO")
    return code


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
            tax_code=trimmed(row, "TaxCode") or None,
            companies=(AccountCompany(company_code=site.basware_company, inherit=False, active=active),),
        ),
        active=active,
    )


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


def payment_term(row: SourceRow, site: Site) -> Translated:
    """TblApTerms row -> PaymentTermEntity. Columns a release does not have count as 0."""
    code = code_within_limit(trimmed(row, "TermsCode"), "payment terms")
    discount = number(row, "DiscPct")
    return Translated(
        PaymentTerm(
            external_code=site.external_code("paymentTerms", text(row, "TermsCode")),
            payment_term_code=code,
            payment_term_names=site.names(text(row, "Description"), f"payment terms {code!r}"),
            valid_from=_ALWAYS[0],
            valid_to=_ALWAYS[1],
            due_date_calc=1,
            due_date_days=max(whole(row, "DueDays"), 0),
            due_date_eom=min(max(whole(row, "DueMonths"), 0), 12),
            cash_due_date_calc=1 if discount else 0,
            cash_due_date_days=max(whole(row, "DiscDays"), 0) if discount else None,
            cash_due_date_eom=min(max(whole(row, "DiscMonths"), 0), 12) if discount else None,
            cash_discount=plain(discount) if discount else None,
            companies=(PaymentTermCompany(company_code=site.basware_company, inherit=False, active=True),),
        )
    )


def tax_code(row: SourceRow, site: Site) -> Translated:
    """AdmTax row, with the `Rate` in force on the staged day, -> TaxCodeEntity."""
    code = code_within_limit(trimmed(row, "TaxCode"), "tax code")
    return Translated(
        TaxCode(
            external_code=site.external_code("taxCodes", text(row, "TaxCode")),
            tax_code=code,
            tax_code_names=site.names(text(row, "Description"), f"tax code {code!r}"),
            tax_percentage=plain(number(row, "Rate")),
            companies=(TaxCodeCompany(company_code=site.basware_company, inherit=False, active=True),),
        )
    )
