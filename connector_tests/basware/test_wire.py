"""JSON exact to the digit, and refused where it is ambiguous."""

from decimal import Decimal

import pytest

from connector_defs.basware.wire import BadJson, decode, elements, encode
from connector_defs.outside.json_text import MAX_DEPTH, TooMuchJson


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1250.000000", Decimal("1250.000000")),
        ("0.1", Decimal("0.1")),
        ("-0.00", Decimal("-0.00")),
        ("1E3", Decimal("1E3")),
        ("1e-308", Decimal("1e-308")),
        ("12345678901234567890.12", Decimal("12345678901234567890.12")),
        ("100", 100),
        ("true", True),
        ("null", None),
        ('"x"', "x"),
        (" [1, 2] \n", [1, 2]),
        ('{"new": {"field": []}}', {"new": {"field": []}}),
    ],
)
def test_a_value_is_read_from_its_raw_text(text: str, value: object) -> None:
    decoded = decode(text.encode())
    assert decoded == value
    assert str(decoded) == str(value)


HOSTILE = [
    pytest.param(b'{"a": NaN}', "NaN", id="NaN"),
    pytest.param(b'{"a": Infinity}', "Infinity", id="Infinity"),
    pytest.param(b'{"a": -Infinity}', "-Infinity", id="-Infinity"),
    pytest.param(b'{"a": 1e400}', "range of a double", id="1e400"),
    pytest.param(b'{"a": 1e-400}', "range of a double", id="1e-400"),
    pytest.param(b'{"a": ' + b"9" * 40 + b"}", "38 digits", id="40 digits"),
    pytest.param(b'{"a": ' + b"9" * 40 + b".5}", "38 digits", id="40 digits and a half"),
    pytest.param(b'{"a": 1, "a": 2}', "'a' occurs twice", id="duplicate key"),
    pytest.param(b'{"x": {"a": 1, "b": 1, "a": 1}}', "'a' occurs twice", id="duplicate key inside"),
    pytest.param(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper than 64", id="65 levels"),
    pytest.param(b"[" * 10_000 + b"]" * 10_000, "deeper than 64", id="10,000 levels"),
    pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "deeper than 64", id="10,000 objects"),
]
BROKEN = [
    pytest.param(b'\xef\xbb\xbf{"a": 1}', "byte order mark", id="BOM"),
    pytest.param(b'{"a": "\xff"}', "not UTF-8", id="not UTF-8"),
    pytest.param(b'{"a": 01}', "delimiter", id="leading zero"),
    pytest.param(b'{"a": 1} x', "goes on", id="trailing text"),
    pytest.param(b'{"a": 1', "delimiter", id="cut off"),
    pytest.param(b"", "Expecting value", id="empty"),
    pytest.param(b"<html>", "Expecting value", id="HTML"),
    pytest.param(b"{'a': 1}", "quotes", id="single quotes"),
    pytest.param(b'{"a": "line\nbreak"}', "control character", id="raw control character"),
]


@pytest.mark.parametrize(("body", "reason"), [*HOSTILE, *BROKEN])
def test_ambiguous_json_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadJson, match=reason):
        decode(body)


def test_nesting_up_to_the_limit_is_read() -> None:
    decode(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))


@pytest.mark.parametrize(("element", "reason"), HOSTILE)
def test_a_hostile_element_harms_no_other(element: bytes, reason: str) -> None:
    found = elements(b'{"list": [{"a": 1}, ' + element + b', {"b": "]}"}]}', "list")
    assert [found[0].value, found[2].value] == [{"a": 1}, {"b": "]}"}]
    assert found[1].flaw is not None
    assert reason in found[1].flaw
    assert found[1].text.encode() == element


def test_an_element_that_is_no_json_is_skipped_by_its_brackets() -> None:
    found = elements(b'{"list": [{"a": 01, "s": "}\\"]"}, {"b": 2}]}', "list")
    assert found[0].flaw is not None
    assert found[0].text == '{"a": 01, "s": "}\\"]"}'
    assert found[1].value == {"b": 2}


def test_of_a_doubled_key_neither_value_is_offered() -> None:
    (element,) = elements(b'[{"id": "A", "x": 1, "id": "B"}]', "list")
    assert element.value == {"x": 1}


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b'{"list": []}', []),
        (b'{"list": null}', []),
        (b'{"other": {"list": [9]}, "list": [1 , 2]}', ["1", "2"]),
        (b' { "list" : [ { } , 2.50 ] , "next" : null } ', ["{ }", "2.50"]),
        (b"[1,2]", ["1", "2"]),
        (b"[ ]", []),
    ],
)
def test_the_elements_of_a_list_come_with_their_exact_text(body: bytes, texts: list[str]) -> None:
    assert [element.text for element in elements(body, "list")] == texts


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "'list' is missing"),
        (b'{"other": []}', "'list' is missing"),
        (b'{"list": {}}', "not a list"),
        (b'{"list": [], "list": []}', "occurs twice"),
        (b'{"list": [1', "expected"),
        (b'{"list": [', "no value"),
        (b'{"list": [{"a": 1', "ends inside"),
        (b'{"list": [x, 1]}', "no value"),
        (b'{"list": [1]} x', "goes on"),
        (b'{"list": [1] "b": 2}', "expected"),
        (b'{"list" [1]}', "expected"),
        (b'"list"', "expected"),
        (b"", "expected"),
        (b'\xef\xbb\xbf{"list": []}', "byte order mark"),
    ],
)
def test_a_page_that_cannot_be_read_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(BadJson, match=reason):
        elements(body, "list")


def test_encoding_keeps_every_digit_and_every_character() -> None:
    value = {"amount": Decimal("1250.000000"), "text": 'a&b<c>"d" ]]> 😀 ż'}
    assert decode(encode(value)) == value
    assert b"1250.000000" in encode(value)


def test_a_list_longer_than_any_page_is_not_read_to_its_end() -> None:
    with pytest.raises(TooMuchJson, match="more than 10,000 elements"):
        elements(b"[" + b"{}," * 10_000 + b"{}]", "list")
