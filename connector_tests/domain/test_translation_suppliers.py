"""Suppliers: one test for each line of the room's table."""

from typing import Any

import pytest

from connector_defs.basware.entities import (
    Vendor,
    VendorAddress,
    VendorContact,
    VendorIdentifier,
    VendorPaymentTerm,
    VendorProcessingStatus,
)
from connector_defs.domain.keys import external_code
from connector_defs.domain.translation.context import Untranslatable
from connector_defs.domain.translation.suppliers import vendor
from connector_tests.domain.site import SITE, SUPPLIER


def vendor_of(**changes: Any) -> Vendor:
    entity = vendor({**SUPPLIER, **changes}, SITE).entity
    assert isinstance(entity, Vendor)
    return entity


def notes_of(**changes: Any) -> set[str]:
    return {note.code for note in vendor({**SUPPLIER, **changes}, SITE).notes}


@pytest.mark.parametrize("code", ["0000123", " 123", "ACME ", "x" * 25])
def test_the_code_is_sent_as_stored(code: str) -> None:
    entity = vendor_of(Supplier=code)
    assert entity.vendor_code == code
    assert entity.external_code == external_code("vendors", "M1", code)


def test_a_code_of_more_than_25_characters_is_quarantined() -> None:
    with pytest.raises(Untranslatable, match=r"supplier '1+' has 26 characters"):
        vendor_of(Supplier="1" * 26)


@pytest.mark.parametrize(("stored", "sent"), [("  Acme  ", "Acme"), ("A\x00B", "AB"), ("y" * 250, "y" * 250)])
def test_the_name_is_sent_clean(stored: str, sent: str) -> None:
    assert vendor_of(SupplierName=stored).name == sent


@pytest.mark.parametrize("name", ["", "A", " A ", None])
def test_a_name_of_one_character_is_quarantined(name: str | None) -> None:
    with pytest.raises(Untranslatable, match="fewer than 2 characters") as refusal:
        vendor_of(SupplierName=name)
    assert refusal.value.code == "NAME_TOO_SHORT"


def test_a_name_of_more_than_250_characters_is_quarantined_and_never_cut() -> None:
    with pytest.raises(Untranslatable, match="the name has 251 characters, Basware takes 250") as refusal:
        vendor_of(SupplierName="y" * 251)
    assert refusal.value.code == "NAME_TOO_LONG"


@pytest.mark.parametrize(
    ("on_hold", "active", "denied"),
    [("Y", False, True), ("y", False, True), ("N", True, False), ("", True, False), (None, True, False)],
)
def test_a_supplier_on_hold_is_inactive_and_is_not_paid(
    on_hold: str | None, active: bool, denied: bool
) -> None:
    assert vendor_of(OnHold=on_hold).processing_status == VendorProcessingStatus(
        active=active, payment_denied=denied
    )


@pytest.mark.parametrize(("key", "iso"), [("R  ", "ZAR"), ("$", "USD"), ("EUR", "EUR")])
def test_the_currency_goes_with_the_default_means_of_payment(key: str, iso: str) -> None:
    (means,) = vendor_of(Currency=key).payment_means or ()
    assert (means.currency_code, means.default) == (iso, True)


@pytest.mark.parametrize("key", ["?", "", "eur", "EURO", "€€€", None])
def test_a_currency_without_an_iso_code_is_quarantined(key: str | None) -> None:
    with pytest.raises(Untranslatable, match="has no ISO code") as refusal:
        vendor_of(Currency=key)
    assert refusal.value.code == "CURRENCY_UNMAPPED"
    assert "[currencies]" in refusal.value.remedy


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("ZA4711", (VendorIdentifier(id="ZA4711", scheme_id="VAT"),)),
        ("z" * 36, (VendorIdentifier(id="z" * 36, scheme_id="VAT"),)),
        ("z" * 37, None),
        ("  ", None),
        (None, None),
    ],
)
def test_the_vat_number_is_an_identifier_where_it_fits(stored: str | None, sent: Any) -> None:
    assert vendor_of(TaxRegnNum=stored).identifiers == sent


def addresses_of(**changes: Any) -> dict[str | None, VendorAddress]:
    return {address.address_type: address for address in vendor_of(**changes).addresses or ()}


def parts_of(address: VendorAddress) -> dict[str | None, str | None]:
    return {part.key: part.value for part in address.additional_address_fields or ()}


def test_the_postal_address_is_the_default_one() -> None:
    address = addresses_of()["PostalAddress"]
    assert address.external_code == external_code("vendors/address", "M1", "0000123")
    assert (address.default, address.name) == (True, "Müller & Söhne")
    assert (address.street_name, address.locality, address.city_name) == (
        "1 Main Road",
        "Gardens",
        "Cape Town",
    )
    assert (address.country_sub_entity, address.postal_zone) == ("Western Cape", "8001")
    assert parts_of(address) == {"AdditionalStreetName": "Unit 4", "Country": "South Africa"}


def test_the_second_line_is_the_street_where_the_first_is_blank() -> None:
    address = addresses_of(SupAddr1=" ")["PostalAddress"]
    assert address.street_name == "Unit 4"
    assert "AdditionalStreetName" not in parts_of(address)


def test_the_remittance_address_has_its_own_name_country_and_email() -> None:
    address = addresses_of()["RemittanceAddress"]
    assert address.external_code == external_code("vendors/remittance", "M1", "0000123")
    assert (address.default, address.name, address.country_id) == (False, "Söhne Factoring", "GB")
    assert (address.street_name, address.city_name, address.postal_zone) == ("PO Box 7", "London", "EC1A 1AA")
    assert parts_of(address) == {"Country": "United Kingdom", "Email": "remit@example.com"}


def test_a_remittance_address_without_name_and_country_takes_the_suppliers() -> None:
    address = addresses_of(RemitName="", RemitAddr5="")["RemittanceAddress"]
    assert (address.name, address.country_id) == ("Müller & Söhne", "ZA")


@pytest.mark.parametrize("kind", ["Sup", "Remit"])
def test_an_address_without_street_city_and_postal_code_is_left_out(kind: str) -> None:
    gone = {f"{kind}Addr1": "", f"{kind}Addr2": "", f"{kind}Addr3": " ", f"{kind}PostalCode": None}
    assert {"Sup": "PostalAddress", "Remit": "RemittanceAddress"}[kind] not in addresses_of(**gone)


def test_a_supplier_without_any_address_has_none() -> None:
    blank = {column: "" for column in SUPPLIER if "Addr" in column or "PostalCode" in column}
    assert vendor_of(**blank).addresses is None


@pytest.mark.parametrize(
    ("changes", "country", "noted"),
    [
        pytest.param({"Nationality": "ZA "}, "ZA", None, id="two letters"),
        pytest.param({"Nationality": "DEU"}, "DE", None, id="three letters"),
        pytest.param({"Nationality": "UK"}, "GB", None, id="the site's map"),
        pytest.param(
            {"Nationality": "", "SupAddr5": "south  africa"}, "ZA", None, id="the address's last line"
        ),
        pytest.param(
            {"Nationality": "", "SupAddr5": "CA"}, None, "COUNTRY_UNKNOWN", id="a state, no country"
        ),
        pytest.param({"Nationality": "", "SupAddr5": ""}, None, "COUNTRY_UNKNOWN", id="nothing"),
        pytest.param({"Nationality": "OHI"}, None, "COUNTRY_UNMAPPED", id="a code of the site's own"),
    ],
)
def test_the_country_comes_from_the_nationality(
    changes: dict[str, Any], country: str | None, noted: str | None
) -> None:
    assert addresses_of(**changes)["PostalAddress"].country_id == country
    assert notes_of(**changes) == ({noted} if noted else set())


def test_long_parts_of_an_address_are_cut_and_noted() -> None:
    address = addresses_of(SupAddr1="s" * 60, SupplierName="n" * 250)["PostalAddress"]
    assert address.street_name == "s" * 50
    assert address.name == "n" * 200
    texts = {note.text for note in vendor({**SUPPLIER, "SupAddr1": "s" * 60}, SITE).notes}
    assert texts == {"SupAddr1 is cut at 50 characters"}


@pytest.mark.parametrize(
    ("changes", "name", "email", "telephone"),
    [
        ({}, "Ann", "ann@example.com", "+27 11 1"),
        ({"Contact": ""}, "ann@example.com", "ann@example.com", "+27 11 1"),
        ({"Email": None}, "Ann", None, "+27 11 1"),
        ({"Telephone": ""}, "Ann", "ann@example.com", None),
        ({"Email": "e" * 255}, "Ann", None, "+27 11 1"),
    ],
)
def test_the_contact_is_the_primary_one(
    changes: dict[str, Any], name: str, email: str | None, telephone: str | None
) -> None:
    assert vendor_of(**changes).contacts == (
        VendorContact(name=name, email=email, telephone=telephone, role="PrimaryContact"),
    )


def test_an_address_of_email_is_left_out_rather_than_cut() -> None:
    assert notes_of(Email="e" * 201) == {"TEXT_LEFT_OUT"}


def test_without_name_and_email_there_is_no_contact() -> None:
    assert vendor_of(Contact="", Email="").contacts is None


@pytest.mark.parametrize(
    ("stored", "sent"), [("30 ", VendorPaymentTerm(payment_term_code="30")), ("", None), (None, None)]
)
def test_the_payment_terms_are_sent_trimmed(stored: str | None, sent: VendorPaymentTerm | None) -> None:
    assert vendor_of(TermsCode=stored).payment_terms == sent


def test_the_vendor_belongs_to_the_company_alone_and_names_its_source() -> None:
    entity = vendor_of()
    assert [(one.company_code, one.inherit_to_child_units) for one in entity.companies] == [("1000", False)]
    assert entity.source_system == "SYSPRO"


def test_the_order_email_is_sent_in_lower_case() -> None:
    details = vendor_of().ordering_details
    assert details is not None
    assert (details.order_email, details.ordering_format) == ("orders@example.com", "none")


@pytest.mark.parametrize("email", ["a@b.example; c@d.example", "nobody", "ä@b.example", "a" * 321])
def test_an_order_email_that_basware_does_not_take_is_left_out(email: str) -> None:
    details = vendor_of(PoEmail=email).ordering_details
    assert details is not None
    assert details.order_email is None
    assert notes_of(PoEmail=email) == {"ORDER_EMAIL_LEFT_OUT"}
    assert notes_of(PoEmail=" ") == set()


def account_of(**changes: Any) -> tuple[Any, Any]:
    """The bank and the number of the one account."""
    (means,) = vendor_of(**changes).payment_means or ()
    (account,) = means.financial_accounts or ()
    (number,) = account.financial_account_identifiers or ()
    return account.financial_institution, number


def test_an_iban_is_told_as_one_with_the_bic_of_its_country() -> None:
    bank, number = account_of(BankAccount="DE89 3704 0044 0532 0130 00", BankBranch="COBADEFFXXX")
    assert (number.scheme_id, number.id, number.default) == ("IBAN", "DE89370400440532013000", True)
    assert (bank.scheme_id, bank.id) == ("BIC", "COBADEFFXXX")
    assert number.account_additional_data1 is None


def test_another_account_number_is_a_bban_with_its_branch() -> None:
    bank, number = account_of()
    assert (number.scheme_id, number.id, number.account_additional_data1) == ("BBAN", "62001234567", "250655")
    assert bank is None


@pytest.mark.parametrize("number", ["DE89370400440532013001", "9" * 33, "unknown"])
def test_an_account_that_cannot_be_right_is_left_out_and_never_shown(number: str) -> None:
    (means,) = vendor_of(BankAccount=number).payment_means or ()
    assert means.financial_accounts is None
    (note,) = vendor({**SUPPLIER, "BankAccount": number}, SITE).notes
    assert note.code == "BANK_ACCOUNT_LEFT_OUT"
    assert number not in f"{note.text} {note.remedy}"


def test_a_supplier_held_back_as_a_duplicate_says_of_whom() -> None:
    with pytest.raises(
        Untranslatable, match="supplier '0000123': same VAT number as supplier 'B'"
    ) as refusal:
        vendor_of(Duplicate="same VAT number as supplier 'B' (Bolts)")
    assert refusal.value.code == "DUPLICATE_SUPPLIER"
    assert "on hold" in refusal.value.remedy


def test_a_supplier_without_an_account_has_none() -> None:
    (means,) = vendor_of(BankAccount=" ").payment_means or ()
    assert means.financial_accounts is None
    assert notes_of(BankAccount=None) == set()
