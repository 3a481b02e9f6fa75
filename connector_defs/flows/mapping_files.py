"""GL mapping rules as CSV or Excel files: every cell is text, none of them a formula.

Belongs here: files and cells. What a line means to the rules in force is `mapping_import`'s.

A code is text whatever it looks like: 0100, 1E5 and 00-6000 must come back as they went out. Excel keeps them
so, for every cell of an export is formatted as text. Where a code stands in a workbook as number or date all the
same, what was typed is lost, and the line is refused. A CSV file says nothing of types: opened and saved by Excel
it may lose zeros unseen, so it is for programs.
"""

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connector_defs.domain.cells import as_written, harmless
from connector_defs.domain.errors import Fatal
from connector_defs.domain.gl_mapping import MappingRule, dimension_text
from connector_defs.flows.workbooks import workbook_rows
from connector_defs.outside.csv_text import BadCsv, records

COLUMNS = (
    "company",
    "account_code",
    "cost_center",
    "dimensions",
    "gl_code",
    "valid_from",
    "valid_to",
    "reason",
)
# May be missing; "retired" in it withdraws the rule.
STATUS = "status"
_NEEDED = ("account_code", "gl_code")
_DATES = ("valid_from", "valid_to")
_SHEET = "GL mapping"
_TEXT_FORMAT = "@"
_WIDTHS = {"dimensions": 28, "reason": 48}
_WIDTH = 16
# Far above any chart of accounts: a file beyond it is a mistake, or made to fill the memory.
_MOST_BYTES = 20_000_000
_MOST_LINES = 100_000
# A workbook is XML inside.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Line:
    """One line of a file by its number there, with its cells; `flaw` where they cannot be read as text."""

    number: int
    cells: Mapping[str, str]
    flaw: str = ""


def read_lines(path: Path) -> list[Line]:
    """The lines that hold anything. Raises Fatal where the file as a whole cannot be used."""
    workbook = _is_workbook(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise Fatal(f"{path} is larger than {_MOST_BYTES // 1_000_000} MB: split it")
        rows = workbook_rows(path) if workbook else _csv_rows(path)
        filled = [
            (number, row) for number, row in _few(path, rows) if any(cell not in ("", None) for cell in row)
        ]
    except OSError as error:
        raise Fatal(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None
    if not filled:
        raise Fatal(f"{path} is empty: the first line names the columns ({', '.join(COLUMNS)})")
    header = _header(path, filled[0][1])
    return [_line(number, header, row) for number, row in filled[1:]]


def write_rules(path: Path, rules: Iterable[MappingRule], *, overwrite: bool) -> int:
    """Write the rules in the order given; returns how many. The file is there complete or not at all."""
    workbook = _is_workbook(path)
    if path.exists() and not overwrite:
        raise Fatal(f"{path} is there already: name another file, or say --overwrite")
    rows = [[harmless(cell) for cell in _cells(rule)] for rule in rules]
    content = _as_workbook(rows) if workbook else _as_csv(rows)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError as error:
        raise Fatal(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None
    return len(rows)


def _is_workbook(path: Path) -> bool:
    kind = path.suffix.lower()
    if kind not in (".csv", ".xlsx"):
        raise Fatal(f"{path}: the name must end in .csv or .xlsx, which says what kind of file it is")
    return kind == ".xlsx"


def _cells(rule: MappingRule) -> list[str]:
    return [
        rule.company,
        rule.account_code,
        rule.cost_center,
        dimension_text(rule.dimensions),
        rule.gl_code,
        "" if rule.valid_from is None else rule.valid_from.isoformat(),
        "" if rule.valid_to is None else rule.valid_to.isoformat(),
        rule.reason,
    ]


def _as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *rows])
    # The mark at the beginning tells Excel that it is UTF-8.
    return text.getvalue().encode("utf-8-sig")


def _as_workbook(rows: Sequence[Sequence[str]]) -> bytes:
    import pandas as pd

    for text in (cell for row in rows for cell in row):
        if _NOT_IN_XML.search(text):
            raise Fatal(f"a workbook cannot hold the text {text[:80]!r}: export to .csv")
    content = io.BytesIO()
    with pd.ExcelWriter(content, engine="openpyxl") as writer:
        pd.DataFrame(rows, columns=list(COLUMNS)).to_excel(writer, sheet_name=_SHEET, index=False)
        sheet = writer.sheets[_SHEET]
        sheet.freeze_panes = "A2"
        for number, name in enumerate(COLUMNS):
            column = sheet.column_dimensions[chr(ord("A") + number)]
            column.width = _WIDTHS.get(name, _WIDTH)
            # For the lines that people add below ours.
            column.number_format = _TEXT_FORMAT
        for line in sheet.iter_rows(min_row=2):
            for cell in line:
                cell.number_format = _TEXT_FORMAT
                # Never a formula, nor an error such as #N/A, whatever openpyxl takes the text for.
                if cell.value is not None:
                    cell.data_type = "s"
    return content.getvalue()


def _few(path: Path, rows: Iterable[tuple[int, Sequence[object]]]) -> Iterator[tuple[int, Sequence[object]]]:
    for number, row in rows:
        if number > _MOST_LINES:
            raise Fatal(f"{path} has more than {_MOST_LINES:,} lines: split it")
        yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    raw = path.read_bytes()
    if b"\0" in raw:
        raise Fatal(f"{path} is no text, or one in UTF-16: save it as `CSV UTF-8` or as .xlsx")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Fatal(
            f"{path} is not UTF-8 (byte {error.start}): save it as `CSV UTF-8` or as .xlsx, "
            "so that no letter has to be guessed"
        ) from None
    try:
        yield from records(io.StringIO(text, newline=""), _delimiter(text))
    except BadCsv as error:
        raise Fatal(f"{path}, line {error.line} is not CSV ({error}): correct it there") from None


def _delimiter(text: str) -> str:
    """What stands between the names of the columns: Excel takes the semicolon where the comma is decimal."""
    header = text.lstrip().partition("\n")[0]
    return max(",;\t", key=header.count)


def _header(path: Path, cells: Sequence[object]) -> list[str]:
    names = [str(cell).strip().lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    known = ", ".join(COLUMNS)
    unknown = [name for name in names if name not in (*COLUMNS, STATUS)]
    missing = [name for name in _NEEDED if name not in names]
    if unknown or missing:
        what = f"has no column {', '.join(missing)}" if missing else f"has a column {unknown[0][:40]!r}"
        raise Fatal(f"{path} {what}: its first line must name the columns, which are {known} ({STATUS})")
    if len(set(names)) < len(names):
        raise Fatal(f"{path} names a column twice: {', '.join(names)}")
    return names


def _line(number: int, header: Sequence[str], row: Sequence[object]) -> Line:
    cells: dict[str, str] = dict.fromkeys(header, "")
    flaws = []
    for name, cell in zip(header, row, strict=False):
        if isinstance(cell, str):
            cells[name] = as_written(cell)
        elif name in _DATES and isinstance(cell, datetime) and not any(cell.timetuple()[3:6]):
            cells[name] = cell.date().isoformat()
        else:
            flaws.append(
                f"{name} is kept as {_kind(cell)} ({cell}), so that leading zeros or more may be lost already"
            )
    if any(cell not in ("", None) for cell in row[len(header) :]):
        flaws.append(f"it has {len(row)} cells, and the first line names {len(header)} columns")
    return Line(number, cells, "; ".join(flaws))


def _kind(cell: object) -> str:
    if isinstance(cell, datetime):
        return "a date"
    return "a number" if isinstance(cell, int | float) and not isinstance(cell, bool) else "no text"
