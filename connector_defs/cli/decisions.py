"""What a person decides about one waiting invoice, as commands of `connector queue`.

Belongs here: arguments, questions and what is said afterwards. The acts themselves are in `flows`.
"""

import sys
from typing import Annotated

import typer

from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.terminal import print_json, say
from connector_defs.flows.reports import QueueItem

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="Invoice id, its first 8 or more characters, or invoice number.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_POST_NOW = "Post it now: connector sync invoices"


def add_to(app: typer.Typer) -> None:
    """Put the commands of this room under `connector queue`."""
    for name, act, example in (
        ("retry", retry, 'connector queue retry INV-2026-0042 --reason "supplier is off hold"'),
        ("release", release, 'connector queue release INV-2026-0042 --reason "checked with the buyer"'),
        ("period", period, 'connector queue period INV-2026-0042 P --reason "belongs to October"'),
        (
            "accept-rounding",
            accept_rounding,
            'connector queue accept-rounding INV-2026-0042 --reason "supplier rounds per line"',
        ),
        (
            "adopt",
            adopt,
            'connector queue adopt INV-2026-0042 --voucher 202611-00017-0001 --reason "keyed by hand"',
        ),
        ("reject", reject, 'connector queue reject INV-2026-0042 --reason "not ours"'),
        ("dead", dead, 'connector queue dead INV-2026-0042 --reason "supplier in dispute"'),
        ("revive", revive, 'connector queue revive INV-2026-0042 --reason "dispute settled"'),
        (
            "settle-gl",
            settle_gl,
            'connector queue settle-gl INV-2026-0042 --reason "GL journal 123 keyed by hand"',
        ),
    ):
        app.command(name, epilog=examples(example))(act)


def retry(key: Key, reason: Reason = "tried again by hand", json: AsJson = False) -> None:
    """Try an invoice again, after the cause is gone. The next `connector sync invoices` takes it."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.retry(connector, key, actor=actor(), reason=reason)
    _decided(item, _POST_NOW, json=json)


def release(
    key: Key,
    reason: Annotated[str, typer.Option(help="Why it may go on; kept in the audit.")],
    json: AsJson = False,
) -> None:
    """Let an invoice go on although it was held for review. The next `connector sync invoices` takes it.

    One that stands in SYSPRO already is answered with its voucher as it stands.
    """
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.release(connector, key, actor=actor(), reason=reason)
    _decided(item, _POST_NOW, json=json)


def period(
    key: Key,
    to: Annotated[
        str,
        typer.Argument(
            metavar="PERIOD",
            help="C the current period, P the one before, B the one before that; or year and number, 2026-10.",
        ),
    ],
    reason: Reason,
    json: AsJson = False,
) -> None:
    """Choose the posting period of one invoice, for instance after a period was closed. It is checked afresh."""
    from connector_defs.flows import decisions

    with opened() as connector:
        item = decisions.choose_period(connector, key, to, actor=actor(), reason=reason)
    _decided(item, _POST_NOW, json=json)


def accept_rounding(key: Key, reason: Reason, json: AsJson = False) -> None:
    """Accept the difference between rows and gross sum of an UNBALANCED invoice, as it stands now.

    It goes to posting.rounding_account; posting.largest_accepted_rounding is the limit.
    """
    from connector_defs.flows import decisions

    with opened() as connector:
        item = decisions.accept_rounding(connector, key, actor=actor(), reason=reason)
    _decided(item, _POST_NOW, json=json)


def adopt(
    key: Key,
    reason: Reason,
    voucher: Annotated[
        str, typer.Option(help="The voucher you mean; refused where SYSPRO holds the invoice under another.")
    ] = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Take what somebody keyed into SYSPRO for this invoice's posting: Basware gets that voucher.

    It must stand there under the same supplier and number, over exactly the same amount.
    """
    from connector_defs.flows import decisions, queue

    with opened() as connector:
        item = queue.show(connector, key)
        _confirm(f"Answer invoice {item.invoice_number} of {item.supplier} with what stands in SYSPRO?", yes)
        item = decisions.adopt(connector, key, actor=actor(), reason=reason, voucher=voucher)
    _decided(
        item, f"Basware hears of voucher {item.voucher} with the next connector sync invoices.", json=json
    )


def reject(
    key: Key,
    reason: Annotated[
        str, typer.Option(help="Why; kept in the audit, and what Basware's users read (250 characters).")
    ],
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Refuse an invoice for good: it is never posted, and Basware is told that the transfer failed."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.show(connector, key)
        _confirm(f"Refuse invoice {item.invoice_number} of {item.supplier} for good?", yes)
        item = queue.reject(connector, key, actor=actor(), reason=reason)
    _decided(item, "It is never posted, and Basware waits for it no more.", json=json)


def dead(key: Key, reason: Reason, json: AsJson = False) -> None:
    """Set an invoice aside: nothing is done with it until it is revived or rejected, or changes in Basware."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.mark_dead(connector, key, actor=actor(), reason=reason)
    _decided(item, "Go on with it: connector queue revive", json=json)


def revive(key: Key, reason: Reason, json: AsJson = False) -> None:
    """Start a dead invoice over, with all its attempts."""
    from connector_defs.flows import queue

    with opened() as connector:
        item = queue.revive(connector, key, actor=actor(), reason=reason)
    _decided(item, _POST_NOW, json=json)


def settle_gl(key: Key, reason: Reason, json: AsJson = False) -> None:
    """Mark the failed GL journal of an AP posting as dealt with in SYSPRO. Nothing is posted."""
    from connector_defs.flows import decisions

    with opened() as connector:
        item = decisions.settle_gl(connector, key, actor=actor(), reason=reason)
    _decided(item, "Its GL journal counts as dealt with.", json=json)


def _confirm(question: str, yes: bool) -> None:
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def _decided(item: QueueItem, then: str, *, json: bool) -> None:
    if json:
        print_json(item)
    else:
        say(f"Invoice {item.invoice_number or item.invoice_id} is {item.state}. {then}")
