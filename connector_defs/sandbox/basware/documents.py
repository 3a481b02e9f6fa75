"""Approved invoices and their way through transfer, prebook and payment (wire notes section 3).

Belongs here: the states of an accounting document and what moves it between them. Not here: HTTP redirects
(`links`), notifications (`push`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connector_defs.sandbox.basware.answer import (
    REQUEST_ID,
    Answer,
    BadRequest,
    Call,
    Problem,
    instant,
    ok,
    parse_instant,
    refuse,
    same_day,
)
from connector_defs.sandbox.basware.paging import Pages, Weight
from connector_defs.sandbox.basware.processing import Item, Processing
from connector_defs.sandbox.basware.schema import NotJson, Record, check_one, encode

ACKNOWLEDGED: Mapping[str, str] = {
    "WaitingForTransfer": "TransferInProgress",
    "WaitingForPrebook": "PrebookInProgress",
    "WaitingForPrebookCancelation": "PrebookCancelationInProgress",
}
STATUSES = frozenset(
    {
        *ACKNOWLEDGED,
        *ACKNOWLEDGED.values(),
        *[
            "Prebooked",
            "PrebookFailed",
            "Transferred",
            "TransferFailed",
            "PrebookCanceled",
            "PrebookCancelFailed",
        ],
        *["WaitingToBeRemoved", "Removed", "RemoveFailed", "WaitingToBeReturned", "Returned", "ReturnFailed"],
        *["WaitingToBeCompleted", "CompletionInProgress", "Completed", "CompletionFailed", "Paid", "New"],
        *["WaitingForEnrichmentTransfer", "EnrichmentTransferInProgress", "EnrichmentTransferred"],
        *["EnrichmentTransferFailed", "InDocumentFilter", "DocumentFilterReleased"],
    }
)
_READY = {"Transferred": "ReadyForPayment", "Paid": "Paid", "Removed": "Rejected", "Returned": "Rejected"}
# Of each kind of response only the newest are kept (wire notes 3.5).
_KEPT_RESPONSES = 100
# Fields of the invoice that a payment response writes; one it leaves out is cleared (wire notes 3.7).
_PAYMENT_FIELDS = ("paymentMethod", "paymentTermCode", "paymentMessage")


@dataclass(frozen=True, slots=True)
class ResponseKind:
    """One of the three response operations: what it may follow, and what comes of it."""

    name: str
    shape: str
    entity_type: str
    field: str
    open_in: tuple[str, ...]
    accepted: str
    refused: str | None
    conflict: int


RESPONSES: Mapping[str, ResponseKind] = {
    kind.name: kind
    for kind in (
        ResponseKind(
            "transferResponses",
            "TransferResponseEntity",
            "TransferResponse",
            "transferResponses",
            ("WaitingForTransfer", "TransferInProgress"),
            "Transferred",
            "TransferFailed",
            400,
        ),
        ResponseKind(
            "prebookResponses",
            "PrebookResponseEntity",
            "PrebookResponse",
            "prebookResponses",
            ("WaitingForPrebook", "PrebookInProgress"),
            "Prebooked",
            "PrebookFailed",
            409,
        ),
        ResponseKind(
            "paymentResponses",
            "PaymentResponseEntity",
            "PaymentResponse",
            "paymentResponses",
            ("Transferred", "Paid"),
            "Paid",
            None,
            409,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ReceivedResponse:
    """A response that was accepted, and what the document's status became."""

    invoice_id: str
    kind: str
    response: Record
    status: str


class Documents:
    """All accounting documents by invoiceId. Not thread-safe: the caller holds the sandbox's lock."""

    def __init__(
        self,
        documents: Iterable[Record],
        processing: Processing,
        pages: Pages,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        rows_per_page: int = 500,
        transfer_window_seconds: float | None = None,
        late_responses: bool = False,
        status_endpoint: bool = True,
    ) -> None:
        self._processing = processing
        self._pages = pages
        self._clock = clock
        self._monotonic = monotonic
        self._weight = Weight("codingRows", rows_per_page)
        self.transfer_window_seconds = transfer_window_seconds
        self.late_responses = late_responses
        self.status_endpoint = status_endpoint
        self.records: dict[str, Record] = {}
        self.received: list[ReceivedResponse] = []
        # Ids that no list shows, though each can be read by itself.
        self.hidden: set[str] = set()
        self._in_transfer: dict[str, float] = {}
        for document in documents:
            self.put(document)

    def put(self, document: Record) -> Record:
        """Take a document in, or replace it; without a status it waits for transfer."""
        record: Record = {"processingStatus": "WaitingForTransfer", "p2pProcessingMode": "Standard"} | dict(
            document
        )
        before = self.records.get(record["invoiceId"], {})
        if before.get("processingStatus") == "Prebooked":
            record["prebooked"] = True
        self.records[record["invoiceId"]] = record
        self._in_transfer.pop(record["invoiceId"], None)
        self._stamp(record)
        return record

    def change(self, invoice_id: str, fields: Mapping[str, Any]) -> Record:
        """A user edits the invoice in P2P. Raises KeyError when it is unknown."""
        record = self.records[invoice_id]
        record.update(fields)
        self._stamp(record)
        return record

    def retransfer(self, invoice_id: str) -> Record:
        """A user sends the invoice again: it waits for transfer under the same id. Raises KeyError, ValueError."""
        self.expire()
        record = self.records[invoice_id]
        if record["processingStatus"] not in ("TransferFailed", "Transferred", "Paid"):
            raise ValueError(f"{invoice_id} is {record['processingStatus']} and cannot be transferred again")
        return self.change(invoice_id, {"processingStatus": "WaitingForTransfer"})

    def withdraw(self, invoice_id: str) -> Record:
        """P2P takes an invoice back that was not acknowledged yet. Raises KeyError, ValueError."""
        record = self.records[invoice_id]
        if record["processingStatus"] != "WaitingForTransfer":
            raise ValueError(f"{invoice_id} is {record['processingStatus']} and cannot be taken back")
        return self.change(invoice_id, {"processingStatus": "WaitingToBeReturned"})

    def list(self, call: Call) -> Answer:
        """One page by status, company and time; 404 when nothing matches."""
        self.expire()
        status = call.query.get("ProcessingStatus")
        if status is not None and status not in STATUSES:
            raise BadRequest(f"unknown ProcessingStatus {status}")
        page, headers = self._pages.cut(
            call, self._matching(call, status), call.page_size(100, 100), weigh=self._weight
        )
        return ok({"accountingDocuments": page}, **headers) if page else Answer(404)

    def get(self, call: Call) -> Answer:
        """The list wrapper around one document, or 404."""
        self.expire()
        record = self.records.get(call.params["invoiceId"])
        return Answer(404) if record is None else ok({"accountingDocuments": [record]})

    def acknowledge(self, call: Call) -> Answer:
        """200 once, 405 from then on, 404 for an unknown invoice."""
        self.expire()
        record = self.records.get(call.params["invoiceId"])
        if record is None:
            return Answer(404)
        following = ACKNOWLEDGED.get(record["processingStatus"])
        if following is None:
            return Answer(405)
        record["processingStatus"] = following
        if following == "TransferInProgress":
            self._in_transfer[record["invoiceId"]] = self._monotonic()
        self._stamp(record)
        return Answer(200, encode("Acknowledged"))

    def respond(self, call: Call, kind: ResponseKind) -> Answer:
        """Take a transfer, prebook or payment response; 200 with it, or why not."""
        self.expire()
        record = self.records.get(call.params["invoiceId"])
        if record is None:
            return Answer(404)
        try:
            response, violations = check_one(kind.shape, call.body)
        except NotJson as error:
            return refuse(400, call, [Problem("SCHEMA_VALIDATION_ERROR", str(error))])
        if violations:
            problems = [Problem("SCHEMA_VALIDATION_ERROR", v.message, v.external_code) for v in violations]
            return refuse(400, call, problems)
        refusal = self._refusal(record, kind, response["externalCode"])
        if refusal:
            problem = Problem("DATA_VALIDATION_FAILED", refusal, response["externalCode"], "BUSINESS")
            return refuse(kind.conflict, call, [problem])
        self._apply(record, kind, response)
        self.received.append(
            ReceivedResponse(record["invoiceId"], kind.name, response, record["processingStatus"])
        )
        item = Item(response["externalCode"], parent=record["invoiceId"], record=response)
        self._processing.receive(call.request_id, kind.entity_type, kind.name, operation="POST", items=[item])
        return ok(response, **{REQUEST_ID: call.request_id})

    def status(self, call: Call) -> Answer:
        """High-level state by company, number and date; nothing until Basware enables it (wire notes 3.18)."""
        self.expire()
        company, number = call.query.get("companyCode"), call.query.get("invoiceNumber")
        if not (company and number and call.query.get("invoiceDate")):
            raise BadRequest("companyCode, invoiceNumber and invoiceDate are required")
        day = parse_instant(call.query["invoiceDate"]).date()
        gross = _amount(call.query.get("grossSum"))
        found = [
            {
                "invoiceId": record["invoiceId"],
                "status": _READY.get(record["processingStatus"], "InApprovalProcess"),
                "processingStatus": record["processingStatus"],
                "lastUpdated": record["lastUpdated"],
            }
            for record in self.records.values()
            if _matches(record, company, number, day, gross)
        ]
        return ok(found[: call.page_size(500, 500)]) if found and self.status_endpoint else Answer(404)

    def expire(self) -> None:
        """Acknowledged invoices without an answer fail after the recovery window."""
        if self.transfer_window_seconds is None:
            return
        limit = self._monotonic() - self.transfer_window_seconds
        for invoice_id in [each for each, since in self._in_transfer.items() if since <= limit]:
            del self._in_transfer[invoice_id]
            self.change(invoice_id, {"processingStatus": "TransferFailed"})

    def _refusal(self, record: Record, kind: ResponseKind, external_code: str) -> str | None:
        if any(each["externalCode"] == external_code for each in record.get(kind.field) or ()):
            return "a response of this externalCode was already received"
        status = record["processingStatus"]
        late = self.late_responses and (kind.name, status) == ("transferResponses", "TransferFailed")
        if status not in kind.open_in and not late:
            return f"not allowed for an invoice that is {status}"
        return None

    def _apply(self, record: Record, kind: ResponseKind, response: Record) -> None:
        record[kind.field] = [*(record.get(kind.field) or ()), response][-_KEPT_RESPONSES:]
        self._in_transfer.pop(record["invoiceId"], None)
        if response["success"]:
            record["processingStatus"] = kind.accepted
            record["paymentBlock"] = response["paymentBlock"]
            written = _PAYMENT_FIELDS if kind.name == "paymentResponses" else ()
            record.update({name: response.get(name) for name in written})
            for name in ("voucherNumber1", "voucherNumber2"):
                if response.get(name) is not None:
                    record[name] = response[name]
        elif kind.refused:
            record["processingStatus"] = kind.refused
        self._stamp(record)

    def _stamp(self, record: Record) -> None:
        record["lastUpdated"] = instant(self._clock())

    def _matching(self, call: Call, status: str | None) -> Iterator[tuple[int, Record]]:
        after, company = call.updated_after(), call.query.get("companyCode")
        mode = call.query.get("p2pProcessingMode", "Standard")
        for position, record in enumerate(self.records.values()):
            if (
                record["invoiceId"] not in self.hidden
                and (status is None or record["processingStatus"] == status)
                and record["p2pProcessingMode"] == mode
                and (not company or record["companyCode"] == company)
                and (after is None or parse_instant(record["lastUpdated"]) > after)
            ):
                yield position, record


def _amount(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as error:
        raise BadRequest(f"no amount: {text}") from error


def _matches(record: Record, company: str, number: str, day: date, gross: Decimal | None) -> bool:
    return (
        record["companyCode"] == company
        and record.get("invoiceNumber") == number
        and same_day(record.get("invoiceDate"), day)
        and (gross is None or record.get("grossSum") == gross)
    )
