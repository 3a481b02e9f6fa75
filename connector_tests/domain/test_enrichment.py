"""What Basware knows better of a supplier: one test for each line of the room's table, and for what is hostile."""

from typing import Any

import pytest

from connector_defs.domain.enrichment import (
    BANK_DATA_DIFFERS,
    COLUMN_NOT_SHOWN,
    MALFORMED,
    NOT_REPRESENTABLE,
    OTHER_SOURCE,
    SEVERAL_TAX_IDS,
    TERMS_NOT_READ,
    TOO_LONG,
    UNKNOWN_TERM,
    BadVendor,
    Difference,
    EnrichmentRules,
    Field,
    SupplierFacts,
    differences,
    facts_of,
    unknown_supplier,
    why_not_compared,
)

CODE = "0000123"
RULES = EnrichmentRules("VAT", frozenset({Field.PAYMENT_TERMS, Field.TAX_ID}), 20, frozenset({"30", "60"}))


def vendor(**fields: Any) -> dict[str, Any]:
    """A vendor as Basware shows it, equal to the supplier of `supplier()`."""
    return {
        "externalCode": "e-1",
        "vendorCode": CODE,
        "name": "Acme",
        "sourceSystem": "SYSPRO",
        "companies": [{"companyCode": "1000", "inheritToChildUnits": False}],
        "paymentTerms": {"paymentTermCode": "30", "description": None},
        "identifiers": [
            {"id": "ZA4711", "schemeId": "VAT"},
            {"id": "003712345678", "schemeId": "OVT"},
        ],
        "processingStatus": {"active": True},
        "lastUpdated": "2026-11-20T08:00:00.000Z",
        **fields,
    }


def terms(code: str) -> dict[str, Any]:
    return {"paymentTerms": {"paymentTermCode": code}}


def tax_ids(*numbers: str, scheme: str = "VAT") -> dict[str, Any]:
    return {"identifiers": [{"id": number, "schemeId": scheme} for number in numbers]}


def accounts(*numbers: str) -> dict[str, Any]:
    identifiers = [{"schemeId": "IBAN", "id": number} for number in numbers]
    means = {
        "paymentMeansCode": "DEFAULT",
        "financialAccounts": [{"financialAccountIdentifiers": identifiers}],
    }
    return {"paymentMeans": [means]}


def supplier(**changes: Any) -> SupplierFacts:
    plain = {"code": CODE, "term": "30", "tax_id": "ZA4711", "bank_account": "20201555555555"}
    return SupplierFacts(**{**plain, **changes})


def found(
    record: dict[str, Any], ours: SupplierFacts | None = None, rules: EnrichmentRules = RULES
) -> list[Difference]:
    return differences(facts_of(record, rules.scheme), ours or supplier(), rules)


def only(
    record: dict[str, Any], ours: SupplierFacts | None = None, rules: EnrichmentRules = RULES
) -> Difference:
    (one,) = found(record, ours, rules)
    return one


def test_equal_records_differ_in_nothing() -> None:
    assert found(vendor()) == []


def test_another_payment_term_and_another_tax_id_are_changes() -> None:
    assert found(vendor(**terms("60"), **tax_ids("DE811"))) == [
        Difference(CODE, Field.PAYMENT_TERMS, "30", "60"),
        Difference(CODE, Field.TAX_ID, "ZA4711", "DE811"),
    ]


def test_what_syspro_left_blank_is_filled() -> None:
    assert only(vendor(**tax_ids("DE811")), supplier(tax_id="")).has == ""


@pytest.mark.parametrize(
    "blank",
    [
        {"paymentTerms": None, "identifiers": None},
        {"paymentTerms": {"paymentTermCode": "  "}, "identifiers": []},
        {"paymentTerms": {}, "identifiers": [{"id": " ", "schemeId": "VAT"}]},
    ],
)
def test_what_is_blank_in_basware_blanks_nothing(blank: dict[str, Any]) -> None:
    assert found(vendor(**blank)) == []


def test_blanks_around_a_value_are_no_change() -> None:
    assert found(vendor(**terms(" 30 "), **tax_ids(" ZA4711"))) == []


def test_an_identifier_of_another_scheme_is_no_tax_id() -> None:
    assert found(vendor(**tax_ids("003799999999", scheme="OVT"))) == []


def test_the_scheme_is_the_sites_own_whatever_its_case() -> None:
    rules = EnrichmentRules("taxreg", RULES.fields, 20, RULES.terms)
    assert only(vendor(**tax_ids("DE811", scheme="TaxReg")), rules=rules).wants == "DE811"


def test_fields_that_the_site_leaves_out_are_not_compared() -> None:
    rules = EnrichmentRules("VAT", frozenset({Field.TAX_ID}), 20, None)
    assert only(vendor(**terms("60"), **tax_ids("DE811")), rules=rules).field is Field.TAX_ID


@pytest.mark.parametrize(
    ("record", "ours", "code"),
    [
        (vendor(**terms("90")), supplier(), UNKNOWN_TERM),
        (vendor(**terms("NET90")), supplier(), UNKNOWN_TERM),
        (vendor(**tax_ids("DE1", "DE2")), supplier(), SEVERAL_TAX_IDS),
        (vendor(**tax_ids("9" * 21)), supplier(), TOO_LONG),
        (vendor(**tax_ids("ΕΛ123")), supplier(), NOT_REPRESENTABLE),
        (vendor(**terms("60")), supplier(term=None), COLUMN_NOT_SHOWN),
        (vendor(**tax_ids("DE811")), supplier(tax_id=None), COLUMN_NOT_SHOWN),
    ],
)
def test_what_may_not_be_taken_over_goes_to_a_person_with_reason_and_remedy(
    record: dict[str, Any], ours: SupplierFacts, code: str
) -> None:
    one = only(record, ours)
    assert one.code == code
    assert one.reason
    assert one.remedy


def test_a_term_is_unknown_where_the_terms_cannot_be_read() -> None:
    rules = EnrichmentRules("VAT", RULES.fields, 20, None)
    assert only(vendor(**terms("60")), rules=rules).code == TERMS_NOT_READ


def test_two_tax_ids_are_never_chosen_from_though_syspro_holds_one_of_them() -> None:
    one = only(vendor(**tax_ids("ZA4711", "DE2")))
    assert (one.code, one.wants) == (SEVERAL_TAX_IDS, "ZA4711, DE2")


def test_the_same_tax_id_twice_is_one() -> None:
    assert found(vendor(**tax_ids("ZA4711", " ZA4711 "))) == []


@pytest.mark.covers("H23")
def test_a_bank_account_that_syspro_does_not_hold_is_reported_without_its_number() -> None:
    one = only(vendor(**accounts("GB33 BUKB 9999 8888 7777 66")))
    assert (one.field, one.code) == (Field.BANK_DATA, BANK_DATA_DIFFERS)
    assert one.wants.startswith("…7766 #")
    assert "BUKB" not in str(one)
    assert one.has.startswith("…5555 #")


def test_two_foreign_accounts_of_one_ending_are_told_apart() -> None:
    first = only(vendor(**accounts("GB33BUKB99998888777766")), supplier(bank_account=""))
    second = only(vendor(**accounts("GB33BUKB11118888777766")), supplier(bank_account=""))
    assert first.wants != second.wants
    assert first.has == ""


@pytest.mark.parametrize("number", [" ", "20201555555555", "GB33 BUKB 2020 1555 5555 55"])
def test_our_own_account_is_no_news_alone_or_within_an_iban(number: str) -> None:
    assert found(vendor(**accounts(number))) == []


def test_a_short_account_number_is_not_found_in_every_iban() -> None:
    assert only(vendor(**accounts("GB33BUKB20201555555555")), supplier(bank_account="555")).code


def test_a_short_account_shows_but_two_characters() -> None:
    assert only(vendor(**accounts("12345678"))).wants.startswith("…78 #")


@pytest.mark.parametrize(
    "fields",
    [
        {"identifiers": {"id": "x"}},
        {"identifiers": ["x"]},
        {"identifiers": [{"id": 4711, "schemeId": "VAT"}]},
        {"paymentTerms": "30"},
        {"vendorCode": 123},
    ],
)
def test_a_vendor_of_another_shape_is_bad(fields: dict[str, Any]) -> None:
    with pytest.raises(BadVendor):
        facts_of(vendor(**fields), "VAT")


def test_a_vendor_of_another_source_system_is_not_compared() -> None:
    note = why_not_compared(facts_of(vendor(sourceSystem="SAP"), "VAT"), "SYSPRO")
    assert note is not None
    assert note.code == OTHER_SOURCE
    assert why_not_compared(facts_of(vendor(sourceSystem=None), "VAT"), "SYSPRO") is None


def test_a_vendor_without_a_code_is_told_by_its_external_code() -> None:
    note = why_not_compared(facts_of(vendor(vendorCode=" "), "VAT"), "SYSPRO")
    assert note is not None
    assert (note.vendor, note.code) == ("e-1", MALFORMED)


def test_suppliers_that_are_almost_the_same_are_listed() -> None:
    facts = facts_of(vendor(vendorCode="123"), "VAT")
    assert "alike, but not the same: '0000123'" in unknown_supplier(facts, ["0000123"]).reason
    assert "alike" not in unknown_supplier(facts, []).reason


def test_a_vendor_without_a_status_is_active() -> None:
    assert facts_of(vendor(processingStatus=None), "VAT").active
    assert not facts_of(vendor(processingStatus={"active": False}), "VAT").active
