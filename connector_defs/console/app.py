"""The ASGI app: its routes, and what is open while it runs.

`connector serve` runs it; any other ASGI server does, too: `uvicorn --factory connector_defs.console.app:create_app`.
Such a server must bring its own limits on slow headers and on connections (`console.server` shows ours).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector_defs.console import metrics, secrets
from connector_defs.console.callers import is_local
from connector_defs.console.health import Health
from connector_defs.console.inbox import Inbox
from connector_defs.console.metrics import Metrics
from connector_defs.console.outcomes import plain
from connector_defs.console.receiver import Receiver
from connector_defs.console.secrets import Keys
from connector_defs.domain.clock import SystemClock
from connector_defs.flows.credentials import settings_in_force
from connector_defs.flows.runtime import open_connector
from connector_defs.settings import Settings
from connector_defs.store.engine import Store, make_engine

WEBHOOK = "/webhooks/basware"


@dataclass(frozen=True)
class Patience:
    """Seconds: for a body, for the store to take a lock or to answer, for a notification to be durable, and between two
    looks for a new key because a signature fits none."""

    body: float = 10
    store: float = 2.5
    inbox: float = 4
    doubt: float = 1


class Open:
    """Everything the app works with between its start and its end."""

    def __init__(self, load: Callable[[], Settings], settings: Settings, patience: Patience) -> None:
        clock = SystemClock()
        self.settings = settings.webhook
        self.metrics = Metrics()
        self.keys = Keys(lambda: secrets.keys_of(load()), doubt_seconds=patience.doubt)
        # A store of its own: a flow may wait half a minute for a lock, whoever answers a request may not.
        self.store = Store(make_engine(settings.storage.state_url, patience=patience.store))
        self.health = Health(self.store, clock)
        self.inbox = Inbox(self.store, clock, self.metrics, answer_within=patience.inbox)
        self.receiver = Receiver(
            self.settings, self.keys, self.inbox, self.metrics, body_seconds=patience.body
        )

    def close(self) -> None:
        """Write what is waiting and give everything back."""
        self.inbox.close()
        self.store.close()


def prepared(load: Callable[[], Settings]) -> Settings:
    """Settings with which notifications can be stored; a new store is set up.

    Raises SettingsError, or what is wrong with the store, with the remedy.
    """
    settings = load()
    with open_connector(settings):
        return settings


def create_app(
    load: Callable[[], Settings] = settings_in_force, patience: Patience | None = None
) -> Starlette:
    """The app. Its start raises what `prepared` raises."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        opened = app.state.opened = Open(load, prepared(load), patience or Patience())
        try:
            yield
        finally:
            opened.close()

    app = Starlette(
        routes=[
            Route(WEBHOOK, _receive, methods=["POST"]),
            Route("/health/live", _live),
            Route("/health/ready", _ready),
            Route("/metrics", _metrics),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused, Exception: _broken},
    )
    # A redirect would repeat the caller's own host and path.
    app.router.redirect_slashes = False
    return app


def _opened(request: Request) -> Open:
    opened: Open = request.app.state.opened
    return opened


async def _receive(request: Request) -> Response:
    return await _opened(request).receiver.receive(request)


async def _live(_: Request) -> Response:
    return plain(200, "live")


async def _ready(request: Request) -> Response:
    opened = _opened(request)
    found = await opened.health.condition(await opened.keys.current())
    parts = {"store": found.store, "schema": found.schema, "webhook secret": found.key}
    return JSONResponse(
        {
            "status": "ready" if found.ready else "not ready",
            "missing": [name for name, good in parts.items() if not good],
        },
        200 if found.ready else 503,
        {"cache-control": "no-store"},
    )


async def _metrics(request: Request) -> Response:
    opened = _opened(request)
    allowed = opened.settings.metrics
    if allowed == "off" or (allowed == "loopback" and not is_local(request)):
        return plain(404, "not found")
    found = await opened.health.condition(await opened.keys.current())
    page = opened.metrics.text(
        ready=found.ready,
        inbox_open=found.backlog.open if found.backlog else None,
        oldest_seconds=found.oldest_seconds,
    )
    return Response(page, media_type=metrics.CONTENT_TYPE, headers={"cache-control": "no-store"})


async def _refused(_: Request, error: Exception) -> Response:
    refusal = cast(HTTPException, error)
    return plain(refusal.status_code, "refused", refusal.headers)


async def _broken(_: Request, __: Exception) -> Response:
    return plain(500, "failed")
