"""JSON as Basware speaks it, exact to the digit.

Here: encoding with Decimal as number, and decoding that takes every number from its raw text and refuses what
would make an amount ambiguous. Not here: the meaning of any field.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

import msgspec

from connector_defs.basware.entities import WireValue

MAX_DEPTH: Final = 64
# The widest number a DECIMAL column takes; a double prints 17 digits at most.
MAX_DIGITS: Final = 38
# Largest exponent of a double.
MAX_EXPONENT: Final = 308

_BOM: Final = "\ufeff"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
# A text that ends inside a string ends there: what looks like a bracket in it is none.
_BRACKETS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class BadJson(ValueError):
    """The text is not JSON we trust; the message says why, and quotes no value."""


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


@dataclass(frozen=True)
class _Flaw:
    reason: str


class _FlawedObject(dict[str, object]):
    reason = ""


def encode(value: WireValue) -> bytes:
    """The JSON bytes of a value, each Decimal as a number with its own digits (1.50 stays 1.50)."""
    return _ENCODER.encode(value)


def decode(body: bytes) -> WireValue:
    """The value of a whole answer; BadJson when any part of it cannot be trusted."""
    text = _text(body)
    try:
        value, end = _decode_at(text, 0)
    except RecursionError:
        raise BadJson(f"nested deeper than {MAX_DEPTH} levels") from None
    if _blanks_end(text, end) != len(text):
        raise BadJson(f"text goes on after the JSON value at character {end}")
    reason = _first_flaw(value)
    if reason:
        raise BadJson(reason)
    return cast(WireValue, value)


def elements(body: bytes, wrapper: str) -> list[Element]:
    """The elements of the list under `wrapper`, each read on its own so that a bad one harms no other.

    Also takes a bare list. BadJson when the answer around the elements cannot be read or has no such list.
    """
    text = _text(body)
    start = _blanks_end(text, 0)
    if text[start : start + 1] == "[":
        found, end = _list_at(text, start)
    else:
        found, end = _wrapped_list(text, start, wrapper)
    if _blanks_end(text, end) != len(text):
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


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"not UTF-8 at byte {error.start}") from None
    if text.startswith(_BOM):
        raise BadJson("starts with a byte order mark")
    return text


def _wrapped_list(text: str, start: int, wrapper: str) -> tuple[list[Element], int]:
    found: list[Element] | None = None
    at = _expect(text, start, "{")
    if text[at : at + 1] == "}":
        raise BadJson(f"the list {wrapper!r} is missing")
    while True:
        key, at = _decode_at(text, at)
        at = _expect(text, at, ":")
        if key != wrapper:
            _, at = _decode_at(text, at)
        elif found is not None:
            raise BadJson(f"the key {wrapper!r} occurs twice")
        elif text[at : at + 1] == "[":
            found, at = _list_at(text, at)
        else:
            value, at = _decode_at(text, at)
            if value is not None:
                raise BadJson(f"{wrapper!r} is not a list")
            found = []
        at = _blanks_end(text, at)
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
        at = _blanks_end(text, at)
        if text[at : at + 1] != ",":
            break
        at = _expect(text, at, ",")
    return found, _expect(text, at, "]")


def _element_at(text: str, start: int) -> tuple[Element, int]:
    try:
        value, end = _decode_at(text, start)
        flaw = _first_flaw(value)
    except RecursionError:
        value, end, flaw = None, _matching_end(text, start), f"nested deeper than {MAX_DEPTH} levels"
    except BadJson as error:
        value, end, flaw = None, _matching_end(text, start), str(error)
    return Element(text[start:end], cast(WireValue, value), flaw), end


def _matching_end(text: str, start: int) -> int:
    """Where the object or list that begins at `start` ends, by counting brackets outside of strings."""
    start = _blanks_end(text, start)
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


def _decode_at(text: str, at: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, _blanks_end(text, at))
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at character {error.pos}") from None


def _expect(text: str, at: int, sign: str) -> int:
    at = _blanks_end(text, at)
    if text[at : at + 1] != sign:
        raise BadJson(f"{sign!r} expected at character {at}")
    return _blanks_end(text, at + 1)


def _blanks_end(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _number(raw: str) -> Decimal | _Flaw:
    value = Decimal(raw)
    if len(value.as_tuple().digits) > MAX_DIGITS:
        return _Flaw(f"a number of more than {MAX_DIGITS} digits")
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        return _Flaw("a number beyond the range of a double")
    return value


def _whole_number(raw: str) -> int | _Flaw:
    return int(raw) if len(raw) <= MAX_DIGITS else _Flaw(f"a number of more than {MAX_DIGITS} digits")


def _constant(name: str) -> _Flaw:
    return _Flaw(f"{name}, which is no number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    flawed = _FlawedObject(plain)
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            flawed.reason = f"the key {name!r} occurs twice"
            # Which of the two is meant is unknown, so neither is offered.
            flawed.pop(name, None)
        seen.add(name)
    return flawed


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_whole_number, parse_constant=_constant
)


def _first_flaw(value: object) -> str | None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for node in level:
            if isinstance(node, (_Flaw, _FlawedObject)):
                return node.reason
            inner.extend(_children(node))
        if not inner:
            return None
        level = inner
    return f"nested deeper than {MAX_DEPTH} levels"


def _children(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node
