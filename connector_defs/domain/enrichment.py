"""What Basware knows better of a supplier: its payment term and its tax id, compared with what SYSPRO holds.

Belongs here: what of a Basware vendor counts, and what follows from it for the supplier in SYSPRO. Reads and writes
nothing. Basware owns these two fields; bank data is SYSPRO's alone and is only ever reported.

| field | Basware | SYSPRO | rule |
|---|---|---|---|
| payment_terms | paymentTerms.paymentTermCode | ApSupplier.TermsCode | a code of TblApTerms, else review |
| tax_id | identifiers of one scheme (VAT) | ApSupplier.TaxRegnNum | exactly one, within SYSPRO's length, else review |
| bank_data | paymentMeans.financialAccounts | BankAccount | an account that SYSPRO does not hold is reported |

Texts are compared without the blanks around them. What is blank in Basware changes nothing in SYSPRO.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector_defs.basware.entities import WireValue
from connector_defs.domain.bank_accounts import masked
from connector_defs.domain.text import for_windows_1252

SUPPLIER_LENGTH = 15
TERM_LENGTH = 2
# A shorter account number would be found in any IBAN by chance.
_SHORTEST_ACCOUNT = 6


class Field(StrEnum):
    """What is compared."""

    PAYMENT_TERMS = "payment_terms"
    TAX_ID = "tax_id"
    BANK_DATA = "bank_data"


# The reasons for which a person must look; "" stands for a change that may be made.
UNKNOWN_TERM = "UNKNOWN_TERM"
TERMS_NOT_READ = "TERMS_NOT_READ"
SEVERAL_TAX_IDS = "SEVERAL_TAX_IDS"
TOO_LONG = "TOO_LONG"
NOT_REPRESENTABLE = "NOT_REPRESENTABLE"
COLUMN_NOT_SHOWN = "COLUMN_NOT_SHOWN"
BANK_DATA_DIFFERS = "BANK_DATA_DIFFERS"

# Why a vendor is not compared at all.
MALFORMED = "MALFORMED_VENDOR"
UNKNOWN_SUPPLIER = "UNKNOWN_SUPPLIER"
INACTIVE = "INACTIVE_VENDOR"
OTHER_SOURCE = "OTHER_SOURCE_SYSTEM"
SEVERAL_VENDORS = "SEVERAL_VENDORS"

_IN_BASWARE = "correct it in Basware; the next run compares again"


@dataclass(frozen=True)
class VendorFacts:
    """A Basware vendor as far as SYSPRO may learn from it. Texts are trimmed, except the code, which is a key.

    `accounts` are account numbers without blanks, in capitals. `companies` is empty where the record names none.
    """

    external_code: str
    code: str
    source_system: str
    companies: frozenset[str]
    active: bool
    term: str
    tax_ids: tuple[str, ...]
    accounts: tuple[str, ...]
    last_updated: str


@dataclass(frozen=True)
class SupplierFacts:
    """A supplier as SYSPRO holds it; None where it does not show the column. Texts are trimmed."""

    code: str
    term: str | None
    tax_id: str | None
    bank_account: str


@dataclass(frozen=True)
class EnrichmentRules:
    """What the site decides. `terms` are SYSPRO's codes, trimmed; None where they cannot be read."""

    scheme: str
    fields: frozenset[Field]
    tax_id_length: int
    terms: frozenset[str] | None


@dataclass(frozen=True)
class Difference:
    """One field in which Basware and SYSPRO differ. With a `code` a person must look; `wants` may be no single value."""

    supplier: str
    field: Field
    has: str
    wants: str
    code: str = ""
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Note:
    """A vendor that was not compared, and why."""

    vendor: str
    code: str
    reason: str


class BadVendor(ValueError):
    """A vendor record that is not of the published shape."""


def facts_of(record: Mapping[str, WireValue], scheme: str) -> VendorFacts:
    """The facts of a vendor as Basware's API gives it (Basware wire notes 5, VendorEntity). Raises BadVendor."""
    status = _object(record, "processingStatus")
    return VendorFacts(
        external_code=_text(record, "externalCode").strip(),
        code=_text(record, "vendorCode"),
        source_system=_text(record, "sourceSystem").strip(),
        companies=frozenset(_text(one, "companyCode").strip() for one in _objects(record, "companies")),
        active=status.get("active") is not False,
        term=_text(_object(record, "paymentTerms"), "paymentTermCode").strip(),
        tax_ids=tuple(dict.fromkeys(_tax_ids(record, scheme))),
        accounts=tuple(dict.fromkeys(_accounts(record))),
        last_updated=_text(record, "lastUpdated"),
    )


def _tax_ids(record: Mapping[str, WireValue], scheme: str) -> Iterator[str]:
    wanted = scheme.strip().casefold()
    for one in _objects(record, "identifiers"):
        number = _text(one, "id").strip()
        if number and _text(one, "schemeId").strip().casefold() == wanted:
            yield number


def _accounts(record: Mapping[str, WireValue]) -> Iterator[str]:
    for mean in _objects(record, "paymentMeans"):
        for account in _objects(mean, "financialAccounts"):
            for one in _objects(account, "financialAccountIdentifiers"):
                number = _compact(_text(one, "id"))
                if number:
                    yield number


def why_not_compared(vendor: VendorFacts, source_system: str) -> Note | None:
    """None where the vendor stands for one of this site's suppliers."""
    if not vendor.code.strip():
        return Note(vendor.external_code, MALFORMED, "the vendor has no vendorCode")
    if vendor.source_system and vendor.source_system != source_system:
        return Note(
            vendor.code, OTHER_SOURCE, f"the vendor belongs to source system {vendor.source_system!r}"
        )
    return None


def unknown_supplier(vendor: VendorFacts, alike: Sequence[str]) -> Note:
    """SYSPRO has no supplier of this code; `alike` are those that differ by blanks, case or zeros only."""
    listed = f"; alike, but not the same: {', '.join(repr(code) for code in alike)}" if alike else ""
    return Note(vendor.code, UNKNOWN_SUPPLIER, f"SYSPRO has no supplier {vendor.code!r}{listed}")


def differences(vendor: VendorFacts, supplier: SupplierFacts, rules: EnrichmentRules) -> list[Difference]:
    """Every field in which the vendor tells SYSPRO something else than it holds."""
    found = []
    if Field.PAYMENT_TERMS in rules.fields and vendor.term:
        found.append(_term(vendor, supplier, rules.terms))
    if Field.TAX_ID in rules.fields and vendor.tax_ids:
        found.append(_tax_id(vendor, supplier, rules.tax_id_length))
    found.append(_bank_data(vendor, supplier))
    return [one for one in found if one is not None]


def _term(vendor: VendorFacts, supplier: SupplierFacts, terms: frozenset[str] | None) -> Difference | None:
    if supplier.term == vendor.term:
        return None
    one = Difference(supplier.code, Field.PAYMENT_TERMS, supplier.term or "", vendor.term)
    if supplier.term is None:
        return _not_shown(one, "TermsCode")
    if terms is None:
        return _review(
            one,
            TERMS_NOT_READ,
            "SYSPRO's payment terms (TblApTerms) cannot be read, so nobody knows whether it has this one",
            "give the OData operator access to TblApTerms",
        )
    if vendor.term not in terms or len(vendor.term) > TERM_LENGTH:
        return _review(
            one,
            UNKNOWN_TERM,
            f"SYSPRO has no payment term {vendor.term!r}",
            "set up the term in SYSPRO, or correct it in Basware; the next run compares again",
        )
    return one


def _tax_id(vendor: VendorFacts, supplier: SupplierFacts, longest: int) -> Difference | None:
    if len(vendor.tax_ids) > 1:
        several = ", ".join(vendor.tax_ids)
        one = Difference(supplier.code, Field.TAX_ID, supplier.tax_id or "", several)
        return _review(
            one, SEVERAL_TAX_IDS, f"Basware holds {len(vendor.tax_ids)} tax ids of it", _IN_BASWARE
        )
    (number,) = vendor.tax_ids
    if supplier.tax_id == number:
        return None
    one = Difference(supplier.code, Field.TAX_ID, supplier.tax_id or "", number)
    if supplier.tax_id is None:
        return _not_shown(one, "TaxRegnNum")
    if len(number) > longest:
        return _review(
            one,
            TOO_LONG,
            f"the tax id has {len(number)} characters, and SYSPRO takes {longest}: it is never cut",
            "correct it in Basware; or raise enrichment.tax_id_length where your SYSPRO release takes more",
        )
    if for_windows_1252(number).text != number:
        return _review(
            one,
            NOT_REPRESENTABLE,
            "the tax id holds characters that SYSPRO cannot hold as they are",
            _IN_BASWARE,
        )
    return one


def _bank_data(vendor: VendorFacts, supplier: SupplierFacts) -> Difference | None:
    """An account that Basware alone holds. Numbers are shown by their last four characters only."""
    ours = _compact(supplier.bank_account)
    foreign = [one for one in vendor.accounts if not _is_the_same(one, ours)]
    if not foreign:
        return None
    return Difference(
        supplier.code,
        Field.BANK_DATA,
        _masked([ours] if ours else []),
        _masked(foreign),
        BANK_DATA_DIFFERS,
        "Basware holds a bank account of this supplier that SYSPRO does not; bank data is never taken from Basware",
        "ask the supplier by a way you know, and find out who changed it in Basware",
    )


def _is_the_same(theirs: str, ours: str) -> bool:
    """Equal, or an IBAN around our number."""
    return theirs == ours or (len(ours) >= _SHORTEST_ACCOUNT and ours in theirs)


def _masked(accounts: Sequence[str]) -> str:
    """`…1234 #a1` for each: enough to tell one from another, too little to pay to.

    Six digits are a million guesses: more of the digest than two characters would tell the number itself.
    """
    return ", ".join(f"{masked(one)} #{hashlib.sha256(one.encode()).hexdigest()[:2]}" for one in accounts)


def _not_shown(one: Difference, column: str) -> Difference:
    return _review(
        one,
        COLUMN_NOT_SHOWN,
        f"SYSPRO does not show ApSupplier.{column}, so nobody knows what would be overwritten",
        "give the OData operator access to the column",
    )


def _review(one: Difference, code: str, reason: str, remedy: str) -> Difference:
    return Difference(one.supplier, one.field, one.has, one.wants, code, reason, remedy)


def _compact(number: str) -> str:
    return "".join(character for character in number if character.isalnum()).upper()


def _text(record: Mapping[str, WireValue], name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadVendor(f"{name} is no text")
    return value


def _object(record: Mapping[str, WireValue], name: str) -> Mapping[str, WireValue]:
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadVendor(f"{name} is no object")
    return value


def _objects(record: Mapping[str, WireValue], name: str) -> Iterable[Mapping[str, WireValue]]:
    value = record.get(name)
    if value is None:
        return
    if not isinstance(value, list):
        raise BadVendor(f"{name} is no list")
    for one in value:
        if not isinstance(one, dict):
            raise BadVendor(f"{name} holds something that is no object")
        yield one
