"""Countries as SYSPRO sites write them."""

import pytest

from connector_defs.domain.countries import country_of_code, country_of_name
from connector_defs.domain.ledger_sections import GlSection


@pytest.mark.parametrize(
    ("written", "code"),
    [("ZA", "ZA"), ("zaf", "ZA"), (" DE ", "DE"), ("GBR", "GB"), ("UK", None), ("", None)],
)
def test_codes_of_two_and_three_letters_are_known(written: str, code: str | None) -> None:
    assert country_of_code(written) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Germany", "DE"),
        ("  SOUTH   AFRICA ", "ZA"),
        ("Österreich", "AT"),
        ("USA", "US"),
        ("DE", None),
        ("Georgia", None),
        ("Berlin, Germany", None),
        ("", None),
    ],
)
def test_an_address_line_must_name_a_country_and_nothing_else(written: str, code: str | None) -> None:
    assert country_of_name(written) == code


@pytest.mark.parametrize(
    ("code", "place", "section"),
    [
        ("10-6000", 1, "10"),
        ("10-6000", 2, "6000"),
        ("10-6000", 3, None),
        ("6000", 1, None),
        ("-6000", 1, None),
        (" 10 - 6000 ", 1, "10"),
    ],
)
def test_a_section_of_the_gl_code_is_its_cost_centre(code: str, place: int, section: str | None) -> None:
    assert GlSection("-", place).of(code) == section
