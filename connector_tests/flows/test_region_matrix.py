"""Every wrong pairing of region, API, token host, redirect target and company: refused, and nobody else hears a byte.

Real listeners count connections and bytes. What is refused here would reach them: the tests named "can fail" take a
check away and see the bytes arrive.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_defs.basware.region_hosts import REGION_HOSTS
from connector_defs.basware.regions import SANDBOX, BaswareHosts, HostRefused, RedirectRefused
from connector_defs.dialing import AddressRefused, Reach
from connector_defs.domain.errors import ConnectorError, Fatal, RetryLater
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.settings import Settings
from connector_defs.store import audit
from connector_tests.internet import Authority, Internet, Listener, http, listening

API = "api.basware.com"
STORAGE = "bucket.s3.eu-west-1.amazonaws.com"
EVERY_HOST = [host for table in REGION_HOSTS.values() for host in table.all]
NOWHERE = "0.0.0.0"  # noqa: S104 - refused, never bound
FOREIGN = [
    *(f"https://{host}" for host in ("basware.example", "api.basware.com.evil.example", "api.basware.co")),
    *(
        f"https://{host}"
        for host in ("8.8.8.8", "134744072", "0x08080808", "010.8.8.8", "[::ffff:8.8.8.8]", "8.526344")
    ),
    *("https://\u0430pi.basware.com", "https://xn--pi-6kc.basware.com", "https://api.basware.com."),
    *(
        "https://user:pass@api.basware.com",
        "https://api.basware.com@evil.example",
        "https://api.basware.com:8443",
    ),
    *("http://api.basware.com", "https://localhost", "https://intranet", "https://169.254.169.254"),
]


def settings(folder: Path, region: str, api: str | None, tokens: str | None, **basware: object) -> Settings:
    """Settings of one pair; SYSPRO listens nowhere."""
    return Settings.model_validate(
        {
            "syspro": {
                "enet_url": "http://127.0.0.1:1/Rest",
                "odata_url": "http://127.0.0.1:1/odata",
                "odata_username": "reader",
                "odata_password": "planted-odata",
            },
            "basware": {
                "region": region,
                "api_url": api,
                "token_url": tokens,
                "client_id": "client",
                "client_secret": "planted-secret",
                **basware,
            },
            "companies": [
                {
                    "syspro_company": "M1",
                    "basware_company": "1000",
                    "operator": "OP",
                    "operator_password": "planted-operator",
                }
            ],
            "storage": {
                "state_url": f"sqlite:///{folder / 'state.db'}",
                "staging_url": str(folder / "staging"),
            },
            "timing": {"http_timeout_seconds": 5, "retry_base_seconds": 0, "retry_max_seconds": 0},
        }
    )


def poll(chosen: Settings) -> None:
    """What every sync begins with: a token, then the list of approved invoices."""
    with open_connector(chosen) as connector:
        list(connector.basware.documents("1000", "WaitingForTransfer"))


def trail(folder: Path) -> list[str]:
    """What the audit says of Basware's settings."""
    with open_connector(settings(folder, "EU", None, None)) as connector:
        return [event.action for event in audit.show(connector.store, "basware")]


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The one that all of Basware's certificates are signed by, trusted as the public ones are."""
    made = Authority(tmp_path)
    monkeypatch.setattr("connector_defs.dialing.certifi.where", lambda: str(made.pem))
    return made


@pytest.fixture
def stranger(internet: Internet) -> Iterator[Listener]:
    """Whoever listens where no call of ours may ever lead."""
    with listening() as listener:
        internet.everything_else(listener)
        yield listener


class Basware:
    """The one right API, which redirects lists to `location`."""

    listener: Listener
    location = f"https://{STORAGE}/page?X-Amz-Signature=planted-signature"

    def answer(self, request: bytes) -> bytes:
        if request.startswith(b"POST /v1/tokens"):
            return http(200, json.dumps({"access_token": "planted-token", "expires_in": 3600}).encode())
        return http(302, Location=self.location)


@pytest.fixture
def basware(internet: Internet, authority: Authority) -> Iterator[Basware]:
    """The API of the EU, in production and test."""
    hosts = REGION_HOSTS["EU"].all
    there = Basware()
    with listening(there.answer, authority.context(*hosts)) as there.listener:
        for host in hosts:
            internet.place(host, there.listener)
        yield there


def wrong_pairs() -> Iterator[tuple[str, str | None, str | None]]:
    """(region, API, token URL) of which at least one does not fit, one at a time."""
    for region, table in REGION_HOSTS.items():
        own = f"https://{table.production[0]}"
        wrong = [f"https://{host}" for host in EVERY_HOST if host not in table.all]
        for url in (*wrong, *(FOREIGN if region == "EU" else ())):
            yield region, url, f"{own}/v1/tokens"
            yield region, own, f"{url}/v1/tokens"
        for tested in table.test:
            yield region, own, f"https://{tested}/v1/tokens"
            yield region, f"https://{tested}", f"{own}/v1/tokens"
            yield region, None, f"https://{tested}/v1/tokens"
    here = "http://127.0.0.1:1"
    for url in (*(f"https://{host}" for host in EVERY_HOST), *FOREIGN):
        if "localhost" not in url:
            yield SANDBOX, url, f"{here}/v1/tokens"
            yield SANDBOX, here, f"{url}/v1/tokens"


@pytest.mark.covers("F30")
def test_every_wrong_pair_of_region_api_and_token_host_is_refused_and_audited(
    folder: Path, basware: Basware, stranger: Listener
) -> None:
    """F30."""
    pairs = list(wrong_pairs())
    for region, api, tokens in pairs:
        with pytest.raises(HostRefused):
            poll(settings(folder, region, api, tokens))
        assert (stranger.silent, basware.listener.silent) == (True, True), (region, api, tokens)
    assert len(pairs) > 150
    assert trail(folder) == ["host refused"] * len(pairs)


@pytest.mark.parametrize(
    ("api", "tokens"),
    [
        (f"https://{API}", "https://us-api.basware.com/v1/tokens"),
        ("https://us-api.basware.com", f"https://{API}/v1/tokens"),
        ("https://basware.example", f"https://{API}/v1/tokens"),
    ],
)
def test_the_pairs_can_fail(
    folder: Path,
    basware: Basware,
    stranger: Listener,
    monkeypatch: pytest.MonkeyPatch,
    api: str,
    tokens: str,
) -> None:
    monkeypatch.setattr(BaswareHosts, "check", lambda self, url: url)
    with pytest.raises(ConnectorError):
        poll(settings(folder, "EU", api, tokens))
    assert stranger.received > 0


def test_an_extra_host_of_another_region_is_refused(folder: Path, stranger: Listener) -> None:
    for host in EVERY_HOST:
        if host not in REGION_HOSTS["EU"].all:
            with pytest.raises(HostRefused, match="belongs to region"):
                poll(settings(folder, "EU", f"https://{host}", None, extra_hosts=(host,)))
    assert stranger.silent


def test_the_settings_may_replace_the_table_of_a_region(folder: Path, stranger: Listener) -> None:
    tables = {"US": {"production": ["api.usa.basware.com"], "test": ["try.usa.basware.com"]}}
    for region, url, told in (
        ("EU", "https://api.usa.basware.com", "belongs to region US"),
        ("US", "https://us-api.basware.com", "known are api.usa.basware.com, try.usa.basware.com"),
    ):
        with pytest.raises(HostRefused, match=told):
            poll(settings(folder, region, url, None, region_hosts=tables))
    assert stranger.silent
    with open_connector(settings(folder, "US", None, None, region_hosts=tables)) as connector:
        assert connector.basware_urls[0] == "https://api.usa.basware.com"
    blurred = {"US": {"production": ["api.basware.com"]}}
    with pytest.raises(HostRefused, match="stands twice"):
        poll(settings(folder, "EU", None, None, region_hosts=blurred))


REDIRECTS = [
    *(f"https://{host}/v1/accountingDocuments" for host in EVERY_HOST if host != API),
    *(f"{url}/page" for url in FOREIGN if "//api.basware.com:" not in url),
    f"https://{API}:8443/page",
    f"http://{STORAGE}/page",
    f"https://{STORAGE}:8443/page",
    *(
        "file:///etc/passwd",
        "ftp://bucket.example/k",
        "//169.254.169.254/latest",
        "https://metadata.google.internal/x",
    ),
    *(
        "https://127.0.0.1/k",
        "https://[::1]/k",
        "https://2130706433/k",
        "https://localhost/k",
        "/\\evil.example",
        "",
    ),
]


@pytest.mark.covers("H20")
def test_a_redirect_to_anywhere_but_public_storage_is_refused_and_audited(
    folder: Path, basware: Basware, stranger: Listener
) -> None:
    """H20."""
    refused = 0
    with open_connector(settings(folder, "EU", None, None, redirect_hosts=("*.amazonaws.com",))) as connector:
        for location in REDIRECTS:
            basware.location = location
            # What is no URL at all counts as no answer.
            with pytest.raises((RedirectRefused, RetryLater)) as error:
                list(connector.basware.documents("1000", "WaitingForTransfer"))
            assert stranger.silent, location
            refused += error.type is RedirectRefused
        events = audit.show(connector.store, "basware")
    assert refused > len(REDIRECTS) - 5
    assert [event.action for event in events] == ["redirect refused"] * refused
    assert "planted" not in json.dumps([event.detail for event in events])


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "100.64.0.1", NOWHERE),
        *("::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "224.0.0.1"),
    ],
)
def test_a_redirect_to_a_name_that_leads_inside_is_refused_and_audited(
    folder: Path, internet: Internet, basware: Basware, stranger: Listener, address: str
) -> None:
    internet.place(STORAGE, stranger, "8.8.4.4", address)
    with open_connector(settings(folder, "EU", None, None)) as connector:
        with pytest.raises(RedirectRefused, match="no public address"):
            list(connector.basware.documents("1000", "WaitingForTransfer"))
        assert [event.action for event in audit.show(connector.store, "basware")] == ["redirect refused"]
    assert stranger.silent


def test_the_redirects_can_fail(
    folder: Path,
    internet: Internet,
    basware: Basware,
    stranger: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    internet.place(STORAGE, stranger, "10.1.2.3")
    monkeypatch.setattr(Reach, "admits", lambda self, address: True)
    with pytest.raises(ConnectorError):
        poll(settings(folder, "EU", None, None))
    assert stranger.received > 0


def test_a_redirect_to_public_storage_is_followed_once_and_carries_nothing_of_ours(
    folder: Path, internet: Internet, basware: Basware, authority: Authority, stranger: Listener
) -> None:
    empty = http(200, b'{"accountingDocuments": []}')
    with listening(lambda _: empty, authority.context(STORAGE)) as storage:
        internet.place(STORAGE, storage)
        poll(settings(folder, "EU", None, None))
    (request,) = storage.requests
    assert request.startswith(b"GET /page?X-Amz-Signature=planted-signature HTTP/1.1")
    assert b"authorization" not in request.lower()
    assert b"planted-token" not in request
    assert stranger.silent


@pytest.mark.parametrize(
    ("host", "names", "days", "told"),
    [
        ("tokens", (API,), -1, "No credentials were sent"),
        ("tokens", ("basware.example",), 30, "No credentials were sent"),
        ("api", ("api.basware.example",), 30, "Nothing was sent"),
        ("api", (API,), -1, "Nothing was sent"),
    ],
)
def test_whoever_cannot_show_the_hosts_certificate_hears_nothing(
    folder: Path,
    internet: Internet,
    basware: Basware,
    authority: Authority,
    host: str,
    names: tuple[str, ...],
    days: int,
    told: str,
) -> None:
    gateway = "gateway.customer.example"
    with listening(lambda _: b"", authority.context(*names, days=days)) as listener:
        internet.place(API if host == "api" else gateway, listener)
        with listening(basware.answer, authority.context(gateway)) as tokens:
            if host == "api":
                internet.place(gateway, tokens)
            chosen = settings(
                folder, "EU", f"https://{API}", f"https://{gateway}/v1/tokens", extra_hosts=(gateway,)
            )
            with pytest.raises(Fatal, match=rf"certificate is refused.*{told}"):
                poll(chosen)
    assert (listener.connections, listener.received) == (1, 0)


@pytest.mark.parametrize("place", ["api", "tokens"])
def test_in_the_sandbox_a_name_of_this_machine_that_leads_elsewhere_is_refused(
    folder: Path, internet: Internet, place: str
) -> None:
    with listening(lambda _: http(200, b'{"access_token": "t"}')) as here, listening() as elsewhere:
        internet.place("localhost", elsewhere, "8.8.8.8")
        urls = {
            "api": f"http://127.0.0.1:{here.port}",
            "tokens": f"http://127.0.0.1:{here.port}/v1/tokens",
            place: f"http://localhost:{elsewhere.port}/v1/tokens",
        }
        with pytest.raises(AddressRefused, match="no loopback address"):
            poll(settings(folder, SANDBOX, urls["api"], urls["tokens"]))
        assert elsewhere.silent


def test_a_store_of_another_tenant_or_company_is_refused_before_anybody_hears_of_it(
    folder: Path, stranger: Listener
) -> None:
    with listening() as wrong:
        url = f"http://127.0.0.1:{wrong.port}"
        before = settings(folder, SANDBOX, "http://127.0.0.1:1", None)
        with open_connector(before) as connector:
            _put_to_work(connector)
        others = [
            settings(folder, "EU", None, None),
            settings(folder, SANDBOX, url, None, client_id="another"),
            _paired(settings(folder, SANDBOX, url, None), "M1", "2000"),
            _paired(settings(folder, SANDBOX, url, None), "M2", "1000"),
        ]
        for other in others:
            with pytest.raises(Fatal, match="was used with other systems"):
                poll(other)
            assert (wrong.silent, stranger.silent) == (True, True)
        with pytest.raises(ConnectorError):
            poll(settings(folder, SANDBOX, url, None))
        assert wrong.received > 0


def _put_to_work(connector: Connector) -> None:
    from connector_defs.store import invoices
    from connector_defs.store.invoices import Arrival

    with connector.store.write() as connection:
        arrived = Arrival("inv-1", "{}", "0" * 64, "", "", "", "", None)
        invoices.insert(connection, "M1", arrived, connector.clock.now())


def _paired(chosen: Settings, syspro: str, basware: str) -> Settings:
    pair = chosen.companies[0].model_copy(update={"syspro_company": syspro, "basware_company": basware})
    return chosen.model_copy(update={"companies": (pair,)})
