"""`connector db`: the schema of the state store, and what to do after it was restored from a backup."""

from typing import Annotated

import typer

from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, chosen_company, opened, settings, storage
from connector_defs.cli.terminal import busy, print_json, say

app = typer.Typer(
    help="The state store (CONNECTOR_STATE_URL): its schema, and its return from a backup.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command(epilog=examples("connector db upgrade"))
def upgrade() -> None:
    """Bring the state store to the schema this version needs. Make a backup first; run it after every update."""
    from connector_defs.store import schema

    url = storage().state_url
    with busy("Upgrading the state store"):
        revision = schema.upgrade(url)
    say(f"The state store is at schema {revision}.")


@app.command(epilog=examples("connector db check", "connector db check --json"))
def check(
    json: Annotated[
        bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")
    ] = False,
) -> None:
    """Is the state store at the schema this version needs? Exit code 1: no, and it says what to do."""
    from connector_defs.store import schema

    status = schema.check(storage().state_url)
    if json:
        print_json({"ok": status.ok, **vars(status)})
    elif status.ok:
        say(f"The state store is at schema {status.current}, as this version needs.")
    else:
        say(
            f"The state store is at schema {status.current or 'none'}; this version needs {status.head}.",
            "red",
        )
        say(status.remedy)
    finish(clean=status.ok)


@app.command(epilog=examples("connector db restored"))
def restored() -> None:
    """Say that the state store came from a backup: postings and answers since then are taken over first.

    Nothing is posted or answered until what SYSPRO and Basware hold has been taken over and the books agree.
    The next `connector sync invoices` does that and then goes on by itself. A restored store is noticed by
    itself on the machine it ran on; this is for any other case.
    """
    from connector_defs.flows import restoring

    with opened() as connector:
        held = restoring.hold_all(
            connector, "a person says that it was restored from a backup", actor=actor()
        )
    for company in held:
        say(f"Company {company} is on hold until its books were compared.")
    if not held:
        say("Every company is on hold already.")
    say("Compare and go on: connector sync invoices")


@app.command(epilog=examples('connector db release --company M1 --reason "the two differences are known"'))
def release(
    reason: Annotated[
        str, typer.Option(help="Why the differences that are left may stand; kept in the audit.")
    ],
    company: Annotated[str | None, typer.Option(help="Which company, where there are several.")] = None,
) -> None:
    """Let a company go on after a restore although `connector reconcile` still names differences.

    Exit code 1: the company is not on hold.
    """
    from connector_defs.flows import restoring

    with opened() as connector:
        chosen = chosen_company(connector, company)
        released = restoring.release(connector, chosen, reason, actor=actor())
    if released:
        say(f"Company {chosen.syspro_company} goes on with the next connector sync invoices.")
    else:
        say(f"Company {chosen.syspro_company} is not on hold.", "red")
    finish(clean=released)


@app.command(epilog=examples('connector db rebind --reason "Basware gave us a new client id"'))
def rebind(
    reason: Annotated[str, typer.Option(help="Why it is the same tenant and company; kept in the audit.")],
) -> None:
    """Let the state store belong to other settings: the same tenant and companies under a new name.

    A store is refused where the settings name another Basware region, API, client or company than it was used
    with. For another tenant or environment use another store. After this nothing is posted or answered until what
    SYSPRO and Basware hold agrees with the store, which the next `connector sync invoices` finds out.

    Exit code 1: the store belongs to these settings already.
    """
    from connector_defs.flows.binding import Binding
    from connector_defs.flows.binding import rebind as bind_anew
    from connector_defs.flows.runtime import open_unbound

    chosen = settings()
    with open_unbound(chosen) as connector:
        wanted = Binding.of(chosen, connector.basware_urls[0])
        changed = bind_anew(connector.store, wanted, reason, connector.clock.now(), actor=actor())
    for change in changed:
        say(f"{change}.")
    if changed:
        say("Every company is on hold until its books were compared: connector sync invoices")
    else:
        say("The store belongs to these settings already.", "red")
    finish(clean=bool(changed))
