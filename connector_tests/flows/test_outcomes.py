"""What each outcome of requestStatus does to its record, when it is looked at, and errors that come late."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.answers import ItemOutcome, Receipt, RequestOutcome
from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.flows import aftercare, hints, late_errors, outcomes, overview, sending
from connector_defs.flows.outcomes import Answers, FollowUp, follow_up, judged_record, lane, next_look
from connector_defs.flows.reports import PublishReport
from connector_defs.sandbox.basware.processing import Finding, Request
from connector_defs.store import audit, cursors, records
from connector_defs.store.records import OpenRequest, Record
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair
from connector_tests.flows.push_scene import notify
from connector_tests.store.builders import record as a_record

TAX_CODE = "S  "
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def pair(staged: Pair) -> Pair:
    """Nothing is published yet."""
    return staged


def record(pair: Pair, entity: str, key: str) -> Record:
    """What we know of one published record."""
    with pair.connector.store.read() as connection:
        return records.by_keys(connection, entity, pair.company.syspro_company, [key])[key]


def sent(**changes: Any) -> Record:
    return a_record(state="sent", external_code="v-1", **changes)


def outcome(status: str, *messages: str, whole: str = "Success") -> RequestOutcome:
    item = ItemOutcome(status, messages, None, None)
    return RequestOutcome("r-1", whole, True, {"v-1": item}, ())


@pytest.mark.parametrize(
    ("status", "known_before", "state", "code", "reason"),
    [
        ("Success", 0, "confirmed", "", ""),
        ("Warning", 0, "confirmed", "WARNING", "told"),
        ("NotProcessed", 1, "confirmed", "", ""),
        ("NotProcessed", 0, "failed", "NotProcessed", "never seen to take it"),
        ("RecordExpired", 1, "failed", "RecordExpired", "another version of the record"),
        ("Unpublished", 1, "failed", "Unpublished", "not passed it on to P2P: told"),
        ("Error", 1, "failed", "Error", "told"),
        ("BrandNew", 1, "failed", "BrandNew", "Basware reports BrandNew"),
    ],
)
def test_every_outcome_has_its_effect(
    status: str, known_before: int, state: str, code: str, reason: str
) -> None:
    messages = ("told",) if status in {"Warning", "Error", "Unpublished"} else ()
    judged = judged_record(sent(confirmed_before=known_before), outcome(status, *messages), NOON)
    assert (judged.state, judged.code) == (state, code)
    assert reason in judged.reason
    assert judged.confirmed_before == (state == "confirmed")


@pytest.mark.parametrize(
    ("whole", "unnamed", "state", "code"),
    [
        ("Success", (), "confirmed", ""),
        ("AcknowledgedSuccess", (), "confirmed", ""),
        ("Error", (), "failed", "Error"),
        (None, (), "failed", "NO_OUTCOME"),
        ("Success", (ItemOutcome("Error", ("no such company",), None, None),), "failed", "Error"),
    ],
)
def test_a_record_that_the_answer_does_not_list_shares_the_request_s_own(
    whole: str | None, unnamed: tuple[ItemOutcome, ...], state: str, code: str
) -> None:
    listed = ItemOutcome("Success", (), None, None)
    judged = judged_record(sent(), RequestOutcome("r-1", whole, True, {"other": listed}, unnamed), NOON)
    assert (judged.state, judged.code) == (state, code)


def test_a_request_is_looked_at_ever_more_rarely() -> None:
    def after(polls: int) -> float:
        request = OpenRequest("r-1", "vendors", polls, NOON, None)
        return (next_look(request, 30) - NOON).total_seconds()

    assert [after(polls) for polls in range(7)] == [30, 60, 120, 240, 540, 840, 1140]


def test_a_warning_is_told_to_who_asks_for_it(pair: Pair) -> None:
    pair.publish("taxCodes", "accounts", "vendors")
    (first, *_) = overview.warned(pair.connector)
    assert (first.entity, first.code) == ("vendors", "WARNING")
    assert "payment term" in first.reason
    assert {one.key for one in overview.unsettled(pair.connector, "warning")} == {
        one.key for one in overview.warned(pair.connector)
    }
    with pytest.raises(Fatal, match="no such state: wrong"):
        overview.unsettled(pair.connector, "wrong")


@pytest.mark.covers("F24")
def test_unchanged_is_no_confirmation_of_what_p2p_never_took(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F24: P2P refused the first sending, and a crash lost its request id. Basware calls the repeat unchanged."""
    pair.faults.arm("target_error", match="/vendors")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashed:
        crashed.setattr(records, "open_request", crash)
        with pytest.raises(KeyboardInterrupt):
            pair.publish("vendors")
    pair.sandbox.basware.finish_processing()
    assert not pair.sandbox.basware.in_target.get("vendors")
    report = pair.publish("vendors")["vendors"]
    assert (report.sent, report.confirmed, report.failed) == (10, 10, 0)
    assert report.requests == 2, "once, and once more with a touch"
    assert len(pair.sandbox.basware.in_target["vendors"]) == 10
    assert record(pair, "vendors", SUPPLIER).touches == 1
    assert pair.publish("vendors")["vendors"].requests == 0
    assert audit.verify(pair.connector.store).ok


def test_unchanged_confirms_what_p2p_had_taken(pair: Pair) -> None:
    pair.publish("taxCodes")
    with pair.connector.store.write() as connection:
        known = records.by_keys(connection, "taxCodes", "M1", [TAX_CODE])[TAX_CODE]
        records.save(connection, [replace(known, hash="older")], "confirmed")
    report = pair.publish("taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed, report.requests) == (1, 1, 1)
    (*_, last) = pair.sandbox.basware.processing.requests.values()
    assert [item.outcome for item in last.items] == ["NotProcessed"]
    assert record(pair, "taxCodes", TAX_CODE).touches == 0


def test_a_record_that_stays_in_doubt_is_told_of_and_goes_with_the_next_run(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = pair.connector.basware.request_status

    def doubtful(request_id: str) -> RequestOutcome | None:
        found = ask(request_id)
        assert found
        unclear = ItemOutcome("NotProcessed", (), None, None)
        return replace(found, items=dict.fromkeys(found.items, unclear))

    monkeypatch.setattr(pair.connector.basware, "request_status", doubtful)
    report = pair.publish("taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed, report.failed, report.requests) == (5, 0, 5, 2)
    assert {problem.code for problem in report.problems} == {"NotProcessed"}
    monkeypatch.undo()
    assert pair.publish("taxCodes")["taxCodes"].confirmed == 5


def test_what_p2p_refused_does_not_go_again_with_what_is_in_doubt(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = pair.connector.basware.request_status

    def mixed(request_id: str) -> RequestOutcome | None:
        found = ask(request_id)
        assert found
        if len(found.items) < 5:
            return found
        refused, doubted, *rest = found.items
        items = {code: found.items[code] for code in rest}
        items[refused] = ItemOutcome("Error", ("no",), None, None)
        items[doubted] = ItemOutcome("NotProcessed", (), None, None)
        return replace(found, items=items)

    monkeypatch.setattr(pair.connector.basware, "request_status", mixed)
    report = pair.publish("taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed, report.failed, report.requests) == (5, 4, 1, 2)
    assert [problem.code for problem in report.problems] == ["Error"]


def _fails_late(pair: Pair, entity: str, *, items: slice = slice(None)) -> Request:
    """The last request of the entity fails in P2P hours after it was taken."""
    request = [one for one in pair.sandbox.basware.processing.requests.values() if one.endpoint == entity][-1]
    for item in list(request.items)[items]:
        item.outcome = "Error"
        item.findings = (Finding("the supplier group was closed", category="Technical"),)
    request.last_updated = datetime.now(UTC)
    return request


@pytest.mark.covers("F23")
def test_a_record_that_fails_hours_after_its_success_is_opened_again_and_its_dependants_are_held(
    pair: Pair,
) -> None:
    """F23: Basware 200, then Success, then Error."""
    pair.publish("taxCodes", "accounts", "vendors")
    request = _fails_late(pair, "vendors", items=slice(0, 1))
    code = next(iter(request.items)).external_code
    pair.next_day()
    report = aftercare.look(pair.connector, pair.company)
    (problem,) = report.problems
    assert (problem.entity, problem.reason) == ("vendors", "the supplier group was closed")
    assert record(pair, "vendors", problem.key).external_code == code
    assert [one.key for one in overview.refused(pair.connector)] == [problem.key]
    assert aftercare.look(pair.connector, pair.company).problems == (), "told once"
    orders = pair.publish("matchingOrders")["matchingOrders"]
    held = [one for one in overview.unsettled(pair.connector, "held") if problem.key.strip() in one.reason]
    assert orders.held == len(held) > 0
    again = pair.publish("vendors", "matchingOrders")
    assert (again["vendors"].sent, again["vendors"].confirmed) == (1, 1)
    assert again["matchingOrders"].confirmed == len(held)
    assert audit.verify(pair.connector.store).ok
    assert [event.action for event in audit.show(pair.connector.store, problem.key)][:3] == [
        "sent",
        "confirmed",
        "reopened",
    ]


def test_the_next_publication_finds_a_late_error_as_well(pair: Pair) -> None:
    pair.publish("taxCodes")
    _fails_late(pair, "taxCodes")
    report = pair.publish("taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed) == (5, 5)
    assert pair.publish("taxCodes")["taxCodes"].sent == 0


def test_a_late_error_of_a_superseded_request_is_no_news(pair: Pair) -> None:
    pair.publish("taxCodes")
    older = _fails_late(pair, "taxCodes")
    older.last_updated -= timedelta(hours=1)
    with pair.connector.store.write() as connection:
        for held in records.of_request(connection, older.request_id):
            records.save(connection, [replace(held, request_id="newer")], "confirmed")
    assert aftercare.look(pair.connector, pair.company).problems == ()


@pytest.mark.parametrize(
    ("items", "unnamed", "done", "reopened"),
    [
        ({"other": ItemOutcome("Error", (), None, None)}, (), True, False),
        ({}, (), True, True),
        ({}, (), False, False),
        (
            {"other": ItemOutcome("Error", (), None, None)},
            (ItemOutcome("Error", (), None, None),),
            True,
            True,
        ),
        ({"mine": ItemOutcome("InProgress", (), None, None)}, (), False, False),
        ({"mine": ItemOutcome("NotProcessed", (), None, None)}, (), True, False),
        ({"mine": ItemOutcome("Error", (), None, None)}, (), False, True),
    ],
)
def test_only_what_is_known_to_have_failed_is_opened_again(
    pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
    items: dict[str, ItemOutcome],
    unnamed: tuple[ItemOutcome, ...],
    done: bool,
    reopened: bool,
) -> None:
    pair.publish("taxCodes")
    mine = record(pair, "taxCodes", TAX_CODE)
    named = {mine.external_code if code == "mine" else code: item for code, item in items.items()}
    failed = RequestOutcome(mine.request_id, "Error", done, named, unnamed)
    monkeypatch.setattr(pair.connector.basware, "request_statuses", lambda *_, **__: iter([[failed]]))
    assert bool(late_errors.tend(pair.connector, pair.company, "taxCodes")) is reopened


def test_late_errors_are_read_from_the_newest_one_seen_a_day_back(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str | None, datetime | None]] = []

    def page(
        _: str, *, status: str | None = None, last_updated: datetime | None = None
    ) -> Iterator[list[RequestOutcome]]:
        asked.append((status, last_updated))
        yield [
            RequestOutcome("nobody's", "Error", True, {}, (), NOON),
            RequestOutcome("x", "Error", True, {}, ()),
        ]

    pair.publish("taxCodes")
    monkeypatch.setattr(pair.connector.basware, "request_statuses", page)
    for _ in range(2):
        late_errors.tend(pair.connector, pair.company, "taxCodes")
    assert asked == [("Error", None), ("Error", NOON - timedelta(days=1))]
    assert late_errors.tend(pair.connector, pair.company, "accounts") == [], "nothing of it was ever sent"
    with pair.connector.store.read() as connection:
        assert cursors.get(connection, "M1", late_errors.source("taxCodes")).last_updated == NOON


def test_a_list_of_errors_that_cannot_be_read_stops_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.publish("taxCodes")

    def away(*_: object, **__: object) -> Iterator[list[RequestOutcome]]:
        raise RetryLater("away")
        yield []

    monkeypatch.setattr(pair.connector.basware, "request_statuses", away)
    assert pair.publish("taxCodes")["taxCodes"].unchanged == 5
    assert late_errors.are_due(pair.connector, pair.company, "taxCodes")


def test_a_notification_of_a_failed_request_stays_open_until_the_errors_are_read(pair: Pair) -> None:
    pair.publish("taxCodes")
    pair.connector.clock.wait(60)
    notify(pair.connector, "request-1", "RequestStatus")
    told = hints.requests_told(pair.connector)
    pair.faults.arm("http_503", times=20, site="basware.status")
    aftercare.look(pair.connector, pair.company)
    hints.settle_requests(pair.connector, told)
    assert hints.requests_waiting(pair.connector) is not None
    pair.faults.disarm()
    aftercare.look(pair.connector, pair.company)
    hints.settle_requests(pair.connector, told)
    assert hints.requests_waiting(pair.connector) is None


def test_what_is_due_between_the_runs(folder: Path) -> None:
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        assert aftercare.due(pair.connector, pair.company) == []
        pair.publish("taxCodes")
        pair.connector.clock.wait(60)
        (request_id,) = aftercare.due(pair.connector, pair.company)
        assert request_id == record(pair, "taxCodes", TAX_CODE).request_id
        pair.sandbox.basware.finish_processing()
        assert aftercare.look(pair.connector, pair.company).confirmed == 5
        assert aftercare.due(pair.connector, pair.company) == []
        pair.connector.clock.wait(3600)
        assert aftercare.due(pair.connector, pair.company) == ["late errors taxCodes"]


def test_what_another_worker_publishes_is_left_to_it(folder: Path) -> None:
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        pair.publish("taxCodes")
        pair.sandbox.basware.finish_processing()
        with pair.connector.leases.hold(lane(pair.company, "taxCodes")):
            assert aftercare.look(pair.connector, pair.company).confirmed == 0
        assert aftercare.look(pair.connector, pair.company).confirmed == 5


LARGE = {"vendors": 2}


def _publish_in_small_batches(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> PublishReport:
    """Ten suppliers, two at a time: five requests."""
    from connector_defs.flows import publishing

    monkeypatch.setattr(
        publishing,
        "ENDPOINTS",
        {name: replace(one, batch_limit=LARGE.get(name, 500)) for name, one in publishing.ENDPOINTS.items()},
    )
    return pair.publish("vendors")["vendors"]


def status_reads(pair: Pair) -> tuple[int, int]:
    """Calls of the list, and for single requests."""
    requests = pair.sandbox.basware.requests
    return requests["GET requestStatus"], requests["GET requestStatus/{requestId}"]


def test_many_requests_are_read_by_the_list_few_by_themselves(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.publish("taxCodes")
    assert status_reads(pair)[0] == 0
    before = status_reads(pair)
    report = _publish_in_small_batches(pair, monkeypatch)
    assert (report.requests, report.confirmed) == (5, 10)
    lists, singles = (now - then for now, then in zip(status_reads(pair), before, strict=True))
    assert 1 <= lists <= 2
    assert singles <= 2


@pytest.mark.parametrize("shows", ["nothing", "twice", "an error"])
def test_what_the_list_does_not_show_is_asked_for_by_itself(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, shows: str
) -> None:
    read = pair.connector.basware.request_statuses

    def otherwise(entity_type: str, **filters: Any) -> Iterator[list[RequestOutcome]]:
        if shows == "an error":
            raise Fatal("requestStatus answered 400")
        for page in read(entity_type, **filters):
            yield [one for one in page for _ in range(2)] if shows == "twice" else []

    monkeypatch.setattr(pair.connector.basware, "request_statuses", otherwise)
    report = _publish_in_small_batches(pair, monkeypatch)
    assert (report.requests, report.confirmed, report.pending) == (5, 10, 0)
    assert status_reads(pair)[1] >= 5


@pytest.mark.parametrize("at_the_end", [False, True])
def test_outcomes_are_read_while_later_batches_still_go(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, at_the_end: bool
) -> None:
    """The last batch waits for a confirmation of an earlier one, which so must come before its own end."""
    post, calls = pair.connector.basware.post, []

    def confirmed() -> int:
        with pair.connector.store.read() as connection:
            return records.counts(connection).get("vendors", {}).get("confirmed", 0)

    def watched(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        calls.append(endpoint)
        # Long enough, by the connector's clock, for a look to fall due.
        pair.connector.clock.wait(1)
        if len(calls) == 5:
            for _ in range(500):
                if confirmed():
                    break
                threading.Event().wait(0.01)
            assert confirmed()
        return post(endpoint, payload)

    monkeypatch.setattr(outcomes, "_WORTH_A_SEAT_AT_THE_END" if at_the_end else "_WORTH_A_SEAT", 1)
    monkeypatch.setattr(sending, "_WAITING", 0)
    monkeypatch.setattr(pair.connector.basware, "post", watched)
    assert _publish_in_small_batches(pair, monkeypatch).confirmed == 10


def test_a_look_ahead_that_fails_is_made_again_when_nothing_else_is_left_to_do(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked, post = FollowUp.ask, [], pair.connector.basware.post

    def failing_once(self: FollowUp, requests: Sequence[OpenRequest]) -> Answers:
        asked.append(len(requests))
        if len(asked) == 1:
            raise RetryLater("the connection broke")
        return ask(self, requests)

    def slow(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        receipt = post(endpoint, payload)
        # Long enough, by the connector's clock, for a look to fall due.
        pair.connector.clock.wait(1)
        return receipt

    monkeypatch.setattr(FollowUp, "ask", failing_once)
    monkeypatch.setattr(pair.connector.basware, "post", slow)
    assert pair.publish("vendors")["vendors"].confirmed == 10
    assert asked == [1, 1]


def test_a_look_that_is_not_due_is_not_made_ahead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks_after_the_block: list[int] = []
    ahead = FollowUp.looking_ahead
    with open_pair(folder, timing={"request_status_poll_seconds": 1000}) as pair:
        pair.stage()

        @contextmanager
        def watched(self: FollowUp) -> Iterator[None]:
            with ahead(self):
                yield
            looks_after_the_block.append(sum(status_reads(pair)))

        monkeypatch.setattr(FollowUp, "looking_ahead", watched)
        assert pair.publish("vendors")["vendors"].confirmed == 10
        assert looks_after_the_block == [0]
        assert sum(status_reads(pair)) == 1


def test_a_follow_up_counts_each_record_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        report = _publish_in_small_batches(pair, monkeypatch)
        assert (report.sent, report.pending) == (10, 10)
        pair.sandbox.basware.finish_processing()
        told = follow_up(pair.connector, pair.company, wait=True)
        assert (told.requests, told.confirmed, told.pending) == (5, 10, 0)
