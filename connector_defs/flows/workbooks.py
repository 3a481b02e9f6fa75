"""Excel workbooks from people's hands, cell by cell: the first sheet as it stands, within limits.

A workbook is a zip of XML. A file of some kilobytes may unpack to gigabytes, name a single cell in the last of a
million rows, or hold entities that multiply: nothing of it is read before its members are measured, and no row is
made of what a sheet merely claims to have. Not here: what a line means.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_defs.domain.errors import Fatal
from connector_defs.outside.packed import BadPacking, open_zip

_MOST_UNPACKED = 100_000_000
# Of everything but the cells: the list of sheets, formats, links.
_MOST_AROUND = 5_000_000
_MOST_COLUMNS = 200
_PIECE = 1 << 20
_DOCTYPE = b"<!DOCTYPE"
_CELLS = ("xl/worksheets/", "xl/sharedStrings")
# Whatever a damaged part leads openpyxl to.
_BROKEN = (
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zlib.error,
)


@dataclass(frozen=True)
class CellError:
    """What stands in a cell whose formula failed, such as #N/A."""

    text: str

    def __str__(self) -> str:
        return self.text


def workbook_rows(path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows of the first sheet with their numbers from 1, each cell as Excel keeps it, "" for an empty one.

    Raises Fatal where this is no workbook, or one that is made to exhaust us.
    """
    try:
        with path.open("rb") as file:
            _measure(path, file)
            with warnings.catch_warnings():
                # openpyxl warns of whatever decoration it does not know; cells are all that counts here.
                warnings.simplefilter("ignore")
                yield from _rows(path, file)
    except BadPacking as error:
        raise Fatal(f"{path} {error}: save it as .xlsx again, or split it") from None
    except _BROKEN:
        raise Fatal(f"{path} is no Excel workbook that can be read: save it as .xlsx again") from None


def _measure(path: Path, file: Any) -> None:
    with open_zip(file, _MOST_UNPACKED) as archive:
        for member in archive.infolist():
            if not member.filename.startswith(_CELLS) and member.file_size > _MOST_AROUND:
                raise Fatal(
                    f"{path} holds more formats and links than cells: copy the cells to a new workbook"
                )
            if not member.filename.endswith((".xml", ".rels")):
                continue
            with archive.open(member) as part:
                seen = b""
                while piece := part.read(_PIECE):
                    if _DOCTYPE in seen + piece or b"\0" in piece:
                        raise ValueError(f"{member.filename} is not XML of a workbook")
                    seen = piece[-len(_DOCTYPE) :]


def _rows(path: Path, file: Any) -> Iterator[tuple[int, Sequence[object]]]:
    from openpyxl import load_workbook

    book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        # What the sheet says of its own size is believed by nobody.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.rows, 1):
            if len(row) > _MOST_COLUMNS:
                raise Fatal(
                    f"{path}, line {number} has more than {_MOST_COLUMNS} cells: delete what is beyond"
                )
            yield number, [_value(cell) for cell in row]
    finally:
        book.close()


def _value(cell: Any) -> object:
    if cell.value is None:
        return ""
    return CellError(str(cell.value)) if cell.data_type == "e" else cell.value
