"""`connector webhook`, and what ping and status say of push."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.cli import serve
from connector_defs.cli.opening import settings
from connector_defs.cli.sandbox import TIMING, storage_of
from connector_defs.console.app import Patience
from connector_defs.flows import push_watch
from connector_defs.flows.runtime import open_connector
from connector_defs.sandbox.server import Sandbox
from connector_defs.settings import Settings
from connector_tests.cli.conftest import Command, Ended
from connector_tests.console.scene import receiving
from connector_tests.console.test_from_basware import until
from connector_tests.flows.pair import SMALL, invoice

URL = "https://connector.example.com/webhooks/basware"


@pytest.fixture
def sandbox(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both systems; the secret of the webhook is not set, so that one is made."""
    with Sandbox(SMALL, processing_seconds=0.0) as running:
        for name, value in {**running.environment(), **TIMING, **storage_of(own_place)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("BASWARE_WEBHOOK_SECRET")
        yield running


def told(ended: Ended) -> Any:
    return json.loads(ended.out)


def secrets_at_basware(sandbox: Sandbox) -> set[str]:
    return {each["webhookAuthenticationToken"] for each in sandbox.basware.push.subscriptions.values()}


def test_from_subscribing_to_its_end(sandbox: Sandbox, connector: Command) -> None:
    first = connector("webhook", "subscribe", "--url", URL)
    assert first.code == 0, first.out + first.err
    assert "The subscription is in place." in first.out
    (secret,) = secrets_at_basware(sandbox)
    listed = connector("webhook", "list")
    assert (listed.code, "matches" in listed.out) == (0, True)
    assert told(connector("webhook", "list", "--json"))["subscriptions"][0]["secret"] == "matches"

    again = told(connector("webhook", "subscribe", "--url", URL, "--json"))
    assert (again["clean"], again["asked"], again["new_secret"]) == (True, [], False)
    assert "nothing was done" in connector("webhook", "subscribe", "--url", URL).out
    assert "A new secret" in connector("webhook", "subscribe", "--url", URL, "--rotate").out
    assert secrets_at_basware(sandbox) != {secret}

    status = connector("status")
    assert "Push notifications: subscription ours" in status.out
    assert told(connector("status", "--json"))["push"]["standing"]["state"] == "ours"

    ended = connector("webhook", "unsubscribe")
    assert (ended.code, "Deleted: AccountingDocuments/WaitingForTransfer" in ended.out) == (0, True)
    assert sandbox.basware.push.subscriptions == {}
    assert "Nothing was subscribed from here." in connector("webhook", "unsubscribe").out
    assert told(connector("webhook", "unsubscribe", "--json"))["deleted"] == []
    assert told(connector("status", "--json"))["push"] is None
    assert "no subscription of this client" in connector("webhook", "list").out
    audit = connector("audit", "show", "webhook").out
    assert "webhook subscribed" in audit
    everything = "".join(
        [first.out, first.err, listed.out, listed.err, status.out, ended.out, audit, json.dumps(again)]
    )
    assert secret not in everything
    assert connector("audit", "verify").code == 0


@pytest.mark.covers("H21")
@pytest.mark.parametrize("tests", ["open", "signed"])
def test_a_receiver_that_runs_already_and_one_subscribe_are_enough(
    sandbox: Sandbox, connector: Command, own_place: Path, tests: str
) -> None:
    def load() -> Settings:
        webhook = {"connection_test": tests}
        return settings().model_copy(update={"webhook": settings().webhook.model_copy(update=webhook)})

    with receiving(own_place, load, patience=Patience()) as receiver:
        assert json.loads(receiver.get("/health/ready").body)["missing"] == ["webhook secret"]
        ended = connector(
            "webhook", "subscribe", "--url", f"http://127.0.0.1:{receiver.port}/webhooks/basware"
        )
        assert (ended.code, "The subscription is in place." in ended.out) == (0, True)
        until(lambda: receiver.inbox("task_type").count("ConnectionTest") == 2)

        bill = sandbox.basware.approve(invoice("FIRST"))
        until(lambda: bill["invoiceId"] in receiver.inbox("document_id"))
        until(lambda: {task.status for task in sandbox.basware.push.tasks} == {"Completed"})
        assert all(len(task.history) == 1 for task in sandbox.basware.push.tasks), (
            "nothing was refused before"
        )
        assert json.loads(receiver.get("/health/ready").body)["status"] == "ready"


def test_a_subscription_that_is_gone_is_a_problem_of_list_ping_and_status(
    sandbox: Sandbox, connector: Command
) -> None:
    connector("webhook", "subscribe", "--url", URL)
    sandbox.basware.push.subscriptions.clear()
    listed = connector("webhook", "list")
    assert (listed.code, f"subscribe --url {URL}" in listed.out) == (1, True)
    probes = {probe["name"]: probe for probe in told(connector("ping", "--json"))["probes"]}
    assert probes["webhook subscription"]["ok"] is False
    with open_connector(settings()) as opened:
        push_watch.look(opened, at_start=True)
    status = connector("status")
    assert "subscription missing" in status.out
    assert (
        f"AccountingDocuments/WaitingForTransfer: run `connector webhook subscribe --url {URL}`" in status.out
    )
    assert connector("webhook", "subscribe", "--url", URL).code == 0
    assert connector("webhook", "list").code == 0


def test_a_secret_of_the_environment_is_used_and_said_so(
    sandbox: Sandbox, connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASWARE_WEBHOOK_SECRET", "given-from-outside")
    ended = connector("webhook", "subscribe", "--url", URL)
    assert (ended.code, "BASWARE_WEBHOOK_SECRET is set" in ended.out) == (0, True)
    assert secrets_at_basware(sandbox) == {"given-from-outside"}
    assert "given-from-outside" not in ended.out


def test_an_address_that_cannot_be_one_is_wrong_use(sandbox: Sandbox, connector: Command) -> None:
    ended = connector("webhook", "subscribe", "--url", "http://connector.example.com/webhooks/basware")
    assert (ended.code, "only https" in ended.err) == (2, True)
    assert sandbox.basware.push.subscriptions == {}


def test_somebody_elses_subscription_ends_with_1_and_replace_takes_it(
    sandbox: Sandbox, connector: Command
) -> None:
    connector("webhook", "subscribe", "--url", "https://other.example.com/webhooks/basware")
    ended = connector("webhook", "subscribe", "--url", URL)
    assert (ended.code, "--replace" in ended.err) == (1, True)
    assert connector("webhook", "subscribe", "--url", URL, "--replace").code == 0
    connector("webhook", "unsubscribe")
    connector("webhook", "subscribe", "--url", URL)
    assert connector("webhook", "unsubscribe", "--all").code == 0


def test_a_subscription_that_does_not_appear_is_told(sandbox: Sandbox, connector: Command) -> None:
    sandbox.basware.push.subscriptions = Vanishing()
    ended = connector("webhook", "subscribe", "--url", URL)
    assert (ended.code, "The subscription is missing" in ended.out) == (1, True)


class Vanishing(dict[Any, Any]):
    """Takes every subscription and keeps none."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Nothing is kept."""


def test_serve_looks_at_the_subscription_at_its_start(
    sandbox: Sandbox, connector: Command, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector("webhook", "subscribe", "--url", URL)
    sandbox.basware.push.subscriptions.clear()
    serve._look_at_push(settings())
    assert "Basware has no subscription for AccountingDocuments/WaitingForTransfer" in caplog.text
    monkeypatch.setenv("BASWARE_REGION", "EU")
    serve._look_at_push(settings())
    assert "could not be looked at" in caplog.text
