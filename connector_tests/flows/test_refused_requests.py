"""Requests that Basware answers otherwise than with 200, and requests without an answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from connector_defs.basware.answers import Receipt
from connector_defs.domain.errors import RetryLater
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair
from connector_tests.flows.published import (
    assert_adds_up,
    assert_quiet,
    code_of,
    in_target,
    load_before,
    publish_before,
    record,
    refresh,
    refused,
    states,
    target,
)

WHOLE = {"published": 10, "quarantined": 2}


def test_one_bad_record_in_a_batch_does_not_stop_the_others(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 for the whole request: the record that is named fails, the rest goes again without it."""
    post = pair.connector.basware.post

    def spoil_one(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        spoilt = [
            body.replace(SUPPLIER.encode(), b"", 1) if endpoint == "vendors" else body for body in payload
        ]
        return post(endpoint, spoilt)

    monkeypatch.setattr(pair.connector.basware, "post", spoil_one)
    report = refresh(pair, "vendors")["vendors"]
    assert (report.confirmed, report.failed) == (9, 1)
    assert_adds_up(report)
    failed = record(pair, "vendors", SUPPLIER)
    assert (failed.state, failed.code) == ("failed", "HTTP_400")
    monkeypatch.undo()
    assert refresh(pair, "vendors")["vendors"].confirmed == 1
    assert in_target(pair, "vendors", SUPPLIER)["name"] == "Summit Pallets LLC"


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, "SCHEMA_VALIDATION_ERROR"), (409, "CONFLICT_IN_POST"), (422, "DATA_VALIDATION_FAILED")],
)
def test_a_refusal_that_names_a_record_fails_it_alone(staged: Pair, status: int, error: str) -> None:
    publish_before(staged, "vendors")
    code = code_of(staged, "vendors", SUPPLIER)
    staged.sandbox.basware.plan_refusal(
        "vendors", status=status, external_code=code, code=error, message="name is not allowed"
    )
    report = staged.publish("vendors")["vendors"]
    assert (report.confirmed, report.failed) == (9, 1)
    assert_adds_up(report)
    assert set(target(staged, "vendors")) == _codes(staged) - {code}
    problem = refused(staged, SUPPLIER)
    assert (problem.code, problem.reason) == (f"HTTP_{status}", f"{error}: name is not allowed")
    assert problem.remedy
    assert staged.publish("vendors")["vendors"].confirmed == 1
    assert set(target(staged, "vendors")) == _codes(staged)
    assert states(staged, "vendors") == WHOLE
    assert_quiet(staged, "vendors")


def test_a_refusal_that_names_no_record_is_narrowed_down_to_the_one_that_causes_it(staged: Pair) -> None:
    publish_before(staged, "vendors")
    code = code_of(staged, "vendors", SUPPLIER)
    staged.sandbox.basware.plan_refusal(
        "vendors", external_code=code, names_it=False, message="something is wrong", times=9
    )
    report = staged.publish("vendors")["vendors"]
    assert (report.confirmed, report.failed) == (9, 1)
    assert_adds_up(report)
    assert set(target(staged, "vendors")) == _codes(staged) - {code}
    assert "something is wrong" in refused(staged, SUPPLIER).reason


def test_a_refusal_of_the_moment_that_names_no_record_loses_none(staged: Pair) -> None:
    publish_before(staged, "vendors")
    staged.sandbox.basware.plan_refusal("vendors")
    report = staged.publish("vendors")["vendors"]
    assert (report.confirmed, report.failed, report.requests) == (10, 0, 3)
    assert set(target(staged, "vendors")) == _codes(staged)


@pytest.mark.parametrize("fault", ["http_500", "http_503", "rate_limited", "reset_before"])
def test_a_request_that_did_not_get_through_is_repeated_and_taken_once(staged: Pair, fault: str) -> None:
    publish_before(staged, "vendors")
    staged.faults.arm(fault, times=2, site="basware.entities.write", seconds=0)
    report = staged.publish("vendors")["vendors"]
    assert (report.sent, report.confirmed, report.failed) == (10, 10, 0)
    assert staged.sandbox.basware.requests["POST vendors"] == 3
    assert set(target(staged, "vendors")) == _codes(staged)
    assert_quiet(staged, "vendors")


@pytest.mark.parametrize("fault", ["reset_after", "http_502", "late_commit"])
def test_a_request_whose_answer_was_lost_is_in_p2p_and_here_the_same(staged: Pair, fault: str) -> None:
    """Time-outs after the effect: the repeat is identical."""
    publish_before(staged, "vendors")
    staged.faults.arm(fault, times=2, site="basware.entities.write", seconds=0.001)
    for _ in range(2):
        staged.publish("vendors")
    assert set(target(staged, "vendors")) == _codes(staged)
    assert states(staged, "vendors") == WHOLE
    assert_quiet(staged, "vendors")


def test_a_time_out_before_basware_begins_is_made_good(folder: Path) -> None:
    """We hang up, and the request takes effect afterwards."""
    with open_pair(folder, timing={"http_timeout_seconds": 0.5}) as pair:
        load_before(pair, "vendors")
        pair.faults.arm("latency", site="basware.entities.write", seconds=0.8)
        for _ in range(2):
            pair.publish("vendors")
        assert pair.sandbox.basware.requests["POST vendors"] >= 2
        assert set(target(pair, "vendors")) == _codes(pair)
        assert states(pair, "vendors") == WHOLE


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "http_500"])
def test_an_outage_ends_the_run_and_the_next_one_makes_it_good(staged: Pair, fault: str) -> None:
    publish_before(staged, "vendors")
    staged.faults.arm(fault, times=1000, site="basware.entities.write")
    with pytest.raises(RetryLater):
        staged.publish("vendors")
    assert states(staged, "vendors").get("published") is None
    staged.faults.disarm()
    for _ in range(2):
        staged.publish("vendors")
    assert set(target(staged, "vendors")) == _codes(staged)
    assert states(staged, "vendors") == WHOLE
    assert_quiet(staged, "vendors")


@pytest.mark.parametrize("error", ["SNS_PUBLISH_ERROR", "SQS_PUBLISH_ERROR"])
@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_records_that_basware_stored_and_told_no_system_get_to_p2p(
    staged: Pair, error: str, status: int, named: bool
) -> None:
    """An identical repeat would be ignored for good, so it is no proof that P2P has the record."""
    publish_before(staged, "vendors")
    code = code_of(staged, "vendors", SUPPLIER)
    staged.sandbox.basware.plan_refusal(
        "vendors",
        status=status,
        code=error,
        type="TECHNICAL",
        external_code=code,
        names_it=named,
        stored=True,
    )
    for _ in range(3):
        staged.publish("vendors")
    assert set(target(staged, "vendors")) == _codes(staged)
    assert states(staged, "vendors") == WHOLE


def test_a_record_that_p2p_refused_under_a_lost_answer_is_not_taken_for_there(staged: Pair) -> None:
    """The request whose id was lost ended in Error; its repeat says NotProcessed, which proves nothing."""
    publish_before(staged, "vendors")
    code = code_of(staged, "vendors", SUPPLIER)
    staged.sandbox.basware.plan_ending("vendors", external_code=code)
    staged.faults.arm("reset_after", site="basware.entities.write")
    for _ in range(3):
        staged.publish("vendors")
    assert code in target(staged, "vendors")
    assert states(staged, "vendors") == WHOLE


def _codes(pair: Pair) -> set[str]:
    """Every supplier of SYSPRO that can be told to Basware."""
    rows = pair.sandbox.world.tables["ApSupplier"]
    told = [row for row in rows if row["SupplierName"] != "X" and str(row["Currency"]).strip() != "QQ"]
    return {code_of(pair, "vendors", str(row["Supplier"])) for row in told}
