"""A receiver on a real port, and what stands in its inbox."""

import os
import signal
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any

from connector_defs.console.app import Patience, create_app
from connector_defs.console.server import Server, listen
from connector_defs.settings import Settings
from connector_defs.settings_reading import load_settings
from connector_defs.store.schema import upgrade
from connector_tests.console.notifications import SECRET, post

# A connector that knows both systems and never calls them.
SITE = {
    "SYSPRO_ENET_URL": "http://127.0.0.1:1/SYSPROWCFService/Rest",
    "SYSPRO_ODATA_URL": "http://127.0.0.1:1/odata",
    "SYSPRO_ODATA_USERNAME": "odata",
    "SYSPRO_ODATA_PASSWORD": "odata",
    "SYSPRO_OPERATOR": "INTEG",
    "SYSPRO_OPERATOR_PASSWORD": "integ",
    "SYSPRO_COMPANY_ID": "M1",
    "BASWARE_REGION": "SANDBOX",
    "BASWARE_API_URL": "http://127.0.0.1:1",
    "BASWARE_TOKEN_URL": "http://127.0.0.1:1/v1/tokens",
    "BASWARE_CLIENT_ID": "client",
    "BASWARE_CLIENT_SECRET": "client",
    "BASWARE_COMPANY_CODE": "1000",
    "BASWARE_WEBHOOK_SECRET": SECRET,
}
_SHORT = Patience(body=0.3, store=0.2, inbox=2, doubt=0)


def environment(folder: Path) -> dict[str, str]:
    """The settings of a site whose state lies in `folder`."""
    return {
        **SITE,
        "CONNECTOR_STATE_URL": f"sqlite:///{folder / 'state.db'}",
        "CONNECTOR_STAGING_URL": str(folder / "staging"),
    }


def settings(folder: Path, **webhook: Any) -> Settings:
    """The same as settings; `webhook` changes that section."""
    tree = load_settings(environ=environment(folder)).model_dump()
    tree["webhook"].update({"refused_per_minute": 1_000_000, **webhook})
    return Settings.model_validate(tree)


@dataclass(frozen=True)
class Answered:
    """An answer; status 0 where the connection ended without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


NOTHING = Answered(0, {}, b"")


@dataclass(frozen=True)
class Running:
    """A receiver that listens."""

    port: int
    state: Path
    # Asks it to stop, as SIGTERM does; returns at once.
    stop: Callable[[], None] = lambda: None

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, request: bytes) -> Answered:
        """One request on a connection of its own."""
        with self.connect() as connection:
            try:
                connection.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                return NOTHING
            return answer_on(connection)

    def hook(self, body: bytes, signature: str | None = None) -> int:
        """Send a notification; the status it is answered with."""
        return self.send(post(body, signature)).status

    def get(self, path: str, *lines: str) -> Answered:
        """GET a page."""
        head = "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""])
        return self.send(head.encode())

    def inbox(self, columns: str = "task_id") -> list[Any]:
        """What stands in the inbox."""
        return inbox(self.state, columns)


def inbox(state: Path, columns: str = "task_id") -> list[Any]:
    """What stands in the inbox of this state; single values where one column is asked for."""
    with closing(sqlite3.connect(state)) as connection:
        rows = connection.execute(f"SELECT {columns} FROM notification ORDER BY received_at").fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def answer_on(connection: socket.socket) -> Answered:
    """The next answer on a connection."""
    response = HTTPResponse(connection)
    try:
        response.begin()
        body = response.read()
    except (RemoteDisconnected, IncompleteRead, ConnectionResetError):
        return NOTHING
    finally:
        response.close()
    return Answered(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


@cache
def _empty_store() -> bytes:
    """A state store that holds nothing yet: making one takes 130 ms."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "state.db")
        upgrade(f"sqlite:///{file}")
        return file.read_bytes()


def set_up(folder: Path) -> None:
    """A state store for whoever has none yet."""
    state = folder / "state.db"
    if not state.exists():
        state.write_bytes(_empty_store())


@contextmanager
def receiving(
    folder: Path,
    load: Callable[[], Settings] | None = None,
    *,
    patience: Patience = _SHORT,
    **webhook: Any,
) -> Iterator[Running]:
    """The receiver as `connector serve` runs it, in a thread of this process."""
    set_up(folder)
    chosen = settings(folder, **webhook)
    with listen("127.0.0.1", 0) as listening:
        server = Server(create_app(load or (lambda: chosen), patience))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="receiver")
        thread.start()

        def stop() -> None:
            server.handle_exit(signal.SIGTERM, None)

        try:
            while not server.started and thread.is_alive():
                thread.join(0.002)
            yield Running(listening.getsockname()[1], folder / "state.db", stop)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive(), "the receiver did not stop"


def process_environment(folder: Path) -> dict[str, str]:
    """The environment of a `connector serve` process of its own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SYSPRO_", "BASWARE_", "CONNECTOR_"))
    }
    return {**inherited, **environment(folder)}
