"""The simulated Basware against Basware's published schemas: request shapes, and every answer it gives."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connector_defs.sandbox.basware.documents import STATUSES
from connector_defs.sandbox.basware.entities import ENDPOINTS
from connector_defs.sandbox.basware.schema import encode, fields_of
from connector_defs.sandbox.basware.shapes import ENUMS, SHAPES
from connector_defs.sandbox.world import WorldOptions, build_world
from connector_tests.contract import needs_contract, response_validator, schema, schema_validator
from connector_tests.sandbox.wire import (
    Wire,
    account,
    cost_center,
    invoice,
    line,
    order,
    payment_term,
    served,
    tax_code,
    vendor,
)

pytestmark = needs_contract

# Reserved by Basware for later use.
UNUSED = {"Subscription-Input": {"autoResponder"}}
# Its published pattern knows lower case only; the simulated tenant checks the length.
UNCHECKED = {("VendorOrderingDetailsEntity", "orderEmail")}
DOCUMENTS = "/v1/accountingDocuments"
RECORDS: dict[str, list[dict[str, Any]]] = {
    "taxCodes": [tax_code(), tax_code("V2")],
    "accounts": [account(taxCode="V1"), account("6000", taxCode="none")],
    "costCenters": [cost_center()],
    "paymentTerms": [payment_term()],
    "vendors": [vendor(), vendor("0002", paymentTerms={"paymentTermCode": "none"})],
    "matchingOrders": [order()],
    "matchingOrderLines": [line(), line(number=2, quantity=Decimal(-1))],
    "lists/ACC_LIST_1": [{"externalCode": "i-1", "text_1": "a"}],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_shape_has_the_published_fields_and_limits(shape: str) -> None:
    published = schema(shape)
    properties = {
        name: definition
        for name, definition in published["properties"].items()
        if name not in UNUSED.get(shape, ())
    }

    ours = {name: (kind, nullable, required) for name, kind, nullable, required in fields_of(shape)}

    assert set(ours) == set(properties)
    for name, (kind, nullable, required) in ours.items():
        assert required == (name in published.get("required", ())), name
        assert nullable == properties[name].get("nullable", False), name
        if (shape, name) not in UNCHECKED:
            assert _limits_of(kind) == _published_limits(properties[name]), name


@pytest.fixture(scope="module")
def answers() -> list[httpx.Response]:
    """Every answer of a walk through the whole API, good and bad."""
    found: list[httpx.Response] = []

    def record(answer: httpx.Response) -> None:
        answer.read()
        found.append(answer)

    with served(*(invoice(f"inv-{n}") for n in range(3))) as wire:
        wire.http.event_hooks["response"].append(record)
        for walk in (_tokens, _entities, _documents, _status, _push, _extracts):
            walk(wire)
    return found


def test_every_answer_validates_against_its_published_schema(answers: list[httpx.Response]) -> None:
    checked = 0
    for answer in answers:
        method, path = answer.request.method, answer.request.url.path
        if path.startswith("/v1/"):
            validator = response_validator(method, path, answer.status_code)
            if validator and answer.content:
                errors = [error.message for error in validator.iter_errors(answer.json())]
                assert errors == [], f"{method} {path} {answer.status_code}"
                checked += 1
    assert checked > 50


def test_the_walk_meets_every_operation(answers: list[httpx.Response]) -> None:
    met = {
        (answer.request.method, answer.request.url.path.split("/")[2])
        for answer in answers
        if _is_api(answer)
    }

    for name in ENDPOINTS:
        assert {("GET", name), ("POST", name), ("PATCH", name)} <= met


def test_documents_behind_links_validate(answers: list[httpx.Response]) -> None:
    validator = schema_validator("AccountingDocumentResponse")
    behind = [
        answer
        for answer in answers
        if answer.request.url.path.startswith("/_storage/") and b"accountingDocuments" in answer.content
    ]

    assert behind
    for answer in behind:
        assert [error.message for error in validator.iter_errors(answer.json())] == []


def test_the_generated_invoices_validate() -> None:
    world = build_world(WorldOptions(invoices=100, today=date(2026, 3, 31)))
    validator = schema_validator("AccountingDocumentEntity")

    errors = [
        f"{document['invoiceId']}: {error.message}"
        for document in world.invoices
        for error in validator.iter_errors(json.loads(encode(document)))
    ]

    assert errors == []


def test_the_statuses_are_the_published_ones() -> None:
    assert set(schema("AccountingDocumentEntity")["properties"]["processingStatus"]["enum"]) == STATUSES


def _tokens(wire: Wire) -> None:
    wire.ask_token()
    wire.ask_token(auth=None)
    wire.ask_token("nothing")
    wire.ask_token(data={})


def _entities(wire: Wire) -> None:
    token, wire.token = wire.token, "dead"
    wire.post("/v1/vendors", [vendor()])
    wire.token = token
    for endpoint, records in RECORDS.items():
        path = f"/v1/{endpoint}"
        query = {"orderExternalCode": "ord-PO1"} if endpoint == "matchingOrderLines" else {}
        wire.get(path, **query)
        wire.post(path, records)
        wire.post(path, [records[0] | {"unknown": 1}])
        wire.post(path, [records[0], records[0]])
        wire.sandbox.finish_processing()
        wire.get(path, **query)
        one = f"{path}/{records[0]['externalCode']}"
        wire.get(one)
        wire.patch(one, records[0])
        wire.patch(f"{path}/none", records[0])
        wire.patch(one, records[0] | {"externalCode": "other"})


def _documents(wire: Wire) -> None:
    response = {"externalCode": "r-1", "success": True, "responseMessage": "posted", "paymentBlock": False}
    wire.page(DOCUMENTS, ProcessingStatus="WaitingForTransfer", pageSize=2)
    wire.get(DOCUMENTS, ProcessingStatus="Paid")
    for name in ("transferResponses", "paymentResponses", "prebookResponses"):
        wire.post(f"{DOCUMENTS}/inv-1/acknowledge")
        wire.post(f"{DOCUMENTS}/inv-1/{name}", response)
        wire.post(f"{DOCUMENTS}/inv-1/{name}", response)
        wire.post(f"{DOCUMENTS}/inv-1/{name}", response | {"responseMessage": 7})
        wire.post(f"{DOCUMENTS}/none/{name}", response)
    wire.page(f"{DOCUMENTS}/inv-1")
    wire.page(f"{DOCUMENTS}/none")
    wire.get(f"{DOCUMENTS}/status", companyCode="1000", invoiceNumber="N-inv-1", invoiceDate="2026-02-27")


def _status(wire: Wire) -> None:
    wire.sandbox.processing.seconds = 60
    request_id = wire.post("/v1/taxCodes", [tax_code("V3")]).headers["x-amzn-RequestId"]
    known = {"requestIds": [request_id]}
    wire.get(f"/v1/requestStatus/{request_id}")
    wire.post("/v1/requestStatus/acknowledge", known)
    wire.sandbox.finish_processing()
    wire.get(f"/v1/requestStatus/{request_id}")
    for body in (known, known, {}, {"requestIds": ["none"]}):
        wire.post("/v1/requestStatus/acknowledge", body)
    wire.get("/v1/requestStatus")
    wire.get("/v1/requestStatus", system="P2P")
    wire.get("/v1/errorFeedbacks")
    wire.get("/v1/errorFeedbacks/Account/acc-6000")
    wire.get("/v1/errorFeedbacks/none")


def _push(wire: Wire) -> None:
    wanted = {
        "taskType": "AccountingDocuments",
        "subscriptionType": "Webhook",
        "notificationWebhookURL": "http://127.0.0.1:1/hook",
        "webhookAuthenticationToken": "secret",
    }
    wire.get("/v1/subscriptions")
    wire.get("/v1/tasks")
    for body in ([wanted], [{}], [wanted | {"taskType": "Weather"}]):
        wire.post("/v1/subscriptions", body)
    wire.get("/v1/subscriptions")
    wire.get("/v1/tasks")
    wire.delete("/v1/subscriptions", taskType="AccountingDocuments")
    wire.delete(
        "/v1/subscriptions", taskType="AccountingDocuments", taskSubType="All", lastUpdated="2001-01-01"
    )


def _extracts(wire: Wire) -> None:
    [extract] = wire.get("/v1/dataExtracts").json()
    for extract_id in (extract["id"], "none"):
        wire.get(f"/v1/dataExtracts/{extract_id}")
        wire.post(f"/v1/dataExtracts/{extract_id}/acknowledge")
    wire.get("/v1/dataExtracts/specification/tableDefinition")
    wire.get("/v1/dataExtracts/specification/tableDefinition/changeLog")


def _is_api(answer: httpx.Response) -> bool:
    return answer.request.url.path.startswith("/v1/")


def _limits_of(kind: str) -> tuple[Any, ...]:
    if kind.startswith("["):
        return ("array", _limits_of(kind[1:-1]))
    if kind in SHAPES:
        return ("object", kind)
    word, _, limits = kind.partition(" ")
    if word == "enum":
        return ("enum", *sorted(ENUMS[limits].split() if limits in ENUMS else limits.split("|")))
    if word in ("date", "bool"):
        return (word,)
    low, high = limits.split("..") if limits else ("", "")
    return (word, float(low or 0) if word == "text" else _bound(low), _bound(high))


def _published_limits(definition: dict[str, Any]) -> tuple[Any, ...]:
    definition = definition.get("allOf", [definition])[0]
    if "$ref" in definition:
        name = definition["$ref"].rpartition("/")[2]
        named = schema(name)
        return ("enum", *sorted(named["enum"])) if "enum" in named else ("object", name)
    kind = definition["type"]
    low, high = _bound(definition.get("minimum")), _bound(definition.get("maximum"))
    match definition:
        case {"enum": values}:
            limits: tuple[Any, ...] = ("enum", *sorted(values))
        case {"type": "array", "items": items}:
            limits = ("array", _published_limits(items))
        case {"type": "string", "pattern": "0|1|2"}:
            limits = ("enum", "0", "1", "2")
        case {"type": "string", "format": "date-time"}:
            limits = ("date",)
        case {"type": "string"}:
            limits = ("text", float(definition.get("minLength", 0)), _bound(definition.get("maxLength")))
        case {"type": "integer", "pattern": choices}:
            limits = ("int", float(choices[0]), float(choices[-1]))
        case {"type": "integer"}:
            limits = ("int", low, None if high == 2**31 - 1 else high)
        case _:
            limits = ("bool",) if kind == "boolean" else ("num", low, high)
    return limits


def _bound(value: Any) -> float | None:
    return None if value in (None, "") else float(value)
