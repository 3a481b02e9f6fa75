"""Master data and orders in the simulated Basware: what is taken in, and what P2P makes of it later."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from connector_tests.sandbox.wire import (
    CONTINUATION,
    Clock,
    Wire,
    account,
    cost_center,
    line,
    names,
    order,
    payment_term,
    served,
    tax_code,
    vendor,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire(clock: Clock) -> Iterator[Wire]:
    with served(clock=clock, monotonic=clock.monotonic) as wire:
        yield wire


def sent(wire: Wire, endpoint: str, *records: dict[str, Any]) -> dict[str, str]:
    """Status of each record once it has taken effect."""
    answer = wire.post(f"/v1/{endpoint}", list(records))
    assert answer.status_code == 200, answer.text
    return wire.item_status(answer)


def test_a_record_is_received_at_once_and_takes_effect_later(wire: Wire, clock: Clock) -> None:
    answer = wire.post("/v1/vendors", [vendor()])
    status = f"/v1/requestStatus/{answer.headers['x-amzn-RequestId']}"

    assert wire.get("/v1/vendors/ven-0001").json()["vendorCode"] == "0001"
    assert wire.get(status).json()["requestStatus"][0]["requestStatus"] == "InProgress"
    assert wire.sandbox.in_target == {}
    clock.advance(0.3)
    assert wire.get(status).json()["requestStatus"][0]["requestStatus"] == "Success"
    assert "ven-0001" in wire.sandbox.in_target["vendors"]


def test_last_updated_is_set_by_the_api(wire: Wire) -> None:
    answer = wire.post("/v1/taxCodes", [tax_code(lastUpdated="2001-01-01")])

    assert answer.json()[0]["lastUpdated"] == "2026-03-02T08:00:00.000Z"


@pytest.mark.parametrize(
    ("endpoint", "limit", "build"),
    [
        ("vendors", 200, vendor),
        ("matchingOrderLines", 100, lambda n: line(number=n)),
        ("accounts", 500, account),
    ],
)
def test_a_batch_has_a_limit(
    wire: Wire, endpoint: str, limit: int, build: Callable[[Any], dict[str, Any]]
) -> None:
    records = [build(n if endpoint == "matchingOrderLines" else f"{n:04d}") for n in range(limit + 1)]

    assert wire.post(f"/v1/{endpoint}", records[:limit]).status_code == 200
    assert wire.post(f"/v1/{endpoint}", records).status_code == 400
    assert wire.post(f"/v1/{endpoint}", []).status_code == 400


def test_a_request_over_six_megabytes_is_refused(wire: Wire) -> None:
    assert wire.post("/v1/vendors", b"[" + b" " * 6 * 1024 * 1024 + b"]").status_code == 413


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"accountNames": names("X")}, "length >= 2"),
        ({"accountCode": "9" * 26}, "length <= 25"),
        ({"externalCode": "9" * 37}, "length <= 36"),
        ({"colour": "red"}, "unknown field `colour`"),
        ({"companies": [{"companyCode": "1000", "active": True}]}, "inherit"),
        ({"date": "x"}, "unknown field"),
        ({"companies": None}, "got `null`"),
    ],
)
def test_one_wrong_record_refuses_the_whole_batch_and_is_named(
    wire: Wire, wrong: dict[str, Any], told: str
) -> None:
    bad = account("6000") | wrong

    answer = wire.post("/v1/accounts", [account("5000"), bad])

    assert answer.status_code == 400
    assert answer.json()["hasErrors"] is True
    [problem] = answer.json()["errors"]
    assert (problem["externalCode"], problem["code"]) == (bad["externalCode"], "SCHEMA_VALIDATION_ERROR")
    assert told in problem["message"]
    assert wire.sandbox.entities["accounts"] == {}


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'[{"a":NaN}]', b"\xff\xfe"])
def test_what_is_no_json_array_is_refused(wire: Wire, body: bytes) -> None:
    assert wire.post("/v1/accounts", body).status_code == 400


def test_numbers_must_be_json_numbers_and_keep_their_digits(wire: Wire) -> None:
    assert wire.post("/v1/taxCodes", [tax_code(taxPercentage="15.00")]).status_code == 400
    assert (
        '"taxPercentage":15.250'
        in wire.post("/v1/taxCodes", [tax_code(taxPercentage=Decimal("15.250"))]).text
    )


def test_a_record_twice_in_one_request_is_a_conflict(wire: Wire) -> None:
    answer = wire.post("/v1/accounts", [account(), account()])

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "CONFLICT_IN_POST")


def test_posting_again_overwrites_and_clears_what_is_left_out(wire: Wire) -> None:
    sent(wire, "costCenters", cost_center(text1="note"))
    sent(wire, "costCenters", cost_center(text2="other"))

    assert "text1" not in wire.get("/v1/costCenters/cc-CC1").json()


def test_an_identical_record_is_ignored_even_when_it_failed_before(wire: Wire) -> None:
    assert sent(wire, "matchingOrders", order()) == {"ord-PO1": "Error"}
    sent(wire, "vendors", vendor())

    assert sent(wire, "matchingOrders", order()) == {"ord-PO1": "NotProcessed"}
    assert "matchingOrders" not in wire.sandbox.in_target
    assert sent(wire, "matchingOrders", order(description="again")) == {"ord-PO1": "Success"}


def test_a_patch_keeps_what_it_does_not_name_and_null_clears_nothing(wire: Wire) -> None:
    sent(wire, "costCenters", cost_center(text1="note"))

    answer = wire.patch("/v1/costCenters/cc-CC1", cost_center(text1=None, text2="more"))

    assert answer.status_code == 200
    assert (answer.json()["text1"], answer.json()["text2"]) == ("note", "more")
    assert wire.patch("/v1/costCenters/none", cost_center()).status_code == 404
    mismatch = wire.patch("/v1/costCenters/cc-CC1", cost_center("CC2"))
    assert mismatch.json()["errors"][0]["code"] == "EXTERNAL_CODE_MISMATCH"


def test_an_update_that_overtakes_another_expires_it(wire: Wire, clock: Clock) -> None:
    first = wire.post("/v1/costCenters", [cost_center(text1="a")])
    clock.advance(0.1)
    second = wire.post("/v1/costCenters", [cost_center(text1="b")])

    assert wire.item_status(first) == {"cc-CC1": "RecordExpired"}
    assert wire.item_status(second) == {"cc-CC1": "Success"}
    assert wire.sandbox.in_target["costCenters"]["cc-CC1"]["text1"] == "b"


def test_a_dependency_must_have_taken_effect_before(wire: Wire) -> None:
    wire.post("/v1/taxCodes", [tax_code()])
    early = account(taxCode="V1")

    assert sent(wire, "accounts", early) == {"acc-5000": "Error"}
    assert sent(wire, "accounts", early | {"text1": "again"}) == {"acc-5000": "Success"}


def test_orders_need_their_vendor_and_lines_need_their_order(wire: Wire) -> None:
    assert sent(wire, "matchingOrderLines", line()) == {"line-PO1-1": "Error"}
    sent(wire, "vendors", vendor())
    sent(wire, "matchingOrders", order())
    assert wire.sandbox.visible_orders() == {}

    assert sent(wire, "matchingOrderLines", line(number=1, text1="x"), line(number=2)) == {
        "line-PO1-1": "Success",
        "line-PO1-2": "Success",
    }
    assert wire.sandbox.visible_orders() == {"ord-PO1": 2}


def test_a_vendor_with_an_unknown_term_or_currency_is_saved_in_part_with_a_warning(wire: Wire) -> None:
    means = [{"paymentMeansCode": "EFT", "currencyCode": "XXX", "default": True}]
    strange = vendor(paymentTerms={"paymentTermCode": "60"}, paymentMeans=means)

    answer = wire.post("/v1/vendors", [strange])

    item = wire.outcome(answer)["items"][0]
    assert item["status"] == "Warning"
    assert {(each["type"], each["category"]) for each in item["errors"]} == {("Warning", "DataValidation")}
    assert not {"paymentTerms", "paymentMeans"} & wire.sandbox.in_target["vendors"]["ven-0001"].keys()
    sent(wire, "paymentTerms", payment_term("60"))
    assert sent(wire, "vendors", vendor(paymentTerms={"paymentTermCode": "60"})) == {"ven-0001": "Success"}


@pytest.mark.parametrize(
    ("endpoint", "record", "told"),
    [
        ("accounts", account(companies=[{"companyCode": "9", "inherit": True, "active": True}]), "company 9"),
        ("matchingOrders", order(companyCode="9"), "company 9"),
        ("matchingOrders", order(currencyCode="XXX"), "currency XXX"),
        ("matchingOrderLines", line(quantity=0), "quantity"),
        ("matchingOrderLines", line(netSum=None), "net nor gross"),
        ("matchingOrderLines", line(matchingMode="Service", quantity=1), "Service"),
        ("matchingOrderLines", line(matchingMode="Return"), "must be negative"),
        ("paymentTerms", payment_term(cashDueDateCalc=2), "paymentTermDiscountRules"),
    ],
)
def test_target_rules_refuse_single_records(
    wire: Wire, endpoint: str, record: dict[str, Any], told: str
) -> None:
    sent(wire, "vendors", vendor())
    sent(wire, "matchingOrders", order("PO1"))

    answer = wire.post(f"/v1/{endpoint}", [record | {"externalCode": "new"}])

    item = wire.outcome(answer)["items"][0]
    assert item["status"] == "Error"
    assert told in " ".join(each["message"] for each in item["errors"])


def test_a_code_belongs_to_one_record_of_a_company(wire: Wire) -> None:
    sent(wire, "accounts", account("5000"))

    assert sent(wire, "accounts", account("5000", externalCode="other")) == {"other": "Error"}


def test_a_line_that_does_not_say_whether_it_is_deleted_gets_a_warning(wire: Wire) -> None:
    sent(wire, "vendors", vendor())
    sent(wire, "matchingOrders", order())

    assert sent(wire, "matchingOrderLines", line(isDeleted=None)) == {"line-PO1-1": "Warning"}


def test_lists_are_paged_and_filtered(wire: Wire, clock: Clock) -> None:
    wire.post("/v1/vendors", [vendor(f"{n:04d}") for n in range(150)])
    middle = clock.now
    clock.advance(5)
    wire.post("/v1/vendors", [vendor("late")])

    pages = list(wire.pages("/v1/vendors"))
    assert [len(page.json()["vendorEntities"]) for page in pages] == [100, 51]
    late = wire.get("/v1/vendors", lastUpdated=middle.isoformat()).json()["vendorEntities"]
    assert [each["vendorCode"] for each in late] == ["late"]
    assert wire.get("/v1/vendors", companyCode="2000").status_code == 404
    assert CONTINUATION not in wire.get("/v1/vendors", pageSize=500).headers


def test_an_empty_list_and_an_unknown_record_answer_404(wire: Wire) -> None:
    assert wire.get("/v1/accounts").status_code == 404
    assert wire.get("/v1/accounts/none").status_code == 404


def test_order_lines_are_listed_by_order_only(wire: Wire) -> None:
    wire.post("/v1/matchingOrderLines", [line("PO1", 1), line("PO2", 1), line("PO1", 2)])

    found = wire.get("/v1/matchingOrderLines", orderExternalCode="ord-PO1").json()["matchingOrderLines"]
    assert [each["lineNumber"] for each in found] == ["1", "2"]
    assert wire.get("/v1/matchingOrderLines").status_code == 400


def test_generic_lists_have_their_own_width(wire: Wire) -> None:
    item = {"externalCode": "i-1", "text_1": "x" * 60}

    assert wire.post("/v1/lists/ACC_LIST_1", [item]).status_code == 200
    assert wire.post("/v1/lists/ACC_LIST_11", [item]).status_code == 400
    assert wire.post("/v1/lists/ACC_LIST_99", [item]).status_code == 400
    assert wire.get("/v1/lists/ACC_LIST_1").json()["listItems"][0]["externalCode"] == "i-1"
