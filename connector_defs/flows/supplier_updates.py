"""Approved changes of suppliers into SYSPRO, by APSSSP, one supplier in one document.

For every change: the intent is written, the document sent, the supplier read back. An update may be repeated without
harm, so what became of a lost answer is seen by reading the supplier, now or by the next run, and it is sent again
where SYSPRO does not show it. Dagster's own retries are off all the same. Bank data is none of the fields that can
be sent (`syspro.documents.apsssp`).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from connector_defs.domain.enrichment import Field, SupplierFacts
from connector_defs.domain.errors import ConnectorError, Fatal, LaneBlocked, OutcomeUnknown, RetryLater
from connector_defs.flows.enrichment import lease_name
from connector_defs.flows.enrichment_changes import AUTOMATIC, intended, not_sent, refused, settled
from connector_defs.flows.enrichment_reports import (
    ENTITY,
    SupplierUpdateReport,
    problem_of,
    shown,
)
from connector_defs.flows.lanes import free_lanes, lane_session, rest
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.flows.supplier_rows import SupplierRows
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import enrichment as store
from connector_defs.store import holds
from connector_defs.store.enrichment import Change, Enrichment
from connector_defs.store.leases import Lease, LeaseTaken
from connector_defs.syspro.documents import apsssp
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.enet import LogonRefused
from connector_defs.syspro.session import EnetSession

ELEMENTS: Mapping[str, str] = {Field.PAYMENT_TERMS.value: "TermsCode", Field.TAX_ID.value: "TaxRegnNum"}

# So many suppliers are read back together.
_AT_A_TIME = 50
# What got no answer is looked at and sent once more before it is left to the next run.
_ROUNDS = 2
# Lost answers to so many documents in a row mean that the service is ill.
_UNKNOWN_IN_A_ROW = 3

Document = list[Enrichment]


def update_suppliers(connector: Connector, company: CompanySettings) -> SupplierUpdateReport:
    """Write what is approved for one company, and read it back."""
    return _Updates(connector, company).run()


class _Updates:
    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._rows = SupplierRows(connector, company)
        self._automatic = connector.settings.enrichment.apply == "automatic"
        self._touched: dict[tuple[str, str], Enrichment] = {}
        self._due = self._sent = self._logons = 0
        self._unknown_in_a_row = 0
        self._problems: list[Problem] = []
        self._outages: list[Problem] = []

    def run(self) -> SupplierUpdateReport:
        started = time.monotonic()
        try:
            with self._connector.leases.hold(lease_name(self._company)) as lease:
                self._work(lease)
        except LeaseTaken as taken:
            self._problem("lease", "LANE_TAKEN", str(taken), "nothing to do: the next run writes them")
        return self._report(started)

    def _work(self, lease: Lease) -> None:
        documents = self._documents()
        self._due = sum(len(document) for document in documents)
        if not documents:
            return
        with self._connector.store.read() as connection:
            held = holds.get(connection, self._company.syspro_company)
        if held is not None:
            self._problem(
                "hold", "STATE_RESTORED", held.reason, "nothing to do: they are written once the hold ends"
            )
            return
        for _ in range(_ROUNDS):
            documents = self._still_to_send(lease, documents)
            if not documents:
                return
            try:
                self._send_all(lease, documents)
            except LeaseTaken as taken:
                self._problem("lane", "LANE_TAKEN", str(taken), "nothing to do: the next run writes them")
                return
            except LaneBlocked as blocked:
                self._outage(blocked)
                return
            documents = self._documents()

    def _documents(self) -> list[Document]:
        """What is approved or was left under way, supplier by supplier."""
        with self._connector.store.read() as connection:
            rows = store.in_states(connection, {"approved", "applying"}, self._company.syspro_company)
        return [list(fields) for _, fields in groupby(rows, key=lambda row: row.supplier)]

    def _still_to_send(self, lease: Lease, documents: Sequence[Document]) -> list[Document]:
        """Settle by what SYSPRO holds now; what is left has to be sent."""
        left: list[Document] = []
        for part in _parts(documents):
            suppliers = self._rows.by_code(document[0].supplier for document in part)
            self._settle(lease, part, suppliers)
        for document in self._documents():
            wanted = [row for row in document if row.state == "approved" and self._may_go(row)]
            if wanted:
                left.append(wanted)
        return left

    def _may_go(self, row: Enrichment) -> bool:
        """What the setting approved goes only while the setting says so."""
        return self._automatic or row.decided_by != AUTOMATIC

    def _settle(
        self, lease: Lease, documents: Sequence[Document], suppliers: Mapping[str, SupplierFacts]
    ) -> None:
        now = self._connector.clock.now()
        changes = [
            change
            for row in (row for document in documents for row in document)
            if (change := settled(row, suppliers.get(row.supplier), now, automatic=self._automatic))
            is not None
        ]
        self._store(lease, changes)

    def _send_all(self, lease: Lease, documents: Sequence[Document]) -> None:
        """Send under one logon, and read back as many at a time as one look-up takes."""
        with (
            free_lanes(self._connector, self._company, at_most=1) as (lane,),
            lane_session(self._connector, self._company, lane) as session,
        ):
            try:
                self._log_on(lane, session)
                for part in _parts(documents):
                    self._send_part(lease, lane, session, part)
            finally:
                self._logons += session.logons

    def _log_on(self, lane: Lease, session: EnetSession) -> None:
        """What refuses the logon must not have touched a document; it concerns whoever uses the lane.

        What refuses this business object later does not: a site without APSSSP posts its invoices all the same.
        """
        try:
            session.open()
        except LaneBlocked as blocked:
            rest(self._connector, lane, blocked)
            raise
        except LogonRefused as refused:
            rest(self._connector, lane, refused)
            raise LaneBlocked(str(refused)) from None
        if self._connector.leases.pause_of(lane.name).count:
            self._connector.leases.unpause(lane)

    def _send_part(self, lease: Lease, lane: Lease, session: EnetSession, part: Sequence[Document]) -> None:
        sent: list[Document] = []
        try:
            for document in part:
                self._connector.leases.renew(lane)
                under_way = self._send(lease, session, document)
                if under_way:
                    sent.append(under_way)
        finally:
            if sent:
                self._read_back(lease, sent)

    def _read_back(self, lease: Lease, sent: Sequence[Document]) -> None:
        try:
            suppliers = self._rows.by_code(document[0].supplier for document in sent)
        except Fatal:
            raise
        except ConnectorError as away:
            # They stay under way: the next run reads them before anything is sent.
            self._outage(away)
            return
        reach("enrichment.read_back")
        self._settle(lease, sent, suppliers)
        reach("enrichment.settled")

    def _send(self, lease: Lease, session: EnetSession, document: Document) -> Document | None:
        """Send one supplier; returns what has to be read back. Raises LaneBlocked where SYSPRO refuses us as a whole."""
        supplier = document[0].supplier
        try:
            parameters, xml_in = apsssp.build(supplier, {ELEMENTS[row.field]: row.after for row in document})
        except ValueError as flaw:
            self._refuse(lease, document, str(flaw))
            return None
        under_way = self._store(lease, [intended(row, self._connector.clock.now()) for row in document])
        reach("enrichment.intended")
        self._sent += 1
        try:
            answer = apsssp.read(session.setup("Update", apsssp.BUSINESS_OBJECT, parameters, xml_in).text)
        except OutcomeUnknown as lost:
            reach("enrichment.answered")
            self._lost(lost)
            return under_way
        except RetryLater as blocked:
            self._put_back(lease, under_way, str(blocked))
            raise blocked if isinstance(blocked, LaneBlocked) else LaneBlocked(str(blocked)) from blocked
        reach("enrichment.answered")
        self._unknown_in_a_row = 0
        if isinstance(answer, Rejection):
            self._refuse(lease, under_way, f"SYSPRO refuses the supplier: {answer}")
            return None
        return under_way

    def _lost(self, lost: OutcomeUnknown) -> None:
        """Whether it took effect is seen when it is read back; several in a row end this run's work."""
        self._unknown_in_a_row += 1
        if self._unknown_in_a_row >= _UNKNOWN_IN_A_ROW:
            self._unknown_in_a_row = 0
            raise LaneBlocked(f"{_UNKNOWN_IN_A_ROW} documents in a row got no answer: {lost}")

    def _put_back(self, lease: Lease, document: Document, reason: str) -> None:
        now = self._connector.clock.now()
        self._store(lease, [not_sent(row, reason, now) for row in document])

    def _refuse(self, lease: Lease, document: Document, reason: str) -> None:
        now = self._connector.clock.now()
        self._store(lease, [refused(row, reason, now) for row in document])

    def _store(self, lease: Lease, changes: Sequence[Change]) -> Document:
        if not changes:
            return []
        with self._connector.store.write() as connection:
            store.save(connection, lease, changes, self._connector.clock.now())
        rows = [change.row for change in changes]
        self._touched |= {row.key: row for row in rows}
        return rows

    def _problem(self, key: str, code: str, reason: str, remedy: str) -> None:
        self._problems.append(Problem(self._company.syspro_company, ENTITY, key, code, reason, remedy))

    def _outage(self, error: ConnectorError) -> None:
        self._outages.append(
            Problem(
                self._company.syspro_company,
                ENTITY,
                "SYSPRO",
                "LANE_BLOCKED",
                str(error),
                "nothing to do: the next run goes on here",
            )
        )

    def _report(self, started: float) -> SupplierUpdateReport:
        rows = sorted(self._touched.values(), key=lambda row: row.key)
        states = [row.state for row in rows]
        with self._connector.store.read() as connection:
            waiting = store.in_states(connection, {"approved", "applying"}, self._company.syspro_company)
        return SupplierUpdateReport(
            company=self._company.syspro_company,
            due=self._due,
            sent=self._sent,
            applied=states.count("applied"),
            refused=states.count("review"),
            failed=states.count("failed"),
            waiting=len(waiting),
            logons=self._logons,
            seconds=time.monotonic() - started,
            changes=tuple(shown(row) for row in rows),
            outages=tuple(self._outages),
            problems=(
                *self._problems,
                *self._outages,
                *(problem for row in rows if (problem := problem_of(row)) is not None),
            ),
        )


def _parts(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    for start in range(0, len(documents), _AT_A_TIME):
        yield documents[start : start + _AT_A_TIME]
