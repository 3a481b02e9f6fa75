"""`connector enrichment`: payment terms and tax ids that Basware has otherwise than SYSPRO, and who decides on them.

The run itself is `connector sync enrichment`.
"""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from connector_defs.cli import enrichment_tables, tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, chosen_company, opened
from connector_defs.cli.terminal import busy, print_json, say
from connector_defs.domain.errors import ConnectorError, Fatal
from connector_defs.flows.enrichment_reports import ENTITY, EnrichmentReport
from connector_defs.flows.reports import Problem

if TYPE_CHECKING:
    from connector_defs.flows.enrichment_decisions import Decided

app = typer.Typer(
    help="Payment terms and tax ids that Basware has otherwise than SYSPRO: approve or reject them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Suppliers = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SUPPLIER]...", help="Supplier codes as SYSPRO stores them; or --all."),
]
Every = Annotated[bool, typer.Option("--all", help="Whatever is proposed.")]
OneCompany = Annotated[str | None, typer.Option(help="Company; needed where several are configured.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]


@app.command(
    "list",
    epilog=examples("connector enrichment list", "connector enrichment list --company M1 --json"),
)
def list_differences(
    company: Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")] = None,
    json: AsJson = False,
) -> None:
    """Every difference that waits for a person, for the next run, or was rejected.

    Exit code 0: nothing waits for a person. 1: something does.
    """
    from connector_defs.flows import enrichment_decisions

    with opened() as connector:
        found = enrichment_decisions.listed(connector, company)
    if json:
        print_json(found)
    elif found:
        # Whoever approves all of them must have seen all of them.
        enrichment_tables.changes(f"{len(found):,} difference(s)", found, at_most=len(found))
        say("Approve: connector enrichment approve SUPPLIER, or --all. Then: connector sync enrichment")
    else:
        say("Nothing differs.")
    finish(clean=not any(one.state in ("proposed", "review", "failed") for one in found))


@app.command(
    epilog=examples(
        "connector enrichment approve 000000000000017",
        "connector enrichment approve --all",
        "connector enrichment approve 000000000000017 --company M1 --json",
    )
)
def approve(
    suppliers: Suppliers = None, every: Every = False, company: OneCompany = None, json: AsJson = False
) -> None:
    """Let the next run write what Basware has: all that is proposed of these suppliers.

    Of a supplier that is named also what was rejected before, or what SYSPRO did not take when it was sent.

    Exit code 1: something cannot be approved; it is listed with what to do.
    """
    from connector_defs.flows import enrichment_decisions

    chosen = _chosen(suppliers, every=every)
    with opened() as connector:
        pair = chosen_company(connector, company)
        decided = enrichment_decisions.approve(connector, pair, chosen, actor=actor())
    _told(decided, "approved", "Write them now: connector sync enrichment", json=json)


@app.command(
    epilog=examples(
        'connector enrichment reject 000000000000017 --reason "our terms are agreed in the contract"',
        'connector enrichment reject --all --reason "test records"',
    )
)
def reject(
    suppliers: Suppliers = None,
    every: Every = False,
    company: OneCompany = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "rejected by hand",
    json: AsJson = False,
) -> None:
    """Put away what is proposed, or what waits for a look, for as long as Basware holds the same.

    What needs a person is put away only of suppliers that are named.
    """
    from connector_defs.flows import enrichment_decisions

    chosen = _chosen(suppliers, every=every)
    with opened() as connector:
        pair = chosen_company(connector, company)
        decided = enrichment_decisions.reject(connector, pair, chosen, actor=actor(), reason=reason)
    _told(decided, "rejected", "", json=json)


def _chosen(suppliers: list[str] | None, *, every: bool) -> list[str] | None:
    if every == bool(suppliers):
        raise Fatal("Name the suppliers, or say --all.")
    return suppliers or None


def _told(decided: "Decided", verb: str, next_step: str, *, json: bool) -> None:
    if json:
        print_json({"clean": not decided.refused, **vars(decided)})
    else:
        if decided.changes:
            enrichment_tables.changes(f"{len(decided.changes):,} change(s) {verb}", decided.changes)
            say(next_step)
        else:
            say(f"Nothing to be {verb}.")
        tables.problems(decided.refused)
    finish(clean=not decided.refused)


def foresee(day: date | None, *, json: bool) -> None:
    """`connector sync enrichment --dry-run`: the table of what would change; nothing is stored, nothing written."""
    from connector_defs.flows import enrichment

    reports: list[EnrichmentReport] = []
    away: list[Problem] = []
    with opened() as connector, busy("Comparing vendors with suppliers"):
        for company in connector.companies:
            try:
                reports.append(enrichment.preview(connector, company, updated_from=day))
            except ConnectorError as error:
                name = company.syspro_company
                away.append(Problem(name, ENTITY, "–", "NOT_COMPARED", str(error), "run it again afterwards"))
    problems = [*away, *(problem for report in reports for problem in report.problems)]
    if json:
        print_json({"clean": not problems, "dry_run": True, "enrichment": reports, "problems": problems})
    else:
        enrichment_tables.compared(reports)
        tables.problems(problems)
    finish(clean=not problems)
