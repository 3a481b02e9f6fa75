"""Hosts of a region, pairs of them, and redirects that are followed."""

import pytest

from connector_defs.basware.region_hosts import REGION_HOSTS, RegionHosts
from connector_defs.basware.regions import SANDBOX, BaswareHosts, HostRefused, RedirectRefused
from connector_defs.dialing import Reach
from connector_defs.domain.errors import Fatal

SOURCE = "https://api.basware.com/v1/accountingDocuments?ProcessingStatus=x"


def check_host(region: str, url: str, extra_hosts: tuple[str, ...] = ()) -> str:
    return BaswareHosts(region, extra_hosts).check(url)


@pytest.mark.parametrize(
    ("region", "host"), [(region, host) for region, hosts in REGION_HOSTS.items() for host in hosts.all]
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
        "https://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://127.1",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://\u0430pi.basware.com",
        "https://xn--pi-6kc.basware.com",
        "https://api.basware.com:0",
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


@pytest.mark.parametrize(
    "url", ["https://xn--/", "https://xn--a.com/", "https://api.basware.com:443.evil.example"]
)
def test_a_url_that_cannot_be_read_is_refused_like_any_other(url: str) -> None:
    with pytest.raises(HostRefused, match="cannot be read"):
        check_host("EU", url)
    with pytest.raises(HostRefused, match="cannot be read"):
        BaswareHosts("EU").check_callback(url)
    assert not BaswareHosts("EU").is_same_place("https://api.basware.com", url)


def test_a_refusal_never_shows_credentials_or_a_query() -> None:
    with pytest.raises(HostRefused) as refused:
        check_host("EU", "https://user:hidden@evil.example/?sig=hidden")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("region", list(REGION_HOSTS))
def test_without_urls_it_is_the_production_host_of_the_region_and_its_tokens(region: str) -> None:
    host = REGION_HOSTS[region].production[0]
    assert BaswareHosts(region).check_pair(None, None) == (f"https://{host}", f"https://{host}/v1/tokens")


def test_without_a_token_url_tokens_come_from_where_the_api_is() -> None:
    api, tokens = BaswareHosts("EU").check_pair("https://test-api.basware.com/", None)
    assert (api, tokens) == ("https://test-api.basware.com", "https://test-api.basware.com/v1/tokens")


def test_the_sandbox_has_no_default_url() -> None:
    with pytest.raises(HostRefused, match="BASWARE_API_URL"):
        BaswareHosts(SANDBOX).check_pair(None, "http://127.0.0.1:1/v1/tokens")


@pytest.mark.parametrize(
    ("api", "tokens"),
    [
        ("https://api.basware.com", "https://test-api.basware.com/v1/tokens"),
        ("https://test-api.basware.com", "https://api.basware.com/v1/tokens"),
        (None, "https://test-api.basware.com/v1/tokens"),
    ],
)
def test_test_and_production_are_never_mixed(api: str | None, tokens: str) -> None:
    with pytest.raises(HostRefused, match="of one environment"):
        BaswareHosts("EU").check_pair(api, tokens)


def test_a_gateway_of_the_customer_goes_with_either_environment() -> None:
    hosts = BaswareHosts("EU", ("gateway.customer.example",))
    hosts.check_pair("https://gateway.customer.example/basware", "https://test-api.basware.com/v1/tokens")
    hosts.check_pair("https://api.basware.com", "https://gateway.customer.example/tokens")


@pytest.mark.parametrize(
    "extra",
    [
        *("us-api.basware.com", "API.US.basware.com", "api.us.basware.com:443", "api.us.basware.com:8443"),
        *(
            "10.0.0.1",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "intranet",
            "https://x.example",
            "x.example.",
            "",
            "*.x.example",
        ),
    ],
)
def test_an_extra_host_is_a_name_and_never_another_regions(extra: str) -> None:
    with pytest.raises(HostRefused, match="extra_hosts"):
        BaswareHosts("EU", (extra,))


def test_the_table_of_a_region_can_be_replaced() -> None:
    hosts = BaswareHosts("US", tables={"US": RegionHosts(("api.usa.basware.com",), ("try.usa.basware.com",))})
    assert hosts.check_pair(None, None)[0] == "https://api.usa.basware.com"
    assert hosts.check("https://try.usa.basware.com") == "https://try.usa.basware.com"
    with pytest.raises(HostRefused, match=r"known are api\.usa\.basware\.com"):
        hosts.check("https://us-api.basware.com")
    with pytest.raises(HostRefused, match="belongs to region US"):
        BaswareHosts("EU", tables=hosts.tables).check("https://api.usa.basware.com")


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"US": RegionHosts(("api.basware.com",))}, "stands twice, in EU and in US"),
        ({"US": RegionHosts(("api.x.example",), ("api.x.example",))}, "stands twice, in US and in US"),
        ({"US": RegionHosts(())}, "needs a production host"),
        ({"MARS": RegionHosts(("api.x.example",))}, "MARS"),
        ({"US": RegionHosts(("https://api.x.example",))}, "no host name"),
        ({"US": RegionHosts(("10.0.0.1",))}, "no host name"),
    ],
)
def test_a_table_that_would_blur_the_regions_is_refused(tables: dict[str, RegionHosts], told: str) -> None:
    with pytest.raises(HostRefused, match=told):
        BaswareHosts("EU", tables=tables)


def test_only_the_sandbox_is_tied_to_loopback_and_only_storage_to_public_addresses() -> None:
    assert (BaswareHosts("EU").reach, BaswareHosts("EU").storage_reach) == (Reach.ANYWHERE, Reach.PUBLIC)
    sandbox = BaswareHosts(SANDBOX)
    assert (sandbox.reach, sandbox.storage_reach) == (Reach.LOOPBACK, Reach.LOOPBACK)


def test_a_homograph_is_shown_by_its_plain_letters() -> None:
    with pytest.raises(HostRefused, match="xn--"):
        check_host("EU", "https://\u0430pi.basware.com")


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
        "https://2130706433/k",
        "https://0x7f.1/k",
        "https://017700000001/k",
        "https://127.1/k",
        "https://127.0.0.1./k",
        "https://[fe80::1]/k",
        "https://[::ffff:169.254.169.254]/k",
        "https://bucket.s3.amazonaws.com./k",
        "https://bucket.s3.amazonaws.com:8443/k",
        "https://buck\u0435t.example/k",
        "https://xn--buckt-9ve.example/k",
        "https://us-api.basware.com/v1/x",
        "https://test-api.basware.com/v1/x",
        SOURCE,
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


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("https://bucket.s3.eu-west-1.amazonaws.com/k", True),
        ("https://files.basware.com/k", True),
        ("https://amazonaws.com/k", False),
        ("https://evilamazonaws.com/k", False),
        ("https://x.files.basware.com/k", False),
        ("https://bucket.s3.amazonaws.com.evil.example/k", False),
    ],
)
def test_where_storage_is_told_nothing_else_is_followed(location: str, followed: bool) -> None:
    hosts = BaswareHosts("EU", redirect_hosts=("*.amazonaws.com", "Files.basware.com"))
    if followed:
        hosts.check_redirect(SOURCE, location)
    else:
        with pytest.raises(RedirectRefused, match="redirect_hosts"):
            hosts.check_redirect(SOURCE, location)


@pytest.mark.parametrize("pattern", ["*", "*.com", "https://x.example", "10.0.0.0", "x.*.example", ""])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(HostRefused, match="redirect_hosts"):
        BaswareHosts("EU", redirect_hosts=(pattern,))
