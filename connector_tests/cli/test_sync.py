"""`connector sync` hands a run's story on: what failed, what was interrupted, what is clean."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

import pytest

from connector_defs.cli import sync
from connector_defs.flows import overview
from connector_defs.flows.reports import DateWindow, ExtractReport, Problem
from connector_defs.orchestration import running
from connector_defs.orchestration.listening import Event, Listener, StepFailed
from connector_tests.cli.conftest import Command
from connector_tests.cli.reports import invoice_run, payment_run, problem, published, staged
from connector_tests.orchestration.fakes import company, settings

Asked = tuple[str, DateWindow | None, dict[str, object]]
Run = Callable[..., list[Asked]]


@dataclass(frozen=True)
class Outcome:
    failures: tuple[str, ...] = ()


@pytest.fixture
def run_tells(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Replace the run by one that tells these events and ends with these failures."""

    asked: list[Asked] = []

    def prepare(
        *events: Event, failures: tuple[str, ...] = (), kept_back: tuple[Problem, ...] = ()
    ) -> list[Asked]:
        def run(name: str, days: DateWindow | None, listener: Listener, **chosen: object) -> Outcome:
            asked.append((name, days, chosen))
            print("chatter of a library")
            for event in events:
                listener(event)
            return Outcome(failures)

        monkeypatch.setattr(
            sync, "opened", lambda: nullcontext(SimpleNamespace(settings=settings(company("M1"))))
        )
        monkeypatch.setattr(overview, "quarantined", lambda _: list(kept_back))
        monkeypatch.setattr(running, "run", run)
        return asked

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


def test_what_an_earlier_run_kept_back_is_listed_until_it_goes(connector: Command, run_tells: Run) -> None:
    elsewhere = problem("00-6000", entity="accounts")
    run_tells(published(quarantined=1, sent=0, confirmed=0), kept_back=(problem("S9"), elsewhere))
    ended = connector("sync", "master-data", "--json")

    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["clean"] is False
    assert [each["key"] for each in told["problems"]] == ["S9"]
    assert "Done and clean." not in connector("sync", "master-data").out


def test_what_a_run_tells_itself_is_listed_once(connector: Command, run_tells: Run) -> None:
    run_tells(published(problems=(problem("S9"),)), kept_back=(problem("S9"),))
    assert len(json.loads(connector("sync", "master-data", "--json").out)["problems"]) == 1


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


@pytest.mark.parametrize(
    ("told", "days"),
    [
        ([], None),
        (["--date", "2026-11-02"], DateWindow(date(2026, 11, 2), date(2026, 11, 2))),
        (["--date", "2026-01-01..2026-03-01"], DateWindow(date(2026, 1, 1), date(2026, 3, 1))),
    ],
)
def test_a_day_or_a_range_of_days_is_one_run(
    connector: Command, run_tells: Run, told: list[str], days: DateWindow | None
) -> None:
    asked = run_tells(published(quarantined=0))
    assert connector("sync", "master-data", *told).code == 0
    ((flow, window, _),) = asked
    assert (flow, window) == ("master-data", days)


@pytest.mark.parametrize(
    ("told", "flaw"),
    [
        ("yesterday", "is no day such as"),
        ("2026-02-30", "is no day such as"),
        ("2026-01-01..", "is no day such as"),
        ("..2026-01-01", "is no day such as"),
        ("2026-03-01..2026-01-01", "ends before it begins"),
    ],
)
def test_a_date_that_means_nothing_is_told_before_anything_runs(
    connector: Command, run_tells: Run, told: str, flaw: str
) -> None:
    asked = run_tells()
    ended = connector("sync", "master-data", "--date", told)
    assert ended.code == 2
    assert flaw in " ".join(ended.err.split())
    assert asked == []


def test_single_entities_and_companies_are_handed_on_companies_by_their_syspro_name(
    connector: Command, run_tells: Run
) -> None:
    asked = run_tells()
    connector("sync", "master-data", "--entity", "vendors", "--entity", "accounts", "--company", "BM1")
    ((_, _, chosen),) = asked
    assert (chosen["entities"], chosen["companies"]) == (["vendors", "accounts"], ["M1"])


def test_a_company_that_is_not_configured_is_wrong_use(connector: Command, run_tells: Run) -> None:
    asked = run_tells()
    ended = connector("sync", "master-data", "--company", "M9")
    assert ended.code == 2
    assert "M1/BM1" in ended.err
    assert asked == []
