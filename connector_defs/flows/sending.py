"""Batches of one entity on their way to Basware, while what became of earlier ones is read.

Belongs here: how many batches go at a time, what a receipt means for its records, and the mark of orders of which
P2P has some lines while others follow (invariant I10). Does not belong here: which records go (`publishing`), and
what an outcome means (`outcomes`).

One thread, the caller's, prepares and stores; others only carry requests. A few batches wait prepared, so that a
seat at Basware that falls free is taken at once, whatever the caller is busy with.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connector_defs.basware.answers import Receipt
from connector_defs.domain.errors import ConnectorError, RecordRefused
from connector_defs.flows.outcomes import Answers, FollowUp, problem_of
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.store import records
from connector_defs.store.leases import Lease, renew
from connector_defs.store.records import OpenRequest, Record

# Batches that wait for a seat beside those that have one.
_WAITING = 6
# The lease is renewed at least so often, also while nothing comes back; whether a look is due is seen more often.
_RENEW_SECONDS = 20.0
_AWAKE_SECONDS = 0.25

Batch = list[tuple[Record, bytes]]
# When a request was begun, and what came of it.
Carried = tuple[datetime, Receipt]


@dataclass
class Receipts:
    """What Basware said at once: records received, confirmed by a look, and refused; `requests` are POSTs."""

    sent: int = 0
    requests: int = 0
    confirmed: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)


class Sending:
    """The batches of one entity of one company, sent under its lease."""

    def __init__(
        self, connector: Connector, company: str, entity: str, lease: Lease, follow_up: FollowUp
    ) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._lease = lease
        self._follow_up = follow_up
        basware = connector.settings.basware
        self._parallel = min(basware.max_parallel, basware.parallel_per_endpoint)
        self._under_way: dict[Future[Carried], Batch] = {}
        self._looking: Future[Answers] | None = None
        self._parts: deque[Batch] = deque()
        self._stopped: ConnectorError | None = None
        self._lines_left: dict[str, int] = {}
        self._marked: set[str] = set()
        self._ending = False
        self._renew_at = 0.0
        self.receipts = Receipts()

    def expect_lines(self, order: str, lines: int) -> None:
        """So many lines of the order go out from here; P2P must not be taken to have it before the last."""
        self._lines_left.setdefault(order, lines)

    def send(self, batches: Iterator[Batch]) -> None:
        """Send, and store what Basware says of each batch as it comes.

        Raises the first error that stopped it, once what was under way is stored.
        """
        with (
            # One more than there are seats: it waits for one while an answer is being read.
            ThreadPoolExecutor(self._parallel + 1, thread_name_prefix="publish") as carriers,
            ThreadPoolExecutor(1, thread_name_prefix="status") as eyes,
        ):
            try:
                while not self._stopped:
                    batch = self._parts.popleft() if self._parts else next(batches, None)
                    if batch is not None:
                        self._mark_unfinished(batch)
                        self._submit(carriers, batch)
                    elif not self._under_way:
                        break
                    elif not self._ending:
                        self._ending = True
                        self._look(eyes, self._follow_up.overdue_at_the_end)
                    full = batch is None or len(self._under_way) >= self._parallel + _WAITING
                    self._take(eyes, wait_for_one=full)
                self._end(eyes)
            finally:
                # Whatever ends this, Ctrl-C too: what has not begun yet must not begin any more.
                for future in self._under_way:
                    future.cancel()
        if self._stopped:
            raise self._stopped

    def _submit(self, carriers: ThreadPoolExecutor, batch: Batch) -> None:
        bodies = [body for _, body in batch]
        self._under_way[carriers.submit(self._carry, bodies)] = batch

    def _carry(self, bodies: list[bytes]) -> Carried:
        return self._connector.clock.now(), self._connector.basware.post(self._entity, bodies)

    def _take(self, eyes: ThreadPoolExecutor, *, wait_for_one: bool) -> None:
        """Store what has come back; with `wait_for_one`, wait until a batch has."""
        while True:
            self.keep_lease()
            self._look(eyes, self._follow_up.overdue)
            watched: list[Future[Any]] = [*self._under_way, *([self._looking] if self._looking else [])]
            done, _ = wait(watched, _AWAKE_SECONDS if wait_for_one else 0, FIRST_COMPLETED)
            back = [future for future in self._under_way if future in done]
            for future in back:
                self._came_back(future)
            if self._looking is not None and self._looking in done:
                self._saw(self._looking)
            if back or not wait_for_one:
                return

    def _came_back(self, future: "Future[Carried]") -> None:
        batch = self._under_way.pop(future)
        if future.cancelled():
            return
        self.receipts.requests += 1
        try:
            self._received(batch, *future.result())
        except RecordRefused as refusal:
            self._fail([record for record, _ in batch], refusal.code, str(refusal))
        except ConnectorError as error:
            # What else is under way may get through, and then its request id must not be lost.
            self._stopped = self._stopped or error

    def _end(self, eyes: ThreadPoolExecutor) -> None:
        """Nothing more is to go: after a stop, let what is under way come back all the same."""
        for future in self._under_way:
            future.cancel()
        while self._under_way:
            self._take(eyes, wait_for_one=True)
        if self._looking is not None:
            self._saw(self._looking)

    def keep_lease(self) -> None:
        """To be called wherever a while may pass. Raises LeaseLost where another worker has taken over."""
        if time.monotonic() >= self._renew_at:
            self._connector.leases.renew(self._lease)
            self._renew_at = time.monotonic() + _RENEW_SECONDS

    def _look(self, eyes: ThreadPoolExecutor, overdue: Callable[[], list[OpenRequest]]) -> None:
        """Ask what became of earlier batches, beside the sending, where that is worth a look by now."""
        if self._looking is None and not self._stopped and (due := overdue()):
            self._looking = eyes.submit(self._follow_up.ask, due)

    def _saw(self, looked: "Future[Answers]") -> None:
        self._looking = None
        try:
            answers = looked.result()
        except ConnectorError as error:
            self._stopped = self._stopped or error
        else:
            self._follow_up.judge(answers)

    def _received(self, batch: Batch, began: datetime, receipt: Receipt) -> None:
        sent = [record for record, _ in batch]
        reach("publish.received")
        if not receipt.accepted:
            self._refused(batch, receipt)
        elif not receipt.request_id:
            self._look_for(sent)
        else:
            now, request_id = self._connector.clock.now(), receipt.request_id
            self.receipts.sent += len(sent)
            stamped = [replace(record, request_id=request_id, updated_at=now) for record in sent]
            with self._connector.store.write() as connection:
                records.open_request(
                    connection, request_id, receipt.client_request_id, stamped, began, receipt.received_at
                )
                if self._entity == "matchingOrders":
                    # A header is not the order: until its lines were gone through, it is unfinished (invariant I10).
                    orders = [record.key for record in sent if record.hash != records.GONE]
                    records.mark_orders(connection, self._company, orders, unfinished=True, now=now)
                renew(connection, self._lease, now)
            reach("publish.stored")

    def _look_for(self, sent: list[Record]) -> None:
        """Records taken without a request id: whether Basware holds them tells what became of them."""
        look = self._connector.basware.entity
        missing = [record for record in sent if look(record.entity, record.external_code) is None]
        there = [record for record in sent if record not in missing]
        now = self._connector.clock.now()
        with self._connector.store.write() as connection:
            found = [
                replace(record, state="confirmed", confirmed_before=1, updated_at=now) for record in there
            ]
            records.save(connection, found, "confirmed")
        self.receipts.sent += len(there)
        self.receipts.confirmed += len(there)
        if missing:
            reason = "Basware gave no request id and does not hold the record"
            self._fail(missing, "NO_REQUEST_ID", reason)

    def _refused(self, batch: Batch, receipt: Receipt) -> None:
        """A refused request: fail the records that are named, send the others again without them."""
        reasons: dict[str, list[str]] = {}
        for error in receipt.errors:
            reasons.setdefault(error.external_code or "", []).append(f"{error.code}: {error.message}")
        named = [record for record, _ in batch if record.external_code in reasons]
        rest = [(record, body) for record, body in batch if record.external_code not in reasons]
        if not named and len(batch) == 1:
            named, rest = [batch[0][0]], []
        for record in named:
            texts = reasons.get(record.external_code) or [
                text for found in reasons.values() for text in found
            ]
            self._fail([record], f"HTTP_{receipt.http_status}", "; ".join(texts)[:1000])
        middle = len(rest) if named else (len(rest) + 1) // 2
        parts = [part for part in (rest[:middle], rest[middle:]) if part]
        for part in parts:
            # They count again when they go again.
            for record, _ in part:
                if record.parent:
                    self._lines_left[record.parent] = self._lines_left.get(record.parent, 0) + 1
        self._parts.extend(parts)

    def _fail(self, failed: Sequence[Record], code: str, reason: str) -> None:
        now = self._connector.clock.now()
        ends = [
            replace(record, state="failed", code=code, reason=reason, confirmed_before=0, updated_at=now)
            for record in failed
        ]
        self.receipts.refused += len(ends)
        self.receipts.problems += [problem_of(record) for record in ends]
        with self._connector.store.write() as connection:
            records.save(connection, ends, "refused")

    def _mark_unfinished(self, batch: Batch) -> None:
        """Remember the orders of which more lines follow before P2P can see the first (invariant I10)."""
        orders = Counter(record.parent for record, _ in batch if record.parent in self._lines_left)
        for order, lines in orders.items():
            self._lines_left[order] -= lines
        more = [order for order in orders if self._lines_left[order] > 0]
        for order in orders.keys() - set(more):
            del self._lines_left[order]
        new = [order for order in more if order not in self._marked]
        self._marked |= set(new)
        self._mark(new, unfinished=True)
        if more:
            reach("publish.marked")

    def mark_finished(self, gone_through: Collection[str]) -> None:
        """Every line of these orders has a record by now, whose state tells whether its order is complete."""
        with self._connector.store.read() as connection:
            marked = records.unfinished_orders(connection, self._company)
            known = records.by_keys(connection, "matchingOrders", self._company, marked)
        self._marked.clear()
        done = [key for key in marked if key in gone_through or known[key].hash == records.GONE]
        self._mark(done, unfinished=False)

    def _mark(self, orders: list[str], *, unfinished: bool) -> None:
        if orders:
            with self._connector.store.write() as connection:
                now = self._connector.clock.now()
                records.mark_orders(connection, self._company, orders, unfinished=unfinished, now=now)
