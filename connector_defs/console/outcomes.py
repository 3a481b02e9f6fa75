"""What can become of a request to the webhook, and what its caller is told: a table of data.

No answer holds anything that came with the request, and whoever is not Basware learns nothing from which one it gets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from starlette.responses import JSONResponse, Response

_ALWAYS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_CLOSE: Final = {"connection": "close"}


class Outcome(StrEnum):
    """The words that metrics and logs use."""

    STORED = "stored"
    CONNECTION_TEST = "connection_test"
    UNVERIFIED = "unverified"
    UNREADABLE = "unreadable"
    AMBIGUOUS = "ambiguous"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    WRONG_TYPE = "wrong_type"
    LIMITED = "limited"
    STORE_AWAY = "store_away"
    GONE = "gone"


@dataclass(frozen=True)
class Answer:
    """Status and headers; `charged` where the caller's allowance pays for it."""

    status: int
    text: str
    charged: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


ANSWERS: Final[Mapping[Outcome, Answer]] = {
    Outcome.STORED: Answer(200, "accepted", charged=False),
    Outcome.CONNECTION_TEST: Answer(200, "accepted"),
    Outcome.UNVERIFIED: Answer(401, "refused"),
    # It was signed, so it is Basware's: its senders may know what is wrong.
    Outcome.UNREADABLE: Answer(422, "not a notification", charged=False),
    # Where this body ends is in doubt, so nothing after it is listened to.
    Outcome.AMBIGUOUS: Answer(400, "refused", headers=_CLOSE),
    Outcome.TOO_LARGE: Answer(413, "too large"),
    Outcome.TOO_SLOW: Answer(408, "too slow", headers=_CLOSE),
    Outcome.WRONG_TYPE: Answer(415, "application/json only"),
    Outcome.LIMITED: Answer(429, "too many requests", charged=False, headers={"retry-after": "60"}),
    Outcome.STORE_AWAY: Answer(503, "try again", charged=False, headers={"retry-after": "5"}),
    # Nobody is there to read it.
    Outcome.GONE: Answer(400, "refused", headers=_CLOSE),
}


def response_to(outcome: Outcome) -> Response:
    """The answer as it goes out."""
    answer = ANSWERS[outcome]
    return plain(answer.status, answer.text, answer.headers)


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON document of one word."""
    return JSONResponse({"status": text}, status, {**_ALWAYS, **(headers or {})})
