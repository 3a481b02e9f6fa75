"""How text and machine output leave the command line.

Belongs here: consoles, JSON on stdout, and making text from outside harmless. Does not belong here: what a
report looks like as a table (`tables`).

Supplier names, reasons and codes come from other systems. They are printed as `rich.text.Text`, never as
markup, and with control characters spelled out, so that none of them can colour, move or clear a terminal.
"""

import dataclasses
import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, redirect_stdout
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# A pipe or a log file has no width: wide enough for one line per row, so that grep works.
PIPED_WIDTH = 1000
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: object) -> str:
    """The text with every control, format and unassigned character spelled out (`\\x1b`, `\\u202e`)."""
    return "".join(_spelled(character) for character in str(text))


def _spelled(character: str) -> str:
    if unicodedata.category(character) not in _UNSEEN:
        return character
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or character.encode(
        "unicode_escape", "surrogatepass"
    ).decode("ascii")


def plain(text: object, style: str = "") -> Text:
    """Text from outside as a cell or a line: no markup is read in it, line breaks are kept."""
    return Text("\n".join(visible(line) for line in str(text).split("\n")), style=style)


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr as they are now; wide where nobody watches."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def say(text: object = "", style: str = "") -> None:
    """One line or paragraph for a person, on stdout, never broken inside a word or command."""
    console().print(plain(text, style), soft_wrap=True)


def complain(text: object, style: str = "red") -> None:
    """One line or paragraph on stderr."""
    console(stderr=True).print(plain(text, style), soft_wrap=True)


@contextmanager
def busy(text: str) -> Iterator[None]:
    """A spinner on stderr while the work goes on; nothing at all where stderr is not a terminal."""
    terminal = console(stderr=True)
    if terminal.is_terminal:
        with terminal.status(plain(text)):
            yield
    else:
        yield


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Whatever the work inside prints goes to stderr: stdout stays for the report alone."""
    with redirect_stdout(sys.stderr):
        yield


def print_json(value: object) -> None:
    """One JSON document on stdout: ASCII only, so no terminal or code page can spoil it."""
    sys.stdout.write(json.dumps(as_json(value), indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def as_json(value: object) -> Json:  # noqa: PLR0911 - one return for each kind of value
    """Reports as JSON values: Decimal as text (a float would lose cents), dates as ISO 8601."""
    match value:
        case Enum():
            return as_json(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case Path():
            return str(value)
        case Mapping():
            return {str(name): as_json(each) for name, each in value.items()}
        case Set():
            return [as_json(each) for each in sorted(value, key=str)]
        case Sequence() if not isinstance(value, bytes):
            return [as_json(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return str(value)
