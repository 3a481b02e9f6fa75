"""requestStatus and errorFeedbacks of the simulated Basware."""

from collections.abc import Iterator

import pytest

from connector_tests.sandbox.wire import Wire, account, order, served, tax_code

STATUS = "/v1/requestStatus"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served() as wire:
        yield wire


def test_items_that_went_well_can_be_left_out(wire: Wire) -> None:
    wire.item_status(wire.post("/v1/taxCodes", [tax_code()]))
    answer = wire.post("/v1/accounts", [account("1", taxCode="V1"), account("2", taxCode="none")])
    wire.sandbox.finish_processing()
    path = f"{STATUS}/{answer.headers['x-amzn-RequestId']}"

    [request] = wire.get(path, ignoreSuccessfulItems="true").json()["requestStatus"]

    assert request["requestStatus"] == "Error"
    assert [item["externalCode"] for item in request["systems"][0]["items"]] == ["acc-2"]
    assert wire.get(f"{STATUS}/unknown").status_code == 404


def test_the_list_shows_errors_unless_it_is_narrowed(wire: Wire) -> None:
    wire.post("/v1/taxCodes", [tax_code()])
    wire.post("/v1/matchingOrders", [order()])
    wire.sandbox.finish_processing()

    def kinds(**query: str) -> list[str]:
        return [each["entityType"] for each in wire.get(STATUS, **query).json()["requestStatus"]]

    assert kinds() == ["MatchingOrder"]
    assert kinds(entityType="TaxCode") == ["TaxCode"]
    assert kinds(system="P2P") == ["TaxCode", "MatchingOrder"]
    assert kinds(status="Success") == ["TaxCode"]
    [terse] = wire.get(STATUS, entityType="TaxCode", ignoreSuccessfullItems="true").json()["requestStatus"]
    assert terse["systems"][0]["items"] == []


def test_a_request_is_acknowledged_once_and_only_when_done(wire: Wire) -> None:
    wire.control("processing", {"seconds": 60})
    request_id = wire.post("/v1/taxCodes", [tax_code()]).headers["x-amzn-RequestId"]
    body = {"requestIds": [request_id]}

    assert wire.post(f"{STATUS}/acknowledge", body).status_code == 405
    assert wire.control("processing", {"finish": True}) == {"seconds": 60, "waiting": 0}
    assert [wire.post(f"{STATUS}/acknowledge", body).status_code for _ in range(2)] == [200, 405]
    assert wire.post(f"{STATUS}/acknowledge", {"requestIds": ["unknown"]}).status_code == 404
    assert wire.post(f"{STATUS}/acknowledge", {}).status_code == 400
    assert (
        wire.get(f"{STATUS}/{request_id}").json()["requestStatus"][0]["requestStatus"]
        == "AcknowledgedSuccess"
    )


def test_feedback_finds_an_error_by_request_and_by_record(wire: Wire) -> None:
    answer = wire.post("/v1/matchingOrders", [order()])
    wire.sandbox.finish_processing()

    for path in (
        "/v1/errorFeedbacks",
        f"/v1/errorFeedbacks/{answer.headers['x-amzn-RequestId']}",
        "/v1/errorFeedbacks/MatchingOrder/ord-PO1",
    ):
        [error] = wire.get(path).json()["errorList"]
        assert (error["externalCode"], error["errors"]) == ("ord-PO1", ["supplier 0001 does not exist"])
    assert wire.get("/v1/errorFeedbacks", entityType="Vendor").status_code == 404
