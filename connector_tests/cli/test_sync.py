"""`connector sync` hands a run's story on: what failed, what was interrupted, what is clean."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date

import pytest

from connector_defs.cli import sync
from connector_defs.flows.reports import ExtractReport
from connector_defs.orchestration import running
from connector_defs.orchestration.listening import Event, Listener, StepFailed
from connector_tests.cli.conftest import Command
from connector_tests.cli.reports import invoice_run, payment_run, problem, published, staged

Run = Callable[..., None]


@dataclass(frozen=True)
class Outcome:
    failures: tuple[str, ...] = ()


@pytest.fixture
def run_tells(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Replace the run by one that tells these events and ends with these failures."""

    def prepare(*events: Event, failures: tuple[str, ...] = ()) -> None:
        def run(name: str, day: date | None, listener: Listener, *, verbose: bool) -> Outcome:
            print("chatter of a library")
            for event in events:
                listener(event)
            return Outcome(failures)

        monkeypatch.setattr(sync, "opened", nullcontext)
        monkeypatch.setattr(running, "run", run)

    return prepare


def test_a_clean_run_ends_with_0(connector: Command, run_tells: Run) -> None:
    run_tells(staged(), published(quarantined=0), invoice_run(waiting=0), payment_run())
    ended = connector("sync", "all")

    assert ended.code == 0
    assert "Done and clean." in ended.out
    assert "12 payment(s) told" in ended.out


def test_payments_are_shown_and_their_problems_listed(connector: Command, run_tells: Run) -> None:
    refused = problem("INV-7", entity="paymentResponses", reason="Basware refuses the payment response")
    run_tells(staged("invoice_payments"), payment_run(problems=(refused,)))
    ended = connector("sync", "payments", "--json")

    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["payments"][0]["told"] == 12
    assert told["problems"][0]["key"] == "INV-7"


def test_json_stands_alone_on_stdout(connector: Command, run_tells: Run) -> None:
    run_tells(published(problems=(problem(),)))
    ended = connector("sync", "master-data", "--json")

    assert ended.code == 1
    assert json.loads(ended.out)["problems"][0]["remedy"] == "lengthen it in SYSPRO"
    assert "chatter" in ended.err


def test_a_step_that_failed_is_listed(connector: Command, run_tells: Run) -> None:
    run_tells(StepFailed("basware/vendors", "M1", "Basware does not answer"), failures=("one step failed",))
    ended = connector("sync", "master-data")

    assert ended.code == 1
    assert "Basware does not answer" in ended.out
    assert "one step failed" not in ended.out


def test_a_run_that_could_not_start_is_told_without_its_traceback(connector: Command, run_tells: Run) -> None:
    run_tells(failures=("ValueError: no such partition\n\nStack Trace:\n  File x",))
    ended = connector("sync", "invoices")

    assert ended.code == 1
    assert "ValueError: no such partition" in ended.out
    assert "Stack Trace" not in ended.out


def test_ctrl_c_during_a_run_ends_the_command(connector: Command, run_tells: Run) -> None:
    run_tells(failures=("dagster._core.errors.DagsterExecutionInterruptedError\n\nStack Trace:",))
    ended = connector("sync", "invoices")

    assert ended.code not in {0, 2}
    assert "Done" not in ended.out


def test_data_extracts_are_told_with_what_is_new_and_what_went_wrong(
    connector: Command, run_tells: Run
) -> None:
    failed = problem("e-1", company="", entity="data_extracts", reason="one row has no id")
    run_tells(ExtractReport(1, 20, 3, 2, ("TAX_SUM",), 0.5, (failed,)), invoice_run(waiting=0))
    ended = connector("sync", "invoices")

    assert ended.code == 1
    assert "Data extracts" in ended.out
    assert "new columns: TAX_SUM" in ended.out
    assert "one row has no id" in ended.out
    (told,) = json.loads(connector("sync", "invoices", "--json").out)["extracts"]
    assert (told["rows"], told["received"]) == (20, 2)
