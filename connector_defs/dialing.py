"""Connections as every client here makes them: to an address that was looked at, and with TLS that is always verified.

Belongs here: the reach of a client (which addresses it may connect to), the trust of TLS, and the time a whole
exchange may take. Not here: which hosts a URL may name (`basware.regions`, `syspro.addresses`), and HTTP.

A URL is checked before a client is made; that a harmless name leads to a harmful address is seen here alone, when
the name is resolved. What was looked at is what is connected to: no second look-up lies in between.
"""

import enum
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import certifi
import httpcore
import httpx

from connector_defs.domain.errors import Fatal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketOptions = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]

# Carries an IPv4 address in its last 32 bits (RFC 6052).
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Public to some versions of Python: protocol assignments, where a cloud kept the credentials of a machine, local NAT64
# (RFC 8215), IPv4 inside IPv6 in two forms of old, and what was site-local.
_SPECIAL: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10"))
)
# One record of TLS.
_SAID_AT_ONCE: Final = 16_384
_DEFAULT_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=20)
# OpenSSL's X509_V_ERR codes.
_EXPIRED: Final = frozenset({9, 10})
_UNKNOWN_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21, 27})
_OTHER_NAME: Final = frozenset({62, 64})


class AddressRefused(Fatal):
    """A host leads to an address that this client may not connect to. Nothing was sent."""


class TrustUnusable(Fatal):
    """The file with the certificate authorities to trust cannot be used."""


class Reach(enum.Enum):
    """Which addresses a client may connect to; the value says it of one that is out of reach."""

    ANYWHERE = ""
    LOOPBACK = "no loopback address"
    PUBLIC = "no public address"
    PRIVATE = "no address of a private network, the only ones that plain http is for: use https"

    def admits(self, address: Address) -> bool:
        """Whether the address is within reach; one inside another (IPv4-mapped, 6to4, NAT64) counts as well."""
        every = (address, *_embedded(address))
        match self:
            case Reach.ANYWHERE:
                return True
            case Reach.LOOPBACK:
                return address.is_loopback
            case Reach.PUBLIC:
                return all(one.is_global and not one.is_multicast and not _is_special(one) for one in every)
            case Reach.PRIVATE:
                # Link-local is where clouds keep the credentials of a machine.
                plain = address.is_private and not address.is_link_local and not address.is_multicast
                return address.is_loopback or (plain and len(every) == 1 and not _is_special(address))


def _is_special(address: Address) -> bool:
    return address.is_unspecified or any(address in network for network in _SPECIAL)


def _embedded(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None]


def literal(host: str) -> Address | None:
    """The address that a host spells, in any spelling that resolvers take: 127.1, 0x7f000001, 017700000001, [::1].

    None for a name.
    """
    bare = host.strip("[]").rstrip(".")
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(bare)) if bare else None
    except (OSError, UnicodeError):
        return None


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order in which they are to be tried. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect(
    address: str, port: int, timeout: float | None, socket_options: SocketOptions | None
) -> httpcore.NetworkStream:
    """A connection to an address. Raises httpcore.ConnectError or ConnectTimeout."""
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=timeout, socket_options=socket_options)


_end: ContextVar[float | None] = ContextVar("end of the exchange", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything sent and received inside takes at most so long in all; then it is a time-out.

    The time-out of a client counts from byte to byte, so that a server which sends one byte at a time would
    hold it for ever.
    """
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    end = _end.get()
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late("the whole exchange takes too long")
    return left if timeout is None else min(timeout, left)


class _Timed(httpcore.NetworkStream):
    """A connection that minds the end of the exchange. `heard`: something came since we last said anything."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self.heard = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        piece = self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))
        self.heard = True
        return piece

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.heard = False
        # A time-out counts from one part that is taken to the next, so whoever takes little at a time could go on.
        for start in range(0, len(buffer), _SAID_AT_ONCE):
            piece = buffer[start : start + _SAID_AT_ONCE]
            self._stream.write(piece, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Dialer(httpcore.NetworkBackend):
    """Connects to what is within reach. A name is refused where any of its addresses is out of it."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - never set here
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        """Look at every address of the host, then connect to the first that answers."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            left = _left(timeout, httpcore.ConnectTimeout)
            try:
                return _Timed(connect(address, port, left, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved ({error})") from error
        for address in found:
            if not self._reach.admits(ipaddress.ip_address(address)):
                raise AddressRefused(f"{host} leads to {address}, which is {self._reach.value}")
        return found


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """What TLS trusts: the public authorities, or those of `ca_file` alone. TLS 1.2 or later, always verified.

    Raises TrustUnusable where the file is of no use.
    """
    file = Path(certifi.where()) if ca_file is None else ca_file
    try:
        return _context(file, file.stat().st_mtime_ns)
    except OSError as error:
        reason = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise TrustUnusable(
            f"the certificate authorities in {file} cannot be used ({reason}): correct syspro.ca_file"
        ) from None


@lru_cache(8)
def _context(file: Path, changed: int) -> ssl.SSLContext:  # noqa: ARG001 - a changed file is read anew
    """Reading the public authorities takes 45 ms, so it is done once.

    Made by hand because `ssl.create_default_context` takes SSLKEYLOGFILE from the environment, and with it writes
    the keys of every connection into a file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=file)
    return context


class CheckedTransport(httpx.HTTPTransport):
    """HTTP over connections of a `Dialer`. No proxy, nothing from the environment.

    A server or something on the way that answers one request twice leaves an answer behind, which httpcore takes for
    that to the next request: an invoice would get the voucher of another. It shows by having come too early.
    """

    def __init__(
        self, reach: Reach, *, ca_file: Path | None = None, limits: httpx.Limits = _DEFAULT_LIMITS
    ) -> None:
        context = tls_context(ca_file)
        super().__init__(verify=context, trust_env=False, limits=limits)
        # httpx has no parameter for the backend of its pool.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=Dialer(reach),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to this very request; httpx.RemoteProtocolError where another one stood before it."""
        response = super().handle_request(request)
        connection = response.extensions.get("network_stream")
        if isinstance(connection, _Timed) and not connection.heard:
            response.close()
            raise httpx.RemoteProtocolError("an answer came before its request", request=request)
        return response


@dataclass(frozen=True)
class CertificateFlaw:
    """Why a certificate was refused. `authority`: because nobody known here has signed it."""

    reason: str
    authority: bool = False

    def __str__(self) -> str:
        return f"its certificate is refused: {self.reason}"


def certificate_flaw(error: BaseException | None) -> CertificateFlaw | None:
    """What was wrong with the other side's certificate, where that is why a connection failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            told = error.verify_message or str(error.reason)
            if error.verify_code in _EXPIRED:
                return CertificateFlaw(f"{told}; check the clocks, then have it renewed")
            if error.verify_code in _OTHER_NAME:
                return CertificateFlaw(f"{told}; use the name it was issued for")
            return CertificateFlaw(told, authority=error.verify_code in _UNKNOWN_AUTHORITY)
        error = error.__cause__ or error.__context__
    return None
