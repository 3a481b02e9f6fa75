"""Public names, certificates and listeners without any internet: what is called, and with how many bytes, is counted.

Every name leads to an address of its own and every address to a listener on loopback, by replacing the two functions
through which all clients resolve and connect (`connector_defs.dialing`). An address that nobody listens on is refused,
so that no test ever leaves the machine.
"""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector_defs import dialing

Answer = Callable[[bytes], bytes]
_LONGEST = 5.0


class Authority:
    """A certificate authority of the test; `pem` is its own certificate."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key.public_key(), days=30).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = folder / f"{name.replace(' ', '-')}.pem"
        self.pem.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def context(self, *names: str, days: int = 30) -> ssl.SSLContext:
        """A server's side of TLS with a certificate for `names`; a negative number of days makes it expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        signed = (
            self._builder(subject, key.public_key(), days=days)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"server-{signed.serial_number}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
        )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Listener:
    """Listens on loopback and counts what arrives. With `answer` it speaks HTTP, one request per connection."""

    def __init__(self, answer: Answer | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.received = 0
        self.requests: list[bytes] = []
        self._answer = answer
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(_LONGEST)

    @property
    def silent(self) -> bool:
        """True where nobody ever called."""
        return (self.connections, self.received) == (0, 0)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(_LONGEST)
            with suppress(OSError), connection:
                if self._tls is None:
                    self._serve(connection)
                else:
                    with self._tls.wrap_socket(connection, server_side=True) as secured:
                        self._serve(secured)

    def _serve(self, connection: socket.socket) -> None:
        if self._answer is None:
            self.received += len(connection.recv(65536))
            return
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
            self.received += len(piece)
        head, _, body = request.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        connection.sendall(self._answer(self.requests[-1]))
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer after which the connection ends."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def listening(answer: Answer | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Listener]:
    """A listener, closed at the end."""
    listener = Listener(answer, tls)
    try:
        yield listener
    finally:
        listener.close()


class Internet:
    """The names that resolve, and who listens at which address."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._addresses: dict[str, Sequence[str]] = {}
        self._listeners: dict[str, Listener] = {}
        self._default: Listener | None = None
        self._fresh = count(10)
        monkeypatch.setattr(dialing, "resolve", self._resolve)
        monkeypatch.setattr(dialing, "connect", self._connect)

    def place(self, name: str, listener: Listener, *addresses: str) -> None:
        """Let a name lead to addresses, by default to a public one of its own, and all of these to the listener."""
        chosen = addresses or (f"8.8.8.{next(self._fresh)}",)
        self._addresses[name] = chosen
        for address in chosen:
            self._listeners[address] = listener

    def everything_else(self, listener: Listener) -> None:
        """Let every other name and address lead to this listener."""
        self._default = listener

    def _resolve(self, host: str, port: int) -> list[str]:
        if host in self._addresses:
            return list(self._addresses[host])
        found = dialing.literal(host)
        if found is not None:
            return [str(found)]
        if host == "localhost":
            return ["127.0.0.1"]
        if self._default is not None:
            return ["8.8.8.8"]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def _connect(
        self,
        address: str,
        port: int,
        timeout: float | None,
        socket_options: dialing.SocketOptions | None,
    ) -> httpcore.NetworkStream:
        listener = self._listeners.get(address)
        if listener is None and not ipaddress.ip_address(address).is_loopback:
            listener = self._default
            if listener is None:
                raise httpcore.ConnectError(f"nobody listens at {address}")
        return httpcore.SyncBackend().connect_tcp(
            "127.0.0.1", port if listener is None else listener.port, timeout, None, socket_options
        )


@contextmanager
def dripping(
    head: bytes = b"HTTP/1.1 200 X\r\nContent-Length: 10000\r\n\r\n", pause: float = 0.01
) -> Iterator[int]:
    """A server that answers each request with `head` and then one byte at a time for ever; gives its port."""
    stop = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), connection:
                connection.recv(65536)
                connection.sendall(head)
                while not stop.wait(pause):
                    connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(_LONGEST)
