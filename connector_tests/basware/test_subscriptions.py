"""Subscriptions and tasks over a scripted wire, and against Basware's published schemas."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from connector_defs.basware.regions import SANDBOX, BaswareHosts, HostRefused
from connector_defs.basware.subscriptions import (
    SINCE_EVER,
    ListedSubscription,
    Task,
    Wanted,
    read_deleted,
    read_subscriptions,
    read_tasks,
    subscribe_body,
)
from connector_defs.basware.transport import CONTINUATION_HEADER, AnswerTooLarge, UnreadableAnswer
from connector_defs.basware.wire import encode
from connector_defs.domain.errors import Fatal, OutcomeUnknown, RecordRefused
from connector_tests.basware.builders import Script, client
from connector_tests.contract import document, needs_contract, schema_validator

URL = "https://connector.example.com/webhooks/basware"
SECRET = SecretStr("a-secret-that-is-shown-nowhere")
INVOICES = Wanted("AccountingDocuments", "WaitingForTransfer")
LISTED: dict[str, Any] = {
    "taskType": "AccountingDocuments",
    "taskSubType": "WaitingForTransfer",
    "subscriptionType": "Webhook",
    "notificationWebhookURL": URL,
    "webhookAuthenticationToken": SECRET.get_secret_value(),
    "lastUpdated": "2026-11-20T08:00:00.000Z",
}
TASK: dict[str, Any] = {
    "taskId": "t-1",
    "taskStatus": "New",
    "taskType": "AccountingDocuments",
    "taskSubType": "WaitingForTransfer",
    "documentId": "i-1",
    "isSimulatedTask": False,
    "lastUpdated": "2026-11-20T08:00:00.000Z",
    "taskHistory": [],
}


def answer(value: object, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=encode(value), headers=headers)  # type: ignore[arg-type]


def one(**fields: Any) -> ListedSubscription:
    """What the API says of one subscription."""
    (found,) = client(Script(answer({"subscriptions": [LISTED | fields]}))).subscriptions()
    return found


def test_subscriptions_are_listed_with_a_secret_that_nothing_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = one()
    assert (found.task_type, found.url, found.last_updated) == (
        "AccountingDocuments",
        URL,
        "2026-11-20T08:00:00.000Z",
    )
    assert found.token == SECRET
    assert SECRET.get_secret_value() not in f"{found!r} {found} {caplog.text}"


@pytest.mark.parametrize("step", [answer({"subscriptions": []}), httpx.Response(404), answer([])])
def test_none_is_an_empty_list(step: httpx.Response) -> None:
    assert client(Script(step)).subscriptions() == []


def test_what_another_implementation_leaves_out_or_adds_is_no_error() -> None:
    body = {"subscriptions": [{"taskType": "Weather", "future": {"x": 1}}, "odd", LISTED], "more": 1}
    bare, whole = client(Script(answer(body))).subscriptions()
    assert bare == ListedSubscription("Weather", "", "", "", None, "")
    assert whole.token == SECRET


def test_a_list_that_is_none_is_asked_for_once_more_and_then_reported() -> None:
    with pytest.raises(UnreadableAnswer):
        client(Script(answer({}), answer({}))).subscriptions()


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({}, True),
        ({"taskSubType": "All"}, True),
        ({"taskSubType": None}, True),
        ({"taskType": "accountingdocuments", "subscriptionType": None}, True),
        ({"taskSubType": "WaitingForPrebook"}, False),
        ({"taskType": "RequestStatus"}, False),
        ({"subscriptionType": "Polling"}, False),
    ],
)
def test_a_subscription_covers_its_kind_and_all_covers_every_sub_type(
    fields: dict[str, Any], covered: bool
) -> None:
    assert one(**fields).covers(INVOICES) is covered


def test_subscribing_sends_an_array_with_nothing_unknown_in_it() -> None:
    script = Script(answer([LISTED]))
    receipt = client(script).subscribe([INVOICES, Wanted("RequestStatus", None)], URL, SECRET)
    assert (receipt.http_status, receipt.errors) == (200, ())
    sent = json.loads(script.requests[0].content)
    assert sent == [
        {name: value for name, value in LISTED.items() if name != "lastUpdated"},
        {
            "taskType": "RequestStatus",
            "subscriptionType": "Webhook",
            "notificationWebhookURL": URL,
            "webhookAuthenticationToken": SECRET.get_secret_value(),
        },
    ]


@pytest.mark.parametrize("step", [httpx.ReadTimeout("late"), httpx.Response(500)])
def test_a_lost_answer_to_a_subscription_is_looked_up_and_not_repeated(
    step: httpx.Response | Exception,
) -> None:
    script = Script(step)
    with pytest.raises(OutcomeUnknown):
        client(script).subscribe([INVOICES], URL, SECRET)
    assert len(script.requests) == 1


def test_a_refusal_comes_back_with_its_reason() -> None:
    error = {"type": "VALIDATION", "code": "SCHEMA_VALIDATION_ERROR", "message": "no such type"}
    receipt = client(Script(answer({"hasError": True, "errorMessages": [error]}, 400))).subscribe(
        [INVOICES], URL, SECRET
    )
    assert (receipt.http_status, receipt.errors[0].message) == (400, "no such type")


def test_an_address_beyond_the_limit_is_refused_without_naming_the_secret() -> None:
    with pytest.raises(Fatal) as refused:
        subscribe_body([INVOICES], f"{URL}/{'x' * 2083}", SECRET)
    assert "limits" in str(refused.value)
    assert SECRET.get_secret_value() not in str(refused.value)


def test_deleting_names_the_kind_and_the_instant() -> None:
    script = Script(answer({"status": "Deleted successfully", "numberOfRecordsDeleted": 2}))
    assert client(script).unsubscribe(INVOICES, SINCE_EVER) == 2
    assert dict(script.requests[0].url.params) == {
        "lastUpdated": "2000-01-01T00:00:00.000Z",
        "taskType": "AccountingDocuments",
        "taskSubType": "WaitingForTransfer",
    }
    assert client(Script(httpx.Response(404))).unsubscribe(Wanted("RequestStatus", None), SINCE_EVER) == 0
    with pytest.raises(RecordRefused, match="RequestStatus/default"):
        client(Script(httpx.Response(422))).unsubscribe(Wanted("RequestStatus", None), SINCE_EVER)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"{}", b'{"numberOfRecordsDeleted": true}'])
def test_a_number_of_deleted_ones_that_is_not_told_is_unknown(body: bytes) -> None:
    assert read_deleted(body) is None


def test_tasks_are_read_page_by_page() -> None:
    script = Script(
        answer({"taskStatus": [TASK]}, **{CONTINUATION_HEADER: "next"}),
        answer({"taskStatus": [TASK | {"taskId": "t-2", "lastUpdated": None, "taskSubType": 7}]}),
    )
    since = datetime(2026, 11, 19, tzinfo=UTC)
    first, second = client(script).tasks("New", last_updated=since)
    moment = datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert first == [Task("t-1", "AccountingDocuments", "WaitingForTransfer", "New", "i-1", moment)]
    assert second == [Task("t-2", "AccountingDocuments", "", "New", "i-1", None)]
    assert script.requests[1].headers[CONTINUATION_HEADER] == "next"
    assert dict(script.requests[1].url.params) == {
        "taskStatus": "New",
        "lastUpdated": "2026-11-19T00:00:00.000Z",
    }
    assert list(client(Script(httpx.Response(404))).tasks("Failed")) == []


def test_a_task_without_an_id_and_a_moment_that_is_none_harm_no_other() -> None:
    body = {"taskStatus": [TASK | {"taskId": None}, TASK | {"lastUpdated": "soon", "taskStatus": "Novel"}]}
    (task,) = read_tasks(encode(body))  # type: ignore[arg-type]
    assert (task.last_updated, task.status) == (None, "Novel")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://connector.example.com/webhooks/basware", "only https"),
        ("https://user:secret@connector.example.com/", "credentials"),
        ("https://203.0.113.7/webhooks/basware", "IP address"),
        ("https://0x7f000001/webhooks/basware", "IP address"),
        ("https://[2001:db8::1]/webhooks/basware", "IP address"),
        ("https://connector/webhooks/basware", "inside a network"),
        ("https://connector.local/webhooks/basware", "inside a network"),
        ("http://127.0.0.1:8080/webhooks/basware", "only https"),
        ("https://connector.example.com/webhooks/basware?key=secret", "would show in logs"),
        ("https://connector.example.com/webhooks/basware#here", "would show in logs"),
        (f"https://connector.example.com/{'x' * 2083}", "2083"),
        ("connector.example.com", "cannot be read"),
        ("https://exa mple:x/", "cannot be read"),
    ],
)
def test_an_address_that_basware_must_not_be_given_is_refused(url: str, reason: str) -> None:
    with pytest.raises(HostRefused, match=reason) as refused:
        BaswareHosts("EU").check_callback(url)
    assert "secret" not in str(refused.value)


def test_the_sandbox_calls_this_machine_or_a_public_name() -> None:
    hosts = BaswareHosts(SANDBOX)
    for url in ("http://127.0.0.1:8080/webhooks/basware", "http://localhost:1/", URL):
        assert hosts.check_callback(url) == url
    assert BaswareHosts("EU").check_callback(URL) == URL
    with pytest.raises(HostRefused):
        hosts.check_callback("http://connector.example.com/")


@needs_contract
def test_what_is_sent_is_what_basware_publishes() -> None:
    body = json.loads(subscribe_body([INVOICES, Wanted("RequestStatus", "Error")], URL, SECRET))
    for each in body:
        assert [error.message for error in schema_validator("Subscription-Input").iter_errors(each)] == []
    paths = document()["paths"]
    asked = {item["name"]: item["required"] for item in paths["/v1/subscriptions"]["delete"]["parameters"]}
    assert asked == {"lastUpdated": True, "taskType": True, "taskSubType": True}
    assert {"taskStatus", "lastUpdated", CONTINUATION_HEADER} <= {
        item["name"] for item in paths["/v1/tasks"]["get"]["parameters"]
    }


@needs_contract
def test_what_is_read_is_what_basware_publishes() -> None:
    assert [error.message for error in schema_validator("Subscription-Output").iter_errors(LISTED)] == []
    assert [error.message for error in schema_validator("Task").iter_errors(TASK)] == []
    assert "taskStatus" in document()["components"]["schemas"]["TasksResponse"]["required"]
    assert "subscriptions" in document()["components"]["schemas"]["SubscriptionsResponse"]["required"]


def test_a_scope_that_was_not_granted_is_said_so() -> None:
    with pytest.raises(Fatal, match=r"the scope tasks\.read"):
        list(client(Script(httpx.Response(403))).tasks("New"))


def test_a_list_of_tasks_that_is_too_large_is_refused_as_such() -> None:
    body = b'{"taskStatus": [' + b"[]," * 900_000 + b"[]]}"
    with (
        client(Script(httpx.Response(200, content=body))) as api,
        pytest.raises(AnswerTooLarge, match="too many"),
    ):
        list(api.tasks("New"))


@pytest.mark.parametrize("odd", ["\\ud800", "\\u0000", "\\uffff"])
def test_a_character_that_no_store_takes_is_replaced(odd: str) -> None:
    (task,) = read_tasks(b'[{"taskId": "t-%s", "documentId": "i-%s"}]' % (odd.encode(), odd.encode()))
    (listed,) = read_subscriptions(b'[{"notificationWebhookURL": "https://x.example.com/%s"}]' % odd.encode())
    assert (task.task_id, task.document_id) == ("t-\ufffd", "i-\ufffd")
    assert listed.url == "https://x.example.com/\ufffd"
