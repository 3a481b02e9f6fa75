"""`connector status` and `connector reconcile`: where everything stands, and whether the books agree."""

from datetime import date, datetime
from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import opened
from connector_defs.cli.terminal import busy, print_json, say

AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]
Day = Annotated[
    datetime | None,
    typer.Option("--date", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Only this business day."),
]

STATUS_EPILOG = examples("connector status", "connector status --json")
RECONCILE_EPILOG = examples("connector reconcile", "connector reconcile --date 2026-11-02 --json")


def day_of(moment: datetime | None) -> date | None:
    """The business day that an option named; no zone is involved."""
    return None if moment is None else moment.date()


def status(json: AsJson = False) -> None:
    """How many invoices are in which state, how many records Basware holds, and how old the oldest open one is."""
    from connector_defs.flows import overview

    with opened() as connector:
        report = overview.status(connector)
    if json:
        print_json(report.as_json())
        return
    tables.status(report)
    if report.gl_problems:
        say(
            f"{report.gl_problems:,} AP posting(s) stand without their GL journal: connector queue list --gl-problems",
            "yellow",
        )
    say("What waits, and why: connector queue list")


def reconcile(on: Day = None, json: AsJson = False) -> None:
    """Compare Basware's transferred invoices, our own postings and SYSPRO's AP ledger, one by one.

    Exit code 0: they agree to the cent. 1: every difference is listed with what to do.
    """
    from connector_defs.flows.reconciliation import reconcile as compare

    with opened() as connector, busy("Comparing the books"):
        report = compare(connector, day_of(on))
    if json:
        print_json({"clean": report.clean, **vars(report)})
    else:
        tables.reconciliation(report)
    finish(clean=report.clean)
