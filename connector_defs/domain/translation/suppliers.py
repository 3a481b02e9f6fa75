"""Suppliers.

| Basware | SYSPRO | rule |
|---|---|---|
| vendorCode | ApSupplier.Supplier | as stored, at most 25 characters |
| name | SupplierName | 2 to 250 characters, never cut |
| processingStatus.active, paymentDenied | OnHold | on hold = inactive and payment denied; SYSPRO has no other flag for it |
| paymentMeans currency | Currency | SYSPRO key -> ISO 4217 by [currencies] |
| bank account | BankAccount, BankBranch | SYSPRO's alone; IBAN where its check digits hold, else BBAN; see `bank_accounts` |
| identifiers VAT | TaxRegnNum | left out where blank or over 36 |
| addresses PostalAddress | SupAddr1-5, SupAddr3Loc, SupPostalCode | street, second line, city, region, country line |
| addresses RemittanceAddress | RemitName, RemitAddr1-5, RemitPostalCode, RemitEmail | where SYSPRO has one |
| countryId | Nationality, else the last address line | by [countries], ISO 3166 codes stand for themselves |
| contacts | Contact, Email, Telephone | only the e-mail reaches P2P |
| orderingDetails | PoEmail | in lower case, as Basware's pattern wants it; SYSPRO sends the orders itself: format none |
| paymentTerms | TermsCode | the code, trimmed |

A supplier that shares its VAT number or bank account with another one comes with `Duplicate` where the site holds
such suppliers back (`flows.duplicates`).
"""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from connector_defs.basware.entities import (
    FinancialAccountIdentifier,
    FinancialInstitution,
    Vendor,
    VendorAddress,
    VendorAddressPart,
    VendorCompany,
    VendorContact,
    VendorFinancialAccounts,
    VendorIdentifier,
    VendorOrderingDetails,
    VendorPaymentMean,
    VendorPaymentTerm,
    VendorProcessingStatus,
)
from connector_defs.basware.entities.vendors import AddressPartKey, AddressType, OrderEmail
from connector_defs.domain.bank_accounts import AccountFlaw, bank_account
from connector_defs.domain.translation.context import (
    Notes,
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    code_within_limit,
    flag,
    name_within_limit,
    text,
    trimmed,
)

_ORDER_EMAIL: TypeAdapter[str] = TypeAdapter(OrderEmail)


def vendor(row: SourceRow, site: Site) -> Translated:
    """ApSupplier row, with its ApSupplierAddr columns, -> VendorEntity."""
    code = code_within_limit(text(row, "Supplier"), "supplier")
    name = name_within_limit(text(row, "SupplierName"), f"supplier {code!r}", 250)
    duplicate = text(row, "Duplicate")
    if duplicate:
        raise Untranslatable(
            "DUPLICATE_SUPPLIER",
            f"supplier {code!r}: {duplicate}",
        )
    notes = Notes()
    on_hold = flag(row, "OnHold")
    terms = trimmed(row, "TermsCode")
    vat = notes.whole(trimmed(row, "TaxRegnNum"), 36, "TaxRegnNum")
    country = site.country(trimmed(row, "Nationality"), trimmed(row, "SupAddr5"), notes)
    entity = Vendor(
        external_code=site.external_code("vendors", code),
        vendor_code=code,
        name=name,
        source_system=site.source_system,
        companies=(VendorCompany(company_code=site.basware_company, inherit_to_child_units=False),),
        identifiers=(VendorIdentifier(id=vat, scheme_id="VAT"),) if vat else None,
        addresses=_addresses(row, code, name, country, site, notes),
        contacts=_contacts(row, notes),
        payment_means=(
            VendorPaymentMean(
                payment_means_code="DEFAULT",
                currency_code=site.currency(text(row, "Currency"), f"supplier {code!r}"),
                financial_accounts=_accounts(row, country, notes),
                default=True,
            ),
        ),
        payment_terms=VendorPaymentTerm(
            payment_term_code=code_within_limit(terms, f"supplier {code!r}: terms")
        )
        if terms
        else None,
        ordering_details=VendorOrderingDetails(ordering_format="none", order_email=_order_email(row, notes)),
        processing_status=VendorProcessingStatus(active=not on_hold, payment_denied=on_hold),
    )
    return Translated(entity, notes=notes.found)


def _addresses(
    row: SourceRow, code: str, name: str, country: str | None, site: Site, notes: Notes
) -> tuple[VendorAddress, ...] | None:
    # Where it is to be paid may lie in another country than the supplier's own.
    line = trimmed(row, "RemitAddr5")
    paid_in = site.country("", line, Notes()) if line else country
    postal = _Place("PostalAddress", site.external_code("vendors/address", code), name, country)
    remittance = _Place(
        "RemittanceAddress",
        site.external_code("vendors/remittance", code),
        trimmed(row, "RemitName") or name,
        paid_in,
    )
    found = (
        _address(row, "SupAddr", "SupPostalCode", postal, notes),
        _address(row, "RemitAddr", "RemitPostalCode", remittance, notes),
    )
    return tuple(address for address in found if address is not None) or None


@dataclass(frozen=True)
class _Place:
    """What an address is for, its key, who is there, and in which country."""

    kind: AddressType
    external_code: str
    name: str
    country: str | None


def _address(
    row: SourceRow, lines: str, postal_code: str, place: _Place, notes: Notes
) -> VendorAddress | None:
    """The address in the columns `<lines>1` to `<lines>5`; None where street, city and postal code are blank."""
    first, second, city, region, country = (trimmed(row, f"{lines}{line}") for line in range(1, 6))
    if not first:
        first, second = second, ""
    if not (first or city or trimmed(row, postal_code)):
        return None
    parts: list[tuple[AddressPartKey, str]] = [("AdditionalStreetName", second), ("Country", country)]
    if place.kind == "RemittanceAddress":
        parts.append(("Email", notes.whole(trimmed(row, "RemitEmail"), 200, "RemitEmail") or ""))
    return VendorAddress(
        external_code=place.external_code,
        name=notes.cut(place.name, 200, "the name in an address") or place.external_code,
        address_type=place.kind,
        street_name=notes.cut(first, 50, f"{lines}1"),
        locality=notes.cut(trimmed(row, f"{lines}3Loc"), 50, f"{lines}3Loc"),
        city_name=notes.cut(city, 50, f"{lines}3"),
        country_sub_entity=notes.cut(region, 50, f"{lines}4"),
        postal_zone=notes.cut(trimmed(row, postal_code), 50, postal_code),
        country_id=place.country,
        default=place.kind == "PostalAddress",
        additional_address_fields=tuple(
            VendorAddressPart(key=key, value=notes.cut(value, 200, f"an address ({key})"))
            for key, value in parts
            if value
        )
        or None,
    )


def _contacts(row: SourceRow, notes: Notes) -> tuple[VendorContact, ...] | None:
    email = notes.whole(trimmed(row, "Email"), 200, "Email")
    name = notes.cut(trimmed(row, "Contact"), 200, "Contact") or email
    if name is None:
        return None
    return (
        VendorContact(
            name=name,
            email=email,
            telephone=notes.whole(trimmed(row, "Telephone"), 50, "Telephone"),
            role="PrimaryContact",
        ),
    )


def _order_email(row: SourceRow, notes: Notes) -> str | None:
    email = trimmed(row, "PoEmail").lower()
    if not email:
        return None
    try:
        return _ORDER_EMAIL.validate_python(email)
    except ValidationError:
        notes.add(
            "ORDER_EMAIL_LEFT_OUT",
            "PoEmail is left out where it is not one single address of e-mail",
            "correct it in SYSPRO",
        )
        return None


def _accounts(
    row: SourceRow, country: str | None, notes: Notes
) -> tuple[VendorFinancialAccounts, ...] | None:
    try:
        account = bank_account(trimmed(row, "BankAccount"), trimmed(row, "BankBranch"), country)
    except AccountFlaw as flaw:
        notes.add("BANK_ACCOUNT_LEFT_OUT", f"suppliers without their account: {flaw}", "correct it in SYSPRO")
        return None
    if account is None:
        return None
    return (
        VendorFinancialAccounts(
            financial_institution=FinancialInstitution(name=account.bic, id=account.bic, scheme_id="BIC")
            if account.bic
            else None,
            financial_account_identifiers=(
                FinancialAccountIdentifier(
                    scheme_id=account.scheme,
                    id=account.number,
                    account_additional_data1=notes.whole(account.branch, 200, "BankBranch"),
                    default=True,
                ),
            ),
        ),
    )
