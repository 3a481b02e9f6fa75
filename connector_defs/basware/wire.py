"""JSON as Basware speaks it, exact to the digit.

Here: encoding with Decimal as number, lists whose elements are read each on its own, and texts made fit to be
stored. What is refused, and why, is in `outside.json_text`. Not here: the meaning of any field.
"""

import re
from dataclasses import dataclass
from typing import Final, cast

import msgspec

from connector_defs.basware.entities import WireValue
from connector_defs.outside import json_text
from connector_defs.outside.json_text import BadJson, TooMuchJson, blanks_end, decode_at, first_flaw

__all__ = ["UNSTORABLE", "BadJson", "Element", "decode", "elements", "encode", "next_element", "storable"]

# Twenty times the largest page there is.
MAX_ELEMENTS: Final = 10_000
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
# A text that ends inside a string ends there: what looks like a bracket in it is none.
_BRACKETS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
# Control characters, lone surrogates and noncharacters: no system behind us stores them.
UNSTORABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class _Unfinished(BadJson):
    """The text ends inside a value."""


@dataclass(frozen=True)
class Element:
    """One element of a list in an answer: its exact text and its value.

    `flaw` says why the value must not be trusted; the value then shows what could be read, if anything.
    """

    text: str
    value: WireValue
    flaw: str | None


def encode(value: WireValue) -> bytes:
    """The JSON bytes of a value, each Decimal as a number with its own digits (1.50 stays 1.50)."""
    return _ENCODER.encode(value)


def decode(body: bytes) -> WireValue:
    """The value of a whole answer, its texts `storable`; BadJson when any part of it cannot be trusted."""
    value = cast(WireValue, json_text.decode(body))
    # Nothing that cannot be stored comes as itself, but for the two noncharacters.
    return storable(value) if b"\\u" in body or b"\xef\xbf" in body else value


def storable(value: WireValue) -> WireValue:
    """The value with every character that no system stores replaced by U+FFFD."""
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value)
        case list():
            return [storable(element) for element in value]
        case dict():
            return {UNSTORABLE.sub("\ufffd", name): storable(element) for name, element in value.items()}
        case _:
            return value


def elements(body: bytes, wrapper: str) -> list[Element]:
    """The elements of the list under `wrapper`, each read on its own so that a bad one harms no other.

    Also takes a bare list. BadJson when the answer around the elements cannot be read or has no such list.
    """
    text = json_text.text_of(body)
    start = blanks_end(text, 0)
    if text[start : start + 1] == "[":
        found, end = _list_at(text, start)
    else:
        found, end = _wrapped_list(text, start, wrapper)
    if blanks_end(text, end) != len(text):
        raise BadJson(f"text goes on after the JSON value at character {end}")
    return found


def next_element(text: str, start: int) -> tuple[Element, int] | None:
    """The object or list that begins at `start` of a text still being read, and where it ends.

    None where the text ends inside it. BadJson where no such value begins there.
    """
    try:
        return _element_at(text, start)
    except _Unfinished:
        return None


def _wrapped_list(text: str, start: int, wrapper: str) -> tuple[list[Element], int]:
    found: list[Element] | None = None
    at = _expect(text, start, "{")
    if text[at : at + 1] == "}":
        raise BadJson(f"the list {wrapper!r} is missing")
    while True:
        key, at = decode_at(text, at)
        at = _expect(text, at, ":")
        if key != wrapper:
            _, at = decode_at(text, at)
        elif found is not None:
            raise BadJson(f"the key {wrapper!r} occurs twice")
        elif text[at : at + 1] == "[":
            found, at = _list_at(text, at)
        else:
            value, at = decode_at(text, at)
            if value is not None:
                raise BadJson(f"{wrapper!r} is not a list")
            found = []
        at = blanks_end(text, at)
        if text[at : at + 1] != ",":
            break
        at = _expect(text, at, ",")
    at = _expect(text, at, "}")
    if found is None:
        raise BadJson(f"the list {wrapper!r} is missing")
    return found, at


def _list_at(text: str, start: int) -> tuple[list[Element], int]:
    found: list[Element] = []
    at = _expect(text, start, "[")
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        element, at = _element_at(text, at)
        found.append(element)
        if len(found) > MAX_ELEMENTS:
            raise TooMuchJson(f"a list of more than {MAX_ELEMENTS:,} elements")
        at = blanks_end(text, at)
        if text[at : at + 1] != ",":
            break
        at = _expect(text, at, ",")
    return found, _expect(text, at, "]")


def _element_at(text: str, start: int) -> tuple[Element, int]:
    try:
        value, end = decode_at(text, start)
        flaw = first_flaw(value)
    except BadJson as error:
        value, end, flaw = None, _matching_end(text, start), str(error)
    return Element(text[start:end], cast(WireValue, value), flaw), end


def _matching_end(text: str, start: int) -> int:
    """Where the object or list that begins at `start` ends, by counting brackets outside of strings."""
    start = blanks_end(text, start)
    if text[start : start + 1] not in {"{", "["}:
        raise BadJson(f"no value at character {start}")
    depth = 0
    for token in _BRACKETS.finditer(text, start):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end()
    raise _Unfinished("ends inside a value")


def _expect(text: str, at: int, sign: str) -> int:
    at = blanks_end(text, at)
    if text[at : at + 1] != sign:
        raise BadJson(f"{sign!r} expected at character {at}")
    return blanks_end(text, at + 1)
