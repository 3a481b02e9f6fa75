"""Signed links: the storage behind a redirect (wire notes 2.6).

A link lives a while, under another host name than the API, and refuses a request that brings a second
authentication along, as object storages do.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector_defs.sandbox.basware.answer import Answer, Call

_KEPT = 64
_OTHER_NAMES = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}


@dataclass(frozen=True, slots=True)
class _Stored:
    signature: str
    expires: float
    answer: Answer


class Links:
    """Keeps the newest answers waiting to be fetched."""

    def __init__(self, monotonic: Callable[[], float], seconds: float = 900.0) -> None:
        self._monotonic = monotonic
        self.seconds = seconds
        self._stored: OrderedDict[str, _Stored] = OrderedDict()

    def redirect(self, call: Call, answer: Answer) -> Answer:
        """302 to a link that will give `answer`."""
        key, signature = secrets.token_hex(12), secrets.token_hex(32)
        self._stored[key] = _Stored(signature, self._monotonic() + self.seconds, answer)
        while len(self._stored) > _KEPT:
            self._stored.popitem(last=False)
        query = f"X-Amz-Expires={int(self.seconds)}&X-Amz-Signature={signature}"
        return Answer(302, headers={"Location": f"http://{_other_name(call.host)}/_storage/{key}?{query}"})

    def fetch(self, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """The stored answer; 400 with an Authorization header, 403 for a stale or unknown link."""
        if "authorization" in headers:
            return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        stored = self._stored.get(key)
        if stored is None or not secrets.compare_digest(stored.signature, query.get("X-Amz-Signature", "")):
            return _storage_error(403, "SignatureDoesNotMatch", "The request signature does not match")
        if stored.expires <= self._monotonic():
            return _storage_error(403, "AccessDenied", "Request has expired")
        return stored.answer


def _other_name(host: str) -> str:
    """The same loopback server under its other name, so that the link is another origin."""
    name, colon, port = host.partition(":")
    return f"{_OTHER_NAMES.get(name, name)}{colon}{port}"


def _storage_error(status: int, code: str, message: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, body.encode(), "application/xml")
