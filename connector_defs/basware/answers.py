"""What Basware says about records we sent: receipts of a request, and the later status of each record.

Here: lenient reading of the three error shapes and of requestStatus (Basware wire notes 2.11, 2.14, 3.8).
Not here: what a flow does about it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connector_defs.basware.entities import WireValue
from connector_defs.basware.transport import Answer
from connector_defs.basware.wire import BadJson, decode

IN_PROGRESS: Final = "InProgress"

# One record may be distributed to several systems; the worst of its statuses counts, unknown ones rank between.
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

    `request_id` is Basware's and the key of requestStatus; `client_request_id` is ours.
    """

    request_id: str | None
    http_status: int
    errors: tuple[ApiError, ...]
    client_request_id: str

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
    """What became of a request. `items` is keyed by externalCode; `unnamed` are items without one."""

    request_id: str
    status: str | None
    done: bool
    items: Mapping[str, ItemOutcome]
    unnamed: tuple[ItemOutcome, ...]


def read_receipt(answer: Answer) -> Receipt:
    """The receipt of an answer; a body that cannot be read counts as one without details."""
    try:
        body = decode(answer.body) if answer.body else None
    except BadJson:
        body = None
    fields = body if isinstance(body, dict) else {}
    errors = tuple(_errors(fields))
    if not errors and (not 200 <= answer.status < 300 or fields.get("hasErrors") is True):
        message = _text(fields, "message") or answer.body[:200].decode("utf-8", "replace")
        errors = (ApiError(None, "", f"HTTP_{answer.status}", message),)
    return Receipt(
        request_id=answer.request_id or _text(fields, "requestId"),
        http_status=answer.status,
        errors=errors,
        client_request_id=answer.client_request_id,
    )


def _errors(fields: Mapping[str, WireValue]) -> Iterator[ApiError]:
    for name in ("errors", "errorMessages"):
        for entry in _objects(fields.get(name)):
            yield ApiError(
                external_code=_text(entry, "externalCode"),
                type=_text(entry, "type") or "",
                code=_text(entry, "code") or "",
                message=": ".join(filter(None, (_text(entry, "message"), _text(entry, "info")))),
            )


def read_request_outcome(body: bytes, request_id: str) -> RequestOutcome | None:
    """The outcome in an answer of requestStatus, wrapped in a list or bare; None when the list is empty.

    Raises BadJson when the answer cannot be read.
    """
    answer = decode(body)
    if (
        isinstance(answer, dict)
        and "requestStatus" in answer
        and not isinstance(answer["requestStatus"], str)
    ):
        entries = _objects(answer["requestStatus"])
    else:
        entries = _objects(answer if isinstance(answer, list) else [answer])
    entries = [entry for entry in entries if _text(entry, "requestId") in {None, request_id}]
    if not entries:
        return None
    found: dict[str, list[ItemOutcome]] = {}
    unnamed: list[ItemOutcome] = []
    statuses = [_text(entry, "requestStatus") for entry in entries]
    levels = list(statuses)
    for system in (system for entry in entries for system in _objects(entry.get("systems"))):
        levels.append(_text(system, "systemStatus"))
        for item in _objects(system.get("items")):
            outcome = _item(item)
            code = _text(item, "externalCode")
            if code is None:
                unnamed.append(outcome)
            else:
                found.setdefault(code, []).append(outcome)
    items = {code: _worst(outcomes) for code, outcomes in found.items()}
    open_items = any(item.status == IN_PROGRESS for outcomes in found.values() for item in outcomes)
    open_items = open_items or any(item.status == IN_PROGRESS for item in unnamed)
    return RequestOutcome(
        request_id=request_id,
        status=statuses[-1],
        done=not open_items and IN_PROGRESS not in levels,
        items=items,
        unnamed=tuple(unnamed),
    )


def _item(item: Mapping[str, WireValue]) -> ItemOutcome:
    errors = _objects(item.get("errors"))
    categories = [category for category in (_text(error, "category") for error in errors) if category]
    return ItemOutcome(
        status=_text(item, "status") or "",
        messages=tuple(message for message in (_text(error, "message") for error in errors) if message),
        category=categories[0] if categories else None,
        parent=_text(item, "parentExternalCode"),
    )


def _worst(outcomes: list[ItemOutcome]) -> ItemOutcome:
    def rank(outcome: ItemOutcome) -> int:
        known = outcome.status if outcome.status in _WORST_FIRST else None
        return _WORST_FIRST.index(known)

    worst = min(outcomes, key=rank)
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
