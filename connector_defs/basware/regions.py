"""Which hosts belong to which Basware region, and what may be called there.

Here: the host table and the checks made before any call and before any redirect is followed.
Not here: HTTP. Basware publishes the EU names only (Basware wire notes 1.2, 1.3); the others are those seen in
clients, so a deployment may add its own.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import httpx

from connector_defs.domain.errors import Fatal

SANDBOX: Final = "SANDBOX"

# The first host of each region is the production one.
REGION_HOSTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "EU": ("api.basware.com", "test-api.basware.com"),
        "US": ("api.us.basware.com", "test-api.us.basware.com", "us-api.basware.com"),
        "AU": ("api.au.basware.com", "test-api.au.basware.com", "au-api.basware.com"),
        "CA": ("api.ca.basware.com", "test-api.ca.basware.com", "ca-api.basware.com"),
    }
)


# Longest notificationWebhookURL (Basware wire notes 4.1).
MAX_CALLBACK: Final = 2083

# No name ends in a number: such a host is an address, in one of the spellings that resolvers take as well.
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")


class HostRefused(Fatal):
    """A URL of the settings does not belong to the region, or is not safe to call."""


class RedirectRefused(Fatal):
    """Basware answered with a redirect that is not followed."""


@dataclass(frozen=True)
class BaswareHosts:
    """What a region allows.

    `extra_hosts` adds names that Basware gave to this customer, as `host` or `host:port`; they count for the
    region but never make plain http or an IP address acceptable.
    """

    region: str
    extra_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.region != SANDBOX and self.region not in REGION_HOSTS:
            known = ", ".join((*REGION_HOSTS, SANDBOX))
            raise HostRefused(f"Basware region {self.region!r} is not known: use one of {known}")

    def check(self, url: str) -> str:
        """The URL without a trailing slash, when it may be called in this region; HostRefused otherwise."""
        parsed = _parse(url)
        if parsed.query or parsed.fragment:
            raise HostRefused(f"{_shown(parsed)}: a base URL has neither a query nor a fragment")
        reason = self._sandbox_reason(parsed) if self.region == SANDBOX else self._region_reason(parsed)
        if reason:
            raise HostRefused(f"{_shown(parsed)} is refused for Basware region {self.region}: {reason}")
        return str(parsed).rstrip("/")

    def check_redirect(self, source: str, location: str) -> httpx.URL:
        """The absolute target of a redirect, when it may be followed; RedirectRefused otherwise.

        The storage behind Basware has any public name, so names are free; scheme, port-less IP addresses and
        names that only exist inside a network are not.
        """
        try:
            target = httpx.URL(source).join(location)
        except httpx.InvalidURL:
            raise RedirectRefused("Basware redirected to something that is not a URL") from None
        reason = self._sandbox_reason(target) if self.region == SANDBOX else _redirect_reason(target)
        if target == httpx.URL(source):
            reason = "it leads back to itself"
        if reason:
            raise RedirectRefused(f"Basware redirected to {_shown(target)}, which is not followed: {reason}")
        return target

    def check_callback(self, url: str) -> str:
        """The address that Basware is to call us at, when it may be given out; HostRefused otherwise.

        Whoever resolves it is outside: a public name over https. The sandbox also calls loopback addresses.
        """
        try:
            parsed = _parse(url)
        except HostRefused:
            raise HostRefused(
                "the address of the webhook cannot be read: write https://host/webhooks/basware"
            ) from None
        reason = _redirect_reason(parsed)
        if reason and self.region == SANDBOX and self._sandbox_reason(parsed) is None:
            reason = None
        if reason is None and (parsed.query or parsed.fragment):
            reason = "a query or a fragment would show in logs"
        if reason is None and len(url) > MAX_CALLBACK:
            reason = f"Basware takes at most {MAX_CALLBACK} characters"
        if reason:
            raise HostRefused(f"{_shown(parsed)} cannot be the address of the webhook: {reason}")
        return url

    def is_same_place(self, api_url: str, url: str) -> bool:
        """True where `url` is served by the API at `api_url` itself, so that the token belongs there."""
        api = httpx.URL(api_url)
        try:
            target = api.join(url)
        except httpx.InvalidURL:
            return False
        if target.userinfo or (target.scheme, _port(target)) != (api.scheme, _port(api)):
            return False
        # One machine has several names for itself.
        both_here = self.region == SANDBOX and _is_loopback(target.host) and _is_loopback(api.host)
        return target.host == api.host or both_here

    def _sandbox_reason(self, url: httpx.URL) -> str | None:
        if url.scheme not in {"http", "https"}:
            return "only http and https are spoken"
        if url.userinfo:
            return "credentials do not belong into a URL"
        if not _is_loopback(url.host):
            return "the sandbox lives on loopback addresses only (127.0.0.1, ::1, localhost)"
        return None

    def _region_reason(self, url: httpx.URL) -> str | None:
        if url.scheme != "https":
            return "only https is allowed outside of the sandbox"
        if url.userinfo:
            return "credentials do not belong into a URL"
        if _address(url.host) is not None:
            return "an IP address is not a Basware host"
        port = url.port or 443
        extra = {name.lower() if ":" in name else f"{name.lower()}:443" for name in self.extra_hosts}
        if f"{url.host}:{port}" in extra or (port == 443 and url.host in REGION_HOSTS[self.region]):
            return None
        for region, hosts in REGION_HOSTS.items():
            if url.host in hosts and region != self.region:
                return f"the host belongs to region {region}; correct the region or the URL"
        known = ", ".join(REGION_HOSTS[self.region])
        return f"known are {known}, each on port 443; if Basware gave you this one, add it to the extra hosts"


def check_host(region: str, url: str, extra_hosts: tuple[str, ...] = ()) -> str:
    """Shorthand for `BaswareHosts(region, extra_hosts).check(url)`."""
    return BaswareHosts(region, extra_hosts).check(url)


def default_api_url(region: str) -> str:
    """The production API of a region; the sandbox has none, its URL must be set."""
    if region == SANDBOX:
        raise HostRefused("the sandbox has no fixed address: set BASWARE_API_URL and BASWARE_TOKEN_URL")
    return f"https://{REGION_HOSTS[BaswareHosts(region).region][0]}"


def default_token_url(region: str) -> str:
    """The token endpoint on the production host of a region (Basware wire notes 1.6, 1.7)."""
    return f"{default_api_url(region)}/v1/tokens"


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise HostRefused("a Basware URL of the settings cannot be read: write https://host") from None
    if not parsed.host:
        raise HostRefused("a Basware URL of the settings names no host: write https://host")
    return parsed


def _redirect_reason(url: httpx.URL) -> str | None:
    if url.scheme != "https":
        return "only https is followed"
    if url.userinfo:
        return "credentials do not belong into a URL"
    host = url.host.rstrip(".")
    if _address(host) is not None or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return "an IP address is never a storage host"
    if "." not in host or host.endswith((".localhost", ".local", ".internal")):
        return "the name exists inside a network only"
    return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return address == ipaddress.IPv6Address("::1")
    return address is not None and address.is_loopback


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _shown(url: httpx.URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}"
