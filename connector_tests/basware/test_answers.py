"""What Basware says about our records: receipts and request status."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connector_defs.basware.answers import (
    ApiError,
    ItemOutcome,
    read_receipt,
    read_request_outcome,
    read_request_outcomes,
)
from connector_defs.basware.transport import Answer
from connector_defs.basware.wire import BadJson


def answer(status: int, body: object, request_id: str | None = "amzn-1") -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, httpx.Headers(), content, "ours-1", request_id, None)


def entry(*items: dict[str, Any], status: str | None = "Success", **fields: Any) -> dict[str, Any]:
    system = {"system": "P2P", "systemStatus": status, "items": list(items)}
    return {"requestId": "r-1", "requestStatus": status, "systems": [system], **fields}


def outcome(*entries: object) -> Any:
    return read_request_outcome(json.dumps({"requestStatus": entries}).encode(), "r-1")


@pytest.mark.parametrize(
    "body", [b"", b"not json", [], [{"externalCode": "v"}], {"hasErrors": False, "errors": None}]
)
def test_a_200_is_accepted_whatever_its_body(body: object) -> None:
    receipt = read_receipt(answer(200, body))
    assert receipt.accepted
    assert (receipt.request_id, receipt.client_request_id, receipt.errors) == ("amzn-1", "ours-1", ())


def test_the_request_id_of_the_body_stands_in_for_a_missing_header() -> None:
    assert read_receipt(answer(400, {"requestId": "body-1"}, request_id=None)).request_id == "body-1"
    assert read_receipt(answer(400, {"requestId": "body-1"})).request_id == "amzn-1"
    assert read_receipt(answer(200, b"", request_id=None)).request_id is None


def test_a_request_id_too_long_to_be_kept_counts_as_none() -> None:
    assert read_receipt(answer(200, b"", request_id="r" * 80)).request_id == "r" * 80
    assert read_receipt(answer(200, b"", request_id="r" * 81)).request_id is None
    assert read_receipt(answer(200, {"requestId": "r" * 81}, request_id=None)).request_id is None


def test_errors_come_with_the_record_they_concern() -> None:
    errors = [
        {
            "externalCode": "v-1",
            "type": "VALIDATION",
            "code": "SCHEMA_VALIDATION_ERROR",
            "message": "too long",
            "info": "name",
        },
        {"code": "SOMETHING_NEW"},
    ]
    receipt = read_receipt(answer(400, {"requestId": "x", "hasErrors": True, "errors": errors}))
    assert not receipt.accepted
    assert receipt.errors == (
        ApiError("v-1", "VALIDATION", "SCHEMA_VALIDATION_ERROR", "too long: name"),
        ApiError(None, "", "SOMETHING_NEW", ""),
    )


def test_the_error_shape_of_push_notifications_is_read_too() -> None:
    receipt = read_receipt(
        answer(400, {"hasError": True, "errorMessages": [{"type": "T", "code": "C", "message": "M"}]})
    )
    assert receipt.errors == (ApiError(None, "T", "C", "M"),)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(404, b"", ""), (413, b"too large", "too large"), (401, {"message": "Unauthorized"}, "Unauthorized")],
)
def test_a_refusal_without_details_still_is_an_error(status: int, body: object, message: str) -> None:
    receipt = read_receipt(answer(status, body))
    assert receipt.errors == (ApiError(None, "", f"HTTP_{status}", message),)


def test_a_200_that_reports_errors_is_not_accepted() -> None:
    assert not read_receipt(answer(200, {"hasErrors": True, "errors": [{"code": "X"}]})).accepted
    assert not read_receipt(answer(200, {"hasErrors": True})).accepted


def test_every_item_of_every_system_is_reported_by_its_code() -> None:
    found = outcome(
        entry(
            {"externalCode": "a", "status": "Success", "errors": None},
            {
                "externalCode": "b",
                "status": "Error",
                "parentExternalCode": "inv-1",
                "errors": [
                    {"type": "Error", "message": "no such currency", "category": "DataValidation"},
                    {},
                ],
            },
        )
    )
    assert found.done
    assert found.items == {
        "a": ItemOutcome("Success", (), None, None),
        "b": ItemOutcome("Error", ("no such currency",), "DataValidation", "inv-1"),
    }


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        (("Success", "Error"), "Error"),
        (("NotProcessed", "Success"), "Success"),
        (("Warning", "Success"), "Warning"),
        (("Success", "RecordExpired"), "RecordExpired"),
        (("Success", "Unpublished"), "Unpublished"),
        (("Success", "InProgress"), "InProgress"),
        (("Success", "BrandNew"), "BrandNew"),
        (("NotProcessed",), "NotProcessed"),
        (("Success", "Success"), "Success"),
    ],
)
def test_a_record_that_went_to_several_systems_has_its_worst_status(
    statuses: tuple[str, ...], worst: str
) -> None:
    for order in (statuses, statuses[::-1]):
        systems = [
            {
                "system": f"S{number}",
                "items": [{"externalCode": "a", "status": status, "errors": [{"message": status}]}],
            }
            for number, status in enumerate(order)
        ]
        found = outcome({"requestId": "r-1", "requestStatus": "Success", "systems": systems})
        assert found.items["a"].status == worst
        assert found.items["a"].messages == order


@pytest.mark.parametrize(
    ("request_level", "item", "done"),
    [
        ("Success", "Success", True),
        ("Error", "Error", True),
        ("AcknowledgedError", "Error", True),
        ("Error", "InProgress", False),
        ("InProgress", "Success", False),
        ("Success", "BrandNew", True),
        (None, "Success", True),
    ],
)
def test_a_request_is_done_when_nothing_of_it_is_in_progress(
    request_level: str | None, item: str, done: bool
) -> None:
    assert outcome(entry({"externalCode": "a", "status": item}, status=request_level)).done is done


def test_a_system_still_in_progress_keeps_the_request_open() -> None:
    systems = [{"systemStatus": "InProgress", "items": None}]
    assert not outcome({"requestId": "r-1", "requestStatus": "Success", "systems": systems}).done


def test_an_item_without_a_code_counts_and_is_kept_apart() -> None:
    found = outcome(entry({"status": "InProgress"}))
    assert not found.done
    assert found.items == {}
    assert found.unnamed == (ItemOutcome("InProgress", (), None, None),)


def test_a_category_is_taken_from_whichever_system_names_one() -> None:
    systems = [
        {"items": [{"externalCode": "a", "status": "Error"}]},
        {"items": [{"externalCode": "a", "status": "Warning", "errors": [{"category": "Technical"}]}]},
    ]
    assert outcome({"requestId": "r-1", "systems": systems}).items["a"].category == "Technical"


@pytest.mark.parametrize(
    "body",
    [
        {"requestStatus": [entry({"externalCode": "a", "status": "Success"})]},
        [entry({"externalCode": "a", "status": "Success"})],
        entry({"externalCode": "a", "status": "Success"}),
    ],
)
def test_the_answer_may_be_wrapped_a_list_or_bare(body: object) -> None:
    found = read_request_outcome(json.dumps(body).encode(), "r-1")
    assert found is not None
    assert (found.request_id, found.status, list(found.items)) == ("r-1", "Success", ["a"])


def test_entries_of_other_requests_are_ignored() -> None:
    assert outcome(entry(requestId="r-2")) is None
    assert outcome() is None


def test_a_request_without_systems_yet_is_read_by_its_own_status() -> None:
    assert not outcome({"requestId": "r-1", "requestStatus": "InProgress", "systems": None}).done


def test_an_unreadable_status_is_refused() -> None:
    with pytest.raises(BadJson):
        read_request_outcome(b"<html>", "r-1")


def page(*entries: object) -> list[Any]:
    return read_request_outcomes(json.dumps({"requestStatus": entries}).encode())


def test_a_page_of_requests_is_read_request_by_request() -> None:
    found = page(
        entry({"externalCode": "a", "status": "Success"}, lastUpdated="2026-11-20T10:00:00Z"),
        entry({"externalCode": "b", "status": "Error"}, requestId="r-2", status="Error"),
        entry({"externalCode": "c", "status": "Success"}),
        {"requestStatus": "Success"},
    )
    assert [one.request_id for one in found] == ["r-1", "r-2"]
    assert list(found[0].items) == ["a", "c"]
    assert found[0].last_updated == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert found[1].last_updated is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+02:00", None),
    ],
)
def test_the_time_of_an_update_is_read_leniently(text: str, moment: datetime | None) -> None:
    assert outcome(entry(lastUpdated=text)).last_updated == moment


def system(name: str, *items: dict[str, Any], status: str = "Success") -> dict[str, Any]:
    return {"system": name, "systemStatus": status, "items": list(items)}


def of_systems(*systems: dict[str, Any], status: str) -> Any:
    return outcome({"requestId": "r-1", "requestStatus": status, "systems": list(systems)})


def test_p2p_alone_decides_and_what_another_system_says_is_kept() -> None:
    refused = {"externalCode": "a", "status": "Error", "errors": [{"message": "no such buyer"}]}
    found = of_systems(
        system("P2P", {"externalCode": "a", "status": "Success"}, {"externalCode": "b", "status": "Success"}),
        system("Network", refused, {"externalCode": "b", "status": "Success"}, status="Error"),
        status="Error",
    )
    assert (found.status, found.done) == ("Success", True)
    assert found.items["a"] == ItemOutcome("Warning", ("Network: no such buyer",), None, None)
    assert found.items["b"] == ItemOutcome("Success", (), None, None)


def test_a_record_that_p2p_does_not_list_has_the_outcome_of_the_other_system() -> None:
    found = of_systems(
        system("P2P", {"externalCode": "a", "status": "Success"}),
        system("", {"externalCode": "b", "status": "Unpublished"}),
        status="Success",
    )
    assert found.items["b"] == ItemOutcome("Unpublished", ("another system: Unpublished",), None, None)


def test_an_error_of_p2p_stays_one_whatever_the_others_say() -> None:
    found = of_systems(
        system("p2p", {"externalCode": "a", "status": "Error"}, status="Error"),
        system("Network", {"externalCode": "a", "status": "Warning"}),
        status="Error",
    )
    assert found.items["a"].status == "Error"


@pytest.mark.parametrize(("network", "done"), [("InProgress", True), ("Success", False)])
def test_p2p_is_not_waited_for_where_another_system_is_what_takes_its_time(network: str, done: bool) -> None:
    found = of_systems(
        system("P2P", {"externalCode": "a", "status": "Success"}),
        system("Network", status=network),
        status="InProgress",
    )
    assert found.done is done


def test_the_records_sent_back_with_a_200_are_not_read() -> None:
    receipt = read_receipt(answer(200, b'  [{"externalCode": "v", "broken'))
    assert receipt.accepted


def test_the_time_of_receipt_is_basware_s_own() -> None:
    headers = httpx.Headers({"Date": "Fri, 20 Nov 2026 10:00:00 GMT"})
    receipt = read_receipt(Answer(200, headers, b"", "ours-1", "amzn-1", None))
    assert receipt.received_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert read_receipt(answer(200, b"")).received_at is None
