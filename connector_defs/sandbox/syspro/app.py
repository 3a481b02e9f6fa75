"""The SYSPRO simulator: e.net REST and OData over one world, as an ASGI app with fault switches.

HTTP, encoding and faults live here; what the calls mean lives in `enet` and `odata`.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.faults import ConnectionReset, Fault, FaultPlan
from connector_defs.sandbox.syspro.control import ControlDesk
from connector_defs.sandbox.syspro.enet import (
    LARGE_POST,
    OPERATIONS,
    EnetService,
    large_post_values,
)
from connector_defs.sandbox.syspro.ledger import Ledger
from connector_defs.sandbox.syspro.odata import ODataService
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.syspro.periods import Periods
from connector_defs.sandbox.syspro.sessions import NO_SEAT, Session, Sessions
from connector_defs.sandbox.world import World

ENET_BASE = "/SYSPROWCFService/Rest"
# Where sites publish the service, and the short base the sandbox hands out.
ODATA_BASES = ("/SYSPRO8Odata/SYSPROOData", "/odata")
SYSTEM_ERROR = "ERROR: e.net exception raised: 100000"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call with its fault site, what a fault's `match` looks into, and how to carry it out."""

    site: str | None
    detail: str
    user_id: str
    carry_out: Callable[[Session | None], Response]
    carry_out_spoilt: Callable[[str], Response] | None = None


class SysproSandbox:
    """One simulated SYSPRO company.

    `app` is the ASGI app; `ledger` what was posted; `requests` counts calls by operation ("Logon",
    "Transaction/Post APSTIN", "OData ApSupplier"). Effects happen under one lock, so any thread may look.
    """

    def __init__(
        self,
        world: World,
        faults: FaultPlan,
        *,
        credentials: SandboxCredentials | None = None,
        clock: Callable[[], datetime] = _now,
        options: SysproOptions | None = None,
    ) -> None:
        self.world = world
        self.faults = faults
        self.credentials = credentials or SandboxCredentials()
        self.options = options or SysproOptions()
        self.lock = threading.RLock()
        self.requests: Counter[str] = Counter()
        company = world.options.company
        self.session_book = Sessions(company, self.credentials, self.options, clock)
        self.ledger = Ledger(world.tables, clock)
        self.periods = Periods(world.tables, company)
        self._enet = EnetService(
            world.tables, company, self.session_book, self.ledger, self.periods, self.options, clock
        )
        self._odata = ODataService(world.tables, company, self.credentials, self.options)
        self._late: list[threading.Timer] = []
        self.app = Starlette(
            routes=[
                *ControlDesk(self.ledger, self.session_book, self.periods, self.requests, self.lock).routes(),
                Route("/{path:path}", self._serve, methods=["GET", "POST"]),
            ]
        )

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Sessions that are open now."""
        with self.lock:
            return self.session_book.open

    @property
    def logons(self) -> int:
        """Logons that were granted so far."""
        return self.session_book.counts["logon"]

    def settle(self) -> None:
        """Wait until every late commit has taken effect."""
        while self._late:
            self._late.pop().join()

    async def _serve(self, request: Request) -> Response:
        scope = request.scope
        path: str = scope["path"]
        sent = (
            len(path)
            + len(scope["query_string"])
            + sum(len(name) + len(text) for name, text in scope["headers"])
        )
        if sent > self.options.max_url_bytes:
            return _html(414, "Request-URI Too Long")
        bases = [(ENET_BASE, self._enet_call), *((base, self._odata_call) for base in ODATA_BASES)]
        for base, handler in bases:
            if path.lower().startswith(f"{base}/".lower()):
                call = await handler(request, path[len(base) + 1 :])
                return call if isinstance(call, Response) else await self._with_faults(call)
        return _html(404, "Not Found")

    async def _enet_call(self, request: Request, path: str) -> Response | _Call:
        operation = OPERATIONS.get(path.strip("/").lower())
        if operation is None:
            return _html(404, "Endpoint not found.")
        is_large = operation.name.lower() == LARGE_POST
        if request.method != ("POST" if is_large else "GET"):
            return _html(405, "Method not allowed.")
        values = large_post_values(await request.body()) if is_large else dict(request.query_params)
        if values is None or any(name not in values for name in operation.parameters):
            return _html(400, "The server encountered an error processing the request.")
        business_object = values.get("BusinessObject", "")
        with self.lock:
            self.requests[f"{operation.name} {business_object}".strip()] += 1
        return _Call(
            operation.site,
            f"{operation.name} {business_object} {values.get('XmlIn') or values.get('Operator', '')}",
            values.get("UserId", ""),
            lambda admitted: self._text(self._enet.answer(operation, values, admitted)),
        )

    async def _odata_call(self, request: Request, path: str) -> Response | _Call:
        company, _, table = path.strip("/").partition("/")
        if not self._odata.admits(request.headers.get("authorization")):
            return Response(status_code=401, headers={"www-authenticate": 'Basic realm="SYSPRO OData"'})
        with self.lock:
            self.requests[f"OData {table}"] += 1
        query = dict(request.query_params)
        url = str(request.url).partition("?")[0]
        return _Call(
            "syspro.odata",
            f"{table} {unquote(request.url.query)}",
            "",
            lambda _: self._page(company, table, query, url),
            lambda fault: self._page(company, table, query, url, spoilt=fault),
        )

    def _page(
        self, company: str, table: str, query: dict[str, str], url: str, *, spoilt: str = ""
    ) -> Response:
        answer = self._odata.page(company, table, query, url, spoilt=spoilt)
        return Response(answer.body, answer.status, media_type=answer.content_type)

    async def _with_faults(self, call: _Call) -> Response:
        fault = self.faults.draw(call.site, call.detail) if call.site else None
        if fault is None:
            return self._carry_out(call)
        if fault.name == "latency":
            # Let in before it waits: what SYSPRO has begun it ends, though the session was ended meanwhile.
            with self.lock:
                admitted = self.session_book.find(call.user_id)
            await asyncio.sleep(fault.seconds)
            return self._carry_out(call, admitted)
        return self._struck(call, fault)

    def _struck(self, call: _Call, fault: Fault) -> Response:
        """What the caller gets when this fault strikes; `faults.FAULTS` tells each one's meaning."""
        before = self._before(call, fault)
        if before is not None:
            return before
        response = self._carry_out(call)
        body, media_type = bytes(response.body), response.headers["content-type"]
        match fault.name:
            case "reset_after":
                raise ConnectionReset
            case "http_502":
                return _html(502, "Bad Gateway")
            case "wrong_encoding":
                return Response(body.decode("cp1252", "replace").encode("utf-16"), media_type=media_type)
            case "error_body":
                return Response(body[: len(body) // 2], media_type=media_type)
        return response

    def _before(self, call: _Call, fault: Fault) -> Response | None:
        """The answer of a fault that strikes before the effect; None where the call is still carried out."""
        match fault.name:
            case "reset_before":
                raise ConnectionReset
            case "late_commit":
                self._commit_later(call, fault.seconds)
                raise ConnectionReset
            case "http_500" | "http_503":
                return _html(int(fault.name[-3:]), "Service Unavailable")
            case "rate_limited":
                return _html(429, "Too Many Requests", {"retry-after": f"{fault.seconds:g}"})
            case "system_error":
                return self._text(SYSTEM_ERROR)
            case "refuse_logon":
                return self._text(f"ERROR: {NO_SEAT}")
            case "short_page" | "doubled_row" if call.carry_out_spoilt:
                with self.lock:
                    return call.carry_out_spoilt(fault.name)
            case "evict_session":
                with self.lock:
                    self.session_book.evict(call.user_id)
            case "gl_integration_failed":
                with self.lock:
                    self.ledger.gl_failures_due += 1
        return None

    def _carry_out(self, call: _Call, admitted: Session | None = None) -> Response:
        with self.lock:
            return call.carry_out(admitted)

    def _commit_later(self, call: _Call, seconds: float) -> None:
        """Carry the call out after a while, though its caller may have logged off by then."""
        with self.lock:
            admitted = self.session_book.find(call.user_id)
        timer = threading.Timer(seconds, self._carry_out, (call, admitted))
        timer.daemon = True
        self._late.append(timer)
        timer.start()

    def _text(self, text: str) -> Response:
        """An e.net answer on the wire: octet-stream, Windows-1252, wrapped where the site wraps."""
        if self.options.reply_wrapper == "json":
            text = json.dumps(text)
        elif self.options.reply_wrapper == "string":
            text = (
                f'<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">{escape(text)}</string>'
            )
        return Response(text.encode("cp1252", "replace"), media_type="application/octet-stream")


def _html(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    page = f"<!DOCTYPE html><HTML><HEAD><TITLE>{text}</TITLE></HEAD><BODY><h2>{text}</h2></BODY></HTML>"
    return Response(page, status, headers, media_type="text/html; charset=us-ascii")
