"""What people change of vendors in P2P: payment terms and tax ids, and some things that nobody may take over.

Belongs here: which changes there are, and to which vendors. How one is kept is in `entities`.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_defs.sandbox.basware.schema import Record

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VendorChange:
    """One vendor's changed fields (None clears one), and what kind of change it is.

    `terms` and `tax_id` are what SYSPRO is to hold afterwards; "" where it is to keep its own.
    """

    kind: str
    vendor_code: str
    fields: Mapping[str, Any]
    terms: str = ""
    tax_id: str = ""


def changes(vendors: Sequence[Record], terms: Sequence[str], number: int, seed: int) -> list[VendorChange]:
    """`number` active vendors changed, in the order of the list; from 12 on one of each hostile kind is among them.

    Raises ValueError where there are fewer active vendors, or fewer than two payment terms.
    """
    active = [each for each in vendors if (each.get("processingStatus") or {}).get("active") is not False]
    if len(active) < number or len(terms) < 2:
        raise ValueError(
            f"{number} vendors cannot be changed: {len(active)} are active, {len(terms)} payment terms exist"
        )
    dice = random.Random(f"{seed}:vendor changes")
    hostile = list(_HOSTILE) if number >= 2 * len(_HOSTILE) else []
    places = dict(zip(dice.sample(range(number), len(hostile)), hostile, strict=True))
    usual = _turns()
    return [
        places[place](vendor) if place in places else next(usual)(vendor, terms, dice)
        for place, vendor in enumerate(active[:number])
    ]


def _turns() -> Iterator[Callable[[Record, Sequence[str], random.Random], VendorChange]]:
    while True:
        yield from (_new_terms, _new_tax_id, _both)


def _new_terms(vendor: Record, terms: Sequence[str], dice: random.Random) -> VendorChange:
    now = (vendor.get("paymentTerms") or {}).get("paymentTermCode")
    chosen = dice.choice([code for code in terms if code != now])
    fields = {"paymentTerms": {"paymentTermCode": chosen}}
    return VendorChange("terms", vendor["vendorCode"], fields, terms=chosen)


def _new_tax_id(vendor: Record, _terms: Sequence[str], dice: random.Random) -> VendorChange:
    number = f"XX{dice.randrange(10**8, 10**9)}"
    return VendorChange("tax id", vendor["vendorCode"], _identified(vendor, number), tax_id=number)


def _both(vendor: Record, terms: Sequence[str], dice: random.Random) -> VendorChange:
    first, second = _new_terms(vendor, terms, dice), _new_tax_id(vendor, terms, dice)
    fields = {**first.fields, **second.fields}
    return VendorChange("both", vendor["vendorCode"], fields, terms=first.terms, tax_id=second.tax_id)


def _identified(vendor: Record, *numbers: str) -> Fields:
    """The vendor's identifiers with these as its VAT numbers, and an e-invoice address that is none of ours."""
    others = [each for each in vendor.get("identifiers") or () if each["schemeId"] not in ("VAT", "OVT")]
    vat = [{"id": number, "schemeId": "VAT"} for number in numbers]
    return {"identifiers": [*vat, *others, {"id": f"0037{vendor['vendorCode'][-8:]}", "schemeId": "OVT"}]}


def _unknown_term(vendor: Record) -> VendorChange:
    fields = {"paymentTerms": {"paymentTermCode": "NET90EOM"}}
    return VendorChange("unknown term", vendor["vendorCode"], fields)


def _long_tax_id(vendor: Record) -> VendorChange:
    return VendorChange("long tax id", vendor["vendorCode"], _identified(vendor, "XX" + "9" * 32))


def _two_tax_ids(vendor: Record) -> VendorChange:
    return VendorChange(
        "two tax ids", vendor["vendorCode"], _identified(vendor, "XX111111111", "XX222222222")
    )


def _bank_account(vendor: Record) -> VendorChange:
    means = [dict(each) for each in vendor.get("paymentMeans") or [{"paymentMeansCode": "DEFAULT"}]]
    account = {"schemeId": "IBAN", "id": "GB33BUKB20201555555555", "default": True}
    means[0]["financialAccounts"] = [{"financialAccountIdentifiers": [account]}]
    return VendorChange("bank account", vendor["vendorCode"], {"paymentMeans": means})


def _blank(vendor: Record) -> VendorChange:
    return VendorChange("blank", vendor["vendorCode"], {"paymentTerms": None, "identifiers": None})


def _blanks_around(vendor: Record) -> VendorChange:
    numbers = [each["id"] for each in vendor.get("identifiers") or () if each["schemeId"] == "VAT"]
    fields = _identified(vendor, *(f" {number} " for number in numbers))
    return VendorChange("blanks around", vendor["vendorCode"], fields)


_HOSTILE: tuple[Callable[[Record], VendorChange], ...] = (
    _unknown_term,
    _long_tax_id,
    _two_tax_ids,
    _bank_account,
    _blank,
    _blanks_around,
)
