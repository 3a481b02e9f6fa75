"""SYSPRO's URLs and its TLS: what is refused, and that no password was sent by then."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector_defs.dialing import AddressRefused, Reach, TrustUnusable
from connector_defs.domain.errors import Fatal, OutcomeUnknown, RetryLater
from connector_defs.syspro.addresses import Trust, UrlRefused, reach_of
from connector_defs.syspro.enet import EnetClient
from connector_defs.syspro.odata import ODataClient, RetryPolicy
from connector_defs.syspro.tables import AP_SUPPLIER
from connector_tests.internet import Authority, Internet, Listener, dripping, http, listening

HOST = "erp.customer.example"
PASSWORD = "planted-password"


@pytest.mark.parametrize(
    ("url", "allowed", "reach"),
    [
        ("https://erp:31002/SYSPROWCFService/Rest", False, Reach.ANYWHERE),
        ("https://10.0.0.7:31002/Rest", False, Reach.ANYWHERE),
        ("http://127.0.0.1:31002/Rest", False, Reach.LOOPBACK),
        ("http://localhost:31002/Rest", False, Reach.LOOPBACK),
        ("http://[::1]:31002/Rest", False, Reach.LOOPBACK),
        ("http://erp:31002/Rest", True, Reach.PRIVATE),
        ("http://10.0.0.7:31002/Rest", True, Reach.PRIVATE),
        ("http://127.0.0.1:31002/Rest", True, Reach.LOOPBACK),
    ],
)
def test_a_url_decides_what_may_be_connected_to(url: str, allowed: bool, reach: Reach) -> None:
    assert reach_of(url, Trust(allow_plain_http=allowed)) is reach


@pytest.mark.parametrize(
    ("url", "allowed", "told"),
    [
        ("http://erp:31002/Rest", False, r"plain http .* syspro\.allow_plain_http = true"),
        ("http://10.0.0.7/Rest", False, "plain http"),
        ("http://8.8.8.8/Rest", True, "no address of a private network"),
        ("http://0x08080808/Rest", True, "no address of a private network"),
        ("http://169.254.169.254/latest", True, "no address of a private network"),
        ("http://[::ffff:8.8.8.8]/Rest", True, "no address of a private network"),
        ("https://user:planted@erp/Rest", True, "credentials do not belong"),
        ("https://erp/Rest?UserId=planted", True, "neither a query"),
        ("https://erp/Rest#planted", True, "nor a fragment"),
        ("ftp://erp/Rest", True, "write https://"),
        ("https://", True, "write https://"),
        ("https://erp:port/", True, "cannot be read"),
        ("https://xn--/", True, "cannot be read"),
    ],
)
def test_a_url_that_is_not_safe_is_refused_without_its_secrets(url: str, allowed: bool, told: str) -> None:
    with pytest.raises(UrlRefused, match=told) as refused:
        reach_of(url, Trust(allow_plain_http=allowed))
    assert "planted" not in str(refused.value)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def logon(url: str, trust: Trust) -> str:
    with EnetClient(url, timeout=5, trust=trust) as client:
        return client.logon("OP", SecretStr(PASSWORD), "M1", SecretStr(""))


def read(url: str, trust: Trust) -> object:
    once = RetryPolicy(attempts=1)
    with ODataClient(url, "M1", "reader", SecretStr(PASSWORD), timeout=5, trust=trust, retry=once) as client:
        return client.probe(AP_SUPPLIER)


CALLS = pytest.mark.parametrize("call", [logon, read])


@pytest.fixture
def answer() -> bytes:
    return http(200, b'{"value": []}')


@CALLS
def test_a_private_authority_is_believed_where_its_file_is_named(
    internet: Internet, authority: Authority, answer: bytes, call
) -> None:
    with listening(lambda _: answer, authority.context(HOST)) as erp:
        internet.place(HOST, erp, "10.0.0.7")
        # JSON is no session id, which is of no matter here.
        with suppress(RetryLater):
            call(f"https://{HOST}:31002", Trust(authority.pem))
    (request,) = erp.requests
    assert PASSWORD.encode() in request or b"Authorization: Basic" in request


@CALLS
@pytest.mark.parametrize(
    ("names", "days", "told"),
    [
        ((HOST,), -1, "expired"),
        (("other.customer.example",), 30, "use the name it was issued for"),
        (("10.0.0.7",), 30, "use the name it was issued for"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused_before_credentials_are_sent(
    internet: Internet, authority: Authority, call, names: tuple[str, ...], days: int, told: str
) -> None:
    with listening(lambda _: b"", authority.context(*names, days=days)) as erp:
        internet.place(HOST, erp, "10.0.0.7")
        with pytest.raises(Fatal, match=told):
            call(f"https://{HOST}:31002", Trust(authority.pem))
    assert (erp.connections, erp.received) == (1, 0)


@CALLS
@pytest.mark.parametrize("private", [True, False])
def test_a_certificate_of_another_authority_is_refused_with_the_setting_to_use(
    internet: Internet, authority: Authority, tmp_path: Path, call, private: bool
) -> None:
    trusted = Authority(tmp_path, "Another authority").pem if private else None
    with listening(lambda _: b"", authority.context(HOST)) as erp:
        internet.place(HOST, erp, "10.0.0.7")
        with pytest.raises(Fatal, match=r"certificate is refused.*syspro\.ca_file") as refused:
            call(f"https://{HOST}:31002", Trust(trusted))
    assert (erp.connections, erp.received) == (1, 0)
    assert PASSWORD not in str(refused.value)


@CALLS
def test_a_file_that_holds_no_authority_is_named(tmp_path: Path, call) -> None:
    with pytest.raises(TrustUnusable, match=r"missing\.pem"):
        call(f"https://{HOST}", Trust(tmp_path / "missing.pem"))


@CALLS
@pytest.mark.parametrize(
    ("address", "called"), [("192.168.4.2", True), ("8.8.8.8", False), ("169.254.169.254", False)]
)
def test_plain_http_reaches_a_private_network_and_nothing_else(
    internet: Internet, answer: bytes, call, address: str, called: bool
) -> None:
    with listening(lambda _: answer) as erp:
        internet.place(HOST, erp, address)
        if called:
            with suppress(RetryLater):
                call(f"http://{HOST}:31002", Trust(allow_plain_http=True))
        else:
            with pytest.raises(AddressRefused, match="use https"):
                call(f"http://{HOST}:31002", Trust(allow_plain_http=True))
    assert erp.silent is not called


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@CALLS
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(call, status: int, elsewhere: Listener) -> None:
    answer = http(status, Location=f"http://127.0.0.1:{elsewhere.port}/")
    with listening(lambda _: answer) as erp, pytest.raises(Fatal):
        call(f"http://127.0.0.1:{erp.port}", Trust())
    assert elsewhere.silent


def test_an_answer_that_drips_leaves_a_posting_unknown_before_the_lease_of_its_lane_ends() -> None:
    with dripping() as port, EnetClient(f"http://127.0.0.1:{port}", timeout=0.1) as client:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="no answer within the time-out"):
            client.post("session", "APSTIN", "<P/>", "<X/>")
        assert time.monotonic() - began < 15
        with pytest.raises(RetryLater):
            client.query("session", "APSQRY", "<X/>")
