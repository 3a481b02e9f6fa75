"""`connector db`: the schema of the state store."""

from typing import Annotated

import typer

from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import settings
from connector_defs.cli.terminal import busy, print_json, say

app = typer.Typer(
    help="The schema of the state store (CONNECTOR_STATE_URL).",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command(epilog=examples("connector db upgrade"))
def upgrade() -> None:
    """Bring the state store to the schema this version needs. Make a backup first; run it after every update."""
    from connector_defs.store import schema

    url = settings().storage.state_url
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

    status = schema.check(settings().storage.state_url)
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
