"""The secrets this process holds, so that none of them leaves it, however it is written.

Belongs here: the values, in memory only, and the forms in which a log, a URL or a document would hold them.
Does not belong here: where they come from (settings, vault, logons), and secrets that nobody has told of, which
`redaction` knows by their looks.
"""

import html
import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final

MASK: Final = "…"
# A shorter one would strike ordinary words and amounts; it is masked where its name stands beside it.
_SHORTEST: Final = 4
# Up to this length a secret is a word that may be part of another one, as `1234` is of an amount.
_WORD_BELOW: Final = 8
# Tokens and sessions come and go: of those the last so many are kept in mind. Each costs every text a look.
_MOST_PASSING: Final = 32
_PLAIN_IN_URLS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_lock = threading.Lock()
# Secret -> the forms it may be written in.
_lasting: dict[str, frozenset[str]] = {}
_passing: dict[str, frozenset[str]] = {}
# Replaced as a whole whenever a secret is added, so that readers need no lock. The longest form stands first.
_forms: tuple[str, ...] = ()
_words: re.Pattern[str] | None = None


def know(secrets: Iterable[str]) -> None:
    """Keep these values in mind for the life of the process."""
    new = [secret for secret in secrets if len(secret) >= _SHORTEST and secret not in _lasting]
    if new:
        with _lock:
            _lasting.update({secret: forms_of(secret) for secret in new})
            _prepare()


def know_for_now(secret: str) -> None:
    """Keep a value in mind that will end by itself: a token, a session id."""
    if len(secret) < _SHORTEST or secret in _lasting:
        return
    with _lock:
        forms = _passing.pop(secret, None)
        _passing[secret] = forms or forms_of(secret)
        if forms:
            return
        while len(_passing) > _MOST_PASSING:
            del _passing[next(iter(_passing))]
        _prepare()


def forget_all() -> None:
    """Keep nothing in mind any more: between tests, whose secrets are none of each other's business."""
    with _lock:
        _lasting.clear()
        _passing.clear()
        _prepare()


def covered(text: str) -> str:
    """The text with every known secret in it replaced by `…`, in whichever form it is written."""
    for form in _forms:
        if form in text:
            text = text.replace(form, MASK)
    if _words is not None:
        text = _words.sub(MASK, text)
    return text


def _prepare() -> None:
    global _forms, _words  # noqa: PLW0603 - one memory for the whole process, as its log is one
    secrets = {**_lasting, **_passing}
    long = {form for secret, forms in secrets.items() if len(secret) >= _WORD_BELOW for form in forms}
    short = {form for secret, forms in secrets.items() if len(secret) < _WORD_BELOW for form in forms}
    _forms = tuple(sorted(long, key=lambda form: (-len(form), form)))
    choices = "|".join(re.escape(form) for form in sorted(short, key=lambda form: (-len(form), form)))
    _words = re.compile(rf"(?<!\w)(?:{choices})(?!\w)") if choices else None


def forms_of(secret: str) -> frozenset[str]:
    """The forms in which a secret may be written: as it is, escaped for a URL, XML, JSON or Python, in base64."""
    # Of a short one base64 leaves too little to tell.
    encoded = _in_base64(secret) if len(secret) >= _WORD_BELOW else ()
    return frozenset((*_escaped(secret), *encoded))


def _escaped(secret: str) -> Iterator[str]:
    yield secret
    text = html.escape(secret, quote=False)
    for in_xml in (text, text.replace('"', "&quot;").replace("'", "&apos;"), html.escape(secret)):
        yield in_xml
        yield from _in_urls(in_xml)
    yield from _in_urls(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]


def _in_urls(secret: str) -> Iterator[str]:
    # A domain does no I/O, and so has no urllib; what RFC 3986 says of percent-encoding is short.
    for plain in (_PLAIN_IN_URLS, _PLAIN_IN_URLS | {"/"}):
        encoded = "".join(
            sign
            if sign in plain
            else "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
            for sign in secret
        )
        yield encoded
        yield encoded.replace("%20", "+")
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)


def _in_base64(secret: str) -> Iterator[str]:
    """What stays the same of the secret wherever it stands in a text that is base64, as `user:password` is."""
    raw = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        encoded = b64encode(bytes(before) + raw).decode("ascii")
        # Signs that share their bits with what stands before and behind.
        core = encoded[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
        yield from _in_urls(core)
