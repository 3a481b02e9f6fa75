"""Requests nobody would think of: pieces of good and bad ones put together by chance, over a real socket.

Whatever is sent, no answer is a fault of ours (5xx), and nothing gets into the inbox whose body was not signed.
"""

import base64
import gzip
import hashlib
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from connector_defs.console.app import WEBHOOK, Patience
from connector_defs.console.server import PatientProtocol
from connector_tests.console.notifications import HEADER, body_of, chunked, notice, sign
from connector_tests.console.scene import Running, receiving

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_NAMES = st.sampled_from([*notice(), "companyCode", "x"])
_NOTICES = st.dictionaries(
    _NAMES, _VALUES | st.sampled_from(["ConnectionTest", "New", "../..", "a\0b"]), max_size=8
)
_BODIES = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda fields: json.dumps({**notice(), **fields}).encode("utf-8", "surrogatepass"), _NOTICES),
    st.builds(lambda fields: json.dumps(fields).encode(), _NOTICES),
    st.builds(lambda value: json.dumps(value).encode(), _VALUES),
    st.builds(body_of),
    st.builds(lambda size: b"[" * size, st.integers(1, 70_000)),
    st.builds(gzip.compress, st.binary(max_size=100)),
)
_NEAR_TARGETS = st.sampled_from(
    ["/webhooks/basware"] * 8 + ["/health/live", "/health/ready", "/metrics", "*", "/"]
)
_TARGETS = _NEAR_TARGETS | st.builds(
    lambda text: "/" + text, st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=40)
)
_METHODS = st.sampled_from(
    ["POST"] * 8 + ["GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "TRACE", "post", "P\tST"]
)
_TEXT = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
_HEADERS = st.lists(
    st.sampled_from(
        [
            "Content-Type: application/json",
            "Content-Type: text/plain; charset=\xff",
            "Content-Encoding: gzip",
            "Content-Encoding: identity",
            "Content-Length: 5",
            "Content-Length: 99999999999999999999",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Expect: 100-continue",
            "Connection: close",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "X-Forwarded-For: 1.2.3.4, ::1, x",
            f"{HEADER}: sha256=",
            f"{HEADER}: {'0' * 64}",
        ]
    )
    | st.builds(
        lambda name, value: f"{name}: {value}",
        st.sampled_from(["x-a", "Host", "Forwarded", HEADER, ""]),
        _TEXT,
    ),
    max_size=4,
)
# A short look must be long enough to meet requests of every kind.
_AT_LEAST = 200
_FINAL = re.compile(rb"(?:\A|\r\n\r\n)HTTP/1\.1 ([2-5]\d\d) ")
_FORMS = st.sampled_from(["none", "hex", "capitals", "prefix", "base64", "wrong"])


@st.composite
def _requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """(the request, the body in it that is signed; empty where none is)."""
    body = draw(_BODIES)
    form = draw(_FORMS)
    right = sign(body)
    signature = {
        "none": "",
        "hex": right,
        "capitals": right.upper(),
        "prefix": f"sha256={right}",
        "base64": base64.b64encode(bytes.fromhex(right)).decode(),
        "wrong": sign(body, draw(st.text(st.characters(codec="ascii"), max_size=10))),
    }[form]
    # Half of them are right in every respect but the body and its signature.
    odd = draw(st.booleans())
    first = f"{draw(_METHODS)} {draw(_TARGETS)} HTTP/1.1" if odd else f"POST {WEBHOOK} HTTP/1.1"
    lines = [first, "Host: 127.0.0.1", *(draw(_HEADERS) if odd else [])]
    if not odd or draw(st.booleans()):
        lines.append("Content-Type: application/json")
    if signature:
        lines.append(f"{HEADER}: {signature}")
    sent = body
    if draw(st.integers(0, 5)):
        lines.append(f"Content-Length: {len(body)}")
    else:
        lines.append("Transfer-Encoding: chunked")
        sent = chunked(body)
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + sent
    if odd and draw(st.booleans()):
        raw = _damaged(
            raw, draw(st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=3))
        )
    return raw, body if form in ("hex", "capitals", "prefix", "base64") else b""


def _damaged(raw: bytes, changes: Sequence[tuple[int, bytes]]) -> bytes:
    for place, put in changes:
        at = place % (len(raw) + 1)
        raw = raw[:at] + put + raw[at + 1 :]
    return raw


@dataclass
class Fuzzed:
    """How many requests were made, how they were answered, and what is off."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    flaws: list[str] = field(default_factory=list)


def fuzz(folder: Path, seconds: float, start: int) -> Fuzzed:
    """Send requests for so long. A flaw names the shortest request that shows it."""
    found = Fuzzed()
    signed: set[str] = set()
    with (
        _errors_told(found),
        mock.patch.object(PatientProtocol, "header_seconds", 0.05),
        receiving(folder, patience=Patience(body=0.05, store=3, inbox=5)) as running,
    ):
        deadline = time.monotonic() + seconds
        number = start
        while time.monotonic() < deadline and not found.flaws:
            try:
                seed(number)(_round(running, found, signed, deadline))()
            except AssertionError as flaw:
                found.flaws.append(f"seed {number}: {flaw}")
            number += 1
        stored = set(running.inbox("body_digest"))
        if stored - signed:
            found.flaws.append(f"{len(stored - signed)} bodies in the inbox were never signed")
        if not found.flaws and not (stored and found.statuses[401] and found.statuses[200]):
            found.flaws.append(
                f"the requests were all of a kind: {dict(found.statuses)}, {len(stored)} stored"
            )
    return found


@contextmanager
def _errors_told(found: Fuzzed) -> Iterator[None]:
    """Whatever the server logs as an error is a flaw: no caller may cause one."""

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.flaws.append(f"an error in the log: {self.format(record)}")

    handler = Told(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _status(running: Running, raw: bytes) -> int:
    """Of the final answer; 0 where the connection ends without one."""
    answer = b""
    with running.connect() as connection:
        try:
            connection.sendall(raw)
            while (found := _FINAL.search(answer)) is None:
                more = connection.recv(4096)
                if not more:
                    return 0
                answer += more
        except TimeoutError:
            raise AssertionError(f"no answer and no end within 10 s: {raw!r}") from None
        except OSError:
            return 0
    return int(found[1])


def _round(running: Running, found: Fuzzed, signed: set[str], deadline: float) -> Callable[[], None]:
    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_requests())
    def one(request: tuple[bytes, bytes]) -> None:
        if time.monotonic() > deadline and found.requests >= _AT_LEAST:
            return
        raw, body = request
        if body:
            signed.add(hashlib.sha256(body).hexdigest())
        status = _status(running, raw)
        found.requests += 1
        found.statuses[status] += 1
        assert status < 500, f"answered {status}: {raw!r}"

    return one
