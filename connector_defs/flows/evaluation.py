"""Mapping and validation of a batch: each invoice becomes ready with its document, or waits with a reason."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector_defs.basware.document_reader import read_document
from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.gl_mapping import MappingTable
from connector_defs.domain.invoices import ApprovedInvoice, Decisions, Posting
from connector_defs.domain.planning import Refusal, Unmapped, needs_mapping, plan
from connector_defs.domain.states import State
from connector_defs.flows.books import BookReader, planning_rules
from connector_defs.flows.intake import approved_invoice, in_our_terms
from connector_defs.flows.periods import reopened
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


@dataclass(frozen=True)
class Planned:
    """What planning says of an invoice; `invoice` is None where the payload cannot be taken for one of ours."""

    stored: StoredInvoice
    outcome: Posting | Unmapped | Refusal
    invoice: ApprovedInvoice | None = None


class Evaluator:
    """Plans batches of one company."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._books = BookReader(connector, company)
        self._rules = planning_rules(connector.settings, company)

    def prepare(self, batch: Sequence[StoredInvoice]) -> list[Prepared]:
        """Those of `batch` (received, ready or acknowledged) that may be posted; the others are moved away.

        Raises RetryLater where SYSPRO's books cannot be read; then nothing was moved.
        """
        planned = self._plan(batch)
        reach("evaluation.planned")
        prepared = []
        with self._connector.store.write() as connection:
            now = self._connector.clock.now()
            for one in planned:
                with suppress(LostRace):
                    ready = self._settle(connection, one, now)
                    if ready is not None:
                        prepared.append(ready)
        reach("evaluation.settled")
        return prepared

    def foresee(self, batch: Sequence[StoredInvoice]) -> list[Planned]:
        """What would become of each invoice as everything stands now. Nothing is moved, whatever its state.

        Raises RetryLater where SYSPRO's books cannot be read.
        """
        planned = self._plan(batch)
        with self._connector.store.read() as connection:
            return [replace(one, outcome=_unless_taken(connection, one)) for one in planned]

    def _plan(self, batch: Sequence[StoredInvoice]) -> list[Planned]:
        readable: list[tuple[StoredInvoice, ApprovedInvoice]] = []
        stopped: list[Planned] = []
        for stored in batch:
            try:
                document = read_document(stored.payload)
            except MalformedDocument as flaw:
                refusal = Refusal("MALFORMED", flaw.reason, "correct it in Basware")
                stopped.append(Planned(stored, refusal))
                continue
            if document.company_code != self._company.basware_company:
                stopped.append(Planned(stored, _other_company(document.company_code)))
            else:
                readable.append((stored, in_our_terms(stored, document)))
        with self._connector.store.read() as connection:
            mapping = mappings.table_of(connection, self._company.syspro_company)
        decided = {stored.invoice_id: Decisions.read(stored.decisions) for stored, _ in readable}
        books = self._books.read(
            [invoice for _, invoice in readable],
            mapping,
            periods=any(one.stands_for for one in decided.values()),
        )
        return stopped + [
            Planned(stored, plan(invoice, mapping, books, self._rules, decided[stored.invoice_id]), invoice)
            for stored, invoice in readable
        ]

    def _settle(self, connection: Connection, one: Planned, now: datetime) -> Prepared | None:
        stored, outcome = one.stored, _unless_taken(connection, one)
        match outcome:
            case Refusal():
                _to_review(connection, stored, outcome, now)
                return None
            case Unmapped():
                invoices.move(connection, stored, State.NEEDS_MAPPING, now, changes=vars(outcome.refusal))
                return None
        if stored.state is State.RECEIVED or stored.number_key != outcome.number_key:
            stored = invoices.move(
                connection,
                stored,
                State.READY if stored.state is State.RECEIVED else stored.state,
                now,
                changes={"number_key": outcome.number_key},
                detail={"fingerprint": outcome.fingerprint},
            )
        return Prepared(stored, outcome)


def _unless_taken(connection: Connection, one: Planned) -> Posting | Unmapped | Refusal:
    """The outcome, but a refusal where another invoice has, or may have, taken the number."""
    if one.invoice is None or not isinstance(one.outcome, Posting):
        return one.outcome
    twin = invoices.same_number(connection, one.stored, one.outcome.number_key, _TAKES_NUMBER)
    return one.outcome if twin is None else _collision(one.invoice, twin)


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
        if not is_mapped(connector, stored, mapping):
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


def release_reopened(connector: Connector, company: CompanySettings) -> int:
    """Move every invoice parked for a closed period that is open now back into the flow; returns how many.

    Where SYSPRO refuses a period that its control table shows as open, it is asked again no more often than the
    longest back-off.
    """
    now = connector.clock.now()
    pause = timedelta(seconds=connector.settings.timing.retry_max_seconds)
    open_now = reopened(connector, company)
    released = 0
    with connector.store.read() as connection:
        parked = invoices.get_many(connection, company.syspro_company, sorted(open_now))
    for stored in parked.values():
        if stored.state is not State.NEEDS_REVIEW or now - stored.updated_at < pause:
            continue
        with suppress(LostRace), connector.store.write() as connection:
            note = {"note": "the posting period is open now"}
            invoices.move(connection, stored, State.RECEIVED, now, detail=note)
            released += 1
    return released


def is_mapped(connector: Connector, stored: StoredInvoice, mapping: MappingTable) -> bool:
    """True where one rule decides every coded row of the invoice; rows matched to a receipt need none."""
    invoice = approved_invoice(stored)
    rules = planning_rules(connector.settings, connector.settings.company(stored.company))
    coded = (row for row in invoice.rows if needs_mapping(row, rules))
    return not mapping.gaps(coded, invoice.mapping_date)
