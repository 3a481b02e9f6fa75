"""Suppliers as Basware takes them (VendorEntity and its parts).

Here: the shape and limits of the vendor request. Not here: how a SYSPRO supplier becomes one.
"""

from typing import Annotated, Literal

from pydantic import Field

from connector_defs.basware.entities.fields import (
    BusinessDate,
    Code25,
    Code32,
    Code36,
    Code250,
    CountryCode,
    CurrencyCode,
    Entity,
    ExternalCode,
    Flag,
    Number,
    Text25,
    Text36,
    Text50,
    Text100,
    Text200,
    Text250,
)

AddressType = Literal[
    "AdditionalAddress",
    "VisitingAddress",
    "RemittanceAddress",
    "DeliveryAddress",
    "PostalAddress",
    "RegistrationAddress",
]
AddressPartKey = Literal[
    "AdditionalField1",
    "AdditionalField2",
    "AdditionalStreetName",
    "BlockName",
    "BuildingName",
    "BuildingNumber",
    "CitySubDivisionName",
    "Country",
    "Department",
    "District",
    "Email",
    "Floor",
    "GlobalLocationNumber",
    "InhouseEmail",
    "MarkAttention",
    "MarkCare",
    "Region",
    "Room",
    "CoordinateSystemCode",
    "PlotIdentification",
    "LatitudeDegreesMeasure",
    "LatitudeDirectionCode",
    "LatitudeMinutesMeasure",
    "LongitudeDegreesMeasure",
    "LongitudeDirectionCode",
    "LongitudeMinutesMeasure",
]

# As published: the name part in lower case, or anything of seven bits; a domain or an address in brackets.
_ORDER_EMAIL = (
    r"^(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"|(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21\x23-\x5b\x5d-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*)"
    r"@(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    r"|\[(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}"
    r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?|[a-z0-9-]*[a-z0-9]"
    r":(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21-\x5a\x53-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])+)\])$"
)
OrderEmail = Annotated[str, Field(min_length=3, max_length=320, pattern=_ORDER_EMAIL)]


class VendorIdentifier(Entity):
    """VAT number, registry number or e-invoice address; `scheme_id` is a key configured in P2P."""

    id: Code36
    scheme_id: Code32
    default_party_id: Flag | None = None


class VendorAddressPart(Entity):
    """One named part of an address."""

    key: AddressPartKey | None = None
    value: Text200 | None = None


class VendorAddress(Entity):
    """An address; never changed by PATCH (Basware wire notes 2.17)."""

    external_code: ExternalCode
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Text200 | None = None
    address_type: AddressType | None = None
    address_line1: Text200 | None = None
    address_line2: Text200 | None = None
    address_line3: Text200 | None = None
    city_name: Text50 | None = None
    postal_zone: Text50 | None = None
    po_box: Text50 | None = None
    street_name: Text50 | None = None
    locality: Text50 | None = None
    country_sub_entity: Text50 | None = None
    country_sub_entity_description: Text50 | None = None
    country_id: CountryCode | None = None
    default: Flag | None = None
    additional_address_fields: tuple[VendorAddressPart, ...] | None = None


class VendorContact(Entity):
    """A contact person; only the e-mail address reaches P2P."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Text200 | None = None
    telephone: Text50 | None = None
    telefax: Text50 | None = None
    email: Text200 | None = None
    website: Text200 | None = None
    role: Literal["AdditionalContact", "PrimaryContact", "SecondaryContact"] | None = None


class VendorDeliveryTerm(Entity):
    """How and where goods are delivered."""

    delivery_term_code: Code25
    delivery_location: Text100 | None = None
    description: Text200 | None = None


class FinancialInstitution(Entity):
    """The bank, usually by its BIC."""

    name: Text250
    id: Annotated[str, Field(min_length=1, max_length=20)]
    scheme_id: Code36
    branch_id: Text50 | None = None
    branch_id_scheme_id: Text36 | None = None
    country_id: CountryCode | None = None


class FinancialAccountIdentifier(Entity):
    """An account number, as IBAN or BBAN; P2P takes 32 characters of `id`."""

    scheme_id: Code36
    description: Text200 | None = None
    id: Text50 | None = None
    account_holder_name: Text200 | None = None
    currency_code: CurrencyCode | None = None
    account_additional_data1: Text200 | None = None
    account_additional_data2: Text200 | None = None
    default: Flag | None = None
    linked_bban_or_iban: Text50 | None = None


class VendorFinancialAccounts(Entity):
    """One bank account: the bank and the numbers of the account."""

    financial_institution: FinancialInstitution | None = None
    financial_account_identifiers: tuple[FinancialAccountIdentifier, ...] | None = None


class VendorPaymentMean(Entity):
    """A means of payment; the currency of the default one is the vendor's currency."""

    payment_means_code: Code25
    description: Text200 | None = None
    currency_code: CurrencyCode | None = None
    financial_accounts: tuple[VendorFinancialAccounts, ...] | None = None
    default: Flag | None = None


class VendorPaymentTerm(Entity):
    """Reference to a payment term that exists in P2P; a single object despite the plural name."""

    payment_term_code: Code25
    description: Text200 | None = None


class VendorOrderingDetails(Entity):
    """How orders are sent; `ordering_format` is none where only invoices are handled."""

    ordering_format: Literal["UBL", "EHFXML21", "email", "other", "none", "BaswareNetwork"] | None = None
    ordering_message_language: Annotated[str, Field(max_length=10)] | None = None
    ordering_language: Text25 | None = None
    order_email: OrderEmail | None = None
    order_process_type: Text50 | None = None
    minimum_order_allowed: Number | None = None
    is_taxable: Flag | None = None
    automatically_receive_on_invoice: Flag | None = None
    automatically_receive_on_order: Flag | None = None
    has_active_catalog: Flag | None = None
    create_order_automatically: Flag | None = None
    deliver_order_automatically: Flag | None = None
    no_freeform_items: Flag | None = None
    send_to_network: Flag | None = None


class VendorProcessingStatus(Entity):
    """The soft delete (`active`) and the payment stop."""

    active: Flag | None = None
    payment_denied: Flag | None = None


class VendorTag(Entity):
    """A label on the vendor, in a group where one is given."""

    name: Annotated[str, Field(min_length=1, max_length=50)]
    value: Code250
    tag_group: Text50 | None = None


class VendorAdditionalField(Entity):
    """A customer-defined field."""

    name: Code25
    value: Code250
    group_name: Annotated[str, Field(max_length=500)] | None = None


class VendorCompany(Entity):
    """A company that may use the vendor; there is no active flag here."""

    company_code: Code32
    inherit_to_child_units: Flag | None = None


class Vendor(Entity):
    """A supplier (Basware wire notes 5, VendorEntity)."""

    external_code: ExternalCode
    vendor_code: Code25
    name: Code250
    companies: tuple[VendorCompany, ...]
    vendor_parent: str | None = None
    buvid: Text36 | None = None
    source_system: Text36 | None = None
    description: Text250 | None = None
    last_updated: BusinessDate | None = None
    supplier_assigned_account_id: Annotated[str, Field(max_length=128)] | None = None
    eligible_for_sourcing: Flag | None = None
    vendor_class: Text100 | None = None
    identifiers: tuple[VendorIdentifier, ...] | None = None
    addresses: tuple[VendorAddress, ...] | None = None
    contacts: tuple[VendorContact, ...] | None = None
    delivery_term: VendorDeliveryTerm | None = None
    payment_means: tuple[VendorPaymentMean, ...] | None = None
    payment_terms: VendorPaymentTerm | None = None
    ordering_details: VendorOrderingDetails | None = None
    processing_status: VendorProcessingStatus | None = None
    tags: tuple[VendorTag, ...] | None = None
    custom_fields: tuple[VendorAdditionalField, ...] | None = None
