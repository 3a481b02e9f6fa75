"""Hosts of a region, and redirects that are followed."""

import pytest

from connector_defs.basware.regions import (
    REGION_HOSTS,
    SANDBOX,
    BaswareHosts,
    HostRefused,
    RedirectRefused,
    check_host,
    default_api_url,
    default_token_url,
)
from connector_defs.domain.errors import Fatal

SOURCE = "https://api.basware.com/v1/accountingDocuments?ProcessingStatus=x"


@pytest.mark.parametrize(
    ("region", "host"), [(region, host) for region, hosts in REGION_HOSTS.items() for host in hosts]
)
def test_a_host_is_accepted_in_its_own_region_only(region: str, host: str) -> None:
    assert check_host(region, f"https://{host}/") == f"https://{host}"
    for other in REGION_HOSTS:
        if other != region:
            with pytest.raises(HostRefused, match=f"belongs to region {region}"):
                check_host(other, f"https://{host}")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.basware.com",
        "https://user:pass@api.basware.com",
        "https://api.basware.com:8443",
        "https://api.basware.com.evil.example",
        "https://api.basware.com.",
        "https://evil.example/api.basware.com",
        "https://127.0.0.1",
        "https://[::1]",
        "https://169.254.169.254",
        "https://localhost",
        "https://api.basware.com?x=1",
        "https://api.basware.com#x",
        "ftp://api.basware.com",
        "api.basware.com",
        "https://",
        "",
        "https://api.basware.com\n.evil.example",
    ],
)
def test_a_url_that_is_not_the_regions_is_refused_before_any_call(url: str) -> None:
    with pytest.raises(Fatal):
        check_host("EU", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.8.9.1:8000/basware",
        "http://localhost:1234",
        "http://[::1]:8000",
        "https://localhost:8443",
    ],
)
def test_the_sandbox_is_any_loopback_address(url: str) -> None:
    assert check_host(SANDBOX, url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://api.basware.com",
        "http://10.0.0.1",
        "http://0.0.0.0:80",
        "http://user@127.0.0.1",
        "http://127.0.0.1@evil.example",
        "http://127.1:80",
        "http://localhost.evil.example",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "http://[::ffff:10.0.0.1]",
    ],
)
def test_the_sandbox_is_nothing_but_loopback(url: str) -> None:
    with pytest.raises(HostRefused):
        check_host(SANDBOX, url, ("evil.example", "10.0.0.1", "api.basware.com"))


@pytest.mark.parametrize(
    ("extra", "url"),
    [
        ("gateway.customer.example", "https://gateway.customer.example"),
        ("Gateway.Customer.example", "https://gateway.customer.example:443"),
        ("gateway.customer.example:8443", "https://gateway.customer.example:8443/basware"),
    ],
)
def test_a_host_that_the_settings_add_is_accepted(extra: str, url: str) -> None:
    check_host("EU", url, (extra,))


@pytest.mark.parametrize(
    ("extra", "url"),
    [
        ("gateway.customer.example", "https://gateway.customer.example:8443"),
        ("gateway.customer.example", "http://gateway.customer.example"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("gateway.customer.example", "https://x.gateway.customer.example"),
    ],
)
def test_an_added_host_makes_neither_http_nor_an_address_nor_a_port_acceptable(extra: str, url: str) -> None:
    with pytest.raises(HostRefused):
        check_host("EU", url, (extra,))


def test_an_unknown_region_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HostRefused, match="EU, US, AU, CA, SANDBOX"):
        BaswareHosts("MARS")


def test_a_refusal_never_shows_credentials_or_a_query() -> None:
    with pytest.raises(HostRefused) as refused:
        check_host("EU", "https://user:hidden@evil.example/?sig=hidden")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("region", list(REGION_HOSTS))
def test_the_default_urls_are_the_production_host_of_the_region(region: str) -> None:
    assert default_token_url(region) == f"{default_api_url(region)}/v1/tokens"
    assert check_host(region, default_api_url(region)) == default_api_url(region)


def test_the_sandbox_has_no_default_url() -> None:
    with pytest.raises(HostRefused, match="BASWARE_API_URL"):
        default_api_url(SANDBOX)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (
            "https://bucket.s3.eu-west-1.amazonaws.com/k?X-Sig=1",
            "https://bucket.s3.eu-west-1.amazonaws.com/k?X-Sig=1",
        ),
        ("/v1/result/7?sig=a%2Bb", "https://api.basware.com/v1/result/7?sig=a%2Bb"),
        ("//cdn.basware.com/k", "https://cdn.basware.com/k"),
    ],
)
def test_a_redirect_to_storage_behind_basware_is_followed(location: str, target: str) -> None:
    assert str(BaswareHosts("EU").check_redirect(SOURCE, location)) == target


@pytest.mark.parametrize(
    "location",
    [
        "http://bucket.s3.amazonaws.com/k",
        "file:///etc/passwd",
        "ftp://bucket.example/k",
        "gopher://bucket.example/k",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.5/k",
        "https://192.168.1.1/k",
        "https://8.8.8.8/k",
        "https://127.0.0.1/k",
        "https://[fe80::1]/k",
        "https://localhost/k",
        "https://metadata.google.internal/k",
        "https://user:pass@bucket.example/k",
        "https://intranet/k",
        "https://exa mple:port/",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_to_anywhere_else_is_not_followed(location: str) -> None:
    with pytest.raises(RedirectRefused):
        BaswareHosts("EU").check_redirect(SOURCE, location)


@pytest.mark.parametrize("location", ["http://127.0.0.1:9000/k?sig=1", "http://localhost:9000/k", "/k"])
def test_the_sandbox_redirects_to_loopback(location: str) -> None:
    BaswareHosts(SANDBOX).check_redirect("http://127.0.0.1:8000/v1/accountingDocuments", location)


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/", "https://bucket.s3.amazonaws.com/k", "file:///x"]
)
def test_the_sandbox_redirects_to_nothing_but_loopback(location: str) -> None:
    with pytest.raises(RedirectRefused):
        BaswareHosts(SANDBOX).check_redirect("http://127.0.0.1:8000/", location)


def test_a_refused_redirect_shows_no_signed_link() -> None:
    with pytest.raises(RedirectRefused) as refused:
        BaswareHosts("EU").check_redirect(SOURCE, "http://bucket.example/key?X-Amz-Signature=abcdef")
    assert "abcdef" not in str(refused.value)
