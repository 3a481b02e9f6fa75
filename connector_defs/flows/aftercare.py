"""What is left to learn of sent records when no run publishes any: late outcomes, and late errors.

Belongs here: whether there is anything to look at, and one look at all of it. How is in `outcomes` and `late_errors`.
"""

from dataclasses import replace
from datetime import datetime

from connector_defs.flows import late_errors
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.outcomes import follow_up, next_look
from connector_defs.flows.reports import FollowUpReport
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import records


def due(connector: Connector, company: CompanySettings) -> list[str]:
    """Names of what is worth a look now: open requests by their id, late errors by their entity."""
    now, poll = connector.clock.now(), connector.settings.timing.request_status_poll_seconds
    with connector.store.read() as connection:
        waiting = records.open_requests(connection, company.syspro_company)
    requests = [one.request_id for one in waiting if next_look(one, poll) <= now]
    late = [one.name for one in ENTITIES if late_errors.are_due(connector, company, one.name)]
    return [*requests, *(late_errors.source(name) for name in late)]


def looked_at(connector: Connector) -> datetime | None:
    """Since when no list of late errors was left unread; None where nothing could fail late."""
    times = [
        late_errors.looked_at(connector, company, one.name)
        for company in connector.companies
        for one in ENTITIES
    ]
    return min((at for at in times if at), default=None)


def look(connector: Connector, company: CompanySettings) -> FollowUpReport:
    """Read what became of open requests, and open again what failed after its end."""
    report = follow_up(connector, company, wait=False)
    reopened = [
        problem for entity in ENTITIES for problem in late_errors.tend(connector, company, entity.name)
    ]
    return replace(report, failed=report.failed + len(reopened), problems=(*report.problems, *reopened))
