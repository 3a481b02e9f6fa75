"""`connector records`: what Basware was sent, record by record, and the order to send some of it again."""

from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.decisions import AsJson
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import opened
from connector_defs.cli.terminal import print_json, say

app = typer.Typer(
    help="Suppliers, accounts, orders and the like, as Basware was told of them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Company = Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")]


@app.command(
    "list",
    epilog=examples(
        "connector records list",
        "connector records list --state warning --entity vendors",
        "connector records list --state held --json",
    ),
)
def list_records(
    *,
    state: Annotated[
        str | None,
        typer.Option(help="failed, quarantined, held, sent or warning; without it, all of these."),
    ] = None,
    entity: Annotated[str | None, typer.Option(help="Only of this entity, such as vendors.")] = None,
    company: Company = None,
    json: AsJson = False,
) -> None:
    """Every record that Basware has not plainly confirmed, with the reason.

    Exit code 0: there are none. 1: they are listed.
    """
    from connector_defs.flows import overview

    with opened() as connector:
        name = connector.settings.company(company).syspro_company if company else None
        found = overview.unsettled(connector, state)
    shown = [one for one in found if entity in (None, one.entity) and name in (None, one.company)]
    if json:
        print_json(shown)
    elif not shown:
        say("Every record is confirmed.")
    else:
        tables.problems(shown)
    finish(clean=not shown)


@app.command(
    epilog=examples(
        "connector records resend vendors 4711 --reason 'deleted in P2P by mistake'",
        "connector records resend matchingOrderLines 000000000010001 --reason 'order incomplete in P2P'",
        "connector records resend accounts --all --reason 'new P2P environment'",
    )
)
def resend(
    entity: Annotated[
        str, typer.Argument(help="Basware's name of the entity: vendors, accounts, matchingOrders …")
    ],
    keys: Annotated[
        list[str] | None, typer.Argument(help="SYSPRO's keys; an order stands for all of its lines.")
    ] = None,
    *,
    whole: Annotated[bool, typer.Option("--all", help="Every record of the entity.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")],
    company: Company = None,
    json: AsJson = False,
) -> None:
    """Let records go to Basware again although nothing changed, e.g. where P2P has lost them.

    They go with the next run of their flow, each with a harmless difference in a text, because Basware ignores an
    identical record. What depends on them need not wait.

    Exit code 0: all are marked. 1: some go or wait anyway; they are listed.
    """
    from connector_defs.flows import forced
    from connector_defs.flows.runtime import person

    if whole == bool(keys):
        raise typer.BadParameter("give keys, or --all")
    with opened() as connector:
        pairs = [connector.settings.company(company)] if company else list(connector.companies)
        if len(pairs) > 1:
            raise typer.BadParameter("there are several companies: say which with --company")
        report = forced.force(
            connector, pairs[0], entity, None if whole else keys, actor=person(), reason=reason
        )
    if json:
        print_json(report)
    else:
        say(f"{len(report.marked):,} record(s) of {entity} go again with the next run.")
        tables.problems(list(report.left))
    finish(clean=not report.left)
