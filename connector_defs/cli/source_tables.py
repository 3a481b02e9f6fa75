"""`connector tables`: how SYSPRO's tables looked when they were last read, and taking one as it is now."""

from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.books import AsJson
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, chosen_company, opened
from connector_defs.cli.terminal import print_json, say
from connector_defs.domain.errors import Fatal

app = typer.Typer(
    help="SYSPRO's tables as they were last read.", no_args_is_help=True, rich_markup_mode="markdown"
)


@app.command("list", epilog=examples("connector tables list", "connector tables list --json"))
def list_tables(json: AsJson = False) -> None:
    """Rows and columns of every table when it was last read."""
    from connector_defs.store import control

    with opened() as connector, connector.store.read() as connection:
        seen = control.seen_tables(connection)
    if json:
        print_json(seen)
        return
    tables.table(
        "Tables read from SYSPRO",
        [
            ("company", "key"),
            ("table", "key"),
            ("day", "key"),
            ("rows", "number"),
            ("SYSPRO counts", "number"),
            ("columns", "number"),
            ("read at", "key"),
        ],
        [
            (one.company, one.name, one.day, one.rows, one.counted, len(one.columns), one.staged_at)
            for one in seen
        ],
    )


@app.command("accept", epilog=examples("connector tables accept suppliers --company M1"))
def accept(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="A table of `connector tables list`.")],
    company: Annotated[str | None, typer.Option(help="SYSPRO or Basware company.")] = None,
) -> None:
    """Take a table as it is now, although columns are gone or hold another kind of value than before.

    Basware's records lose what stood in the columns that are gone, with the next run.
    """
    from connector_defs.flows import source_tables

    with opened() as connector:
        pair = chosen_company(connector, company)
        if not source_tables.accept(connector, pair, name, actor=actor()):
            raise Fatal(
                f"{name} of company {pair.syspro_company} was never read: `connector tables list` shows those that were."
            )
    say(f"{name} of company {pair.syspro_company} is taken as it is with the next run.")
