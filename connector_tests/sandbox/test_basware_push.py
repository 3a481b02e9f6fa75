"""Subscriptions and signed notifications of the simulated Basware."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connector_defs.sandbox.faults import FaultPlan
from connector_tests.sandbox.wire import Wire, invoice, served, tax_code
from connector_tests.webhook import webhook

SUBSCRIPTIONS = "/v1/subscriptions"
SECRET = "s3cret"


@dataclass
class Receiver:
    """A webhook on this machine: what arrived, and what it answers next."""

    url: str = ""
    arrived: list[tuple[dict[str, Any], str, bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def wait(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 5
        while len(self.arrived) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.arrived) == count
        return [body for body, _, _ in self.arrived]

    def take(self, raw: bytes, signature: str) -> int:
        # Before the answer, which lets the next one come.
        self.arrived.append((json.loads(raw), signature, raw))
        return self.answers.pop(0) if self.answers else 200


def subscription(url: str, **fields: Any) -> dict[str, Any]:
    return {
        "taskType": "AccountingDocuments",
        "taskSubType": "WaitingForTransfer",
        "subscriptionType": "Webhook",
        "notificationWebhookURL": url,
        "webhookAuthenticationToken": SECRET,
    } | fields


def settled(wire: Wire, status: str, count: int) -> list[dict[str, Any]]:
    """The tasks of a status, once there are that many."""
    deadline = time.monotonic() + 5
    tasks: list[dict[str, Any]] = []
    while len(tasks) < count and time.monotonic() < deadline:
        answer = wire.get("/v1/tasks", taskStatus=status)
        tasks = answer.json()["taskStatus"] if answer.status_code == 200 else []
    assert len(tasks) == count
    return tasks


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with webhook(receiver.take) as receiver.url:
        yield receiver


@pytest.fixture
def faults() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def wire(faults: FaultPlan) -> Iterator[Wire]:
    with served(invoice("old"), faults=faults, notification_retry_seconds=0.01) as wire:
        yield wire


@pytest.mark.covers("H21")
def test_subscribing_sends_a_signed_connection_test(wire: Wire, receiver: Receiver) -> None:
    answer = wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])

    assert answer.status_code == 200
    assert "lastUpdated" in answer.json()[0]
    [body] = receiver.wait(1)
    assert body["taskType"] == "ConnectionTest"
    _, signature, raw = receiver.arrived[0]
    assert signature == hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()


@pytest.mark.covers("H21")
def test_an_approved_invoice_and_a_retransfer_are_notified_in_basware_spelling(
    wire: Wire, receiver: Receiver
) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])
    wire.control("approve", invoice("new"))
    wire.post(
        "/v1/accountingDocuments/new/transferResponses",
        {
            "externalCode": "r",
            "success": False,
            "responseMessage": "no",
            "paymentBlock": False,
        },
    )
    wire.control("retransfer", {"invoiceId": "new"})

    bodies = receiver.wait(3)[1:]

    assert [(body["taskType"], body["documentId"]) for body in bodies] == [("AccoutingDocuments", "new")] * 2
    assert bodies[0]["taskId"] != bodies[1]["taskId"]
    settled(wire, "Completed", 3)


def test_a_subscriber_of_another_sub_type_hears_nothing(wire: Wire, receiver: Receiver) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url, taskSubType="WaitingForPrebook")])
    wire.sandbox.approve(invoice("new"))
    wire.sandbox.approve(invoice("booked", processingStatus="WaitingForPrebook"))

    assert [body["documentId"] for body in receiver.wait(2)[1:]] == ["booked"]


def test_a_refused_notification_is_tried_again_and_its_history_kept(wire: Wire, receiver: Receiver) -> None:
    receiver.answers = [500, 200]
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])

    receiver.wait(2)

    [task] = settled(wire, "Completed", 1)
    assert [entry["messages"] for entry in task["taskHistory"]] == [["try 1: 500"], ["try 2: 200"]]


def test_a_dead_webhook_leaves_a_failed_task(wire: Wire) -> None:
    wire.post(SUBSCRIPTIONS, [subscription("http://127.0.0.1:1/webhooks")])

    assert len(settled(wire, "Failed", 1)[0]["taskHistory"]) == 3


def test_no_other_machine_is_ever_called(wire: Wire) -> None:
    wire.post(SUBSCRIPTIONS, [subscription("https://connector.example.com/webhooks")])

    assert settled(wire, "Failed", 1)[0]["taskHistory"][0]["messages"] == [
        "the sandbox notifies this machine only"
    ]


def test_notifications_can_be_lost_or_doubled(wire: Wire, receiver: Receiver, faults: FaultPlan) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])
    receiver.wait(1)
    faults.arm("lost_notification", match="lost")
    faults.arm("double_notification", match="twice")

    wire.sandbox.approve(invoice("lost"))
    wire.sandbox.approve(invoice("twice"))

    assert [body["documentId"] for body in receiver.wait(3)[1:]] == ["twice", "twice"]


def test_late_notifications_go_out_when_released_the_newest_first(
    wire: Wire, receiver: Receiver, faults: FaultPlan
) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])
    faults.arm("late_notification", times=2, match="late")
    for name in ("late-1", "late-2", "prompt"):
        wire.sandbox.approve(invoice(name))
    assert receiver.wait(2)[1]["documentId"] == "prompt"
    assert wire.control("notifications/release", {}) == {"released": 2}
    assert [body["documentId"] for body in receiver.wait(4)[2:]] == ["late-2", "late-1"]
    settled(wire, "Completed", 4)


def test_a_lost_notification_stays_new_and_a_failed_one_is_failed(
    wire: Wire, receiver: Receiver, faults: FaultPlan
) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])
    faults.arm("lost_notification", match="lost")
    faults.arm("failed_notification", match="failed")
    wire.sandbox.approve(invoice("lost"))
    wire.sandbox.approve(invoice("failed"))
    assert [task["documentId"] for task in settled(wire, "Failed", 1)] == ["failed"]
    settled(wire, "Completed", 1)
    assert [task["documentId"] for task in settled(wire, "New", 1)] == ["lost"]


def test_a_forged_and_a_foreign_notification_come_beside_the_real_ones(
    wire: Wire, receiver: Receiver, faults: FaultPlan
) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])
    faults.arm("forged_notification", match="one")
    faults.arm("foreign_notification", match="two")
    wire.sandbox.approve(invoice("one"))
    wire.sandbox.approve(invoice("two"))
    bodies = receiver.wait(5)[1:]
    genuine = [
        signature == hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
        for _, signature, raw in receiver.arrived[1:]
    ]
    assert genuine == [False, True, True, True]
    assert [body["documentId"] for body in bodies[:2]] == ["one", "one"]
    assert bodies[2]["documentId"] not in ("one", "two")
    assert len({body["taskId"] for body in bodies}) == 4
    assert len(settled(wire, "Completed", 3)) == 3, "only the real ones are tasks"


def test_a_record_that_fails_late_is_told_to_whom_subscribed_to_errors(
    wire: Wire, receiver: Receiver
) -> None:
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url, taskType="RequestStatus", taskSubType="Error")])
    request_id = wire.post("/v1/taxCodes", [tax_code()]).headers["x-amzn-RequestId"]
    wire.sandbox.finish_processing()
    wire.sandbox.overturn("taxCodes", "tax-V1")
    body = receiver.wait(2)[1]
    assert (body["taskType"], body["documentId"]) == ("RequestStatus", request_id)


def test_subscriptions_are_listed_replaced_and_deleted(wire: Wire, receiver: Receiver) -> None:
    assert wire.get(SUBSCRIPTIONS).status_code == 404
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url), subscription(receiver.url, taskSubType="All")])
    wire.post(SUBSCRIPTIONS, [subscription(receiver.url)])

    assert len(wire.get(SUBSCRIPTIONS).json()["subscriptions"]) == 2
    assert SECRET not in wire.http.get("/_sandbox/basware/subscriptions").text
    wanted = {"taskType": "AccountingDocuments", "taskSubType": "All"}
    assert wire.delete(SUBSCRIPTIONS, **wanted).status_code == 422
    gone = wire.delete(SUBSCRIPTIONS, **wanted, lastUpdated="2001-01-01")
    assert gone.json()["numberOfRecordsDeleted"] == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (subscription("http://127.0.0.1:1"), 400),
        ([subscription("http://127.0.0.1:1", extra=1)], 400),
        ([subscription("http://127.0.0.1:1", taskType="Weather")], 422),
        (b"nonsense", 400),
    ],
)
def test_a_subscription_must_be_an_array_of_known_fields_and_types(
    wire: Wire, body: Any, status: int
) -> None:
    assert wire.post(SUBSCRIPTIONS, body).status_code == status
