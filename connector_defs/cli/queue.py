"""`connector queue`: the invoices that wait, one of them in full, and what SYSPRO would say to them.

What a person decides about one is in `decisions`.
"""

import re
from datetime import timedelta
from typing import Annotated

import typer

from connector_defs.cli import decisions, invoice_tables, tables
from connector_defs.cli.decisions import AsJson, Key
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import opened
from connector_defs.cli.terminal import busy, print_json, say
from connector_defs.domain.states import State

app = typer.Typer(
    help="The invoices that wait for a person, a mapping or their next attempt.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Company = Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")]

_AGE = re.compile(r"(\d{1,5})\s*([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text.strip().lower())
    if found is None:
        raise typer.BadParameter("give a number with m, h or d: 90m, 4h, 2d")
    return int(found[1]) * _UNITS[found[2]]


@app.command(
    "list",
    epilog=examples(
        "connector queue list",
        "connector queue list --company M1 --state needs_review --older-than 2d",
        "connector queue list --code GL_CODE_ --supplier 123 --json",
        "connector queue list --gl-problems",
    ),
)
def list_items(
    *,
    company: Company = None,
    state: Annotated[
        list[State] | None, typer.Option(help="Only in this state; may be given several times.")
    ] = None,
    code: Annotated[str, typer.Option(help="Only with this reason code, or one that begins so.")] = "",
    supplier: Annotated[str, typer.Option(help="Only of this supplier; zero padding is ignored.")] = "",
    older_than: Annotated[
        timedelta | None,
        typer.Option(parser=_age, metavar="AGE", help="Only what arrived longer ago: 90m, 4h, 2d."),
    ] = None,
    gl_problems: Annotated[
        bool,
        typer.Option("--gl-problems", help="Instead: AP postings that stand while their GL journal failed."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Every waiting invoice with its reason and what to do about it, and the sums by reason and currency.

    Exit code 0: nothing waits. 1: something does.
    """
    from connector_defs.flows import queue

    if gl_problems and (state or code or supplier or older_than):
        raise typer.BadParameter("--gl-problems goes with --company alone")
    with opened() as connector:
        if gl_problems:
            items = queue.gl_problems(connector, company)
        else:
            items = queue.waiting(
                connector, company, states=state or (), code=code, supplier=supplier, older_than=older_than
            )
    if json:
        print_json(items)
    elif not items:
        say("No GL journal failed." if gl_problems else "Nothing waits.")
    elif gl_problems:
        invoice_tables.gl_problems(items)
        say(
            "They are never posted again. Once put right in SYSPRO: connector queue settle-gl KEY --reason WHY"
        )
    else:
        tables.queue(items)
        invoice_tables.totals(items)
        say(f"{len(items):,} invoice(s) wait. One in detail: connector queue show KEY")
    finish(clean=not items)


@app.command(
    epilog=examples(
        "connector queue show INV-2026-0042",
        "connector queue show INV-2026-0042 --look-up",
        "connector queue show 7f3b1c2a --json",
    )
)
def show(
    key: Key,
    look_up: Annotated[
        bool, typer.Option("--look-up", help="Ask SYSPRO and Basware as well what they hold of it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """One invoice in full: where it stands and why, its coding and GL codes, what was decided, what to do."""
    from connector_defs.flows import invoice_story

    with opened() as connector:
        story = invoice_story.tell(connector, key, look_up=look_up)
    if json:
        rest = {name: value for name, value in vars(story).items() if name != "item"}
        print_json({**vars(story.item), **rest})
    else:
        invoice_tables.story(story)


@app.command(
    epilog=examples(
        "connector queue preview",
        "connector queue preview INV-2026-0042",
        "connector queue preview --company M1 --limit 10 --json",
    )
)
def preview(
    key: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", help="One invoice; without it, all that wait for posting or review."),
    ] = None,
    company: Company = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each company, oldest first.")] = 50,
    json: AsJson = False,
) -> None:
    """What SYSPRO would say if the waiting invoices were posted now. Nothing is posted, nothing moves.

    It takes the operator's session for that time. Exit code 0: all would post. 1: some would not, or the
    operator is at work and could not be asked.
    """
    from connector_defs.flows import preview as flow

    with opened() as connector, busy("Asking SYSPRO"):
        if key is not None:
            told = flow.preview_one(connector, key)
        else:
            told = flow.preview_waiting(connector, company, at_most=limit)
    if json:
        print_json({"clean": told.clean, **vars(told)})
    else:
        invoice_tables.preview(told)
    finish(clean=told.clean)


decisions.add_to(app)
