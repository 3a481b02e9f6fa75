"""Chart of accounts, cost centres, payment terms and tax codes as Basware takes them.

Here: shape and limits of these requests. Not here: suppliers and orders, nor any translation from SYSPRO.
"""

from typing import Annotated, Literal

from pydantic import Field

from connector_defs.basware.entities.fields import (
    BusinessDate,
    Code25,
    Code32,
    Count,
    Entity,
    ExternalCode,
    Flag,
    FreeDates,
    FreeTexts5,
    FreeTexts10,
    Int32,
    Number,
    Percent,
    SignedPercent,
    Text25,
    Text32,
)


class LanguageTranslation(Entity):
    """A name in one language; two characters at least, so one-letter names cannot be sent."""

    translation: Annotated[str, Field(min_length=2, max_length=2000)]
    language: Annotated[str, Field(min_length=2, max_length=10)]


class AccountCompany(Entity):
    """A company the account belongs to; `active=False` is the soft delete."""

    company_code: Code32
    inherit: Flag
    active: Flag


class Account(FreeTexts5):
    """A GL account."""

    account_code: Code25
    account_names: tuple[LanguageTranslation, ...]
    companies: tuple[AccountCompany, ...]
    external_code: ExternalCode
    tax_code: Text25 | None = None
    last_updated: BusinessDate | None = None


class CostCenterCompany(Entity):
    """A company the cost centre belongs to; no `inherit` here."""

    company_code: Code32
    active: Flag


class CostCenter(FreeTexts10, FreeDates):
    """A cost centre."""

    cost_center_code: Code25
    cost_center_names: tuple[LanguageTranslation, ...]
    companies: tuple[CostCenterCompany, ...]
    external_code: ExternalCode
    int1: Int32 | None = None
    int2: Int32 | None = None
    int3: Int32 | None = None
    int4: Int32 | None = None
    int5: Int32 | None = None
    last_updated: BusinessDate | None = None


class PaymentTermCompany(Entity):
    """A company the term belongs to."""

    company_code: Code32
    inherit: Flag
    active: Flag


class PaymentTermDiscountRule(Entity):
    """A discount step, only with `cash_due_date_calc` 2."""

    external_code: ExternalCode
    active: Flag
    discount_days: Count | None = None
    discount_percent: Percent | None = None


class PaymentTerm(Entity):
    """A payment term; both ends of its validity are mandatory."""

    payment_term_code: Code25
    payment_term_names: tuple[LanguageTranslation, ...]
    valid_from: BusinessDate
    valid_to: BusinessDate
    companies: tuple[PaymentTermCompany, ...]
    external_code: ExternalCode
    sort_order: Count | None = None
    move_due_dates_to: Literal["0", "1", "2"] | None = None
    due_date_calc: Annotated[Int32, Field(ge=0, le=1)] | None = None
    due_date_days: Count | None = None
    due_date_days2: Count | None = None
    due_date_eom: Count | None = None
    cash_due_date_calc: Annotated[Int32, Field(ge=0, le=2)] | None = None
    cash_due_date_days: Count | None = None
    cash_due_date_days2: Count | None = None
    cash_due_date_eom: Count | None = None
    cash_discount: Percent | None = None
    payment_term_discount_rules: tuple[PaymentTermDiscountRule, ...] | None = None
    last_updated: BusinessDate | None = None


class TaxCodeCompany(Entity):
    """A company the tax code belongs to."""

    company_code: Code32
    inherit: Flag
    active: Flag


class TaxCodeAdditionalData(Entity):
    """Further data of a tax code."""

    external_code: Text32 | None = None
    account: Text25 | None = None
    statistical: Text25 | None = None
    transaction_type: Text25 | None = None
    tax_percent: Number | None = None
    country: Text25 | None = None
    condition: Text25 | None = None
    active: Flag | None = None


class TaxCode(Entity):
    """A tax code with its percentage."""

    tax_code: Code25
    tax_code_names: tuple[LanguageTranslation, ...]
    tax_percentage: SignedPercent
    companies: tuple[TaxCodeCompany, ...]
    external_code: ExternalCode
    tax_group: Text25 | None = None
    tax_percentage2: SignedPercent | None = None
    additional_data: tuple[TaxCodeAdditionalData, ...] | None = None
    last_updated: BusinessDate | None = None
