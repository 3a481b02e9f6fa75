"""Control routes under `/_sandbox/basware`: what a user of P2P would do, and what a test wants to know. JSON."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector_defs.sandbox.basware.schema import NotJson, decode, encode

if TYPE_CHECKING:
    from connector_defs.sandbox.basware.sandbox import BaswareSandbox

_BASE = "/_sandbox/basware"


def control_routes(sandbox: "BaswareSandbox") -> list[Route]:
    """GET shows, POST does. Errors are 400 (body), 404 (unknown record), 409 (not allowed in this state)."""
    shown: dict[str, Callable[[Request], Any]] = {
        "documents": lambda request: _documents(sandbox, request),
        "documents/{invoiceId}": lambda request: sandbox.documents[request.path_params["invoiceId"]],
        "entities": lambda _: {name: len(records) for name, records in sandbox.entities.items()},
        "entities/{endpoint:path}": lambda request: list(
            sandbox.entities[request.path_params["endpoint"]].values()
        ),
        "target": lambda _: {name: len(records) for name, records in sandbox.in_target.items()},
        "target/{endpoint:path}": lambda request: list(
            sandbox.in_target.get(request.path_params["endpoint"], {}).values()
        ),
        "orders": lambda _: sandbox.visible_orders(),
        "counters": lambda _: dict(sandbox.requests),
        "responses": lambda _: [asdict(response) for response in sandbox.responses],
        "processing": lambda _: _processing(sandbox),
        "subscriptions": lambda _: [_without_secret(each) for each in sandbox.push.subscriptions.values()],
        "tasks": lambda _: [task.view() for task in sandbox.push.tasks],
        "faults": lambda _: {"drawn": dict(sandbox.faults.drawn), "rates": sandbox.faults.rates},
    }
    done: dict[str, Callable[[Any], Any]] = {
        "approve": sandbox.approve,
        "retransfer": lambda body: sandbox.retransfer(body["invoiceId"]),
        "withdraw": lambda body: sandbox.withdraw(body["invoiceId"]),
        "hide": lambda body: _hide(sandbox, body),
        "change": lambda body: sandbox.change(body["invoiceId"], body["fields"]),
        "plan_ending": lambda body: sandbox.plan_ending(**body),
        "plan_refusal": lambda body: sandbox.plan_refusal(**body),
        "overturn": lambda body: sandbox.overturn(**body),
        "processing": lambda body: _set_processing(sandbox, body),
        "vendors/change": lambda body: sandbox.edit_vendor(body["vendorCode"], body["fields"]),
        "vendors/enrich": lambda body: _enrich(sandbox, body),
        "client_secret": lambda body: {
            "secrets": sandbox.tokens.change_secret(body.get("new", ""), body.get("retire", ""))
        },
        "expire_tokens": lambda _: _expire_tokens(sandbox),
        "extract": lambda body: {"id": _make_extract(sandbox, body)},
        "notifications/release": lambda _: {"released": sandbox.push.release()},
        "arm": lambda body: _arm(sandbox, body),
        "disarm": lambda _: _disarm(sandbox),
    }
    return [
        *(Route(f"{_BASE}/{name}", _shows(sandbox, show), methods=["GET"]) for name, show in shown.items()),
        *(Route(f"{_BASE}/{name}", _does(do), methods=["POST"]) for name, do in done.items()),
    ]


def _shows(sandbox: "BaswareSandbox", show: Callable[[Request], Any]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        with sandbox.lock:
            try:
                return _json(show(request))
            except KeyError as error:
                return _json({"error": f"unknown: {error.args[0]}"}, 404)

    return endpoint


def _does(do: Callable[[Any], Any]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        try:
            body = decode(await request.body() or b"{}")
        except NotJson as error:
            return _json({"error": str(error)}, 400)
        try:
            return _json(do(body))
        except KeyError as error:
            return _json({"error": f"unknown or missing: {error.args[0]}"}, 404)
        except (ValueError, TypeError) as error:
            return _json({"error": str(error)}, 409)

    return endpoint


def _json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")


def _documents(sandbox: "BaswareSandbox", request: Request) -> list[Any]:
    status = request.query_params.get("status")
    return [each for each in sandbox.documents.values() if status in (None, each["processingStatus"])]


def _processing(sandbox: "BaswareSandbox") -> dict[str, Any]:
    sandbox.processing.advance()
    return {"seconds": sandbox.processing.seconds, "waiting": sandbox.processing.waiting}


def _set_processing(sandbox: "BaswareSandbox", body: dict[str, Any]) -> dict[str, Any]:
    """`seconds` changes the delay of later requests; `finish` lets everything under way take effect."""
    with sandbox.lock:
        if "seconds" in body:
            sandbox.processing.seconds = float(body["seconds"])
        if body.get("finish"):
            sandbox.finish_processing()
        return _processing(sandbox)


def _expire_tokens(sandbox: "BaswareSandbox") -> dict[str, Any]:
    sandbox.tokens.revoke()
    return {}


def _hide(sandbox: "BaswareSandbox", body: dict[str, Any]) -> dict[str, Any]:
    """`hidden` false shows the invoice in the lists again."""
    hidden = bool(body.get("hidden", True))
    sandbox.hide(body["invoiceId"], hidden)
    return {"hidden": hidden}


def _enrich(sandbox: "BaswareSandbox", body: dict[str, Any]) -> list[dict[str, Any]]:
    """`vendors` is how many; the answer names each with the kind of its change and what SYSPRO is to hold."""
    made = sandbox.enrich_vendors(int(body["vendors"]), int(body.get("seed", 7)))
    return [asdict(change) for change in made]


def _make_extract(sandbox: "BaswareSandbox", body: dict[str, Any]) -> str:
    """`form` is the one that every file has from now on: zip_json, zip_csv, gz_json, gz_csv, json or csv."""
    with sandbox.lock:
        if "form" in body:
            sandbox.extracts.use(str(body["form"]))
        return sandbox.extracts.make().id


def _arm(sandbox: "BaswareSandbox", body: dict[str, Any]) -> dict[str, Any]:
    seconds = body.get("seconds")
    sandbox.faults.arm(
        body["name"],
        int(body.get("times", 1)),
        body.get("site"),
        body.get("match"),
        None if seconds is None else float(seconds),
    )
    return {"armed": body["name"]}


def _disarm(sandbox: "BaswareSandbox") -> dict[str, Any]:
    sandbox.faults.disarm()
    return {}


def _without_secret(subscription: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in subscription.items() if name != "webhookAuthenticationToken"}
