"""GL accounts, cost centres, tax codes: one test for each line of the room's table; names and codes of all."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.entities import Account, CostCenter, TaxCode
from connector_defs.domain.keys import external_code
from connector_defs.domain.translation.context import Site, SourceRow, Translated, Untranslatable
from connector_defs.domain.translation.master import account, cost_center, tax_code
from connector_defs.domain.translation.terms import payment_term
from connector_tests.domain.site import ACCOUNT, COST_CENTER, PAYMENT_TERM, SITE, TAX_CODE


def account_of(**changes: Any) -> Account:
    entity = account({**ACCOUNT, **changes}, SITE).entity
    assert isinstance(entity, Account)
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


class TestTaxCodes:
    """AdmTax -> TaxCodeEntity."""

    @pytest.mark.parametrize(
        ("stored", "sent"),
        [("21.00000", "21"), ("6.50000", "6.5"), ("100.00000", "100"), ("0.00000", "0"), ("-3.00000", "-3")],
    )
    def test_the_rate_in_force_is_sent_without_trailing_zeros(self, stored: str, sent: str) -> None:
        assert str(tax_of(Rate=Decimal(stored)).tax_percentage) == sent

    @pytest.mark.parametrize("rate", ["1000", "-1000.5"])
    def test_a_rate_that_is_none_is_quarantined(self, rate: str) -> None:
        with pytest.raises(Untranslatable, match="% is none") as refusal:
            tax_of(Rate=Decimal(rate))
        assert refusal.value.code == "RATE_IMPOSSIBLE"

    def test_a_code_without_a_rate_in_force_is_quarantined(self) -> None:
        with pytest.raises(Untranslatable, match="no rate that is in force") as refusal:
            tax_of(Rate=None)
        assert refusal.value.code == "RATE_UNKNOWN"

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
    [("  Sales  ", "Sales"), ("a\x00b\x0bc", "abc"), ("<&>\"']]>", "<&>\"']]>"), ("x" * 1900, "x" * 1900)],
)
def test_a_name_is_sent_clean(
    translate: Translation, row: dict[str, Any], key: str, stored: str, sent: str
) -> None:
    assert names_of(translate({**row, "Description": stored}, SITE)) == {"en-US": sent}


@EACH
def test_a_name_that_basware_cannot_hold_is_quarantined_and_never_cut(
    translate: Translation, row: dict[str, Any], key: str
) -> None:
    with pytest.raises(Untranslatable, match="has 1901 characters") as refusal:
        translate({**row, "Description": "x" * 1901}, SITE)
    assert refusal.value.code == "NAME_TOO_LONG"


@EACH
def test_a_code_that_cannot_be_shown_is_quarantined(
    translate: Translation, row: dict[str, Any], key: str
) -> None:
    with pytest.raises(Untranslatable, match="cannot be shown") as refusal:
        translate({**row, key: "A\tB"}, SITE)
    assert refusal.value.code == "CODE_UNREADABLE"


@pytest.mark.parametrize("code", ["A\x00B", "A\ud800"])
def test_a_code_sent_as_stored_holds_nothing_that_cannot_be_carried(code: str) -> None:
    with pytest.raises(Untranslatable, match="cannot be shown") as refusal:
        account_of(GlCode=code)
    assert refusal.value.reason.encode()


@EACH
def test_a_name_is_sent_in_the_sites_language_too(
    translate: Translation, row: dict[str, Any], key: str
) -> None:
    site = replace(SITE, language="pl-PL")
    sent = names_of(translate(row, site))
    assert sent == {"en-US": row["Description"], "pl-PL": row["Description"]}
