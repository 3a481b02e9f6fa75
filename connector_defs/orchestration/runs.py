"""Which runs are alive.

Belongs here: the mark of the process a run lives in, and the end of runs whose process died.
Does not belong here: what a dead run left behind in the business; the state store answers that.

Why: Dagster's default launcher cannot tell a dead run from a slow one. A run killed with its process stays
"started", holds its pool slots and would keep every sensor waiting for it (dagster 1.13.27, 2026-11).
"""

import os

import dagster as dg

from connector_defs.processes import is_dead, mark_of

PROCESS_TAG = "connector/process"

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_STARTED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def sign(instance: dg.DagsterInstance, run_id: str) -> None:
    """Write into the run which process it lives in."""
    instance.add_run_tags(run_id, {PROCESS_TAG: mark_of(os.getpid())})


def close_orphans(instance: dg.DagsterInstance) -> list[str]:
    """End, as failed, the started runs whose process on this host is gone; frees their pool slots.

    Returns their run ids. Runs of other hosts are left to Dagster's run monitoring.
    """
    closed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_STARTED)):
        mark = run.tags.get(PROCESS_TAG)
        if mark is None or not is_dead(mark):
            continue
        instance.report_run_failed(run, "The process of this run ended without closing it.")
        if instance.event_log_storage.supports_global_concurrency_limits:
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        closed.append(run.run_id)
    return closed


def in_progress(instance: dg.DagsterInstance, job_name: str) -> str | None:
    """The id of a run of this job that is queued or at work, after ending dead ones."""
    close_orphans(instance)
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_UNFINISHED), limit=1)
    return runs[0].run_id if runs else None
