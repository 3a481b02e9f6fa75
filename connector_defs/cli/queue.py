"""`connector queue`: the invoices that wait, and what a person decides about them."""

import sys
from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.terminal import print_json, say
from connector_defs.flows.reports import QueueItem

app = typer.Typer(
    help="The invoices that wait for a person, a mapping or their next attempt.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="Invoice id, its first 8 or more characters, or invoice number.")
]
Company = Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]


@app.command(
    "list",
    epilog=examples(
        "connector queue list", "connector queue list --company M1", "connector queue list --json"
    ),
)
def list_items(company: Company = None, json: AsJson = False) -> None:
    """Every waiting invoice with its reason and what to do about it.

    Exit code 0: nothing waits. 1: something does.
    """
    from connector_defs.flows import queue

    with opened() as connector:
        items = queue.waiting(connector, company)
    if json:
        print_json(items)
    elif items:
        tables.queue(items)
        say(f"{len(items):,} invoice(s) wait. One in detail: connector queue show KEY")
    else:
        say("Nothing waits.")
    finish(clean=not items)


@app.command(epilog=examples("connector queue show INV-2026-0042", "connector queue show 7f3b1c2a --json"))
def show(key: Key, json: AsJson = False) -> None:
    """One invoice: where it stands, why, and what to do."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.show(connector, key)
    if json:
        print_json(item)
        return
    tables.fields(
        f"Invoice {item.invoice_number or item.invoice_id}",
        {
            "company": item.company,
            "invoice id": item.invoice_id,
            "supplier": item.supplier,
            "gross": f"{tables.cell_text(item.gross)} {item.currency}",
            "state": item.state,
            "code": item.code,
            "reason": item.reason,
            "what to do": item.remedy,
            "attempts": item.attempts,
            "received (UTC)": item.received_at,
            "next attempt (UTC)": item.next_attempt_at,
        },
    )
    say(f"Its whole life: connector audit show {item.invoice_id}")


@app.command(epilog=examples('connector queue retry INV-2026-0042 --reason "supplier is off hold"'))
def retry(key: Key, reason: Reason = "tried again by hand", json: AsJson = False) -> None:
    """Try an invoice again, after the cause is gone. The next `connector sync invoices` takes it."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.retry(connector, key, actor=actor(), reason=reason)
    _decided(item, "Post it now: connector sync invoices", json=json)


@app.command(epilog=examples('connector queue release INV-2026-0042 --reason "checked with the buyer"'))
def release(
    key: Key,
    reason: Annotated[str, typer.Option(help="Why it may go on; kept in the audit.")],
    json: AsJson = False,
) -> None:
    """Let an invoice go on although it was held for review. The next `connector sync invoices` takes it."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.release(connector, key, actor=actor(), reason=reason)
    _decided(item, "Post it now: connector sync invoices", json=json)


@app.command(epilog=examples('connector queue reject INV-2026-0042 --reason "not ours"'))
def reject(
    key: Key,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit and sent to Basware.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Refuse an invoice for good: it is never posted, and Basware is told that the transfer failed."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.show(connector, key)
        if not yes and sys.stdin.isatty():
            question = f"Refuse invoice {item.invoice_number} of {item.supplier} for good?"
            typer.confirm(question, abort=True, err=True)
        item = queue.reject(connector, key, actor=actor(), reason=reason)
    _decided(item, "Basware hears of it with the next connector sync invoices.", json=json)


def _decided(item: QueueItem, then: str, *, json: bool) -> None:
    if json:
        print_json(item)
    else:
        say(f"Invoice {item.invoice_number or item.invoice_id} is {item.state}. {then}")
