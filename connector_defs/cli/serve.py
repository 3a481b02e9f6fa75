"""`connector serve`: the port that Basware's notifications arrive at, until Ctrl-C or SIGTERM."""

import logging
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from connector_defs.cli.examples import examples
from connector_defs.cli.opening import settings
from connector_defs.cli.terminal import complain, say
from connector_defs.domain.errors import ConnectorError

if TYPE_CHECKING:
    from connector_defs.settings import Settings

_log = logging.getLogger(__name__)

EPILOG = examples("connector serve", "connector serve --host 10.0.0.5 --port 8088")


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine alone unless told otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8088,
) -> None:
    """Take in Basware's notifications at /webhooks/basware; also /health/live, /health/ready and /metrics.

    A notification is verified, stored, and then answered; what it points to is fetched by the next
    `connector sync invoices`, or at once where Dagster's daemon runs. TLS is the reverse proxy's: pass
    on /webhooks/basware alone.

    It starts without a secret, too: Basware tests the connection while `connector webhook subscribe`
    makes one. Until then every notification is refused and /health/ready answers 503.
    """
    from connector_defs.console.app import WEBHOOK, create_app, prepared
    from connector_defs.console.server import Server, listen, url_of

    # What is wrong is told here; the app finds it as well, but speaks to a log only.
    loaded = prepared(settings)
    with listen(host, port) as listening:
        if not _is_loopback(host):
            complain(
                f"Listening beyond this machine without TLS: let only a reverse proxy with TLS reach {url_of(listening)}.",
                style="yellow",
            )
        # Notifications are answered from the first moment on, whether Basware answers us or not.
        Thread(target=_look_at_push, args=(loaded,), name="push watch", daemon=True).start()
        say(f"Listening for notifications at {url_of(listening)}{WEBHOOK}. Ctrl-C stops.")
        Server(create_app(settings)).run(sockets=[listening])


def _look_at_push(chosen: "Settings") -> None:
    """Whether Basware still notifies this address; a warning in the log where it does not."""
    from connector_defs.flows import push_watch
    from connector_defs.flows.runtime import open_connector

    try:
        with open_connector(chosen) as connector:
            push_watch.look(connector, at_start=True)
    except ConnectorError as error:
        _log.warning("the subscription at Basware could not be looked at: %s", error)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
