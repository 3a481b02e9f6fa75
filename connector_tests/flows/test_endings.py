"""What requestStatus tells of a record, word by word: its end here, in P2P, and after the next run."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.basware.answers import RequestOutcome
from connector_defs.domain.errors import RecordRefused
from connector_defs.flows import overview
from connector_defs.flows.outcomes import follow_up
from connector_defs.flows.runtime import open_connector
from connector_defs.store import audit
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair, settings_for
from connector_tests.flows.published import (
    ENDPOINTS,
    assert_adds_up,
    assert_quiet,
    code_of,
    in_target,
    load_before,
    posts,
    publish_before,
    record,
    refresh,
    refused,
    states,
    target,
)

UNHURRIED = {"confirm_wait_seconds": 0.0}
TAX = "S  "


@pytest.mark.covers("F23", "F24")
@pytest.mark.parametrize("entity", ENDPOINTS)
def test_a_record_that_p2p_refused_goes_again_touched_and_is_confirmed(staged: Pair, entity: str) -> None:
    """F23 and F24: Basware ignores an identical record, so the second one differs in a text."""
    publish_before(staged, entity)
    staged.faults.arm("target_error", match=f"/{entity}")
    refused = staged.publish(entity)[entity]
    assert refused.failed == refused.sent > 0
    assert {problem.entity for problem in overview.refused(staged.connector)} == {entity}
    again = staged.publish(entity)[entity]
    assert (again.sent, again.confirmed) == (refused.sent, refused.sent)
    assert overview.refused(staged.connector) == []
    before = posts(staged)
    staged.publish(entity)
    assert posts(staged) == before
    assert audit.verify(staged.connector.store).ok


def test_a_warning_counts_as_confirmed_and_is_kept(staged: Pair) -> None:
    staged.publish("taxCodes", "accounts", "vendors")
    kept = record(staged, "vendors", SUPPLIER)
    assert (kept.state, kept.code) == ("confirmed", "WARNING")
    assert "payment term" in kept.reason


@pytest.mark.covers("F23")
def test_an_outcome_that_is_not_known_yet_is_asked_for_later(folder: Path) -> None:
    """F23: hours later in life, two calls later here."""
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        report = pair.publish("taxCodes")["taxCodes"]
        assert (report.sent, report.pending, report.confirmed) == (5, 5, 0)
        assert_adds_up(report)
        held = pair.publish("accounts")["accounts"]
        assert held.sent + held.quarantined + held.held == held.staged
        again = pair.publish("taxCodes")["taxCodes"]
        assert again.sent == 0, "what is on its way is not sent twice"
        pair.sandbox.basware.finish_processing()
        assert follow_up(pair.connector, pair.company, wait=False, entity="taxCodes").confirmed == 5


def test_a_record_overtaken_on_its_way_is_sent_again(folder: Path) -> None:
    """RecordExpired: another version came within a second."""
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        pair.publish("taxCodes")
        key, client = "S  ", pair.connector.basware
        held = client.entity("taxCodes", record(pair, "taxCodes", key).external_code)
        assert held is not None
        other = {**held, "taxPercentage": 1}
        other.pop("lastUpdated", None)
        client.post("taxCodes", [json.dumps(other, default=str).encode()])
        pair.sandbox.basware.finish_processing()
        report = follow_up(pair.connector, pair.company, wait=False)
        assert (report.confirmed, report.failed) == (4, 1)
        assert record(pair, "taxCodes", key).code == "RecordExpired"
        pair.publish("taxCodes")
        pair.sandbox.basware.finish_processing()
        assert follow_up(pair.connector, pair.company, wait=False).confirmed == 1
        assert in_target(pair, "taxCodes", key)["taxPercentage"] == Decimal("8.25")


def test_a_request_id_that_basware_does_not_take_is_asked_for_later(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> RequestOutcome | None:
        raise RecordRefused("no such key", code="key_refused")

    monkeypatch.setattr(pair.connector.basware, "request_status", refuse)
    with pair.hurried():
        report = refresh(pair, "taxCodes")["taxCodes"]
    assert (report.pending, report.failed) == (5, 0)


@pytest.mark.parametrize("category", ["DataValidation", "Technical", "Unknown"])
def test_an_error_of_any_category_opens_the_record_again_and_the_next_run_brings_it_there(
    staged: Pair, category: str
) -> None:
    publish_before(staged, "vendors")
    code = code_of(staged, "vendors", SUPPLIER)
    staged.sandbox.basware.plan_ending(
        "vendors", external_code=code, message="no such bank", category=category
    )
    report = staged.publish("vendors")["vendors"]
    assert (report.confirmed, report.failed) == (9, 1)
    assert_adds_up(report)
    assert code not in target(staged, "vendors")
    assert states(staged, "vendors") == {"published": 9, "failed": 1, "quarantined": 2}
    problem = refused(staged, SUPPLIER)
    assert (problem.code, problem.reason) == ("Error", "no such bank")
    assert problem.remedy
    again = staged.publish("vendors")["vendors"]
    assert (again.sent, again.confirmed) == (1, 1)
    assert in_target(staged, "vendors", SUPPLIER)["name"] == "Summit Pallets LLC"
    assert states(staged, "vendors") == {"published": 10, "quarantined": 2}
    assert_quiet(staged, "vendors")


@pytest.mark.parametrize(
    "word",
    ["Unpublished", "Parked", "A word of forty characters or more, as none is yet"],
)
def test_a_record_with_any_other_word_than_success_is_not_taken_for_there(staged: Pair, word: str) -> None:
    """Documented words and such as Basware may add: the record is not in P2P, and goes again touched."""
    publish_before(staged, "taxCodes")
    code = code_of(staged, "taxCodes", TAX)
    staged.sandbox.basware.plan_ending("taxCodes", external_code=code, outcome=word, message="")
    report = staged.publish("taxCodes")["taxCodes"]
    assert (report.confirmed, report.failed) == (4, 1)
    assert code not in target(staged, "taxCodes")
    assert refused(staged, TAX).code == word[:40]
    assert refused(staged, TAX).reason
    assert staged.publish("taxCodes")["taxCodes"].confirmed == 1
    assert in_target(staged, "taxCodes", TAX)["taxPercentage"] == Decimal("8.25")
    assert_quiet(staged, "taxCodes")


def test_a_record_that_expired_on_its_way_goes_again_and_is_there(staged: Pair) -> None:
    publish_before(staged, "taxCodes")
    code = code_of(staged, "taxCodes", TAX)
    staged.sandbox.basware.plan_ending(
        "taxCodes", external_code=code, outcome="RecordExpired", message="newer"
    )
    for _ in range(2):
        staged.publish("taxCodes")
    assert staged.sandbox.basware.requests["POST taxCodes"] == 2
    assert in_target(staged, "taxCodes", TAX)["taxPercentage"] == Decimal("8.25")
    assert states(staged, "taxCodes") == {"published": 5}
    assert_quiet(staged, "taxCodes")


def test_a_record_saved_in_part_is_there_and_its_warning_is_kept(staged: Pair) -> None:
    publish_before(staged, "costCenters")
    code = code_of(staged, "costCenters", "100")
    staged.sandbox.basware.plan_ending(
        "costCenters", external_code=code, outcome="Warning", message="owner is unknown and was skipped"
    )
    assert staged.publish("costCenters")["costCenters"].confirmed == 4
    assert in_target(staged, "costCenters", "100")["costCenterCode"] == "100"
    kept = record(staged, "costCenters", "100")
    assert (kept.state, kept.code, kept.reason) == (
        "confirmed",
        "WARNING",
        "owner is unknown and was skipped",
    )
    assert_quiet(staged, "costCenters")


def test_a_warning_on_an_order_does_not_take_its_mark_of_being_unfinished(staged: Pair) -> None:
    publish_before(staged, "matchingOrders")
    staged.sandbox.basware.plan_ending("matchingOrders", outcome="Warning", message="terms were skipped")
    staged.publish("matchingOrders")
    assert states(staged, "matchingOrders") == {"pending": 6}, "headers without their lines"
    staged.publish("matchingOrderLines")
    assert states(staged, "matchingOrders") == {"published": 6}


@pytest.mark.covers("F24")
def test_what_basware_has_already_is_confirmed_without_a_change_there(
    published: Pair, tmp_path: Path
) -> None:
    """NotProcessed: our state was lost, every record is identical to the one Basware holds."""
    before = {code: dict(held) for code, held in target(published, "accounts").items()}
    second = tmp_path / "second"
    second.mkdir()
    settings = settings_for(published.sandbox, second)
    with open_connector(settings, published.connector.clock) as connector:
        fresh = Pair(connector, published.sandbox, connector.companies[0])
        load_before(fresh, "accounts")
        for _ in range(2):
            fresh.publish("accounts")
        assert states(fresh, "accounts") == states(published, "accounts")
    assert set(target(published, "accounts")) == set(before)
    assert all(
        target(published, "accounts")[code]["accountCode"] == held["accountCode"]
        for code, held in before.items()
    )


def test_an_error_among_successes_touches_only_its_own_record(staged: Pair) -> None:
    """The request as a whole says Error."""
    publish_before(staged, "taxCodes")
    staged.sandbox.basware.plan_ending("taxCodes", external_code=code_of(staged, "taxCodes", TAX))
    staged.publish("taxCodes")
    (request,) = staged.sandbox.basware.processing.requests.values()
    assert request.status == "Error"
    assert states(staged, "taxCodes") == {"published": 4, "failed": 1}
    assert len(target(staged, "taxCodes")) == 4


@pytest.mark.parametrize(("outcome", "there"), [("Success", 5), ("Error", 4)])
def test_a_record_that_the_answer_leaves_out_shares_the_word_of_the_whole(
    staged: Pair, outcome: str, there: int
) -> None:
    publish_before(staged, "taxCodes")
    code = code_of(staged, "taxCodes", TAX)
    staged.sandbox.basware.plan_ending("taxCodes", external_code=code, outcome=outcome, listed=False)
    report = staged.publish("taxCodes")["taxCodes"]
    assert (report.confirmed, report.failed) == (there, 5 - there)
    assert len(target(staged, "taxCodes")) == there
    if outcome == "Error":
        assert "Basware reports Error" in refused(staged, TAX).reason
    staged.publish("taxCodes")
    assert len(target(staged, "taxCodes")) == 5
    assert states(staged, "taxCodes") == {"published": 5}
    assert_quiet(staged, "taxCodes")


def test_an_error_without_an_external_code_is_that_of_the_record_which_is_not_listed(staged: Pair) -> None:
    publish_before(staged, "taxCodes")
    staged.sandbox.basware.plan_ending(
        "taxCodes", external_code=code_of(staged, "taxCodes", TAX), message="no such company", named=False
    )
    report = staged.publish("taxCodes")["taxCodes"]
    assert (report.confirmed, report.failed) == (4, 1)
    assert refused(staged, TAX).reason == "no such company"
    assert staged.publish("taxCodes")["taxCodes"].confirmed == 1
    assert len(target(staged, "taxCodes")) == 5


@pytest.mark.parametrize(("outcome", "there"), [("Success", 7), ("Error", 0)])
def test_a_request_that_basware_does_not_know_for_a_day_is_taken_for_lost_and_its_records_go_again(
    folder: Path, outcome: str, there: int
) -> None:
    """404 on its status, whether its records got to P2P or not."""
    with open_pair(folder, timing=UNHURRIED) as pair:
        load_before(pair, "paymentTerms")
        pair.sandbox.basware.plan_ending("paymentTerms", outcome=outcome, known=False)
        assert pair.publish("paymentTerms")["paymentTerms"].pending == 7
        assert follow_up(pair.connector, pair.company, wait=False).failed == 0
        assert states(pair, "paymentTerms") == {"pending": 7}
        assert len(target(pair, "paymentTerms")) == there
        pair.next_day()
        lost = follow_up(pair.connector, pair.company, wait=False)
        assert (lost.failed, {problem.code for problem in lost.problems}) == (7, {"NO_OUTCOME"})
        pair.publish("paymentTerms")
        assert states(pair, "paymentTerms") == {"published": 7}
        assert len(target(pair, "paymentTerms")) == 7


def test_a_record_that_stays_in_progress_is_not_sent_twice_and_ends_with_its_request(folder: Path) -> None:
    with open_pair(folder, processing_seconds=1000, timing=UNHURRIED) as pair:
        load_before(pair, "taxCodes")
        for _ in range(5):
            pair.publish("taxCodes")
            pair.connector.clock.wait(3600)
        assert states(pair, "taxCodes") == {"pending": 5}
        assert pair.sandbox.basware.requests["POST taxCodes"] == 1
        pair.sandbox.basware.finish_processing()
        pair.publish("taxCodes")
        assert states(pair, "taxCodes") == {"published": 5}
        assert len(target(pair, "taxCodes")) == 5
        assert_quiet(pair, "taxCodes")


@pytest.mark.covers("F23")
def test_a_refusal_hours_later_opens_the_record_again_and_holds_what_depends_on_it(folder: Path) -> None:
    """F23: received at once, in progress for hours, refused; the orders of the supplier wait meanwhile."""
    with open_pair(folder, processing_seconds=1000, timing=UNHURRIED) as pair:
        load_before(pair, "vendors")
        pair.sandbox.basware.finish_processing()
        pair.sandbox.basware.plan_ending("vendors", message="blocked country")
        assert pair.publish("vendors")["vendors"].pending == 10
        held = pair.publish("matchingOrders")["matchingOrders"]
        assert (held.sent, held.held) == (0, 6)
        pair.connector.clock.wait(5 * 3600)
        pair.sandbox.basware.finish_processing()
        late = follow_up(pair.connector, pair.company, wait=False)
        assert (late.failed, {problem.reason for problem in late.problems}) == (10, {"blocked country"})
        assert target(pair, "vendors") == {}
        assert pair.publish("matchingOrders")["matchingOrders"].sent == 0
        for entity in ("vendors", "matchingOrders", "matchingOrderLines"):
            pair.publish(entity)
            pair.sandbox.basware.finish_processing()
            follow_up(pair.connector, pair.company, wait=False)
        assert states(pair, "vendors") == {"published": 10, "quarantined": 2}
        assert states(pair, "matchingOrders") == {"published": 6}
        assert len(target(pair, "matchingOrderLines")) == 16


@pytest.mark.covers("F23")
def test_a_record_that_p2p_refuses_after_it_had_confirmed_it_goes_again(published: Pair) -> None:
    """F23: Success, and Error under the same request hours later."""
    code = code_of(published, "vendors", SUPPLIER)
    published.connector.clock.wait(5 * 3600)
    published.sandbox.basware.overturn("vendors", code, message="lost on its way")
    assert code not in target(published, "vendors")
    for _ in range(2):
        published.sync()
    assert in_target(published, "vendors", SUPPLIER)["name"] == "Summit Pallets LLC"
    assert states(published, "vendors") == {"published": 10, "quarantined": 2}
