"""What Basware is told about an invoice: acknowledged, transferred with its voucher, or rejected.

An acknowledge or a response may have taken effect although its answer was lost. Basware says so itself when
asked: every doubt ends in a GET of the invoice, never in a blind repeat.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from connector_defs.basware.client import AckOutcome
from connector_defs.basware.document_reader import read_document
from connector_defs.basware.documents import AccountingDocument, MalformedDocument
from connector_defs.basware.entities import TransferResponse
from connector_defs.domain.errors import ConnectorError, Fatal, OutcomeUnknown, RecordRefused, RetryLater
from connector_defs.domain.keys import response_code
from connector_defs.domain.states import State
from connector_defs.flows.evaluation import Prepared
from connector_defs.flows.intake import (
    ANSWER_REFUSED,
    IN_PROGRESS,
    WAITING,
    approved_invoice,
    arrival,
    in_our_terms,
)
from connector_defs.flows.posting import backoff
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices
from connector_defs.store.invoices import LostRace, StoredInvoice

_MESSAGE_LIMIT = 250
_DONE = frozenset({"Transferred", "Paid"})
# After so many refused answers a person must look; the voucher stands in SYSPRO all the while.
MOST_ANSWERS = 5


@dataclass(frozen=True)
class _Acknowledged:
    prepared: Prepared
    document: AccountingDocument | None
    verdict: str


class Answerer:
    """Talks to Basware about single invoices of one company."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._timing = connector.settings.timing

    def _side_by_side(self, work: Callable[[StoredInvoice], None], batch: Sequence[StoredInvoice]) -> None:
        def guarded(stored: StoredInvoice) -> None:
            # Where another worker was faster, what it wrote stands.
            with suppress(LostRace):
                work(stored)

        with ThreadPoolExecutor(
            self._connector.settings.basware.max_parallel, thread_name_prefix="answer"
        ) as pool:
            for _ in pool.map(guarded, batch):
                pass

    def acknowledge(self, batch: Sequence[Prepared], fresh: Collection[str] = ()) -> list[Prepared]:
        """Those of `batch` that are ours to post now. Invoices already acknowledged pass as they are.

        `fresh` are those whose payload was fetched just now; any other is fetched again once it is ours, for
        it may have been edited since.
        """
        new = [prepared for prepared in batch if prepared.stored.state is State.READY]
        passed = [prepared for prepared in batch if prepared.stored.state is State.ACKNOWLEDGED]
        with ThreadPoolExecutor(
            self._connector.settings.basware.max_parallel, thread_name_prefix="acknowledge"
        ) as pool:
            told = list(pool.map(lambda one: self._acknowledge_one(one, one.stored.invoice_id in fresh), new))
        with self._connector.store.write() as connection:
            for one in told:
                with suppress(LostRace):
                    moved = self._after_acknowledge(connection, one)
                    if moved.state is State.ACKNOWLEDGED:
                        passed.append(replace(one.prepared, stored=moved))
        reach("acknowledge.stored")
        return passed

    def _after_acknowledge(self, connection: Connection, one: _Acknowledged) -> StoredInvoice:
        stored, now = one.prepared.stored, self._connector.clock.now()
        if one.verdict == "ours":
            return invoices.move(connection, stored, State.ACKNOWLEDGED, now)
        if one.verdict == "changed" and one.document is not None:
            fields = {
                name: value for name, value in vars(arrival(one.document)).items() if name != "invoice_id"
            }
            note = {"note": "changed in Basware", "previous_digest": stored.payload_digest}
            fields["decisions"] = "{}"
            return invoices.move(connection, stored, State.RECEIVED, now, changes=fields, detail=note)
        if one.verdict == "withdrawn":
            status = one.document.processing_status if one.document else "gone"
            reason = f"Basware shows it as {status}, no longer for transfer"
            return invoices.move(connection, stored, State.WITHDRAWN, now, changes={"reason": reason})
        waiting = {
            "next_attempt_at": now
            + backoff(1, self._timing.retry_base_seconds, self._timing.retry_max_seconds),
            "code": "NOT_ACKNOWLEDGED",
            "reason": one.verdict,
            "remedy": "nothing to do: it is tried again",
        }
        return invoices.move(connection, stored, State.READY, now, changes=waiting)

    def _acknowledge_one(self, prepared: Prepared, fresh: bool) -> _Acknowledged:
        invoice_id = prepared.stored.invoice_id
        try:
            outcome = self._connector.basware.acknowledge(invoice_id)
            reach("acknowledge.answered")
            if outcome is AckOutcome.ACKNOWLEDGED and fresh:
                return _Acknowledged(prepared, None, "ours")
            document = self._connector.basware.document(invoice_id)
            reach("acknowledge.compared")
        except (RetryLater, OutcomeUnknown, RecordRefused) as error:
            return _Acknowledged(prepared, None, str(error))
        if document is None or document.processing_status not in (WAITING, IN_PROGRESS):
            return _Acknowledged(prepared, document, "withdrawn")
        if document.processing_status == WAITING:
            return _Acknowledged(
                prepared, document, "Basware refused the acknowledge and still offers the invoice"
            )
        if in_our_terms(prepared.stored, document) != approved_invoice(prepared.stored):
            return _Acknowledged(prepared, document, "changed")
        return _Acknowledged(prepared, document, "ours")

    def respond(self, invoice_ids: Sequence[str]) -> None:
        """Send the voucher of each posted invoice; what fails keeps its state and a time to try again."""
        with self._connector.store.read() as connection:
            stored = invoices.get_many(connection, self._company.syspro_company, invoice_ids)
        self._side_by_side(
            self._respond_one,
            [one for one in stored.values() if one.state is State.POSTED and one.answered_at is None],
        )

    def _respond_one(self, stored: StoredInvoice) -> None:
        basware = self._connector.basware
        try:
            if stored.generation > 1 or stored.answers:
                # It may wait for transfer once more; where it does not, Basware says so and nothing happens.
                basware.acknowledge(stored.invoice_id)
            receipt = basware.respond_transfer(stored.invoice_id, self._response(stored))
            reach("response.answered")
        except (RetryLater, RecordRefused) as error:
            self._try_again(stored, str(error))
            return
        except OutcomeUnknown:
            # Asked for in `confirm`, which sends it again where Basware does not have it.
            self._answered(stored, refusal="the answer to our response was lost")
            return
        refusal = "; ".join(f"{error.code} {error.message}" for error in receipt.errors)
        self._answered(stored, request_id=receipt.request_id or "", refusal=refusal)
        reach("response.stored")

    def _response(self, stored: StoredInvoice) -> TransferResponse:
        return TransferResponse(
            external_code=response_code(stored.company, stored.invoice_id, "transfer", stored.generation),
            success=True,
            response_message=f"Posted in SYSPRO as voucher {stored.voucher}"[:_MESSAGE_LIMIT],
            source_system=self._connector.settings.basware.source_system,
            voucher_number1=stored.voucher,
            voucher_number2=stored.gl_journal or None,
            transfer_date=self._connector.clock.now().date(),
            payment_block=_payment_block(stored),
        )

    def confirm(self) -> int:
        """Ask Basware about every answered invoice; returns how many are still open."""
        with self._connector.store.read() as connection:
            posted = invoices.in_states(
                connection, self._company.syspro_company, {State.POSTED}, due=self._connector.clock.now()
            )
        answered = [stored for stored in posted if stored.answered_at is not None]
        self._side_by_side(self._confirm_one, answered)
        with self._connector.store.read() as connection:
            return len(invoices.ids_in_states(connection, self._company.syspro_company, {State.POSTED}))

    def _confirm_one(self, stored: StoredInvoice) -> None:
        try:
            document = self._connector.basware.document(stored.invoice_id)
        except (RetryLater, RecordRefused):
            return
        status = document.processing_status if document else "gone"
        now = self._connector.clock.now()
        if status in _DONE:
            reach("response.seen")
            with self._connector.store.write() as connection:
                invoices.move(connection, stored, State.RESPONDED, now, detail={"basware": status})
            reach("response.confirmed")
            return
        patience = backoff(stored.answers, self._timing.retry_base_seconds, self._timing.retry_max_seconds)
        if (
            stored.answered_at is not None
            and status in (IN_PROGRESS, WAITING)
            and now - stored.answered_at < patience
        ):
            return
        if document is None or stored.answers >= MOST_ANSWERS:
            self._hand_over(stored, status)
            return
        # Same event, same externalCode; only where Basware gave it up a new response is due.
        generation = stored.generation + (1 if status not in (IN_PROGRESS, WAITING) else 0)
        with self._connector.store.write() as connection:
            invoices.move(
                connection,
                stored,
                State.POSTED,
                now,
                changes={
                    "answered_at": None,
                    "generation": generation,
                    "code": stored.code,
                    "reason": stored.reason,
                    "remedy": stored.remedy,
                },
                detail={"note": f"Basware shows {status}: answered again"},
            )

    def _hand_over(self, stored: StoredInvoice, status: str) -> None:
        with self._connector.store.write() as connection:
            invoices.move(
                connection,
                stored,
                State.NEEDS_REVIEW,
                self._connector.clock.now(),
                changes={
                    "code": ANSWER_REFUSED,
                    "reason": f"posted in SYSPRO as voucher {stored.voucher}, but Basware shows {status}"
                    + (f" and says: {stored.reason}" if stored.reason else ""),
                    "remedy": "transfer it again in Basware, which gives it this voucher, or enter the voucher there by "
                    "hand; it is not posted again",
                },
            )

    def _answered(self, stored: StoredInvoice, *, request_id: str = "", refusal: str = "") -> None:
        now = self._connector.clock.now()
        with self._connector.store.write() as connection:
            invoices.move(
                connection,
                stored,
                State.POSTED,
                now,
                changes={
                    "answered_at": now,
                    "answers": stored.answers + 1,
                    "code": "NOT_ANSWERED" if refusal else "",
                    "reason": refusal,
                    "remedy": "nothing to do: Basware is asked, and told again where it needs it"
                    if refusal
                    else "",
                },
                detail={
                    "transfer_response": response_code(
                        stored.company, stored.invoice_id, "transfer", stored.generation
                    ),
                    "request_id": request_id,
                },
            )

    def _try_again(self, stored: StoredInvoice, reason: str) -> None:
        now = self._connector.clock.now()
        later = now + backoff(
            stored.generation, self._timing.retry_base_seconds, self._timing.retry_max_seconds
        )
        with self._connector.store.write() as connection:
            invoices.move(
                connection,
                stored,
                State.POSTED,
                now,
                changes={
                    "next_attempt_at": later,
                    "code": "NOT_ANSWERED",
                    "reason": reason,
                    "remedy": "nothing to do: it is tried again",
                },
            )

    def reject(self, stored: StoredInvoice, message: str) -> None:
        """Tell Basware that the invoice is not taken, with the text its users see there."""
        basware = self._connector.basware
        document = basware.document(stored.invoice_id)
        if document is not None and document.processing_status in _DONE:
            raise Fatal(
                f"Basware shows invoice {stored.number or stored.invoice_id} as {document.processing_status}: "
                "it cannot be rejected any more; find out which system answered for it"
            )
        if document is None or document.processing_status not in (WAITING, IN_PROGRESS):
            return
        if document.processing_status == WAITING:
            basware.acknowledge(stored.invoice_id)
        receipt = basware.respond_transfer(
            stored.invoice_id,
            TransferResponse(
                external_code=response_code(stored.company, stored.invoice_id, "reject", stored.version),
                success=False,
                response_message=message[:_MESSAGE_LIMIT],
                source_system=self._connector.settings.basware.source_system,
                payment_block=True,
            ),
        )
        if not receipt.accepted:
            texts = "; ".join(f"{error.code} {error.message}" for error in receipt.errors)
            raise ConnectorError(f"Basware refuses the rejection of invoice {stored.invoice_id}: {texts}")


def _payment_block(stored: StoredInvoice) -> bool:
    try:
        return read_document(stored.payload).payment_block
    except MalformedDocument:
        return False
