"""The simulated Basware tenant as one object: its stores, its switches, its ASGI app."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette

from connector_defs.sandbox.basware.control import control_routes
from connector_defs.sandbox.basware.documents import Documents, ReceivedResponse
from connector_defs.sandbox.basware.endings import Ending, Refusal
from connector_defs.sandbox.basware.entities import ENDPOINTS, Entities
from connector_defs.sandbox.basware.extracts import Extracts
from connector_defs.sandbox.basware.links import Links
from connector_defs.sandbox.basware.paging import Pages
from connector_defs.sandbox.basware.processing import Finding, Item, Processing, Request
from connector_defs.sandbox.basware.push import Push
from connector_defs.sandbox.basware.routes import routes
from connector_defs.sandbox.basware.schema import Record
from connector_defs.sandbox.basware.status import StatusDesk
from connector_defs.sandbox.basware.target_rules import ACTIVE_CURRENCIES, TargetSystem
from connector_defs.sandbox.basware.tokens import ALL_SCOPES, TokenDesk
from connector_defs.sandbox.basware.vendor_changes import VendorChange, changes
from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.faults import FaultPlan


class BaswareSandbox:
    """A Basware tenant over `documents` (AccountingDocumentEntity, wire shape) and nothing else at first.

    companies: companyCodes the tenant knows. processing_seconds: from an accepted request to its effect in P2P.
    token_seconds: life of a token. transfer_window_seconds: an acknowledged invoice without an answer becomes
    TransferFailed after it (None = never); late_responses: whether it may still be answered then.
    clock gives zoned wall time, monotonic measures delays. Every attribute may be read from any thread under
    `lock`; the methods take it themselves.
    """

    def __init__(
        self,
        documents: Iterable[Mapping[str, Any]] = (),
        *,
        companies: Collection[str] = ("1000",),
        faults: FaultPlan | None = None,
        credentials: SandboxCredentials | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        processing_seconds: float = 0.3,
        token_seconds: int = 3600,
        scopes: Collection[str] = ALL_SCOPES,
        currencies: Collection[str] = ACTIVE_CURRENCIES,
        link_seconds: float = 900.0,
        rows_per_page: int = 500,
        transfer_window_seconds: float | None = None,
        late_responses: bool = False,
        notification_retry_seconds: float = 0.5,
    ) -> None:
        credentials = credentials or SandboxCredentials()
        self.lock = threading.RLock()
        self.faults = faults or FaultPlan()
        self.requests: Counter[str] = Counter()
        self.target = TargetSystem(companies, currencies)
        self.pages = Pages()
        self.processing = Processing(clock, monotonic, self._settle, processing_seconds)
        self.tokens = TokenDesk(
            credentials.client_id,
            credentials.client_secret,
            clock=clock,
            seconds=token_seconds,
            scopes=scopes,
        )
        self.links = Links(monotonic, link_seconds)
        self.status_desk = StatusDesk(self.processing, self.pages)
        self.master = Entities(self.target, self.processing, self.pages, clock)
        self.accounting = Documents(
            (dict(document) for document in documents),
            self.processing,
            self.pages,
            clock,
            monotonic,
            rows_per_page=rows_per_page,
            transfer_window_seconds=transfer_window_seconds,
            late_responses=late_responses,
        )
        self.push = Push(self.faults, self.pages, clock, retry_seconds=notification_retry_seconds)
        self.extracts = Extracts(self.accounting.records, clock)
        self.app = Starlette(routes=[*routes(self), *control_routes(self)])

    @property
    def documents(self) -> dict[str, Record]:
        """A snapshot: accounting documents by invoiceId, as GET would show them now."""
        with self.lock:
            self.accounting.expire()
            return dict(self.accounting.records)

    @property
    def entities(self) -> dict[str, dict[str, Record]]:
        """What the API layer holds: records by externalCode, per endpoint (a list as `lists/<key>`)."""
        return self.master.records

    @property
    def in_target(self) -> dict[str, dict[str, Record]]:
        """What has reached P2P: records by externalCode, per endpoint."""
        with self.lock:
            self.processing.advance()
            return self.target.records

    @property
    def responses(self) -> list[ReceivedResponse]:
        """Transfer, prebook and payment responses in the order they were accepted."""
        return self.accounting.received

    def visible_orders(self) -> dict[str, int]:
        """Orders that matching can see, with their number of lines: an order shows once it has lines."""
        lines = self.in_target.get("matchingOrderLines", {})
        return dict(Counter(line["orderExternalCode"] for line in lines.values()))

    def approve(self, document: Mapping[str, Any]) -> Record:
        """A newly approved invoice, or one that comes back with other content; subscribers are told."""
        with self.lock:
            record = self.accounting.put(dict(document))
            self._tell(record)
            return record

    def retransfer(self, invoice_id: str) -> Record:
        """A user transfers an invoice again. Raises KeyError when unknown, ValueError when not allowed now."""
        with self.lock:
            record = self.accounting.retransfer(invoice_id)
            self._tell(record)
            return record

    def withdraw(self, invoice_id: str) -> Record:
        """P2P takes back an invoice that waits. Raises KeyError when unknown, ValueError when not allowed now."""
        with self.lock:
            return self.accounting.withdraw(invoice_id)

    def change(self, invoice_id: str, fields: Mapping[str, Any]) -> Record:
        """A user edits an invoice in P2P without moving it. Raises KeyError when unknown."""
        with self.lock:
            return self.accounting.change(invoice_id, fields)

    def hide(self, invoice_id: str, hidden: bool = True) -> None:
        """Let no list show an invoice any more, or show it again; it can still be read by its id."""
        with self.lock:
            (self.accounting.hidden.add if hidden else self.accounting.hidden.discard)(invoice_id)

    def plan_ending(self, endpoint: str, **how: Any) -> None:
        """Let coming records of an endpoint end as `endings.Ending` says."""
        with self.lock:
            self.master.endings.plan(Ending(ENDPOINTS[endpoint].name, **how))

    def plan_refusal(self, endpoint: str, **how: Any) -> None:
        """Let coming requests of an endpoint be answered as `endings.Refusal` says."""
        with self.lock:
            self.master.endings.refuse(Refusal(ENDPOINTS[endpoint].name, **how))

    def overturn(
        self, endpoint: str, external_code: str, *, message: str = "lost", category: str = "Technical"
    ) -> None:
        """P2P refuses after all what it had taken, and holds it no more; subscribers are told.

        Raises KeyError when unknown.
        """
        with self.lock:
            self.processing.advance()
            self.target.lose(endpoint, external_code)
            request_id = self.processing.overturn(
                endpoint, external_code, Finding(message, category=category)
            )
            self.push.notify("RequestStatus", "Error", request_id)

    def edit_vendor(self, vendor_code: str, fields: Mapping[str, Any]) -> Record:
        """A user edits the vendor of this code in P2P; None clears a field. Raises KeyError when unknown."""
        with self.lock:
            for external_code, vendor in self.entities["vendors"].items():
                if vendor["vendorCode"] == vendor_code:
                    return self.master.edit("vendors", external_code, fields)
        raise KeyError(vendor_code)

    def enrich_vendors(self, number: int, seed: int = 7) -> list[VendorChange]:
        """People change payment terms and tax ids of `number` vendors, some in a way nobody may take over."""
        with self.lock:
            terms = [str(each["paymentTermCode"]) for each in self.entities["paymentTerms"].values()]
            made = changes(list(self.entities["vendors"].values()), terms, number, seed)
            for change in made:
                self.edit_vendor(change.vendor_code, change.fields)
            return made

    def finish_processing(self) -> None:
        """Let everything that is on its way take effect now."""
        with self.lock:
            self.processing.advance(finish=True)

    def count(self, operation: str) -> None:
        """Note that an operation was called, whatever came of it."""
        with self.lock:
            self.requests[operation] += 1

    def close(self) -> None:
        """Stop sending notifications."""
        self.push.close()

    def _tell(self, record: Record) -> None:
        status = record["processingStatus"]
        if status.startswith("WaitingFor"):
            self.push.notify("AccountingDocuments", status, record["invoiceId"])

    def _settle(self, request: Request, item: Item) -> None:
        if item.saved is not None:
            self.target.save(request.endpoint, item.saved)
