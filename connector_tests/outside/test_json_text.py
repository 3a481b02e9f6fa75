"""What a text may come to is known before it is read. Its rules of reading are held by the tests of Basware's wire."""

import pytest

from connector_defs.outside import json_text
from connector_defs.outside.json_text import BadJson, TooMuchJson, decode


def test_a_text_beyond_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 10)
    assert decode(b'"12345678"') == "12345678"
    with pytest.raises(TooMuchJson, match="larger than 10 bytes"):
        decode(b'"123456789"')


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'{"a":1},', b"1.5,", b"NaN,", b'"ab",'])
def test_a_text_of_too_many_values_is_not_read_however_small_they_are(
    unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "MAX_COST", 200_000)
    with pytest.raises(TooMuchJson, match="too many values"):
        decode(b"[" + unit * 2_000 + b"1]")


def test_a_page_of_five_thousand_rows_with_forty_columns_is_read() -> None:
    row = b"{" + b",".join(b'"Column%02d":"0000000000 text"' % number for number in range(40)) + b"}"
    json_text.check_size(b'{"value":[' + b",".join([row] * 5_000) + b"]}")


@pytest.mark.parametrize(("sign", "read"), [("a", True), ("–", True), ("😀", False)])
def test_a_long_text_is_measured_by_its_widest_sign(sign: str, read: bool) -> None:
    body = f'"{sign}{"x" * 15_000_000}"'.encode()
    if read:
        json_text.check_size(body)
    else:
        with pytest.raises(TooMuchJson):
            json_text.check_size(body)


def test_a_byte_order_mark_is_taken_off_where_it_is_allowed() -> None:
    assert decode(b"\xef\xbb\xbf1", mark=True) == 1
    with pytest.raises(BadJson, match="byte order mark"):
        decode(b"\xef\xbb\xbf1")


def test_the_name_of_a_key_that_occurs_twice_is_not_told_without_end() -> None:
    key = b'"' + b"k" * 5_000 + b'":1'
    with pytest.raises(BadJson, match="occurs twice") as refusal:
        decode(b"{%b,%b}" % (key, key))
    assert len(str(refusal.value)) < 100
