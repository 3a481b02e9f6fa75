"""One HTTP call and its answer, as the simulated Basware sees them, free of any web framework.

Belongs here: the few answer bodies Basware documents for errors. Not here: what leads to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from connector_defs.sandbox.basware.schema import encode

CONTINUATION = "x-amz-meta-continuationtoken"
REQUEST_ID = "x-amzn-RequestId"


@dataclass(frozen=True, slots=True)
class Call:
    """A request after its bearer token was accepted. `struck` is the fault that a handler itself must play."""

    method: str
    path: str
    request_id: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: str
    struck: str | None = None

    def page_size(self, default: int, largest: int) -> int:
        """`pageSize` of the query. Raises BadRequest when it is no number from 1 to `largest`."""
        text = self.query.get("pageSize", str(default))
        if not text.isdigit() or not 1 <= int(text) <= largest:
            raise BadRequest(f"pageSize must be a whole number from 1 to {largest}")
        return int(text)

    def updated_after(self) -> datetime | None:
        """`lastUpdated` of the query; without an offset it is taken as UTC. Raises BadRequest."""
        text = self.query.get("lastUpdated")
        return parse_instant(text) if text else None

    def flag(self, name: str) -> bool:
        """A boolean of the query; absent means false."""
        return self.query.get(name, "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back on the wire."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class BadRequest(Exception):
    """The call's parameters are refused with 400 PARAMETER_VALIDATION_ERROR."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `ResponseEntityList.errors` (wire notes 2.11)."""

    code: str
    message: str
    external_code: str | None = None
    type: str = "VALIDATION"


def ok(value: object, **headers: str) -> Answer:
    """200 with a JSON body."""
    return Answer(200, encode(value), headers=headers)


def refuse(status: int, call: Call, problems: Sequence[Problem]) -> Answer:
    """`ResponseEntityList` as P2P answers errors."""
    errors = [
        {"externalCode": p.external_code, "type": p.type, "code": p.code, "message": p.message, "info": None}
        for p in problems
    ]
    return Answer(status, encode({"requestId": call.request_id, "hasErrors": True, "errors": errors}))


def instant(moment: datetime) -> str:
    """An instant as Basware prints it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Lenient reading of a date or date-time; without an offset it is UTC. Raises BadRequest."""
    try:
        # A `+` of an offset that was not percent-encoded arrives as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise BadRequest(f"no date-time: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def same_day(text: str | None, day: date) -> bool:
    """Whether a wire date lies on that calendar day, whatever its offset."""
    return bool(text) and str(text)[:10] == day.isoformat()
