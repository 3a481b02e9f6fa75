"""`connector audit`: an invoice's whole life, and proof that nobody rewrote it."""

from pathlib import Path
from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import opened
from connector_defs.cli.terminal import busy, print_json, say

app = typer.Typer(
    help="What was done, when, by whom, and proof that the record of it is whole.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]


@app.command(epilog=examples("connector audit show INV-2026-0042", "connector audit show 7f3b1c2a --json"))
def show(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Invoice id, its first characters, or invoice number.")
    ],
    json: AsJson = False,
) -> None:
    """Every event of one document, from its arrival to its answer. Times are UTC."""
    from connector_defs.flows import queue
    from connector_defs.store import audit

    with opened() as connector:
        events = audit.show(connector.store, key)
        if not events:
            events = audit.show(connector.store, queue.show(connector, key).invoice_id)
    if json:
        print_json(events)
    else:
        tables.audit_events(key, events)


@app.command(epilog=examples("connector audit verify", "connector audit verify --json"))
def verify(json: AsJson = False) -> None:
    """Recompute every hash chain and compare. Exit code 1: a record was changed; it says which one."""
    from connector_defs.store import audit

    with opened() as connector, busy("Recomputing the hash chains"):
        result = audit.verify(connector.store)
    if json:
        print_json({"ok": result.ok, **vars(result)})
    elif result.ok:
        say(f"{result.events:,} events in {result.chains:,} chains: every hash holds.", "green")
    else:
        tables.table(
            "The audit was changed",
            [("chain", "key"), ("event", "number"), ("what is wrong", "sentence")],
            [(link.chain, link.sequence, link.reason) for link in result.broken],
        )
        say("Restore the state store from its backup, and find out who wrote to it.", "red")
    finish(clean=result.ok)


@app.command(
    "export",
    epilog=examples(
        "connector audit export audit.jsonl", "connector audit export invoice.csv --key 7f3b1c2a-…"
    ),
)
def export_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .jsonl or .csv.", show_default=False)],
    key: Annotated[str | None, typer.Option(help="Only the events of this record.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    json: AsJson = False,
) -> None:
    """Write the trail to a file, event by event, with the hashes by which anybody can check it.

    Keep it where nobody of this machine can change it: `verify` finds tampering as long as the store is there.
    """
    from connector_defs.store.audit_export import export

    with opened() as connector, busy("Writing the trail"):
        events = export(connector.store, file, key=key, overwrite=overwrite)
    if json:
        print_json({"file": file, "events": events})
    else:
        say(f"{events:,} event(s) written to {file}.")
