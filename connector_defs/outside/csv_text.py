"""CSV, record by record, none of them longer than a record of any honest file.

A quotation mark that is never closed makes one record of all that follows, and a line of commas a million cells.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

MAX_RECORD_CHARACTERS: Final = 1_000_000


class BadCsv(ValueError):
    """The text is not CSV; `line` is where the record begins, the message says what is wrong."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def records(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records, each with the number of the line it begins on, counted from 1. Raises BadCsv."""
    measured = _Measured(lines)
    reader = csv.reader(measured, delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
            measured.length = 0
    except csv.Error as error:
        raise BadCsv(str(error), begins) from None
    except _TooLong:
        raise BadCsv(f"a row is longer than {MAX_RECORD_CHARACTERS} characters", begins) from None


class _TooLong(Exception):
    """A record goes on beyond its limit."""


class _Measured:
    """The lines, counted since the last record."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.length += len(line)
        if self.length > MAX_RECORD_CHARACTERS:
            raise _TooLong
        return line
