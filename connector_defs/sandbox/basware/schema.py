"""Checks request bodies against `shapes`, as the API layer does before anything is stored.

The shapes are compiled once to msgspec types: a batch of 100 order lines is checked in well under a millisecond.
Numbers must be JSON numbers, unknown fields are refused, and one wrong record refuses the whole batch.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from connector_defs.sandbox.basware.shapes import ENUMS, SHAPES

Record = dict[str, Any]
"""One entity as it stands on the wire: camelCase names, numbers as Decimal or int."""

_DATE = r"^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
_INT32 = 2**31


@dataclass(frozen=True, slots=True)
class Violation:
    """One record that does not fit its shape; `external_code` where it could be read."""

    external_code: str | None
    message: str


class NotJson(ValueError):
    """The body is no JSON at all, or no UTF-8."""


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise NotJson(f"no number: {text}") from error


_ANY = msgspec.json.Decoder(float_hook=_number)
_JSON = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Any:
    """Any JSON value; fractions as Decimal with the digits of the text. Raises NotJson."""
    try:
        return _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(str(error)) from error


def encode(value: object) -> bytes:
    """JSON with Decimal as a number, digit by digit."""
    return _JSON.encode(value)


def check_list(shape: str, body: bytes) -> tuple[list[Record], list[Violation]]:
    """The records of an array body, or what is wrong with each of them. Raises NotJson."""
    records = decode(body)
    if not isinstance(records, list):
        return [], [Violation(None, "the body must be a JSON array of records")]
    try:
        _list_decoder(shape).decode(body)
    except msgspec.ValidationError:
        return [], _violations(shape, records)
    return records, []


def check_one(shape: str, body: bytes) -> tuple[Record, list[Violation]]:
    """The record of a single-object body, or what is wrong with it. Raises NotJson."""
    record = decode(body)
    if not isinstance(record, dict):
        return {}, [Violation(None, "the body must be one JSON object")]
    return record, _violations(shape, [record])


def _violations(shape: str, records: Sequence[Any]) -> list[Violation]:
    found = []
    for record in records:
        try:
            msgspec.json.decode(encode(record), type=_struct(shape))
        except msgspec.ValidationError as error:
            code = record.get("externalCode") if isinstance(record, dict) else None
            found.append(Violation(code if isinstance(code, str) else None, str(error)))
    return found


@cache
def _list_decoder(shape: str) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(list[_struct(shape)])  # type: ignore[misc]


@cache
def _struct(shape: str) -> Any:
    fields: list[Any] = []
    for name, kind, nullable, required in fields_of(shape):
        accepted = _accepted(kind)
        if nullable:
            accepted = accepted | None
        fields.append((name, accepted) if required else (name, accepted | UnsetType, UNSET))
    return msgspec.defstruct(re.sub(r"\W", "", shape), fields, forbid_unknown_fields=True, kw_only=True)


def fields_of(shape: str) -> list[tuple[str, str, bool, bool]]:
    """(field, type, null allowed, required) of a shape, in the order of `shapes`."""
    joined = re.sub(r"\n {12,}", " ", SHAPES[shape])
    found = []
    for line in joined.strip().splitlines():
        kind, names = (part.strip() for part in line.split(": ", 1))
        for name in names.split():
            found += [
                (field, kind.removesuffix("?"), kind.endswith("?"), name.endswith("!"))
                for field in _expand(name.removesuffix("!"))
            ]
    return found


def _expand(name: str) -> list[str]:
    run = re.fullmatch(r"(.*?)(\d+)-(\d+)", name)
    return [f"{run[1]}{n}" for n in range(int(run[2]), int(run[3]) + 1)] if run else [name]


def _accepted(kind: str) -> Any:
    if kind.startswith("["):
        return list[_accepted(kind[1:-1])]  # type: ignore[misc]
    if kind in SHAPES:
        return _struct(kind)
    word, _, limits = kind.partition(" ")
    if word == "enum":
        return Literal[tuple(ENUMS[limits].split() if limits in ENUMS else limits.split("|"))]
    bounds = tuple(limits.split("..")) if limits else ("", "")
    return _SCALARS[word](*bounds)


_SCALARS: Mapping[str, Callable[[str, str], Any]] = {
    "text": lambda low, high: Annotated[
        str, Meta(min_length=int(low or 0), max_length=int(high) if high else None)
    ],
    "date": lambda _low, _high: Annotated[str, Meta(pattern=_DATE)],
    "bool": lambda _low, _high: bool,
    "int": lambda low, high: Annotated[int, Meta(ge=int(low or -_INT32), le=int(high or _INT32 - 1))],
    "num": lambda low, high: Annotated[
        float, Meta(ge=float(low) if low else None, le=float(high) if high else None)
    ],
}
