"""CSV comes record by record with its place, and no record is longer than an honest one."""

import io

import pytest

from connector_defs.outside import csv_text
from connector_defs.outside.csv_text import BadCsv, records


def read(text: str, delimiter: str = ",") -> list[tuple[int, list[str]]]:
    return list(records(io.StringIO(text, newline=""), delimiter))


def test_records_come_with_the_line_they_begin_on() -> None:
    assert read('a,b\n"1\n2",3\r\n\n4,5') == [(1, ["a", "b"]), (2, ["1\n2", "3"]), (4, []), (5, ["4", "5"])]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('a\nb,"c\n', 2, "unexpected end"),
        ('a\n"b"c\n', 2, "expected after"),
        ("a\nb\n" + "c" * 1_001, 3, "longer than 1000 characters"),
        ('a\n"' + "b\n" * 600, 2, "longer than 1000 characters"),
        ('a\n"' + '","\n' * 300, 2, "longer than 1000 characters"),
    ],
)
def test_what_is_no_csv_is_refused_with_its_line(
    text: str, line: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "MAX_RECORD_CHARACTERS", 1_000)
    with pytest.raises(BadCsv, match=said) as refusal:
        read(text)
    assert refusal.value.line == line


def test_a_cell_beyond_what_the_reader_takes_is_refused() -> None:
    with pytest.raises(BadCsv, match="field larger than"):
        read("a" * 200_000)
