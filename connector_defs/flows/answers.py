"""What Basware is told about an invoice: acknowledged, transferred with its voucher, or rejected.

An acknowledge or a response may have taken effect although its answer was lost. Basware says so itself when
asked: every doubt ends in a GET of the invoice, never in a blind repeat.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from connector_defs.basware.client import AckOutcome
from connector_defs.basware.document_reader import read_document
from connector_defs.basware.documents import AccountingDocument, MalformedDocument
from connector_defs.basware.entities import TransferResponse
from connector_defs.domain.errors import ConnectorError, Fatal, OutcomeUnknown, RecordRefused, RetryLater
from connector_defs.domain.keys import response_code
from connector_defs.domain.states import State
from connector_defs.flows.backoff import backoff
from connector_defs.flows.evaluation import Prepared
from connector_defs.flows.intake import (
    ANSWER_REFUSED,
    IN_PROGRESS,
    WAITING,
    approved_invoice,
    arrival,
    changed_after_posting,
    in_our_terms,
)
from connector_defs.flows.moves import FOUND_AGAIN
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices
from connector_defs.store.invoices import LostRace, StoredInvoice

_MESSAGE_LIMIT = 250
_OURS = "ours"
# Up to so many invoices are asked for one by one; more are read from a listing.
_FEW = 3
_OVERLAP = timedelta(days=1)
_DONE = frozenset({"Transferred", "Paid"})
# After so many refused answers a person must look; the voucher stands in SYSPRO all the while.
MOST_ANSWERS = 5


@dataclass(frozen=True)
class _Acknowledged:
    prepared: Prepared
    document: AccountingDocument | None
    # "" until it is known; a text that is no verdict says why it must be tried again
    verdict: str
    taken: bool = False


@dataclass(frozen=True)
class _Answer:
    """A transfer response on its way: whether it may have reached Basware, and what is wrong with it."""

    stored: StoredInvoice
    sent: bool = True
    request_id: str = ""
    trouble: str = ""
    changed: bool = False


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
        """Those of `batch` that are ours to post now.

        `fresh` are those whose payload was fetched just now; any other is fetched again once it is ours, for it may
        have been edited or taken back since, also where an earlier run acknowledged it. What comes from a lost attempt
        never counts as fresh: while it was under way no poll compared it.
        """
        compared = {
            prepared.stored.invoice_id
            for prepared in batch
            if prepared.stored.invoice_id in fresh and not prepared.stored.fingerprint
        }
        passed: list[Prepared] = []
        asked: list[Prepared] = []
        for prepared in batch:
            sure = prepared.stored.state is State.ACKNOWLEDGED and prepared.stored.invoice_id in compared
            (passed if sure else asked).append(prepared)
        with ThreadPoolExecutor(
            self._connector.settings.basware.max_parallel, thread_name_prefix="acknowledge"
        ) as pool:
            told = list(pool.map(self._acknowledge_one, asked))
            stale = [
                one.prepared.stored
                for one in told
                if not one.verdict and not (one.taken and one.prepared.stored.invoice_id in compared)
            ]
            fetched = self._fetch_again(stale, pool)
        reach("acknowledge.compared")
        with self._connector.store.write() as connection:
            for one in told:
                with suppress(LostRace):
                    judged = self._judged(one, fetched)
                    moved = self._after_acknowledge(connection, judged)
                    if judged.verdict == _OURS:
                        passed.append(replace(one.prepared, stored=moved))
        reach("acknowledge.stored")
        return passed

    def _acknowledge_one(self, prepared: Prepared) -> _Acknowledged:
        try:
            outcome = self._connector.basware.acknowledge(prepared.stored.invoice_id)
        except OutcomeUnknown:
            return _Acknowledged(prepared, None, "")
        except (RetryLater, RecordRefused) as error:
            return _Acknowledged(prepared, None, str(error))
        reach("acknowledge.answered")
        return _Acknowledged(prepared, None, "", taken=outcome is AckOutcome.ACKNOWLEDGED)

    def _fetch_again(
        self, stale: Sequence[StoredInvoice], pool: ThreadPoolExecutor
    ) -> dict[str, AccountingDocument | str | None]:
        """The invoices as Basware shows them now; a text says why one could not be fetched, None that it is gone.

        One listing serves the batch, for an acknowledge moves all of them into one status; only what that does
        not show is asked for by itself.
        """
        wanted = {one.invoice_id for one in stale}
        found: dict[str, AccountingDocument | str | None] = {}
        if len(wanted) > _FEW:
            with suppress(ConnectorError):
                since = self._connector.clock.now() - _OVERLAP
                for page in self._connector.basware.documents(
                    self._company.basware_company, IN_PROGRESS, last_updated=since
                ):
                    found |= {one.invoice_id: one for one in page.documents if one.invoice_id in wanted}
                    if len(found) == len(wanted):
                        break
        missing = sorted(wanted - found.keys())
        found |= dict(zip(missing, pool.map(self._fetch, missing), strict=True))
        return found

    def _fetch(self, invoice_id: str) -> AccountingDocument | str | None:
        try:
            return self._connector.basware.document(invoice_id)
        except (RetryLater, RecordRefused) as error:
            return str(error)

    def _judged(
        self, one: _Acknowledged, fetched: Mapping[str, AccountingDocument | str | None]
    ) -> _Acknowledged:
        stored = one.prepared.stored
        if one.verdict or stored.invoice_id not in fetched:
            return replace(one, verdict=one.verdict or _OURS)
        document = fetched[stored.invoice_id]
        if isinstance(document, str):
            return replace(one, verdict=document)
        if document is None or document.processing_status not in (WAITING, IN_PROGRESS):
            return replace(one, document=document, verdict="withdrawn")
        if document.processing_status == WAITING:
            return replace(one, verdict="Basware refused the acknowledge and still offers the invoice")
        same = self._is_same(stored, document)
        return replace(one, document=document, verdict=_OURS if same else "changed")

    def _after_acknowledge(self, connection: Connection, one: _Acknowledged) -> StoredInvoice:
        stored, now = one.prepared.stored, self._connector.clock.now()
        if one.verdict == _OURS:
            if stored.state is State.ACKNOWLEDGED:
                return stored
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
        return invoices.move(connection, stored, stored.state, now, changes=waiting)

    def respond(self, invoice_ids: Sequence[str]) -> None:
        """Send the voucher of each posted invoice; what fails keeps its state and a time to try again."""
        with self._connector.store.read() as connection:
            stored = invoices.get_many(connection, self._company.syspro_company, invoice_ids)
        todo = [one for one in stored.values() if one.state is State.POSTED and one.answered_at is None]
        with ThreadPoolExecutor(
            self._connector.settings.basware.max_parallel, thread_name_prefix="answer"
        ) as pool:
            told = list(pool.map(self._respond_one, todo))
        # One write for all: each would make SYSPRO's lane wait for the disk.
        with self._connector.store.write() as connection:
            for answer in told:
                with suppress(LostRace):
                    self._note(connection, answer)
        if told:
            reach("response.stored")

    def _respond_one(self, stored: StoredInvoice) -> _Answer:
        basware = self._connector.basware
        try:
            if stored.code == FOUND_AGAIN and self._has_changed(stored):
                return _Answer(stored, sent=False, changed=True)
            if stored.generation > 1 or stored.answers or stored.code == FOUND_AGAIN:
                # It may wait for transfer once more; where it does not, Basware says so and nothing happens.
                basware.acknowledge(stored.invoice_id)
            receipt = basware.respond_transfer(stored.invoice_id, self._response(stored))
            reach("response.answered")
        except (RetryLater, RecordRefused) as error:
            return _Answer(stored, sent=False, trouble=str(error))
        except OutcomeUnknown:
            # Asked for in `confirm`, which sends it again where Basware does not have it.
            return _Answer(stored, trouble="the answer to our response was lost")
        refusal = "; ".join(f"{error.code} {error.message}" for error in receipt.errors)
        return _Answer(stored, request_id=receipt.request_id or "", trouble=refusal)

    def _has_changed(self, stored: StoredInvoice) -> bool:
        """True where Basware shows another invoice than the one that was posted."""
        document = self._connector.basware.document(stored.invoice_id)
        return document is not None and not self._is_same(stored, document)

    def _is_same(self, stored: StoredInvoice, document: AccountingDocument) -> bool:
        return document.company_code == self._company.basware_company and in_our_terms(
            stored, document
        ) == approved_invoice(stored)

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

    def confirm(self, answered: Sequence[StoredInvoice]) -> None:
        """Ask Basware what it made of our answers: by one listing, and by a GET where that leaves it open."""
        done = self._transferred(answered) if len(answered) > _FEW else {}
        if done:
            reach("response.seen")
            now = self._connector.clock.now()
            with self._connector.store.write() as connection:
                for stored in answered:
                    if stored.invoice_id in done:
                        with suppress(LostRace):
                            status = done[stored.invoice_id]
                            invoices.move(
                                connection, stored, State.RESPONDED, now, detail={"basware": status}
                            )
            reach("response.confirmed")
        open_still = [stored for stored in answered if stored.invoice_id not in done]
        if len(answered) > _FEW:
            # What the listing does not show was most likely answered a moment ago.
            open_still = [stored for stored in open_still if self._is_late(stored)]
        self._side_by_side(self._confirm_one, open_still)

    def _transferred(self, answered: Sequence[StoredInvoice]) -> dict[str, str]:
        """Those of `answered` that Basware lists as done, with its word for it. Reads on only while some lack."""
        wanted = {stored.invoice_id for stored in answered}
        since = min(stored.answered_at or stored.updated_at for stored in answered) - _OVERLAP
        found: dict[str, str] = {}
        with suppress(ConnectorError):
            for status in sorted(_DONE, reverse=True):
                pages = self._connector.basware.documents(
                    self._company.basware_company, status, last_updated=since
                )
                for page in pages:
                    found |= {
                        one.invoice_id: one.processing_status
                        for one in page.documents
                        if one.invoice_id in wanted and one.processing_status in _DONE
                    }
                    if len(found) == len(wanted):
                        return found
        return found

    def _is_late(self, stored: StoredInvoice) -> bool:
        """True where Basware had more than the time it needs to show our answer."""
        patience = backoff(stored.answers, self._timing.retry_base_seconds, self._timing.retry_max_seconds)
        answered_at = stored.answered_at
        return answered_at is None or self._connector.clock.now() - answered_at >= patience

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
        if status in (IN_PROGRESS, WAITING) and not self._is_late(stored):
            return
        if document is None or stored.answers >= MOST_ANSWERS:
            self._hand_over(stored, status)
            return
        # Same event, same externalCode; a new response is due where Basware gave it up, or took this very one and
        # wants another: a user transferred the invoice again before we saw it confirmed.
        again = status not in (IN_PROGRESS, WAITING) or self._was_taken(stored, document)
        generation = stored.generation + again
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

    def _was_taken(self, stored: StoredInvoice, document: AccountingDocument) -> bool:
        """True where Basware holds the response we sent last."""
        sent = response_code(stored.company, stored.invoice_id, "transfer", stored.generation)
        return any(given.external_code == sent for given in document.transfer_responses)

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

    def _note(self, connection: Connection, answer: _Answer) -> None:
        """What became of a response: sent, and to be confirmed, or to be sent again later."""
        stored, now = answer.stored, self._connector.clock.now()
        if answer.changed:
            invoices.move(connection, stored, State.NEEDS_REVIEW, now, changes=changed_after_posting(stored))
            return
        remedy = "Basware is asked, and told again where it needs it" if answer.sent else "it is tried again"
        changes: dict[str, object] = {
            "code": "NOT_ANSWERED" if answer.trouble else "",
            "reason": answer.trouble,
            "remedy": f"nothing to do: {remedy}" if answer.trouble else "",
        }
        detail: dict[str, object] = {}
        if answer.sent:
            changes |= {"answered_at": now, "answers": stored.answers + 1}
            code = response_code(stored.company, stored.invoice_id, "transfer", stored.generation)
            detail = {"transfer_response": code, "request_id": answer.request_id}
        else:
            # What was not compared yet is to be compared before the next attempt as well.
            changes["code"] = FOUND_AGAIN if stored.code == FOUND_AGAIN else changes["code"]
            changes["next_attempt_at"] = now + backoff(
                stored.generation, self._timing.retry_base_seconds, self._timing.retry_max_seconds
            )
        invoices.move(connection, stored, State.POSTED, now, changes=changes, detail=detail)

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
