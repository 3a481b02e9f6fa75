"""`connector status` and `connector reconcile`: where everything stands, and whether the books agree."""

from datetime import date, datetime
from typing import Annotated

import typer

from connector_defs.cli import book_tables, webhook_tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.terminal import busy, print_json, say

AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]
Day = Annotated[
    datetime | None,
    typer.Option("--date", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Only this business day."),
]

STATUS_EPILOG = examples("connector status", "connector status --json")
RECONCILE_EPILOG = examples(
    "connector reconcile",
    "connector reconcile --date 2026-11-02 --json",
    "connector reconcile --orders --resend",
)


def day_of(moment: datetime | None) -> date | None:
    """The business day that an option named; no zone is involved."""
    return None if moment is None else moment.date()


def status(json: AsJson = False) -> None:
    """How many invoices are in which state, how many records Basware holds, how old what is open is, and whether
    the control totals of the last runs add up.
    """
    from connector_defs.flows import overview

    with opened() as connector:
        report = overview.status(connector)
    if json:
        print_json(report.as_json())
        return
    book_tables.status(report)
    webhook_tables.status(report.push)
    if report.gl_problems:
        say(
            f"{report.gl_problems:,} AP posting(s) stand without their GL journal: connector queue list --gl-problems",
            "yellow",
        )
    say("What waits, and why: connector queue list")


def reconcile(
    on: Day = None,
    orders: Annotated[
        bool,
        typer.Option(
            "--orders", help="Compare the lines of every order, one call each, and not of a sample."
        ),
    ] = False,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend", help="Mark records that Basware lacks or holds otherwise: the next sync sends them."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Compare both systems and our own state, one by one.

    Invoices: Basware's transferred ones, our postings and SYSPRO's AP ledger; with --date those of that day. Master
    data and orders: SYSPRO's newest reading, our state and what Basware's API holds, field by field, as they stand
    now.

    Exit code 0: they agree, the invoices to the cent. 1: every difference is listed with what to do.
    """
    from connector_defs.flows import record_reconciliation
    from connector_defs.flows.reconciliation import reconcile as compare

    with opened() as connector, busy("Comparing the books"):
        report = compare(connector, day_of(on))
        records = record_reconciliation.reconcile_records(connector, every_order=orders)
        reopened = record_reconciliation.resend(connector, records, actor=actor()) if resend else 0
    clean = report.clean and records.clean
    if json:
        print_json({"clean": clean, **vars(report), "records": records.comparisons, "reopened": reopened})
    else:
        book_tables.reconciliation(report)
        book_tables.comparison(records)
        if resend:
            say(f"{reopened:,} record(s) go again with the next `connector sync` of their flow.")
    finish(clean=clean)
