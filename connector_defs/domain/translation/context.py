"""What every translation needs to know of the site, how a record is refused, and how something of it is noted.

Here: the pair's codes, the site's maps, names in their languages, codes and texts within Basware's limits.
Not here: any entity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import cast

from connector_defs.basware.entities import Entity, LanguageTranslation
from connector_defs.domain.countries import country_of_code, country_of_name
from connector_defs.domain.keys import external_code
from connector_defs.domain.ledger_sections import GlSection
from connector_defs.domain.text import without_controls

SourceRow = Mapping[str, object]
_EVERYWHERE = "en-US"
CODE_LIMIT = 25
# Basware takes 2000 characters; a forced resend adds blanks behind a name, which must fit as well.
NAME_LIMIT = 1900


_LINE = "correct the line in SYSPRO; until then its invoices are matched by hand"
# Why a record is kept back -> what a person does about it.
REMEDIES: Mapping[str, str] = {
    "NAME_TOO_SHORT": "give it a longer name or description in SYSPRO",
    "NAME_TOO_LONG": "shorten the name in SYSPRO",
    "CODE_TOO_LONG": "use a shorter code, or map invoices to it by hand (`connector mapping set`)",
    "CODE_MISSING": "correct the record in SYSPRO",
    "CODE_UNREADABLE": "give it another code in SYSPRO",
    "CURRENCY_UNMAPPED": "add it to [currencies] in connector.toml",
    "DUPLICATE_SUPPLIER": "put all but one of them on hold in SYSPRO, or correct what they share; "
    "or set publishing.duplicate_suppliers to report",
    "RATE_UNKNOWN": "let the OData operator see CurTaxRate, PrvTaxRate and TaxEffDate",
    "RATE_IMPOSSIBLE": "correct the rate in SYSPRO",
    "ORGANIZATION_TOO_SHORT": "set companies.organization_element in connector.toml",
    "LINE_TYPE_UNKNOWN": "enter it as one of these types in SYSPRO; until then its invoices are matched by hand",
    "QUANTITY_NOT_POSITIVE": _LINE,
    "SIGNS_CONTRADICT": _LINE,
    "FOREIGN_PRICE_MISSING": "give the line its foreign price in SYSPRO",
    "PRICE_FACTOR_UNKNOWN": _LINE,
    "DISCOUNT_IMPOSSIBLE": "correct the discount in SYSPRO",
    "VALUE_DISCOUNT": "give the discount as percentages in SYSPRO, or put it into the price",
    "AMOUNT_TOO_LARGE": _LINE,
}


class Untranslatable(ValueError):
    """The record cannot be sent to Basware as it stands; it is quarantined until it can. `code` is one of REMEDIES."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = REMEDIES[code]


@dataclass(frozen=True)
class Note:
    """What Basware is not told, or not exactly, though the record goes.

    `text` speaks of the kind of record and never of this one, so that equal notes are counted together. It holds
    no bank data.
    """

    code: str
    text: str
    remedy: str


class Notes:
    """The notes of one record, gathered while it is translated."""

    def __init__(self) -> None:
        self._found: dict[Note, None] = {}

    def add(self, code: str, text: str, remedy: str) -> None:
        """Note something; the same twice counts once."""
        self._found[Note(code, text, remedy)] = None

    def cut(self, value: str, limit: int, column: str) -> str | None:
        """A free text within `limit`, None where it is blank; what is cut off is noted."""
        if len(value) > limit:
            self.add(
                "TEXT_CUT", f"{column} is cut at {limit} characters", "shorten it in SYSPRO if it matters"
            )
        return value[:limit].strip() or None

    def whole(self, value: str, limit: int, column: str) -> str | None:
        """A text that means nothing when cut, such as an address of e-mail: left out, with a note, beyond `limit`."""
        if len(value) > limit:
            self.add(
                "TEXT_LEFT_OUT",
                f"{column} is left out where it has more than {limit} characters",
                "correct it in SYSPRO",
            )
            return None
        return value or None

    @property
    def found(self) -> tuple[Note, ...]:
        """All notes, in the order they came up."""
        return tuple(self._found)


@dataclass(frozen=True)
class Translated:
    """A record ready to be sent. `active` is false where Basware is told that it is closed or gone."""

    entity: Entity
    active: bool = True
    parent: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Site:
    """The pair of companies and the site's maps.

    `cost_center_section` is set where cost centres are a section of the GL code, so that a line's GL code tells
    its cost centre.
    """

    syspro_company: str
    basware_company: str
    organization: str
    source_system: str
    language: str
    currencies: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    countries: Mapping[str, str] = field(default_factory=dict)
    cost_center_section: GlSection | None = None

    def external_code(self, entity: str, *key: str) -> str:
        """externalCode of a record of this company."""
        return external_code(entity, self.syspro_company, *key)

    def currency(self, key: str, what: str) -> str:
        """ISO 4217 code of a SYSPRO currency key."""
        iso = iso_currency(key, self.currencies)
        if iso is None:
            raise Untranslatable(
                "CURRENCY_UNMAPPED",
                f"{what}: SYSPRO currency {key.strip()!r} has no ISO code",
            )
        return iso

    def unit(self, key: str, notes: Notes) -> str | None:
        """UN/ECE Rec 20 code of a SYSPRO unit of measure; one that is not mapped goes as it is, with a note.

        It is no reason to keep a line back: a unit that Basware does not know stops no invoice, a line that is
        missing stops each of them.
        """
        unit = without_controls(key).strip()
        if not unit:
            return None
        mapped = self.units.get(unit) or self.units.get(unit.upper())
        if mapped:
            return mapped
        if unit not in self.units.values():
            notes.add(
                "UNIT_UNMAPPED",
                f"unit of measure {unit[:CODE_LIMIT]!r} has no UN/ECE code and is sent as it is",
                "add it to [units] in connector.toml",
            )
        return notes.whole(unit, CODE_LIMIT, "a unit of measure")

    def country(self, nationality: str, address_line: str, notes: Notes) -> str | None:
        """ISO 3166 code: of the nationality, by the site's map first; else of the address line that names a country."""
        if nationality:
            found = self.countries.get(nationality) or country_of_code(nationality)
            if found is None:
                notes.add(
                    "COUNTRY_UNMAPPED",
                    f"nationality {nationality!r} has no ISO code: addresses go without a country",
                    "add it to [countries] in connector.toml",
                )
            return found
        found = self.countries.get(address_line) or country_of_name(address_line)
        if found is None:
            notes.add(
                "COUNTRY_UNKNOWN",
                "suppliers without a nationality and without a country in the address",
                "set the supplier's nationality in SYSPRO",
            )
        return found

    def names(self, text: str, what: str) -> tuple[LanguageTranslation, ...]:
        """`text` as a name in en-US and in the site's language."""
        name = name_within_limit(text, what, NAME_LIMIT)
        languages = dict.fromkeys((_EVERYWHERE, self.language))
        return tuple(LanguageTranslation(language=tag, translation=name) for tag in languages)


def iso_currency(key: str, currencies: Mapping[str, str]) -> str | None:
    """ISO code of a SYSPRO currency key: the site's map first, else three letters stand for themselves."""
    trimmed = key.strip()
    mapped = currencies.get(trimmed)
    if mapped:
        return mapped
    return (
        trimmed
        if len(trimmed) == 3 and trimmed.isascii() and trimmed.isalpha() and trimmed.isupper()
        else None
    )


def name_within_limit(text: str, what: str, limit: int) -> str:
    """A name of 2 to `limit` characters without control characters; a name is never cut."""
    name = without_controls(text).strip()
    if len(name) < 2:
        raise Untranslatable(
            "NAME_TOO_SHORT",
            f"{what}: the name {name!r} has fewer than 2 characters, which Basware refuses",
        )
    if len(name) > limit:
        raise Untranslatable(
            "NAME_TOO_LONG",
            f"{what}: the name has {len(name)} characters, Basware takes {limit}",
        )
    return name


def code_within_limit(code: str, what: str, limit: int = CODE_LIMIT) -> str:
    """A code exactly as stored, refused where Basware cannot hold it: a code is never changed."""
    if len(code) > limit:
        raise Untranslatable(
            "CODE_TOO_LONG",
            f"{what} {code!r} has {len(code)} characters, Basware takes {limit}",
        )
    if not code.strip():
        raise Untranslatable("CODE_MISSING", f"{what} has no code")
    if not code.isprintable():
        raise Untranslatable(
            "CODE_UNREADABLE",
            f"{what} {code!r} holds characters that cannot be shown",
        )
    return code


def text(row: SourceRow, column: str) -> str:
    """A text column exactly as stored; "" for NULL."""
    value = row.get(column)
    return "" if value is None else str(value)


def trimmed(row: SourceRow, column: str) -> str:
    """A text column without the blanks that char(n) adds, and without control characters."""
    return without_controls(text(row, column)).strip()


def flag(row: SourceRow, column: str) -> bool:
    """A Y/N column; blank means N (SYSPRO wire notes 5.26)."""
    return trimmed(row, column).upper() == "Y"


def number(row: SourceRow, column: str) -> Decimal:
    """A number column; 0 for NULL."""
    value = row.get(column)
    return Decimal(0) if value is None else cast("Decimal", value)


def whole(row: SourceRow, column: str) -> int:
    """A whole-number column; 0 for NULL."""
    value = row.get(column)
    return 0 if value is None else int(cast("int", value))


def day(row: SourceRow, column: str) -> date | None:
    """A business date, or None."""
    return cast("date | None", row.get(column))


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros, so that it reads 12.5 and not 12.500000."""
    return value.normalize() if value != value.to_integral_value() else value.quantize(Decimal(1))
