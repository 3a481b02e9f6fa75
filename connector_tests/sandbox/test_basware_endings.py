"""Endings by plan in the simulated Basware: what requestStatus shows, what takes effect, and what a request is answered."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector_tests.sandbox.wire import Wire, served, tax_code

STATUS = "/v1/requestStatus"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served() as wire:
        yield wire


def items(wire: Wire, *codes: str) -> list[dict[str, Any]]:
    """The items of one request with these tax codes."""
    found: list[dict[str, Any]] = wire.outcome(wire.post("/v1/taxCodes", [tax_code(each) for each in codes]))[
        "items"
    ]
    return found


@pytest.mark.parametrize(
    ("outcome", "type_", "effect"),
    [
        ("Error", "Error", False),
        ("Unpublished", "Error", False),
        ("RecordExpired", "RecordExpired", False),
        ("Warning", "Warning", True),
        ("Parked", "Error", False),
    ],
)
def test_a_planned_ending_is_shown_and_has_the_effect_of_its_word(
    wire: Wire, outcome: str, type_: str, effect: bool
) -> None:
    wire.control(
        "plan_ending",
        {"endpoint": "taxCodes", "external_code": "tax-V1", "outcome": outcome, "category": "Unknown"},
    )
    first, second = items(wire, "V1", "V2")
    assert (first["status"], second["status"]) == (outcome, "Success")
    assert [(error["type"], error["category"]) for error in first["errors"]] == [(type_, "Unknown")]
    assert ("tax-V1" in wire.sandbox.in_target["taxCodes"]) is effect
    assert "tax-V1" in wire.sandbox.entities["taxCodes"]


@pytest.mark.parametrize("outcome", ["Success", "InProgress", "NotProcessed"])
def test_words_without_errors_show_none(wire: Wire, outcome: str) -> None:
    wire.sandbox.plan_ending("taxCodes", outcome=outcome)
    (item,) = items(wire, "V1")
    assert (item["status"], item["errors"]) == (outcome, [])


def test_an_item_can_lack_its_code_or_be_left_out(wire: Wire) -> None:
    wire.sandbox.plan_ending("taxCodes", external_code="tax-V1", named=False)
    wire.sandbox.plan_ending("taxCodes", external_code="tax-V2", listed=False)
    assert [(item["externalCode"], item["status"]) for item in items(wire, "V1", "V2", "V3")] == [
        (None, "Error"),
        ("tax-V3", "Success"),
    ]


def test_a_request_can_be_unknown_whatever_became_of_it(wire: Wire) -> None:
    wire.sandbox.plan_ending("taxCodes", outcome="Success", known=False)
    answer = wire.post("/v1/taxCodes", [tax_code()])
    wire.sandbox.finish_processing()
    assert wire.get(f"{STATUS}/{answer.headers['x-amzn-RequestId']}").status_code == 404
    assert wire.get(STATUS, entityType="TaxCode").status_code == 404
    assert "tax-V1" in wire.sandbox.in_target["taxCodes"]


def test_a_plan_meets_so_many_requests_and_nothing_identical(wire: Wire) -> None:
    wire.sandbox.plan_ending("taxCodes", times=2)
    assert [item["status"] for item in items(wire, "V1")] == ["Error"]
    assert [item["status"] for item in items(wire, "V1")] == ["NotProcessed"]
    assert [item["status"] for item in items(wire, "V2")] == ["Error"]
    assert [item["status"] for item in items(wire, "V3")] == ["Success"]


def test_a_plan_does_not_make_p2p_take_what_its_rules_refuse(wire: Wire) -> None:
    wire.sandbox.plan_ending("taxCodes", outcome="Success")
    foreign = tax_code(companies=[{"companyCode": "9999", "inherit": True, "active": True}])
    (item,) = wire.outcome(wire.post("/v1/taxCodes", [foreign]))["items"]
    assert item["status"] == "Error"


@pytest.mark.parametrize(("names_it", "shown"), [(True, "tax-V2"), (False, None)])
def test_a_refusal_keeps_nothing_and_names_a_record_or_none(
    wire: Wire, names_it: bool, shown: str | None
) -> None:
    wire.control(
        "plan_refusal",
        {
            "endpoint": "taxCodes",
            "status": 409,
            "external_code": "tax-V2",
            "names_it": names_it,
            "code": "CONFLICT_IN_POST",
        },
    )
    assert wire.post("/v1/taxCodes", [tax_code("V1")]).status_code == 200, "it is not among these"
    answer = wire.post("/v1/taxCodes", [tax_code("V2"), tax_code("V3")])
    assert answer.status_code == 409
    (error,) = answer.json()["errors"]
    assert (error["externalCode"], error["code"]) == (shown, "CONFLICT_IN_POST")
    assert wire.sandbox.entities["taxCodes"].keys() == {"tax-V1"}
    assert wire.post("/v1/taxCodes", [tax_code("V2")]).status_code == 200


def test_records_can_be_stored_and_told_no_system(wire: Wire) -> None:
    wire.sandbox.plan_refusal("taxCodes", status=500, code="SNS_PUBLISH_ERROR", type="TECHNICAL", stored=True)
    answer = wire.post("/v1/taxCodes", [tax_code()])
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (500, "SNS_PUBLISH_ERROR")
    assert "tax-V1" in wire.sandbox.entities["taxCodes"]
    assert [item["status"] for item in items(wire, "V1")] == ["NotProcessed"]
    assert "tax-V1" not in wire.sandbox.in_target.get("taxCodes", {})


def test_what_p2p_took_can_be_refused_after_all(wire: Wire) -> None:
    answer = wire.post("/v1/taxCodes", [tax_code()])
    assert wire.item_status(answer) == {"tax-V1": "Success"}
    wire.control("overturn", {"endpoint": "taxCodes", "external_code": "tax-V1", "message": "lost"})
    (item,) = wire.outcome(answer)["items"]
    assert (item["status"], item["errors"][0]["message"]) == ("Error", "lost")
    (listed,) = wire.get(STATUS).json()["requestStatus"]
    assert listed["requestStatus"] == "Error"
    assert "tax-V1" not in wire.sandbox.in_target["taxCodes"]
    refused = wire.http.post(
        "/_sandbox/basware/overturn", json={"endpoint": "taxCodes", "external_code": "tax-V9"}
    )
    assert refused.status_code == 404
