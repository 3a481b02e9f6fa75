"""The HTTP face: which path leads to which handler, under which scope, and where faults strike.

Every handler runs under the sandbox's lock and in a few milliseconds; waiting (latency, late commits) happens
outside of it. Not here: what a handler does.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector_defs.sandbox.basware.answer import CONTINUATION, Answer, BadRequest, Call, Problem, refuse
from connector_defs.sandbox.basware.documents import RESPONSES
from connector_defs.sandbox.basware.entities import ENDPOINTS, MAX_BODY_BYTES, list_exists
from connector_defs.sandbox.basware.paging import TokenGone
from connector_defs.sandbox.basware.schema import encode
from connector_defs.sandbox.faults import ConnectionReset, Fault

if TYPE_CHECKING:
    from connector_defs.sandbox.basware.sandbox import BaswareSandbox

Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented operation. `counted` is its name in the request counter, after the method."""

    method: str
    path: str
    counted: str
    scope: str
    site: str
    handler: Handler
    redirected: bool = False


def operations(sandbox: "BaswareSandbox") -> list[Operation]:
    """Every operation of the simulated API."""
    return [
        *_documents(sandbox),
        *_entities(sandbox),
        *_status(sandbox),
        *_push(sandbox),
        *_extracts(sandbox),
    ]


def _documents(sandbox: "BaswareSandbox") -> list[Operation]:
    base, documents = "/v1/accountingDocuments", sandbox.accounting
    read, write = "accountingDocuments.read", "accountingDocuments.write"
    return [
        Operation(
            "GET", f"{base}/status", "accountingDocuments/status", read, "basware.documents", documents.status
        ),
        Operation(
            "GET", base, "accountingDocuments", read, "basware.documents", documents.list, redirected=True
        ),
        Operation(
            "GET",
            f"{base}/{{invoiceId}}",
            "accountingDocuments/{invoiceId}",
            read,
            "basware.documents",
            documents.get,
            redirected=True,
        ),
        Operation(
            "POST",
            f"{base}/{{invoiceId}}/acknowledge",
            "acknowledge",
            write,
            "basware.acknowledge",
            documents.acknowledge,
        ),
        *(
            Operation(
                "POST",
                f"{base}/{{invoiceId}}/{kind.name}",
                kind.name,
                write,
                "basware.responses",
                lambda call, kind=kind: documents.respond(call, kind),  # type: ignore[misc]
            )
            for kind in RESPONSES.values()
        ),
    ]


def _entities(sandbox: "BaswareSandbox") -> list[Operation]:
    found = []
    for name, endpoint in ENDPOINTS.items():
        path = "/v1/lists/{listKey}" if name == "lists" else f"/v1/{name}"
        one = f"{path}/{{externalCode}}"
        for method, where, counted, handle in (
            ("GET", path, name, sandbox.master.list),
            ("POST", path, name, sandbox.master.post),
            ("GET", one, f"{name}/{{externalCode}}", sandbox.master.get),
            ("PATCH", one, f"{name}/{{externalCode}}", sandbox.master.patch),
        ):
            right = "read" if method == "GET" else "write"

            def handler(call: Call, handle: object = handle, endpoint: object = endpoint) -> Answer:
                if not list_exists(call.params.get("listKey", "ACC_LIST_1")):
                    raise BadRequest(f"unknown list {call.params['listKey']}")
                return handle(call, endpoint)  # type: ignore[operator, no-any-return]

            site = f"basware.entities.{right}"
            found.append(Operation(method, where, counted, f"{name}.{right}", site, handler))
    return found


def _status(sandbox: "BaswareSandbox") -> list[Operation]:
    base, feedback, site = "/v1/requestStatus", "/v1/errorFeedbacks", "basware.status"
    read = "requestStatus.read"
    desk = sandbox.status_desk
    return [
        Operation(
            "POST",
            f"{base}/acknowledge",
            "requestStatus/acknowledge",
            "requestStatus.write",
            site,
            desk.close,
        ),
        Operation("GET", base, "requestStatus", read, site, desk.list),
        Operation("GET", f"{base}/{{requestId}}", "requestStatus/{requestId}", read, site, desk.get),
        Operation("GET", feedback, "errorFeedbacks", "errorFeedbacks.read", site, desk.feedback),
        Operation(
            "GET", f"{feedback}/{{requestId}}", "errorFeedbacks", "errorFeedbacks.read", site, desk.feedback
        ),
        Operation(
            "GET",
            f"{feedback}/{{entityType}}/{{externalCode}}",
            "errorFeedbacks",
            "errorFeedbacks.read",
            site,
            desk.feedback,
        ),
    ]


def _push(sandbox: "BaswareSandbox") -> list[Operation]:
    path, site, push = "/v1/subscriptions", "basware.push", sandbox.push
    return [
        Operation("POST", path, "subscriptions", "subscriptions.write", site, push.subscribe),
        Operation("GET", path, "subscriptions", "subscriptions.read", site, push.list_subscriptions),
        Operation("DELETE", path, "subscriptions", "subscriptions.delete", site, push.unsubscribe),
        Operation("GET", "/v1/tasks", "tasks", "tasks.read", site, push.list_tasks),
    ]


def _extracts(sandbox: "BaswareSandbox") -> list[Operation]:
    base, site, extracts = "/v1/dataExtracts", "basware.extracts", sandbox.extracts
    read = "dataExtracts.read"
    table = f"{base}/specification/tableDefinition"
    one = f"{base}/{{extractId}}"
    return [
        Operation("GET", f"{table}/changeLog", "dataExtracts/specification", read, site, extracts.change_log),
        Operation("GET", table, "dataExtracts/specification", read, site, extracts.table_definition),
        Operation("GET", base, "dataExtracts", read, site, extracts.list),
        Operation("GET", one, "dataExtracts/{extractId}", read, site, extracts.get),
        Operation(
            "GET",
            f"{one}/files/{{number}}",
            "dataExtracts/files",
            read,
            site,
            extracts.download,
            redirected=True,
        ),
        Operation(
            "POST",
            f"{one}/acknowledge",
            "dataExtracts/acknowledge",
            "dataExtracts.write",
            site,
            extracts.acknowledge,
        ),
    ]


def routes(sandbox: "BaswareSandbox") -> list[Route]:
    """Starlette routes of the API, the token call and the storage behind redirects."""
    api = [
        Route(operation.path, _endpoint(sandbox, operation), methods=[operation.method])
        for operation in operations(sandbox)
    ]
    return [
        *api,
        Route("/v1/tokens", _token(sandbox), methods=["POST"]),
        Route("/_storage/{key}", _link(sandbox)),
    ]


def _endpoint(sandbox: "BaswareSandbox", operation: Operation) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        sandbox.count(f"{operation.method} {operation.counted}")
        call = await _call(request)
        authorization = request.headers.get("authorization", "")
        if not sandbox.tokens.admits(authorization, operation.scope):
            return _response(_unauthorized(operation), call)
        fault = sandbox.faults.draw(operation.site, f"{call.method} {call.path}")
        if fault and fault.name == "expired_token":
            sandbox.tokens.revoke(authorization)
            return _response(_unauthorized(operation), call)

        def handle(struck: Call) -> Answer:
            with sandbox.lock:
                answer = _spoiled(_handled(operation.handler, struck), struck)
                redirected = operation.redirected and answer.status == 200
                return sandbox.links.redirect(struck, answer) if redirected else answer

        return await _struck(call, fault, handle)

    return endpoint


def _token(sandbox: "BaswareSandbox") -> Callable[[Request], object]:
    async def token(request: Request) -> Response:
        sandbox.count("POST tokens")
        call = await _call(request)
        fault = sandbox.faults.draw("basware.token")

        def issue(struck: Call) -> Answer:
            return _spoiled(sandbox.tokens.issue(struck.headers, struck.body), struck)

        return await _struck(call, fault, issue)

    return token


def _link(sandbox: "BaswareSandbox") -> Callable[[Request], object]:
    async def link(request: Request) -> Response:
        sandbox.count("GET link")
        call = await _call(request)
        fault = sandbox.faults.draw("basware.link", call.path)

        def fetch(struck: Call) -> Answer:
            with sandbox.lock:
                answer = sandbox.links.fetch(struck.params["key"], struck.query, struck.headers)
            answer = _spoiled(answer, struck)
            if struck.struck == "lost_continuation" and CONTINUATION in answer.headers:
                return replace(answer, headers={**answer.headers, CONTINUATION: "lost"})
            return answer

        return await _struck(call, fault, fetch)

    return link


async def _call(request: Request) -> Call:
    return Call(
        request.method,
        request.url.path,
        str(uuid.uuid4()),
        request.path_params,
        dict(request.query_params),
        dict(request.headers),
        await request.body(),
        request.headers.get("host", "localhost"),
    )


def _handled(handler: Handler, call: Call) -> Answer:
    if len(call.body) > MAX_BODY_BYTES:
        return Answer(413, encode({"message": "Request Too Long"}))
    try:
        return handler(call)
    except BadRequest as error:
        return refuse(400, call, [Problem("PARAMETER_VALIDATION_ERROR", str(error))])
    except TokenGone:
        return refuse(
            410, call, [Problem("PARAMETER_VALIDATION_ERROR", "the continuation token has expired")]
        )


async def _struck(call: Call, fault: Fault | None, handle: Handler) -> Response:
    """Play the fault around the handler."""
    if fault is None:
        return _response(handle(call), call)
    match fault.name:
        case "latency":
            await asyncio.sleep(fault.seconds)
        case "reset_before":
            raise ConnectionReset
        case "late_commit":
            asyncio.get_running_loop().call_later(fault.seconds, handle, call)
            raise ConnectionReset
        case "http_500":
            return _response(
                refuse(500, call, [Problem("UNEXPECTED_ERROR", "unexpected", type="TECHNICAL")]), call
            )
        case "http_503":
            return _response(Answer(503, encode({"message": "Service Unavailable"})), call)
        case "rate_limited":
            headers = {"Retry-After": f"{fault.seconds:g}"}
            return _response(Answer(429, encode({"message": "Too Many Requests"}), headers=headers), call)
    answer = handle(replace(call, struck=fault.name))
    match fault.name:
        case "reset_after":
            raise ConnectionReset
        case "http_502":
            answer = Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
    return _response(answer, call)


def _spoiled(answer: Answer, call: Call) -> Answer:
    """The answer as a fault leaves its body; spoiled before a redirect, so that it shows behind the link."""
    match call.struck:
        case "error_body":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case "wrong_encoding":
            return replace(answer, body=answer.body.decode("utf-8", "replace").encode("utf-16"))
        case _:
            return answer


def _unauthorized(operation: Operation) -> Answer:
    if operation.site in ("basware.push", "basware.extracts"):
        return Answer(401, encode({"message": "Unauthorized"}))
    return Answer(401)


def _response(answer: Answer, call: Call) -> Response:
    headers = {"x-amzn-RequestId": call.request_id, "Date": formatdate(usegmt=True), **answer.headers}
    media_type = answer.media_type if answer.body else None
    return Response(answer.body, answer.status, headers, media_type)
