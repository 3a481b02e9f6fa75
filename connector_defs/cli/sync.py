"""`connector sync`: run a flow now, through the same Dagster job that the schedules run."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from connector_defs.cli import book_tables, enrichment, enrichment_tables, tables
from connector_defs.cli.books import AsJson, Day, day_of
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.logs import is_verbose
from connector_defs.cli.opening import opened
from connector_defs.cli.story import Story, heard
from connector_defs.cli.terminal import print_json, quiet_stdout, say
from connector_defs.orchestration.listening import StepFailed

EPILOG = examples(
    "connector sync all",
    "connector sync purchase-orders --date 2026-11-02",
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


def sync(
    flow: Annotated[Flow, typer.Argument(help="Which flow; `all` runs them in their order.")],
    on: Day = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="enrichment only: show what would change, and change nothing.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Run a flow now: the same Dagster job that the schedules run.

    master-data and purchase-orders go from SYSPRO to Basware, invoices from Basware to SYSPRO, payments of these
    back to Basware, and enrichment takes suppliers' payment terms and tax ids from Basware to SYSPRO. Running one again
    is always safe: what the other side has already is not sent again. An earlier --date reads invoices, payments and
    vendors again from that day on.

    Exit code 0: done, nothing waits. 1: some records or invoices need attention; they are listed.
    """
    if dry_run:
        if flow is not Flow.ENRICHMENT:
            raise typer.BadParameter("--dry-run goes with enrichment alone")
        enrichment.foresee(day_of(on), json=json)
        return
    # Wrong settings and an outdated store end here, before Dagster starts.
    with opened():
        pass
    with quiet_stdout(), heard(f"sync {flow}") as story:
        tell(story, flow.value, day_of(on))
    problems = story.problems
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


def tell(story: Story, flow: str, day: date | None = None) -> None:
    """Run the jobs of `flow` in this process and let the story hear everything.

    Raises KeyboardInterrupt where Ctrl-C ended a run: Dagster takes that for one more failed step.
    """
    from connector_defs.orchestration.running import run

    outcome = run(flow, day, story.hear, verbose=is_verbose())
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
