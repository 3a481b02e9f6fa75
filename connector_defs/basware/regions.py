"""Which hosts belong to which Basware region, and what may be called there.

Here: the checks made before any call and before any redirect is followed, on the URL alone. Not here: the table of
hosts (`region_hosts`), the addresses that names lead to (`dialing`), HTTP.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx

from connector_defs.basware.region_hosts import REGION_HOSTS, RegionHosts
from connector_defs.dialing import Reach, literal
from connector_defs.domain.errors import Fatal
from connector_defs.outside.urls import read_url

SANDBOX: Final = "SANDBOX"

# Longest notificationWebhookURL (Basware wire notes 4.1).
MAX_CALLBACK: Final = 2083
_NAME: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")
# Names that only exist inside a network.
_INSIDE: Final = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".arpa", ".onion")


class HostRefused(Fatal):
    """A URL of the settings does not belong to the region, or is not safe to call."""


class RedirectRefused(Fatal):
    """Basware answered with a redirect that is not followed."""


@dataclass(frozen=True)
class BaswareHosts:
    """What a region allows.

    `extra_hosts` adds names that Basware gave to this customer, as `host` or `host:port`; they count for the
    region but never make plain http, an IP address or another region's host acceptable. `tables` replaces the table
    of a region. `redirect_hosts` are the names that a redirect may lead to, as `host` or `*.domain`; without any,
    every public name is one, for Basware publishes none.
    """

    region: str
    extra_hosts: tuple[str, ...] = ()
    redirect_hosts: tuple[str, ...] = ()
    tables: Mapping[str, RegionHosts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.region != SANDBOX and self.region not in REGION_HOSTS:
            known = ", ".join((*REGION_HOSTS, SANDBOX))
            raise HostRefused(f"Basware region {self.region!r} is not known: use one of {known}")
        self._check_tables()
        for pattern in self.redirect_hosts:
            if not _NAME.fullmatch(pattern.lower().removeprefix("*.")):
                raise HostRefused(
                    f"basware.redirect_hosts: {pattern!r} is neither a host name nor *. in front of a domain"
                )
        if self.region == SANDBOX:
            return
        for told in self.extra_hosts:
            host = told.lower().partition(":")[0]
            other = self._region_of(host)
            if other not in (None, self.region):
                raise HostRefused(
                    f"basware.extra_hosts: {host} belongs to region {other}, not to {self.region}; correct the region"
                )
            if not _NAME.fullmatch(host):
                raise HostRefused(f"basware.extra_hosts: {told!r} is no host name, or host:port")

    def _check_tables(self) -> None:
        for region, table in self.tables.items():
            if region not in REGION_HOSTS or not table.production:
                raise HostRefused(f"basware.region_hosts.{region}: a region needs a production host")
            for host in table.all:
                if not _NAME.fullmatch(host):
                    raise HostRefused(
                        f"basware.region_hosts.{region}: {host!r} is no host name in small letters"
                    )
        seen: dict[str, str] = {}
        for region, table in self._tables().items():
            for host in table.all:
                if host in seen:
                    raise HostRefused(
                        f"basware.region_hosts: {host} stands twice, in {seen[host]} and in {region}; "
                        "a host belongs to one region and one environment"
                    )
                seen[host] = region

    def _tables(self) -> dict[str, RegionHosts]:
        return {**REGION_HOSTS, **self.tables}

    def _region_of(self, host: str) -> str | None:
        return next((region for region, table in self._tables().items() if host in table.all), None)

    def _environment(self, host: str) -> str | None:
        """Of a host in any table; None for one that is in none."""
        return next((found for table in self._tables().values() if (found := table.environment(host))), None)

    @property
    def reach(self) -> Reach:
        """What API and tokens may connect to. A customer's gateway may have a private address; TLS tells who it is."""
        return Reach.LOOPBACK if self.region == SANDBOX else Reach.ANYWHERE

    @property
    def storage_reach(self) -> Reach:
        """What a redirect may connect to. Its name is Basware's choice, so nothing inside our network is reached."""
        return Reach.LOOPBACK if self.region == SANDBOX else Reach.PUBLIC

    def default_api_url(self) -> str:
        """The production API of the region; the sandbox has none, its URL must be set."""
        if self.region == SANDBOX:
            raise HostRefused("the sandbox has no fixed address: set BASWARE_API_URL and BASWARE_TOKEN_URL")
        return f"https://{self._tables()[self.region].production[0]}"

    def check(self, url: str) -> str:
        """The URL without a trailing slash, when it may be called in this region; HostRefused otherwise."""
        parsed = _parse(url)
        if parsed.query or parsed.fragment or url.rstrip().endswith(("?", "#")):
            raise HostRefused(f"{_shown(parsed)}: a base URL has neither a query nor a fragment")
        reason = self._sandbox_reason(parsed) if self.region == SANDBOX else self._region_reason(parsed)
        if reason:
            raise HostRefused(f"{_shown(parsed)} is refused for Basware region {self.region}: {reason}")
        return str(parsed).rstrip("/")

    def check_pair(self, api_url: str | None, token_url: str | None) -> tuple[str, str]:
        """API and token URL, each checked, and both of one environment: a token of test opens nothing in production.

        Without a token URL tokens come from where the API is (Basware wire notes 1.7).
        """
        api = self.check(api_url or self.default_api_url())
        tokens = self.check(token_url or f"{api}/v1/tokens")
        ours, theirs = self._environment(httpx.URL(api).host), self._environment(httpx.URL(tokens).host)
        if ours and theirs and ours != theirs:
            raise HostRefused(
                f"{_shown(httpx.URL(api))} is of {ours} and {_shown(httpx.URL(tokens))} of {theirs}: "
                "set BASWARE_API_URL and BASWARE_TOKEN_URL of one environment"
            )
        return api, tokens

    def check_redirect(self, source: str, location: str) -> httpx.URL:
        """The absolute target of a redirect, when it may be followed; RedirectRefused otherwise.

        The storage behind Basware has any public name, so names are free unless `redirect_hosts` tells them; scheme,
        port, IP addresses and names that only exist inside a network are not. Where the name leads to is looked at
        when it is connected to.
        """
        try:
            target = read_url(location, source)
        except httpx.InvalidURL:
            raise RedirectRefused("Basware redirected to something that is not a URL") from None
        if target == httpx.URL(source):
            reason: str | None = "it leads back to itself"
        elif self.region == SANDBOX:
            reason = self._sandbox_reason(target)
        else:
            reason = self._redirect_reason(target, httpx.URL(source).host)
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
        reason = _callback_reason(parsed)
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
            target = read_url(url, api_url)
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
        if literal(url.host) is not None:
            return "an IP address is not a Basware host"
        port = _port(url)
        extra = {name.lower() if ":" in name else f"{name.lower()}:443" for name in self.extra_hosts}
        known = self._tables()[self.region].all
        if f"{url.host}:{port}" in extra or (port == 443 and url.host in known):
            return None
        other = self._region_of(url.host)
        if other not in (None, self.region):
            return f"the host belongs to region {other}; correct the region or the URL"
        return f"known are {', '.join(known)}, each on port 443; if Basware gave you this one, add it to the extra hosts"

    def _redirect_reason(self, url: httpx.URL, source: str) -> str | None:
        host = url.raw_host.decode("ascii")
        other = self._region_of(host)
        reason = None
        if url.scheme != "https":
            reason = "only https is followed"
        elif url.userinfo:
            reason = "credentials do not belong into a URL"
        elif literal(host) is not None:
            reason = "an IP address is never a storage host"
        elif not _NAME.fullmatch(host) or host.endswith(_INSIDE):
            reason = "the name exists inside a network only, or is none"
        elif host.startswith("xn--") or ".xn--" in host:
            reason = "the name holds letters beyond a to z, which may look like others"
        elif _port(url) != 443:
            reason = "only port 443 is followed"
        elif other not in (None, self.region):
            reason = f"the host belongs to region {other}"
        elif other and self._environment(host) != (self._environment(source) or self._environment(host)):
            reason = f"the host is of the {self._environment(host)} environment"
        elif self.redirect_hosts and not any(_fits(host, pattern) for pattern in self.redirect_hosts):
            reason = f"{host} is not among basware.redirect_hosts; add it if it is Basware's storage"
        return reason


def _parse(url: str) -> httpx.URL:
    try:
        parsed = read_url(url)
    except httpx.InvalidURL:
        raise HostRefused("a Basware URL of the settings cannot be read: write https://host") from None
    if not parsed.host:
        raise HostRefused("a Basware URL of the settings names no host: write https://host")
    return parsed


def _callback_reason(url: httpx.URL) -> str | None:
    """Why an address of ours cannot be reached from outside; its port is free."""
    host = url.raw_host.decode("ascii")
    if url.scheme != "https":
        return "only https is spoken"
    if url.userinfo:
        return "credentials do not belong into a URL"
    if literal(host) is not None:
        return "an IP address has no certificate that Basware could trust"
    if not _NAME.fullmatch(host) or host.endswith(_INSIDE):
        return "the name exists inside a network only, or is none"
    return None


def _fits(host: str, pattern: str) -> bool:
    wanted = pattern.lower()
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted


def _is_loopback(host: str) -> bool:
    """In its usual spelling: 127.1 and the like are not for people."""
    if host in {"localhost", "::1"}:
        return True
    address = literal(host)
    return address is not None and address.version == 4 and str(address) == host and address.is_loopback


def _port(url: httpx.URL) -> int:
    return (443 if url.scheme == "https" else 80) if url.port is None else url.port


def _shown(url: httpx.URL) -> str:
    """Scheme, host and port, with letters that look like others made plain."""
    port = "" if url.port is None else f":{url.port}"
    host = url.raw_host.decode("ascii", "replace")
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{port}"
