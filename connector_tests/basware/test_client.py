"""One method per endpoint: what is sent, and what each answer means."""

import itertools
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connector_defs.basware import continuations
from connector_defs.basware.batches import MAX_REQUEST_BYTES
from connector_defs.basware.client import AckOutcome, BaswareClient
from connector_defs.basware.documents import MalformedDocument
from connector_defs.basware.entities import ENDPOINTS, PaymentResponse, TransferResponse
from connector_defs.basware.transport import UnreadableAnswer
from connector_defs.domain.errors import Fatal, RecordRefused, RetryLater
from connector_tests.basware.builders import Script, Step, client, invoice, page, raw_page, token_answer

TOKEN = "x-amz-meta-continuationtoken"
TRANSFER = TransferResponse(
    external_code="t-1",
    success=True,
    response_message="Posted & done",
    payment_block=False,
    voucher_number1="V-1",
)
PAYMENT = PaymentResponse(external_code="p-1", success=True, payment_block=False, paid_total=Decimal("10.50"))


def api(*steps: Step) -> tuple[BaswareClient, Script]:
    script = Script(*steps)
    return client(script), script


def ids(pages: Any) -> list[list[str]]:
    return [[document.invoice_id for document in one.documents] for one in pages]


def test_waiting_invoices_are_asked_for_by_status_and_company() -> None:
    basware, script = api(page())
    list(basware.documents("10 & 00", "WaitingForTransfer"))
    (request,) = script.requests
    assert request.url.path == "/v1/accountingDocuments"
    assert dict(request.url.params) == {
        "ProcessingStatus": "WaitingForTransfer",
        "companyCode": "10 & 00",
        "pageSize": "100",
    }
    assert TOKEN not in request.headers


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC), "2026-01-31T12:00:00.123Z"),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T10:00:00.000Z"),
    ],
)
def test_changes_since_a_moment_are_asked_for_in_utc(moment: datetime, sent: str) -> None:
    basware, script = api(page())
    list(basware.documents("1000", "TransferInProgress", last_updated=moment, page_size=50))
    assert script.requests[0].url.params["lastUpdated"] == sent
    assert script.requests[0].url.params["pageSize"] == "50"


def test_a_moment_without_a_zone_is_a_mistake() -> None:
    basware, _ = api()
    with pytest.raises(ValueError, match="time zone"):
        list(basware.documents("1000", "New", last_updated=datetime(2026, 1, 31)))  # noqa: DTZ001


def test_pages_go_on_until_there_is_no_continuation_with_the_same_query() -> None:
    basware, script = api(
        page(invoice(invoiceId="a"), continuation="one"),
        page(continuation="two"),
        page(invoice(invoiceId="b"), continuation="three"),
        page(invoice(invoiceId="c")),
    )
    assert ids(basware.documents("1000", "WaitingForTransfer")) == [["a"], [], ["b"], ["c"]]
    assert [request.headers.get(TOKEN) for request in script.requests] == [None, "one", "two", "three"]
    assert len({str(request.url) for request in script.requests}) == 1


@pytest.mark.parametrize("status", [404, 204])
def test_no_records_is_an_empty_list(status: int) -> None:
    basware, _ = api(httpx.Response(status))
    assert list(basware.documents("1000", "WaitingForTransfer")) == []


def test_a_404_on_a_later_page_ends_the_list() -> None:
    basware, _ = api(page(invoice(), continuation="one"), httpx.Response(404))
    assert ids(basware.documents("1000", "WaitingForTransfer")) == [["inv-1"]]


@pytest.mark.parametrize("status", [400, 410, 422])
def test_a_continuation_that_has_expired_means_starting_again(status: int) -> None:
    basware, _ = api(
        page(invoice(), continuation="one"), httpx.Response(status, json={"message": "token expired"})
    )
    pages = basware.documents("1000", "WaitingForTransfer")
    assert len(next(pages).documents) == 1
    with pytest.raises(RetryLater, match="start it again"):
        next(pages)


@pytest.mark.parametrize("continuation", ["\u017bywiec".encode(), b"\xff\xfe"])
def test_a_continuation_that_cannot_be_sent_back_leaves_the_pages_before_it(continuation: bytes) -> None:
    answer = httpx.Response(
        200,
        content=raw_page(json.dumps(invoice())),
        headers=[(b"x-amz-meta-continuationtoken", continuation)],
    )
    pages = client(Script(answer)).documents("1000", "WaitingForTransfer")
    assert len(next(pages).documents) == 1
    with pytest.raises(UnreadableAnswer, match="no header can carry"):
        next(pages)


def test_a_continuation_that_never_ends_is_noticed() -> None:
    basware, script = api(*[page(invoice(), continuation="same") for _ in range(9)])
    with pytest.raises(UnreadableAnswer, match="again and again"):
        list(basware.documents("1000", "WaitingForTransfer"))
    assert len(script.requests) == 2


def test_a_list_that_leads_to_the_same_page_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuations, "MOST_ALIKE", 3)
    numbers = itertools.count()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/tokens"):
            return token_answer()
        more = {"x-amz-meta-continuationtoken": f"another-{next(numbers)}"}
        return httpx.Response(200, content=raw_page(), headers=more)

    pages = client(answer).documents("1000", "WaitingForTransfer")
    assert len([next(pages) for _ in range(4)]) == 4
    with pytest.raises(UnreadableAnswer, match="again and again"):
        next(pages)


def test_a_continuation_that_repeats_with_other_invoices_goes_on() -> None:
    basware, _ = api(*[page(invoice(invoiceId=name), continuation="cursor") for name in "abc"], page())
    assert ids(basware.documents("1000", "WaitingForTransfer")) == [["a"], ["b"], ["c"], []]


def test_lost_rights_in_the_middle_of_a_list_are_not_taken_for_a_stale_list() -> None:
    basware, _ = api(page(invoice(), continuation="one"), httpx.Response(401), httpx.Response(401))
    with pytest.raises(Fatal, match="BASWARE_API_URL"):
        list(basware.documents("1000", "WaitingForTransfer"))


def test_a_bad_invoice_is_reported_beside_the_good_ones() -> None:
    body = raw_page(json.dumps(invoice()), '{"invoiceId": "bad", "grossSum": NaN}')
    basware, _ = api(httpx.Response(200, content=body))
    (found,) = basware.documents("1000", "WaitingForTransfer")
    assert [document.invoice_id for document in found.documents] == ["inv-1"]
    assert [error.invoice_id for error in found.malformed] == ["bad"]


BAD_PAGES = [
    b"<html>busy</html>",
    b"",
    b"{}",
    b'\xef\xbb\xbf{"accountingDocuments": []}',
    b'{"accountingDocuments": [',
]


@pytest.mark.parametrize("body", BAD_PAGES)
def test_a_page_that_cannot_be_read_is_asked_for_once_more(body: bytes) -> None:
    basware, script = api(
        page(invoice(), continuation="one"), httpx.Response(200, content=body), page(invoice(invoiceId="b"))
    )
    assert ids(basware.documents("1000", "WaitingForTransfer")) == [["inv-1"], ["b"]]
    assert [request.headers.get(TOKEN) for request in script.requests] == [None, "one", "one"]


@pytest.mark.parametrize("body", BAD_PAGES)
def test_a_page_that_stays_unreadable_names_itself_and_leaves_those_before_it(body: bytes) -> None:
    bad = httpx.Response(200, content=body)
    basware, _ = api(page(invoice(), continuation="one"), bad, bad)
    pages = basware.documents("1000", "WaitingForTransfer")
    next(pages)
    with pytest.raises(UnreadableAnswer, match="GET /v1/accountingDocuments cannot be read"):
        next(pages)


def test_one_invoice_comes_out_of_its_list_wrapper() -> None:
    basware, script = api(page(invoice(invoiceId="A/b c")))
    document = basware.document("A/b c")
    assert document is not None
    assert script.requests[0].url.raw_path == b"/v1/accountingDocuments/A%2Fb%20c"


@pytest.mark.parametrize(
    "answer", [httpx.Response(404), page(), page(invoice(invoiceId="other")), httpx.Response(204)]
)
def test_an_invoice_that_is_not_there_is_none(answer: httpx.Response) -> None:
    basware, _ = api(answer)
    assert basware.document("inv-1") is None


def test_an_invoice_id_is_found_in_any_case() -> None:
    basware, _ = api(page(invoice(invoiceId="ABCD-1")))
    assert basware.document("abcd-1") is not None


def test_a_malformed_invoice_is_told_from_a_missing_one() -> None:
    basware, _ = api(page(invoice(grossSum="1,5")))
    with pytest.raises(MalformedDocument, match="grossSum"):
        basware.document("inv-1")


def test_the_bad_invoice_of_somebody_else_does_not_matter() -> None:
    basware, _ = api(page(invoice(invoiceId="other", grossSum="1,5"), invoice()))
    assert basware.document("inv-1") is not None


def test_an_unreadable_answer_for_an_invoice_names_it() -> None:
    basware, _ = api(*[httpx.Response(200, content=b"x")] * 2)
    with pytest.raises(UnreadableAnswer, match="accountingDocuments/inv-1"):
        basware.document("inv-1")


@pytest.mark.parametrize("status", [400, 422])
def test_a_key_that_basware_does_not_take_concerns_that_record_only(status: int) -> None:
    for call in (
        lambda basware: basware.document("x"),
        lambda basware: basware.request_status("x"),
        lambda basware: basware.entity("vendors", "x"),
    ):
        basware, _ = api(httpx.Response(status))
        with pytest.raises(RecordRefused) as refused:
            call(basware)
        assert refused.value.code == "key_refused"


def test_a_list_that_is_refused_is_a_matter_of_settings() -> None:
    basware, _ = api(httpx.Response(400, json={"message": "unknown company"}))
    with pytest.raises(Fatal, match="unknown company"):
        list(basware.documents("1000", "WaitingForTransfer"))


def test_a_record_that_is_refused_for_any_other_reason_is_a_matter_of_settings() -> None:
    basware, _ = api(httpx.Response(405, json={"message": "not here"}))
    with pytest.raises(Fatal, match="405: HTTP_405 not here; check the settings"):
        basware.document("inv-1")


@pytest.mark.parametrize("key", ["", ".", ".."])
def test_a_key_that_would_change_the_path_is_refused_for_that_record_alone(key: str) -> None:
    basware, script = api()
    with pytest.raises(RecordRefused, match="cannot be asked for"):
        basware.acknowledge(key)
    assert script.requests == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, AckOutcome.ACKNOWLEDGED), (405, AckOutcome.ALREADY), (404, AckOutcome.MISSING)],
)
def test_an_acknowledge_has_three_outcomes(status: int, outcome: AckOutcome) -> None:
    basware, script = api(httpx.Response(status, text="whatever"))
    assert basware.acknowledge("inv-1") is outcome
    (request,) = script.requests
    assert (request.method, request.url.path) == ("POST", "/v1/accountingDocuments/inv-1/acknowledge")
    assert request.content == b""
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize("status", [400, 409])
def test_an_acknowledge_that_is_refused_concerns_that_invoice(status: int) -> None:
    basware, _ = api(httpx.Response(status, json={"errors": [{"code": "X", "message": "no"}]}))
    with pytest.raises(RecordRefused, match="X no") as refused:
        basware.acknowledge("inv-1")
    assert refused.value.code == "acknowledge_refused"


def test_an_acknowledge_whose_reply_was_lost_is_answered_405_on_the_next_try() -> None:
    basware, _ = api(httpx.Response(503), httpx.Response(405))
    assert basware.acknowledge("inv-1") is AckOutcome.ALREADY


def test_a_transfer_response_is_one_object() -> None:
    basware, script = api(
        httpx.Response(200, json={"externalCode": "t-1"}, headers={"x-amzn-RequestId": "a-1"})
    )
    receipt = basware.respond_transfer("inv-1", TRANSFER)
    assert receipt.accepted
    assert receipt.request_id == "a-1"
    (request,) = script.requests
    assert request.url.path == "/v1/accountingDocuments/inv-1/transferResponses"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {
        "externalCode": "t-1",
        "success": True,
        "responseMessage": "Posted & done",
        "paymentBlock": False,
        "voucherNumber1": "V-1",
    }


def test_a_payment_response_has_its_own_path_and_exact_amounts() -> None:
    basware, script = api(httpx.Response(200))
    basware.respond_payment("inv-1", PAYMENT)
    assert script.requests[0].url.path == "/v1/accountingDocuments/inv-1/paymentResponses"
    assert b'"paidTotal":10.50' in script.requests[0].content


@pytest.mark.parametrize("status", [400, 404, 405, 409, 422])
def test_a_refused_response_comes_back_as_a_receipt(status: int) -> None:
    for send in (
        lambda basware: basware.respond_transfer("inv-1", TRANSFER),
        lambda basware: basware.respond_payment("inv-1", PAYMENT),
    ):
        basware, _ = api(httpx.Response(status))
        receipt = send(basware)
        assert not receipt.accepted
        assert receipt.http_status == status


@pytest.mark.parametrize("endpoint", list(ENDPOINTS))
def test_records_are_posted_as_one_array(endpoint: str) -> None:
    basware, script = api(httpx.Response(200))
    basware.post(endpoint, [b'{"externalCode":"1"}', b'{"externalCode":"2"}'])
    (request,) = script.requests
    assert request.url.path == f"/v1/{endpoint}"
    assert json.loads(request.content) == [{"externalCode": "1"}, {"externalCode": "2"}]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_batch_comes_back_as_a_receipt_by_record(status: int) -> None:
    errors = [
        {"externalCode": "1", "type": "VALIDATION", "code": "SCHEMA_VALIDATION_ERROR", "message": "name"}
    ]
    basware, _ = api(httpx.Response(status, json={"requestId": "b-1", "hasErrors": True, "errors": errors}))
    receipt = basware.post("vendors", [b"{}"])
    assert not receipt.accepted
    assert (receipt.http_status, receipt.request_id) == (status, "b-1")
    assert receipt.errors[0].external_code == "1"


@pytest.mark.parametrize("status", [404, 405])
def test_an_import_path_that_is_not_there_is_a_matter_of_settings(status: int) -> None:
    basware, _ = api(httpx.Response(status))
    with pytest.raises(Fatal, match="BASWARE_API_URL"):
        basware.post("vendors", [b"{}"])


@pytest.mark.parametrize("payload", [[b"{}"] * 201, [b"x" * MAX_REQUEST_BYTES]])
def test_a_batch_over_the_limits_is_never_sent(payload: list[bytes]) -> None:
    basware, script = api()
    with pytest.raises(RecordRefused) as refused:
        basware.post("vendors", payload)
    assert refused.value.code == "record_too_large"
    assert script.requests == []


def test_an_empty_batch_or_unknown_endpoint_is_a_mistake() -> None:
    basware, _ = api()
    with pytest.raises(ValueError, match="nothing to send"):
        basware.post("vendors", [])
    with pytest.raises(ValueError, match="no such endpoint"):
        basware.post("suppliers", [b"{}"])


def test_the_status_of_a_request_is_read() -> None:
    items = [{"externalCode": "v-1", "status": "Success"}]
    entry = {"requestId": "a/1", "requestStatus": "Success", "systems": [{"items": items}]}
    basware, script = api(httpx.Response(200, json={"requestStatus": [entry]}))
    outcome = basware.request_status("a/1")
    assert outcome is not None
    assert outcome.done
    assert list(outcome.items) == ["v-1"]
    assert script.requests[0].url.raw_path == b"/v1/requestStatus/a%2F1"


def test_a_request_that_is_not_known_yet_is_none() -> None:
    basware, _ = api(httpx.Response(404))
    assert basware.request_status("a-1") is None


def test_an_unreadable_status_names_the_request() -> None:
    basware, _ = api(*[httpx.Response(200, content=b"x")] * 2)
    with pytest.raises(UnreadableAnswer, match="requestStatus/a-1"):
        basware.request_status("a-1")


@pytest.mark.parametrize("endpoint", list(ENDPOINTS.values()), ids=lambda endpoint: endpoint.name)
def test_records_are_listed_from_their_own_wrapper(endpoint: Any) -> None:
    pages = (
        httpx.Response(200, json={endpoint.list_wrapper: [{"externalCode": "1"}]}, headers={TOKEN: "one"}),
        httpx.Response(200, json={endpoint.list_wrapper: [{"externalCode": "2", "surprise": None}]}),
    )
    basware, script = api(*pages)
    found = list(basware.list_entities(endpoint.name, company_code="1000"))
    assert found == [[{"externalCode": "1"}], [{"externalCode": "2", "surprise": None}]]
    assert dict(script.requests[0].url.params) == {
        "companyCode": "1000",
        "pageSize": str(endpoint.page_limit),
    }
    assert script.requests[1].headers[TOKEN] == "one"


def test_order_lines_are_listed_by_order() -> None:
    basware, script = api(httpx.Response(404))
    found = basware.list_entities("matchingOrderLines", order_external_code="o-1", page_size=10)
    assert list(found) == []
    assert dict(script.requests[0].url.params) == {"orderExternalCode": "o-1", "pageSize": "10"}


@pytest.mark.parametrize("body", [b"x", b'{"vendorEntities": [{"a": NaN}]}', b'{"vendors": []}'])
def test_a_list_that_cannot_be_trusted_is_refused(body: bytes) -> None:
    basware, _ = api(*[httpx.Response(200, content=body)] * 2)
    with pytest.raises(UnreadableAnswer, match="GET /v1/vendors cannot be read"):
        list(basware.list_entities("vendors"))


def test_a_record_that_cannot_be_read_is_left_out_and_told_where_the_caller_wants_that() -> None:
    body = b'{"vendorEntities": [{"vendorCode": "1", "a": NaN}, {"vendorCode": "2"}, {"b": NaN}]}'
    basware, _ = api(httpx.Response(200, content=body))
    flaws: list[str] = []
    assert list(basware.list_entities("vendors", on_flaw=flaws.append)) == [[{"vendorCode": "2"}]]
    assert [flaw.partition(":")[0] for flaw in flaws] == ["vendorCode '1'", "vendorCode None"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"externalCode": "v-1", "taxPercentage": 1}, {"externalCode": "v-1", "taxPercentage": 1}),
        ({"vendorEntities": [{"externalCode": "v-1"}]}, {"externalCode": "v-1"}),
        ([], None),
    ],
)
def test_one_record_comes_bare_or_wrapped(body: object, found: object) -> None:
    basware, script = api(httpx.Response(200, json=body))
    assert basware.entity("vendors", "v-1") == found
    assert script.requests[0].url.path == "/v1/vendors/v-1"


def test_a_record_that_is_not_there_is_none_and_an_unreadable_one_is_named() -> None:
    basware, _ = api(httpx.Response(404), *[httpx.Response(200, content=b"x")] * 2)
    assert basware.entity("vendors", "v-1") is None
    with pytest.raises(UnreadableAnswer, match="vendors/v-1"):
        basware.entity("vendors", "v-1")


def test_a_client_closes_all_its_connections() -> None:
    basware, _ = api(httpx.Response(200))
    with basware:
        basware.acknowledge("inv-1")
    with pytest.raises(RuntimeError, match="closed"):
        basware.acknowledge("inv-1")


def test_the_requests_of_one_entity_are_listed_page_by_page_since_an_instant() -> None:
    entry = {"requestId": "r-1", "requestStatus": "Success", "systems": []}
    script = Script(
        httpx.Response(
            200, json={"requestStatus": [entry]}, headers={"x-amz-meta-continuationtoken": "more"}
        ),
        httpx.Response(200, json={"requestStatus": [{**entry, "requestId": "r-2"}]}),
        httpx.Response(404),
    )
    api = client(script)
    since = datetime(2026, 11, 20, 10, tzinfo=UTC)
    pages = list(api.request_statuses("MatchingOrderLine", last_updated=since))
    assert [[one.request_id for one in page] for page in pages] == [["r-1"], ["r-2"]]
    assert dict(script.requests[0].url.params) == {
        "entityType": "MatchingOrderLine",
        "pageSize": "100",
        "lastUpdated": "2026-11-20T10:00:00.000Z",
    }
    assert script.requests[1].headers["x-amz-meta-continuationtoken"] == "more"
    assert list(api.request_statuses("Vendor", status="Error")) == []
    assert dict(script.requests[2].url.params)["status"] == "Error"
