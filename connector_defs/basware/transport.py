"""One authenticated call to Basware: which failure leads to which action, and how often a call is repeated.

Here: the action table, retries with back-off, the one refresh after a 401, the caps on size and time, the redirect by
hand.
Not here: what any endpoint means, and how many calls may run side by side (pace).
"""

import enum
import logging
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx

from connector_defs.basware.oauth import CredentialsRefused, TokenSource, retry_after_seconds
from connector_defs.basware.pace import Pace
from connector_defs.basware.regions import BaswareHosts, RedirectRefused
from connector_defs.basware.scopes import scope_of
from connector_defs.dialing import AddressRefused, CheckedTransport, certificate_flaw, within
from connector_defs.domain.errors import ConnectorError, Fatal, OutcomeUnknown, RetryLater
from connector_defs.outside.body import ACCEPT_ENCODING, BodyRefused, BodyTooLarge, pieces, whole
from connector_defs.outside.json_text import MAX_BYTES
from connector_defs.outside.urls import keep_location, location_of
from connector_defs.private_files import create

logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES: Final = MAX_BYTES
# A file of an extract holds at most 100,000 records (Basware wire notes 6.5).
MAX_FILE_BYTES: Final = 1_000_000_000
LONGEST_DOWNLOAD_SECONDS: Final = 900.0
# A whole answer may take so many times what is waited for its next byte.
_PATIENCE: Final = 5.0
# A Retry-After up to this many seconds is waited for even where the settings allow shorter pauses only.
LONGEST_WISH: Final = 60.0
REQUEST_ID_HEADER: Final = "X-BW-REQUEST-ID"
CONTINUATION_HEADER: Final = "x-amz-meta-continuationtoken"
# Beyond 20 connections the pool of httpx gets slower, not faster.
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=20)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class UnreadableAnswer(RetryLater):
    """Basware answered a read with something that cannot be read; nothing took effect."""


class AnswerTooLarge(UnreadableAnswer):
    """More than can be read at once; a smaller page of it might be. `continuation` leads past it, in a list."""

    def __init__(self, message: str, *, continuation: str | None = None) -> None:
        super().__init__(message)
        self.continuation = continuation


class Effect(enum.Enum):
    """What repeating a call does at the other end."""

    NONE = "a read"
    UPSERT = "an upsert by externalCode: a repeat ends in the same state"
    ONCE = "a step that must be looked up before it is repeated"


class Failure(enum.Enum):
    """What a call can meet instead of an answer that its caller understands."""

    NOT_SENT = "the connection was never made"
    NO_ANSWER = "the connection broke or timed out after sending"
    UNAUTHORIZED = "401"
    TOO_MANY = "429"
    UNAVAILABLE = "503"
    SERVER_ERROR = "5xx or 408"
    FORBIDDEN = "403"
    UNEXPECTED_REDIRECT = "3xx on a write"


class Action(enum.Enum):
    """What to do about a failure."""

    RETRY = "wait and repeat; RetryLater when it goes on"
    REFRESH = "fetch a new token once and repeat; CredentialsRefused when it happens again"
    UNKNOWN = "OutcomeUnknown"
    STOP = "Fatal"


_ALWAYS: Final = {
    Failure.NOT_SENT: Action.RETRY,
    Failure.UNAUTHORIZED: Action.REFRESH,
    Failure.TOO_MANY: Action.RETRY,
    Failure.UNAVAILABLE: Action.RETRY,
    Failure.FORBIDDEN: Action.STOP,
    Failure.UNEXPECTED_REDIRECT: Action.STOP,
}
ACTIONS: Final[Mapping[tuple[Effect, Failure], Action]] = MappingProxyType(
    {
        **{(effect, failure): action for effect in Effect for failure, action in _ALWAYS.items()},
        (Effect.NONE, Failure.NO_ANSWER): Action.RETRY,
        (Effect.NONE, Failure.SERVER_ERROR): Action.RETRY,
        (Effect.UPSERT, Failure.NO_ANSWER): Action.RETRY,
        (Effect.UPSERT, Failure.SERVER_ERROR): Action.RETRY,
        (Effect.ONCE, Failure.NO_ANSWER): Action.UNKNOWN,
        (Effect.ONCE, Failure.SERVER_ERROR): Action.UNKNOWN,
    }
)


@dataclass(frozen=True)
class RetryPolicy:
    """Back-off in seconds: doubling from `base_seconds`, never over `max_seconds`, `attempts` calls in all."""

    base_seconds: float = 2.0
    max_seconds: float = 300.0
    attempts: int = 5

    def pause(self, attempt: int, retry_after: float | None, jitter: float) -> float:
        """Seconds to wait after the given attempt (from 1); `jitter` in 0..1 takes off up to a half."""
        doubled = min(self.max_seconds, self.base_seconds * 2.0 ** (attempt - 1))
        return max(doubled * (1 - jitter / 2), retry_after or 0.0)


@dataclass(frozen=True)
class Call:
    """One call as its caller states it; `name` is how it is counted and shown, such as "vendors".

    `url` is an address that Basware itself gave, in place of the API's own; `into` a file for the body of a 200.
    """

    method: str
    name: str
    path: str
    effect: Effect
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    into: Path | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def endpoint(self) -> str:
        """The endpoint whose share of requests it takes from."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Answer:
    """A complete answer. `continuation` and `request_id` come from the final answer, else from the redirect.

    `body` is empty where the call named a file for it.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    client_request_id: str
    request_id: str | None
    continuation: str | None


@dataclass(frozen=True)
class _Met:
    failure: Failure
    detail: str
    retry_after: float | None = None


class Exchange:
    """Sends calls to one Basware API; safe to share between threads.

    `pace` decides how many requests are under way at a time; `on_refused` is told of each address that is not
    called, of a redirect above all. `sleep` and `jitter` are given by tests.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        *,
        hosts: BaswareHosts,
        timeout: float,
        retry: RetryPolicy,
        transport: httpx.BaseTransport | None,
        pace: Pace,
        sleep: Callable[[float], None],
        on_refused: Callable[[RedirectRefused | AddressRefused], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api_url = hosts.check(api_url)
        self._tokens = tokens
        self._hosts = hosts
        self._retry = retry
        self._sleep = sleep
        self._jitter = jitter
        self._pace = pace
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._on_refused = on_refused
        self._longest = _PATIENCE * timeout
        self._api = _client(timeout, transport or CheckedTransport(hosts.reach, limits=_LIMITS))
        # Of its own, since what a redirect may connect to is narrower; nothing of ours can get into it either.
        self._storage = _client(timeout, transport or CheckedTransport(hosts.storage_reach, limits=_LIMITS))

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._storage.close()

    @property
    def calls(self) -> Counter[str]:
        """How many requests were sent so far, by method and name; repeats count."""
        with self._lock:
            return Counter(self._calls)

    def send(self, call: Call) -> Answer:
        """The answer to a call, after as many repeats as its effect allows.

        Raises RetryLater, OutcomeUnknown or Fatal by the table `ACTIONS`, and Fatal before anything is sent where no
        scope for the call was asked for.
        """
        needed = scope_of(call.method, call.endpoint)
        if needed not in self._tokens.scopes:
            raise Fatal(
                f"{call} needs the scope {needed}, which none of the flows in use asks for: "
                "add its flow to schedules.flows"
            )
        try:
            return self._send(call)
        except (RedirectRefused, AddressRefused) as refusal:
            self._on_refused(refusal)
            raise

    def _send(self, call: Call) -> Answer:
        refreshed = False
        attempt = 0
        waited_until = float("-inf")
        while True:
            waited_until = self._wait_until_open(call, waited_until)
            try:
                token = self._tokens.token()
            except RetryLater as error:
                met = _Met(Failure.NOT_SENT, str(error), error.retry_after)
            else:
                request_id = str(uuid.uuid4())
                outcome = self._attempt(call, token, request_id)
                if isinstance(outcome, Answer):
                    return outcome
                met = outcome
                if ACTIONS[call.effect, met.failure] is Action.REFRESH and not refreshed:
                    refreshed = True
                    self._tokens.reject(token)
                    continue
                if ACTIONS[call.effect, met.failure] is not Action.RETRY:
                    raise _final(call, met, request_id)
            attempt += 1
            pause = self._retry.pause(attempt, met.retry_after, self._jitter())
            if attempt >= self._retry.attempts or pause > max(self._retry.max_seconds, LONGEST_WISH):
                raise RetryLater(
                    f"{call}: {met.detail} ({attempt} attempts); trying again later can help",
                    retry_after=met.retry_after,
                )
            logger.info("%s: %s; repeating in %.1f s", call, met.detail, pause)
            if met.retry_after:
                # Its own pause covers what it was asked to wait.
                waited_until = self._pace.closed_until(call.endpoint)
            self._sleep(pause)

    def _wait_until_open(self, call: Call, waited_until: float) -> float:
        """Sit out a pause that Basware asked of another call to this endpoint; returns up to when that was.

        Raises RetryLater where it is longer than any pause of ours.
        """
        while (until := self._pace.closed_until(call.endpoint)) > waited_until:
            left = self._pace.left(until)
            if left > max(self._retry.max_seconds, LONGEST_WISH):
                raise RetryLater(
                    f"{call}: Basware asked for no more requests to {call.endpoint} for {left:.0f} s; "
                    "trying again later can help",
                    retry_after=left,
                )
            if left:
                self._sleep(left)
            waited_until = until
        return waited_until

    def _attempt(self, call: Call, token: str, request_id: str) -> Answer | _Met:
        url, own = self._address(call)
        headers = {
            **call.headers,
            "Authorization": f"Bearer {token}",
            REQUEST_ID_HEADER: request_id,
            **({"Content-Type": "application/json"} if call.body is not None else {}),
        }
        client = self._api if own else self._storage
        request = client.build_request(
            call.method,
            url,
            params=call.params or None,
            headers=headers if own else None,
            content=call.body,
        )
        first = self._receive(client, request, f"{call.method} {call.name}", call)
        if isinstance(first, _Met):
            return first
        response, body = first
        if response.status_code in _REDIRECTS:
            if call.effect is not Effect.NONE:
                return _Met(Failure.UNEXPECTED_REDIRECT, f"answered with a redirect ({response.status_code})")
            return self._follow(call, response, request_id)
        if not own:
            return _from_storage(response, body, request_id, None)
        failure = _failure_of(response.status_code)
        if failure is not None:
            return _Met(
                failure,
                f"answered {response.status_code}",
                retry_after_seconds(response, time.time()),
            )
        return _answer(response, body, request_id, None)

    def _address(self, call: Call) -> tuple[str | httpx.URL, bool]:
        """Where a call goes, and whether that is the API itself: nobody else may see the token."""
        if call.url is None:
            return f"{self._api_url}{call.path}", True
        if self._hosts.is_same_place(self._api_url, call.url):
            return httpx.URL(self._api_url).join(call.url), True
        return self._hosts.check_redirect(self._api_url, call.url), False

    def _follow(self, call: Call, redirect: httpx.Response, request_id: str) -> Answer | _Met:
        """The one hop to the storage behind Basware: a new request that carries nothing of ours."""
        location = location_of(redirect)
        if not location:
            raise RedirectRefused(f"{call}: Basware answered with a redirect to nowhere")
        target = self._hosts.check_redirect(str(redirect.request.url), location)
        request = self._storage.build_request("GET", target)
        try:
            second = self._receive(self._storage, request, f"GET {call.name} (redirect)", call)
        except AddressRefused as refusal:
            raise RedirectRefused(f"{call}: Basware's redirect is not followed: {refusal}") from None
        except AnswerTooLarge as large:
            large.continuation = large.continuation or _continuation(redirect)
            raise
        if isinstance(second, _Met):
            return second
        response, body = second
        if response.status_code in _REDIRECTS:
            raise RedirectRefused(f"{call}: the redirect leads to another redirect, which is not followed")
        return _from_storage(response, body, request_id, redirect)

    def _receive(
        self, client: httpx.Client, request: httpx.Request, name: str, call: Call
    ) -> tuple[httpx.Response, bytes] | _Met:
        longest = self._longest if call.into is None else LONGEST_DOWNLOAD_SECONDS
        with self._pace.seat(call.endpoint) as seat, within(longest):
            with self._lock:
                self._calls[name] += 1
            try:
                response = client.send(request, stream=True)
                if response.status_code in {429, 503}:
                    self._pace.hindered(seat, retry_after_seconds(response, time.time()))
                else:
                    self._pace.answered(seat)
                try:
                    if call.into is not None and response.status_code == 200:
                        _write_body(response, call.into, time.monotonic() + LONGEST_DOWNLOAD_SECONDS)
                        return response, b""
                    return response, whole(response, MAX_ANSWER_BYTES)
                finally:
                    response.close()
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                return _not_connected(call, request, error)
            except (httpx.TransportError, httpx.DecodingError) as error:
                return _Met(Failure.NO_ANSWER, f"no complete answer ({type(error).__name__})")
            except OSError as error:
                raise RetryLater(
                    f"{call}: {call.into} cannot be written ({error.strerror}): make room, then run again"
                ) from None
            except BodyRefused as error:
                if call.effect is Effect.ONCE:
                    return _Met(Failure.NO_ANSWER, f"the answer {error}")
                told = f"{call}: the answer {error}, reading was stopped"
                if isinstance(error, BodyTooLarge):
                    raise AnswerTooLarge(told, continuation=_continuation(response)) from None
                raise UnreadableAnswer(told) from None


def _client(timeout: float, transport: httpx.BaseTransport) -> httpx.Client:
    return httpx.Client(
        timeout=timeout,
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING},
        event_hooks={"response": [keep_location]},
    )


def _not_connected(call: Call, request: httpx.Request, error: httpx.TransportError) -> _Met:
    flaw = certificate_flaw(error)
    if flaw is not None:
        raise Fatal(f"{call}: {request.url.host}: {flaw}. Nothing was sent") from None
    told = str(error) if isinstance(error, httpx.ConnectError) else type(error).__name__
    return _Met(Failure.NOT_SENT, f"no connection ({told})")


def _from_storage(
    response: httpx.Response, body: bytes, request_id: str, redirect: httpx.Response | None
) -> Answer | _Met:
    if response.status_code != 200:
        # The link is short-lived: asking Basware again gives a new one.
        return _Met(
            Failure.SERVER_ERROR,
            f"the storage behind the redirect answered {response.status_code}",
            retry_after_seconds(response, time.time()),
        )
    return _answer(response, body, request_id, redirect)


def _failure_of(status: int) -> Failure | None:
    match status:
        case 401:
            return Failure.UNAUTHORIZED
        case 403:
            return Failure.FORBIDDEN
        case 429:
            return Failure.TOO_MANY
        case 503:
            return Failure.UNAVAILABLE
        case _ if status >= 500 or status == 408:
            return Failure.SERVER_ERROR
        case _:
            return None


def _final(call: Call, met: _Met, request_id: str) -> ConnectorError:
    if ACTIONS[call.effect, met.failure] is Action.UNKNOWN:
        return OutcomeUnknown(
            f"{call} (our request {request_id}): {met.detail}; it may have taken effect, look before repeating it"
        )
    if met.failure is Failure.UNAUTHORIZED:
        return CredentialsRefused(
            f"{call}: Basware refuses a fresh token; check that BASWARE_API_URL and BASWARE_TOKEN_URL are of one "
            f"environment, that the client belongs to it and is granted the scope {scope_of(call.method, call.endpoint)}"
        )
    if met.failure is Failure.FORBIDDEN:
        needed = scope_of(call.method, call.endpoint)
        return Fatal(f"{call}: {met.detail}; ask Basware to grant this client the scope {needed}")
    return Fatal(f"{call}: {met.detail}; check BASWARE_API_URL")


def _write_body(response: httpx.Response, target: Path, deadline: float) -> None:
    """The body into a file, piece by piece."""
    with os.fdopen(create(target), "wb") as file:
        for piece in pieces(response, MAX_FILE_BYTES):
            if time.monotonic() > deadline:
                raise BodyRefused(f"takes more than {LONGEST_DOWNLOAD_SECONDS:.0f} seconds")
            file.write(piece)


def _continuation(response: httpx.Response) -> str | None:
    return response.headers.get(CONTINUATION_HEADER) or None


def _answer(
    response: httpx.Response, body: bytes, client_request_id: str, redirect: httpx.Response | None
) -> Answer:
    earlier = httpx.Headers() if redirect is None else redirect.headers

    def header(name: str) -> str | None:
        return response.headers.get(name) or earlier.get(name) or None

    return Answer(
        status=response.status_code,
        headers=response.headers,
        body=body,
        client_request_id=client_request_id,
        request_id=header("x-amzn-RequestId"),
        continuation=_continuation(response) or (None if redirect is None else _continuation(redirect)),
    )
