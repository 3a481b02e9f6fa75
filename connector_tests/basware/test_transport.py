"""Which failure leads to which action, and how often a call is repeated."""

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from connector_defs.basware import transport
from connector_defs.basware.client import AckOutcome, BaswareClient
from connector_defs.basware.entities import TransferResponse
from connector_defs.basware.oauth import CredentialsRefused
from connector_defs.basware.regions import SANDBOX, BaswareHosts, HostRefused, RedirectRefused
from connector_defs.basware.transport import ACTIONS, Action, Effect, Failure, RetryPolicy, UnreadableAnswer
from connector_defs.domain.errors import ConnectorError, Fatal, OutcomeUnknown, RetryLater
from connector_tests.basware.builders import (
    Handler,
    Script,
    Step,
    client,
    invoice,
    page,
    token_answer,
    tokens,
)

OK = httpx.Response(200, json={})
RESPONSE = TransferResponse(external_code="t-1", success=True, response_message="Posted", payment_block=False)

CALLS: dict[Effect, Any] = {
    Effect.NONE: lambda api: api.request_status("r-1"),
    Effect.UPSERT: lambda api: api.post("vendors", [b"{}"]),
    Effect.ONCE: lambda api: api.respond_transfer("inv-1", RESPONSE),
}
FAILURES: list[tuple[Failure, Step]] = [
    (Failure.NOT_SENT, httpx.ConnectError("[Errno 111] Connection refused")),
    (Failure.NOT_SENT, httpx.ConnectTimeout("slow")),
    (Failure.NOT_SENT, httpx.PoolTimeout("busy")),
    (Failure.NO_ANSWER, httpx.ReadTimeout("slow")),
    (Failure.NO_ANSWER, httpx.ReadError("reset")),
    (Failure.NO_ANSWER, httpx.WriteError("reset")),
    (Failure.NO_ANSWER, httpx.RemoteProtocolError("closed")),
    (Failure.NO_ANSWER, httpx.DecodingError("bad gzip")),
    (Failure.UNAUTHORIZED, httpx.Response(401)),
    (Failure.TOO_MANY, httpx.Response(429)),
    (Failure.UNAVAILABLE, httpx.Response(503)),
    (Failure.SERVER_ERROR, httpx.Response(500)),
    (Failure.SERVER_ERROR, httpx.Response(502)),
    (Failure.SERVER_ERROR, httpx.Response(504)),
    (Failure.SERVER_ERROR, httpx.Response(408)),
    (Failure.FORBIDDEN, httpx.Response(403)),
]
RAISED = {
    Action.RETRY: RetryLater,
    Action.UNKNOWN: OutcomeUnknown,
    Action.STOP: Fatal,
    Action.REFRESH: CredentialsRefused,
}


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_the_table_names_an_action_for_every_effect_and_failure() -> None:
    assert set(ACTIONS) == {(effect, failure) for effect in Effect for failure in Failure}


@pytest.mark.parametrize("effect", list(Effect), ids=lambda effect: effect.name)
@pytest.mark.parametrize(("failure", "step"), FAILURES, ids=lambda value: getattr(value, "name", repr(value)))
def test_a_failure_that_goes_on_ends_as_the_table_says(effect: Effect, failure: Failure, step: Step) -> None:
    action = ACTIONS[effect, failure]
    script = Script(*[step] * 3)
    with pytest.raises(RAISED[action]) as raised:
        CALLS[effect](client(script))
    assert type(raised.value) is RAISED[action]
    assert len(script.requests) == {Action.RETRY: 3, Action.REFRESH: 2}.get(action, 1)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("effect", list(Effect), ids=lambda effect: effect.name)
@pytest.mark.parametrize(("failure", "step"), FAILURES, ids=lambda value: getattr(value, "name", repr(value)))
def test_a_failure_that_passes_is_survived_where_repeating_is_safe(
    effect: Effect, failure: Failure, step: Step
) -> None:
    script = Script(step, httpx.Response(200, json={"requestId": "r-1"}))
    if ACTIONS[effect, failure] in {Action.RETRY, Action.REFRESH}:
        assert CALLS[effect](client(script)) is not None
        assert len(script.requests) == 2
    else:
        with pytest.raises(ConnectorError):
            CALLS[effect](client(script))
        assert len(script.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_write_is_never_redirected(status: int) -> None:
    script = Script(httpx.Response(status, headers={"Location": "https://bucket.example/k"}))
    with pytest.raises(Fatal, match="redirect"):
        client(script).acknowledge("inv-1")
    assert len(script.requests) == 1


def test_an_unknown_outcome_names_the_call_and_our_request_id() -> None:
    script = Script(httpx.ReadTimeout("slow"))
    with pytest.raises(OutcomeUnknown, match="transferResponses") as unknown:
        client(script).respond_transfer("inv-1", RESPONSE)
    assert script.requests[0].headers["X-BW-REQUEST-ID"] in str(unknown.value)


def test_pauses_double_with_jitter_up_to_the_limit() -> None:
    policy = RetryPolicy(base_seconds=2, max_seconds=10, attempts=9)
    assert [policy.pause(attempt, None, 0.0) for attempt in (1, 2, 3, 4)] == [2, 4, 8, 10]
    assert policy.pause(3, None, 1.0) == 4
    assert policy.pause(1, 30.0, 1.0) == 30
    assert policy.pause(3, 1.0, 0.0) == 8


def test_between_repeats_the_client_waits() -> None:
    sleeps = Sleeps()
    script = Script(httpx.Response(503), httpx.Response(503, headers={"Retry-After": "7"}), OK)
    client(script, sleep=sleeps, jitter=lambda: 0.0).post("vendors", [b"{}"])
    assert sleeps == [1, 7]


def test_a_wish_for_a_long_pause_is_handed_to_the_caller() -> None:
    sleeps = Sleeps()
    script = Script(httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(RetryLater) as later:
        client(script, sleep=sleeps).post("vendors", [b"{}"])
    assert later.value.retry_after == 3600
    assert sleeps == []


def test_after_a_401_the_token_is_fetched_once_and_the_call_repeated() -> None:
    script = Script(httpx.Response(401), OK)
    client(script).post("vendors", [b"{}"])
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer T1", "Bearer T2"]
    assert len(script.token_requests) == 2


@pytest.mark.covers("F29")
def test_a_second_401_stops_without_a_loop() -> None:
    script = Script(httpx.Response(401), httpx.Response(401))
    with pytest.raises(CredentialsRefused, match="BASWARE_TOKEN_URL"):
        client(script).acknowledge("inv-1")
    assert len(script.token_requests) == 2


def test_a_token_endpoint_that_is_away_is_retried_and_then_reported() -> None:
    requests: list[httpx.Request] = []

    def away(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(503, headers={"Retry-After": "2"})

    sleeps = Sleeps()
    with pytest.raises(RetryLater, match="token endpoint"):
        client(away, sleep=sleeps).acknowledge("inv-1")
    assert len(requests) == 3
    assert sleeps == [2, 2]


def test_every_call_carries_a_request_id_of_its_own_and_the_receipt_returns_it() -> None:
    script = Script(httpx.Response(503), httpx.Response(200, headers={"x-amzn-RequestId": "amzn-7"}))
    receipt = client(script).post("vendors", [b"{}"])
    ids = [request.headers["X-BW-REQUEST-ID"] for request in script.requests]
    assert len(set(ids)) == 2
    assert all(uuid.UUID(one).version == 4 for one in ids)
    assert (receipt.client_request_id, receipt.request_id) == (ids[1], "amzn-7")


def test_requests_are_counted_by_method_and_endpoint() -> None:
    script = Script(httpx.Response(503), OK, OK, page(), httpx.Response(404))
    api = client(script)
    api.post("vendors", [b"{}"])
    api.acknowledge("inv-1")
    list(api.documents("1000", "WaitingForTransfer"))
    api.document("inv-1")
    assert api.calls == {
        "POST vendors": 2,
        "POST accountingDocuments/acknowledge": 1,
        "GET accountingDocuments": 1,
        "GET accountingDocuments/{invoiceId}": 1,
    }
    api.calls.clear()
    assert api.calls.total() == 5


def test_many_threads_share_a_client_and_no_more_requests_run_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()
    full = threading.Event()

    def slow(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        if request.url.path.endswith("tokens"):
            return token_answer()
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                full.set()
        full.wait(timeout=30)
        with lock:
            running -= 1
        return httpx.Response(200)

    api = client(slow, max_parallel=3)
    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(api.acknowledge, map(str, range(48))))
    assert outcomes == [AckOutcome.ACKNOWLEDGED] * 48
    assert most == 3
    assert api.calls == {"POST accountingDocuments/acknowledge": 48}


LINK = "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=abcdef"


def redirect(location: str | None = LINK, **headers: str) -> httpx.Response:
    return httpx.Response(302, headers={**({} if location is None else {"Location": location}), **headers})


@pytest.mark.covers("H20")
def test_a_redirect_is_followed_once_with_nothing_of_ours() -> None:
    script = Script(redirect(**{"Set-Cookie": "session=1; Domain=amazonaws.com"}), page(invoice()))
    (found,) = client(script).documents("1000", "WaitingForTransfer")
    assert [document.invoice_id for document in found.documents] == ["inv-1"]
    api_request, hop = script.requests
    assert str(hop.url) == LINK
    assert hop.method == "GET"
    assert hop.headers["Host"] == "bucket.s3.amazonaws.com"
    for name in ("Authorization", "X-BW-REQUEST-ID", "Cookie", "x-amz-meta-continuationtoken", "Referer"):
        assert name not in hop.headers
    assert api_request.headers["Authorization"] == "Bearer T1"


def test_a_direct_answer_works_as_well() -> None:
    (found,) = client(Script(page(invoice()))).documents("1000", "WaitingForTransfer")
    assert len(found.documents) == 1


@pytest.mark.parametrize(
    ("on_redirect", "on_answer", "sent"),
    [("R", "A", "A"), (None, "A", "A"), ("R", None, "R")],
)
def test_the_continuation_is_read_from_the_final_answer_else_from_the_redirect(
    on_redirect: str | None, on_answer: str | None, sent: str
) -> None:
    extra = {} if on_redirect is None else {"x-amz-meta-continuationtoken": on_redirect}
    script = Script(redirect(**extra), page(invoice(), continuation=on_answer), page())
    list(client(script).documents("1000", "WaitingForTransfer"))
    assert script.requests[2].headers["x-amz-meta-continuationtoken"] == sent


@pytest.mark.covers("H20")
@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "http://bucket.s3.amazonaws.com/k?sig=abcdef",
        "file:///etc/passwd",
        "https://169.254.169.254/?sig=abcdef",
        "https://localhost/?sig=abcdef",
    ],
)
def test_a_redirect_that_is_not_allowed_is_never_called(location: str | None) -> None:
    script = Script(redirect(location))
    with pytest.raises(RedirectRefused) as refused:
        client(script).document("inv-1")
    assert len(script.requests) == 1
    assert "abcdef" not in str(refused.value)


@pytest.mark.covers("H20")
def test_a_redirect_to_a_redirect_is_refused() -> None:
    script = Script(redirect(), redirect("https://api.basware.com/v1/accountingDocuments"))
    with pytest.raises(RedirectRefused, match="another redirect"):
        client(script).document("inv-1")
    assert len(script.requests) == 2


def test_in_the_sandbox_a_redirect_may_be_plain_http_on_loopback() -> None:
    script = Script(redirect("http://127.0.0.1:9999/k?sig=1"), page(invoice()))
    api = client(script, hosts=BaswareHosts(SANDBOX), api_url="http://127.0.0.1:8000")
    assert api.document("inv-1") is not None


@pytest.mark.parametrize(
    "step", [httpx.Response(403), httpx.Response(404), httpx.Response(500), httpx.ReadError("x")]
)
def test_an_expired_link_is_asked_for_again(step: Step) -> None:
    fresh = "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=fresh"
    script = Script(redirect(), step, redirect(fresh), page(invoice()))
    assert client(script).document("inv-1") is not None
    assert str(script.requests[3].url) == fresh


def test_storage_that_stays_away_is_tried_later() -> None:
    script = Script(*[redirect(), httpx.Response(403)] * 3)
    with pytest.raises(RetryLater, match="storage behind the redirect answered 403") as later:
        client(script).document("inv-1")
    assert "abcdef" not in str(later.value)


class Endless(httpx.SyncByteStream):
    """Gives one byte more than the cap and then fails the test if anyone reads on."""

    def __iter__(self) -> Any:
        yield b"x" * 1_000
        yield b"x"
        raise AssertionError("read on after the cap")


@pytest.mark.covers("H6")
@pytest.mark.parametrize("hops", [0, 1])
def test_reading_stops_at_the_size_cap(hops: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000)
    script = Script(*[redirect()] * hops, httpx.Response(200, stream=Endless()))
    with pytest.raises(UnreadableAnswer, match="larger than 1000 bytes"):
        client(script).document("inv-1")


def test_an_answer_to_a_write_that_is_too_large_leaves_the_outcome_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000)
    with pytest.raises(OutcomeUnknown, match="larger than"):
        client(Script(httpx.Response(200, stream=Endless()))).acknowledge("inv-1")


def test_an_api_url_of_another_region_is_refused_before_any_call() -> None:
    script = Script()
    with pytest.raises(HostRefused, match="belongs to region US"):
        BaswareClient("https://us-api.basware.com", tokens(script), hosts=BaswareHosts("EU"))
    assert script.token_requests == []


def failing(status: int) -> Handler:
    return Script(*[httpx.Response(status)] * 3)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_no_token_and_no_query_reaches_log_or_exception(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="connector_defs")
    with pytest.raises(ConnectorError) as error:
        list(client(failing(status)).documents("1000", "WaitingForTransfer"))
    for text in (str(error.value), caplog.text):
        assert "Bearer" not in text
        assert "companyCode=" not in text
        assert "?" not in text
