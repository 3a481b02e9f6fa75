"""What wakes a flow between schedules, and who hears of a failed run.

Belongs here: looking (lightly: a tick has 60 seconds in all) and asking for a run.
Does not belong here: deciding about an invoice. A run takes whatever is due when it starts; the run key is
not used, because Dagster remembers it for ever and would drop the second attempt in silence.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg

from connector_defs.domain.errors import ConnectorError
from connector_defs.flows import aftercare, extracts, hints, intake, invoices, pace, push_watch
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration.backoff import Cursor, decide, token
from connector_defs.orchestration.jobs import INVOICES, MASTER_DATA, PURCHASE_ORDERS, REQUEST_OUTCOMES
from connector_defs.orchestration.partitions import today
from connector_defs.orchestration.resources import ConnectorResource
from connector_defs.orchestration.runs import in_progress
from connector_defs.orchestration.schedules import days_until
from connector_defs.settings import CompanySettings, ScheduleSettings

APPROVED_INVOICES = "approved_invoices"
DUE_INVOICES = "due_invoices"
OPEN_REQUESTS = "open_requests"

_log = logging.getLogger(__name__)

# A text that stands for the open notifications; None where there is none.
Told = Callable[[Connector], str | None]
# (connector, company) -> one token per thing that waits, and in how many seconds Basware is looked at; 0 for "just now".
Look = Callable[[Connector, CompanySettings], tuple[list[str], int]]


@dataclass
class _Found:
    """What one tick saw: tokens of what waits, a line for each trouble, and the companies not looked at, with why."""

    waiting: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    overlooked: dict[str, str] = field(default_factory=dict)


def sensors(settings: ScheduleSettings) -> list[dg.SensorDefinition]:
    """Newly approved invoices and invoices due again, where these are in use; records without an outcome, failed runs."""
    invoices_too = [
        _invoice_sensor(
            APPROVED_INVOICES,
            "Starts a run for approved invoices that Basware shows when it is asked: each time without push "
            "notifications, ever more rarely while these work.",
            _approved,
            settings,
            _nothing_told,
            settings.invoice_poll_seconds,
        ),
        _invoice_sensor(
            DUE_INVOICES,
            "Starts a run for approved invoices that a notification names, for those whose mapping has arrived or whose "
            "retry or look-up is due, and when Basware's lists are to be read whole, or its data extracts; reads our own "
            "state only.",
            _due,
            settings,
            _invoices_told,
            settings.look_seconds,
        ),
    ]
    return [
        *(invoices_too if INVOICES in settings.flows else ()),
        _request_sensor(settings),
        run_failure_alert,
    ]


def _invoices_told(connector: Connector) -> str | None:
    return hints.waiting(connector)


def _nothing_told(_: Connector) -> str | None:
    return None


def _approved(connector: Connector, company: CompanySettings) -> tuple[list[str], int]:
    until = pace.until_poll(connector, company)
    if until:
        return [], until
    name = company.syspro_company
    waiting = invoices.peek(connector, company)
    pace.polled(connector, company, left=bool(waiting))
    return [_of(name, token(name, invoice_id, updated)) for invoice_id, updated in waiting], 0


def _of(company: str, one: str) -> str:
    """The token with its company, which may not be looked at the next time."""
    return f"{company}/{one}"


def _due(connector: Connector, company: CompanySettings) -> tuple[list[str], int]:
    found = [token(company.syspro_company, invoice_id) for invoice_id in invoices.due(connector, company)]
    whole = intake.full_list_due(connector, company)
    if whole is not None:
        found.append(token(company.syspro_company, "whole lists", whole))
    if extracts.extracts_due(connector):
        found.append(token("data extracts"))
    return found, 0


def _invoice_sensor(
    name: str, description: str, look: Look, settings: ScheduleSettings, told: Told, interval: int
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        job_name=INVOICES,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"{description} On as soon as the daemon runs.",
    )
    def sense(context: dg.SensorEvaluationContext, connector: ConnectorResource) -> dg.SensorResult:
        day = days_until(today(settings), 1, settings)
        if isinstance(day, dg.SkipReason):
            return dg.SensorResult(skip_reason=day)
        active = in_progress(context.instance, INVOICES)
        if active is not None:
            return dg.SensorResult(skip_reason=f"run {active} of the invoices is queued or in progress")
        found = _look_at_all(connector, look, told)
        if name == APPROVED_INVOICES and not found.troubles:
            # Last, and only where Basware answers: a tick has 60 seconds.
            push_watch.look(connector.connector)
        return _started(context, name, found, day, settings.invoice_poll_seconds)

    return sense


def _request_sensor(settings: ScheduleSettings) -> dg.SensorDefinition:
    @dg.sensor(
        name=OPEN_REQUESTS,
        job_name=REQUEST_OUTCOMES,
        minimum_interval_seconds=settings.invoice_poll_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Starts a look at what became of sent records, where an outcome is due and no run publishes; reads our own "
            "state only. On as soon as the daemon runs."
        ),
    )
    def sense(context: dg.SensorEvaluationContext, connector: ConnectorResource) -> dg.SensorResult:
        for job in (MASTER_DATA, PURCHASE_ORDERS, REQUEST_OUTCOMES):
            active = in_progress(context.instance, job)
            if active is not None:
                return dg.SensorResult(skip_reason=f"run {active} of {job} is queued or in progress")
        found = _look_at_all(connector, _outcomes_due, hints.requests_waiting)
        return _started(context, OPEN_REQUESTS, found, dg.RunRequest(), settings.invoice_poll_seconds)

    return sense


def _outcomes_due(connector: Connector, company: CompanySettings) -> tuple[list[str], int]:
    return [token(company.syspro_company, name) for name in aftercare.due(connector, company)], 0


def _started(
    context: dg.SensorEvaluationContext,
    name: str,
    found: _Found,
    run: dg.RunRequest,
    delay: int,
) -> dg.SensorResult:
    """`run` where what was found is new or was left too long, else why not."""
    if found.troubles and not found.waiting:
        # The cursor stays: what cannot be seen is not gone.
        return dg.SensorResult(skip_reason="; ".join(found.troubles), cursor=context.cursor)
    decision = decide(
        Cursor.read(context.cursor),
        found.waiting,
        now=time.time(),
        delay=delay,
        overlooked=[_of(company, "") for company in found.overlooked],
    )
    reason = "; ".join([decision.reason, *found.overlooked.values()])
    if not decision.run:
        return dg.SensorResult(skip_reason=reason, cursor=decision.cursor.write())
    _log.info("%s: %s", name, reason)
    return dg.SensorResult(run_requests=[run], cursor=decision.cursor.write())


def _look_at_all(resource: ConnectorResource, look: Look, told: Told) -> _Found:
    """What waits in all companies, and a line for each company (or for the whole) that could not be looked at.

    Notifications are those of all companies: that one of these cannot be looked at hides none of them.
    """
    found = _Found()
    try:
        companies = resource.companies
        hint = told(resource.connector) if companies else None
    except ConnectorError as error:
        found.troubles.append(str(error))
        return found
    if hint is not None:
        found.waiting.append(token("notifications", hint))
    for company in companies:
        name = company.syspro_company
        try:
            waiting, until = look(resource.connector, company)
        except ConnectorError as error:
            trouble = f"company {name}: {error}"
            found.troubles.append(trouble)
            found.overlooked[name] = trouble
            continue
        found.waiting += waiting
        if until:
            found.overlooked[name] = f"company {name} is polled in {until} s"
    return found


@dg.run_failure_sensor(
    name="run_failure_alert",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes one ERROR line per failed run to the code server's log, for whoever watches it.",
)
def run_failure_alert(context: dg.RunFailureSensorContext) -> None:
    """Name the job, the run, and every failed step with what became of each company."""
    steps = [(event.step_key, _why(event)) for event in context.get_step_failure_events()]
    told = "; ".join(f"{step}: {why}" for step, why in steps) or _first_line(context.failure_event.message)
    _log.error(
        "ALERT run %s of job %s failed: %s", context.dagster_run.run_id, context.dagster_run.job_name, told
    )


def _why(event: dg.DagsterEvent) -> str:
    """What failed and why, in one line: a step's own words, else the error that Dagster's own stands around."""
    failure = event.step_failure_data
    own = failure.user_failure_data
    if own is not None and own.description:
        return " ".join(own.description.split())
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return _first_line(error.message if error is not None else failure.error_display_string)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0]
