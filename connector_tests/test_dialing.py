"""Connections: which addresses are within reach, whom TLS believes, and how long a whole exchange may take."""

import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpcore
import httpx
import pytest

from connector_defs import dialing
from connector_defs.dialing import (
    AddressRefused,
    CheckedTransport,
    Reach,
    TrustUnusable,
    certificate_flaw,
    literal,
    tls_context,
    within,
)
from connector_tests.internet import Authority, Internet, Listener, dripping, http, listening

NOWHERE = "0.0.0.0"  # noqa: S104 - refused, never bound


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.0.0.1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_an_address_is_known_in_every_spelling(host: str, address: str) -> None:
    assert literal(host) == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    "host", ["api.basware.com", "localhost", "127.0.0.1.nip.io", "", "a.0x7f", "\u0661\u0662\u0667"]
)
def test_a_name_is_no_address(host: str) -> None:
    assert literal(host) is None


@pytest.mark.parametrize(
    ("address", "within_reach"),
    [
        ("8.8.8.8", {Reach.PUBLIC}),
        ("2606:4700::1111", {Reach.PUBLIC}),
        ("127.0.0.1", {Reach.LOOPBACK, Reach.PRIVATE}),
        ("127.8.9.1", {Reach.LOOPBACK, Reach.PRIVATE}),
        ("::1", {Reach.LOOPBACK, Reach.PRIVATE}),
        ("10.0.0.1", {Reach.PRIVATE}),
        ("172.31.0.1", {Reach.PRIVATE}),
        ("192.168.1.1", {Reach.PRIVATE}),
        ("fd00::1", {Reach.PRIVATE}),
        ("169.254.169.254", set()),
        ("fe80::1", set()),
        (NOWHERE, set()),
        ("::", set()),
        ("100.64.0.1", set()),
        ("224.0.0.1", set()),
        ("ff02::1", set()),
        ("::ffff:8.8.8.8", {Reach.PUBLIC}),
        ("::ffff:10.0.0.1", set()),
        ("::ffff:169.254.169.254", set()),
        ("2002:7f00:1::", set()),
        ("64:ff9b::a9fe:a9fe", set()),
        ("64:ff9b::808:808", {Reach.PUBLIC}),
        ("192.0.0.192", set()),
        ("64:ff9b:1::a9fe:a9fe", set()),
        ("::169.254.169.254", set()),
        ("::ffff:0:127.0.0.1", set()),
        ("fec0::1", set()),
    ],
)
def test_each_address_is_within_the_reach_it_belongs_to(address: str, within_reach: set[Reach]) -> None:
    one = ipaddress.ip_address(address)
    assert {reach for reach in Reach if reach.admits(one)} == {*within_reach, Reach.ANYWHERE}


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def plain() -> Iterator[Listener]:
    with listening(lambda _: http(200, b"here")) as listener:
        yield listener


def test_an_answer_that_was_there_before_its_request_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(body: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    twice, fresh = [answer(b"first") + answer(b"first"), answer(b"second")], [answer(b"third")]
    connections = iter([httpcore.MockStream(twice), httpcore.MockStream(fresh)])
    monkeypatch.setattr(dialing, "resolve", lambda *_: ["8.8.8.8"])
    monkeypatch.setattr(dialing, "connect", lambda *_: next(connections))
    with httpx.Client(transport=CheckedTransport(Reach.PUBLIC), trust_env=False) as client:
        assert client.get("http://erp.example/").text == "first"
        with pytest.raises(httpx.RemoteProtocolError, match="before its request"):
            client.get("http://erp.example/")
        assert client.get("http://erp.example/").text == "third"


def test_whoever_takes_a_request_little_by_little_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Reluctant(httpcore.MockStream):
        """Takes a second for whatever it is given."""

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            taken.append(len(buffer))

    monkeypatch.setattr(dialing, "resolve", lambda *_: ["8.8.8.8"])
    monkeypatch.setattr(dialing, "connect", lambda *_: Reluctant([]))
    monkeypatch.setattr(dialing, "time", SimpleNamespace(monotonic=lambda: float(len(taken))))
    with (
        httpx.Client(transport=CheckedTransport(Reach.PUBLIC), trust_env=False) as client,
        within(5),
        pytest.raises(httpx.WriteTimeout, match="the whole exchange"),
    ):
        client.post("http://erp.example/", content=b"x" * 6_000_000)
    assert len(taken) == 5


def get(url: str, reach: Reach, ca_file: Path | None = None) -> httpx.Response:
    transport = CheckedTransport(reach, ca_file=ca_file)
    with httpx.Client(transport=transport, trust_env=False, timeout=5) as client:
        return client.get(url)


def test_a_name_is_refused_where_any_of_its_addresses_is_out_of_reach(
    internet: Internet, plain: Listener
) -> None:
    internet.place("both.example", plain, "8.8.8.8", "10.0.0.1")
    with pytest.raises(
        AddressRefused, match=r"both\.example leads to 10\.0\.0\.1, which is no public address"
    ):
        get("http://both.example", Reach.PUBLIC)
    assert plain.silent


def test_the_next_address_is_tried_where_one_does_not_answer(internet: Internet, plain: Listener) -> None:
    with listening() as gone:
        pass
    internet.place("two.example", gone, "8.8.8.8", "8.8.4.4")
    internet.place("the other one", plain, "8.8.4.4")
    assert get("http://two.example", Reach.PUBLIC).content == b"here"


@pytest.mark.parametrize("host", ["nowhere.example", f"{'a' * 70}.example"])
def test_a_name_without_an_address_is_no_connection(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> list[object]:
        raise UnicodeError if len(host) > 64 else socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(httpx.ConnectError, match="cannot be resolved"):
        get(f"http://{host}", Reach.ANYWHERE)


def test_nothing_is_taken_from_the_environment(
    internet: Internet, plain: Listener, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.pem))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{plain.port}")
    dialing._context.cache_clear()
    with listening(lambda _: http(200), authority.context("erp.example")) as secured:
        internet.place("erp.example", secured)
        with pytest.raises(httpx.ConnectError):
            get("https://erp.example", Reach.ANYWHERE)
        assert get("https://erp.example", Reach.ANYWHERE, authority.pem).status_code == 200
    assert (plain.silent, keys.exists()) == (True, False)


def test_tls_is_verified_and_not_older_than_1_2(authority: Authority) -> None:
    for context in (tls_context(), tls_context(authority.pem)):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_file_of_authorities_is_trusted_alone_and_read_anew_when_it_changes(authority: Authority) -> None:
    assert len(tls_context(authority.pem).get_ca_certs()) == 1
    first = tls_context(authority.pem)
    assert tls_context(authority.pem) is first
    authority.pem.write_bytes(authority.pem.read_bytes() * 2)
    os.utime(authority.pem, ns=(1, 1))
    assert tls_context(authority.pem) is not first


@pytest.mark.parametrize(
    "content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END"]
)
def test_a_file_without_authorities_is_refused_with_its_name(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(TrustUnusable, match=r"ca\.pem.*syspro\.ca_file"):
        tls_context(file)


@pytest.mark.parametrize(
    ("names", "days", "trusted", "told", "by_authority"),
    [
        (("erp.example",), 30, False, "self-signed certificate|unable to get", True),
        (("erp.example",), -1, True, "expired; check the clocks", False),
        (("other.example",), 30, True, "use the name it was issued for", False),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(
    internet: Internet,
    authority: Authority,
    tmp_path: Path,
    names: tuple[str, ...],
    days: int,
    trusted: bool,
    told: str,
    by_authority: bool,
) -> None:
    ca = authority if trusted else Authority(tmp_path, "Another authority")
    with listening(lambda _: http(200), authority.context(*names, days=days)) as listener:
        internet.place("erp.example", listener)
        with pytest.raises(httpx.ConnectError) as failed:
            get("https://erp.example", Reach.ANYWHERE, ca.pem)
        assert listener.received == 0
    flaw = certificate_flaw(failed.value)
    assert flaw is not None
    assert flaw.authority is by_authority
    assert re.search(told, str(flaw))


def test_another_failure_is_no_flaw_of_a_certificate() -> None:
    assert certificate_flaw(httpx.ConnectError("refused")) is None
    assert certificate_flaw(None) is None


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 X\r\nX: ", b"HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\n"]
)
def test_an_answer_that_drips_ends_with_the_time_of_the_whole_exchange(head: bytes) -> None:
    began = time.monotonic()
    with dripping(head) as port, pytest.raises(httpx.ReadTimeout), within(0.1):
        get(f"http://127.0.0.1:{port}", Reach.LOOPBACK)
    assert time.monotonic() - began < 15


def test_an_exchange_whose_time_is_up_is_not_begun(internet: Internet, plain: Listener) -> None:
    internet.place("erp.example", plain)
    with pytest.raises(httpx.ConnectTimeout), within(0):
        get("http://erp.example", Reach.ANYWHERE)
    assert plain.silent
