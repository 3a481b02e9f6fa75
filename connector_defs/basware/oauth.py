"""Access tokens of Basware by client credentials (Basware wire notes 1.6 to 1.12).

Here: fetching, keeping and dropping one token for many threads. Not here: the calls that use it, and where a token is
kept for other processes: the `TokenKeeper` given by the caller knows that.
"""

import base64
import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import httpx
import msgspec
from pydantic import SecretStr

from connector_defs.basware.regions import BaswareHosts
from connector_defs.basware.wire import BadJson, decode
from connector_defs.dialing import CheckedTransport, certificate_flaw, within
from connector_defs.domain.errors import ConnectorError, Fatal, RetryLater
from connector_defs.domain.known_secrets import know_for_now
from connector_defs.domain.redaction import redacted
from connector_defs.outside.body import ACCEPT_ENCODING, BodyRefused, received
from connector_defs.outside.urls import keep_location

logger = logging.getLogger(__name__)

# Basware lets a token live between 5 minutes and 24 hours.
LONGEST_LIFE: Final = 24 * 3600.0
UNKNOWN_LIFE: Final = 300.0
# The whole answer may take so many times what is waited for its next byte.
_PATIENCE: Final = 2.0
EARLY_SECONDS: Final = 60.0
TOLERATED_SKEW: Final = 120.0
_REFUSAL_STANDS: Final = 10.0

# What RFC 6750 allows in a bearer token; anything else could break out of the header. No server takes a longer one.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,16000}")
_MOST_BYTES: Final = 1_000_000
# Longer than anyone would wait; a number beyond every clock is none.
_LONGEST_WISH: Final = 7 * 86_400.0


class CredentialsRefused(Fatal):
    """Basware does not accept the client id, its secret, or the scopes."""


class ScopesRefused(CredentialsRefused):
    """The request itself is refused, which is how a scope that was not granted may show."""


class _Unreadable(Fatal):
    """An answer that is no JSON, or no body at all: not Basware's token endpoint, or cut off on its way."""


class TokenKeeper(Protocol):
    """Keeps the token of a client for all processes. A token is a text to it that only `TokenSource` reads."""

    def obtain(self, client: str, is_good: Callable[[str], bool], fetch: Callable[[], str]) -> str:
        """The kept token where it is good, else what `fetch` brings, asked for by one process at a time."""
        ...

    def reject(self, client: str, token: str) -> None:
        """This very token was refused."""
        ...


@dataclass(frozen=True)
class _Kept:
    token: str = field(repr=False)
    refresh_at: float
    # As the keeper has it.
    shared: str = field(default="", repr=False)


class _Shared(msgspec.Struct, frozen=True):
    """What processes tell each other of a token; `refresh_at` is Unix time."""

    token: str
    refresh_at: float
    granted: list[str] | None


class TokenSource:
    """One access token, shared by all threads: fetched on first use, refreshed early, replaced after a 401.

    A refusal is shared as well, by those who waited for the same answer; one that repeating cannot clear stands for
    ten seconds. A server may lock a client out that is refused too often, and every call of a run meets its 401.

    With a `keeper` other processes share it, as long as they ask the same URL for the same scopes as the same client.
    The secret is no part of that: a token outlives the secret it was fetched with, until Basware refuses it.
    `clock` counts seconds and never goes back; `wall_clock` is Unix time, used where the answer does not say what
    time it is over there, and for what other processes are told.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        scopes: Iterable[str],
        *,
        hosts: BaswareHosts,
        keeper: TokenKeeper | None = None,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = hosts.check(token_url)
        self._client_id = client_id
        self._client_secret = client_secret
        self.scopes = tuple(scopes)
        self._keeper = keeper
        self._client_digest = _digest_of(self._url, client_id, self.scopes)
        self._rejected = ""
        self._clock = clock
        self._wall_clock = wall_clock
        # One thread asks; the others wait for it here.
        self._asking = threading.Lock()
        # Held for a moment only: who gives a token back must not wait for the next one.
        self._swap = threading.Lock()
        self._kept: _Kept | None = None
        self._asked = 0
        self._refused: ConnectorError | None = None
        self._refused_until = 0.0
        self._granted: frozenset[str] | None = None
        self._longest = _PATIENCE * timeout
        self._client = httpx.Client(
            timeout=timeout,
            transport=transport or CheckedTransport(hosts.reach),
            trust_env=False,
            follow_redirects=False,
            event_hooks={"response": [keep_location]},
        )

    def close(self) -> None:
        """Close the connection to the token endpoint."""
        self._client.close()

    @property
    def granted(self) -> frozenset[str] | None:
        """The scopes Basware named with the last token; None before the first, or when it named none."""
        return self._granted

    @property
    def missing(self) -> frozenset[str]:
        """Scopes asked for and not granted; empty when Basware names none."""
        return frozenset() if self._granted is None else frozenset(self.scopes) - self._granted

    def token(self) -> str:
        """A token that is good for a while; Fatal or RetryLater when there is none to be had."""
        kept = self._kept
        if kept is not None and self._clock() < kept.refresh_at:
            return kept.token
        asked = self._asked
        with self._asking:
            kept = self._kept
            if kept is None or self._clock() >= kept.refresh_at:
                if self._refused is not None and (
                    self._asked != asked or self._clock() < self._refused_until
                ):
                    raise self._refused.with_traceback(None)
                kept = self._renewed()
                with self._swap:
                    self._kept = kept
            return kept.token

    def reject(self, token: str) -> None:
        """Drop `token` after a 401; a newer one that another thread fetched meanwhile is kept."""
        with self._swap:
            if self._kept is not None and self._kept.token == token:
                if self._keeper is not None:
                    self._rejected = _digest(self._kept.shared)
                    self._keeper.reject(self._client_digest, self._kept.shared)
                self._kept = None

    def _renewed(self) -> _Kept:
        self._refused = None
        try:
            return self._fetch() if self._keeper is None else self._obtain(self._keeper)
        except ConnectorError as error:
            self._refused = error
            self._refused_until = self._clock() + (_REFUSAL_STANDS if isinstance(error, Fatal) else 0.0)
            raise
        finally:
            self._asked += 1

    def _obtain(self, keeper: TokenKeeper) -> _Kept:
        """The token that all processes share, or a new one for all of them."""
        shared = keeper.obtain(self._client_digest, self._is_good, self._fetch_to_share)
        known = _shared_of(shared)
        know_for_now(known.token)
        self._granted = None if known.granted is None else frozenset(known.granted)
        return _Kept(known.token, self._clock() + known.refresh_at - self._wall_clock(), shared)

    def _is_good(self, shared: str) -> bool:
        """False for the token that was refused, whatever the keeper could make of it."""
        try:
            known = _shared_of(shared)
        except msgspec.DecodeError:
            return False
        return _digest(shared) != self._rejected and self._wall_clock() < known.refresh_at

    def _fetch_to_share(self) -> str:
        fetched = self._fetch()
        granted = None if self._granted is None else sorted(self._granted)
        refresh_at = self._wall_clock() + fetched.refresh_at - self._clock()
        return msgspec.json.encode(_Shared(fetched.token, refresh_at, granted)).decode()

    def _fetch(self) -> _Kept:
        """A new token. An answer that cannot be read may have been cut off on its way: it is asked for once more."""
        try:
            return self._ask()
        except _Unreadable as first:
            logger.warning("%s; asking once more", first)
        return self._ask()

    def _ask(self) -> _Kept:
        try:
            with within(self._longest):
                response = received(
                    self._client,
                    self._client.build_request(
                        "POST",
                        self._url,
                        data={"grant_type": "client_credentials", "scope": " ".join(self.scopes)},
                        headers={"Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING},
                    ),
                    auth=httpx.BasicAuth(self._client_id, self._client_secret.get_secret_value()),
                    most=_MOST_BYTES,
                )
        except httpx.TransportError as error:
            flaw = certificate_flaw(error)
            if flaw is not None:
                raise Fatal(f"BASWARE_TOKEN_URL: {flaw}. No credentials were sent") from None
            raise RetryLater(f"no answer from Basware's token endpoint ({type(error).__name__})") from None
        except BodyRefused as error:
            raise _Unreadable(
                f"BASWARE_TOKEN_URL does not answer like a token endpoint: its answer {error}"
            ) from None
        if response.status_code != 200:
            raise self._refusal(response)
        return self._accept(response)

    def _accept(self, response: httpx.Response) -> _Kept:
        try:
            answer = decode(response.content)
        except BadJson as error:
            raise _Unreadable(f"BASWARE_TOKEN_URL does not answer like a token endpoint: {error}") from None
        fields = answer if isinstance(answer, dict) else {}
        token = fields.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise Fatal("BASWARE_TOKEN_URL does not answer like a token endpoint: no usable access_token")
        know_for_now(token)
        scope = fields.get("scope")
        self._granted = frozenset(scope.split()) if isinstance(scope, str) and scope.strip() else None
        if self.missing:
            logger.warning(
                "Basware client %s was not granted: %s", self._client_id, " ".join(sorted(self.missing))
            )
        life = self._life(token, fields.get("expires_in"), response)
        return _Kept(token, self._clock() + life - min(EARLY_SECONDS, life / 10))

    def _life(self, token: str, expires_in: object, response: httpx.Response) -> float:
        """Seconds the token still lives: from its own `exp`, else from `expires_in`, which is in seconds."""
        there = _date_of(response)
        here = self._wall_clock()
        if there is not None and abs(there - here) > TOLERATED_SKEW:
            logger.warning("this machine's clock is %+.0f seconds off Basware's", here - there)
        expiry = _jwt_expiry(token)
        stated = float(expires_in) if isinstance(expires_in, int) and expires_in > 0 else None
        own = expiry - (here if there is None else there) if expiry is not None else None
        if own is not None and own > 0:
            return min(own, LONGEST_LIFE)
        return min(stated or UNKNOWN_LIFE, LONGEST_LIFE)

    def _refusal(self, response: httpx.Response) -> Exception:
        status = response.status_code
        said = _error_of(response)
        client = f"Basware client {self._client_id}"
        if status == 429 or status >= 500:
            return RetryLater(
                f"Basware's token endpoint answered {status}; try again later",
                retry_after=retry_after_seconds(response, self._wall_clock()),
            )
        if status == 401:
            return CredentialsRefused(
                f"{client} is refused ({said}): check BASWARE_CLIENT_ID and BASWARE_CLIENT_SECRET, and that they "
                "belong to this region and environment"
            )
        if status in {400, 403, 422}:
            return ScopesRefused(
                f"the token request of {client} is refused ({status}, {said}): check the scopes granted to this client, "
                "or schedules.flows; `connector ping` tells which flow asks for too much"
            )
        return Fatal(f"BASWARE_TOKEN_URL answered {status}: it is not a token endpoint; check the URL")


def _digest_of(url: str, client_id: str, scopes: Iterable[str]) -> str:
    """What a token was asked for: with any other of these it would be another token."""
    return _digest(json.dumps([url, client_id, sorted(scopes)]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _shared_of(text: str) -> _Shared:
    return msgspec.json.decode(text, type=_Shared)


def retry_after_seconds(response: httpx.Response, now: float) -> float | None:
    """The Retry-After header in seconds, given as seconds or as an HTTP date; None when absent or unreadable."""
    header = response.headers.get("Retry-After", "").strip()
    if header.isascii() and header.isdigit():
        return min(float(header), _LONGEST_WISH)
    moment = _http_date(header)
    return None if moment is None else min(max(0.0, moment - now), _LONGEST_WISH)


def _date_of(response: httpx.Response) -> float | None:
    return _http_date(response.headers.get("Date", ""))


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _jwt_expiry(token: str) -> float | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    expiry = claims.get("exp") if isinstance(claims, dict) else None
    return float(expiry) if isinstance(expiry, (int, Decimal)) and not isinstance(expiry, bool) else None


def _error_of(response: httpx.Response) -> str:
    """What the three published error shapes say, without anything we sent."""
    try:
        answer = decode(response.content)
    except BadJson:
        return "no readable reason"
    if not isinstance(answer, dict):
        return "no readable reason"
    detail = answer.get("detail")
    if isinstance(detail, list):
        found = [entry.get("msg") for entry in detail if isinstance(entry, dict)]
    else:
        found = [answer.get("error"), answer.get("error_description"), answer.get("message")]
    return ", ".join(redacted(str(text))[:200] for text in found if text) or "no reason given"
