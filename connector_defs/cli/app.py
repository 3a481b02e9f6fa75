"""The `connector` command as a whole: which commands there are, and the one place where it ends."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from connector_defs.cli import (
    audit,
    books,
    credentials,
    database,
    demo,
    enrichment,
    first_settings,
    mapping,
    ping,
    queue,
    records,
    sandbox,
    serve,
    source_tables,
    staging,
    sync,
    ui,
    webhook,
)
from connector_defs.cli.endings import explain, nothing_in_the_open
from connector_defs.cli.examples import examples
from connector_defs.cli.logs import configure_logs
from connector_defs.cli.terminal import say

app = typer.Typer(
    name="connector",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=examples(
        "connector demo", "connector init", "connector ping", "connector sync all", "connector queue list"
    ),
)


def _tell_version(asked: bool) -> None:
    if asked:
        say(f"connector {version('syspro-basware-connector')}")
        raise typer.Exit


@app.callback()
def connector(
    config: Annotated[
        Path | None, typer.Option(help="Settings file; otherwise CONNECTOR_CONFIG, else connector.toml here.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say on stderr what is being done.")
    ] = False,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    """Moves suppliers, GL accounts, cost centres and purchase orders from SYSPRO to Basware,
    and approved invoices, payment terms and tax ids from Basware to SYSPRO.

    Exit codes: 0 done and clean, 1 problems listed with reason and remedy, 2 wrong use or settings.
    """
    configure_logs(verbose=verbose)
    if config is not None:
        # Dagster's code reads the settings by itself: the environment is how it learns of the file.
        os.environ["CONNECTOR_CONFIG"] = str(config)


_TRY, _SET_UP, _RUN, _DECIDE, _LOOK = (
    "Try it out",
    "Set up",
    "Every day",
    "What people decide",
    "What happened",
)

app.command("demo", epilog=demo.EPILOG, rich_help_panel=_TRY)(demo.demo)
app.command("sandbox", epilog=sandbox.EPILOG, rich_help_panel=_TRY)(sandbox.sandbox)
app.command("ui", hidden=True)(ui.ui)
app.command("init", epilog=first_settings.EPILOG, rich_help_panel=_SET_UP)(first_settings.init)
app.command("ping", epilog=ping.EPILOG, rich_help_panel=_SET_UP)(ping.ping)
app.add_typer(credentials.app, name="credentials", rich_help_panel=_SET_UP)
app.add_typer(database.app, name="db", rich_help_panel=_SET_UP)
app.add_typer(webhook.app, name="webhook", rich_help_panel=_SET_UP)
app.command("sync", epilog=sync.EPILOG, rich_help_panel=_RUN)(sync.sync)
app.command("serve", epilog=serve.EPILOG, rich_help_panel=_RUN)(serve.serve)
app.command("status", epilog=books.STATUS_EPILOG, rich_help_panel=_RUN)(books.status)
app.command("reconcile", epilog=books.RECONCILE_EPILOG, rich_help_panel=_RUN)(books.reconcile)
app.add_typer(queue.app, name="queue", rich_help_panel=_DECIDE)
app.add_typer(mapping.app, name="mapping", rich_help_panel=_DECIDE)
app.add_typer(records.app, name="records", rich_help_panel=_DECIDE)
app.add_typer(enrichment.app, name="enrichment", rich_help_panel=_DECIDE)
app.add_typer(audit.app, name="audit", rich_help_panel=_LOOK)
app.add_typer(source_tables.app, name="tables", rich_help_panel=_LOOK)
app.command("sql", epilog=staging.EPILOG, rich_help_panel=_LOOK)(staging.sql)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no exception leaves it.

    Whatever the command or a library under it writes is its user's alone: state, rows, logs, exports.
    """
    try:
        with nothing_in_the_open():
            app(arguments, prog_name="connector")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except Exception as error:  # noqa: BLE001 - the last stop before the person at the terminal
        return int(explain(error))
    return 0
