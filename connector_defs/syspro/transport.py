"""HTTP as both SYSPRO services need it: pool, TLS, caps on size and time.

Belongs here: what is the same for OData and e.net. What a reply means is decided in `odata` and `enet`.
"""

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from connector_defs.dialing import CheckedTransport, certificate_flaw, within
from connector_defs.domain import log_redaction
from connector_defs.domain.redaction import redacted
from connector_defs.outside.body import ACCEPT_ENCODING, BodyRefused, BodyTooLarge, whole
from connector_defs.outside.json_text import MAX_BYTES
from connector_defs.outside.urls import keep_location
from connector_defs.syspro.addresses import Trust, reach_of

# A page of 5,000 rows comes to a quarter of it.
MAX_REPLY_BYTES = MAX_BYTES
CONNECT_SECONDS = 10.0
# Longer than anyone would wait; a number beyond every clock is none.
_LONGEST_WISH = 7 * 86_400.0

# So much of an error page is looked at: these patterns take the square of its length.
_MOST_OF_A_PAGE = 16_000
_SILENT_MARKUP = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[^<>]*>")
# No character has a number this long, and Python refuses to read one of thousands of digits.
_NO_CHARACTER = re.compile(r"&#\d{8,};?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plain_text(body: str, limit: int = 300) -> str:
    """Text of an error body for a person: no markup, no control characters, no secret, one line, at most `limit` long.

    Secrets go before markup does, which may name them, and before the text is cut, which may halve them.
    """
    text = _MARKUP.sub(" ", _SILENT_MARKUP.sub(" ", redacted(body[:_MOST_OF_A_PAGE])))
    text = html.unescape(_NO_CHARACTER.sub(" ", text))
    text = redacted(" ".join(_CONTROL.sub(" ", text).split()))
    return text if len(text) <= limit else text[: limit - 3] + "..."


@dataclass(frozen=True)
class Failure:
    """A call that brought no answer. `sent` is False only where the request surely never left.

    `too_large`: an answer came, and was more than is taken.
    """

    reason: str
    sent: bool
    retryable: bool = True
    too_large: bool = False


@dataclass(frozen=True)
class Answer:
    """A complete answer: status, lower-case header names, raw body."""

    status: int
    headers: dict[str, str]
    body: bytes


# First match wins, so the subclasses stand before their parents.
_FAILURES: tuple[tuple[type[Exception], str, bool, bool], ...] = (
    (httpx.ConnectTimeout, "no connection within the time-out", False, True),
    (httpx.ConnectError, "no connection", False, True),
    (httpx.PoolTimeout, "no free connection in the pool", False, True),
    (httpx.UnsupportedProtocol, "the address does not begin with http:// or https://", False, False),
    (httpx.InvalidURL, "the address is not a valid URL", False, False),
    (httpx.LocalProtocolError, "the request could not be written as HTTP", False, False),
    (httpx.ReadTimeout, "no answer within the time-out", True, True),
    (httpx.WriteTimeout, "the request could not be sent within the time-out", True, True),
    (httpx.RemoteProtocolError, "the connection was closed in the middle of the exchange", True, True),
    (httpx.TransportError, "the connection broke", True, True),
    (httpx.HTTPError, "the answer could not be read", True, True),
)


def classify(error: Exception) -> Failure:
    """What a failed exchange means; the exception itself, which holds the URL, goes no further."""
    flaw = certificate_flaw(error)
    if flaw is not None:
        remedy = "; name the PEM file of the authority in syspro.ca_file" if flaw.authority else ""
        return Failure(f"{flaw}{remedy}", sent=False, retryable=False)
    for kind, reason, sent, retryable in _FAILURES:
        if isinstance(error, kind):
            return Failure(f"{reason} ({type(error).__name__})", sent, retryable)
    return Failure(type(error).__name__, sent=True)


def new_client(
    base_url: str,
    trust: Trust,
    *,
    timeout: float,
    max_connections: int,
    auth: httpx.Auth | None = None,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A client that follows no redirect and reads nothing from the environment. `timeout` in seconds.

    Raises Fatal where the URL may not be called or the authorities to trust cannot be read.
    """
    log_redaction.install()
    reach = reach_of(base_url, trust)
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    return httpx.Client(
        auth=auth,
        transport=transport or CheckedTransport(reach, ca_file=trust.ca_file, limits=limits),
        timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS),
        headers={"Accept-Encoding": ACCEPT_ENCODING},
        follow_redirects=False,
        trust_env=False,
        event_hooks={"response": [keep_location]},
    )


def exchange(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
    max_bytes: int = MAX_REPLY_BYTES,
    longest: float,
) -> Answer | Failure:
    """Send one request and read the whole answer, up to `max_bytes` of it unpacked, in at most `longest` seconds.

    Returns a `Failure` instead of raising, so that no exception holding the URL becomes the context of ours.
    """
    try:
        with (
            within(longest),
            client.stream(method, url, headers=headers, content=content) as response,
        ):
            return Answer(response.status_code, dict(response.headers), whole(response, max_bytes))
    except BodyRefused as error:
        large = isinstance(error, BodyTooLarge)
        return Failure(f"the answer {error}", sent=True, retryable=not large, too_large=large)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return classify(error)


def retry_after(answer: Answer) -> float | None:
    """Seconds the other side asks to wait, given as seconds or as a date; None where it does not say."""
    wish = answer.headers.get("retry-after", "").strip()
    if wish.isascii() and wish.isdigit():
        return min(float(wish), _LONGEST_WISH)
    try:
        moment = parsedate_to_datetime(wish)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _LONGEST_WISH)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
