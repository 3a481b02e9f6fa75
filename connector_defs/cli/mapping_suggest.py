"""`connector mapping suggest`: candidates for account codes that have no GL code."""

from typing import Annotated

import typer

from connector_defs.cli import mapping_tables
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import opened
from connector_defs.cli.terminal import busy, print_json, say

EPILOG = examples(
    "connector mapping suggest",
    "connector mapping suggest 6400-LEGACY",
    "connector mapping suggest --company M1 --json",
)


def suggest(
    account_code: Annotated[
        str | None,
        typer.Argument(
            metavar="ACCOUNT_CODE",
            help="Only this account code, waited for or not; otherwise all that invoices wait for.",
            show_default=False,
        ),
    ] = None,
    company: Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")
    ] = False,
) -> None:
    """Candidates for account codes without a GL code: a score from 0 to 100, and what speaks for each.

    The grounds are likeness of name and code, what the same suppliers were posted to before, and what other codes
    with the same cost centre stand for. Nothing is mapped: the line that accepts a candidate is printed with it.
    """
    from connector_defs.flows.suggestions import candidates

    with opened() as connector, busy("Comparing with SYSPRO's chart of accounts"):
        found = candidates(connector, company, account_code)
    if json:
        print_json(
            [
                {
                    **{name: value for name, value in vars(one).items() if name != "suggestions"},
                    "suggestions": [{**vars(each), "accept": one.command(each)} for each in one.suggestions],
                }
                for one in found
            ]
        )
    elif found:
        mapping_tables.candidates(found)
    else:
        say("No invoice waits for a mapping.")
