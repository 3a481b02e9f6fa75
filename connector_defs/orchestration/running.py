"""Running the jobs in this process, for the command line: the same jobs that the schedules run.

Belongs here: which jobs a name stands for, the Dagster instance, and what a caller gets back.
Does not belong here: printing.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from connector_defs.definitions import defs
from connector_defs.domain.errors import Fatal
from connector_defs.flows.reports import DateWindow
from connector_defs.orchestration.assets.staged import group_name
from connector_defs.orchestration.companies import COMPANIES_TAG
from connector_defs.orchestration.jobs import ENRICHMENT, INVOICES, MASTER_DATA, PAYMENTS, PURCHASE_ORDERS
from connector_defs.orchestration.listening import Event, Listener, Report, listening
from connector_defs.orchestration.partitions import range_tags, schedule_settings, today
from connector_defs.orchestration.runs import close_orphans
from connector_defs.orchestration.selection import assets_of, entities_named
from connector_defs.private_files import create

JOBS_OF = {
    "master-data": (MASTER_DATA,),
    "purchase-orders": (PURCHASE_ORDERS,),
    "invoices": (INVOICES,),
    "payments": (PAYMENTS,),
    "enrichment": (ENRICHMENT,),
    "all": (MASTER_DATA, PURCHASE_ORDERS, INVOICES, PAYMENTS, ENRICHMENT),
}


@dataclass(frozen=True)
class RunOutcome:
    """What the runs came to. `reports` are the flows' own, in the order they came in.

    `failures` holds one text per failed step, company by company; business problems are in the reports and
    do not make `success` false.
    """

    success: bool
    run_ids: tuple[str, ...]
    reports: tuple[Report, ...]
    failures: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The only run, or the last of several."""
        return self.run_ids[-1]


def run(
    name: str,
    days: date | DateWindow | None = None,
    listener: Listener | None = None,
    *,
    entities: Sequence[str] = (),
    companies: Sequence[str] = (),
    verbose: bool = False,
) -> RunOutcome:
    """Run the jobs of `name` (a key of JOBS_OF), one after the other, for a day or a range of days, by default today.

    A range is one run. With `entities` (of Basware, or staged tables) or `companies` (of SYSPRO) only what makes
    these is run, and only for these. Uses the Dagster instance of DAGSTER_HOME, so that the UI shows these runs too;
    without it nothing of Dagster's is kept. A failed job does not keep the next from running.
    Flows that are not in use are left out of `all`.
    Raises Fatal for an unknown name or entity, for a flow that is not in use and for a day that is no partition.
    """
    known = JOBS_OF.get(name)
    if known is None:
        raise Fatal(f"{name!r} cannot be run; known are {', '.join(JOBS_OF)}")
    in_use = schedule_settings().flows
    jobs = [job for job in known if job in in_use]
    if not jobs:
        raise Fatal(f"{name} is not among the flows in use ({', '.join(in_use)}): add it to schedules.flows")
    selections = _selections(jobs, entities)
    window = _window(days)
    tags = {COMPANIES_TAG: ",".join(companies)} if companies else {}
    reports: list[Report] = []

    def hear(event: Event) -> None:
        if isinstance(event, Report):
            reports.append(event)
        if listener is not None:
            listener(event)

    with _instance() as instance, listening(hear):
        close_orphans(instance)
        results = [
            _execute(job, selection, window, tags, instance, verbose=verbose)
            for job, selection in selections.items()
        ]
    return RunOutcome(
        success=all(result.success for result in results),
        run_ids=tuple(result.run_id for result in results),
        reports=tuple(reports),
        failures=tuple(text for result in results for text in _failures(result)),
    )


def _selections(jobs: Sequence[str], entities: Sequence[str]) -> dict[str, Sequence[dg.AssetKey] | None]:
    """The jobs to run, each with the assets to make; None stands for all of its assets."""
    if not entities:
        return dict.fromkeys(jobs)
    chosen = entities_named(entities, jobs)
    by_job = {job: [entity for entity in chosen if group_name(entity.group) == job] for job in jobs}
    return {job: assets_of(some) for job, some in by_job.items() if some}


def _execute(
    job: str,
    selection: Sequence[dg.AssetKey] | None,
    window: DateWindow,
    tags: dict[str, str],
    instance: dg.DagsterInstance,
    *,
    verbose: bool,
) -> dg.ExecuteInProcessResult:
    one_day = window.first == window.last
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=window.last.isoformat() if one_day else None,
        tags=tags if one_day else {**tags, **range_tags(window)},
        asset_selection=selection,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "INFO" if verbose else "CRITICAL"}}}},
    )


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    home = os.environ.get("DAGSTER_HOME")
    with _instance_at(Path(home)) if home else dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _instance_at(home: Path) -> dg.DagsterInstance:
    """The instance of a folder. Dagster makes its tables on first use, and two processes that do so at once collide."""
    if not home.is_dir():
        return dg.DagsterInstance.get()
    with os.fdopen(create(home / ".setting-up"), "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        return dg.DagsterInstance.get()


def _window(days: date | DateWindow | None) -> DateWindow:
    schedules = schedule_settings()
    newest = today(schedules)
    if not isinstance(days, DateWindow):
        days = DateWindow.day(newest if days is None else days)
    for chosen in (days.first, days.last):
        if not date.fromisoformat(schedules.first_day) <= chosen <= newest:
            raise Fatal(
                f"{chosen} cannot be run: the days go from {schedules.first_day} to {newest}. "
                "Set schedules.first_day in connector.toml for earlier ones."
            )
    return days


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            told = failure.user_failure_data.description if failure.user_failure_data else None
            texts.append(told or failure.error_display_string)
    if texts or result.success:
        return texts
    return [event.message or "" for event in result.all_events if event.is_job_failure]
