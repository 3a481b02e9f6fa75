"""Whether a body is Basware's: HMAC-SHA256 over the raw bytes, compared in constant time (Basware wire notes 4.6).

Belongs here: the forms a signature may have, and the comparison. Which of them Basware uses is not published, so the
form that was seen is told along. Anything that is not exactly one well-formed signature proves nothing.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Encoding = Literal["any", "hex", "base64"]

_PREFIX: Final = re.compile(rb"sha256=", re.IGNORECASE)
_HEX: Final = re.compile(rb"[0-9a-fA-F]{64}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{43}=")


class Form(StrEnum):
    """How a signature was written. The value is what people and metrics are told: it quotes nothing that came."""

    MISSING = "missing"
    SEVERAL = "several"
    UNREADABLE = "unreadable"
    HEX = "hex"
    BASE64 = "base64"
    PREFIXED_HEX = "prefixed_hex"
    PREFIXED_BASE64 = "prefixed_base64"


_ENCODED: Final[dict[Encoding, frozenset[Form]]] = {
    "hex": frozenset({Form.HEX, Form.PREFIXED_HEX}),
    "base64": frozenset({Form.BASE64, Form.PREFIXED_BASE64}),
    "any": frozenset({Form.HEX, Form.PREFIXED_HEX, Form.BASE64, Form.PREFIXED_BASE64}),
}


@dataclass(frozen=True)
class Signature:
    """What the header said; `digest` is empty where it was not one signature."""

    form: Form
    digest: bytes = b""


def read_signature(values: Sequence[bytes]) -> Signature:
    """The signature in the values of its header: one, and well formed, or none."""
    if not values:
        return Signature(Form.MISSING)
    if len(values) > 1:
        return Signature(Form.SEVERAL)
    prefix = _PREFIX.match(values[0])
    text = values[0][prefix.end() :] if prefix else values[0]
    if _HEX.fullmatch(text):
        return Signature(Form.PREFIXED_HEX if prefix else Form.HEX, bytes.fromhex(text.decode("ascii")))
    if _BASE64.fullmatch(text):
        digest = binascii.a2b_base64(text)
        # Two bits of the last character stand for nothing; only one way of writing them is the right one.
        if base64.b64encode(digest) == text:
            return Signature(Form.PREFIXED_BASE64 if prefix else Form.BASE64, digest)
    return Signature(Form.UNREADABLE)


def is_signed(body: bytes, signature: Signature, secrets: Iterable[bytes], encoding: Encoding) -> bool:
    """True where one of the secrets made this signature of this body. No secret, no signature, no truth."""
    if signature.form not in _ENCODED[encoding]:
        return False
    # All of them are compared: how long it takes tells nothing about which one fits.
    matches = [
        hmac.compare_digest(hmac.new(secret, body, hashlib.sha256).digest(), signature.digest)
        for secret in secrets
    ]
    return any(matches)
