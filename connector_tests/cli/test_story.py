"""A run's story keeps every report, names every problem once, and shows progress only where someone watches."""

import io

import pytest
from rich.console import Console

from connector_defs.cli import story as story_module
from connector_defs.cli.demo import summary
from connector_defs.cli.story import Story, heard
from connector_defs.flows.reports import FollowUpReport, ReconcileReport
from connector_defs.orchestration.listening import StepFailed, StepStarted
from connector_tests.cli.reports import (
    compared,
    invoice_run,
    payment_run,
    problem,
    published,
    staged,
    supplier_update,
)


def test_every_report_is_kept_by_kind() -> None:
    story = Story()
    books = ReconcileReport(None, 0, 0, (), ())
    follow_up = FollowUpReport(1, 1, 0, 0)
    for event in (StepStarted("x", "M1"), staged(), published(), follow_up, invoice_run(), books):
        story.hear(event)

    assert (story.staged, story.published) == ([staged()], [published()])
    assert (story.follow_ups, story.invoices) == ([follow_up], [invoice_run()])
    assert story.reconciliations == [books]
    assert story.problems == []


def test_a_record_reported_twice_is_one_problem_with_its_latest_reason() -> None:
    story = Story()
    story.hear(published(problems=(problem(reason="sent"),)))
    story.hear(FollowUpReport(1, 0, 1, 0, (problem(reason="Basware refused it"),)))

    assert [each.reason for each in story.problems] == ["Basware refused it"]


def test_a_difference_that_syspro_refused_is_told_with_its_reason_once() -> None:
    story = Story()
    story.hear(compared(problems=(problem("0001 tax_id", reason="waits"),)))
    story.hear(supplier_update(problems=(problem("0001 tax_id", reason="SYSPRO refuses it"),)))

    assert [each.reason for each in story.problems] == ["SYSPRO refuses it"]
    assert (len(story.enrichment), len(story.supplier_updates)) == (1, 1)


def test_a_failed_step_is_a_problem_of_its_own() -> None:
    story = Story()
    story.hear(StepFailed("basware/vendors", "M1", "Basware does not answer"))

    assert [(each.entity, each.reason) for each in story.problems] == [
        ("basware/vendors", "Basware does not answer")
    ]


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with heard("sync all") as story:
        story.hear(StepStarted("basware/vendors", "M1"))

    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_step_at_work_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        story_module, "console", lambda *, stderr: Console(file=screen, force_terminal=stderr, width=120)
    )
    with heard("sync all") as story:
        story.hear(StepStarted("basware/ven\x1bdors", "M1"))

    assert "basware/ven\\x1bdors" in screen.getvalue()


def test_the_summary_tells_records_and_requests_of_each_flow() -> None:
    story = Story(
        staged=[staged("suppliers", rows=200, pages=2), staged("order_lines", rows=2500, pages=3)],
        published=[
            published("vendors", sent=199, requests=1, seconds=1.0),
            published("matchingOrderLines", sent=2500, requests=25, seconds=4.0),
        ],
        invoices=[invoice_run()],
        payments=[payment_run()],
        enrichment=[compared()],
        supplier_updates=[supplier_update()],
    )

    assert summary(story) == [
        ("master data", 200, 199, 3, 1.5),
        ("purchase orders", 2500, 2500, 28, 4.5),
        ("approved invoices", 300, 280, 1600, 9.5),
        ("payments", 500, 12, 36, 2.5),
        ("enrichment", 198, 45, 35, 2.0),
    ]
