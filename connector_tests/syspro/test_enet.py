"""What an e.net answer means: which calls may be repeated, and which must be looked up first."""

import logging
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal, LaneBlocked, OutcomeUnknown, RecordRefused, RetryLater
from connector_defs.syspro.enet import (
    GET_LIMIT_BYTES,
    EnetClient,
    PeriodRefused,
    Reply,
    SessionLost,
    SystemRefused,
)

BASE = "https://erp.example:31002/SYSPROWCFService/Rest"
SESSION = "3EA613166FE4BF47925DF1CEA14E9101"
GOOD = '<?xml version="1.0" encoding="Windows-1252"?>\n<postapinvoice Language=\'05\'><a/></postapinvoice>\n '


class Service:
    """Gives the answers in turn and keeps the requests."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(
            200, content=answer.encode("cp1252"), headers={"Content-Type": "application/octet-stream"}
        )

    def query(self, number=-1):
        return dict(parse_qsl(self.requests[number].url.query.decode(), keep_blank_values=True))


def client_of(service):
    return EnetClient(BASE + "/", timeout=5, transport=httpx.MockTransport(service))


def logon(*answers):
    with client_of(Service(*answers)) as client:
        return client.logon("INTEG", SecretStr("op-secret"), "M1", SecretStr("co-secret"))


def call(name, *answers):
    client = client_of(Service(*answers))
    return {
        "post": lambda: client.post(SESSION, "APSTIN", "<p/>", "<d/>"),
        "setup": lambda: client.setup(SESSION, "Update", "APSSSP", "<p/>", "<d/>"),
        "query": lambda: client.query(SESSION, "COMFND", "<q/>"),
        "profile": lambda: client.profile(SESSION),
    }[name]()


CHANGES = ("post", "setup")
READS = ("query", "profile")


@pytest.mark.parametrize(
    ("body", "session"),
    [
        (f"{SESSION}  ", SESSION),
        ("A" * 75, "A" * 75),
        (f'"{SESSION}  "', SESSION),
        (f"<string xmlns='u'>{SESSION}</string>", SESSION),
    ],
)
def test_a_session_id_is_opaque_and_loses_its_blanks(body, session):
    assert logon(body) == session


def test_a_logon_sends_every_parameter_even_an_empty_one():
    service = Service("ID")
    client_of(service).logon("INTEG", SecretStr("a+b &c"), "M1", SecretStr(""))
    assert service.requests[0].url.path == "/SYSPROWCFService/Rest/Logon"
    assert service.query() == {
        "Operator": "INTEG",
        "OperatorPassword": "a+b &c",
        "CompanyId": "M1",
        "CompanyPassword": "",
    }


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: Invalid operator password",
        "ERROR: Operator 'INTEG' not found",
        "Error: Invalid company id",
        "ERROR: Company password expired",
    ],
)
def test_wrong_credentials_need_a_person(text):
    with pytest.raises(Fatal, match=r"Logon of operator INTEG to company M1 was refused: "):
        logon(text)


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: No e.net licence available for operator INTEG",
        "ERROR: Maximum number of concurrent operators reached",
        "ERROR: All seats taken",
        "ERROR: Company M1 is blocked for logons (month end)",
        "ERROR: e.net exception raised: 100000",
        "ERROR: Unable to read the SYSPRO base directory registry string BaseDir8",
    ],
)
def test_a_logon_that_is_refused_for_now_blocks_the_lane(text):
    with pytest.raises(SystemRefused) as caught:
        logon(text)
    assert isinstance(caught.value, LaneBlocked)
    assert caught.value.text == text


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: AP posting period closed",
        "ERROR: The posting period 2026/11 has been closed",
        "ERROR: Cannot post to a closed period",
    ],
)
def test_a_closed_period_may_be_told_by_text_alone(text):
    with pytest.raises(PeriodRefused, match="period"):
        call("post", text)


@pytest.mark.parametrize("text", ["ERROR: The file is closed", "ERROR: Unknown period", "ERROR: Internal"])
def test_every_other_text_leaves_open_whether_it_posted(text):
    with pytest.raises(OutcomeUnknown) as caught:
        call("post", text)
    assert not isinstance(caught.value, PeriodRefused)


@pytest.mark.parametrize("body", ["", "<html><body>Welcome</body></html>", "A" * 300, "two words"])
def test_what_is_no_session_id_is_no_logon(body):
    with pytest.raises(RetryLater, match="no session id"):
        logon(body)


def test_a_password_echoed_by_the_service_is_masked():
    with pytest.raises(Fatal) as caught:
        logon("ERROR: Invalid operator password op-secret for company password co-secret")
    assert "secret" not in str(caught.value)


def test_a_post_sends_the_document_by_get():
    service = Service(GOOD)
    reply = client_of(service).post(SESSION, "APSTIN", "<p a='1'/>", "<d>é & + %</d>")
    assert reply == Reply("APSTIN", GOOD.strip())
    assert service.requests[0].method == "GET"
    assert service.requests[0].url.path.endswith("/Rest/Transaction/Post")
    assert service.query() == {
        "UserId": SESSION,
        "BusinessObject": "APSTIN",
        "XmlParameters": "<p a='1'/>",
        "XmlIn": "<d>é & + %</d>",
    }
    assert b"+" not in service.requests[0].url.query


@pytest.mark.parametrize(
    ("name", "path"),
    [("query", "/Query/Query"), ("setup", "/Setup/Update"), ("profile", "/GetLogonProfile")],
)
def test_each_call_has_its_path(name, path):
    service = Service(GOOD)
    client = client_of(service)
    if name == "query":
        client.query(SESSION, "COMFND", "<q/>")
    elif name == "setup":
        client.setup(SESSION, "Update", "APSSSP", "<p/>", "<d/>")
    else:
        client.profile(SESSION)
    assert service.requests[0].url.path.endswith("/Rest" + path)


def large_form(request):
    root = etree.fromstring(request.content)
    return {etree.QName(child).localname: child.text for child in root}


@given(st.text("]>[<&éx", min_size=1, max_size=30))
def test_a_large_document_arrives_unchanged_in_its_cdata(text):
    service = Service(GOOD)
    document = text + "x" * GET_LIMIT_BYTES
    client_of(service).post(SESSION, "APSTIN", f"<p>{text}</p>", document)
    request = service.requests[0]
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/xml")
    assert request.url.path.endswith("/Transaction/PostLD")
    assert request.url.query == b""
    assert etree.fromstring(request.content).tag == "{http://SYSPROWcfService}TransactionPostLD"
    assert list(large_form(request).items()) == [
        ("UserId", SESSION),
        ("BusinessObject", "APSTIN"),
        ("XmlParameters", f"<p>{text}</p>"),
        ("XmlIn", document),
    ]


def test_a_url_is_used_up_to_its_limit_and_not_beyond():
    fixed = len(f"{BASE}/Transaction/Post?UserId={SESSION}&BusinessObject=APSTIN&XmlParameters=p&XmlIn=")
    for extra, method in ((0, "GET"), (1, "POST")):
        service = Service(GOOD)
        client_of(service).post(SESSION, "APSTIN", "p", "x" * (GET_LIMIT_BYTES - fixed + extra))
        assert service.requests[0].method == method


KERNEL = "<HTML><BODY><h2>Bad Request - Request Too Long</h2><p>HTTP Error 400.</p></BODY></HTML>"


@pytest.mark.parametrize(
    "refusal",
    [httpx.Response(414), httpx.Response(431), httpx.Response(413), httpx.Response(400, text=KERNEL)],
)
def test_a_url_refused_for_its_length_is_sent_in_the_large_form_and_so_from_then_on(refusal):
    service = Service(refusal, GOOD, GOOD, GOOD)
    client = client_of(service)
    client.post(SESSION, "APSTIN", "<p/>", "<d>long</d>")
    client.post(SESSION, "APSTIN", "<p/>", "<d>long</d>")
    client.post(SESSION, "APSTIN", "<p/>", "<d/>")
    assert [request.method for request in service.requests] == ["GET", "POST", "POST", "GET"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_release_without_the_large_form_refuses_the_record(status):
    with pytest.raises(RecordRefused, match="no PostLD") as caught:
        client_of(Service(httpx.Response(status))).post(SESSION, "APSTIN", "<p/>", "x" * 9000)
    assert caught.value.code == "document_too_large"


@pytest.mark.parametrize("name", ["query", "setup"])
def test_a_document_too_large_for_any_form_is_refused_before_it_is_sent(name):
    service = Service()
    client = client_of(service)
    calls = {
        "query": lambda: client.query(SESSION, "COMFND", "x" * 15_000),
        "setup": lambda: client.setup(SESSION, "Add", "APSSSP", "p", "x" * 15_000),
    }
    with pytest.raises(RecordRefused, match=r"takes 1[56]... bytes") as caught:
        calls[name]()
    assert caught.value.code == "document_too_large"
    assert service.requests == []


def test_a_wish_to_wait_is_handed_on():
    with pytest.raises(LaneBlocked) as caught:
        call("query", httpx.Response(503, headers={"Retry-After": "30"}))
    assert caught.value.retry_after == 30


def test_a_document_the_server_finds_too_large_is_refused():
    with pytest.raises(RecordRefused, match="HTTP 414"):
        call("setup", httpx.Response(414, text="<h1>URI Too Long</h1>"))


UNSENT = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy")]
LOST = [
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.CloseError("reset"),
    httpx.RemoteProtocolError("closed"),
    httpx.DecodingError("gzip"),
    OSError("odd"),
]


@pytest.mark.parametrize("error", UNSENT, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("name", [*CHANGES, *READS])
def test_what_never_left_may_be_sent_again(name, error):
    with pytest.raises(LaneBlocked, match="Nothing was sent"):
        call(name, error)


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_whose_answer_is_lost_may_have_happened(name, error):
    with pytest.raises(OutcomeUnknown, match="Look the record up") as caught:
        call(name, error)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("name", READS)
def test_a_read_whose_answer_is_lost_may_be_repeated(name, error):
    with pytest.raises(RetryLater):
        call(name, error)


@pytest.mark.parametrize("name", [*CHANGES, *READS])
def test_an_address_that_cannot_work_needs_a_person(name):
    with pytest.raises(Fatal, match="SYSPRO_ENET_URL"):
        call(name, httpx.UnsupportedProtocol("no scheme"))


HTML = "<html><head><title>e</title></head><body><p>Request Error</p></body></html>"


@pytest.mark.parametrize(
    ("status", "change", "read"),
    [
        (302, Fatal, Fatal),
        (400, OutcomeUnknown, RetryLater),
        (401, Fatal, Fatal),
        (403, Fatal, Fatal),
        (404, Fatal, Fatal),
        (409, OutcomeUnknown, RetryLater),
        (429, OutcomeUnknown, LaneBlocked),
        (500, OutcomeUnknown, LaneBlocked),
        (502, OutcomeUnknown, LaneBlocked),
        (503, OutcomeUnknown, LaneBlocked),
        (204, OutcomeUnknown, RetryLater),
    ],
)
def test_a_status_means_more_for_a_change_than_for_a_read(status, change, read):
    for names, kind in ((CHANGES, change), (READS, read)):
        for name in names:
            with pytest.raises(kind, match=f"HTTP {status}") as caught:
                call(name, httpx.Response(status, text="" if status == 204 else HTML))
            assert "<" not in str(caught.value)


@pytest.mark.parametrize("location", ["https://xn--/", "https:login", "https://[::1"])
@pytest.mark.parametrize("name", [*CHANGES, *READS])
def test_a_redirect_to_what_is_no_url_is_a_redirect_like_any_other(name, location):
    with pytest.raises(Fatal, match=r"did not take the request \(HTTP 302"):
        call(name, httpx.Response(302, headers={"Location": location}))


EXPIRED = "ERROR: The supplied UserID is invalid. A logon has not taken place, or the session expired."


@pytest.mark.parametrize("text", [EXPIRED, EXPIRED.removeprefix("ERROR: "), f"\n {EXPIRED.upper()} "])
@pytest.mark.parametrize("name", [*CHANGES, *READS])
def test_an_unknown_session_is_told_apart(name, text):
    with pytest.raises(SessionLost):
        call(name, text)


def test_an_invoice_that_quotes_the_session_text_is_no_lost_session():
    text = "<postapinvoice><Notation>The supplied UserID is invalid</Notation></postapinvoice>"
    assert call("post", text).text == text


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("ERROR: e.net exception raised: 100000", SystemRefused),
        ("ERROR: No licence for business object APSTIN", SystemRefused),
        ("ERROR: Module not installed", SystemRefused),
        ("ERROR: Invalid XML at line 7", OutcomeUnknown),
        ("ERROR", OutcomeUnknown),
    ],
)
def test_an_error_text_is_a_system_error_never_a_rejection(text, change):
    for name in CHANGES:
        with pytest.raises(change, match=text):
            call(name, text)
    for name in READS:
        with pytest.raises(SystemRefused, match=text):
            call(name, text)


@pytest.mark.parametrize("body", ["", "   ", "<postapinvoice><Item>", "<!DOCTYPE a []><a/>", "OK"])
def test_an_answer_that_cannot_be_read_proves_nothing(body):
    for name in CHANGES:
        with pytest.raises(OutcomeUnknown, match="Look the record up"):
            call(name, body)
    for name in READS:
        with pytest.raises(RetryLater, match="Reading changes nothing"):
            call(name, body)


def test_a_profile_is_read_by_element():
    body = "<UserInfo><CompanyName>M One </CompanyName><DatabaseType/></UserInfo>"
    assert call("profile", body) == {"CompanyName": "M One", "DatabaseType": ""}


@pytest.mark.parametrize(
    "text",
    [
        EXPIRED,
        "ERROR: Unable to read the SYSPRO base directory registry string BaseDir8",
        f"logged off {SESSION}",
    ],
)
def test_a_log_off_of_a_session_that_is_gone_is_over_all_the_same(caplog, text):
    caplog.set_level(logging.INFO)
    client = client_of(Service("0", text))
    client.logoff(SESSION)
    assert "Logoff answered" not in caplog.text
    client.logoff(SESSION)
    assert "Logoff answered" in caplog.text
    assert SESSION not in caplog.text


def test_a_log_off_that_e_net_refuses_leaves_the_session_open():
    client = client_of(Service(f"ERROR: e.net exception raised: 100000 {SESSION}"))
    with pytest.raises(RetryLater, match=r"100000 \*\*\*\. The session may still be open"):
        client.logoff(SESSION)


def test_no_secret_reaches_a_log_or_an_error(caplog):
    caplog.set_level(logging.DEBUG)
    service = Service(
        "SESSION-ID", httpx.ReadTimeout("slow"), httpx.Response(500, text="see /Post?UserId=SESSION-ID")
    )
    client = client_of(service)
    session = client.logon("INTEG", SecretStr("op-secret"), "M1", SecretStr("co-secret"))
    errors = []
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as caught:
            client.post(session, "APSTIN", "<p/>", "<d>bank 42</d>")
        errors.append(str(caught.value))
    shown = caplog.text + "".join(errors)
    # Whichever of the two filters sees the record first has cut it.
    assert "Rest/Logon?..." in shown or "Rest/Logon?…" in shown
    assert not [secret for secret in ("op-secret", "co-secret", "SESSION-ID", "bank") if secret in shown]
