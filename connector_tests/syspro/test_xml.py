"""SYSPRO's texts are read in every form they were seen in, and hostile ones are refused."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connector_defs.syspro import xml

NAME = "Müller – Söhne €"


@pytest.mark.parametrize(
    "body",
    [
        f'<?xml version="1.0" encoding="Windows-1252"?>\n<a>{NAME}</a>'.encode("cp1252"),
        f"<a>{NAME}</a>".encode("cp1252"),
        f'<?xml version="1.0" encoding="Windows-1252"?><a>{NAME}</a>'.encode(),
        f"<a>{NAME}</a>".encode(),
        b"\xef\xbb\xbf" + f"<a>{NAME}</a>".encode(),
        f"<a>{NAME}</a>".encode("utf-16"),
        f'<?xml version="1.0" encoding="utf-16"?><a>{NAME}</a>'.encode("cp1252"),
        f'<?xml version="1.0" encoding="no-such"?><a>{NAME}</a>'.encode("cp1252"),
        f"<a>{NAME}</a>".encode("utf-16-le"),
        f"<a>{NAME}</a>".encode("utf-16-be"),
        f"<a>{NAME}</a>".encode("utf-32"),
        f'<?xml version="1.0" encoding="iso-8859-15"?><a>{NAME}</a>'.replace("–", "-").encode("iso-8859-15"),
    ],
)
def test_a_body_is_decoded_whatever_its_declaration_says(body):
    assert (xml.parse(xml.decode(body)).text or "").replace(" - ", " – ") == NAME


def test_bytes_that_cp1252_lacks_do_not_stop_the_reading():
    assert xml.decode(b"a\x81\xff") == "a\x81ÿ"


@pytest.mark.parametrize(
    "text",
    [
        "<a>1</a>",
        " \n<a>1</a>\n ",
        '"<a>1<\\/a>"',
        '<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">&lt;a&gt;1&lt;/a&gt;</string>',
        '<?xml version="1.0"?><string>&lt;a&gt;1&lt;/a&gt;</string>',
        '"<string>&lt;a&gt;1&lt;/a&gt;</string>"',
        "\ufeff<a>1</a>\x00",
    ],
)
def test_wrappers_are_taken_off(text):
    assert xml.unwrap(text) == "<a>1</a>"


@pytest.mark.parametrize(
    "text", ['"broken', '"bro"ken"', "<string><a/></string>", "<string>", "plain", "", '"']
)
def test_what_is_no_wrapper_stays(text):
    assert xml.unwrap(text) == text


@pytest.mark.parametrize("text", ["<string/>", "<string></string>", '""'])
def test_an_empty_wrapper_is_empty(text):
    assert xml.unwrap(text) == ""


BOMB = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.covers("H6")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "<a>",
        "<a>x & y</a>",
        BOMB,
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>" * 10_000 + "</a>" * 10_000,
        "<a>" + "x" * 11_000_000 + "</a>",
    ],
    ids=["empty", "text", "open", "ampersand", "bomb", "dtd", "entity", "deep", "long"],
)
def test_broken_or_hostile_documents_are_refused(text):
    with pytest.raises(xml.UnreadableXml):
        xml.parse(text)


@pytest.mark.parametrize(
    "name", ["UTF-7", "punycode", "idna", "unicode_escape", "raw-unicode-escape", "zlib"]
)
def test_a_declared_encoding_that_can_say_one_thing_in_many_ways_is_not_believed(name):
    body = f'<?xml version="1.0" encoding="{name}"?><a>+ADw-b/+AD4- \\u003cb/> é</a>'.encode("cp1252")
    assert xml.parse(xml.decode(body).replace("<b", "")).text == "+ADw-b/+AD4- \\u003cb/> é"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a>" + "<b/>" * 200_000 + "</a>", "more elements"),
        ("<a " + " ".join(f'a{number}=""' for number in range(200_001)) + "/>", "more elements"),
        ("<a>" + "x" * xml.MAX_CHARACTERS + "</a>", "longer than"),
        ('<!DOCTYPE a [<!ENTITY b "xxxxx">]><a c="&b;"/>', "document type"),
        ("<" + "n" * 60_000 + "></m>", "not well-formed"),
    ],
)
def test_what_no_reply_comes_to_is_refused_in_a_few_words(text, reason):
    with pytest.raises(xml.UnreadableXml, match=reason) as refusal:
        xml.parse(text)
    assert len(str(refusal.value)) < 300


def test_a_million_blanks_take_no_time():
    begun = time.process_time()
    assert xml.parse("<a>" + " " * 3_000_000 + "</a>").text.strip() == ""
    assert time.process_time() - begun < 1


def test_an_inclusion_is_an_element_like_any_other():
    text = (
        '<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="file:///etc/passwd" parse="text"/></a>'
    )
    assert [xml.name_of(each) for each in xml.parse(text)] == ["include"]
    assert "root" not in "".join(xml.parse(text).itertext())


@pytest.mark.parametrize("digits", ["9" * 81, "9" * 5_000, "1" * 900_000])
def test_a_number_of_more_digits_than_any_is_none(digits):
    with pytest.raises(ValueError, match="and so on is no number") as refusal:
        xml.number(digits)
    assert len(str(refusal.value)) < 200
    assert xml.count(digits) is None


@pytest.mark.parametrize(
    ("text", "value"), [("9" * 18, 10**18 - 1), ("9" * 19, None), ("-" + "9" * 30, None)]
)
def test_a_counter_fits_every_store(text, value):
    assert xml.count(text) == value


def test_control_characters_echoed_in_a_reply_are_dropped():
    assert xml.parse("<a>x\x0b\x00y\ufffe</a>").text == "xy"


def test_elements_are_found_in_any_case_and_namespace():
    root = xml.parse(
        "<R xmlns='u'><StatusofItems><RECORDSREAD> 1 </RECORDSREAD></StatusofItems><!-- c --></R>"
    )
    assert xml.first_text(root, "StatusOfItems", "RecordsRead") == "1"
    assert [xml.name_of(each) for each in xml.descendants(root, "recordsread", "r")] == ["R", "RECORDSREAD"]
    assert xml.first_text(root, "StatusOfItems", "Nothing", "Below") == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("       1", "1"),
        ("00017", "17"),
        ("     2.204620", "2.204620"),
        ("38,400.000", "38400.000"),
        ("   1,234,567.80-", "-1234567.80"),
        ("-5.00", "-5.00"),
        ("+5", "5"),
        (".50", "0.50"),
        ("5.", "5"),
        ("1234.5", "1234.5"),
    ],
)
def test_printed_numbers_are_read(text, value):
    assert xml.number(text) == Decimal(value)


@pytest.mark.covers("H8")
@pytest.mark.parametrize(
    "text", ["", " ", "0000-00-00", "1.234,56", "12,34", "1,2345", "-5-", "abc", "1e3", ".", "NaN", "²"]
)
def test_what_is_ambiguous_is_no_number(text):
    with pytest.raises(ValueError, match=r"SYSPRO prints|two signs"):
        xml.number(text)


@pytest.mark.parametrize(
    ("text", "value"), [("00017", 17), ("", None), ("x", None), ("1.5", None), ("2.00", 2)]
)
def test_counters_are_whole_or_nothing(text, value):
    assert xml.count(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1", "1.00"),
        ("1.50", "1.50"),
        ("1.500", "1.50"),
        ("1E3", "1000.00"),
        ("-0.00", "0.00"),
        ("-7", "-7.00"),
    ],
)
def test_amounts_are_plain_with_two_decimals(value, text):
    assert xml.amount("X", Decimal(value)) == text


@pytest.mark.parametrize("value", ["1.001", "NaN", "Infinity", "1E40", "-Infinity"])
def test_an_amount_is_never_rounded(value):
    with pytest.raises(ValueError, match="TaxValue"):
        xml.amount("TaxValue", Decimal(value))


@pytest.mark.parametrize("text", ["Łódź", "Ω", "🙂", "\x0b", "\x00", "\ud800", "\ufffe", "\x81"])
def test_text_the_wire_cannot_carry_names_its_field(text):
    with pytest.raises(ValueError, match=r"^Notation holds"):
        xml.carried("Notation", text)


@given(st.text(st.characters(codec="cp1252", exclude_categories=("Cc",))))
def test_text_comes_back_as_it_was_written(text):
    root = etree.Element("a")
    xml.add(root, "b", text)
    assert (xml.parse(xml.serialise(root)).findtext("b") or "") == (text if text.strip() else "")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_an_amount_comes_back_as_it_was_written(value):
    assert xml.number(xml.amount("X", value)) == value


@given(st.binary(max_size=60))
def test_no_body_breaks_the_decoder(body):
    assert isinstance(xml.unwrap(xml.decode(body)), str)
