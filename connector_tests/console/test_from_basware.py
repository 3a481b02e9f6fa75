"""From an approval in Basware to the ledger in SYSPRO, over the notification."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_defs.console.app import WEBHOOK
from connector_defs.sandbox.credentials import SandboxCredentials
from connector_tests.console.scene import Running, receiving
from connector_tests.flows.pair import assert_books_agree, invoice, open_pair
from connector_tests.sandbox.wire import Wire

SECRET = SandboxCredentials().webhook_secret


@pytest.mark.covers("F21", "H21")
def test_an_approved_invoice_is_notified_taken_in_and_posted(tmp_path: Path) -> None:
    with (
        open_pair(tmp_path) as pair,
        receiving(tmp_path, lambda: pair.connector.settings) as receiver,
        Wire(pair.sandbox.basware, pair.sandbox.basware_url) as wire,
    ):
        pair.map()
        answer = wire.post("/v1/subscriptions", [subscription(receiver)])
        assert answer.status_code == 200
        bill = invoice("PUSHED-1")
        (bill_id,) = pair.approve(bill)

        until(lambda: len(receiver.inbox()) == 2)
        tested, told = receiver.inbox("task_type, document_id, note")
        assert tested[0] == "ConnectionTest"
        assert tested[2] == "ConnectionTest, verified; its signature is hex"
        assert told[:2] == ("AccoutingDocuments", bill_id)

        pair.run()
        assert pair.state(bill_id) == "responded"
        assert len(pair.postings(bill)) == 1
        until(lambda: completed(wire) == 2)
        assert_books_agree(pair)


def subscription(receiver: Running) -> dict[str, str]:
    return {
        "taskType": "AccountingDocuments",
        "taskSubType": "All",
        "subscriptionType": "Webhook",
        "notificationWebhookURL": f"http://127.0.0.1:{receiver.port}{WEBHOOK}",
        "webhookAuthenticationToken": SECRET,
    }


def completed(wire: Wire) -> int:
    answer = wire.get("/v1/tasks", taskStatus="Completed")
    return len(answer.json()["taskStatus"]) if answer.status_code == 200 else 0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)
