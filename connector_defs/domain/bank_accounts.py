"""Bank accounts as SYSPRO holds them (one field, whatever was typed) told apart: IBAN, other account number, BIC.

No text of this room holds a bank account: neither a flaw nor a representation.
Source: ISO 13616 (IBAN, check by ISO 7064 mod 97-10) and ISO 9362 (BIC).
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

# Length of an IBAN by country; the registry's countries, 2025.
_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FO GL NL SD FK",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU XK MN",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS",
        "23": "AE GI IL IQ TL OM SO",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "PT ST LY",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV HN",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}")
_BEGINS = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?=[ -]?[A-Z0-9])")
_BIC = re.compile(r"[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
# A is 10, B is 11, and so on.
_AS_DIGITS = str.maketrans({chr(ord("A") + place): str(10 + place) for place in range(26)})
# Basware's field holds 50, P2P takes 32 of them (Basware wire notes 5).
_LIMIT = 32


class AccountFlaw(ValueError):
    """An account that must not be told: money could go astray. The text holds no part of it."""


@dataclass(frozen=True)
class BankAccount:
    """An account number with its scheme. `bic` is set where the bank field holds one, else `branch` has it."""

    scheme: Literal["IBAN", "BBAN"]
    number: str = field(repr=False)
    bic: str | None = field(default=None, repr=False)
    branch: str = field(default="", repr=False)


def bank_account(number: str, branch: str, country: str | None) -> BankAccount | None:
    """The account of a supplier in `country`, None where there is none. Raises AccountFlaw.

    What begins like an IBAN of a country that has IBANs must pass its check: a mistyped one is never sent as
    some other kind of number.
    """
    if not number.strip():
        return None
    squeezed = re.sub(r"[\s-]", "", number).upper()
    if _IBAN.fullmatch(squeezed) and squeezed[:2] in _LENGTHS:
        if len(squeezed) != _LENGTHS[squeezed[:2]] or not _passes(squeezed):
            raise AccountFlaw("the bank account begins like an IBAN and fails its length or check digits")
        kind: Literal["IBAN", "BBAN"] = "IBAN"
        kept = squeezed
    else:
        kind, kept = "BBAN", "".join(number.split())
    if len(kept) > _LIMIT:
        raise AccountFlaw(f"the bank account has more than {_LIMIT} characters")
    if not any(character in "0123456789" for character in kept):
        raise AccountFlaw("the bank account holds no digit")
    home = kept[:2] if kind == "IBAN" else country
    bic = _bic(branch, home)
    return BankAccount(kind, kept, bic, "" if bic else branch.strip())


def _passes(iban: str) -> bool:
    return int((iban[4:] + iban[:4]).translate(_AS_DIGITS)) % 97 == 1


def _bic(branch: str, country: str | None) -> str | None:
    """The branch as BIC. A bank's name may look like one, so the country in it must be the account's."""
    squeezed = "".join(branch.split()).upper()
    match = _BIC.fullmatch(squeezed)
    return squeezed if match is not None and match[1] == country else None


def masked(number: str) -> str:
    """A number by its end: enough to tell one from another, too little to pay to."""
    squeezed = re.sub(r"[\s./-]", "", number)
    return f"…{squeezed[-4:] if len(squeezed) > 2 * 4 else squeezed[-2:]}"


def without_ibans(text: str) -> str:
    """The text with every IBAN in it masked, also where it is written in groups. Its check digits tell it apart."""
    parts = []
    done = 0
    for match in _BEGINS.finditer(text):
        if match.start() < done:
            continue
        end = _end_of_iban(text, match.start())
        if end is not None:
            parts += [text[done : match.start()], masked(text[match.start() : end])]
            done = end
    return "".join((*parts, text[done:])) if parts else text


def _end_of_iban(text: str, start: int) -> int | None:
    """Where the IBAN that begins at `start` ends; None where none does."""
    length = _LENGTHS.get(text[start : start + 2])
    found = _shape(length).match(text, start) if length else None
    return found.end() if found and _passes(re.sub("[ -]", "", found[0])) else None


@cache
def _shape(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Z]{{2}}[0-9]{{2}}(?:[ -]?[A-Z0-9]){{{length - 4}}}(?![A-Za-z0-9])")
