"""Files of GL mapping rules: every code comes back as it went out, and what cannot be read is told."""

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.domain.gl_mapping import MappingRule, dimension_text
from connector_defs.flows import mapping_files, workbooks
from connector_defs.flows.mapping_files import COLUMNS, read_lines, write_rules
from connector_tests.domain.builders import rule
from connector_tests.domain.test_cells import CELLS

KINDS = ["rules.csv", "rules.xlsx"]
CODES = [
    "0100",
    "1E5",
    "00-6000",
    "1-2",
    "2026-01-31",
    "TRUE",
    "NA",
    "null",
    "1,5",
    "1;5",
    '"',
    " 6 ",
    "√é€🙂",
    "3e-4",
]
HEADER = "account_code,gl_code\n"


def written(path: Path, *rules: MappingRule) -> list[dict[str, str]]:
    write_rules(path, rules, overwrite=False)
    lines = read_lines(path)
    assert [line.flaw for line in lines] == [""] * len(rules)
    return [dict(line.cells) for line in lines]


def workbook(path: Path, *rows: list[object]) -> Path:
    book = openpyxl.Workbook()
    for one in rows:
        book.active.append(one)
    book.save(path)
    return path


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("code", CODES)
def test_a_code_is_text_whatever_it_looks_like(tmp_path: Path, name: str, code: str) -> None:
    (cells,) = written(tmp_path / name, rule(code, code, code))
    assert (cells["account_code"], cells["gl_code"], cells["cost_center"]) == (code, code, code)


@pytest.mark.parametrize("name", KINDS)
def test_everything_a_rule_says_is_written(tmp_path: Path, name: str) -> None:
    one = rule(
        cost_center="CC1",
        dimensions=(("dim1", "N;S"), ("project", "P-7")),
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
    )
    assert written(tmp_path / name, one) == [
        {
            "company": "M1",
            "account_code": "4000",
            "cost_center": "CC1",
            "dimensions": "dim1=N\\;S;project=P-7",
            "gl_code": "40-4000",
            "valid_from": "2026-01-01",
            "valid_to": "2026-12-31",
            "reason": "as agreed",
        }
    ]


def cells_of_csv(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))[1:]


def cells_of_workbook(path: Path) -> list[list[str]]:
    sheet = openpyxl.load_workbook(path).active
    for line in sheet.iter_rows(min_row=2):
        for cell in line:
            assert cell.data_type in ("s", "inlineStr") or cell.value is None
            assert cell.number_format == "@"
    return [[str(cell.value or "") for cell in line] for line in sheet.iter_rows(min_row=2)]


@pytest.mark.parametrize(
    ("name", "cells_of"), [(KINDS[0], cells_of_csv), (KINDS[1], cells_of_workbook)], ids=["csv", "xlsx"]
)
@pytest.mark.parametrize(("text", "cell"), [pair for pair in CELLS if pair[0].strip()])
def test_h18_no_cell_of_an_export_runs_as_a_formula_and_each_is_read_back_unchanged(
    tmp_path: Path, name: str, cells_of: Callable[[Path], list[list[str]]], text: str, cell: str
) -> None:
    hostile = rule(text, text, text, reason=text, dimensions=(("dim1", text),))
    (back,) = written(tmp_path / name, hostile)
    assert [back[column] for column in ("account_code", "cost_center", "gl_code", "reason")] == [text] * 4
    assert back["dimensions"] == dimension_text((("dim1", text),))
    (out,) = cells_of(tmp_path / name)
    stood = dict(zip(COLUMNS, out, strict=True))
    assert [stood[column] for column in ("account_code", "cost_center", "gl_code", "reason")] == [cell] * 4


def test_no_text_becomes_a_formula_where_the_semicolon_separates_cells(tmp_path: Path) -> None:
    write_rules(tmp_path / "rules.csv", [rule(reason='a;=1+1;"=2')], overwrite=False)
    (line,) = (tmp_path / "rules.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert not [cell for cell in line.split(";") if cell.lstrip('" ').startswith("=")]


def test_lines_that_people_add_to_an_exported_workbook_are_text_too(tmp_path: Path) -> None:
    write_rules(tmp_path / "rules.xlsx", [rule()], overwrite=False)
    sheet = openpyxl.load_workbook(tmp_path / "rules.xlsx").active
    assert {sheet.column_dimensions[letter].number_format for letter in "ABCDEFGH"} == {"@"}


def test_a_file_that_is_there_is_not_replaced_unless_that_was_said(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(Fatal, match=r"is there already: .* --overwrite"):
        write_rules(path, [rule()], overwrite=False)
    assert path.read_text(encoding="utf-8") == "mine"
    assert write_rules(path, [rule()], overwrite=True) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["rules.csv"]


def test_a_file_that_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="cannot be written: No such file or directory"):
        write_rules(tmp_path / "no" / "rules.csv", [rule()], overwrite=False)
    with pytest.raises(Fatal, match="cannot be read: No such file or directory"):
        read_lines(tmp_path / "none.csv")
    with pytest.raises(Fatal, match=r"must end in \.csv or \.xlsx"):
        read_lines(tmp_path / "rules.ods")


@pytest.mark.parametrize("reason", ["bell\x07", "mark\ufffe", "mark\uffff"])
def test_what_a_workbook_cannot_hold_is_told_with_the_way_out(tmp_path: Path, reason: str) -> None:
    with pytest.raises(Fatal, match=rf"a workbook cannot hold the text '{reason[:4]}.*: export to \.csv"):
        write_rules(tmp_path / "rules.xlsx", [rule(reason=reason)], overwrite=False)
    assert list(tmp_path.iterdir()) == []


class TestCsv:
    @pytest.mark.parametrize("mark", [",", ";", "\t"])
    def test_what_stands_between_cells_is_seen_in_the_first_line(self, tmp_path: Path, mark: str) -> None:
        path = tmp_path / "rules.csv"
        path.write_text(f"Account_Code{mark} GL_CODE {mark}\r\n6100{mark}10-6100\r\n", encoding="utf-8")
        (line,) = read_lines(path)
        assert (line.number, dict(line.cells)) == (2, {"account_code": "6100", "gl_code": "10-6100"})

    def test_a_line_is_numbered_as_in_an_editor_though_cells_break_over_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "rules.csv"
        path.write_text('account_code,gl_code\n"a\nb",1\n\n,\nc,2\n', encoding="utf-8")
        assert [(line.number, line.cells["account_code"]) for line in read_lines(path)] == [
            (2, "a\nb"),
            (6, "c"),
        ]

    def test_more_cells_than_columns_are_a_flaw_and_fewer_are_empty_ones(self, tmp_path: Path) -> None:
        path = tmp_path / "rules.csv"
        path.write_text("account_code,gl_code,reason\n6100,10-6100,a,b\n6200,10-6200\n", encoding="utf-8")
        first, second = read_lines(path)
        assert first.flaw == "it has 4 cells, and the first line names 3 columns"
        assert (second.flaw, second.cells["reason"]) == ("", "")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty: the first line names the columns"),
            (b"\n\n", "is empty"),
            ("account_code,gl_code\nB\u00fcro,1\n".encode("cp1252"), r"is not UTF-8 \(byte 22\)"),
            (b'account_code,gl_code\n"a,1\n', "line 2 is not CSV"),
            (b"account_code\n6100\n", "has no column gl_code"),
            (b"account_code,gl_code,colour\n", "has a column 'colour'"),
            (b"account_code,gl_code,gl_code\n", "names a column twice"),
        ],
    )
    def test_a_file_that_cannot_be_used_at_all_is_refused(
        self, tmp_path: Path, content: bytes, words: str
    ) -> None:
        path = tmp_path / "rules.csv"
        path.write_bytes(content)
        with pytest.raises(Fatal, match=words):
            read_lines(path)


class TestWorkbook:
    @pytest.mark.parametrize(
        ("cell", "flaw"),
        [
            (6100, "account_code is kept as a number (6100)"),
            (1e5, "account_code is kept as a number (100000"),
            (datetime(2026, 1, 31), "account_code is kept as a date"),  # noqa: DTZ001 - as Excel has it
            (True, "account_code is kept as no text (True)"),
        ],
    )
    def test_a_code_that_excel_took_for_something_else_is_never_guessed_back(
        self, tmp_path: Path, cell: object, flaw: str
    ) -> None:
        path = workbook(tmp_path / "rules.xlsx", ["account_code", "gl_code"], [cell, "10-6100"])
        (line,) = read_lines(path)
        assert line.flaw.startswith(flaw)

    def test_a_date_may_be_a_date(self, tmp_path: Path) -> None:
        day, moment = datetime(2026, 1, 31), datetime(2026, 1, 31, 9)  # noqa: DTZ001
        path = workbook(
            tmp_path / "rules.xlsx",
            ["account_code", "gl_code", "valid_from", "valid_to"],
            ["6100", "1", day, None],
            [None, None, None, None],
            ["6200", "2", day, moment],
        )
        first, second = read_lines(path)
        assert (first.number, first.flaw, first.cells["valid_from"]) == (2, "", "2026-01-31")
        assert second.number == 4
        assert second.flaw.startswith("valid_to is kept as a date (2026-01-31 09:00:00)")

    @pytest.mark.parametrize("content", [b"no workbook", b"PK\x03\x04"])
    def test_a_file_that_is_no_workbook_is_told(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "rules.xlsx"
        path.write_bytes(content)
        with pytest.raises(Fatal, match="is no Excel workbook that can be read"):
            read_lines(path)

    def test_an_archive_without_a_sheet_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "rules.xlsx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("hello.txt", "hello")
        with pytest.raises(Fatal, match="is no Excel workbook that can be read"):
            read_lines(path)

    @pytest.mark.parametrize("kind", ["multiplies", "reads a file"])
    def test_entities_are_not_resolved(self, tmp_path: Path, kind: str) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("the master key", encoding="utf-8")
        entities = {
            "multiplies": '<!ENTITY l0 "lol">'
            + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)),
            "reads a file": f'<!ENTITY l9 SYSTEM "{secret.as_uri()}">',
        }
        path = workbook(tmp_path / "plain.xlsx", ["account_code", "gl_code"], ["6100", "1"])
        bomb = tmp_path / "rules.xlsx"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(bomb, "w") as target:
            for member in source.namelist():
                content = source.read(member).decode()
                if member == "xl/worksheets/sheet1.xml":
                    assert "6100" in content
                    content = f"<!DOCTYPE worksheet [{entities[kind]}]>" + content.replace("6100", "&l9;")
                target.writestr(member, content)
        try:
            (line,) = read_lines(bomb)
        except Fatal as refusal:
            assert "is no Excel workbook that can be read" in str(refusal)  # noqa: PT017
        else:
            assert (kind, line.cells["account_code"]) == ("reads a file", "")


def test_a_file_beyond_any_chart_of_accounts_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "rules.xlsx", ["account_code", "gl_code"], ["6100", "1"])
    monkeypatch.setattr(workbooks, "_MOST_UNPACKED", 100)
    with pytest.raises(
        Fatal, match=r"larger than 100 bytes when it is unpacked: save it as .xlsx again, or split it"
    ):
        read_lines(path)
    monkeypatch.setattr(mapping_files, "_MOST_BYTES", 100)
    with pytest.raises(Fatal, match="is larger than"):
        read_lines(path)


@pytest.mark.parametrize("kind", [".csv", ".xlsx"])
def test_more_lines_than_any_chart_has_are_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping_files, "_MOST_LINES", 3)
    path = tmp_path / f"rules{kind}"
    if kind == ".csv":
        path.write_text("account_code,gl_code\n" + "6100,1\n" * 3, encoding="utf-8")
    else:
        workbook(path, ["account_code", "gl_code"], *[["6100", "1"]] * 3)
    with pytest.raises(Fatal, match="has more than 3 lines: split it"):
        read_lines(path)


def test_a_csv_file_in_utf_16_is_told_how_to_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    path.write_text("account_code,gl_code\n6100,1\n", encoding="utf-16")
    with pytest.raises(Fatal, match="save it as `CSV UTF-8`"):
        read_lines(path)


def test_the_moment_a_rule_was_written_is_not_in_the_file(tmp_path: Path) -> None:
    """Two exports of the same rules differ in nothing, so that they can be compared."""
    early, late = rule(), rule(created_at=datetime(2027, 1, 1, tzinfo=UTC), version=7)
    write_rules(tmp_path / "a.csv", [early], overwrite=False)
    write_rules(tmp_path / "b.csv", [late], overwrite=False)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_workbook_whose_packing_is_spoilt_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.xlsx"
    write_rules(path, [rule()], overwrite=False)
    with zipfile.ZipFile(path) as archive:
        begins = (
            archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 30 + len("xl/worksheets/sheet1.xml")
        )
    body = bytearray(path.read_bytes())
    body[begins : begins + 8] = b"\xff" * 8
    path.write_bytes(body)
    with pytest.raises(Fatal, match="no Excel workbook that can be read"):
        list(read_lines(path))
