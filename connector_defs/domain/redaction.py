"""Texts without secrets: whatever leaves this process as a log line, an error or a stored reason goes through here.

Belongs here: what a secret looks like where nobody has told of it. Known values are in `known_secrets`, logs in
`log_redaction`. Not here: business texts as such; a payload is kept as it came.

Names are searched for in one pass, and what follows is read from there: no text can keep that busy for longer than
its length explains.
"""

import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Final

from connector_defs.domain.bank_accounts import masked, without_ibans
from connector_defs.domain.known_secrets import MASK, covered

_Span = tuple[int, int]

_USER_INFO: Final = re.compile(r"://[^/\s'\"<>]*@")
# Signed links, filters, and in e.net's URLs session, passwords and whole documents.
_QUERY: Final = re.compile(r"\?[\w$%&+~…-][^\s'\"<>]*")
_TOKEN: Final = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)*")

# In lower case, as they are searched for; the last part of longer names.
_SCHEME: Final = re.compile(r"\b(?P<scheme>basic|bearer)\s+(?P<value>[\w.~+/=-]{6,})")
# No word of a name is that long: `Basic salaries` is a ledger account, and `Bearer Securities` a supplier.
_NO_WORD: Final = 20
_LONGEST_NAME: Final = 60
_HEADERS: Final = frozenset(
    {"authorization", "cookie", "signature", "signature-256", "webhookauthenticationtoken"}
)
_NAME: Final = re.compile(
    "password|passwd|passphrase|pwd|secret|signature(?:-256)?|webhookauthenticationtoken|token|authorization|cookie|"
    "api[_-]?key|master[_-]?key|private[_-]?key|user[_-]?id|session[_-]?id"
)
_ACCOUNT_NAME: Final = re.compile(
    "bank_?account(?:_?(?:number|no|id))?|account_?number|linked_?bban_?or_?iban|iban|bban|schemeid"
)

_QUOTE: Final = r"\\{0,2}['\"]"
_SIGN: Final = r"\s{0,3}[=:,]\s{0,3}b?"
# What follows a name: `": "value"`, `='value'`, `', b'value'`, `=value`.
_FIELD: Final = re.compile(
    rf"(?:\\{{0,2}}['\"])?{_SIGN}\\{{0,2}}(?P<quote>['\"])(?P<quoted>(?:\\.|(?!(?P=quote))[^\\])+)"
    r"|\s?=\s?(?P<bare>[^\s&;,'\"<>]+)",
    re.DOTALL,
)
# An element and its text, also where the document is escaped once more or stands in a URL.
_OPENING: Final = re.compile(r"(?:<|&lt;|%3c)[\w:.-]*\Z")
_ELEMENT: Final = re.compile(
    r"(?:\s[^<>]{0,100})?(?:>|&gt;|%3E)(?P<text>(?:[^<&%]|&(?!lt;)|%(?!3C))*)", re.IGNORECASE
)
# A header on a line of its own.
_LINE: Final = re.compile(r"\s{0,3}:\s{0,3}(?P<line>[^\s'\"][^\r\n]*)")
_NUMBER: Final = r"(?P<number>[A-Za-z0-9][A-Za-z0-9 ./-]{3,50})"
_ACCOUNT: Final = re.compile(rf"(?:(?:{_QUOTE})?{_SIGN}{_QUOTE}|>|&gt;|=){_NUMBER}")
# Basware's shape: the kind of number, then the number.
_IDENTIFIER: Final = re.compile(
    rf"{_QUOTE}{_SIGN}{_QUOTE}[IB]BAN{_QUOTE}[^{{}}]{{0,300}}?\bid{_QUOTE}{_SIGN}{_QUOTE}{_NUMBER}",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text without secrets: known values, queries and user information of URLs, headers, fields and elements
    named like secrets, tokens; of bank accounts the end is left.
    """
    text = covered(text)
    if "@" in text and "://" in text:
        text = _USER_INFO.sub(f"://{MASK}@", text)
    if "?" in text:
        text = _QUERY.sub(f"?{MASK}", text)
    if "eyJ" in text:
        text = _TOKEN.sub(MASK, text)
    folded = _folded(text)
    if "basic" in folded or "bearer" in folded:
        text = _without(text, _credentials(text, folded))
        folded = _folded(text)
    text = _without(text, _named(text, folded))
    return without_ibans(_accounts_masked(text))


def _folded(text: str) -> str:
    """In lower case, place by place."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


def _without(text: str, spans: Iterable[_Span]) -> str:
    parts = []
    done = 0
    for start, end in spans:
        parts += [text[done:start], MASK]
        done = end
    return "".join((*parts, text[done:])) if parts else text


def _credentials(text: str, folded: str) -> Iterable[_Span]:
    """Where the credentials are that stand behind the name of their scheme."""
    for match in _SCHEME.finditer(folded):
        start, end = match.span("value")
        value = text[start:end]
        shown = not value.isalpha() if match["scheme"] == "bearer" else _is_pair(value)
        if shown or len(value) >= _NO_WORD:
            yield start, end


def _is_pair(value: str) -> bool:
    """Whether it is base64 of `user:password`, or of the beginning of one."""
    try:
        user, colon, _ = b64decode(value[: len(value) // 4 * 4]).partition(b":")
    except ValueError:
        return False
    return bool(colon) and user.isascii() and user.decode("ascii").isprintable()


def _named(text: str, folded: str) -> Iterable[_Span]:
    """Where the values are that stand beside names of secrets."""
    done = 0
    for name in _NAME.finditer(folded):
        if name.start() < done:
            continue
        value = _FIELD.match(text, name.end())
        if value is None and _OPENING.search(folded, max(0, name.start() - _LONGEST_NAME), name.start()):
            value = _ELEMENT.match(text, name.end())
        if value is None and name[0] in _HEADERS:
            value = _LINE.match(text, name.end())
        if value is not None:
            start, end = value.span(value.lastgroup or 0)
            done = end
            if start < end:
                yield start, end


def _accounts_masked(text: str) -> str:
    parts = []
    done = 0
    for name in _ACCOUNT_NAME.finditer(_folded(text)):
        if name.start() < done:
            continue
        shape = _IDENTIFIER if name[0] == "schemeid" else _ACCOUNT
        value = shape.match(text, name.end())
        if value is not None and any(sign.isdigit() for sign in value["number"]):
            parts += [text[done : value.start("number")], masked(value["number"])]
            done = value.end()
    return "".join((*parts, text[done:])) if parts else text
