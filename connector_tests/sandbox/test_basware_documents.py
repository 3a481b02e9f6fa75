"""Approved invoices in the simulated Basware: lists, links, acknowledge, responses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from connector_tests.sandbox.wire import CONTINUATION, Clock, Wire, invoice, served

DOCUMENTS = "/v1/accountingDocuments"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served(invoice()) as wire:
        yield wire


def transferred(code: str = "r-1", **fields: Any) -> dict[str, Any]:
    return {
        "externalCode": code,
        "success": True,
        "responseMessage": "posted",
        "paymentBlock": False,
    } | fields


def status_of(wire: Wire, invoice_id: str = "inv-1") -> str:
    return str(wire.sandbox.documents[invoice_id]["processingStatus"])


def test_a_list_redirects_to_another_origin_that_refuses_the_bearer_token(wire: Wire) -> None:
    redirect = wire.get(DOCUMENTS, ProcessingStatus="WaitingForTransfer")
    link = redirect.headers["location"]

    assert (redirect.status_code, redirect.content) == (302, b"")
    assert link.startswith("http://localhost:")
    assert "/v1/" not in link
    assert wire.get(link).status_code == 400
    assert wire.http.get(link).json()["accountingDocuments"][0]["invoiceId"] == "inv-1"


def test_a_link_is_signed_and_dies() -> None:
    clock = Clock()
    with served(invoice(), clock=clock, monotonic=clock.monotonic, link_seconds=60) as wire:
        link = wire.get(f"{DOCUMENTS}/inv-1").headers["location"]
        assert wire.http.get(link[:-1] + "x").status_code == 403
        clock.advance(61)
        assert wire.http.get(link).status_code == 403


def test_amounts_keep_their_digits(wire: Wire) -> None:
    wire.sandbox.approve(invoice("inv-2", grossSum=Decimal("1250.000000"), netSum=Decimal("0.1")))

    body = wire.page(f"{DOCUMENTS}/inv-2").text

    assert '"grossSum":1250.000000' in body
    assert '"netSum":0.1' in body


def test_pages_follow_the_continuation_token_through_short_pages() -> None:
    rows = [{"externalCode": f"row-{n}"} for n in range(30)]
    documents = [invoice(f"inv-{n}", codingRows=rows) for n in range(250)]
    with served(*documents, rows_per_page=900) as wire:
        pages = list(wire.pages(DOCUMENTS, ProcessingStatus="WaitingForTransfer"))

    found = [[each["invoiceId"] for each in page.json()["accountingDocuments"]] for page in pages]
    assert [len(page) for page in found] == [30] * 8 + [10]
    assert [each for page in found for each in page] == [f"inv-{n}" for n in range(250)]


def test_acknowledging_between_pages_neither_skips_nor_repeats() -> None:
    with served(*(invoice(f"inv-{n}") for n in range(7))) as wire:
        found = []
        for page in wire.pages(DOCUMENTS, ProcessingStatus="WaitingForTransfer", pageSize=3):
            for each in page.json()["accountingDocuments"]:
                found.append(each["invoiceId"])
                wire.post(f"{DOCUMENTS}/{each['invoiceId']}/acknowledge")

    assert found == [f"inv-{n}" for n in range(7)]


def test_a_continuation_token_holds_for_the_same_query_only() -> None:
    with served(*(invoice(f"inv-{n}") for n in range(3))) as wire:
        token = wire.page(DOCUMENTS, pageSize=2).headers[CONTINUATION]

        assert wire.get(DOCUMENTS, token, pageSize=1).status_code == 400
        assert wire.get(DOCUMENTS, "made-up", pageSize=2).status_code == 410


def test_filters_by_status_company_and_time() -> None:
    clock = Clock()
    with served(invoice(), invoice("other", companyCode="2000"), clock=clock) as wire:
        before = clock.now
        clock.advance(60)
        wire.sandbox.change("inv-1", {"description": "edited"})

        def ids(**query: Any) -> list[str]:
            return [each["invoiceId"] for each in wire.page(DOCUMENTS, **query).json()["accountingDocuments"]]

        assert ids(companyCode="2000") == ["other"]
        assert ids(lastUpdated=before.isoformat()) == ["inv-1"]
        assert wire.get(DOCUMENTS, ProcessingStatus="Paid").status_code == 404
        assert wire.get(DOCUMENTS, ProcessingStatus="Lost").status_code == 400
        assert wire.get(DOCUMENTS, pageSize=101).status_code == 400


def test_an_invoice_is_acknowledged_once(wire: Wire) -> None:
    acknowledge = f"{DOCUMENTS}/inv-1/acknowledge"

    assert [wire.post(acknowledge).status_code for _ in range(2)] == [200, 405]
    assert status_of(wire) == "TransferInProgress"
    assert wire.post(f"{DOCUMENTS}/unknown/acknowledge").status_code == 404


def test_a_successful_response_stores_the_voucher_and_shows_in_request_status(wire: Wire) -> None:
    wire.post(f"{DOCUMENTS}/inv-1/acknowledge")

    answer = wire.post(f"{DOCUMENTS}/inv-1/transferResponses", transferred(voucherNumber1="2026-03-17"))

    assert answer.status_code == 200
    document = wire.page(f"{DOCUMENTS}/inv-1").json()["accountingDocuments"][0]
    assert document["processingStatus"] == "Transferred"
    assert document["voucherNumber1"] == "2026-03-17"
    assert [each["externalCode"] for each in document["transferResponses"]] == ["r-1"]
    item = wire.outcome(answer)["items"][0]
    assert (item["externalCode"], item["parentExternalCode"], item["status"]) == ("r-1", "inv-1", "Success")


def test_a_failed_response_keeps_the_voucher_empty_and_allows_a_new_transfer(wire: Wire) -> None:
    refusal = transferred(success=False, responseMessage="period closed", voucherNumber1="x")
    wire.post(f"{DOCUMENTS}/inv-1/transferResponses", refusal)

    assert status_of(wire) == "TransferFailed"
    assert "voucherNumber1" not in wire.sandbox.documents["inv-1"]
    wire.control("retransfer", {"invoiceId": "inv-1"})
    assert status_of(wire) == "WaitingForTransfer"
    assert wire.post(f"{DOCUMENTS}/inv-1/acknowledge").status_code == 200


def test_a_response_is_refused_once_transferred_and_when_its_code_was_used(wire: Wire) -> None:
    path = f"{DOCUMENTS}/inv-1/transferResponses"
    wire.post(path, transferred("r-1", success=False))
    wire.sandbox.retransfer("inv-1")

    assert wire.post(path, transferred("r-1")).status_code == 400
    assert wire.post(path, transferred("r-2")).status_code == 200
    refused = wire.post(path, transferred("r-3"))
    assert (refused.status_code, refused.json()["errors"][0]["type"]) == (400, "BUSINESS")
    assert wire.post(f"{DOCUMENTS}/unknown/transferResponses", transferred()).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"responseMessage": "x" * 251},
        {"responseMessage": ""},
        {"voucherNumber1": "x" * 26},
        {"success": "true"},
        {"comment": "unknown field"},
    ],
)
def test_a_response_that_breaks_the_schema_changes_nothing(wire: Wire, wrong: dict[str, Any]) -> None:
    answer = wire.post(f"{DOCUMENTS}/inv-1/transferResponses", transferred(**wrong))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "SCHEMA_VALIDATION_ERROR")
    assert status_of(wire) == "WaitingForTransfer"


def test_only_one_of_many_callers_acknowledges_an_invoice(wire: Wire) -> None:
    with ThreadPoolExecutor(8) as callers:
        statuses = list(
            callers.map(lambda _: wire.post(f"{DOCUMENTS}/inv-1/acknowledge").status_code, range(40))
        )

    assert sorted(statuses) == [200] + [405] * 39
    assert wire.sandbox.requests["POST acknowledge"] == 40


def test_an_unanswered_invoice_fails_after_the_recovery_window() -> None:
    clock = Clock()
    options: dict[str, Any] = {"clock": clock, "monotonic": clock.monotonic, "transfer_window_seconds": 30}
    for late, expected in ((False, 400), (True, 200)):
        with served(invoice(), late_responses=late, **options) as wire:
            wire.post(f"{DOCUMENTS}/inv-1/acknowledge")
            clock.advance(31)
            assert status_of(wire) == "TransferFailed"
            assert wire.post(f"{DOCUMENTS}/inv-1/transferResponses", transferred()).status_code == expected


def test_a_payment_response_clears_what_it_leaves_out(wire: Wire) -> None:
    path = f"{DOCUMENTS}/inv-1/paymentResponses"
    paid = {"success": True, "paymentBlock": False}
    assert wire.post(path, paid | {"externalCode": "p-0"}).status_code == 409
    wire.post(f"{DOCUMENTS}/inv-1/transferResponses", transferred())

    wire.post(path, paid | {"externalCode": "p-1", "paymentMethod": "EFT", "paidTotal": Decimal("50.00")})
    assert (status_of(wire), wire.sandbox.documents["inv-1"]["paymentMethod"]) == ("Paid", "EFT")
    wire.post(path, paid | {"externalCode": "p-2", "paidTotal": Decimal("100.10")})
    assert wire.sandbox.documents["inv-1"]["paymentMethod"] is None
    assert wire.post(path, paid | {"externalCode": "p-2"}).status_code == 409
    assert [(each.kind, each.response["externalCode"]) for each in wire.sandbox.responses] == [
        ("transferResponses", "r-1"),
        ("paymentResponses", "p-1"),
        ("paymentResponses", "p-2"),
    ]


def test_prebooking_ends_in_a_transfer_that_knows_of_it() -> None:
    with served(invoice(processingStatus="WaitingForPrebook")) as wire:
        path = f"{DOCUMENTS}/inv-1/prebookResponses"
        wire.post(f"{DOCUMENTS}/inv-1/acknowledge")
        assert status_of(wire) == "PrebookInProgress"
        assert wire.post(path, transferred(voucherNumber1="P1")).status_code == 200
        assert wire.post(path, transferred("r-2")).status_code == 409

        wire.control("approve", invoice())
        document = wire.sandbox.documents["inv-1"]
        assert (document["processingStatus"], document["prebooked"]) == ("WaitingForTransfer", True)


def test_an_invoice_is_taken_back_only_before_it_is_acknowledged(wire: Wire) -> None:
    wire.control("withdraw", {"invoiceId": "inv-1"})
    assert status_of(wire) == "WaitingToBeReturned"
    assert wire.http.post("/_sandbox/basware/withdraw", json={"invoiceId": "inv-1"}).status_code == 409
    assert wire.http.post("/_sandbox/basware/withdraw", json={"invoiceId": "none"}).status_code == 404


def test_high_level_status_needs_company_number_and_date(wire: Wire) -> None:
    path = f"{DOCUMENTS}/status"
    asked = {"companyCode": "1000", "invoiceNumber": "N-inv-1", "invoiceDate": "2026-02-27"}

    assert wire.get(path, **asked).json()[0]["status"] == "InApprovalProcess"
    assert wire.get(path, **asked, grossSum="100.10").status_code == 200
    assert wire.get(path, **asked, grossSum="9").status_code == 404
    assert wire.get(path, companyCode="1000").status_code == 400
