"""What Basware really sends, in every form it may have, and what the receiver says about itself."""

import base64
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connector_defs.console.app import Patience
from connector_defs.settings import Settings
from connector_tests.console.notifications import HEADER, SECRET, body_of, chunked, notice, post, sign
from connector_tests.console.scene import Running, answer_on, receiving, settings


def task_of(body: bytes) -> str:
    return str(json.loads(body)["taskId"])


def in_base64(body: bytes) -> str:
    return base64.b64encode(bytes.fromhex(sign(body))).decode()


def test_a_signed_notification_is_kept_before_it_is_answered(running: Running) -> None:
    body = body_of(documentId="invoice-1", taskSubType="WaitingForTransfer")

    assert running.hook(body) == 200

    assert running.inbox("task_id, status, task_type, task_sub_type, document_id, settled_at")[-1] == (
        *(task_of(body), "New", "AccoutingDocuments", "WaitingForTransfer", "invoice-1", None),
    )


@pytest.mark.covers("H21")
@pytest.mark.parametrize(
    "form",
    [
        pytest.param(sign, id="hex"),
        pytest.param(lambda body: sign(body).upper(), id="hex in capitals"),
        pytest.param(lambda body: "sha256=" + sign(body), id="hex with its prefix"),
        pytest.param(lambda body: "SHA256=" + sign(body), id="hex with its prefix in capitals"),
        pytest.param(in_base64, id="base64"),
        pytest.param(lambda body: "sha256=" + in_base64(body), id="base64 with its prefix"),
    ],
)
def test_every_form_of_a_right_signature_is_taken(running: Running, form: object) -> None:
    body = body_of()

    assert running.hook(body, form(body)) == 200  # type: ignore[operator]
    assert task_of(body) in running.inbox()


@pytest.mark.covers("H21")
@pytest.mark.parametrize(("encoding", "answers"), [("hex", [200, 401]), ("base64", [401, 200])])
def test_a_site_may_take_one_form_alone(tmp_path: Path, encoding: str, answers: list[int]) -> None:
    with receiving(tmp_path, encoding=encoding, header="x-signed-by") as chosen:
        body = body_of()
        found = [
            chosen.send(post(body, "", lines=(f"X-Signed-By: {text}",))).status
            for text in (sign(body), in_base64(body))
        ]
        assert found == answers
        assert chosen.hook(body) == 401
        assert chosen.inbox() == [task_of(body)]


@pytest.mark.covers("F21")
def test_a_notification_sent_again_changes_nothing(running: Running) -> None:
    body = body_of()

    assert [running.hook(body) for _ in range(3)] == [200, 200, 200]
    assert running.inbox().count(task_of(body)) == 1


@pytest.mark.covers("F21")
def test_a_task_in_another_status_is_news(running: Running) -> None:
    told = notice()
    for status in ("New", "Failed", "New"):
        running.hook(json.dumps({**told, "taskStatus": status}).encode())

    statuses = [status for task, status in running.inbox("task_id, status") if task == told["taskId"]]
    assert statuses == ["New", "Failed"]


@pytest.mark.covers("H21")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"taskType": "SomethingOfTomorrow"}, id="unknown type"),
        pytest.param({"taskType": "AccountingDocuments"}, id="the type spelt well"),
        pytest.param({"documentId": "../../v1/tokens?x=1#y"}, id="a path in place of an id"),
        pytest.param({"documentId": "%2e%2e%2fetc%2fpasswd"}, id="a path in disguise"),
        pytest.param({"documentId": None, "taskSubType": None}, id="no document"),
        pytest.param({"companyCode": "somebody else's"}, id="another tenant's company"),
        pytest.param({"taskId": "'; DROP TABLE notification; --"}, id="a statement in place of an id"),
        pytest.param({"new": {"field": [1, 2.5, None]}}, id="fields of tomorrow"),
    ],
)
def test_a_signed_notification_is_a_hint_whatever_it_names(
    running: Running, fields: dict[str, object]
) -> None:
    body = body_of(**fields)

    assert running.hook(body) == 200
    assert task_of(body) in running.inbox()


@pytest.mark.parametrize("content_type", ["Application/JSON", 'application/json; charset="UTF-8"'])
def test_json_may_be_announced_in_several_ways(running: Running, content_type: str) -> None:
    assert running.send(post(body_of(), content_type=content_type)).status == 200


def test_a_body_in_chunks_is_read_as_one(running: Running) -> None:
    body = body_of()
    request = post(body, length=None, lines=("Transfer-Encoding: chunked",))[: -len(body)] + chunked(body)

    assert running.send(request).status == 200
    assert task_of(body) in running.inbox()


@pytest.mark.covers("F21")
def test_a_connection_lives_on_after_a_refusal(running: Running) -> None:
    with running.connect() as connection:
        statuses = []
        for request in (post(body_of(), ""), post(b"a" * 100_000), post(body_of())):
            connection.sendall(request)
            statuses.append(answer_on(connection).status)
    assert statuses == [401, 413, 200]


class TestConnectionTest:
    """Whether Basware signs it is unknown, and it may come before its key is known here."""

    @pytest.mark.covers("H21")
    @pytest.mark.parametrize("signature", ["", "0" * 64, "no signature at all"])
    def test_without_a_valid_signature_it_is_answered_and_leaves_no_trace(
        self, running: Running, signature: str
    ) -> None:
        before = running.inbox()

        assert running.hook(body_of(taskType="ConnectionTest", documentId=None), signature) == 200
        assert running.inbox() == before

    @pytest.mark.covers("H21")
    def test_the_form_of_a_verified_signature_is_kept_and_nothing_is_woken(self, running: Running) -> None:
        body = body_of(taskType="ConnectionTest")

        assert running.hook(body, in_base64(body)) == 200

        found = {task: rest for task, *rest in running.inbox("task_id, settled_at, note")}
        settled_at, note = found[task_of(body)]
        assert settled_at is not None
        assert note == "ConnectionTest, verified; its signature is base64"

    def test_the_form_of_one_that_is_not_verified_is_logged(
        self, running: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        running.hook(body_of(taskType="ConnectionTest"), "0" * 64)
        assert "A ConnectionTest came that is not verified; its signature is hex" in caplog.text

    @pytest.mark.covers("H21")
    def test_a_site_may_demand_the_signature(self, tmp_path: Path) -> None:
        body = body_of(taskType="ConnectionTest")
        with receiving(tmp_path, connection_test="signed") as strict:
            assert [strict.hook(body, ""), strict.hook(body)] == [401, 200]


class TestKeys:
    """Rotation needs no restart."""

    def test_the_key_before_is_accepted_beside_the_new_one(self, tmp_path: Path) -> None:
        with receiving(tmp_path, lambda: keyed(tmp_path, "new", "old")) as rotating:
            body = body_of()
            found = [rotating.hook(body, sign(body, secret)) for secret in ("new", "old", SECRET)]
        assert found == [200, 200, 401]

    def test_a_new_key_is_known_at_the_first_notification_that_it_signs(self, tmp_path: Path) -> None:
        chosen = [keyed(tmp_path, "first")]
        with receiving(tmp_path, lambda: chosen[-1]) as rotating:
            body = body_of()
            assert rotating.hook(body, sign(body, "second")) == 401
            chosen.append(keyed(tmp_path, "second"))
            assert rotating.hook(body, sign(body, "second")) == 200

    def test_without_any_key_nothing_but_a_connection_test_is_answered_well(self, tmp_path: Path) -> None:
        with receiving(tmp_path, lambda: keyed(tmp_path, "")) as unsubscribed:
            body = body_of()
            assert [unsubscribed.hook(body, sign(body, secret)) for secret in (SECRET, "")] == [401, 401]
            assert unsubscribed.hook(body_of(taskType="ConnectionTest"), "0" * 64) == 200
            ready = unsubscribed.get("/health/ready")
            assert (ready.status, json.loads(ready.body)["missing"]) == (503, ["webhook secret"])
            assert unsubscribed.get("/health/live").status == 200
            assert unsubscribed.inbox() == []


def keyed(folder: Path, secret: str, previous: str = "") -> Settings:
    tree = settings(folder).model_dump()
    tree["basware"].update(webhook_secret=secret, webhook_secret_previous=previous)
    return Settings.model_validate(tree)


class TestStoreAway:
    @pytest.fixture
    def locked(self, tmp_path: Path) -> Iterator[Running]:
        with (
            receiving(tmp_path) as running,
            closing(sqlite3.connect(running.state, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            yield running

    @pytest.mark.covers("F28")
    def test_nothing_is_answered_200_while_the_store_takes_nothing(self, locked: Running) -> None:
        answer = locked.send(post(body_of()))

        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert locked.hook(body_of(), "0" * 64) == 401
        assert locked.hook(body_of(taskType="ConnectionTest"), "") == 200
        assert locked.inbox() == []

    @pytest.mark.covers("F28")
    def test_it_goes_on_by_itself_when_the_store_is_back(self, tmp_path: Path) -> None:
        body = body_of()
        with receiving(tmp_path) as running:
            with closing(sqlite3.connect(running.state, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert running.hook(body) == 503
            assert running.hook(body) == 200
            assert running.inbox() == [task_of(body)]

    @pytest.mark.covers("F28")
    def test_a_store_without_its_tables_is_not_ready_and_takes_nothing(self, tmp_path: Path) -> None:
        with receiving(tmp_path) as running:
            with closing(sqlite3.connect(running.state)) as other:
                other.execute("ALTER TABLE notification RENAME TO gone")
                other.execute("UPDATE alembic_version SET version_num = 'older'")
                other.commit()
            assert running.hook(body_of()) == 503
            answer = running.get("/health/ready")
            assert (answer.status, json.loads(answer.body)) == (
                503,
                {"status": "not ready", "missing": ["schema"]},
            )
            assert running.get("/health/live").status == 200


class TestSelfReport:
    def test_it_is_live_and_ready(self, running: Running) -> None:
        assert json.loads(running.get("/health/live").body) == {"status": "live"}
        assert json.loads(running.get("/health/ready").body) == {"status": "ready", "missing": []}

    def test_the_metrics_count_by_outcome_and_name_nobody(self, tmp_path: Path) -> None:
        with receiving(tmp_path) as running:
            body = body_of(documentId="invoice-7")
            for signature in (None, None, "0" * 64):
                running.hook(body, signature)
            running.hook(body_of(taskType="ConnectionTest"), "")
            answer = running.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        page = answer.body.decode()
        lines = set(page.splitlines())
        assert {
            'connector_webhook_requests_total{outcome="stored"} 2',
            'connector_webhook_requests_total{outcome="unverified"} 1',
            'connector_webhook_requests_total{outcome="connection_test"} 1',
            'connector_webhook_connection_tests_total{signature="unverified_missing"} 1',
            "connector_notifications_new_total 1",
            "connector_notification_store_seconds_count 2",
            'connector_notification_store_seconds_bucket{le="+Inf"} 2',
            "connector_ready 1",
            "connector_inbox_open 1",
        } <= lines
        assert not [word for word in ("invoice-7", task_of(body), "127.0.0.1", SECRET) if word in page]

    @pytest.mark.parametrize(
        "header", ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 p"]
    )
    def test_a_proxy_on_this_machine_gets_no_metrics_for_others(self, running: Running, header: str) -> None:
        assert running.get("/metrics", header).status == 404

    @pytest.mark.parametrize(("allowed", "status"), [("off", 404), ("anyone", 200)])
    def test_metrics_are_for_whom_the_settings_say(self, tmp_path: Path, allowed: str, status: int) -> None:
        with receiving(tmp_path, metrics=allowed) as running:
            assert running.get("/metrics", "X-Forwarded-For: 203.0.113.9").status == status

    def test_what_is_refused_is_logged_without_a_word_of_it(
        self, running: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        body = body_of(documentId="reflect-me")

        running.hook(body, "0" * 64)
        running.send(post(body + b"{}"))
        running.send(post(body, "", target=f"/webhooks/basware?token={SECRET}"))

        assert "A request from 127.0.0.1: unverified" in caplog.text
        assert (
            "A signed notification cannot be read, and is not kept: the body is not strict JSON"
            in caplog.text
        )
        assert not [word for word in ("reflect-me", SECRET, "0" * 64) if word in caplog.text]


def test_whoever_runs_out_of_allowance_is_told_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(tmp_path, refused_per_minute=1, trusted_proxies=("127.0.0.1/32",)) as running:
        forged = post(body_of(), "0" * 64, lines=("X-Forwarded-For: 203.0.113.9",))
        assert [running.send(forged).status for _ in range(2)] == [401, 429]
        # Others behind the same proxy are heard.
        assert running.hook(body_of()) == 200
    assert "203.0.113.9 made too many requests that are not Basware's (the last: unverified)" in caplog.text


def test_what_is_under_way_is_answered_before_it_stops(tmp_path: Path) -> None:
    body = body_of()
    request = post(body)
    with receiving(tmp_path, patience=Patience()) as running:
        with running.connect() as connection, running.connect() as idle:
            connection.sendall(request[:-5])
            running.get("/health/live")
            running.stop()
            # It stops listening to whoever has nothing under way …
            assert idle.recv(1) == b""
            connection.sendall(request[-5:])
            # … and this one gets its answer.
            assert answer_on(connection).status == 200
        assert running.inbox() == [task_of(body)]


def test_the_header_of_the_signature_is_told_in_the_settings_alone() -> None:
    assert Settings.model_fields["webhook"].default.header == HEADER
