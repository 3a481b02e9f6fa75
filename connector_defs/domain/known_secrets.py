"""The secrets this process holds, so that none of them leaves it, however it is written.

Belongs here: the values, in memory only, and the forms in which a log, a URL or a document would hold them.
Does not belong here: where they come from (settings, vault, logons), and secrets that nobody has told of, which
`redaction` knows by their looks.
"""

import re
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html.entities import codepoint2name
from typing import Final

MASK: Final = "…"
# A shorter one would strike ordinary words and amounts; it is masked where its name stands beside it.
_SHORTEST: Final = 4
# Up to this length a secret is a word that may be part of another one, as `1234` is of an amount.
_WORD_BELOW: Final = 8
# Tokens and sessions come and go: of those the last so many are kept in mind. Each costs every text a look.
_MOST_PASSING: Final = 32
# Letters and digits are written as they are everywhere; every other sign has ways of its own.
_PLAIN: Final = re.compile(r"[A-Za-z0-9]+")
_PIECES: Final = re.compile(r"[A-Za-z0-9]+|\\+|.", re.DOTALL)
_LETTERS: Final = {"\n": "n", "\r": "r", "\t": "t"}
# Backslashes that may stand for one: three times escaped.
_ESCAPED_TIMES: Final = 8
# What escapes begin and end with, also where they are escaped in their turn.
_BACKSLASH: Final = r"(?:\\|%(?:25)*5[Cc])"
_AND: Final = rf"(?:&|%(?:25)*26|{_BACKSLASH}+u0026)"
_END: Final = "(?:;|%(?:25)*3[Bb])"

_lock = threading.Lock()
# What a text holds wherever it holds the secret in this form, and the form where it is more than that.
_Form = tuple[str, re.Pattern[str] | None]
_lasting: dict[str, tuple[_Form, ...]] = {}
_passing: dict[str, tuple[_Form, ...]] = {}
# Replaced as a whole whenever a secret is added, so that readers need no lock. The longest secret stands first.
_forms: tuple[_Form, ...] = ()
_words: re.Pattern[str] | None = None


def know(secrets: Iterable[str]) -> None:
    """Keep these values in mind for the life of the process."""
    new = [secret for secret in secrets if len(secret) >= _SHORTEST and secret not in _lasting]
    if new:
        with _lock:
            _lasting.update({secret: _forms_of(secret) for secret in new})
            _prepare()


def know_for_now(secret: str) -> None:
    """Keep a value in mind that will end by itself: a token, a session id."""
    if len(secret) < _SHORTEST or secret in _lasting:
        return
    with _lock:
        forms = _passing.pop(secret, None)
        _passing[secret] = forms or _forms_of(secret)
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
    for part, form in _forms:
        if part in text:
            text = text.replace(part, MASK) if form is None else form.sub(MASK, text)
    if _words is not None:
        text = _words.sub(MASK, text)
    return text


def _prepare() -> None:
    global _forms, _words  # noqa: PLW0603 - one memory for the whole process, as its log is one
    secrets = sorted({**_lasting, **_passing}.items(), key=lambda each: (-len(each[0]), each[0]))
    _forms = tuple(form for secret, forms in secrets if len(secret) >= _WORD_BELOW for form in forms)
    choices = "|".join(_however_escaped(secret) for secret, _ in secrets if len(secret) < _WORD_BELOW)
    _words = re.compile(rf"(?<!\w)(?:{choices})(?!\w)") if choices else None


def _forms_of(secret: str) -> tuple[_Form, ...]:
    """As it is, escaped in any way, in base64. A short one is a word, and of it base64 leaves too little to tell."""
    if len(secret) < _WORD_BELOW:
        return ()
    itself = None if _PLAIN.fullmatch(secret) else re.compile(_however_escaped(secret))
    part = max(_PLAIN.findall(secret), key=len, default="")
    return ((part, itself), *((form, None) for form in dict.fromkeys(_in_base64(secret))))


def _however_escaped(secret: str) -> str:
    """A pattern of the secret: escaped for a URL, XML, JSON, Python, SQL or a shell, and once more for another one."""
    return "".join(
        piece if _PLAIN.fullmatch(piece) else f"(?:{'|'.join(_ways(piece))})"
        for piece in _PIECES.findall(secret)
    )


def _ways(piece: str) -> Iterator[str]:
    """How a sign may be written, or some backslashes in a row, which double with every escaping."""
    count, sign, code = len(piece), piece[0], ord(piece[0])
    if sign == "\\":
        yield rf"{_BACKSLASH}{{{count},{count * _ESCAPED_TIMES}}}"
    elif sign == "'":
        # A shell closes the quotes, and SQL doubles the sign.
        yield r"'(?:\"'\"|\\')'|''"
    elif sign in _LETTERS:
        yield rf"{_BACKSLASH}{{1,{_ESCAPED_TIMES}}}{_LETTERS[sign]}"
    in_urls, in_bytes = [], []
    for encoding in ("utf-8", "cp1252"):
        octets = sign.encode(encoding, "surrogatepass" if encoding == "utf-8" else "ignore")
        in_urls.append("".join(rf"%(?:25)*(?i:{octet:02X})" for octet in octets))
        in_bytes.append("".join(rf"{_BACKSLASH}+x{octet:02x}" for octet in octets))
    ways = "|".join(filter(None, (re.escape(sign), *in_urls)))
    yield rf"(?:{_BACKSLASH}{{0,{_ESCAPED_TIMES}}}(?:{ways})){{{count}}}"
    yield from (rf"(?:{way}){{{count}}}" for way in in_bytes if way)
    name = "apos" if sign == "'" else codepoint2name.get(code, "amp")
    entity = rf"{_AND}(?:amp{_END})*(?:(?:#|%23)0*{code}|(?:#|%23)[xX]0*(?i:{code:X})|{name}){_END}"
    yield rf"(?:{entity}|{_BACKSLASH}+u(?i:{code:04X})|{_BACKSLASH}+U(?i:{code:08X})){{{count}}}"
    if sign == " ":
        yield r"\+"


def _in_base64(secret: str) -> Iterator[str]:
    """What stays the same of the secret wherever it stands in a text that is base64, as `user:password` is."""
    for raw in (secret.encode("utf-8", "surrogatepass"), secret.encode("cp1252", "replace")):
        for before in range(3):
            encoded = b64encode(bytes(before) + raw).decode("ascii")
            # Signs that share their bits with what stands before and behind.
            kept = encoded[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
            yield kept
            yield kept.replace("+", "-").replace("/", "_")
            yield kept.replace("+", "%2B").replace("/", "%2F")
            yield kept.replace("+", "%2b").replace("/", "%2f")
