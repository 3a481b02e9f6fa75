"""What every translation needs to know of the site, and how a record is refused.

Here: the pair's codes, the currency map, names in their languages. Not here: any entity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import cast

from connector_defs.basware.entities import Entity, LanguageTranslation
from connector_defs.domain.keys import external_code
from connector_defs.domain.text import without_controls

SourceRow = Mapping[str, object]
_EVERYWHERE = "en-US"


class Untranslatable(ValueError):
    """The record cannot be sent to Basware as it stands; it is quarantined until it changes in SYSPRO."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class Translated:
    """A record ready to be sent. `active` is false where Basware is told that it is closed or gone."""

    entity: Entity
    active: bool = True
    parent: str = ""


@dataclass(frozen=True)
class Site:
    """The pair of companies and the site's maps."""

    syspro_company: str
    basware_company: str
    organization: str
    source_system: str
    language: str
    currencies: Mapping[str, str] = field(default_factory=dict)

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
                "add it to [currencies] in connector.toml",
            )
        return iso

    def names(self, text: str, what: str) -> tuple[LanguageTranslation, ...]:
        """`text` as a name in en-US and in the site's language; Basware wants at least two characters."""
        name = without_controls(text).strip()
        if len(name) < 2:
            raise Untranslatable(
                "NAME_TOO_SHORT",
                f"{what}: the description {name!r} has fewer than 2 characters, which Basware refuses",
                "give it a longer description in SYSPRO",
            )
        languages = dict.fromkeys((_EVERYWHERE, self.language))
        return tuple(LanguageTranslation(language=tag, translation=name[:2000]) for tag in languages)


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
