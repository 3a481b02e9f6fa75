"""`connector mapping export` and `connector mapping import`: rules as CSV or Excel files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_defs.cli import mapping_tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.terminal import busy, print_json, say

if TYPE_CHECKING:
    from connector_defs.flows.mapping_import import ImportReport, Kind

_KINDS: tuple["Kind", ...] = ("added", "changed", "retired", "unchanged")
EXPORT_EPILOG = examples(
    "connector mapping export mapping.xlsx", "connector mapping export mapping.csv --company M1 --overwrite"
)
IMPORT_EPILOG = examples(
    "connector mapping import mapping.xlsx --dry-run",
    'connector mapping import mapping.xlsx --reason "chart of 2027"',
    "connector mapping import mapping.csv --dry-run --json",
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .xlsx or .csv.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]


def export_file(
    file: File,
    company: Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    json: AsJson = False,
) -> None:
    """Write the rules in force to a file, every cell as text. Import takes it back as it is.

    For Excel choose .xlsx: in a .csv file Excel takes 0100 for 100 and 1E5 for 100000 as soon as it saves it.
    """
    from connector_defs.flows import mapping
    from connector_defs.flows.mapping_files import write_rules

    with opened() as connector:
        number = write_rules(file, mapping.rules(connector, company), overwrite=overwrite)
    if json:
        print_json({"file": file, "rules": number})
    else:
        say(f"{number:,} rule(s) written to {file}.")


def import_file(
    *,
    file: File,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Change nothing: list what would change, and whom it would free."),
    ] = False,
    reason: Annotated[
        str, typer.Option(help="Why, for lines without a reason of their own; kept with the rule.")
    ] = "imported from a file",
    json: AsJson = False,
) -> None:
    """Set rules from a file: all of them, or none where a line is refused.

    Columns: company, account_code, cost_center, dimensions, gl_code, valid_from, valid_to, reason. Only account_code
    and gl_code are needed; dimensions are written dim1=NORTH;project=P-7, dates 2026-01-31. A further column status
    with `retired` withdraws a rule. A rule that is in no line stays as it is.

    Exit code 1: lines are refused and nothing was imported; each is listed with its number and what to do.
    """
    from connector_defs.flows.mapping_import import import_rules

    with opened() as connector, busy("Comparing the file with the rules and with SYSPRO"):
        report = import_rules(connector, file, actor=actor(), reason=reason, dry_run=dry_run)
    if json:
        print_json({"clean": report.clean, **vars(report)})
    else:
        mapping_tables.import_report(report)
        say(_verdict(report))
        if report.released:
            say(f"{report.released:,} waiting invoice(s) released. Post them now: connector sync invoices")
    finish(clean=report.clean)


def _verdict(report: "ImportReport") -> str:
    counts = [f"{report.count(kind):,} {kind}" for kind in _KINDS]
    counted = f"{', '.join(counts)}, {len(report.refused):,} refused"
    if report.refused:
        return f"{counted}. Nothing is imported while a line is refused."
    if not report.imported:
        return f"{counted}. Nothing was changed: leave out --dry-run to import."
    if report.proposed:
        return f"{counted}. They are proposals until another person approves: connector mapping approve --all"
    return f"{counted}. Imported."
