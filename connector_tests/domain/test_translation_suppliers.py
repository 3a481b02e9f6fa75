"""Suppliers: one test for each line of the room's table."""

from typing import Any

import pytest
from pydantic import ValidationError

from connector_defs.basware.entities import (
    Vendor,
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


def test_a_name_of_more_than_250_characters_is_over_the_limit() -> None:
    with pytest.raises(ValidationError):
        vendor_of(SupplierName="y" * 251)


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
    assert (means.currency_code, means.default, means.financial_accounts) == (iso, True, None)


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


def test_the_address_is_one_postal_address() -> None:
    (address,) = vendor_of().addresses or ()
    assert address.external_code == external_code("vendors/address", "M1", "0000123")
    assert (address.address_type, address.default, address.name) == ("PostalAddress", True, "Müller & Söhne")
    assert (address.street_name, address.locality, address.city_name) == (
        "1 Main Road",
        "Suburb",
        "Cape Town",
    )
    assert (address.country_sub_entity, address.postal_zone) == ("Western Cape", "8001")


def test_an_address_without_street_city_and_postal_code_is_left_out() -> None:
    assert vendor_of(SupAddr1="", SupAddr3=" ", SupPostalCode=None).addresses is None


def test_long_parts_of_an_address_are_cut_at_what_basware_takes() -> None:
    (address,) = vendor_of(SupAddr1="s" * 60, SupplierName="n" * 250).addresses or ()
    assert address.street_name == "s" * 50
    assert address.name == "n" * 200


@pytest.mark.parametrize(
    ("changes", "name", "email", "telephone"),
    [
        ({}, "Ann", "ann@example.com", "+27 11 1"),
        ({"Contact": ""}, "ann@example.com", "ann@example.com", "+27 11 1"),
        ({"Email": None}, "Ann", None, "+27 11 1"),
        ({"Telephone": ""}, "Ann", "ann@example.com", None),
        ({"Email": "e" * 255, "Contact": ""}, "e" * 200, "e" * 200, "+27 11 1"),
    ],
)
def test_the_contact_is_the_primary_one(
    changes: dict[str, Any], name: str, email: str | None, telephone: str | None
) -> None:
    assert vendor_of(**changes).contacts == (
        VendorContact(name=name, email=email, telephone=telephone, role="PrimaryContact"),
    )


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
