"""GL accounts, cost centres, payment terms, tax codes: one test for each line of the room's table."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.entities import Account, CostCenter, PaymentTerm, TaxCode
from connector_defs.domain.keys import external_code
from connector_defs.domain.translation.context import Site, SourceRow, Translated, Untranslatable
from connector_defs.domain.translation.master import account, cost_center, payment_term, tax_code
from connector_tests.domain.site import ACCOUNT, COST_CENTER, PAYMENT_TERM, SITE, TAX_CODE


def account_of(**changes: Any) -> Account:
    entity = account({**ACCOUNT, **changes}, SITE).entity
    assert isinstance(entity, Account)
    return entity


def term_of(**changes: Any) -> PaymentTerm:
    entity = payment_term({**PAYMENT_TERM, **changes}, SITE).entity
    assert isinstance(entity, PaymentTerm)
    return entity


def tax_of(**changes: Any) -> TaxCode:
    entity = tax_code({**TAX_CODE, **changes}, SITE).entity
    assert isinstance(entity, TaxCode)
    return entity


class TestAccounts:
    """GenMaster -> AccountEntity."""

    @pytest.mark.parametrize("code", ["40-4000", "0040", " 40 ", "A" * 25])
    def test_the_code_is_sent_as_stored(self, code: str) -> None:
        entity = account_of(GlCode=code)
        assert entity.account_code == code
        assert entity.external_code == external_code("accounts", "M1", code)

    @pytest.mark.parametrize(
        ("changes", "active"),
        [
            *[({"AccountType": kind}, True) for kind in ("A", "L", "C", "R", "E", "", None, " ")],
            *[({"AccountType": kind}, False) for kind in ("H", "T", "S", "X")],
            ({"ControlAccFlag": "Y"}, False),
            ({"ControlAccFlag": " "}, True),
            ({"AccOnHldFlag": "Y"}, False),
            ({"AccOnHldFlag": None}, True),
        ],
    )
    def test_it_is_active_where_it_can_be_posted_to(self, changes: dict[str, Any], active: bool) -> None:
        translated = account({**ACCOUNT, **changes}, SITE)
        assert translated.active is active
        assert isinstance(translated.entity, Account)
        assert [company.active for company in translated.entity.companies] == [active]

    def test_it_belongs_to_the_company_alone(self) -> None:
        (company,) = account_of().companies
        assert (company.company_code, company.inherit) == ("1000", False)

    @pytest.mark.parametrize(("stored", "sent"), [("A  ", "A"), ("", None), (None, None), ("   ", None)])
    def test_its_tax_code_is_trimmed_and_left_out_where_blank(
        self, stored: str | None, sent: str | None
    ) -> None:
        assert account_of(TaxCode=stored).tax_code == sent


class TestCostCentres:
    """Analysis code or section of the GL code -> CostCenterEntity."""

    def test_the_code_is_sent_as_stored(self) -> None:
        entity = cost_center({"CostCenter": "01 ", "Description": "Sales"}, SITE).entity
        assert isinstance(entity, CostCenter)
        assert entity.cost_center_code == "01 "
        assert entity.external_code == external_code("costCenters", "M1", "01 ")
        assert [(one.company_code, one.active) for one in entity.companies] == [("1000", True)]


class TestPaymentTerms:
    """TblApTerms -> PaymentTermEntity."""

    def test_the_code_is_sent_trimmed_and_known_by_its_stored_form(self) -> None:
        entity = term_of(TermsCode="3 ")
        assert entity.payment_term_code == "3"
        assert entity.external_code == external_code("paymentTerms", "M1", "3 ")

    def test_due_days_and_month_ends_are_sent(self) -> None:
        entity = term_of()
        assert (entity.due_date_calc, entity.due_date_days, entity.due_date_eom) == (1, 30, 1)

    @pytest.mark.parametrize(
        ("column", "stored", "attribute", "sent"),
        [
            ("DueDays", -5, "due_date_days", 0),
            ("DueDays", None, "due_date_days", 0),
            ("DueMonths", 99, "due_date_eom", 12),
            ("DueMonths", -1, "due_date_eom", 0),
            ("DiscDays", -1, "cash_due_date_days", 0),
            ("DiscMonths", 13, "cash_due_date_eom", 12),
        ],
    )
    def test_days_and_months_stay_within_what_basware_takes(
        self, column: str, stored: int | None, attribute: str, sent: int
    ) -> None:
        assert getattr(term_of(**{column: stored}), attribute) == sent

    def test_a_discount_is_one_step(self) -> None:
        entity = term_of()
        assert (entity.cash_due_date_calc, entity.cash_due_date_days, entity.cash_due_date_eom) == (1, 10, 0)
        assert str(entity.cash_discount) == "2"

    @pytest.mark.parametrize("discount", [Decimal(0), None])
    def test_without_a_discount_nothing_of_it_is_sent(self, discount: Decimal | None) -> None:
        entity = term_of(DiscPct=discount)
        assert entity.cash_due_date_calc == 0
        assert (entity.cash_due_date_days, entity.cash_due_date_eom, entity.cash_discount) == (
            None,
            None,
            None,
        )

    def test_columns_that_a_release_does_not_have_count_as_nothing(self) -> None:
        entity = payment_term({"TermsCode": "1", "Description": "At once"}, SITE).entity
        assert isinstance(entity, PaymentTerm)
        assert (entity.due_date_days, entity.due_date_eom, entity.cash_discount) == (0, 0, None)

    def test_it_is_valid_for_all_times_that_matter(self) -> None:
        entity = term_of()
        assert (entity.valid_from, entity.valid_to) == (date(2000, 1, 1), date(2099, 12, 31))


class TestTaxCodes:
    """AdmTax -> TaxCodeEntity."""

    @pytest.mark.parametrize(
        ("stored", "sent"),
        [("21.00000", "21"), ("6.50000", "6.5"), ("100.00000", "100"), ("0.00000", "0"), ("-3.00000", "-3")],
    )
    def test_the_rate_in_force_is_sent_without_trailing_zeros(self, stored: str, sent: str) -> None:
        assert str(tax_of(Rate=Decimal(stored)).tax_percentage) == sent

    def test_the_code_is_sent_trimmed_and_known_by_its_stored_form(self) -> None:
        entity = tax_of(TaxCode="A  ")
        assert entity.tax_code == "A"
        assert entity.external_code == external_code("taxCodes", "M1", "A  ")
        assert [(one.company_code, one.inherit, one.active) for one in entity.companies] == [
            ("1000", False, True)
        ]


Translation = Callable[[SourceRow, Site], Translated]
NAMED: list[tuple[Translation, dict[str, Any], str]] = [
    (account, ACCOUNT, "GlCode"),
    (cost_center, COST_CENTER, "CostCenter"),
    (payment_term, PAYMENT_TERM, "TermsCode"),
    (tax_code, TAX_CODE, "TaxCode"),
]
EACH = pytest.mark.parametrize(
    ("translate", "row", "key"), [pytest.param(*one, id=one[0].__name__) for one in NAMED]
)


def names_of(translated: Translated) -> dict[str, str]:
    (names,) = (
        getattr(translated.entity, name)
        for name in type(translated.entity).model_fields
        if name.endswith("_names")
    )
    return {one.language: one.translation for one in names}


@EACH
def test_a_code_of_more_than_25_characters_is_quarantined(
    translate: Translation, row: dict[str, Any], key: str
) -> None:
    with pytest.raises(Untranslatable, match="has 26 characters, Basware takes 25") as refusal:
        translate({**row, key: "1" * 26}, SITE)
    assert refusal.value.code == "CODE_TOO_LONG"
    assert "connector mapping set" in refusal.value.remedy


@EACH
@pytest.mark.parametrize("code", ["", "   ", None])
def test_a_record_without_a_code_is_quarantined(
    translate: Translation, row: dict[str, Any], key: str, code: str | None
) -> None:
    with pytest.raises(Untranslatable, match="has no code") as refusal:
        translate({**row, key: code}, SITE)
    assert refusal.value.code == "CODE_MISSING"


@EACH
@pytest.mark.parametrize("name", ["", "X", " X ", "\x00X", None])
def test_a_name_of_fewer_than_two_characters_is_quarantined(
    translate: Translation, row: dict[str, Any], key: str, name: str | None
) -> None:
    with pytest.raises(Untranslatable, match="fewer than 2 characters") as refusal:
        translate({**row, "Description": name}, SITE)
    assert refusal.value.code == "NAME_TOO_SHORT"
    assert refusal.value.reason == str(refusal.value)


@EACH
@pytest.mark.parametrize(
    ("stored", "sent"),
    [("  Sales  ", "Sales"), ("a\x00b\x0bc", "abc"), ("<&>\"']]>", "<&>\"']]>"), ("x" * 3000, "x" * 2000)],
)
def test_a_name_is_sent_clean_and_at_most_2000_long(
    translate: Translation, row: dict[str, Any], key: str, stored: str, sent: str
) -> None:
    assert names_of(translate({**row, "Description": stored}, SITE)) == {"en-US": sent}


@EACH
def test_a_name_is_sent_in_the_sites_language_too(
    translate: Translation, row: dict[str, Any], key: str
) -> None:
    site = replace(SITE, language="pl-PL")
    sent = names_of(translate(row, site))
    assert sent == {"en-US": row["Description"], "pl-PL": row["Description"]}
