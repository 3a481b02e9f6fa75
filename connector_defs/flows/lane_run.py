"""One lane at work: three stages over batches, under one lease, one logon and its own claims.

While the lane posts one batch, the next is evaluated and acknowledged and the one before is answered: posting is
the one thing SYSPRO does singly, so nothing else may stand in its way.
"""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from connector_defs.domain.errors import ConnectorError, Fatal, LaneBlocked, RetryLater
from connector_defs.domain.states import State
from connector_defs.flows.answers import Answerer
from connector_defs.flows.evaluation import Evaluator, Prepared
from connector_defs.flows.lanes import lane_session, rest
from connector_defs.flows.lookup import LookUp
from connector_defs.flows.moves import LaneMoves
from connector_defs.flows.posting import Applied, Lane
from connector_defs.flows.runtime import Connector
from connector_defs.flows.settling import Settler
from connector_defs.settings import CompanySettings
from connector_defs.store import claims, invoices
from connector_defs.store.invoices import LostRace, StoredInvoice
from connector_defs.store.leases import Lease, LeaseLost
from connector_defs.syspro.enet import LogonRefused

TO_PREPARE = frozenset({State.RECEIVED, State.READY, State.ACKNOWLEDGED})
_PAUSE_SECONDS = 0.2
# The first batches are small, so that posting begins while the rest is still being prepared.
_FIRST_BATCHES = (5, 15)
# After so many dead workers an invoice is worked on alone, so that it takes no neighbour with it.
_SUSPECT = 2

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class LaneOutcome:
    """What one lane did, and what ended it early."""

    posted: int
    requests: int
    logons: int
    ended_by: ConnectorError | None = None


class LaneRun:
    """One run of one lane; `fresh` are the invoices fetched by this run, and until when that counts."""

    def __init__(
        self,
        connector: Connector,
        company: CompanySettings,
        lease: Lease,
        fresh: tuple[frozenset[str], float],
    ) -> None:
        self._connector = connector
        self._company = company
        self._lease = lease
        self._fresh, self._fresh_until = fresh
        self._evaluator = Evaluator(connector, company)
        self._answerer = Answerer(connector, company)
        self._tried: set[str] = set()
        self._batches = 0

    def work(self) -> LaneOutcome:
        """Work off what is due; stay for what falls due soon (a look-up, a retry)."""
        moves = LaneMoves(self._connector, self._company, self._lease)
        ended_by: ConnectorError | None = None
        with lane_session(self._connector, self._company, self._lease) as session:
            look_up = LookUp(self._connector, self._company)
            lane, settler = Lane(moves, session, look_up), Settler(moves, session, look_up)
            try:
                self._work(lane, settler)
            except (RetryLater, Fatal) as error:
                ended_by = error
            finally:
                self._give_back()
        return LaneOutcome(moves.count.posted, moves.count.requests, session.logons, ended_by)

    def _work(self, lane: Lane, settler: Settler) -> None:
        deadline = time.monotonic() + self._connector.settings.timing.linger_seconds
        while True:
            self._tried.clear()
            try:
                settler.recover()
                settler.settle()
                self._post_all(lane)
            except LogonRefused as refused:
                rest(self._connector, self._lease, refused)
                raise
            except LaneBlocked as blocked:
                until = rest(self._connector, self._lease, blocked)
                pause = (until - self._connector.clock.now()).total_seconds()
                if time.monotonic() + pause > deadline:
                    raise
            else:
                if self._connector.leases.pause_of(self._lease.name).count:
                    self._connector.leases.unpause(self._lease)
                due = self._until_due()
                if due is None or time.monotonic() + due > deadline:
                    return
                pause = due
            self._connector.clock.wait(max(pause, _PAUSE_SECONDS))

    def _give_back(self) -> None:
        with suppress(RetryLater), self._connector.store.write() as connection:
            claims.release(connection, self._lease, self._company.syspro_company)

    def _until_due(self) -> float | None:
        """Seconds until the next invoice is due; None where none waits for time alone."""
        with self._connector.store.read() as connection:
            times = invoices.due_times(
                connection,
                self._company.syspro_company,
                {State.UNCERTAIN, State.READY, State.ACKNOWLEDGED},
            )
        if not times:
            return None
        return max((min(times) - self._connector.clock.now()).total_seconds(), 0.0)

    def _post_all(self, lane: Lane) -> None:
        """Three stages: prepare the next batch, post this one, read back and answer what was posted."""
        with ThreadPoolExecutor(1, "prepare") as preparing, ThreadPoolExecutor(1, "answers") as answering:
            answers: deque[Future[None]] = deque()
            upcoming = preparing.submit(self._prepare_next)
            while (batch := self._wait_for(upcoming)) is not None:
                upcoming = preparing.submit(self._prepare_next)
                try:
                    for applied in lane.post(batch):
                        answers.append(answering.submit(self._finish, lane, applied))
                        while answers[0].done() and len(answers) > 1:
                            answers.popleft().result()
                except ConnectorError:
                    answering.submit(self._finish, lane, lane.handed_over())
                    raise
            for answer in answers:
                self._wait_for(answer)

    def _finish(self, lane: Lane, applied: Sequence[Applied]) -> None:
        """Read back and answer; the invoices are through this lane then."""
        posted = lane.read_back(applied)
        self._answerer.respond(posted)
        if applied:
            with suppress(LeaseLost), self._connector.store.write() as connection:
                ids = [one.stored.invoice_id for one in applied]
                claims.release(connection, self._lease, self._company.syspro_company, ids)

    def _wait_for(self, future: Future[_Result]) -> _Result:
        """Its result; the lease is renewed while the other system takes its time."""
        while True:
            try:
                return future.result(timeout=self._lease.seconds / 3)
            except StillWorking:
                if future.done():
                    raise
                self._connector.leases.renew(self._lease)

    def _prepare_next(self) -> list[Prepared] | None:
        """The next batch of due invoices, evaluated and acknowledged; None when there is none left."""
        batch: list[StoredInvoice] | None = []
        while batch == []:
            with self._connector.store.write() as connection:
                batch = self._claim_next(connection)
        if batch is None:
            return None
        fresh = self._fresh if time.monotonic() < self._fresh_until else frozenset()
        return self._answerer.acknowledge(self._evaluator.prepare(batch), fresh)

    def _claim_next(self, connection: Connection) -> list[StoredInvoice] | None:
        """Invoices to prepare, claimed; an empty list where none of those claimed may live, None where none is left."""
        company, now = self._company.syspro_company, self._connector.clock.now()
        due = [
            invoice_id
            for invoice_id in invoices.ids_in_states(connection, company, TO_PREPARE, due=now)
            if invoice_id not in self._tried
        ]
        held = claims.of(connection, company, due, now)
        free = [
            one for one in due if one not in held or not held[one].alive or held[one].lane == self._lease.name
        ]
        deaths = {one: held[one].deaths for one in free if one in held}
        clean = [one for one in free if deaths.get(one, 0) < _SUSPECT]
        if not free:
            return None
        # One that killed its workers comes last, and alone.
        chosen = clean[: self._size()] or sorted(free, key=lambda one: deaths[one])[:1]
        mine = claims.take(connection, self._lease, company, chosen, now)
        if not mine:
            return None
        self._tried.update(mine)
        found = invoices.get_many(connection, company, mine)
        return self._living(connection, [found[one] for one in mine if one in found], deaths)

    def _living(
        self, connection: Connection, batch: Sequence[StoredInvoice], deaths: dict[str, int]
    ) -> list[StoredInvoice]:
        """`batch` without those that killed one worker too many: they are set aside for a person."""
        most = self._connector.settings.posting.max_attempts
        living = []
        for stored in batch:
            died = deaths.get(stored.invoice_id, 0)
            if died < most:
                living.append(stored)
                continue
            with suppress(LostRace):
                invoices.move(
                    connection,
                    stored,
                    State.DEAD,
                    self._connector.clock.now(),
                    lease=self._lease,
                    changes={
                        "code": "KILLS_ITS_WORKER",
                        "reason": f"{died} workers died while they held this invoice",
                        "remedy": "find the cause, then `connector queue revive`",
                    },
                )
        return living

    def _size(self) -> int:
        self._batches += 1
        most = self._connector.settings.posting.batch_size
        first = _FIRST_BATCHES[self._batches - 1 : self._batches]
        return min(*first, most) if first else most
