"""Runs end with their process, even when nobody was left to say so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import dagster as dg
import pytest

from connector_defs.orchestration.runs import PROCESS_TAG, close_orphans, in_progress, sign


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def started(instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    run = dg.DagsterRun(job_name="invoices", run_id=str(uuid4()), status=status)
    instance.run_storage.add_run(run)
    return run.run_id


def mark_of_this_process(instance: dg.DagsterInstance) -> str:
    run_id = started(instance)
    sign(instance, run_id)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.delete_run(run_id)
    return run.tags[PROCESS_TAG]


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_of_a_dead_process_is_closed_as_failed(instance: dg.DagsterInstance) -> None:
    host, _, start = mark_of_this_process(instance).rsplit(":", 2)
    run_id = started(instance)
    instance.add_run_tags(run_id, {PROCESS_TAG: f"{host}:{dead_pid()}:{start}"})
    assert close_orphans(instance) == [run_id]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert in_progress(instance, "invoices") is None


def test_a_later_process_with_the_same_number_does_not_keep_a_run_alive(instance: dg.DagsterInstance) -> None:
    host, pid, _ = mark_of_this_process(instance).rsplit(":", 2)
    run_id = started(instance)
    instance.add_run_tags(run_id, {PROCESS_TAG: f"{host}:{pid}:1"})
    assert close_orphans(instance) == [run_id]


def test_a_living_run_is_left_alone(instance: dg.DagsterInstance) -> None:
    run_id = started(instance)
    sign(instance, run_id)
    assert close_orphans(instance) == []
    assert in_progress(instance, "invoices") == run_id
    assert in_progress(instance, "master_data") is None


@pytest.mark.parametrize("mark", [None, f"elsewhere:{os.getpid()}:1"], ids=["unsigned", "of another host"])
def test_a_run_that_is_not_of_this_host_is_left_to_run_monitoring(
    instance: dg.DagsterInstance, mark: str | None
) -> None:
    run_id = started(instance)
    if mark:
        instance.add_run_tags(run_id, {PROCESS_TAG: mark})
    assert close_orphans(instance) == []
    assert in_progress(instance, "invoices") == run_id


def test_a_run_about_to_start_counts_as_in_progress(instance: dg.DagsterInstance) -> None:
    run_id = started(instance, dg.DagsterRunStatus.STARTING)
    assert in_progress(instance, "invoices") == run_id
