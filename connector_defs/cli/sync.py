"""`connector sync`: run a flow now, through the same Dagster job that the schedules run."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from connector_defs.cli import book_tables, enrichment, enrichment_tables, tables
from connector_defs.cli.books import AsJson
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.logs import is_verbose
from connector_defs.cli.opening import opened
from connector_defs.cli.story import Story, heard
from connector_defs.cli.terminal import print_json, quiet_stdout, say
from connector_defs.flows.reports import DateWindow, Problem
from connector_defs.orchestration.listening import StepFailed

EPILOG = examples(
    "connector sync all",
    "connector sync purchase-orders --date 2026-11-02",
    "connector sync purchase-orders --date 2026-01-01..2026-03-01",
    "connector sync master-data --entity vendors --company M1",
    "connector sync invoices --json",
    "connector sync enrichment --dry-run",
)

_INTERRUPTED = "DagsterExecutionInterruptedError"


class Flow(StrEnum):
    """What can be run."""

    MASTER_DATA = "master-data"
    PURCHASE_ORDERS = "purchase-orders"
    INVOICES = "invoices"
    PAYMENTS = "payments"
    ENRICHMENT = "enrichment"
    ALL = "all"


Days = Annotated[
    str | None,
    typer.Option(
        "--date",
        metavar="YYYY-MM-DD[..YYYY-MM-DD]",
        help="Only this business day, or these days in one run.",
    ),
]


def days_of(text: str | None) -> DateWindow | None:
    """The business days that the option names; no zone is involved."""
    if text is None:
        return None
    first, dots, last = text.partition("..")
    try:
        days = DateWindow(date.fromisoformat(first), date.fromisoformat(last if dots else first))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no day such as 2026-11-02 and no range such as 2026-11-02..2026-11-06",
            param_hint="--date",
        ) from None
    if days.last < days.first:
        raise typer.BadParameter(f"{text!r} ends before it begins", param_hint="--date")
    return days


def sync(
    flow: Annotated[Flow, typer.Argument(help="Which flow; `all` runs them in their order.")],
    on: Days = None,
    entity: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this entity of master-data or purchase-orders, such as vendors; may be repeated."
        ),
    ] = None,
    company: Annotated[
        list[str] | None, typer.Option(help="Only this company, SYSPRO's or Basware's id; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="enrichment only: show what would change, and change nothing.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Run a flow now: the same Dagster job that the schedules run.

    master-data and purchase-orders go from SYSPRO to Basware, invoices from Basware to SYSPRO, payments of these
    back to Basware, and enrichment takes suppliers' payment terms and tax ids from Basware to SYSPRO. Running one again
    is always safe: what the other side has already is not sent again. An earlier --date reads invoices, payments and
    vendors again from that day on; a range of days is one run, in which every day gets its staged rows and Basware is
    told once.

    Exit code 0: done, nothing waits. 1: some records or invoices need attention; they are listed.
    """
    days = days_of(on)
    if dry_run:
        if flow is not Flow.ENRICHMENT:
            raise typer.BadParameter("--dry-run goes with enrichment alone")
        enrichment.foresee(days.first if days else None, json=json)
        return
    # Wrong settings and an outdated store end here, before Dagster starts.
    with opened() as connector:
        companies = [connector.settings.company(name).syspro_company for name in company or ()]
    with quiet_stdout(), heard(f"sync {flow}") as story:
        tell(story, flow.value, days, entity or (), companies)
    problems = [*story.problems, *_standing(story)]
    if json:
        print_json(
            {
                "clean": not problems,
                "staged": story.staged,
                "published": story.published,
                "follow_ups": story.follow_ups,
                "extracts": story.extracts,
                "invoices": story.invoices,
                "payments": story.payments,
                "enrichment": story.enrichment,
                "supplier_updates": story.supplier_updates,
                "problems": problems,
            }
        )
    else:
        show(story)
        tables.problems(problems)
        say("Done and clean." if not problems else "Done; what is listed above needs attention.")
    finish(clean=not problems)


def _standing(story: Story) -> list[Problem]:
    """What earlier runs kept back and nobody has corrected: the flows tell of it once, and it waits all the same."""
    from connector_defs.flows import overview

    published = {(report.company, report.entity) for report in story.published if report.quarantined}
    told = {(problem.company, problem.entity, problem.key) for problem in story.problems}
    if not published:
        return []
    with opened() as connector:
        return [
            problem
            for problem in overview.quarantined(connector)
            if (problem.company, problem.entity) in published
            and (problem.company, problem.entity, problem.key) not in told
        ]


def tell(
    story: Story,
    flow: str,
    days: DateWindow | None = None,
    entities: Sequence[str] = (),
    companies: Sequence[str] = (),
) -> None:
    """Run the jobs of `flow` in this process and let the story hear everything.

    Raises KeyboardInterrupt where Ctrl-C ended a run: Dagster takes that for one more failed step.
    """
    from connector_defs.orchestration.running import run

    outcome = run(flow, days, story.hear, entities=entities, companies=companies, verbose=is_verbose())
    if any(_INTERRUPTED in text for text in outcome.failures):
        raise KeyboardInterrupt
    if not story.failed_steps:
        story.failed_steps += [StepFailed(flow, "", _first_line(text)) for text in outcome.failures]


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def show(story: Story) -> None:
    """What the run did, one table per kind of flow."""
    if story.staged:
        tables.staged(story.staged)
    if story.published:
        tables.published(story.published)
        book_tables.control_totals([report.totals for report in story.published if report.totals])
    if story.extracts:
        tables.extracts(story.extracts)
    if story.invoices:
        tables.invoice_runs(story.invoices)
    if story.payments:
        tables.payment_runs(story.payments)
    if story.enrichment:
        enrichment_tables.compared(story.enrichment)
    if story.supplier_updates:
        enrichment_tables.written(story.supplier_updates)
