"""A secret that is known is masked in whatever form it is written, and nothing else is."""

import base64
import html
import json
import re
import shlex
import time
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain import known_secrets
from connector_defs.domain.known_secrets import covered, forget_all, know, know_for_now

SECRET = "Wort&<ä>\"7' /+%planted"


@pytest.mark.parametrize(
    "written",
    [
        str,
        quote,
        quote_plus,
        lambda text: quote(text, safe=""),
        lambda text: quote(text, safe="").lower().replace("wort", "Wort"),
        escape,
        html.escape,
        lambda text: quote(escape(text), safe=""),
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        lambda text: repr(text)[1:-1],
        ascii,
        # As a log shows bytes, of either code page.
        lambda text: repr(text.encode()),
        lambda text: repr(text.encode("cp1252")),
        # As .NET writes JSON and markup.
        lambda text: re.sub(r"[^A-Za-z0-9 ]", lambda sign: f"\\u{ord(sign[0]):04X}", text),
        lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("ä", "&#228;"),
        # One escaping in another one.
        lambda text: json.dumps(json.dumps(text)),
        lambda text: quote(quote(text)),
        lambda text: quote(json.dumps(text)),
        lambda text: html.escape(html.escape(text)),
        lambda text: repr(f"both ' and \" beside {text}"),
        # In a statement and in a command.
        lambda text: text.replace("'", "''"),
        shlex.quote,
    ],
)
def test_a_secret_is_masked_however_it_is_escaped(written) -> None:  # type: ignore[no-untyped-def]
    know([SECRET])
    told = covered(f"before {written(SECRET)} behind")
    assert told.startswith("before ")
    assert told.endswith(" behind")
    assert "…" in told
    assert not any(part in told for part in ("Wort", "planted"))


@pytest.mark.parametrize("piece", ["\\", "%25", "%5C", "&amp;", "\\'", "%2526amp;", "'", "Z"])
def test_a_text_like_a_secret_keeps_it_busy_for_no_longer_than_its_length_explains(piece: str) -> None:
    know(["\\a\\\\\"'%%%   &&;;Z"])
    begun = time.process_time()
    covered("Z" + piece * (200_000 // len(piece)))
    assert time.process_time() - begun < 1.0


def test_a_longer_secret_goes_before_a_part_of_it_also_where_it_is_escaped() -> None:
    know(["planted-word", "a&planted-word&b"])
    assert covered("planted-word a%26planted-word%26b") == "… …"


@given(st.text(min_size=8, max_size=30), st.text(max_size=9))
def test_nothing_of_a_secret_is_left_in_base64(secret: str, before: str) -> None:
    forget_all()
    know([secret])
    encoded = base64.b64encode(f"{before}:{secret}".encode()).decode()
    left = covered(encoded)
    assert left != encoded
    # What stands at its ends shares its signs with what is beside it.
    assert len(left) <= len(base64.b64encode(before.encode())) + 6
    forget_all()


def test_a_short_secret_is_masked_only_as_a_word() -> None:
    know(["1234", "abc"])
    assert covered("1234 costs 12345.00, x1234, (1234)") == "… costs 12345.00, x1234, (…)"
    assert covered("abc") == "abc"


def test_a_longer_secret_goes_before_a_part_of_it() -> None:
    know(["planted-word", "planted-word-and-more"])
    assert covered("planted-word-and-more planted-word") == "… …"


def test_tokens_are_forgotten_when_many_came_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_secrets, "_MOST_PASSING", 2)
    for token in ("token-one-1", "token-two-2", "token-one-1", "token-three", "abc"):
        know_for_now(token)
    assert covered("token-one-1 token-two-2 token-three") == "… token-two-2 …"


def test_a_secret_of_the_settings_is_never_forgotten_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_secrets, "_MOST_PASSING", 1)
    know(["lasting-one"])
    for token in ("lasting-one", "token-one-1", "token-two-2"):
        know_for_now(token)
    assert covered("lasting-one token-one-1 token-two-2") == "… token-one-1 …"
