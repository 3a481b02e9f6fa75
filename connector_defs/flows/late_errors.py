"""Requests that Basware ended well and later calls an Error: their records are opened again.

Basware's target systems repeat by themselves and may give up hours after a first answer. The list of failed requests
is read from the newest change seen in it, a day back, so that clocks and time zones cannot hide one; what is open
again already, or was sent under a newer request since, is left as it is.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector_defs.basware.answers import IN_PROGRESS, RequestOutcome
from connector_defs.basware.entities import ENDPOINTS
from connector_defs.domain.errors import ConnectorError
from connector_defs.flows.outcomes import judged_record, lane, problem_of
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import cursors, records
from connector_defs.store.leases import Lease, LeaseTaken, renew
from connector_defs.store.records import Record

_log = logging.getLogger(__name__)

_OVERLAP = timedelta(days=1)
# How long nobody need look when nothing is being published.
_LOOK_AGAIN_AFTER = timedelta(hours=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


def source(entity: str) -> str:
    """Name of the cursor."""
    return f"late errors {entity}"


def tend(connector: Connector, company: CompanySettings, entity: str) -> list[Problem]:
    """`reopen` for who publishes nothing at present; an entity that another worker publishes is left to it."""
    try:
        with connector.leases.hold(lane(company, entity)) as lease:
            return reopen(connector, company, entity, lease)
    except LeaseTaken as taken:
        _log.info("%s", taken)
        return []


def are_due(connector: Connector, company: CompanySettings, entity: str) -> bool:
    """Whether there is anything that could fail late, and nobody has looked for an hour."""
    looked = looked_at(connector, company, entity)
    return looked is not None and connector.clock.now() - looked >= _LOOK_AGAIN_AFTER


def looked_at(connector: Connector, company: CompanySettings, entity: str) -> datetime | None:
    """When the list was last read, long ago for never; None where there is nothing that could fail late."""
    with connector.store.read() as connection:
        if not records.has_closed_requests(connection, company.syspro_company, entity):
            return None
        found = cursors.get(connection, company.syspro_company, source(entity)).listed_at
    return found or _NEVER


def reopen(connector: Connector, company: CompanySettings, entity: str, lease: Lease) -> list[Problem]:
    """Open the records again that failed after their request had ended; returns them as problems."""
    name = company.syspro_company
    with connector.store.read() as connection:
        if not records.has_closed_requests(connection, name, entity):
            return []
        since = cursors.get(connection, name, source(entity)).last_updated
    began, newest = connector.clock.now(), since
    problems: list[Problem] = []
    pages = connector.basware.request_statuses(
        ENDPOINTS[entity].entity_type, status="Error", last_updated=since - _OVERLAP if since else None
    )
    while True:
        try:
            page = next(pages, None)
        except ConnectorError as error:
            # A net below the net: nothing waits for it, and the next run reads from the same place.
            _log.warning("late errors of %s are looked for with the next run: %s", entity, error)
            return problems
        if page is None:
            break
        problems += _reopen(connector, page, lease, company, entity)
        updates = [newest, *(outcome.last_updated for outcome in page)]
        newest = max((moment for moment in updates if moment), default=None)
    with connector.store.write() as connection:
        cursors.keep(connection, name, source(entity), newest)
        cursors.mark_listed(connection, name, [source(entity)], began)
    return problems


def _reopen(
    connector: Connector,
    page: Sequence[RequestOutcome],
    lease: Lease,
    company: CompanySettings,
    entity: str,
) -> list[Problem]:
    now = connector.clock.now()
    with connector.store.write() as connection:
        renew(connection, lease, now)
        reopened = [
            failed
            for outcome in page
            for record in records.of_request(connection, outcome.request_id)
            if (record.company, record.entity, record.state) == (company.syspro_company, entity, "confirmed")
            and (failed := _failed(record, outcome, now)) is not None
        ]
        records.save(connection, reopened, "reopened")
    return [problem_of(record) for record in reopened]


def _failed(record: Record, outcome: RequestOutcome, now: datetime) -> Record | None:
    """The record as its request has ended now; None where this is no news of it."""
    item = outcome.items.get(record.external_code)
    if item is None and (not outcome.done or (outcome.items and not outcome.unnamed)):
        # Others are named: it is their error.
        return None
    if item is not None and item.status == IN_PROGRESS:
        return None
    judged = judged_record(replace(record, confirmed_before=1), outcome, now)
    return judged if judged.state == "failed" else None
