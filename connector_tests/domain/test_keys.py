"""Identity: codes that are stable for life, markers that fit SYSPRO's fields, near misses that are listed."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.keys import external_code, near_misses, posting_reference, response_code


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (("vendors", "M1", "0000001"), "bd5838a1-d375-5092-b56f-2e142048c6d7"),
        (("accounts", "M1", "40-4000"), "49a19d26-d213-5cec-8e49-5893b60a6f22"),
        (("matchingOrderLines", "M1", "000042", "1"), "552f5ee9-9e3a-5adc-8d16-9d1c7d023226"),
    ],
)
def test_an_external_code_is_the_same_for_ever(key: tuple[str, str, str], code: str) -> None:
    assert external_code(*key) == code
    assert uuid.UUID(code).version == 5


def test_a_response_code_is_the_same_for_ever() -> None:
    assert response_code("M1", "8b1f7c1e", "transfer", 1) == "3295a5e5-8f14-5c4f-bf72-d4687eb1cb70"
    assert response_code("M1", "8b1f7c1e", "transfer", 2) == "2b97dc52-e52d-5d62-bab0-8d4962d2b73d"


def test_a_posting_reference_is_the_same_for_ever() -> None:
    assert posting_reference("M1", "8b1f7c1e") == "BWYOHTZ7JJSHPRVTFV4MALZ4XY"


@pytest.mark.parametrize(
    "other",
    [
        ("vendors", "M1", "1"),
        ("vendors", "M1", "0000001 "),
        ("vendors", "M2", "0000001"),
        ("accounts", "M1", "0000001"),
        ("vendors", "M1", "000", "0001"),
    ],
)
def test_another_record_has_another_code(other: tuple[str, str, str]) -> None:
    assert external_code(*other) != external_code("vendors", "M1", "0000001")


@pytest.mark.covers("H12")
@given(st.text(max_size=10), st.text(max_size=80))
def test_codes_have_36_characters_and_references_fit_30(company: str, key: str) -> None:
    assert len(external_code("vendors", company, key)) == 36
    assert len(response_code(company, key, "payment", 1)) == 36
    assert re.fullmatch("BW[A-Z2-7]{24}", posting_reference(company, key))


@pytest.mark.parametrize("wanted", ["123", " 000123 ", "000123", "0123"])
def test_keys_that_differ_by_blanks_or_padding_are_near(wanted: str) -> None:
    known = {"000123", "123", " 123", "1230", "abc"}
    assert near_misses(wanted, known) == sorted({"000123", "123", " 123"} - {wanted})


def test_keys_that_differ_by_case_are_near() -> None:
    assert near_misses("acme", {"ACME", "Acme", "acm"}) == ["ACME", "Acme"]


def test_a_key_is_not_near_to_itself() -> None:
    assert near_misses("ACME", {"ACME"}) == []
