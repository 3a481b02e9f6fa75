"""What of a text SYSPRO's Windows-1252 can hold, and what no ledger should (H1, H2, H3, H19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.text import CleanText, for_windows_1252, without_controls

# Every text Python can hold, lone surrogates included.
any_text = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    "text",
    ["plain", "&<>\"'", "]]>", "=1+1", "Müller & Söhne", "€ 5 – „quoted“ …", "Œuvre ŠŽ šž Ÿ", "{}[]\\|~"],
)
def test_what_windows_1252_knows_stays_as_it_is(text: str) -> None:
    assert for_windows_1252(text) == CleanText(text)


@pytest.mark.covers("H3")
@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("Łódź", "Lódz"),
        ("Zażółć gęślą jaźń", "Zazólc gesla jazn"),
        ("Đorđe Čačić", "Dorde Cacic"),
        ("İstanbul ığdır", "Istanbul igdir"),
        ("ĦħĊ", "HhC"),
        ("ﬁne №", "fine No"),
        ("a\u2011b\u2212c", "a-b-c"),
        ("a\u00a0b", "a b"),
        ("①②", "12"),
        ("Αθήνα ΆΈΉΊΌΎΏ ΐΰϊϋ", "Athina AEIIOYO iyiy"),
        ("ΨΥΧΉ ψυχής Θ", "PsYChI psychis Th"),
        ("Щука ёж объём Ёлка", "Shchuka yozh obyom Yolka"),
        ("Київ Ґданськ Єва їжак", "Kiyiv Gdansk Yeva yizhak"),
        ("Ђорђе Љубљана Ћуприја Џем", "Djordje Ljubljana Cuprija Dzem"),
        ("Мінск Ўсход", "Minsk Uskhod"),
        ("Şişli Iğdır İzmir ğ", "Sisli Igdir Izmir g"),
        ("Țara Iași Şuţ", "Tara Iasi Sut"),
        ("Příliš žluťoučký kůň", "Príliš žlutoucký kun"),
        ("e\u0301te\u0301", "été"),
        ("5\u2032 3\u2033 ≥ 1⁄2 ₺", "5' 3\" >= 1/2 TRY"),
    ],
)
def test_letters_outside_are_transliterated_without_loss(text: str, carried: str) -> None:
    assert for_windows_1252(text) == CleanText(carried)


@pytest.mark.covers("H3")
@pytest.mark.parametrize(
    ("text", "carried", "lost"),
    [
        ("Ωmega 漢", "Omega", "漢"),
        ("👍🏽 ok", "ok", "👍🏽"),
        ("1\ufe0f\u20e3 st", "1 st", "\ufe0f\u20e3"),
        ("ok 👍", "ok", "👍"),
        ("日本", "", "日本"),
        ("a\x00b", "ab", "\x00"),
        ("a\ud800b", "ab", "\ud800"),
        ("a\ufffeb", "ab", "\ufffe"),
        ("a\u200bb", "ab", "\u200b"),
        ("a\u202eb", "ab", "\u202e"),
        ("a\x81b", "ab", "\x81"),
    ],
)
def test_what_cannot_be_carried_is_told(text: str, carried: str, lost: str) -> None:
    assert for_windows_1252(text) == CleanText(carried, lost)


@pytest.mark.parametrize("text", ["a\x0bb", "a\nb", "a\r\nb", "a\tb", "  a  b ", "a\u2028b", "a\u3000b"])
def test_white_space_of_every_kind_becomes_one_blank(text: str) -> None:
    assert for_windows_1252(text) == CleanText("a b")


@pytest.mark.parametrize(
    ("text", "limit", "kept", "lost"),
    [
        ("abcdef", 3, "abc", "def"),
        ("ab cdef", 3, "ab", "cdef"),
        ("abc", 3, "abc", ""),
        ("Łódź!", 4, "Lódz", "!"),
    ],
)
def test_a_text_is_cut_at_its_limit_and_the_rest_is_told(text: str, limit: int, kept: str, lost: str) -> None:
    assert for_windows_1252(text, limit) == CleanText(kept, lost)


@given(any_text, st.one_of(st.none(), st.integers(1, 40)))
def test_whatever_comes_out_can_be_written(text: str, limit: int | None) -> None:
    clean = for_windows_1252(text, limit)
    assert clean.text.encode("cp1252").decode("cp1252") == clean.text
    assert clean.text.isprintable() or "\xad" in clean.text
    assert limit is None or len(clean.text) <= limit
    assert for_windows_1252(clean.text, limit) == CleanText(clean.text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\x00b\x0bc\x1f", "abc"),
        ("a\ud800\ufffeb", "ab"),
        ("a\tb\nc", "a\tb\nc"),
        ("  00123  ", "  00123  "),
        ("日本 👍 Łódź", "日本 👍 Łódź"),
    ],
)
def test_control_characters_go_and_everything_else_stays(text: str, clean: str) -> None:
    assert without_controls(text) == clean


@given(any_text)
def test_a_text_without_controls_can_be_sent(text: str) -> None:
    assert without_controls(text).encode("utf-8").decode("utf-8") == without_controls(text)
