"""What became of sent records: requestStatus read back, record by record.

Records are judged request by request and never gathered, so memory does not grow with what was sent.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

from connector_defs.basware.answers import RequestOutcome
from connector_defs.domain.errors import RecordRefused, RetryLater
from connector_defs.flows.reports import FollowUpReport, Problem
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import records
from connector_defs.store.records import Record

REMEDY = "correct the cause; it goes again with the next run"

# The wait between two looks at a request grows by these factors of request_status_poll_seconds.
_POLL_GROWTH = (1, 1, 2, 4, 10)
_REQUESTS_AT_A_TIME = 20
# A request without an outcome for so long is taken for lost: its records count as refused and go again.
_FORGOTTEN_AFTER = timedelta(days=1)
# As wide as the store's column; a status that nobody knows yet may be any text.
_LONGEST_CODE = 40
_CONFIRMED = frozenset({"Success", "NotProcessed", "Warning"})


@dataclass
class _Found:
    confirmed: int = 0
    still_open: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def known(self) -> int:
        return self.confirmed + len(self.problems)


def follow_up(
    connector: Connector, company: CompanySettings, *, wait: bool, entity: str | None = None
) -> FollowUpReport:
    """Read the outcome of open requests; with `wait`, until all are known or nothing comes any more."""
    timing = connector.settings.timing
    deadline = time.monotonic() + timing.patience_with_basware
    found = _Found()
    looks = 0
    while True:
        with connector.store.read() as connection:
            pending = records.open_requests(connection, company.syspro_company, entity)
        known_before = found.known
        _look(connector, pending, found)
        if found.known > known_before:
            deadline = time.monotonic() + timing.patience_with_basware
            looks = 0
        if not wait or not found.still_open or time.monotonic() >= deadline:
            break
        pause = timing.request_status_poll_seconds * _POLL_GROWTH[min(looks, len(_POLL_GROWTH) - 1)]
        connector.clock.wait(min(pause, max(deadline - time.monotonic(), 0)))
        looks += 1
    return FollowUpReport(
        requests=len(pending),
        confirmed=found.confirmed,
        failed=len(found.problems),
        pending=found.still_open,
        problems=tuple(found.problems),
    )


def _look(connector: Connector, request_ids: list[str], found: _Found) -> None:
    """One look at each open request."""
    found.still_open = 0
    for request_id, outcome in _statuses(connector, request_ids):
        reach("publish.read")
        with connector.store.write() as connection:
            members = records.of_request(connection, request_id)
            now = connector.clock.now()
            unknown = outcome is None or not outcome.done
            if unknown and any(now - record.updated_at < _FORGOTTEN_AFTER for record in members):
                records.poll_missed(connection, request_id)
                found.still_open += len(members)
                continue
            judged = [replace(_judged(record, outcome), updated_at=now) for record in members]
            records.close_request(connection, request_id, judged, now)
        failed = [record for record in judged if record.state == "failed"]
        found.confirmed += len(judged) - len(failed)
        found.problems += [
            Problem(record.company, record.entity, record.key, record.code, record.reason, REMEDY)
            for record in failed
        ]


def _statuses(connector: Connector, request_ids: list[str]) -> Iterator[tuple[str, RequestOutcome | None]]:
    def look(request_id: str) -> RequestOutcome | None:
        try:
            return connector.basware.request_status(request_id)
        except (RetryLater, RecordRefused):
            return None

    with ThreadPoolExecutor(connector.settings.basware.max_parallel, thread_name_prefix="status") as pool:
        for start in range(0, len(request_ids), _REQUESTS_AT_A_TIME):
            part = request_ids[start : start + _REQUESTS_AT_A_TIME]
            yield from zip(part, pool.map(look, part), strict=True)


def _judged(record: Record, outcome: RequestOutcome | None) -> Record:
    """The record after its outcome. One that the answer does not list shares the request's own status.

    An error that names no record may be any of theirs.
    """
    item = None
    if outcome:
        nameless = (unnamed for unnamed in outcome.unnamed if unnamed.status == "Error")
        item = outcome.items.get(record.external_code) or next(nameless, None)
    whole = (outcome.status or "").removeprefix("Acknowledged") if outcome else ""
    status = item.status if item else whole
    text = "; ".join(item.messages) if item else ""
    if status in _CONFIRMED:
        # The mark of an order whose lines are to follow is kept: it says more than a warning, whose text stays.
        warned = status == "Warning" and record.code != records.UNFINISHED
        return replace(record, state="confirmed", code="WARNING" if warned else record.code, reason=text)
    reason = text or f"Basware reports {status or 'no outcome'} for this record"
    return replace(record, state="failed", code=status[:_LONGEST_CODE] or "NO_OUTCOME", reason=reason)
