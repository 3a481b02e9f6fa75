"""A secret that is known is masked in whatever form it is written, and nothing else is."""

import base64
import html
import json
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
    ],
)
def test_a_secret_is_masked_however_it_is_escaped(written) -> None:  # type: ignore[no-untyped-def]
    know([SECRET])
    assert covered(f"before {written(SECRET)} behind") == "before … behind"


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
