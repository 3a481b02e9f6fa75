"""Delayed processing by the target system, and what requestStatus and errorFeedbacks tell of it.

A request is received at once and takes effect in P2P `seconds` later (wire notes 2.10, 2.13 to 2.15). No thread
runs for it: whoever looks first settles what has fallen due.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector_defs.sandbox.basware.answer import instant
from connector_defs.sandbox.basware.schema import Record, encode

# Two versions of one record within this time overtake each other on the way (wire notes 2.14).
EXPIRY_SECONDS = 1.0
# Outcomes with which a record takes effect.
SETTLED = frozenset({"Success", "Warning"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an item's errors. category: DataValidation (the sender's), Technical (Basware's), Unknown."""

    message: str
    type: str = "Error"
    category: str = "DataValidation"


@dataclass(slots=True)
class Item:
    """One record of a request; `outcome` is what it will show once processed.

    Not `named`: shown without its externalCode. Not `listed`: not shown at all.
    """

    external_code: str
    outcome: str = "Success"
    findings: tuple[Finding, ...] = ()
    parent: str | None = None
    record: Record | None = None
    saved: Record | None = None
    named: bool = True
    listed: bool = True


@dataclass(slots=True)
class Request:
    """One accepted POST or PATCH on its way to P2P. Not `known`: requestStatus does not show it."""

    request_id: str
    entity_type: str
    endpoint: str
    operation: str
    items: Sequence[Item]
    received: float
    due: float
    last_updated: datetime
    list_key: str | None = None
    done: bool = False
    acknowledged: bool = False
    known: bool = True

    @property
    def status(self) -> str:
        """Request level: Error when any item failed; items alone tell warnings and expired records."""
        if not self.done:
            return "InProgress"
        settled = "Error" if any(item.outcome == "Error" for item in self.items) else "Success"
        return f"Acknowledged{settled}" if self.acknowledged else settled


@dataclass(slots=True)
class Processing:
    """Every request in order of arrival. `settle` is told each item when it takes effect."""

    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    settle: Callable[[Request, Item], None]
    seconds: float = 0.3
    requests: dict[str, Request] = field(default_factory=dict)
    _waiting: deque[Request] = field(default_factory=deque)
    _in_flight: dict[tuple[str, str], tuple[Request, Item]] = field(default_factory=dict)

    def receive(
        self,
        request_id: str,
        entity_type: str,
        endpoint: str,
        *,
        operation: str,
        items: Sequence[Item],
        list_key: str | None = None,
        known: bool = True,
    ) -> None:
        """Take a request in; an older version of a record that is still on its way expires."""
        now = self.monotonic()
        request = Request(
            request_id,
            entity_type,
            endpoint,
            operation,
            items,
            now,
            now + self.seconds,
            self.clock(),
            list_key,
            known=known,
        )
        self.requests[request_id] = request
        self._waiting.append(request)
        for item in items:
            self._expire_older(endpoint, item, now)
            if item.outcome != "NotProcessed":
                self._in_flight[endpoint, item.external_code] = (request, item)

    def advance(self, *, finish: bool = False) -> None:
        """Settle what has fallen due; with `finish` everything that waits."""
        now = self.monotonic()
        while self._waiting and (finish or self._waiting[0].due <= now):
            request = self._waiting.popleft()
            request.done = True
            request.last_updated = self.clock()
            for item in request.items:
                if self._in_flight.get((request.endpoint, item.external_code), (None, None))[1] is item:
                    del self._in_flight[request.endpoint, item.external_code]
                if item.outcome in SETTLED:
                    self.settle(request, item)

    def overturn(self, endpoint: str, external_code: str, finding: Finding) -> str:
        """Let the last processed request of a record end in Error after all; returns its id.

        Raises KeyError where there is none.
        """
        for request in reversed(self.requests.values()):
            for item in request.items if request.done and request.endpoint == endpoint else ():
                if item.external_code == external_code:
                    item.outcome, item.findings = "Error", (finding,)
                    request.last_updated = self.clock()
                    return request.request_id
        raise KeyError(external_code)

    @property
    def waiting(self) -> int:
        """Requests that have not taken effect yet."""
        return len(self._waiting)

    def view(self, request: Request, *, without_successful: bool = False) -> Record:
        """`ConsumerLogEventUserView` of a request."""
        stamp = instant(request.last_updated)
        items = [
            _item_view(item, done=request.done)
            for item in request.items
            if item.listed and not (without_successful and request.done and item.outcome == "Success")
        ]
        system = {
            "system": "P2P",
            "module": "P2P",
            "systemStatus": request.status,
            "lastUpdated": stamp,
            "items": items,
        }
        view: Record = {
            "requestId": request.request_id,
            "entityType": request.entity_type,
            "entityVersion": "v1",
            "requestStatus": request.status,
            "operationType": request.operation,
            "lastUpdated": stamp,
            "systems": [system],
        }
        return view | ({"genericListKey": request.list_key} if request.list_key else {})

    def feedback(self) -> Iterable[tuple[Request, Record]]:
        """(request, `ErrorFeedbackEntity`) of every record that failed."""
        for request in self.requests.values():
            for item in request.items if request.done else ():
                if item.outcome == "Error":
                    yield request, _feedback_view(request, item)

    def _expire_older(self, endpoint: str, item: Item, now: float) -> None:
        older = self._in_flight.get((endpoint, item.external_code))
        if older and item.outcome != "NotProcessed" and now - older[0].received < EXPIRY_SECONDS:
            older[1].outcome = "RecordExpired"
            older[1].findings = (
                Finding("a newer version of the record was posted", "RecordExpired", "Technical"),
            )


def _item_view(item: Item, *, done: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "externalCode": item.external_code if item.named else None,
        "status": item.outcome if done else "InProgress",
        "errors": [
            {"type": finding.type, "message": finding.message, "category": finding.category}
            for finding in (item.findings if done else ())
        ],
    }
    return view | ({"parentExternalCode": item.parent} if item.parent else {})


def _feedback_view(request: Request, item: Item) -> Record:
    return {
        "id": f"{request.request_id}:{item.external_code}",
        "requestId": request.request_id,
        "externalCode": item.external_code,
        "errorEntity": encode(item.record or {}).decode(),
        "entityType": request.entity_type,
        "errorStamp": instant(request.last_updated),
        "errors": [finding.message for finding in item.findings],
        "targetSystem": "P2P",
    }
