"""JSON exact to the digit, and refused where it says two things, nothing certain, or too much.

Every number is taken from its raw text. A key that occurs twice, NaN, and a number beyond a double or beyond 38
digits are flaws; so is nesting beyond any honest answer. A text that would take too much memory is refused before
it is read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

MAX_BYTES: Final = 20_000_000
MAX_DEPTH: Final = 64
# The widest number a DECIMAL column takes; a double prints 17 digits at most.
MAX_DIGITS: Final = 38
# Largest exponent of a double.
MAX_EXPONENT: Final = 308
# What the values of one text may come to in memory, as estimated from its signs.
MAX_COST: Final = 100_000_000

# The most that one of these signs brings with it (CPython 3.11): an object of one key 184 bytes and what it holds, a
# list 56, a Decimal 104, each with its place in the list around it; a key that no other object has, 130.
_COSTS: Final[Mapping[bytes, int]] = MappingProxyType({b"{": 250, b"[": 90, b",": 115, b":": 130})
# From here on it matters how wide the signs of a text are; UTF-8 begins those of four bytes so.
_LONG: Final = 4_000_000
_WIDEST: Final = re.compile(rb"[\xf0-\xf4]")
_MARK: Final = "\ufeff"
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_SHOWN_OF_A_KEY: Final = 60
_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"


class BadJson(ValueError):
    """The text is not JSON we trust; the message says why, and quotes no value."""


class TooMuchJson(BadJson):
    """The text is larger, or holds more, than can be read at once; a smaller part of it might be."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands in the place of a number that is none."""

    reason: str


class FlawedObject(dict[str, object]):
    """An object with a key that occurs twice; that key is left out."""

    reason = ""


def check_size(body: bytes) -> None:
    """TooMuchJson where a text is too large to be read at once, or would be once it is read."""
    if len(body) > MAX_BYTES:
        raise TooMuchJson(f"larger than {MAX_BYTES:,} bytes")
    cost = sum(body.count(sign) * each for sign, each in _COSTS.items())
    if len(body) > _LONG:
        cost += len(body) * _width(body)
    if cost > MAX_COST:
        raise TooMuchJson("holds too many values to be read at once")


def _width(body: bytes) -> int:
    """Bytes that each of its own takes as text and as the values in it: one wide sign makes all of a text wide."""
    if body.isascii():
        return 2
    return 8 if _WIDEST.search(body) else 4


def text_of(body: bytes, *, mark: bool = False) -> str:
    """The text of a body; BadJson unless it is UTF-8. A byte order mark is taken off where `mark` allows one."""
    check_size(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"not UTF-8 at byte {error.start}") from None
    if not text.startswith(_MARK):
        return text
    if mark:
        return text[1:]
    raise BadJson("starts with a byte order mark")


def decode(body: bytes, *, mark: bool = False) -> object:
    """The value of a whole body; BadJson when any part of it cannot be trusted."""
    value = decode_whole(body, mark=mark)
    reason = first_flaw(value)
    if reason:
        raise BadJson(reason)
    return value


def decode_whole(body: bytes, *, mark: bool = False) -> object:
    """The value of a whole body, flaws and all; BadJson where it is no JSON."""
    text = text_of(body, mark=mark)
    value, end = decode_at(text, 0)
    if blanks_end(text, end) != len(text):
        raise BadJson(f"text goes on after the JSON value at character {end}")
    return value


def decode_at(text: str, at: int) -> tuple[object, int]:
    """The value that begins at `at`, flaws and all, and where it ends. BadJson where there is none."""
    try:
        return _DECODER.raw_decode(text, blanks_end(text, at))
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise BadJson(_TOO_DEEP) from None


def blanks_end(text: str, at: int) -> int:
    """Where the blanks that begin at `at` end."""
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def first_flaw(value: object) -> str | None:
    """Why a value must not be trusted; None where it may be."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for node in level:
            if isinstance(node, (Flaw, FlawedObject)):
                return node.reason
            inner.extend(_children(node))
        if not inner:
            return None
        level = inner
    return _TOO_DEEP


def _children(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node


_TOO_LONG: Final = Flaw(f"a number of more than {MAX_DIGITS} digits")
_TOO_LARGE: Final = Flaw("a number beyond the range of a double")
_NO_NUMBERS: Final[Mapping[str, Flaw]] = MappingProxyType(
    {name: Flaw(f"{name}, which is no number") for name in ("NaN", "Infinity", "-Infinity")}
)


def _number(raw: str) -> Decimal | Flaw:
    try:
        value = Decimal(raw)
    except InvalidOperation:
        # An exponent of twenty digits is none.
        return _TOO_LARGE
    if len(value.as_tuple().digits) > MAX_DIGITS:
        return _TOO_LONG
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        return _TOO_LARGE
    return value


def _whole_number(raw: str) -> int | Flaw:
    return int(raw) if len(raw) <= MAX_DIGITS else _TOO_LONG


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    flawed = FlawedObject(plain)
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            flawed.reason = f"the key {name[:_SHOWN_OF_A_KEY]!r} occurs twice"
            # Which of the two is meant is unknown, so neither is offered.
            flawed.pop(name, None)
        seen.add(name)
    return flawed


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_number,
    parse_int=_whole_number,
    parse_constant=_NO_NUMBERS.__getitem__,
)
