"""Rows of an extract's file, one after the other: zipped, gzipped or plain, JSON or CSV.

Here: the container and the two formats. Which of them a tenant gets is fixed at provisioning (Basware wire
notes 6.5), so it is seen from the content, never taken from a name. Nothing is held beyond one row and one
piece of the file. Not here: the meaning of a column.
"""

import codecs
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from connector_defs.basware.entities import WireValue
from connector_defs.basware.wire import UNSTORABLE, next_element, storable
from connector_defs.outside.csv_text import BadCsv, records
from connector_defs.outside.packed import BadPacking, open_zip, unpacked

# What a file may come to when it is unpacked, and the longest row in it.
MAX_UNPACKED_BYTES: Final = 4_000_000_000
MAX_ROW_CHARACTERS: Final = 1_000_000
MAX_COLUMNS: Final = 2_000
# A file of an extract holds at most 100,000 records (Basware wire notes 6.5).
MAX_ROWS: Final = 400_000

_PIECE: Final = 1 << 16
_BOM: Final = "\ufeff"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP: Final = b"\x1f\x8b"
_DELIMITERS: Final = ",;\t|"
# `{"IA_INVOICE": [` around the rows.
_WRAPPER: Final = re.compile(r'\s*\{\s*"[^"\\]{1,200}"\s*:\s*\[')
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
# What zipfile raises for a damaged file: it says so by whatever the damage led to. EOFError for one cut off.
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class BadExtractFile(ValueError):
    """The file cannot be read to its end; the message says why, and quotes no value."""


@dataclass(frozen=True)
class ExtractRow:
    """One row by column. `flaw` says why it must not be trusted; what could be read of it is there all the same."""

    values: dict[str, WireValue]
    flaw: str | None = None


def read_rows(path: Path) -> Iterator[ExtractRow]:
    """The rows of a file, in its order. Raises BadExtractFile, for a file that was cut off too."""
    for count, row in enumerate(_read(path), 1):
        if count > MAX_ROWS:
            raise BadExtractFile(f"the file has more than {MAX_ROWS:,} rows")
        yield row


def _read(path: Path) -> Iterator[ExtractRow]:
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if head in _ZIP:
                yield from _zipped(file)
            elif head.startswith(_GZIP):
                yield from _rows(_texts(unpacked(_pieces(file), MAX_UNPACKED_BYTES)))
            else:
                yield from _rows(_texts(_pieces(file)))
    except BadExtractFile:
        raise
    except BadPacking as error:
        raise BadExtractFile(f"the file {error}") from None
    except _BROKEN as error:
        raise BadExtractFile(f"the file is damaged: {str(error)[:200] or type(error).__name__}") from None


def _zipped(file: IO[bytes]) -> Iterator[ExtractRow]:
    with open_zip(file, MAX_UNPACKED_BYTES) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        for member in sorted(members, key=lambda each: each.filename):
            with archive.open(member) as unzipped:
                yield from _rows(_texts(_pieces(unzipped)))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _texts(pieces: Iterable[bytes]) -> Iterator[str]:
    """The text, piece by piece."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _rows(pieces: Iterator[str]) -> Iterator[ExtractRow]:
    text = _Text(pieces)
    text.fill(_PIECE)
    start = text.held.removeprefix(_BOM).lstrip()[:1]
    if start in {"[", "{"}:
        if text.held.startswith(_BOM):
            raise BadExtractFile("the file starts with a byte order mark")
        return _json_rows(text)
    return _csv_rows(text) if start else iter(())


class _Text:
    """The part of a text that is needed now."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self.held = ""
        self.at = 0

    def more(self) -> bool:
        """Read on; False at the end of the text."""
        if len(self.held) - self.at > MAX_ROW_CHARACTERS:
            raise BadExtractFile(f"a row is longer than {MAX_ROW_CHARACTERS} characters")
        for piece in self._pieces:
            if piece:
                self.held = self.held[self.at :] + piece
                self.at = 0
                return True
        return False

    def fill(self, length: int) -> None:
        """Hold `length` characters, or all there are."""
        while len(self.held) - self.at < length and self.more():
            pass

    def sign(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            blanks = _BLANKS.match(self.held, self.at)
            self.at = blanks.end() if blanks else self.at
            if self.at < len(self.held):
                return self.held[self.at]
            if not self.more():
                return ""

    def lines(self) -> Iterator[str]:
        """Line by line, each with its end."""
        while True:
            end = self.held.find("\n", self.at)
            if end < 0:
                if self.more():
                    continue
                if self.at < len(self.held):
                    yield self.held[self.at :]
                return
            line = self.held[self.at : end + 1]
            self.at = end + 1
            yield line


def _json_rows(text: _Text) -> Iterator[ExtractRow]:
    """A list of objects, bare or under one name, or objects one after the other."""
    closing = ""
    wrapped = _WRAPPER.match(text.held)
    if wrapped:
        text.at, closing = wrapped.end(), "]}"
    elif text.sign() == "[":
        text.at, closing = text.at + 1, "]"
    first = True
    while True:
        sign = text.sign()
        if sign == "" and not closing:
            return
        if closing and sign == closing[0]:
            break
        if closing and not first:
            _expect(text, ",")
            sign = text.sign()
        if sign != "{":
            raise BadExtractFile("the file ends early, or holds something else than rows")
        yield _json_row(text)
        first = False
    for sign in closing:
        _expect(text, sign)
    if text.sign():
        raise BadExtractFile("the file goes on after its last row")


def _expect(text: _Text, sign: str) -> None:
    if text.sign() != sign:
        raise BadExtractFile(f"the file is damaged: {sign!r} is missing after a row")
    text.at += 1


def _json_row(text: _Text) -> ExtractRow:
    while (found := next_element(text.held, text.at)) is None:
        if not text.more():
            raise BadExtractFile("the file ends inside a row")
    element, text.at = found
    value = storable(element.value)
    return ExtractRow(value if isinstance(value, dict) else {}, element.flaw)


def _csv_rows(text: _Text) -> Iterator[ExtractRow]:
    text.sign()
    lines = text.lines()
    head = next(lines).removeprefix(_BOM)
    delimiter = max(_DELIMITERS, key=head.count)
    if head.count(delimiter) >= MAX_COLUMNS:
        raise BadExtractFile(f"the file has more than {MAX_COLUMNS} columns")
    try:
        ((_, names),) = records([head], delimiter)
        names = [name.strip() for name in names]
        doubled = sorted(name for name, times in Counter(names).items() if times > 1)
        if doubled:
            raise BadExtractFile(f"the column {doubled[0][:80]!r} occurs twice")
        for _, cells in records(lines, delimiter):
            if cells:
                yield _csv_row(names, cells)
    except BadCsv as error:
        raise BadExtractFile(f"the file is damaged: {error}") from None


def _csv_row(names: list[str], cells: list[str]) -> ExtractRow:
    values: dict[str, WireValue] = {
        name: UNSTORABLE.sub("\ufffd", cell) or None for name, cell in zip(names, cells, strict=False)
    }
    even = len(cells) == len(names)
    return ExtractRow(values, None if even else f"{len(cells)} cells under {len(names)} columns")
