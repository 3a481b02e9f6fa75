"""Suppliers.

| Basware | SYSPRO | rule |
|---|---|---|
| vendorCode | ApSupplier.Supplier | as stored |
| name | SupplierName | 2 to 250 characters |
| processingStatus.active, paymentDenied | OnHold | on hold = inactive and payment denied |
| paymentMeans currency | Currency | SYSPRO key -> ISO 4217 |
| identifiers VAT | TaxRegnNum | left out where blank or over 36 |
| addresses | ApSupplierAddr | one postal address |
| contacts | Contact, Email, Telephone | only the e-mail reaches P2P |
| paymentTerms | TermsCode | the code, trimmed |
Bank data comes with the extended supplier record, from SYSPRO alone.
"""

from connector_defs.basware.entities import (
    Vendor,
    VendorAddress,
    VendorCompany,
    VendorContact,
    VendorIdentifier,
    VendorPaymentMean,
    VendorPaymentTerm,
    VendorProcessingStatus,
)
from connector_defs.domain.translation.context import (
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    flag,
    text,
    trimmed,
)
from connector_defs.domain.translation.master import code_within_limit


def vendor(row: SourceRow, site: Site) -> Translated:
    """ApSupplier row, with its ApSupplierAddr columns, -> VendorEntity."""
    code = code_within_limit(text(row, "Supplier"), "supplier")
    name = trimmed(row, "SupplierName")
    if len(name) < 2:
        raise Untranslatable(
            "NAME_TOO_SHORT",
            f"supplier {code!r}: the name {name!r} has fewer than 2 characters, which Basware refuses",
            "correct the supplier's name in SYSPRO",
        )
    on_hold = flag(row, "OnHold")
    vat = trimmed(row, "TaxRegnNum")
    terms = trimmed(row, "TermsCode")
    return Translated(
        Vendor(
            external_code=site.external_code("vendors", code),
            vendor_code=code,
            name=name,
            source_system=site.source_system,
            companies=(VendorCompany(company_code=site.basware_company, inherit_to_child_units=False),),
            identifiers=(VendorIdentifier(id=vat, scheme_id="VAT"),) if vat and len(vat) <= 36 else None,
            addresses=_addresses(row, code, name, site),
            contacts=_contacts(row),
            payment_means=(
                VendorPaymentMean(
                    payment_means_code="DEFAULT",
                    currency_code=site.currency(text(row, "Currency"), f"supplier {code!r}"),
                    default=True,
                ),
            ),
            payment_terms=VendorPaymentTerm(payment_term_code=terms) if terms else None,
            processing_status=VendorProcessingStatus(active=not on_hold, payment_denied=on_hold),
        )
    )


def _addresses(row: SourceRow, code: str, name: str, site: Site) -> tuple[VendorAddress, ...] | None:
    street, locality, city, region = (trimmed(row, f"SupAddr{line}")[:50] for line in (1, 2, 3, 4))
    postal = trimmed(row, "SupPostalCode")[:50]
    if not (street or city or postal):
        return None
    return (
        VendorAddress(
            external_code=site.external_code("vendors/address", code),
            name=name[:200],
            address_type="PostalAddress",
            street_name=street or None,
            locality=locality or None,
            city_name=city or None,
            country_sub_entity=region or None,
            postal_zone=postal or None,
            default=True,
        ),
    )


def _contacts(row: SourceRow) -> tuple[VendorContact, ...] | None:
    name, email, telephone = (trimmed(row, column) for column in ("Contact", "Email", "Telephone"))
    if not (name or email):
        return None
    return (
        VendorContact(
            name=(name or email)[:200],
            email=email[:200] or None,
            telephone=telephone[:50] or None,
            role="PrimaryContact",
        ),
    )
