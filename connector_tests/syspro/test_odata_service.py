"""One read: which answers are retried, which are final, and what their errors say."""

import json
import logging
import time
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.syspro import pages
from connector_defs.syspro.odata import QueryRefused, RetryPolicy, TableMissing
from connector_defs.syspro.tables import TBL_CURRENCY
from connector_defs.syspro.transport import MAX_REPLY_BYTES, plain_text
from connector_tests.syspro.odata_service_double import ServiceDouble, client_of

GOOD = {"TblCurrency": [{"Currency": "EUR", "Description": "Euro"}]}


def read_first(*answers, **options):
    double = ServiceDouble(GOOD, answers=list(answers))
    with client_of(double, **options) as client:
        return next(iter(client.pages(TBL_CURRENCY))), double


PASSING = {
    "rate limit": httpx.Response(429, headers={"Retry-After": "1"}),
    "busy": httpx.Response(503, text="<html><body>Service Unavailable</body></html>"),
    "gateway": httpx.Response(502),
    "internal": httpx.Response(500, text="unknown company"),
    "request time-out": httpx.Response(408),
    "maintenance page": httpx.Response(200, text="<html><head><title>x</title></head>Back soon</html>"),
    "cut JSON": httpx.Response(200, text='{"value": [{"Currency": "E'),
    "cp1252 bytes": httpx.Response(200, content=b'{"value": [{"Currency": "\xe9"}]}'),
    "refused": httpx.ConnectError("refused"),
    "dns": httpx.ConnectTimeout("slow"),
    "reset": httpx.ReadError("reset"),
    "closed": httpx.RemoteProtocolError("closed"),
    "time-out": httpx.ReadTimeout("slow"),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_a_passing_failure_is_tried_again(answer):
    rows, double = read_first(answer)
    assert rows[0]["Description"] == "Euro"
    assert len(double.queries) == 2


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_a_failure_that_stays_is_handed_on_after_a_few_attempts(answer):
    with pytest.raises(RetryLater, match=r"table TblCurrency of company M1: .*after 3 attempt") as caught:
        read_first(answer, answer, answer)
    assert "<" not in str(caught.value)
    assert caught.value.__context__ is None


FINAL = {
    "bad login": (httpx.Response(401), Fatal, "OData credentials of operator ODATA"),
    "forbidden": (httpx.Response(403), Fatal, "does not let operator ODATA"),
    "no table": (httpx.Response(404, text="<h1>Not Found</h1>"), TableMissing, "HTTP 404 Not Found"),
    "redirect": (httpx.Response(302, headers={"Location": "http://x.example"}), Fatal, "redirect"),
    "odd status": (httpx.Response(409, text="odd"), Fatal, "HTTP 409 odd"),
    "no value": (httpx.Response(200, json={"rows": []}), Fatal, "table TblCurrency: .*'value'"),
    "value no list": (httpx.Response(200, json={"value": {}}), Fatal, "'value'"),
    "rows no objects": (httpx.Response(200, json={"value": [1]}), Fatal, "'value'"),
    "NaN": (httpx.Response(200, text='{"value": [{"Currency": NaN}]}'), Fatal, "column Currency .*NaN"),
    "a list": (httpx.Response(200, json=[1]), Fatal, "'value'"),
    "error in 200": (httpx.Response(200, json={"error": {"message": "no licence"}}), Fatal, "no licence"),
    "error code": (httpx.Response(200, json={"error": {"code": "E7"}}), Fatal, "E7"),
    "error text": (httpx.Response(200, json={"error": "broken"}), Fatal, "broken"),
    "bad URL": (httpx.UnsupportedProtocol("no scheme"), Fatal, "SYSPRO_ODATA_URL"),
}


@pytest.mark.parametrize(("answer", "kind", "text"), FINAL.values(), ids=FINAL)
def test_a_final_answer_is_not_tried_again(answer, kind, text):
    double = ServiceDouble(GOOD, answers=[answer])
    with client_of(double) as client, pytest.raises(kind, match=text) as caught:
        next(client.pages(TBL_CURRENCY))
    assert type(caught.value) is kind
    assert len(double.queries) == 1


@pytest.mark.parametrize("status", [400, 413, 414, 431, 501])
def test_a_refused_query_says_what_the_service_said_without_markup(status):
    page = httpx.Response(
        status, text="<html><head><style>p{}</style></head><body><h2>Bad &amp; long</h2></body></html>"
    )
    probe = httpx.Response(200, json={"value": [dict.fromkeys(TBL_CURRENCY.column_names, "0")]})
    with pytest.raises(QueryRefused, match=rf"HTTP {status} Bad & long\)"):
        read_first(page, probe)


def test_an_answer_beyond_the_cap_is_not_read_to_its_end():
    read = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                read.append(1)
                yield b" " * 1024 * 1024

    double = ServiceDouble(GOOD, answers=[httpx.Response(200, stream=Endless())])
    with client_of(double) as client:
        next(iter(client.pages(TBL_CURRENCY)))
    assert len(read) == MAX_REPLY_BYTES // 1024 // 1024 + 1
    assert [query["$top"] for query in double.queries] == ["5000", "1250"]


def test_nesting_without_end_is_no_crash():
    deep = httpx.Response(200, text='{"value": ' + "[" * 200_000)
    assert read_first(deep)[0]


def test_a_byte_order_mark_is_accepted():
    body = b"\xef\xbb\xbf" + json.dumps({"value": [{"Currency": "€  "}]}, ensure_ascii=False).encode()
    assert read_first(httpx.Response(200, content=body))[0][0]["Currency"] == "€  "


def test_numbers_keep_every_digit():
    body = '{"value": [{"Currency": "EUR", "BuyExchangeRate": 1.100000, "SellExchangeRate": "0.1"}]}'
    row = read_first(httpx.Response(200, text=body))[0][0]
    assert str(row["BuyExchangeRate"]) == "1.100000"
    assert row["SellExchangeRate"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("2", 2, 2),
        ("0", 0, 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0, 0),
    ],
)
def test_the_services_own_wish_to_wait_is_kept(header, low, high):
    waits: list[float] = []
    read_first(httpx.Response(429, headers={"Retry-After": header}), sleep=waits.append)
    assert low <= waits[0] <= high


@pytest.mark.parametrize("header", ["soon", "", "²", "-5", "1e3", "Thu, 99 Foo 99999 99:99:99 +9999"])
def test_an_unreadable_wish_is_passed_over(header):
    waits: list[float] = []
    read_first(httpx.Response(503, headers=[(b"Retry-After", header.encode("latin-1"))]), sleep=waits.append)
    assert 0 < waits[0] <= 0.01


def test_a_wish_beyond_every_clock_is_a_week():
    with pytest.raises(RetryLater) as caught:
        read_first(httpx.Response(429, headers={"Retry-After": "9" * 400}))
    assert caught.value.retry_after == 7 * 86_400


def test_a_long_wish_is_handed_on_at_once():
    with pytest.raises(RetryLater) as caught:
        read_first(httpx.Response(429, headers={"Retry-After": "600"}))
    assert caught.value.retry_after == 600


def test_waits_grow_up_to_a_limit():
    policy = RetryPolicy(attempts=9, base_seconds=1, max_seconds=8)
    assert all(2.0 ** (n - 1) / 2 <= policy.delay(n) <= 2.0 ** (n - 1) for n in (1, 2, 3, 4))
    assert policy.delay(9) <= 8


def test_the_login_goes_by_basic_authentication_and_no_redirect_is_followed():
    _, double = read_first()
    assert double.requests[0].headers["Authorization"].startswith("Basic ")
    assert double.requests[0].headers["Accept"] == "application/json"


def test_no_url_with_a_query_reaches_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    read_first(httpx.Response(503))
    assert "HTTP Request: GET https://erp.example/odata/M1/TblCurrency?…" in caplog.text
    assert "$select" not in caplog.text
    assert "odata-secret" not in caplog.text


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("GET http://x/Logon?a=b HTTP/1.1", "GET http://x/Logon?… HTTP/1.1"),
        ("<p>no query</p> here", "no query here"),
        ("<e><OperatorPassword>s3cr3t</OperatorPassword> is wrong</e>", "… is wrong"),
        # A secret is not halved by the limit and so overlooked.
        (f"{'x' * 290} password=s3cr3t-and-long", f"{'x' * 290} password=…"[:297] + "..."),
    ],
)
def test_secrets_are_cut_from_texts(text, cut):
    assert plain_text(text) == cut


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>&#" + "9" * 5_000 + "; x</p>", "x"),
        ("<script " * 300_000, "<script " * 10),
        ("<" * 3_000_000 + "p>", "<" * 50),
        ("<p>" + "x" * 9_000_000 + "</p>", "x" * 100),
    ],
    ids=["a character of 5,000 digits", "scripts without end", "brackets", "one word"],
)
def test_no_error_page_takes_long_to_put_into_words(page, text):
    begun = time.process_time()
    assert text.strip() in plain_text(page)
    assert len(plain_text(page)) <= 300
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("form", ["rows", "batches"])
def test_a_column_that_stands_twice_in_a_row_is_no_row(form):
    body = b'{"value": [{"Currency": "EUR", "BuyExchangeRate": 1, "BuyExchangeRate": 2}]}'
    double = ServiceDouble(GOOD, answers=[httpx.Response(200, content=body)])
    with client_of(double) as client, pytest.raises(Fatal, match="'BuyExchangeRate' occurs twice"):
        next(iter((client.pages if form == "rows" else client.batches)(TBL_CURRENCY)))


@pytest.mark.parametrize("form", ["rows", "batches"])
def test_a_page_of_a_million_empty_rows_is_refused_unread(form):
    body = b'{"value": [' + b"{}," * 900_000 + b"{}]}"
    double = ServiceDouble(GOOD, answers=[httpx.Response(200, content=body)] * 7)
    with client_of(double) as client, pytest.raises(Fatal, match=r"too many values.* ignores \$top"):
        next(iter((client.pages if form == "rows" else client.batches)(TBL_CURRENCY)))


@pytest.mark.parametrize("form", ["rows", "batches"])
def test_a_page_of_far_more_rows_than_were_asked_for_is_refused(form, monkeypatch):
    monkeypatch.setattr(pages, "_MAX_ROWS", 3)
    body = b'{"value": [' + b'{"CURRENCY": "A"},' * 3 + b'{"CURRENCY": "B"}]}'
    double = ServiceDouble(GOOD, answers=[httpx.Response(200, content=body)])
    with client_of(double) as client, pytest.raises(Fatal, match="4 rows came at once"):
        next(iter((client.pages if form == "rows" else client.batches)(TBL_CURRENCY)))


def test_an_error_object_that_is_no_text_is_told_as_such():
    body = {"error": {"message": {"deep": [1]}}}
    with pytest.raises(Fatal, match="error without text"):
        read_first(httpx.Response(200, json=body))


@pytest.mark.parametrize("told", ["9" * 30, "9" * 5_000, "-1", "1.5", "²"])
def test_a_count_that_is_none_counts_nothing(told):
    double = ServiceDouble(GOOD, answers=[httpx.Response(200, json={"@odata.count": told, "value": []})])
    with client_of(double) as client:
        assert client.count(TBL_CURRENCY) is None
