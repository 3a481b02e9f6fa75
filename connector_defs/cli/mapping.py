"""`connector mapping`: which GL code of SYSPRO stands for an account code of Basware."""

from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, chosen_company, opened
from connector_defs.cli.terminal import print_json, say

app = typer.Typer(
    help="Which SYSPRO GL code stands for a Basware account code.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command(
    "list",
    epilog=examples(
        "connector mapping list", "connector mapping list --unmapped", "connector mapping list --json"
    ),
)
def list_rules(
    company: Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")] = None,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Only the codes that invoices wait for.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")
    ] = False,
) -> None:
    """The rules in force, and the account codes that have none although an invoice needs one.

    A rule for an account code and a cost centre wins over the rule for the account code alone.
    """
    from connector_defs.flows import mapping, overview

    with opened() as connector:
        name = None if company is None else connector.settings.company(company).syspro_company
        rules = [] if unmapped else mapping.rules(connector, name)
        missing = [each for each in overview.unmapped_accounts(connector) if name in (None, each.company)]
    if json:
        print_json({"rules": rules, "unmapped": missing})
        return
    if not unmapped:
        tables.mapping_rules(rules)
    if missing:
        tables.unmapped(missing)
        say("Give one its GL code: connector mapping set ACCOUNT_CODE GL_CODE")
    else:
        say("No invoice waits for a mapping.")


@app.command(
    "set",
    epilog=examples(
        "connector mapping set 6100 10-6100",
        'connector mapping set 6100 10-6150 --cost-center CC010 --reason "travel of sales"',
    ),
)
def set_rule(
    *,
    account_code: Annotated[
        str, typer.Argument(metavar="ACCOUNT_CODE", help="Account code on the coding row.")
    ],
    gl_code: Annotated[
        str, typer.Argument(metavar="GL_CODE", help="GL code in SYSPRO, exactly as stored there.")
    ],
    cost_center: Annotated[
        str | None, typer.Option(help="Only for this cost centre; otherwise for any.")
    ] = None,
    company: Annotated[str | None, typer.Option(help="Company; needed where several are configured.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the rule and in the audit.")] = "set by hand",
    json: Annotated[
        bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")
    ] = False,
) -> None:
    """Say which GL code an account code means. Invoices that waited for it are released by themselves."""
    from connector_defs.flows import mapping

    with opened() as connector:
        pair = chosen_company(connector, company)
        rule, released = mapping.set_rule(
            connector, pair.syspro_company, account_code, cost_center, gl_code, actor=actor(), reason=reason
        )
    if json:
        print_json({"rule": rule, "released": released})
        return
    where = f" for cost centre {rule.cost_center}" if rule.cost_center else ""
    say(
        f"{rule.company}: account code {rule.account_code}{where} is GL code {rule.gl_code} (version {rule.version})."
    )
    if released:
        say(f"{released:,} waiting invoice(s) released. Post them now: connector sync invoices")
