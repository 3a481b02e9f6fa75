"""Serving ASGI apps on loopback ports from one background thread, with connections that can really be cut.

Belongs here: sockets, uvicorn, TCP resets. Not here: what the apps answer.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from connector_defs.sandbox.faults import ConnectionReset

_CUT = "sandbox.cut"
_START_SECONDS = 10.0
_STOP_SECONDS = 1.0


class CuttableProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn that lets the app cut the connection of the request it serves."""

    def on_message_begin(self) -> None:
        """Put the cut within the app's reach."""
        super().on_message_begin()
        self.scope["extensions"] = {_CUT: {"now": self._cut}}

    def _cut(self) -> None:
        raw = self.transport.get_extra_info("socket")
        # Linger of zero seconds: closing sends RST at once, as a dying server or a firewall does.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _NoAnswer(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        scope["extensions"][_CUT]["now"]()
        # Returning before uvicorn has seen the connection go would make it send a 500.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _no_answer(request: Request, error: Exception) -> Response:
    if _CUT not in request.scope.get("extensions", {}):
        raise error
    return _NoAnswer()


@dataclass(frozen=True, slots=True)
class Site:
    """One app, where it listens, and what it calls itself in the Server header (None = no header)."""

    app: Starlette
    port: int = 0
    server_header: str | None = None


class LoopbackServer:
    """Runs several apps in one thread with its own event loop. `ports` are known once constructed."""

    def __init__(self, sites: Sequence[Site], host: str = "127.0.0.1") -> None:
        self._sites = sites
        with contextlib.ExitStack() as opened:
            self._sockets = [opened.enter_context(_listen(host, site.port)) for site in sites]
            opened.pop_all()
        self.ports = [each.getsockname()[1] for each in self._sockets]
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._end: Callable[[], object] = lambda: None

    def start(self) -> None:
        """Return once every app answers. Raises RuntimeError when the server thread could not start."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._failure:
            raise RuntimeError("the sandbox did not start") from self._failure

    def stop(self) -> None:
        """End all connections and free the ports."""
        self._end()
        if self._thread.is_alive():
            self._thread.join(timeout=_START_SECONDS)
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in start()
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        # uvicorn's own server ticks ten times a second and takes two ticks to stop; its protocol needs no tick.
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        states = []
        servers = []
        for site, listening in zip(self._sites, self._sockets, strict=True):
            state, protocol = _protocol(site)
            states.append(state)
            servers.append(await loop.create_server(protocol, sock=listening, backlog=2048))
        self._end = lambda: loop.call_soon_threadsafe(ended.set)
        self._ready.set()
        await ended.wait()
        for server in servers:
            server.close()
        for state in states:
            for connection in list(state.connections):
                connection.shutdown()
        running = [task for state in states for task in state.tasks]
        if running:
            await asyncio.wait(running, timeout=_STOP_SECONDS)


def _protocol(site: Site) -> tuple[ServerState, Callable[[], CuttableProtocol]]:
    site.app.add_exception_handler(ConnectionReset, _no_answer)
    config = uvicorn.Config(
        site.app,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        # Longer than any client keeps an idle connection, so that only faults close one under its hands.
        timeout_keep_alive=120,
    )
    config.load()
    state = ServerState()
    if site.server_header:
        state.default_headers = [(b"server", site.server_header.encode())]
    return state, lambda: CuttableProtocol(config, state, {})


def _listen(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's delay off only where the protocol is said: without it a 40 kB POST took 50 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with contextlib.ExitStack() as opened:
        opened.enter_context(listening).bind((host, port))
        opened.pop_all()
    return listening
