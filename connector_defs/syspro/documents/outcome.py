"""Errors, warnings and counts as every Setup and Transaction reply carries them.

Belongs here: what is common to the replies. What success looks like differs per business object.
Source: SYSPRO wire notes 1.9; counts are no proof there, so an error text outweighs them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from connector_defs.domain.errors import OutcomeUnknown
from connector_defs.domain.redaction import redacted
from connector_defs.syspro import xml
from connector_defs.syspro.xml import Element

P = TypeVar("P")
# What is kept of one text, and how many complaints are told in one line: they go into the audit and to people.
_LONGEST_TEXT = 1_000
_MOST_TOLD = 20

# Its wording is not public, only that it speaks of a closed posting period (SYSPRO wire notes 2.1).
_CLOSED_PERIOD = re.compile(r"\bperiod\b[^.;]{0,40}\bclosed\b|\bclosed\b[^.;]{0,20}\bperiod\b", re.IGNORECASE)

_INVALID_COUNTERS = ("ItemsInvalid", "RecordsInvalid", "JournalsInvalid", "ItemsRejectedWithWarnings")


@dataclass(frozen=True)
class FieldError:
    """One complaint: the element it is about, the value sent, SYSPRO's number, and its text without secrets.

    `warning` marks one of the warning class, which rejects only because warnings are not ignored.
    """

    element: str
    value: str
    number: str | None
    text: str
    warning: bool = False

    def __str__(self) -> str:
        number = f" [{self.number}]" if self.number else ""
        return f"{self.element}{number}: {self.text}"

    @property
    def of_period(self) -> bool:
        """Whether it is the posting period that is refused, by the element or by the text alone."""
        return self.element.casefold() == "postingperiod" or names_closed_period(self.text)


@dataclass(frozen=True)
class Rejection:
    """SYSPRO took the document in and refused it; nothing of it was applied. Never without an error."""

    errors: tuple[FieldError, ...]

    def __str__(self) -> str:
        more = len(self.errors) - _MOST_TOLD
        told = "; ".join(str(error) for error in self.errors[:_MOST_TOLD])
        return f"{told}; and {more} more" if more > 0 else told


def names_closed_period(text: str) -> bool:
    """Whether a text of SYSPRO says that the posting period is closed."""
    return _CLOSED_PERIOD.search(text) is not None


def root_of(reply: str, business_object: str) -> Element:
    """Root of a reply; OutcomeUnknown where there is no document to read."""
    try:
        root = xml.parse(xml.unwrap(reply))
    except xml.UnreadableXml as error:
        raise OutcomeUnknown(
            f"{business_object}: the reply cannot be read ({error}). Look the record up before repeating."
        ) from None
    return root


def rejection(root: Element) -> Rejection | None:
    """The rejection a reply holds, if any: error texts first, then counters and unprocessed items."""
    errors = tuple(_errors(root))
    if errors:
        return Rejection(errors)
    refused = _refused_by_count(root)
    if refused is None:
        return None
    return Rejection(tuple(_warnings(root)) or (FieldError(refused, "", None, "refused without a reason"),))


def posted(root: Element, business_object: str, posting: P | None) -> P | Rejection:
    """The posting that a reply names, or its rejection; OutcomeUnknown where it names neither or both."""
    refused = rejection(root)
    if refused is not None and posting is not None:
        raise contradiction(business_object, str(posting), refused)
    if refused is not None:
        return refused
    if posting is None:
        raise neither(business_object)
    return posting


def warnings(root: Element) -> tuple[str, ...]:
    """Texts of all warnings, with their numbers where given."""
    return tuple(
        f"{warning.number} {warning.text}" if warning.number else warning.text for warning in _warnings(root)
    )


def contradiction(business_object: str, key: str, refused: Rejection) -> OutcomeUnknown:
    """A reply that names both a posted key and an error proves neither."""
    return OutcomeUnknown(
        f"{business_object}: the reply names {key} and an error as well ({refused}). "
        "Look the record up before repeating."
    )


def neither(business_object: str) -> OutcomeUnknown:
    """A reply with no key and no error."""
    return OutcomeUnknown(
        f"{business_object}: the reply names neither a key nor an error. Look the record up before repeating."
    )


def _errors(root: Element) -> Iterator[FieldError]:
    for element in root.iter():
        name = xml.name_of(element)
        folded = name.casefold()
        if folded in {"errormessage", "invalidrtf"} and len(element) == 0 and xml.text_of(element):
            yield FieldError(name, "", None, _text(element))
            continue
        yield from _complaints(element, name, "ErrorNumber", "ErrorDescription", warning=False)


def _warnings(root: Element) -> Iterator[FieldError]:
    for element in root.iter():
        name = xml.name_of(element)
        if name.casefold() == "warningmessages" and len(element) == 0 and xml.text_of(element):
            yield FieldError(name, "", None, _text(element), warning=True)
            continue
        yield from _complaints(element, name, "WarningNumber", "WarningDescription", warning=True)


def _complaints(
    element: Element, name: str, number_name: str, text_name: str, *, warning: bool
) -> Iterator[FieldError]:
    numbers = [_text(each) for each in xml.children(element, number_name)]
    texts = [_text(each) for each in xml.children(element, text_name)]
    for number, text in zip_longest(numbers, texts, fillvalue=""):
        filled = number.strip("0")
        if filled or text:
            told = redacted(text) or "no text"
            value = xml.first_text(element, "Value")[:_LONGEST_TEXT]
            yield FieldError(name, value, number if filled else None, told, warning)


def _text(element: Element) -> str:
    return redacted(xml.text_of(element))[:_LONGEST_TEXT]


def _refused_by_count(root: Element) -> str | None:
    for counter in xml.descendants(root, *_INVALID_COUNTERS):
        if (xml.count(xml.text_of(counter)) or 0) > 0:
            return xml.name_of(counter)
    for item in xml.descendants(root, "Processed"):
        if xml.text_of(item).upper() == "N":
            return xml.name_of(item)
    return None
