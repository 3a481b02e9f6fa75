"""`connector webhook`: whether Basware notifies this connector, and of what.

Without it every invoice is found all the same, by polling; with it, sooner and with fewer calls.
"""

from typing import Annotated

import typer

from connector_defs.cli import webhook_tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.terminal import busy, print_json, say

app = typer.Typer(
    help="Push notifications from Basware: subscribe, look at what is subscribed, unsubscribe.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]


@app.command(
    epilog=examples(
        "connector webhook subscribe --url https://connector.example.com/webhooks/basware",
        "connector webhook subscribe --url https://connector.example.com/webhooks/basware --rotate",
    )
)
def subscribe(
    url: Annotated[
        str,
        typer.Option(
            help="Where Basware reaches `connector serve`: https, a public name, path /webhooks/basware.",
        ),
    ],
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate", help="Make a new secret and tell Basware; the old one stays good meanwhile."
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete a subscription of the same kind that goes elsewhere.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Have Basware tell of invoices for transfer, and of records that fail late.

    The secret that signs these notifications is made here, stored before Basware learns it, and shown nowhere. Where
    BASWARE_WEBHOOK_SECRET is set, that one is used. Basware tests the connection at once, so `connector serve` runs
    before. What is subscribed already is left as it is, and a call that failed is finished by the next.

    Exit code 0: Basware lists the subscription with this address. 1: it does not, or refused; 2: the address cannot
    be one.
    """
    from connector_defs.flows import subscriptions

    with opened() as connector, busy("Subscribing at Basware"):
        done = subscriptions.subscribe(connector, url, rotate=rotate, replace=replace, actor=actor())
    clean = done.standing.sound
    if json:
        print_json({"clean": clean, **vars(done)})
    else:
        webhook_tables.subscribed(done)
    finish(clean=clean)


@app.command("list", epilog=examples("connector webhook list", "connector webhook list --json"))
def list_subscriptions(json: AsJson = False) -> None:
    """What Basware has subscribed for this client, and whether its secret is ours; no secret is shown.

    Exit code 0: ours is as it should be, or nothing was subscribed from here. 1: it is missing, or goes elsewhere.
    """
    from connector_defs.flows import subscriptions

    with opened() as connector, busy("Asking Basware"):
        found = subscriptions.show(connector)
    clean = found.standing is None or found.standing.sound
    if json:
        print_json({"clean": clean, "subscriptions": found.listed, "standing": found.standing})
    else:
        webhook_tables.listed(found)
    finish(clean=clean)


@app.command(epilog=examples("connector webhook unsubscribe", "connector webhook unsubscribe --all"))
def unsubscribe(
    every: Annotated[
        bool, typer.Option("--all", help="Every subscription that this client sees, whoever made it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """End the notifications to this connector; polling goes on, a minute apart again.

    Exit code 1: Basware would delete another subscription along with ours, or still lists ours.
    """
    from connector_defs.flows import subscriptions

    with opened() as connector, busy("Deleting at Basware"):
        done = subscriptions.unsubscribe(connector, every=every, actor=actor())
    if json:
        print_json({"clean": True, **vars(done)})
    elif done.deleted:
        say(f"Deleted: {', '.join(done.deleted)}.")
    else:
        say(
            "Nothing was subscribed from here."
            + (" Others are listed by: connector webhook list" if done.left else "")
        )
    finish(clean=True)
