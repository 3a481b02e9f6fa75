"""Workbooks are read as they stand, and what is made to exhaust their reader is refused before it is read."""

import io
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from connector_defs.domain.errors import Fatal
from connector_defs.flows import workbooks
from connector_defs.flows.workbooks import workbook_rows

SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.xlsx"


def save(path: Path, *rows: list[object], **parts: bytes) -> Path:
    """A workbook of these rows, with parts of it replaced: `sheet` or `styles`."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    names = {"sheet": SHEET, "styles": "xl/styles.xml"}
    replaced = {names[part]: content for part, content in parts.items()}
    with zipfile.ZipFile(content) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, replaced.get(name, source.read(name)))
    return path


def sheet(inner: str) -> bytes:
    return f"<worksheet {SPACE}><sheetData>{inner}</sheetData></worksheet>".encode()


def text(place: str, content: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{content}</t></is></c>'


def read(path: Path) -> list[list[object]]:
    return [list(row) for _, row in workbook_rows(path)]


def test_every_cell_comes_as_excel_keeps_it(path: Path) -> None:
    day = datetime(2026, 1, 31)  # noqa: DTZ001 - as Excel has it
    assert read(save(path, ["0100", 100, 1.5, True, None, day], [], ["x"])) == [
        ["0100", 100, 1.5, True, "", day],
        [],
        ["x"],
    ]


def test_a_formula_that_failed_is_no_text(path: Path) -> None:
    ((cell,),) = read(save(path, sheet=sheet('<row r="1"><c r="A1" t="e"><v>#N/A</v></c></row>')))
    assert not isinstance(cell, str)
    assert str(cell) == "#N/A"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            f'<row r="1">{text("A1", "a")}</row><row r="2">{text("XFD2", "x")}</row>',
            "line 2 has more than 200 cells",
        ),
        ('<row r="1"/><row r="x"/>', "no Excel workbook"),
        (f'<row r="1">{text("AAAAA1", "x")}</row>', "no Excel workbook"),
        ('<row r="1"><c r="A1"><v>1e999</v></c></row><row', "no Excel workbook"),
    ],
)
def test_a_sheet_that_claims_what_no_sheet_has_is_refused(path: Path, rows: str, said: str) -> None:
    with pytest.raises(Fatal, match=said):
        read(save(path, sheet=sheet(rows)))


def test_rows_that_a_sheet_merely_skips_are_given_one_by_one(path: Path) -> None:
    rows = workbook_rows(save(path, sheet=sheet(f'<row r="999999999">{text("A999999999", "x")}</row>')))
    assert [next(rows) for _ in range(3)] == [(1, []), (2, []), (3, [])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_wherever_it_stands(path: Path, encoding: str) -> None:
    content = f"<!--{'x' * 2_000_000}--><!DOCTYPE a>{sheet('').decode()}".encode(encoding)
    with pytest.raises(Fatal, match="no Excel workbook"):
        read(save(path, sheet=content))


def test_more_formats_than_cells_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_MOST_AROUND", 100_000)
    with pytest.raises(Fatal, match="more formats and links than cells"):
        read(save(path, ["a"], styles=b" " * 100_001))


def test_a_sheet_that_swells_is_refused(path: Path) -> None:
    with pytest.raises(Fatal, match="swells more than 250-fold when it is unpacked"):
        read(save(path, sheet=sheet(" " * 30_000_000)))
