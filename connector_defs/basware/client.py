"""The Basware API as the flows call it: invoices, responses, imports and their outcome.

Here: one method per endpoint. Not here: tokens, retries and redirects (oauth, transport), or any business rule.
"""

import enum
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from connector_defs.basware.answers import (
    Receipt,
    RequestOutcome,
    read_receipt,
    read_request_outcome,
    read_request_outcomes,
)
from connector_defs.basware.batches import MAX_REQUEST_BYTES
from connector_defs.basware.continuations import Continuations
from connector_defs.basware.document_reader import read_page
from connector_defs.basware.documents import AccountingDocument, DocumentPage
from connector_defs.basware.entities import (
    ENDPOINTS,
    Endpoint,
    Entity,
    PaymentResponse,
    TransferResponse,
    WireValue,
    to_wire,
)
from connector_defs.basware.extracts import (
    DataExtract,
    ExtractFile,
    TableDefinition,
    read_definitions,
    read_extracts,
    read_files,
)
from connector_defs.basware.oauth import TokenSource
from connector_defs.basware.pace import Pace
from connector_defs.basware.regions import BaswareHosts, RedirectRefused
from connector_defs.basware.subscriptions import (
    ALL,
    ListedSubscription,
    Task,
    Wanted,
    read_deleted,
    read_subscriptions,
    read_tasks,
    subscribe_body,
)
from connector_defs.basware.transport import (
    Answer,
    AnswerTooLarge,
    Call,
    Effect,
    Exchange,
    RetryPolicy,
    UnreadableAnswer,
)
from connector_defs.basware.wire import BadJson, decode, elements, encode, storable
from connector_defs.dialing import AddressRefused
from connector_defs.domain.errors import Fatal, RecordRefused, RetryLater
from connector_defs.outside.json_text import TooMuchJson

T = TypeVar("T")

logger = logging.getLogger(__name__)

DOCUMENT_PAGE_LIMIT: Final = 100
# Each entry of a page lists up to 500 records: far below the page limit of 500 a page is megabytes.
STATUS_PAGE_SIZE: Final = 100
# A page too large to be read is asked for again with this part of its records.
_SMALLER: Final = 10


class AckOutcome(enum.Enum):
    """What Basware said to an acknowledge."""

    ACKNOWLEDGED = "acknowledged"
    ALREADY = "already acknowledged, or no longer waiting: look at the invoice"
    MISSING = "Basware knows no such invoice"


class BaswareClient:
    """A client of one tenant; safe to share between threads, closed by its owner.

    Every method may raise RetryLater (nothing took effect), Fatal (settings), and those that write one invoice's
    state OutcomeUnknown (look before repeating). URLs are checked against the region before any call; a redirect or an
    address that is refused later is told to `on_refused` before it is raised.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        *,
        hosts: BaswareHosts,
        timeout: float = 60.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable
        transport: httpx.BaseTransport | None = None,
        max_parallel: int = 4,
        max_parallel_per_endpoint: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        on_refused: Callable[[RedirectRefused | AddressRefused], None] = lambda _: None,
    ) -> None:
        self.tokens = tokens
        self._exchange = Exchange(
            api_url,
            tokens,
            hosts=hosts,
            timeout=timeout,
            retry=retry,
            transport=transport,
            pace=Pace(max_parallel, max_parallel_per_endpoint or max_parallel),
            sleep=sleep,
            jitter=jitter,
            on_refused=on_refused,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, those to the token endpoint too."""
        self._exchange.close()
        self.tokens.close()

    @property
    def calls(self) -> Counter[str]:
        """How many requests were sent so far, such as "POST vendors"; repeats count."""
        return self._exchange.calls

    def documents(
        self,
        company_code: str,
        status: str,
        *,
        last_updated: datetime | None = None,
        page_size: int = DOCUMENT_PAGE_LIMIT,
    ) -> Iterator[DocumentPage]:
        """All invoices of a company in one processing status, page by page; the page that ends the list says so.

        A list that stops short of its end (its continuation answers 404) has no such page. Where a page is too large
        to be read, the list is begun again in smaller ones, so an invoice may come twice; an invoice that is too large
        by itself is passed over, and the list then ends with UnreadableAnswer.
        Raises UnreadableAnswer when a page cannot be read around its invoices; the pages before it stand.
        """
        params = {"ProcessingStatus": status, "companyCode": company_code, "pageSize": str(page_size)}
        call = Call("GET", "accountingDocuments", "/v1/accountingDocuments", Effect.NONE, params=params)
        for page, last in self._pages(call, last_updated, read_page, repeatable=True):
            yield replace(page, last=last)

    def document(self, invoice_id: str) -> AccountingDocument | None:
        """One invoice as it is now, or None. Raises MalformedDocument when it is there and cannot be read."""
        path = f"/v1/accountingDocuments/{_segment(invoice_id)}"
        page = self._one("accountingDocuments/{invoiceId}", path, read_page)
        if page is None:
            return None
        wanted = invoice_id.casefold()
        for malformed in page.malformed:
            if malformed.invoice_id is None or malformed.invoice_id.casefold() == wanted:
                raise malformed
        return next((found for found in page.documents if found.invoice_id.casefold() == wanted), None)

    def acknowledge(self, invoice_id: str) -> AckOutcome:
        """Tell Basware that the invoice is stored here (Basware wire notes 3.3).

        Must have returned before a response is sent, never runs beside it.
        """
        answer = self._write(invoice_id, "acknowledge", None)
        if 200 <= answer.status < 300:
            return AckOutcome.ACKNOWLEDGED
        if answer.status == 405:
            return AckOutcome.ALREADY
        if answer.status == 404:
            return AckOutcome.MISSING
        receipt = read_receipt(answer)
        raise RecordRefused(
            f"Basware refuses to acknowledge invoice {invoice_id} ({answer.status}): {_summary(receipt)}",
            code="acknowledge_refused",
        )

    def respond_transfer(self, invoice_id: str, response: TransferResponse) -> Receipt:
        """Send the result of a transfer. A repeat of the same event keeps its externalCode."""
        return read_receipt(self._write(invoice_id, "transferResponses", response))

    def respond_payment(self, invoice_id: str, response: PaymentResponse) -> Receipt:
        """Send the state of payment; every field left out is cleared there."""
        return read_receipt(self._write(invoice_id, "paymentResponses", response))

    def post(self, endpoint: str, payload: Sequence[bytes]) -> Receipt:
        """Import records, each given as its encoded JSON object. Refusals (4xx) come back in the receipt.

        Raises RecordRefused before any call when the request would be over the endpoint's limits.
        """
        target = _endpoint(endpoint)
        if not payload:
            raise ValueError(f"nothing to send to {endpoint}")
        body = b"[" + b",".join(payload) + b"]"
        if len(payload) > target.batch_limit or len(body) > MAX_REQUEST_BYTES:
            raise RecordRefused(
                f"{len(payload)} records with {len(body)} bytes for {endpoint}: Basware takes at most "
                f"{target.batch_limit} records and {MAX_REQUEST_BYTES} bytes; the record is too large",
                code="record_too_large",
            )
        answer = self._exchange.send(Call("POST", endpoint, target.path, Effect.UPSERT, body=body))
        if answer.status in {404, 405}:
            raise Fatal(f"POST {target.path} answered {answer.status}: check BASWARE_API_URL")
        return read_receipt(answer)

    def request_status(self, request_id: str) -> RequestOutcome | None:
        """What became of the records of a request; None when Basware does not know the request (yet)."""
        return self._one(
            "requestStatus",
            f"/v1/requestStatus/{_segment(request_id)}",
            lambda body: read_request_outcome(body, request_id),
        )

    def request_statuses(
        self, entity_type: str, *, status: str | None = None, last_updated: datetime | None = None
    ) -> Iterator[list[RequestOutcome]]:
        """What became of the tenant's requests of one entityType, page by page; those updated since, where given.

        `status` is that of the request as a whole; without it, all of them (Basware wire notes 2.13).
        """
        params = {"entityType": entity_type, "pageSize": str(STATUS_PAGE_SIZE)}
        if status is not None:
            params["status"] = status
        call = Call("GET", "requestStatus", "/v1/requestStatus", Effect.NONE, params=params)
        for outcomes, _ in self._pages(call, last_updated, read_request_outcomes, repeatable=True):
            yield outcomes

    def list_entities(
        self,
        endpoint: str,
        *,
        company_code: str | None = None,
        order_external_code: str | None = None,
        last_updated: datetime | None = None,
        page_size: int | None = None,
        on_flaw: Callable[[str], None] | None = None,
    ) -> Iterator[list[dict[str, WireValue]]]:
        """The records Basware's API holds, page by page, as decoded JSON objects.

        A record that cannot be read makes its list unreadable; with `on_flaw` it is left out and told there.
        matchingOrderLines needs `order_external_code` and knows no company (Basware wire notes 2.4).
        """
        target = _endpoint(endpoint)
        params = {"pageSize": str(page_size or target.page_limit)}
        if company_code is not None:
            params["companyCode"] = company_code
        if order_external_code is not None:
            params["orderExternalCode"] = order_external_code
        call = Call("GET", endpoint, target.path, Effect.NONE, params=params)
        for records, _ in self._pages(call, last_updated, lambda body: _records(body, target, on_flaw)):
            yield records

    def entity(self, endpoint: str, external_code: str) -> dict[str, WireValue] | None:
        """One record Basware's API holds, or None."""
        target = _endpoint(endpoint)
        value = self._one(f"{endpoint}/{{externalCode}}", f"{target.path}/{_segment(external_code)}", decode)
        if isinstance(value, dict):
            wrapped = value.get(target.list_wrapper)
            value = wrapped[0] if isinstance(wrapped, list) and wrapped else value
        return value if isinstance(value, dict) else None

    def extracts(self, status: str) -> list[DataExtract]:
        """The data extracts of the tenant in one processing status."""
        call = Call(
            "GET", "dataExtracts", "/v1/dataExtracts", Effect.NONE, params={"processingStatus": status}
        )
        return self._found(call, read_extracts) or []

    def extract_files(self, extract_id: str) -> list[ExtractFile] | None:
        """The files of an extract, or None where Basware has no such extract."""
        return self._one("dataExtracts/{extractId}", f"/v1/dataExtracts/{_segment(extract_id)}", read_files)

    def table_definitions(self) -> list[TableDefinition] | None:
        """The tables that extracts may hold, or None where Basware tells none."""
        path = "/v1/dataExtracts/specification/tableDefinition"
        return self._one("dataExtracts/specification", path, read_definitions)

    def download(self, extract_id: str, file: ExtractFile, into: Path) -> None:
        """One file of an extract, written to `into`. Raises RetryLater where it is not there now."""
        path = f"/v1/dataExtracts/{_segment(extract_id)}/{quote(file.name, safe='')}"
        call = Call("GET", "dataExtracts/files", path, Effect.NONE, url=file.url, into=into)
        answer = self._exchange.send(call)
        if answer.status != 200:
            raise RetryLater(f"{call} answered {answer.status}: the file is not there")

    def acknowledge_extract(self, extract_id: str) -> None:
        """Mark an extract as exported. Raises RecordRefused, and OutcomeUnknown where the answer is lost."""
        path = f"/v1/dataExtracts/{_segment(extract_id)}/acknowledge"
        answer = self._exchange.send(Call("POST", "dataExtracts/acknowledge", path, Effect.ONCE))
        if not 200 <= answer.status < 300:
            raise RecordRefused(
                f"Basware refuses to mark extract {extract_id!r} as exported ({answer.status})",
                code="extract_not_acknowledged",
            )

    def subscriptions(self) -> list[ListedSubscription]:
        """The push subscriptions of the tenant."""
        call = Call("GET", "subscriptions", "/v1/subscriptions", Effect.NONE)
        return self._found(call, read_subscriptions) or []

    def subscribe(self, wanted: list[Wanted], url: str, secret: SecretStr) -> Receipt:
        """Ask for notifications at `url`, signed with `secret`. Refusals (4xx) come back in the receipt.

        A repeat is told from a second subscription by a look first (Basware wire notes 4.9).
        """
        body = subscribe_body(wanted, url, secret)
        return read_receipt(
            self._exchange.send(Call("POST", "subscriptions", "/v1/subscriptions", Effect.ONCE, body=body))
        )

    def unsubscribe(self, wanted: Wanted, updated_after: datetime) -> int | None:
        """Delete the subscriptions of this kind; how many these were, None where Basware does not tell.

        Raises RecordRefused where it refuses.
        """
        params = {
            "lastUpdated": _instant(updated_after),
            "taskType": wanted.task_type,
            "taskSubType": wanted.task_sub_type or ALL,
        }
        call = Call("DELETE", "subscriptions", "/v1/subscriptions", Effect.UPSERT, params=params)
        answer = self._exchange.send(call)
        if answer.status == 404:
            return 0
        if not 200 <= answer.status < 300:
            raise RecordRefused(
                f"Basware refuses to delete subscription {wanted} ({answer.status})",
                code="unsubscribe_refused",
            )
        return read_deleted(answer.body)

    def tasks(self, status: str, *, last_updated: datetime | None = None) -> Iterator[list[Task]]:
        """Notifications in one status (New, Completed, Failed), page by page; those updated since, where given."""
        call = Call("GET", "tasks", "/v1/tasks", Effect.NONE, params={"taskStatus": status})
        for tasks, _ in self._pages(call, last_updated, read_tasks):
            yield tasks

    def _write(self, invoice_id: str, step: str, response: Entity | None) -> Answer:
        return self._exchange.send(
            Call(
                "POST",
                f"accountingDocuments/{step}",
                f"/v1/accountingDocuments/{_segment(invoice_id)}/{step}",
                Effect.ONCE,
                body=None if response is None else encode(to_wire(response)),
            )
        )

    def _one(self, name: str, path: str, parse: Callable[[bytes], T]) -> T | None:
        """One record, or None for 404; RecordRefused where Basware does not take the key."""
        return self._found(Call("GET", name, path, Effect.NONE), parse)

    def _found(self, call: Call, parse: Callable[[bytes], T]) -> T | None:
        try:
            found = self._read(call, parse)
        except _NotRead as error:
            if error.status in {400, 422}:
                raise RecordRefused(f"{error}; Basware does not take this key", code="key_refused") from None
            raise Fatal(f"{error}; check the settings") from None
        return None if found is None else found[1]

    def _pages(
        self,
        call: Call,
        last_updated: datetime | None,
        parse: Callable[[bytes], T],
        *,
        repeatable: bool = False,
    ) -> Iterator[tuple[T, bool]]:
        """Pages until one has no continuation header; a short or empty page ends nothing (wire notes 2.5).

        Each comes with whether it is the last. `repeatable`: the caller may be given what it has already.
        """
        if last_updated is not None:
            call = replace(call, params={**call.params, "lastUpdated": _instant(last_updated)})
        course = Continuations()
        passed_over = ""
        while True:
            try:
                found = self._read(call, parse)
            except AnswerTooLarge as error:
                size = int(call.params.get("pageSize", 1)) if repeatable or not course.begun else 1
                if size == 1 and repeatable and error.continuation is not None:
                    # One record alone must not hide those behind it.
                    logger.warning("%s; it is passed over", error)
                    passed_over = str(error)
                    call = course.following(call, error.continuation, b"")
                    continue
                if size == 1:
                    raise
                logger.warning("%s; the list is read again in smaller pages", error)
                # A continuation belongs to pages of one size.
                smaller = str(max(1, size // _SMALLER))
                call = replace(call, params={**call.params, "pageSize": smaller}, headers={})
                course = Continuations()
                continue
            except _NotRead as error:
                if call.headers:
                    raise RetryLater(f"{error}; the listing went stale, start it again") from None
                raise Fatal(f"{error}; check the settings") from None
            if found is not None:
                answer, page = found
                yield page, answer.continuation is None and not passed_over
                if answer.continuation is not None:
                    call = course.following(call, answer.continuation, answer.body)
                    continue
            if passed_over:
                raise UnreadableAnswer(f"{passed_over}; every other record of the list was read")
            return

    def _read(self, call: Call, parse: Callable[[bytes], T]) -> tuple[Answer, T] | None:
        """The answer to a GET and its reading, or None where there is nothing (404; for lists, no records).

        An answer that cannot be read is asked for once more: it may have been cut off on its way.
        """
        try:
            return self._read_once(call, parse)
        except BadJson as error:
            logger.warning("the answer to %s cannot be read: %s; asking once more", call, error)
        try:
            return self._read_once(call, parse)
        except BadJson as error:
            raise UnreadableAnswer(f"the answer to {call} cannot be read: {error}") from None

    def _read_once(self, call: Call, parse: Callable[[bytes], T]) -> tuple[Answer, T] | None:
        answer = self._exchange.send(call)
        if answer.status in {204, 404}:
            return None
        if answer.status != 200:
            raise _NotRead(call, answer)
        try:
            return answer, parse(answer.body)
        except TooMuchJson as error:
            told = f"the answer to {call} is too large ({error})"
            raise AnswerTooLarge(told, continuation=answer.continuation) from None


class _NotRead(Exception):
    """A GET was answered with a status that only its caller can judge."""

    def __init__(self, call: Call, answer: Answer) -> None:
        super().__init__(f"{call} answered {answer.status}: {_summary(read_receipt(answer))}")
        self.status = answer.status


def _endpoint(name: str) -> Endpoint:
    if name not in ENDPOINTS:
        raise ValueError(f"no such endpoint: {name}; known are {', '.join(ENDPOINTS)}")
    return ENDPOINTS[name]


def _segment(key: str) -> str:
    """The key as one path segment; dots alone would change the path."""
    if key in {"", ".", ".."}:
        raise RecordRefused(f"{key!r} cannot be asked for by this key", code="key_refused")
    return quote(key, safe="")


def _instant(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("last_updated needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _records(
    body: bytes, endpoint: Endpoint, on_flaw: Callable[[str], None] | None
) -> list[dict[str, WireValue]]:
    found = elements(body, endpoint.list_wrapper)
    flawed = [element for element in found if element.flaw]
    for element in flawed:
        if on_flaw is None:
            raise BadJson(f"one record is bad: {element.flaw}")
        shown = element.value if isinstance(element.value, dict) else {}
        on_flaw(f"{endpoint.code_field} {shown.get(endpoint.code_field)!r}: {element.flaw}")
    read = (storable(element.value) for element in found if not element.flaw)
    return [value for value in read if isinstance(value, dict)]


def _summary(receipt: Receipt) -> str:
    return (
        "; ".join(f"{error.code} {error.message}".strip() for error in receipt.errors[:3])
        or "no reason given"
    )
