"""Batches on their way: side by side, one worker per entity, and no order that looks complete before it is."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector_defs.basware.answers import ApiError, Receipt
from connector_defs.domain.errors import RecordRefused, RetryLater
from connector_defs.flows import outcomes, publishing, sending
from connector_defs.flows.outcomes import Answers, FollowUp, lane
from connector_defs.flows.sending import Batch, Sending
from connector_defs.store import records
from connector_defs.store.leases import LeaseLost, LeaseTaken
from connector_defs.store.records import OpenRequest, Record
from connector_tests.flows.pair import TODAY, Pair, open_pair
from connector_tests.flows.published import stop_amid_the_lines
from connector_tests.store.builders import pretend_owner

ORDER = "000000000010001"
BEFORE_LINES = ("taxCodes", "accounts", "costCenters", "paymentTerms", "vendors", "matchingOrders")


@pytest.fixture
def pair(staged: Pair) -> Pair:
    """Nothing is published yet."""
    return staged


def batches_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let every request hold at most so many records."""
    small = {name: replace(one, batch_limit=size) for name, one in publishing.ENDPOINTS.items()}
    monkeypatch.setattr(publishing, "ENDPOINTS", small)


def incomplete(pair: Pair) -> list[str]:
    """Orders that we call incomplete."""
    with pair.connector.store.read() as connection:
        return records.incomplete_orders(connection, "M1")


def grow_order(pair: Pair, lines: int) -> None:
    """Give one open order many more lines."""
    table = pair.sandbox.world.tables["PorMasterDetail"]
    model = table.get(ORDER, 1)
    assert model is not None
    for number in range(100, 100 + lines):
        table.insert({**model, "Line": number})


class Gate:
    """On the way to Basware: counts the POSTs that are there at once, and lets them go on once there are two."""

    def __init__(self, client: httpx.Client) -> None:
        self._send = client.send
        self.inside = 0
        self.most = 0
        self._changed = threading.Condition()
        self.full = threading.Event()

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if request.method != "POST":
            return self._send(request, **options)
        with self._changed:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside == 2:
                self.full.set()
        self.full.wait(5)
        try:
            return self._send(request, **options)
        finally:
            with self._changed:
                self.inside -= 1


@pytest.mark.parametrize(("per_endpoint", "most"), [(None, 3), (2, 2)])
def test_as_many_requests_go_side_by_side_as_the_settings_allow(
    folder: Path, monkeypatch: pytest.MonkeyPatch, per_endpoint: int | None, most: int
) -> None:
    basware = {"max_parallel": 3, "max_parallel_per_endpoint": per_endpoint}
    with open_pair(folder, basware=basware) as pair:
        pair.stage()
        batches_of(monkeypatch, 1)
        client = pair.connector.basware._exchange._api
        gate = Gate(client)
        monkeypatch.setattr(client, "send", gate.send)
        report = pair.publish("vendors")["vendors"]
        assert (report.requests, report.confirmed) == (10, 10)
        assert 2 <= gate.most <= most


def test_one_record_at_a_time_is_slow_and_right(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pair(folder, basware={"max_parallel": 1}) as pair:
        pair.stage()
        batches_of(monkeypatch, 3)
        report = pair.publish("vendors")["vendors"]
        assert (report.requests, report.confirmed) == (4, 10)


def test_two_workers_never_send_the_same_record(folder: Path) -> None:
    """Another process, with no daemon between them: the second is told who has it, and sends nothing."""
    with open_pair(folder) as pair:
        pair.stage()
        gate, reports, refusals = threading.Barrier(2), [], []

        def work() -> None:
            gate.wait()
            try:
                reports.append(publishing.publish(pair.connector, pair.company, "vendors", TODAY))
            except LeaseTaken as taken:
                refusals.append(taken)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(report.sent for report in reports) == 10
        assert len(reports) + len(refusals) == 2
        assert pair.sandbox.basware.requests["POST vendors"] == 1
        states = {
            item.outcome for one in pair.sandbox.basware.processing.requests.values() for item in one.items
        }
        assert "RecordExpired" not in states


def test_a_worker_of_another_host_keeps_us_out(pair: Pair) -> None:
    name = lane(pair.company, "vendors")
    with pair.connector.leases.hold(name):
        pass
    pretend_owner(pair.connector.store, name, "elsewhere:1:abc", _later(pair))
    with pytest.raises(LeaseTaken, match="publish/M1/vendors"):
        pair.publish("vendors")
    assert pair.sandbox.basware.requests["POST vendors"] == 0
    assert pair.publish("accounts")["accounts"].confirmed > 0, "other entities go on"


def _later(pair: Pair) -> datetime:
    return pair.connector.clock.now() + timedelta(seconds=60)


def test_who_lost_the_lease_stops_without_writing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    post = pair.connector.basware.post

    def overtaken(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        receipt = post(endpoint, payload)
        with pair.connector.store.write() as connection:
            connection.exec_driver_sql("UPDATE lease SET fence = fence + 1, owner = 'elsewhere:1:abc'")
        return receipt

    monkeypatch.setattr(pair.connector.basware, "post", overtaken)
    with pytest.raises(LeaseLost):
        pair.publish("taxCodes")
    with pair.connector.store.read() as connection:
        assert records.counts(connection).get("taxCodes") is None


def test_after_an_outage_nothing_more_begins(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests find Basware down while others wait for their turn: these are never made."""
    calls, queued, ending = [], threading.Event(), threading.Event()
    submit, end = Sending._submit, Sending._end

    def submitted(self: Sending, carriers: ThreadPoolExecutor, batch: Batch) -> None:
        submit(self, carriers, batch)
        if len(self._under_way) >= 6:
            queued.set()

    def ended(self: Sending, eyes: ThreadPoolExecutor) -> None:
        ending.set()
        end(self, eyes)

    def down(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        calls.append(endpoint)
        assert (queued if len(calls) <= 2 else ending).wait(timeout=5)
        raise RetryLater("down")

    batches_of(monkeypatch, 1)
    monkeypatch.setattr(Sending, "_submit", submitted)
    monkeypatch.setattr(Sending, "_end", ended)
    monkeypatch.setattr(pair.connector.basware, "post", down)
    with pytest.raises(RetryLater, match="down"):
        pair.publish("vendors")
    assert len(calls) < 8
    monkeypatch.undo()
    assert pair.publish("vendors")["vendors"].confirmed == 10


def test_a_look_that_outlasts_the_sending_is_waited_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, asked = FollowUp.ask, []

    def slow(self: FollowUp, requests: Sequence[OpenRequest]) -> Answers:
        asked.append(len(requests))
        for _ in range(500):
            if pair.sandbox.basware.requests["POST vendors"] == 10:
                break
            threading.Event().wait(0.01)
        return ask(self, requests)

    monkeypatch.setattr(outcomes, "_WORTH_A_SEAT", 1)
    monkeypatch.setattr(FollowUp, "ask", slow)
    batches_of(monkeypatch, 1)
    report = pair.publish("vendors")["vendors"]
    assert (report.confirmed, report.pending) == (10, 0)
    assert len(asked) >= 2


def test_a_refusal_that_names_nobody_fails_a_record_that_came_alone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Receipt(None, 400, (ApiError(None, "", "X", "wrong somewhere"),), "ours")
    monkeypatch.setattr(pair.connector.basware, "post", lambda *_: refusal)
    report = pair.publish("taxCodes")["taxCodes"]
    assert (report.confirmed, report.failed) == (0, 5)
    assert report.requests == 9, "split again and again"
    assert {problem.reason for problem in report.problems} == {"X: wrong somewhere"}


def test_a_look_that_fails_stops_the_sending_and_loses_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise RetryLater("the state store is away")

    monkeypatch.setattr(outcomes, "_WORTH_A_SEAT", 0)
    batches_of(monkeypatch, 1)
    monkeypatch.setattr(publishing.FollowUp, "ask", broken)
    with pytest.raises(RetryLater, match="state store"):
        pair.publish("vendors")
    monkeypatch.undo()
    assert pair.publish("vendors")["vendors"].pending == 0
    assert len(pair.sandbox.basware.in_target["vendors"]) == 10


def test_a_record_that_is_too_large_fails_alone(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    post = pair.connector.basware.post

    def refuse_the_first(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        if b'"000000000000001"' in payload[0]:
            raise RecordRefused("6 MB at most", code="record_too_large")
        return post(endpoint, payload)

    batches_of(monkeypatch, 1)
    monkeypatch.setattr(pair.connector.basware, "post", refuse_the_first)
    report = pair.publish("vendors")["vendors"]
    assert (report.confirmed, report.failed) == (9, 1)
    assert "record_too_large" in {problem.code for problem in report.problems}


def test_an_order_whose_request_was_split_is_marked_until_its_last_part_has_gone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10: the request is refused without naming a record, half of its lines go, then the process dies."""
    grow_order(pair, 20)
    pair.stage("order_lines")
    pair.publish(*BEFORE_LINES)
    post, calls = pair.connector.basware.post, []

    def refuse_then_die(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        calls.append(len(payload))
        if len(calls) == 1:
            return Receipt(None, 400, (ApiError(None, "", "X", "some record is wrong"),), "ours")
        if len(calls) > 2:
            raise KeyboardInterrupt
        return post(endpoint, payload)

    monkeypatch.setattr(pair.connector.basware, "post", refuse_then_die)
    with pytest.raises(KeyboardInterrupt):
        pair.publish("matchingOrderLines")
    monkeypatch.undo()
    visible = pair.sandbox.basware.visible_orders()
    marked = incomplete(pair)
    for key, order in records_of(pair, "matchingOrders").items():
        if order.external_code in visible and key not in marked:
            assert visible[order.external_code] == lines_in_syspro(pair, key)
    assert marked
    pair.publish("matchingOrderLines")
    assert incomplete(pair) == []


def records_of(pair: Pair, entity: str) -> dict[str, Record]:
    """All records of an entity, by key."""
    with pair.connector.store.read() as connection:
        keys = [row.key for part in records.known(connection, entity, "M1") for row in part]
        return records.by_keys(connection, entity, "M1", keys)


def lines_in_syspro(pair: Pair, order: str) -> int:
    """Lines of the order that are to be sent: all but comments."""
    table = pair.sandbox.world.tables["PorMasterDetail"]
    return len(
        [row for row in table if row["PurchaseOrder"] == order and str(row["LineType"]).strip() != "6"]
    )


@pytest.mark.covers("F25")
def test_the_mark_of_an_unfinished_order_outlives_a_change_of_its_header(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F25: a crash between slices, then the header goes again before the other lines do."""
    grow_order(pair, 150)
    pair.stage("order_lines")
    pair.publish(*BEFORE_LINES)
    stop_amid_the_lines(pair, monkeypatch)
    assert ORDER in incomplete(pair)
    pair.sandbox.world.tables["PorMasterHdr"].update((ORDER,), {"OrderDueDate": date(2026, 12, 1)})
    pair.stage("order_headers")
    assert pair.publish("matchingOrders")["matchingOrders"].confirmed == 1
    assert ORDER in incomplete(pair)
    pair.publish("matchingOrderLines")
    assert incomplete(pair) == []


def test_the_lease_is_renewed_while_nothing_comes_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = []
    monkeypatch.setattr(sending, "_RENEW_SECONDS", 0.01)
    monkeypatch.setattr(sending, "_AWAKE_SECONDS", 0.01)
    renew = pair.connector.leases.renew
    monkeypatch.setattr(pair.connector.leases, "renew", lambda held: (renewed.append(held), renew(held)))
    pair.faults.arm("latency", site="basware.entities.write", seconds=0.2)
    with suppress(RetryLater):
        pair.publish("taxCodes")
    assert len(renewed) > 3
