"""Text from outside is harmless on a terminal, and machine output loses nothing."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest

from connector_defs.cli.tables import cell_text, table
from connector_defs.cli.terminal import as_json, complain, plain, print_json, quiet_stdout, say, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller & Söhne", "Müller & Söhne"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("first\nsecond", "first\\nsecond"),
        ("left\u202eright", "left\\u202eright"),
        ("lone\ud800", "lone\\ud800"),
        ("nul\x00", "nul\\x00"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_markup_in_a_supplier_name_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    table("Names", [("name", "key")], [("[red]ACME[/red] [bold",), (":smile:",)])

    out = capsys.readouterr().out
    assert "[red]ACME[/red] [bold" in out
    assert ":smile:" in out


def test_an_escape_sequence_in_a_cell_never_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table("Names", [("name", "key")], [("\x1b]0;owned\x07",)])

    assert "\x1b" not in capsys.readouterr().out


def test_line_breaks_of_our_own_messages_are_kept() -> None:
    assert plain("one\ntwo\x1b").plain == "one\ntwo\\x1b"


def test_a_long_line_is_not_broken_so_that_a_command_can_be_copied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "run `connector mapping set " + "x" * 300 + "`"
    say(text)
    complain(text)

    captured = capsys.readouterr()
    assert captured.out == captured.err == text + "\n"


def test_what_the_work_prints_does_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet_stdout():
        print("chatter")

    assert capsys.readouterr() == ("", "chatter\n")


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    amount: Decimal


@dataclass(frozen=True)
class Outer:
    day: date
    at: datetime
    where: Path
    inners: tuple[Inner, ...]
    colour: Colour
    nothing: None = None


def test_reports_become_json_without_losing_a_cent_or_a_zone() -> None:
    report = Outer(
        date(2026, 2, 28),
        datetime(2026, 2, 28, 12, 0, tzinfo=UTC),
        Path("/var/x"),
        (Inner(Decimal("1E+3")), Inner(Decimal("0.10"))),
        Colour.RED,
    )

    assert as_json(report) == {
        "day": "2026-02-28",
        "at": "2026-02-28T12:00:00+00:00",
        "where": "/var/x",
        "inners": [{"amount": "1000"}, {"amount": "0.10"}],
        "colour": "red",
        "nothing": None,
    }


def test_sets_mappings_and_foreign_values_become_json() -> None:
    assert as_json({1: {"b", "a"}, "raw": b"x"}) == {"1": ["a", "b"], "raw": "b'x'"}


def test_json_is_ascii_so_that_any_code_page_can_carry_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Müller \ud800"})

    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "Müller \ud800"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        (Decimal("1234567.80"), "1,234,567.80"),
        (True, "yes"),
        (False, "no"),
        (1.26, "1.3"),
        (12345, "12,345"),
        (datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "2026-01-02 03:04:05+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_cells_read_as_a_person_expects(value: object, text: str) -> None:
    assert cell_text(value) == text
