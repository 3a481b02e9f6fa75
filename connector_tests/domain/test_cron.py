"""Cron lines: what is right is known to Dagster as well, what is wrong is told."""

import pytest
from dagster._utils.schedules import is_valid_cron_string

from connector_defs.domain.cron import flaw_of


@pytest.mark.parametrize(
    "line",
    [
        "0 3 * * 1",
        "30 4 * * 1-5",
        "*/15 * * * *",
        "5/20 * * * *",
        "0 0 1 jan *",
        "0 6,18 * * MON,wed-fri",
        "0 0 29 2 *",
        "0 0 31 1-12/2 *",
        "59 23 31 12 7",
    ],
)
def test_a_right_line_has_no_flaw_and_is_one_for_dagster(line: str) -> None:
    assert flaw_of(line) is None
    assert is_valid_cron_string(line)


@pytest.mark.parametrize(
    ("line", "flaw"),
    [
        ("", "it needs five fields"),
        ("daily at 3", "it needs five fields"),
        ("0 3 * *", "it needs five fields"),
        ("@daily", "it needs five fields"),
        ("0 0 3 * * 1", "it needs five fields"),
        ("60 3 * * *", "'60' is no minute from 0 to 59"),
        ("0 24 * * *", "'24' is no hour from 0 to 23"),
        ("0 3 0 * *", "'0' is no day of the month from 1 to 31"),
        ("0 3 * 13 *", "'13' is no month from 1 to 12"),
        ("0 3 * foo *", "'foo' is no month"),
        ("0 3 * * 8", "'8' is no day of the week from 0 to 7"),
        ("0 3 * * 5-1", "'5-1' is no day of the week"),
        ("0 3 * * 1-x", "'1-x' is no day of the week"),
        ("0 */0 * * *", "'*/0' is no hour"),
        ("0 *-5 * * *", "'*-5' is no hour"),
        ("0 1, * * *", "'1,' is no hour"),
        ("0 -1 * * *", "'-1' is no hour"),
        ("0 ٣ * * *", "is no hour"),
        ("0 0 31 2 *", "no month it names has a day 31"),
        ("0 0 31 2 1", "no month it names has a day 31"),
        ("0 0 31 4,6 *", "no month it names has a day 31"),
    ],
)
def test_a_wrong_line_is_told_with_what_is_wrong(line: str, flaw: str) -> None:
    assert flaw in (flaw_of(line) or "")
