"""What became of sent records: requestStatus read back, record by record.

Belongs here: when to look at a request, by the list or singly, and what each outcome does to its record.
Does not belong here: sending (`sending`), and requests that turn to Error after their end (`late_errors`).

Records are judged request by request and never gathered, so memory does not grow with what was sent. Whoever judges
holds the lease of the entity, so that nothing is sent under another request meanwhile.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from connector_defs.basware.answers import RequestOutcome
from connector_defs.basware.entities import ENDPOINTS
from connector_defs.domain.errors import ConnectorError, RecordRefused, RetryLater
from connector_defs.flows.reports import FollowUpReport, Problem
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import records
from connector_defs.store.leases import Lease, LeaseTaken, renew
from connector_defs.store.records import OpenRequest, Record

_log = logging.getLogger(__name__)

REMEDY = "correct the cause; it goes again with the next run"

# The waits between two looks at a request, as factors of request_status_poll_seconds; the last one goes on.
_POLL_GROWTH = (1, 1, 2, 4, 10)
# So many requests are asked for at a time, and judged in one transaction.
_REQUESTS_AT_A_TIME = 500
_REQUESTS_PER_WRITE = 5
# From so many on, one page of the list is cheaper than a call for each.
_WORTH_THE_LIST = 3
# The list is read from this long before the oldest request, by Basware's own clock. Where that hides one, it is asked
# for by itself.
_LIST_OVERLAP = timedelta(seconds=2)
# The same where Basware told no time of its own: by our clock, and the two may differ.
_LIST_OVERLAP_BY_OUR_CLOCK = timedelta(minutes=15)
# While records are being sent, a look at earlier ones takes a seat from them: it must be worth it, and rare.
_WORTH_A_SEAT = 65
_WORTH_A_SEAT_AT_THE_END = 10
_SHARE_OF_LOOKS = 0.1
# A wait is cut into pieces of this length, so that the lease never runs out.
_LONGEST_NAP = 30.0
# A request without an outcome for so long is taken for lost: its records count as refused and go again.
_FORGOTTEN_AFTER = timedelta(days=1)
# As wide as the store's column; a status that nobody knows yet may be any text.
_LONGEST_CODE = 40

# Outcomes that say nothing against the record: sent again at once, and then told apart from what Basware has.
SEND_AGAIN = frozenset({"NotProcessed", "RecordExpired"})

Answers = Mapping[str, RequestOutcome | None]


def lane(company: CompanySettings, entity: str) -> str:
    """Name of the lease that whoever sends or judges records of the entity holds."""
    return f"publish/{company.syspro_company}/{entity}"


def next_look(request: OpenRequest, poll_seconds: float) -> datetime:
    """When a request is worth its next look, after as many as it had."""
    looks = request.polls + 1
    waits = sum(_POLL_GROWTH[:looks]) + max(0, looks - len(_POLL_GROWTH)) * _POLL_GROWTH[-1]
    return request.sent_at + timedelta(seconds=poll_seconds * waits)


def follow_up(
    connector: Connector, company: CompanySettings, *, wait: bool, entity: str | None = None
) -> FollowUpReport:
    """Read the outcome of open requests; with `wait`, until all are known or nothing comes any more.

    An entity that another worker publishes at present is left to it.
    """
    with connector.store.read() as connection:
        waiting = records.open_requests(connection, company.syspro_company, entity)
    reports = []
    for name in dict.fromkeys(request.entity for request in waiting):
        try:
            with connector.leases.hold(lane(company, name)) as lease:
                looks = FollowUp(connector, company, name, lease)
                looks.wait() if wait else looks.look()
                reports.append(looks.report())
        except LeaseTaken as taken:
            _log.info("%s", taken)
    return FollowUpReport(
        requests=sum(report.requests for report in reports),
        confirmed=sum(report.confirmed for report in reports),
        failed=sum(report.failed for report in reports),
        pending=sum(report.pending for report in reports),
        problems=tuple(problem for report in reports for problem in report.problems),
    )


class FollowUp:
    """The open requests of one entity of one company, looked at under its lease."""

    def __init__(self, connector: Connector, company: CompanySettings, entity: str, lease: Lease) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._lease = lease
        self._timing = connector.settings.timing
        self._list_helps = True
        self._rest_until = 0.0
        self._requests = 0
        self.confirmed = 0
        self.still_open = 0
        self.failed: dict[str, Problem] = {}

    @property
    def send_again(self) -> list[str]:
        """Keys whose outcome leaves open whether P2P has them."""
        return [key for key, problem in self.failed.items() if problem.code in SEND_AGAIN]

    def report(self) -> FollowUpReport:
        """What was found so far."""
        return FollowUpReport(
            requests=self._requests,
            confirmed=self.confirmed,
            failed=len(self.failed),
            pending=self.still_open,
            problems=tuple(self.failed.values()),
        )

    def overdue(self) -> list[OpenRequest]:
        """What is worth a look while other records are still being sent: seldom, for each look costs a seat."""
        if time.monotonic() < self._rest_until:
            return []
        self._rest_until = time.monotonic() + self._timing.request_status_poll_seconds
        due = self._due()
        return due if len(due) >= _WORTH_A_SEAT else []

    def overdue_at_the_end(self) -> list[OpenRequest]:
        """The same where the last records are on their way: what is judged by then keeps nobody waiting after them."""
        due = self._due()
        return due if len(due) >= _WORTH_A_SEAT_AT_THE_END else []

    @contextmanager
    def looking_ahead(self) -> Iterator[None]:
        """Ask what became of records beside what the block does, where their look is due, and judge it after that."""
        due = self._due()
        if not due:
            yield
            return
        with ThreadPoolExecutor(1, thread_name_prefix="status") as eyes:
            asked = eyes.submit(self.ask, due)
            yield
            failure = asked.exception()
        # What stopped this look meets the next one too, which comes when there is nothing else left to do.
        if failure is None:
            self.judge(asked.result())

    def _due(self) -> list[OpenRequest]:
        poll, now = self._timing.request_status_poll_seconds, self._connector.clock.now()
        return [one for one in self._open() if next_look(one, poll) <= now][:_REQUESTS_AT_A_TIME]

    def look(self) -> None:
        """One look at every open request."""
        waiting = self._open()
        self._requests = len(waiting)
        self.still_open = 0
        for start in range(0, len(waiting), _REQUESTS_AT_A_TIME):
            self.judge(self.ask(waiting[start : start + _REQUESTS_AT_A_TIME]))

    def wait(self) -> None:
        """Look until every outcome is known, or until none came for as long as the settings allow."""
        deadline = time.monotonic() + self._timing.patience_with_basware
        poll, looks = self._timing.request_status_poll_seconds, 0
        waiting = self._open()
        self.still_open = 0
        youngest = max((one.sent_at for one in waiting), default=self._connector.clock.now())
        pause = poll - (self._connector.clock.now() - youngest).total_seconds()
        while waiting:
            self._nap(min(pause, deadline - time.monotonic()))
            known = self.confirmed + len(self.failed)
            self.look()
            if self.confirmed + len(self.failed) > known:
                deadline = time.monotonic() + self._timing.patience_with_basware
                looks = 0
            waiting = self._open()
            if time.monotonic() >= deadline:
                return
            pause = poll * _POLL_GROWTH[min(looks, len(_POLL_GROWTH) - 1)]
            looks += 1

    def _nap(self, seconds: float) -> None:
        while seconds > 0:
            self._connector.clock.wait(min(seconds, _LONGEST_NAP))
            self._connector.leases.renew(self._lease)
            seconds -= _LONGEST_NAP

    def _open(self) -> list[OpenRequest]:
        with self._connector.store.read() as connection:
            return records.open_requests(connection, self._company.syspro_company, self._entity)

    def ask(self, requests: Sequence[OpenRequest]) -> Answers:
        """What Basware says of these requests; None where it knows nothing (yet). Changes nothing."""
        began = time.monotonic()
        found: dict[str, RequestOutcome | None] = {}
        if self._list_helps and len(requests) >= _WORTH_THE_LIST:
            found.update(self._listed(requests))
            self._list_helps = bool(found)
        missing = [one.request_id for one in requests if one.request_id not in found]
        parallel = self._connector.settings.basware.max_parallel
        with ThreadPoolExecutor(parallel, thread_name_prefix="status") as pool:
            found.update(zip(missing, pool.map(self._singly, missing), strict=True))
        took = time.monotonic() - began
        self._rest_until = time.monotonic() + max(
            took / _SHARE_OF_LOOKS, self._timing.request_status_poll_seconds
        )
        return found

    def _listed(self, requests: Sequence[OpenRequest]) -> dict[str, RequestOutcome]:
        """Those of the requests that the list shows. It need not show any: then each is asked for by itself."""
        wanted = {one.request_id for one in requests}
        since = min(
            one.received_at - _LIST_OVERLAP if one.received_at else one.sent_at - _LIST_OVERLAP_BY_OUR_CLOCK
            for one in requests
        )
        found: dict[str, RequestOutcome] = {}
        doubled: set[str] = set()
        try:
            for page in self._connector.basware.request_statuses(
                ENDPOINTS[self._entity].entity_type, last_updated=since
            ):
                for outcome in page:
                    if outcome.request_id in found:
                        doubled.add(outcome.request_id)
                    if outcome.request_id in wanted:
                        found[outcome.request_id] = outcome
                if len(found) == len(wanted):
                    break
        except ConnectorError as error:
            _log.warning("requests of %s are asked for one by one: %s", self._entity, error)
        return {key: outcome for key, outcome in found.items() if key not in doubled}

    def _singly(self, request_id: str) -> RequestOutcome | None:
        try:
            return self._connector.basware.request_status(request_id)
        except (RetryLater, RecordRefused):
            return None

    def judge(self, answers: Answers) -> None:
        """Write the outcomes to the records. Raises LeaseLost where another worker has taken over."""
        told = list(answers.items())
        for start in range(0, len(told), _REQUESTS_PER_WRITE):
            reach("publish.read")
            with self._connector.store.write() as connection:
                now = self._connector.clock.now()
                renew(connection, self._lease, now)
                judged = []
                for request_id, outcome in told[start : start + _REQUESTS_PER_WRITE]:
                    members = records.of_request(connection, request_id)
                    unknown = outcome is None or not outcome.done
                    if unknown and any(now - record.updated_at < _FORGOTTEN_AFTER for record in members):
                        records.poll_missed(connection, request_id)
                        self.still_open += len(members)
                        continue
                    ends = [judged_record(record, outcome, now) for record in members]
                    records.close_request(connection, request_id, ends, now)
                    judged += ends
            failed = [record for record in judged if record.state == "failed"]
            self.confirmed += len(judged) - len(failed)
            self.failed |= {record.key: problem_of(record) for record in failed}


def problem_of(record: Record) -> Problem:
    """A refused record, as people are told of it."""
    return Problem(record.company, record.entity, record.key, record.code, record.reason, REMEDY)


def judged_record(record: Record, outcome: RequestOutcome | None, now: datetime) -> Record:
    """The record after its outcome: confirmed, or failed with its reason and to be sent again.

    One that the answer does not list shares the request's own status; an error that names no record may be any of
    theirs. The seven outcomes (Basware wire notes 2.14):

    Success and Warning confirm; what a Warning says is kept. NotProcessed says that Basware's API has the very same
    record, not that P2P took it: it confirms only what P2P had confirmed before. RecordExpired tells of a newer
    version, which is not ours, since no two of ours are ever under way. Error, Unpublished and whatever is new
    tell that P2P has not taken it. InProgress is no outcome; a request with such an item stays open.
    """
    item = None
    if outcome:
        nameless = (unnamed for unnamed in outcome.unnamed if unnamed.status == "Error")
        item = outcome.items.get(record.external_code) or next(nameless, None)
    whole = (outcome.status or "").removeprefix("Acknowledged") if outcome else ""
    status = item.status if item else whole
    text = "; ".join(item.messages) if item else ""
    if status in {"Success", "Warning"} or (status == "NotProcessed" and record.confirmed_before):
        code = "WARNING" if status == "Warning" else record.code
        return replace(record, state="confirmed", code=code, reason=text, confirmed_before=1, updated_at=now)
    code, reason = status[:_LONGEST_CODE] or "NO_OUTCOME", _reason(status, text)
    return replace(record, state="failed", code=code, reason=reason, confirmed_before=0, updated_at=now)


def _reason(status: str, text: str) -> str:
    match status:
        case "NotProcessed":
            told = "Basware takes it for unchanged, but P2P was never seen to take it"
        case "RecordExpired":
            told = "another version of the record reached Basware at the same time"
        case "Unpublished":
            told = "Basware has not passed it on to P2P"
        case _ if text:
            return text
        case _:
            told = f"Basware reports {status or 'no outcome'} for this record"
    return f"{told}: {text}" if text else told
