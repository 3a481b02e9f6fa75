"""One read of an OData table over HTTP: status table and retries.

Belongs here: everything between a query and the body it brings. Not here: what a body holds (`pages`), paging
(`paging`) and filters (`odata`).
Source: SYSPRO wire notes 3; nothing marked as inferred there is relied on.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn, TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.outside import json_text
from connector_defs.outside.json_text import BadJson
from connector_defs.syspro.addresses import Trust
from connector_defs.syspro.pages import PageTooLarge, error_text
from connector_defs.syspro.transport import Answer, Failure, exchange, new_client, plain_text, retry_after

_MAX_CONNECTIONS = 4
# A whole page may take so many times what is waited for its next byte.
_PATIENCE = 5.0
_HEADERS = {"Accept": "application/json"}
# Of a number of rows.
_MOST_DIGITS = 18
# More than that says no error of a service.
_MOST_OF_AN_ERROR = 100_000

T = TypeVar("T")


class TableMissing(Fatal):
    """The service has no such table or company (HTTP 404)."""


class QueryRefused(Fatal):
    """The service does not accept this query (HTTP 400 and its kin)."""


class _Verdict(Enum):
    ROWS = "rows"
    AGAIN = "again"
    REFUSED = "refused"
    MISSING = "missing"
    CREDENTIALS = "credentials"
    FORBIDDEN = "forbidden"
    MOVED = "moved"
    WRONG = "wrong"


_STATUS: Mapping[int, _Verdict] = {
    200: _Verdict.ROWS,
    400: _Verdict.REFUSED,
    401: _Verdict.CREDENTIALS,
    403: _Verdict.FORBIDDEN,
    404: _Verdict.MISSING,
    408: _Verdict.AGAIN,
    413: _Verdict.REFUSED,
    414: _Verdict.REFUSED,
    425: _Verdict.AGAIN,
    429: _Verdict.AGAIN,
    431: _Verdict.REFUSED,
    501: _Verdict.REFUSED,
}
_STATUS_CLASS: Mapping[int, _Verdict] = {3: _Verdict.MOVED, 5: _Verdict.AGAIN}


def _verdict(status: int) -> _Verdict:
    return _STATUS.get(status) or _STATUS_CLASS.get(status // 100, _Verdict.WRONG)


@dataclass(frozen=True)
class RetryPolicy:
    """How often one read is attempted and how long it waits in between (exponential, with jitter)."""

    attempts: int = 4
    base_seconds: float = 0.5
    max_seconds: float = 20.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the given attempt, counted from 1."""
        ceiling = min(self.max_seconds, self.base_seconds * 2.0 ** (attempt - 1))
        return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - jitter, no secret  # nosec B311


class TableReader:
    """Reads tables of one company, retrying what may be retried; used from several threads at once."""

    def __init__(
        self,
        base_url: str,
        company: str,
        username: str,
        password: SecretStr,
        *,
        timeout: float,
        trust: Trust,
        transport: httpx.BaseTransport | None,
        retry: RetryPolicy,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._root = f"{base_url.rstrip('/')}/{quote(company, safe='')}"
        self._company = company
        self._username = username
        self._retry = retry
        self._sleep = sleep
        self._longest = _PATIENCE * timeout
        self._http = new_client(
            base_url,
            trust,
            timeout=timeout,
            max_connections=_MAX_CONNECTIONS,
            auth=httpx.BasicAuth(username, password.get_secret_value()),
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self, table: str, options: Sequence[tuple[str, str]], take: Callable[[bytes], T | None]) -> T:
        """What `take` makes of the body of one query; None from it means that no JSON came, and is tried again.

        `options` are the OData options, not yet percent-encoded.
        """
        url = self._url(table, options)
        attempt = 1
        while True:
            outcome = exchange(self._http, "GET", url, headers=_HEADERS, longest=self._longest)
            if isinstance(outcome, Answer):
                verdict = _verdict(outcome.status)
                if verdict is _Verdict.ROWS:
                    taken = take(outcome.body)
                    if taken is not None:
                        return taken
                    reason, wish = f"no JSON came back: {_shown(outcome)}", None
                elif verdict is _Verdict.AGAIN:
                    reason, wish = f"HTTP {outcome.status} {_shown(outcome)}".rstrip(), retry_after(outcome)
                else:
                    self._refuse(table, outcome, verdict)
            else:
                reason, wish = self._retryable(table, outcome), None
            delay = self._retry.delay(attempt) if wish is None else wish
            if attempt >= self._retry.attempts or delay > self._retry.max_seconds:
                raise RetryLater(
                    f"SYSPRO OData, table {table} of company {self._company}: {reason}, "
                    f"after {attempt} attempt(s). Reading changes nothing; try again later.",
                    retry_after=wish,
                )
            self._sleep(delay)
            attempt += 1

    def count(self, table: str, options: Sequence[tuple[str, str]]) -> int | None:
        """The number of rows that the reply to one query tells, tried once; None where it tells none."""
        outcome = exchange(
            self._http, "GET", self._url(table, options), headers=_HEADERS, longest=self._longest
        )
        if not isinstance(outcome, Answer) or outcome.status != 200:
            return None
        try:
            reply = json_text.decode(outcome.body, mark=True)
        except BadJson:
            return None
        told = str(reply.get("@odata.count")) if isinstance(reply, dict) else ""
        return int(told) if told.isascii() and told.isdigit() and len(told) <= _MOST_DIGITS else None

    def _url(self, table: str, options: Sequence[tuple[str, str]]) -> str:
        query = "&".join(f"{name}={percent_encoded(value)}" for name, value in options)
        return f"{self._root}/{quote(table, safe='')}?{query}"

    def _retryable(self, table: str, failure: Failure) -> str:
        if failure.too_large:
            raise PageTooLarge(f"SYSPRO OData, table {table}: {failure.reason}.")
        if not failure.retryable:
            raise Fatal(
                f"SYSPRO OData, table {table}: {failure.reason}. Check SYSPRO_ODATA_URL; "
                "trying again cannot help."
            )
        return failure.reason

    def _refuse(self, table: str, answer: Answer, verdict: _Verdict) -> NoReturn:
        place = f"table {table} of company {self._company}"
        said = f"HTTP {answer.status} {_shown(answer)}".rstrip()
        match verdict:
            case _Verdict.CREDENTIALS:
                raise Fatal(
                    f"SYSPRO OData does not accept the OData credentials of operator {self._username} ({said}). "
                    "They are kept in operator maintenance and are not the e.net password; the service reads "
                    "its operators when it starts."
                )
            case _Verdict.FORBIDDEN:
                raise Fatal(f"SYSPRO OData does not let operator {self._username} read {place} ({said}).")
            case _Verdict.MISSING:
                raise TableMissing(
                    f"SYSPRO OData does not serve {place} ({said}). Check the company and SYSPRO_ODATA_URL."
                )
            case _Verdict.REFUSED:
                raise QueryRefused(f"SYSPRO OData refuses the query on {place} ({said}).")
            case _Verdict.MOVED:
                raise Fatal(
                    f"SYSPRO OData answers {place} with a redirect (HTTP {answer.status}), which is never "
                    "followed. Set SYSPRO_ODATA_URL to the service itself."
                )
            case _:
                raise Fatal(f"SYSPRO OData gives no rows of {place} ({said}).")


def percent_encoded(text: str) -> str:
    """Text as it stands in a query, with the characters OData uses left readable."""
    return quote(text, safe="(),':*$")


def _shown(answer: Answer) -> str:
    """What an error body says, JSON or HTML, for a person."""
    body = answer.body[:_MOST_OF_AN_ERROR]
    try:
        reply = json_text.decode(body, mark=True)
    except BadJson:
        reply = None
    if isinstance(reply, dict) and "error" in reply:
        return plain_text(error_text(reply["error"]))
    return plain_text(body.decode("utf-8", errors="replace").lstrip("\ufeff").strip())
