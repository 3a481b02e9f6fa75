"""Mapping and validation of a batch: each invoice becomes ready with its document, or waits with a reason."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector_defs.basware.document_reader import read_document
from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.gl_mapping import MappingTable, needs_rule
from connector_defs.domain.invoices import ApprovedInvoice, Decisions, Posting
from connector_defs.domain.planning import PlanningRules, Refusal, Unmapped, plan
from connector_defs.domain.states import State
from connector_defs.flows.intake import approved_invoice, in_our_terms
from connector_defs.flows.ledger import BookReader
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices, mappings
from connector_defs.store.invoices import LostRace, StoredInvoice

# An invoice in one of these has, or may have, taken its number in SYSPRO.
_TAKES_NUMBER = frozenset(
    {State.READY, State.ACKNOWLEDGED, State.POSTING, State.UNCERTAIN, State.POSTED, State.RESPONDED}
)


@dataclass(frozen=True)
class Prepared:
    """An invoice that may be posted, with the document it becomes."""

    stored: StoredInvoice
    posting: Posting


class Evaluator:
    """Plans batches of one company."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._books = BookReader(connector, company)
        chosen = connector.settings.posting
        self._rules = PlanningRules(chosen.rounding_tolerance, chosen.rounding_account, chosen.posting_period)

    def prepare(self, batch: Sequence[StoredInvoice]) -> list[Prepared]:
        """Those of `batch` (received, ready or acknowledged) that may be posted; the others are moved away.

        Raises RetryLater where SYSPRO's books cannot be read; then nothing was moved.
        """
        readable: list[tuple[StoredInvoice, ApprovedInvoice]] = []
        stopped: list[tuple[StoredInvoice, Refusal]] = []
        for stored in batch:
            try:
                document = read_document(stored.payload)
            except MalformedDocument as flaw:
                stopped.append((stored, Refusal("MALFORMED", flaw.reason, "correct it in Basware")))
                continue
            if document.company_code != self._company.basware_company:
                stopped.append((stored, _other_company(document.company_code)))
            else:
                readable.append((stored, in_our_terms(stored, document)))
        with self._connector.store.read() as connection:
            mapping = mappings.table_of(connection, self._company.syspro_company)
        books = self._books.read([invoice for _, invoice in readable], mapping)
        outcomes = [
            (stored, invoice, plan(invoice, mapping, books, self._rules, Decisions.read(stored.decisions)))
            for stored, invoice in readable
        ]
        reach("evaluation.planned")
        prepared = []
        with self._connector.store.write() as connection:
            now = self._connector.clock.now()
            for stored, refusal in stopped:
                with suppress(LostRace):
                    _to_review(connection, stored, refusal, now)
            for stored, invoice, outcome in outcomes:
                with suppress(LostRace):
                    ready = self._settle(connection, stored, invoice, outcome, now)
                    if ready is not None:
                        prepared.append(ready)
        reach("evaluation.settled")
        return prepared

    def _settle(
        self,
        connection: Connection,
        stored: StoredInvoice,
        invoice: ApprovedInvoice,
        outcome: Posting | Unmapped | Refusal,
        now: datetime,
    ) -> Prepared | None:
        match outcome:
            case Refusal():
                _to_review(connection, stored, outcome, now)
                return None
            case Unmapped():
                invoices.move(connection, stored, State.NEEDS_MAPPING, now, changes=vars(outcome.refusal))
                return None
        twin = invoices.same_number(connection, stored, _TAKES_NUMBER)
        if twin is not None:
            _to_review(connection, stored, _collision(invoice, twin), now)
            return None
        if stored.state is State.RECEIVED:
            stored = invoices.move(
                connection, stored, State.READY, now, detail={"fingerprint": outcome.fingerprint}
            )
        return Prepared(stored, outcome)


def _other_company(company_code: str) -> Refusal:
    return Refusal(
        "COMPANY_UNKNOWN",
        f"the invoice belongs to Basware company {company_code!r}, not to the one it was offered for",
        "add the pair under [[companies]], or reject the invoice",
    )


def _to_review(connection: Connection, stored: StoredInvoice, refusal: Refusal, now: datetime) -> None:
    invoices.move(connection, stored, State.NEEDS_REVIEW, now, changes=vars(refusal))


def _collision(invoice: ApprovedInvoice, twin: StoredInvoice) -> Refusal:
    return Refusal(
        "DUPLICATE",
        f"invoice number {invoice.number!r} of supplier {invoice.supplier!r} is taken by Basware invoice "
        f"{twin.invoice_id} ({twin.number!r}, {twin.gross} {twin.currency}, {twin.state})",
        "if it is a double, reject it; otherwise correct the number in Basware",
    )


def release_mapped(connector: Connector, company: CompanySettings) -> int:
    """Move every invoice whose mappings are now complete back into the flow; returns how many."""
    released = 0
    with connector.store.read() as connection:
        waiting = invoices.in_states(connection, company.syspro_company, {State.NEEDS_MAPPING})
        mapping = mappings.table_of(connection, company.syspro_company) if waiting else MappingTable(())
    for stored in waiting:
        if not is_mapped(stored, mapping):
            continue
        with suppress(LostRace), connector.store.write() as connection:
            invoices.move(
                connection,
                stored,
                State.RECEIVED,
                connector.clock.now(),
                detail={"note": "mapping is there now"},
            )
            released += 1
    if released:
        reach("mapping.released")
    return released


def is_mapped(stored: StoredInvoice, mapping: MappingTable) -> bool:
    """True where one rule decides every coded row of the invoice; rows matched to a receipt need none."""
    invoice = approved_invoice(stored)
    return not mapping.gaps(filter(needs_rule, invoice.rows), invoice.mapping_date)
