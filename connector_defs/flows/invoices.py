"""One run over a company's approved invoices: intake, posting on every free lane, answers.

Belongs here: the order of the steps and the report. What one lane does is in `lane_run`.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from connector_defs.domain.errors import ConnectorError, Fatal, RetryLater
from connector_defs.domain.planning.periods import PERIOD_CLOSED
from connector_defs.domain.states import WAITING_FOR_PEOPLE, State
from connector_defs.flows import pace, restoring
from connector_defs.flows.answers import Answerer
from connector_defs.flows.evaluation import is_mapped, release_mapped, release_reopened
from connector_defs.flows.intake import is_news, take_in, waiting_pages
from connector_defs.flows.lane_run import TO_PREPARE, LaneOutcome, LaneRun
from connector_defs.flows.lanes import free_lanes
from connector_defs.flows.reports import InvoiceRunReport, Problem
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import audit, claims, invoices, mappings
from connector_defs.store.leases import Lease, LeaseTaken
from connector_defs.syspro.enet import LogonRefused

_PAUSE_SECONDS = 0.2
_TAKEN = "LANE_TAKEN"
_AT_A_TIME = 50
_IF_REFUSED = (
    "check operator, password and company password: `connector credentials list` shows where they come from, "
    "`connector credentials set NAME` takes another one. The next run with another password goes on here"
)
# A payload older than this is fetched again once Basware has locked the invoice, and compared.
_FRESH_SECONDS = 30.0


def run_invoices(
    connector: Connector, company: CompanySettings, *, updated_from: date | None = None
) -> InvoiceRunReport:
    """Take in, map, validate, acknowledge, post, read back and answer whatever is due."""
    return _Run(connector, company).run(updated_from)


class _Run:
    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._answerer = Answerer(connector, company)
        self._problems: list[Problem] = []
        self._fresh: tuple[frozenset[str], float] = (frozenset(), 0.0)

    def run(self, updated_from: date | None) -> InvoiceRunReport:
        started = time.monotonic()
        calls_before = self._connector.basware.calls.total()
        before = self._counts()
        fetched = received = 0
        restoring.notice(self._connector)
        # What is freed here is looked at in Basware before anything is done with it.
        released = release_mapped(self._connector, self._company)
        try:
            intake = take_in(self._connector, self._company, updated_from=updated_from)
            fetched, received = intake.fetched, intake.received
            if updated_from is None:
                pace.polled(self._connector, self._company, left=False)
            self._fresh = (frozenset(intake.seen), time.monotonic() + _FRESH_SECONDS)
        except Fatal:
            raise
        except ConnectorError as error:
            # What is stored already can still be posted.
            self._problem("intake", "INTAKE_FAILED", str(error), "nothing is lost: the next run polls again")
        released += self._reopened()
        lanes: list[LaneOutcome] = []
        held = restoring.clear_to_post(self._connector, self._company)
        if held is None:
            restoring.remember(self._connector)
            lanes = self._post()
            self._answer_open()
        else:
            self._problems.append(held)
        restoring.remember(self._connector)
        audit.checkpoint(self._connector.store, self._connector.clock.now())
        reach("audit.sealed")
        after = self._counts()
        return InvoiceRunReport(
            company=self._company.syspro_company,
            fetched=fetched,
            received=received,
            posted=sum(lane.posted for lane in lanes),
            responded=after[State.RESPONDED] - before[State.RESPONDED],
            released=released,
            waiting=sum(after[state] for state in WAITING_FOR_PEOPLE),
            retrying=sum(
                after[state]
                for state in (State.RECEIVED, State.READY, State.ACKNOWLEDGED, State.UNCERTAIN, State.POSTED)
            ),
            logons=sum(lane.logons for lane in lanes),
            basware_requests=self._connector.basware.calls.total() - calls_before,
            syspro_requests=sum(lane.requests for lane in lanes),
            seconds=time.monotonic() - started,
            states=after,
            outages=tuple(problem for problem in self._problems if problem.code != _TAKEN),
            problems=(*self._problems, *self._open_problems()),
        )

    def _counts(self) -> dict[str, int]:
        with self._connector.store.read() as connection:
            return invoices.counts(connection, self._company.syspro_company)

    def _problem(self, key: str, code: str, reason: str, remedy: str) -> None:
        self._problems.append(Problem(self._company.syspro_company, "invoices", key, code, reason, remedy))

    def _reopened(self) -> int:
        try:
            return release_reopened(self._connector, self._company)
        except ConnectorError as error:
            self._problem(
                "periods", "PERIODS_UNREADABLE", str(error), "nothing to do: the next run asks again"
            )
            return 0

    def _post(self) -> list[LaneOutcome]:
        """Work off what is due on every free lane, side by side."""

        def work(lease: Lease) -> LaneOutcome:
            return LaneRun(self._connector, self._company, lease, self._fresh).work()

        try:
            with (
                free_lanes(self._connector, self._company) as leases,
                ThreadPoolExecutor(len(leases), thread_name_prefix="lane") as pool,
            ):
                outcomes = list(pool.map(work, leases))
        except LeaseTaken as taken:
            self._problem("lane", _TAKEN, str(taken), "nothing to do: the other worker does it")
            return []
        except RetryLater as blocked:
            self._problem("lane", "LANE_BLOCKED", str(blocked), "nothing to do: the next run goes on here")
            return []
        for outcome in outcomes:
            if isinstance(outcome.ended_by, LogonRefused):
                self._problem("lane", "LOGON_REFUSED", str(outcome.ended_by), _IF_REFUSED)
                continue
            if isinstance(outcome.ended_by, Fatal):
                raise outcome.ended_by
            if outcome.ended_by is not None:
                self._problem(
                    "lane", "LANE_BLOCKED", str(outcome.ended_by), "nothing to do: the next run goes on here"
                )
        return outcomes

    def _answer_open(self) -> None:
        """Answer what an earlier run left, then ask Basware until all answers are confirmed or time is over."""
        try:
            with self._connector.leases.hold(f"answers/{self._company.syspro_company}") as lease:
                self._answer_all(lease)
        except LeaseTaken:
            # Another run is at it; what it does not see yet, the next one does.
            return

    def _answer_all(self, lease: Lease) -> None:
        deadline = time.monotonic() + self._connector.settings.timing.linger_seconds
        pause = _PAUSE_SECONDS
        try:
            while True:
                posted = self._claim_posted(lease)
                for start in range(0, len(posted), _AT_A_TIME):
                    self._connector.leases.renew(lease)
                    self._answerer.respond(posted[start : start + _AT_A_TIME])
                if not self._confirm(posted) or time.monotonic() + pause > deadline:
                    return
                self._connector.clock.wait(pause)
                pause *= 2
        finally:
            with self._connector.store.write() as connection:
                claims.release(connection, lease, self._company.syspro_company)

    def _claim_posted(self, lease: Lease) -> list[str]:
        """Posted invoices that no lane is about to answer itself."""
        company, now = self._company.syspro_company, self._connector.clock.now()
        with self._connector.store.write() as connection:
            due = invoices.ids_in_states(connection, company, {State.POSTED}, due=now)
            return claims.take(connection, lease, company, due, now)

    def _confirm(self, invoice_ids: list[str]) -> int:
        """Confirm what is answered; returns how many are still open."""
        company = self._company.syspro_company
        with self._connector.store.read() as connection:
            held = invoices.get_many(connection, company, invoice_ids)
        answered = [
            stored
            for stored in held.values()
            if stored.state is State.POSTED and stored.answered_at is not None
        ]
        self._answerer.confirm(answered)
        with self._connector.store.read() as connection:
            return len(invoices.ids_in_states(connection, company, {State.POSTED}))

    def _open_problems(self) -> list[Problem]:
        """Every invoice that is not done, with its reason."""
        states = {*WAITING_FOR_PEOPLE, State.UNCERTAIN, State.READY, State.ACKNOWLEDGED, State.POSTED}
        with self._connector.store.read() as connection:
            waiting = invoices.in_states(connection, self._company.syspro_company, states, with_payload=False)
        return [
            Problem(
                stored.company,
                "invoices",
                stored.number or stored.invoice_id,
                stored.code or stored.state.value.upper(),
                stored.reason or f"the invoice is {stored.state}",
                stored.remedy or "nothing to do: the next run goes on with it",
            )
            for stored in waiting
        ]


def peek(connector: Connector, company: CompanySettings) -> list[tuple[str, str]]:
    """(invoice id, last updated) of invoices that wait in Basware and are new to us, or offered again."""
    for page in waiting_pages(connector, company):
        with connector.store.read() as connection:
            known = invoices.get_many(
                connection, company.syspro_company, [document.invoice_id for document in page.documents]
            )
        news = [
            (document.invoice_id, document.last_updated or "")
            for document in page.documents
            if is_news(known.get(document.invoice_id), document)
        ]
        if news:
            return news
    return []


def due(connector: Connector, company: CompanySettings) -> list[str]:
    """Ids that a run could move on now: received, due for a retry or a look-up, answered, or mapped by now."""
    now = connector.clock.now()
    states = {*TO_PREPARE, State.UNCERTAIN, State.POSTED}
    with connector.store.read() as connection:
        found = invoices.ids_in_states(connection, company.syspro_company, states, due=now)
        stuck = invoices.in_states(connection, company.syspro_company, {State.POSTING})
        lost = now - timedelta(seconds=connector.settings.timing.uncertain_quarantine_seconds)
        found += [stored.invoice_id for stored in stuck if stored.updated_at < lost]
        # Whether a period is open again, only SYSPRO can say: a run asks it.
        parked = invoices.in_states(
            connection, company.syspro_company, {State.NEEDS_REVIEW}, with_payload=False
        )
        found += [stored.invoice_id for stored in parked if stored.code == PERIOD_CLOSED]
        unmapped = invoices.in_states(connection, company.syspro_company, {State.NEEDS_MAPPING})
        mapping = mappings.table_of(connection, company.syspro_company) if unmapped else None
    if mapping is not None:
        found += [stored.invoice_id for stored in unmapped if is_mapped(connector, stored, mapping)]
    return found
