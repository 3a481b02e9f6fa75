"""Which URLs SYSPRO's two services may have, and what is trusted there.

Passwords, session ids and documents travel in e.net's query strings, so plain http is for this machine, and for
a closed network where the settings say so. Not here: HTTP (`transport`), addresses that names lead to (`dialing`).
"""

from dataclasses import dataclass
from pathlib import Path

import httpx

from connector_defs.dialing import Address, Reach, literal
from connector_defs.domain.errors import Fatal
from connector_defs.outside.urls import read_url


class UrlRefused(Fatal):
    """A URL of the settings is not safe to call."""


@dataclass(frozen=True)
class Trust:
    """Whom to believe: the authorities in `ca_file` alone, where given, and plain http where it was allowed."""

    ca_file: Path | None = None
    allow_plain_http: bool = False


def reach_of(url: str, trust: Trust) -> Reach:
    """The addresses that a client of this URL may connect to. Raises UrlRefused where it may not be called at all."""
    try:
        parsed = read_url(url)
    except httpx.InvalidURL:
        raise UrlRefused(
            "a SYSPRO URL of the settings cannot be read: write https://host:port/path"
        ) from None
    reason = _flaw(parsed, trust)
    if reason:
        port = f":{parsed.port}" if parsed.port else ""
        raise UrlRefused(f"SYSPRO at {parsed.scheme}://{parsed.host}{port} is refused: {reason}")
    if parsed.scheme == "https":
        return Reach.ANYWHERE
    return Reach.LOOPBACK if _is_here(parsed.host) else Reach.PRIVATE


def _flaw(url: httpx.URL, trust: Trust) -> str | None:
    flaw = None
    if url.scheme not in {"http", "https"} or not url.host:
        flaw = "write https://host:port/path"
    elif url.userinfo:
        flaw = "credentials do not belong into a URL"
    elif url.query or url.fragment:
        flaw = "a base URL has neither a query nor a fragment"
    elif url.scheme == "http" and not _is_here(url.host):
        flaw = _flaw_of_plain_http(literal(url.host), trust)
    return flaw


def _flaw_of_plain_http(address: Address | None, trust: Trust) -> str | None:
    if not trust.allow_plain_http:
        return (
            "plain http shows passwords to everyone on the way; use https (syspro.ca_file takes a private authority), "
            "or say that the network is closed: syspro.allow_plain_http = true"
        )
    if address is not None and not Reach.PRIVATE.admits(address):
        return f"{address} is {Reach.PRIVATE.value}"
    return None


def _is_here(host: str) -> bool:
    address = literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)
