"""One well-formed signature, or none at all."""

import base64

import pytest

from connector_defs.console.signature import Form, Signature, is_signed, read_signature
from connector_tests.console.notifications import sign

BODY = b'{"taskId":"1"}'
HEX = sign(BODY, "new")
DIGEST = bytes.fromhex(HEX)
BASE64 = base64.b64encode(DIGEST).decode()
# The last character stands for four bits and two that mean nothing: here one of these is set.
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
OTHERWISE = BASE64[:-2] + _ALPHABET[_ALPHABET.index(BASE64[-2]) ^ 1] + "="


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([], Form.MISSING),
        ([HEX, HEX], Form.SEVERAL),
        ([HEX], Form.HEX),
        ([HEX.upper()], Form.HEX),
        ([f"sha256={HEX}"], Form.PREFIXED_HEX),
        ([BASE64], Form.BASE64),
        ([f"sha256={BASE64}"], Form.PREFIXED_BASE64),
        ([OTHERWISE], Form.UNREADABLE),
        ([BASE64.rstrip("=")], Form.UNREADABLE),
        ([f"sha256=sha256={HEX}"], Form.UNREADABLE),
        ([f"sha1={HEX}"], Form.UNREADABLE),
        ([HEX[:-1]], Form.UNREADABLE),
        ([HEX + "\n"], Form.UNREADABLE),
        (["é" * 64], Form.UNREADABLE),
        ([""], Form.UNREADABLE),
    ],
)
def test_the_form_is_told_and_only_a_whole_one_has_a_digest(values: list[str], form: Form) -> None:
    found = read_signature([value.encode("latin-1") for value in values])

    assert found.form is form
    assert found.digest == (
        DIGEST if form in (Form.HEX, Form.BASE64, Form.PREFIXED_HEX, Form.PREFIXED_BASE64) else b""
    )


def test_any_of_the_secrets_may_have_made_it() -> None:
    signature = read_signature([HEX.encode()])

    assert is_signed(BODY, signature, [b"old", b"new"], "any")
    assert not is_signed(BODY, signature, [b"old", b""], "any")
    assert not is_signed(BODY + b" ", signature, [b"new"], "any")


@pytest.mark.parametrize(
    "signature", [Signature(Form.MISSING), Signature(Form.UNREADABLE), Signature(Form.HEX)]
)
def test_without_secret_or_without_signature_nothing_is_signed(signature: Signature) -> None:
    assert not is_signed(BODY, signature, [b"new"], "any")
    assert not is_signed(BODY, read_signature([HEX.encode()]), [], "any")
