"""A record as we would send it against the one Basware holds, field by field.

Belongs here: what counts as the same value and as an active record. Which records are compared is the flows' matter.

Basware's answers are read leniently (Basware wire notes 2.1, 2.17, 2.22): null, absent, false, blank and an empty list
are one and the same, a date may carry a time, a number may carry zeros, and fields that we never send are not looked
at. Lists are matched by what names their elements, not by their order.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from connector_defs.basware.entities import WireValue

WireRecord = Mapping[str, WireValue]

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T.*)?", re.DOTALL)
_NAMES = ("externalCode", "companyCode", "language", "paymentMeansCode", "schemeId", "name")
_ACTIVE_FIELDS = re.compile(r"processingStatus\.active|companies(\[.*\])?\.active|isClosed|isDeleted")
# Bank data is compared and never shown.
_BANK_DATA = "financialAccounts"
_SHOWN = 80


@dataclass(frozen=True)
class FieldDifference:
    """One field that differs, by its path, with both values as a person reads them."""

    field: str
    ours: str
    theirs: str


def differing_fields(ours: WireRecord, theirs: WireRecord, published: Iterable[str]) -> list[FieldDifference]:
    """Fields of `published` (wire names) that differ, without those that say whether the record is active."""
    found: list[FieldDifference] = []
    for name in published:
        found += _compared(name, ours.get(name), theirs.get(name))
    return [one for one in found if not _ACTIVE_FIELDS.fullmatch(one.field)]


def is_active(entity: str, record: WireRecord) -> bool:
    """Whether Basware offers the record to its users; what is not said to be closed or inactive is active."""
    match entity:
        case "vendors":
            status = record.get("processingStatus")
            return not (isinstance(status, dict) and status.get("active") is False)
        case "matchingOrders" | "matchingOrderLines":
            return not (record.get("isClosed") or record.get("isDeleted"))
        case _:
            companies = record.get("companies")
            told = (
                [each for each in companies if isinstance(each, dict)] if isinstance(companies, list) else []
            )
            return not told or any(each.get("active") is not False for each in told)


def _compared(path: str, ours: WireValue, theirs: WireValue) -> Iterator[FieldDifference]:
    match ours:
        case dict():
            held = theirs if isinstance(theirs, dict) else {}
            for name, value in ours.items():
                yield from _compared(f"{path}.{name}", value, held.get(name))
        case list():
            yield from _compared_lists(path, ours, theirs if isinstance(theirs, list) else [])
        case _:
            if not _same(ours, theirs):
                yield _difference(path, ours, theirs)


def _compared_lists(path: str, ours: list[WireValue], theirs: list[WireValue]) -> Iterator[FieldDifference]:
    our_elements, their_elements = _by_name(ours), _by_name(theirs)
    for name, value in our_elements.items():
        place = f"{path}[{name}]"
        if name in their_elements:
            yield from _compared(place, value, their_elements[name])
        else:
            yield _difference(place, value, None)
    for name, value in their_elements.items():
        if name not in our_elements and not _nothing(value):
            yield _difference(f"{path}[{name}]", None, value)


def _by_name(elements: list[WireValue]) -> dict[str, WireValue]:
    """The elements by what names them, else by their place."""
    named: dict[str, WireValue] = {}
    for place, element in enumerate(elements):
        name = None
        if isinstance(element, dict):
            name = next((str(element[each]) for each in _NAMES if element.get(each) is not None), None)
        named[name if name is not None and name not in named else f"#{place + 1}"] = element
    return named


def _same(ours: WireValue, theirs: WireValue) -> bool:
    if _nothing(ours) or _nothing(theirs):
        return _nothing(ours) and _nothing(theirs)
    if isinstance(ours, str) and isinstance(theirs, str):
        # Blanks at the end are what a forced resend differs in.
        return _plain(ours) == _plain(theirs)
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, int | Decimal) and isinstance(theirs, int | Decimal):
        # Basware keeps numbers as doubles and may print all their digits.
        return ours == theirs or float(ours) == float(theirs)
    return ours == theirs


def _plain(text: str) -> str:
    day = _DATE.fullmatch(text)
    return day[1] if day else text.rstrip()


def _nothing(value: WireValue) -> bool:
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _difference(path: str, ours: WireValue, theirs: WireValue) -> FieldDifference:
    if _BANK_DATA in path or any(_holds_bank_data(value) for value in (ours, theirs)):
        return FieldDifference(path, "(not shown)", "(not shown)")
    return FieldDifference(path, _shown(ours), _shown(theirs))


def _holds_bank_data(value: WireValue) -> bool:
    return isinstance(value, dict) and _BANK_DATA in value


def _shown(value: WireValue) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case dict() | list():
            text = ", ".join(_parts(value))
        case _:
            text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _parts(value: dict[str, WireValue] | list[WireValue]) -> Iterator[str]:
    if isinstance(value, list):
        yield from (_shown(each) for each in value)
        return
    for name, each in value.items():
        if not _nothing(each):
            yield f"{name} {_shown(each)}"
