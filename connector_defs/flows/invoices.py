"""One run over a company's approved invoices: intake, evaluation, posting and answers, side by side.

While the lane posts one batch, the next is evaluated and acknowledged and the one before is answered: posting
is the one thing SYSPRO does singly, so nothing else may stand in its way.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta

from connector_defs.domain.errors import ConnectorError, Fatal, RetryLater
from connector_defs.domain.states import WAITING_FOR_PEOPLE, State
from connector_defs.flows import restoring
from connector_defs.flows.answers import Answerer
from connector_defs.flows.evaluation import Evaluator, Prepared, is_mapped, release_mapped
from connector_defs.flows.intake import is_news, take_in, waiting_pages
from connector_defs.flows.lanes import LaneSession, credentials, lane_name
from connector_defs.flows.posting import Lane
from connector_defs.flows.reports import InvoiceRunReport, Problem
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import audit, invoices, mappings
from connector_defs.store.leases import Lease, LeaseTaken
from connector_defs.syspro.session import EnetSession

_TO_PREPARE = frozenset({State.RECEIVED, State.READY, State.ACKNOWLEDGED})
_PAUSE_SECONDS = 0.2
_TAKEN = "LANE_TAKEN"
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
        self._evaluator = Evaluator(connector, company)
        self._answerer = Answerer(connector, company)
        self._problems: list[Problem] = []
        self._posted = self._requests = self._logons = 0
        self._tried: set[str] = set()
        self._fetched_now: frozenset[str] = frozenset()
        self._fresh_until = 0.0

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
            self._fetched_now = frozenset(intake.seen)
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
        except Fatal:
            raise
        except ConnectorError as error:
            # What is stored already can still be posted.
            self._problem("intake", "INTAKE_FAILED", str(error), "nothing is lost: the next run polls again")
        held = restoring.clear_to_post(self._connector, self._company)
        if held is None:
            restoring.remember(self._connector)
            self._post_and_answer()
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
            posted=self._posted,
            responded=after[State.RESPONDED] - before[State.RESPONDED],
            released=released,
            waiting=sum(after[state] for state in WAITING_FOR_PEOPLE),
            retrying=sum(
                after[state]
                for state in (State.RECEIVED, State.READY, State.ACKNOWLEDGED, State.UNCERTAIN, State.POSTED)
            ),
            logons=self._logons,
            basware_requests=self._connector.basware.calls.total() - calls_before,
            syspro_requests=self._requests,
            seconds=time.monotonic() - started,
            states=after,
            outages=tuple(problem for problem in self._problems if problem.code != _TAKEN),
            problems=(*self._problems, *self._open_problems()),
        )

    def _post_and_answer(self) -> None:
        try:
            with self._lane() as lane:
                self._work(lane)
        except LeaseTaken as taken:
            self._problem("lane", _TAKEN, str(taken), "nothing to do: the other worker does it")
        except RetryLater as blocked:
            self._problem("lane", "LANE_BLOCKED", str(blocked), "nothing to do: the next run goes on here")
        self._answer_open()

    def _counts(self) -> dict[str, int]:
        with self._connector.store.read() as connection:
            return invoices.counts(connection, self._company.syspro_company)

    def _problem(self, key: str, code: str, reason: str, remedy: str) -> None:
        self._problems.append(Problem(self._company.syspro_company, "invoices", key, code, reason, remedy))

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        """The lane under its lease, with one session that is closed whatever happens."""
        connector, company = self._connector, self._company
        with self._lease() as lease:
            memory = LaneSession(connector.leases, lease)
            with EnetSession(connector.enet, credentials(company), memory) as session:
                lane = Lane(connector, company, lease, session)
                try:
                    yield lane
                finally:
                    self._posted += lane.count.posted
                    self._requests += lane.count.requests
                    self._logons += session.logons

    @contextmanager
    def _lease(self) -> Iterator[Lease]:
        """The lane's lease; another worker that is about to finish is waited for."""
        deadline = time.monotonic() + self._connector.settings.timing.linger_seconds
        while True:
            try:
                held = self._connector.leases.hold(lane_name(self._company))
                lease = held.__enter__()
                break
            except LeaseTaken:
                if time.monotonic() >= deadline:
                    raise
                self._connector.clock.wait(_PAUSE_SECONDS)
        reach("lane.leased")
        try:
            yield lease
        finally:
            held.__exit__(None, None, None)
            reach("lane.returned")

    def _work(self, lane: Lane) -> None:
        """Work off what is due; stay for what falls due soon (a look-up, a retry)."""
        lane.recover()
        deadline = time.monotonic() + self._connector.settings.timing.linger_seconds
        while True:
            self._tried.clear()
            lane.settle_uncertain()
            self._post_all(lane)
            pause = self._until_due()
            if pause is None or time.monotonic() + pause > deadline:
                return
            self._connector.clock.wait(max(pause, _PAUSE_SECONDS))

    def _until_due(self) -> float | None:
        """Seconds until the next invoice of the lane is due; None where none waits for time alone."""
        with self._connector.store.read() as connection:
            timed = invoices.in_states(
                connection, self._company.syspro_company, {State.UNCERTAIN, State.READY, State.ACKNOWLEDGED}
            )
        times = [stored.next_attempt_at for stored in timed if stored.next_attempt_at is not None]
        if not times:
            return None
        return max((min(times) - self._connector.clock.now()).total_seconds(), 0.0)

    def _post_all(self, lane: Lane) -> None:
        """Three stages over batches: prepare the next, post this one, answer the last."""
        with ThreadPoolExecutor(1, "prepare") as preparing, ThreadPoolExecutor(1, "answers") as answering:
            upcoming = preparing.submit(self._prepare_next)
            answers: Future[None] | None = None
            while True:
                batch = upcoming.result()
                if batch is None:
                    break
                upcoming = preparing.submit(self._prepare_next)
                posted = lane.post(batch) if batch else []
                if answers is not None:
                    answers.result()
                answers = answering.submit(self._answerer.respond, posted)
            if answers is not None:
                answers.result()

    def _prepare_next(self) -> list[Prepared] | None:
        """The next batch of due invoices, evaluated and acknowledged; None when there is none left."""
        company = self._company.syspro_company
        with self._connector.store.read() as connection:
            due = [
                invoice_id
                for invoice_id in invoices.ids_in_states(
                    connection, company, _TO_PREPARE, due=self._connector.clock.now()
                )
                if invoice_id not in self._tried
            ][: self._connector.settings.posting.batch_size]
            found = invoices.get_many(connection, company, due)
            batch = [found[invoice_id] for invoice_id in due if invoice_id in found]
        if not batch:
            return None
        self._tried.update(due)
        fresh = self._fetched_now if time.monotonic() < self._fresh_until else frozenset()
        return self._answerer.acknowledge(self._evaluator.prepare(batch), fresh)

    def _answer_open(self) -> None:
        """Answer what an earlier run left, then ask Basware until all answers are confirmed or time is over."""
        deadline = time.monotonic() + self._connector.settings.timing.linger_seconds
        pause = _PAUSE_SECONDS
        while True:
            with self._connector.store.read() as connection:
                due = invoices.ids_in_states(
                    connection, self._company.syspro_company, {State.POSTED}, due=self._connector.clock.now()
                )
            self._answerer.respond(due)
            if not self._answerer.confirm() or time.monotonic() + pause > deadline:
                return
            self._connector.clock.wait(pause)
            pause *= 2

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
    states = {*_TO_PREPARE, State.UNCERTAIN, State.POSTED}
    with connector.store.read() as connection:
        found = invoices.ids_in_states(connection, company.syspro_company, states, due=now)
        stuck = invoices.in_states(connection, company.syspro_company, {State.POSTING})
        lost = now - timedelta(seconds=connector.settings.timing.uncertain_quarantine_seconds)
        found += [stored.invoice_id for stored in stuck if stored.updated_at < lost]
        unmapped = invoices.in_states(connection, company.syspro_company, {State.NEEDS_MAPPING})
        mapping = mappings.table_of(connection, company.syspro_company) if unmapped else None
    if mapping is not None:
        found += [stored.invoice_id for stored in unmapped if is_mapped(stored, mapping)]
    return found
