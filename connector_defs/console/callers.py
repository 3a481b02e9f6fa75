"""Who calls, and how often one who is not Basware may.

Belongs here: the address a request is counted under, and the allowance of each. Only refused requests use it up, so a
burst of real notifications is never held back; a caller without allowance is turned away before its body is read.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.requests import HTTPConnection

# An attacker may come from any number of addresses; this many are remembered.
_REMEMBERED: Final = 10_000
# Whoever has one IPv6 address has the whole network of it.
_IPV6_PREFIX: Final = 64
_UNKNOWN: Final = "unknown"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Callers:
    """Tells callers apart; believes a proxy only where the settings name it."""

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        self._trusted: tuple[Network, ...] = tuple(ip_network(one) for one in trusted_proxies)

    def address_of(self, request: HTTPConnection) -> str:
        """What the caller is counted under."""
        peer = _address(request.client.host) if request.client else None
        if peer is None:
            return _UNKNOWN
        caller = peer
        # Each proxy adds the address it was called from at the right; what stands left of an untrusted one, that
        # one may have made up.
        for told in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
            before = _address(told.strip()) if self._is_trusted(caller) else None
            if before is None:
                break
            caller = before
        return _counted_as(caller)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def is_local(request: HTTPConnection) -> bool:
    """True where the caller is on this machine and nobody calls through it."""
    peer = _address(request.client.host) if request.client else None
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via"))
    return peer is not None and peer.is_loopback and not forwarded


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _counted_as(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ip_network((address, _IPV6_PREFIX), strict=False))


class Allowance:
    """So many refusals a minute for each caller: a bucket that refills steadily."""

    def __init__(
        self, per_minute: int, *, now: Callable[[], float] = time.monotonic, remembered: int = _REMEMBERED
    ) -> None:
        self._size = float(per_minute)
        self._now = now
        self._remembered = remembered
        # Caller -> what is left of its allowance, and when that was; the one longest unheard of first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has_some(self, caller: str) -> bool:
        """True where the caller may be refused once more."""
        return self._level(caller) >= 1

    def charge(self, caller: str) -> None:
        """Count a refusal."""
        self._left[caller] = (max(0.0, self._level(caller) - 1), self._now())
        self._left.move_to_end(caller)
        if len(self._left) > self._remembered:
            self._left.popitem(last=False)

    def _level(self, caller: str) -> float:
        left, then = self._left.get(caller, (self._size, self._now()))
        return min(self._size, left + (self._now() - then) * self._size / 60)
