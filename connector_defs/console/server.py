"""uvicorn with the limits of a port that is open to the internet.

Belongs here: sockets, connections and their time. A caller that dawdles over its headers, or over a body nobody wants
any more, is cut off; uvicorn itself limits neither.
"""

import asyncio
import contextlib
import logging
import socket
from types import FrameType
from typing import Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector_defs.console.body import MAX_HEADERS
from connector_defs.domain.errors import Fatal

_MOST_CONNECTIONS: Final = 512
# What is still read, and thrown away, of a body that was refused: cutting the connection at once would keep the answer
# from a caller that is still sending.
_MOST_DISCARDED: Final = 16 * 1024 * 1024
_KEEP_ALIVE_SECONDS: Final = 15
_STOP_SECONDS: Final = 15


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose patience ends: with a request that does not begin, and with a body that was refused."""

    header_seconds = 10.0
    _cut_off: asyncio.TimerHandle | None = None
    _discarded = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due."""
        super().connection_made(transport)
        # uvicorn switches its log of requests off by the state of a logger, which others may change: it has queries.
        self.access_log = False
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """A request that the app works on has the app's own limits; anything else has ours."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
            self._discarded = 0
            return
        self._expect_request()
        if self.conn.their_state is h11.SEND_BODY:
            self._discarded += len(data)
            if self._discarded > _MOST_DISCARDED:
                self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, unless this request is answered already: that cannot be done twice."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.abort()
        if self.cycle is not None:
            # The app may be about to answer as well, and must not.
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._cut_off is None:
            self._cut_off = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None


class Server(uvicorn.Server):
    """uvicorn's server, which ends well when it is asked to: what is under way is answered first."""

    def __init__(self, app: ASGIApp) -> None:
        # It tells of every malformed request, which anybody may make as many of as they like.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_STOP_SECONDS,
                h11_max_incomplete_event_size=MAX_HEADERS,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's name and shape
        """The first signal stops in order. uvicorn would raise it once more at the end and die of it."""
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections. Raises Fatal where it cannot be had, with the remedy."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as opened:
            listening = opened.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
            opened.pop_all()
    except OSError as error:
        raise Fatal(
            f"Port {port} of {host} cannot be listened on ({error.strerror}): stop what uses it, or choose others with "
            "--host and --port"
        ) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Where it listens, as a caller writes it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
