"""What Basware says about records we sent: receipts of a request, and the later status of each record.

Here: lenient reading of the three error shapes and of requestStatus (Basware wire notes 2.11, 2.14, 3.8).
Not here: what a flow does about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from connector_defs.basware.entities import WireValue
from connector_defs.basware.transport import Answer
from connector_defs.basware.wire import BadJson, decode, storable
from connector_defs.domain.redaction import redacted

IN_PROGRESS: Final = "InProgress"
# The system whose status decides: a record is there, or it is not, for whatever depends on it (wire notes 2.26).
TARGET_SYSTEM: Final = "P2P"

# Of an answer that is no JSON so much is read, and so much told.
_MOST_READ: Final = 2000
_LONGEST: Final = 200
# Basware's request ids have 36 characters. What is longer than is kept is none that could be asked for again.
_LONGEST_ID: Final = 80

# The worst status of a record counts, unknown ones rank between.
_WORST_FIRST: Final = (
    "Error",
    "Unpublished",
    "RecordExpired",
    IN_PROGRESS,
    None,
    "Warning",
    "Success",
    "NotProcessed",
)


@dataclass(frozen=True)
class ApiError:
    """One error of a synchronous answer; `external_code` is None where it concerns the whole request."""

    external_code: str | None
    type: str
    code: str
    message: str


@dataclass(frozen=True)
class Receipt:
    """The synchronous answer to a write. Accepted means received, not yet "in P2P" (Basware wire notes 2.10).

    `request_id` is Basware's and the key of requestStatus; `client_request_id` is ours. `received_at` is the time
    of the answer by Basware's clock, which the filters of its lists go by.
    """

    request_id: str | None
    http_status: int
    errors: tuple[ApiError, ...]
    client_request_id: str
    received_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        """Whether the request was taken without an error."""
        return 200 <= self.http_status < 300 and not self.errors


@dataclass(frozen=True)
class ItemOutcome:
    """What became of one record, over all systems. `status` is open; `parent` is the invoiceId of a response."""

    status: str
    messages: tuple[str, ...]
    category: str | None
    parent: str | None


@dataclass(frozen=True)
class RequestOutcome:
    """What became of a request. `items` is keyed by externalCode; `unnamed` are items without one.

    Where P2P is among the systems, it alone decides status, `done` and items; that another system did not take
    a record stands in the item's messages, and makes its success a Warning.
    """

    request_id: str
    status: str | None
    done: bool
    items: Mapping[str, ItemOutcome]
    unnamed: tuple[ItemOutcome, ...]
    last_updated: datetime | None = None


def read_receipt(answer: Answer) -> Receipt:
    """The receipt of an answer; a body that cannot be read counts as one without details."""
    try:
        # A list is the records themselves, sent back: hundreds of kilobytes without anything new.
        body = decode(answer.body) if answer.body and not answer.body.lstrip().startswith(b"[") else None
    except BadJson:
        body = None
    fields = body if isinstance(body, dict) else {}
    errors = tuple(_errors(fields))
    if not errors and (not 200 <= answer.status < 300 or fields.get("hasErrors") is True):
        message = _text(fields, "message") or str(
            storable(answer.body[:_MOST_READ].decode("utf-8", "replace"))
        )
        errors = (ApiError(None, "", f"HTTP_{answer.status}", redacted(message)[:_LONGEST]),)
    told = (answer.request_id, _text(fields, "requestId"))
    return Receipt(
        request_id=next((one for one in told if one and len(one) <= _LONGEST_ID), None),
        http_status=answer.status,
        errors=errors,
        client_request_id=answer.client_request_id,
        received_at=_http_date(answer.headers.get("Date", "")),
    )


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _errors(fields: Mapping[str, WireValue]) -> Iterator[ApiError]:
    for name in ("errors", "errorMessages"):
        for entry in _objects(fields.get(name)):
            yield ApiError(
                external_code=_text(entry, "externalCode"),
                type=_text(entry, "type") or "",
                code=_text(entry, "code") or "",
                message=redacted(": ".join(filter(None, (_text(entry, "message"), _text(entry, "info"))))),
            )


def read_request_outcome(body: bytes, request_id: str) -> RequestOutcome | None:
    """The outcome in an answer of requestStatus, wrapped in a list or bare; None when the list is empty.

    Raises BadJson when the answer cannot be read.
    """
    entries = [entry for entry in _entries(body) if _text(entry, "requestId") in {None, request_id}]
    return _outcome(request_id, entries) if entries else None


def read_request_outcomes(body: bytes) -> list[RequestOutcome]:
    """The outcomes in a page of requestStatus, one for each request that it names.

    Raises BadJson when the page cannot be read.
    """
    of_request: dict[str, list[dict[str, WireValue]]] = {}
    for entry in _entries(body):
        request_id = _text(entry, "requestId")
        if request_id:
            of_request.setdefault(request_id, []).append(entry)
    return [_outcome(request_id, entries) for request_id, entries in of_request.items()]


def _entries(body: bytes) -> list[dict[str, WireValue]]:
    answer = decode(body)
    if (
        isinstance(answer, dict)
        and "requestStatus" in answer
        and not isinstance(answer["requestStatus"], str)
    ):
        return _objects(answer["requestStatus"])
    return _objects(answer if isinstance(answer, list) else [answer])


def _outcome(request_id: str, entries: Sequence[Mapping[str, WireValue]]) -> RequestOutcome:
    systems = [system for entry in entries for system in _objects(entry.get("systems"))]
    deciding = [system for system in systems if _is_target(system)]
    others = [system for system in systems if not _is_target(system)] if deciding else []
    found: dict[str, list[ItemOutcome]] = {}
    unnamed: list[ItemOutcome] = []
    for item in (item for system in deciding or systems for item in _objects(system.get("items"))):
        outcome, code = _item(item), _text(item, "externalCode")
        if code is None:
            unnamed.append(outcome)
        else:
            found.setdefault(code, []).append(outcome)
    items = {code: _worst(outcomes) for code, outcomes in found.items()}
    for code, outcome in _elsewhere(others):
        items[code] = _with_note(items[code], outcome) if code in items else outcome
    whole = [_text(entry, "requestStatus") for entry in entries]
    levels = [_text(system, "systemStatus") for system in deciding or systems]
    if not any(_text(system, "systemStatus") == IN_PROGRESS for system in others):
        levels += whole
    open_items = any(item.status == IN_PROGRESS for item in (*items.values(), *unnamed))
    decided = [level for level in (_text(system, "systemStatus") for system in deciding) if level]
    updates = [moment for moment in (_instant(entry) for entry in (*entries, *systems)) if moment]
    return RequestOutcome(
        request_id=request_id,
        status=min(decided, key=_rank) if decided else whole[-1],
        done=not open_items and IN_PROGRESS not in levels,
        items=items,
        unnamed=tuple(unnamed),
        last_updated=max(updates, default=None),
    )


def _is_target(system: Mapping[str, WireValue]) -> bool:
    return (_text(system, "system") or "").strip().casefold() == TARGET_SYSTEM.casefold()


def _elsewhere(others: Sequence[Mapping[str, WireValue]]) -> Iterator[tuple[str, ItemOutcome]]:
    """What other systems than P2P say of a record, where it is no success and no news to come."""
    for system in others:
        name = _text(system, "system") or "another system"
        for item in _objects(system.get("items")):
            outcome, code = _item(item), _text(item, "externalCode")
            if code is not None and outcome.status not in {"Success", "NotProcessed", IN_PROGRESS}:
                texts = outcome.messages or (outcome.status,)
                yield code, replace(outcome, messages=tuple(f"{name}: {text}" for text in texts))


def _with_note(outcome: ItemOutcome, note: ItemOutcome) -> ItemOutcome:
    status = "Warning" if outcome.status == "Success" else outcome.status
    return replace(outcome, status=status, messages=(*outcome.messages, *note.messages))


def _instant(fields: Mapping[str, WireValue]) -> datetime | None:
    """`lastUpdated`, read leniently; one without a zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(_text(fields, "lastUpdated") or "")
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _item(item: Mapping[str, WireValue]) -> ItemOutcome:
    errors = _objects(item.get("errors"))
    categories = [category for category in (_text(error, "category") for error in errors) if category]
    return ItemOutcome(
        status=_text(item, "status") or "",
        messages=tuple(redacted(text) for text in (_text(error, "message") for error in errors) if text),
        category=categories[0] if categories else None,
        parent=_text(item, "parentExternalCode"),
    )


def _rank(status: str) -> int:
    known = status.removeprefix("Acknowledged")
    return _WORST_FIRST.index(known if known in _WORST_FIRST else None)


def _worst(outcomes: list[ItemOutcome]) -> ItemOutcome:
    worst = min(outcomes, key=lambda outcome: _rank(outcome.status))
    return ItemOutcome(
        status=worst.status,
        messages=tuple(message for outcome in outcomes for message in outcome.messages),
        category=worst.category or next((outcome.category for outcome in outcomes if outcome.category), None),
        parent=worst.parent,
    )


def _objects(value: WireValue) -> list[dict[str, WireValue]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(fields: Mapping[str, WireValue], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
