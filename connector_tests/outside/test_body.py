"""The body of an answer: capped as it comes and as it unpacks."""

import gzip
import zlib
from collections.abc import Iterator

import httpx
import pytest

from connector_defs.outside.body import BodyRefused, BodyTooLarge, received, whole

MOST = 100_000


class Pieces(httpx.SyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while self.left:
            yield self.left.pop(0)

    def close(self) -> None:
        self.closed = True


def answer(*pieces: bytes, encoding: str = "") -> httpx.Response:
    headers = {"Content-Encoding": encoding} if encoding else {}
    return httpx.Response(200, headers=headers, stream=Pieces(*pieces))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"abc" * 90, ""),
        (b"abc" * 90, "identity"),
        (gzip.compress(b"abc" * 90, mtime=0), "gzip"),
        (gzip.compress(b"abc" * 90, mtime=0), " X-GZIP "),
        (zlib.compress(b"abc" * 90), "deflate"),
    ],
)
def test_a_body_comes_out_as_it_went_in(body: bytes, encoding: str) -> None:
    assert whole(answer(body[:20], body[20:], encoding=encoding), MOST) == b"abc" * 90


def test_an_answer_read_before_is_read_again() -> None:
    assert whole(httpx.Response(200, content=b"abc"), MOST) == b"abc"
    with pytest.raises(BodyTooLarge):
        whole(httpx.Response(200, content=b"abc"), 2)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "zlib", "x" * 900])
def test_a_packing_that_was_not_asked_for_is_refused_unread(encoding: str) -> None:
    stream = Pieces(b"abc")
    with pytest.raises(BodyRefused, match="not asked for") as refusal:
        whole(httpx.Response(200, headers={"Content-Encoding": encoding}, stream=stream), MOST)
    assert stream.left == [b"abc"]
    assert len(str(refusal.value)) < 100


def test_reading_stops_where_the_body_is_too_large() -> None:
    stream = Pieces(b"x" * MOST, b"x", b"never read")
    with pytest.raises(BodyTooLarge, match="larger than 100000 bytes"):
        whole(httpx.Response(200, stream=stream), MOST)
    assert stream.left == [b"never read"]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (gzip.compress(b" " * 9_000_000, mtime=0), BodyTooLarge, "larger than"),
        (gzip.compress(b"abc" * 90, mtime=0)[:-5], BodyRefused, "ends early"),
        (b"{}", BodyRefused, "not packed as it says"),
    ],
)
def test_a_body_that_is_badly_packed_is_refused(body: bytes, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        whole(answer(body, encoding="gzip"), MOST)


def test_a_received_answer_is_whole_and_its_connection_free() -> None:
    stream = Pieces(gzip.compress(b'{"a": 1}', mtime=0))
    headers = [(b"Content-Encoding", b"gzip"), (b"Retry-After", b"7"), (b"Server", "ünique²".encode())]
    transport = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers, stream=stream))
    with httpx.Client(transport=transport) as client:
        request = client.build_request("GET", "https://x.example/")
        answered = received(client, request, auth=httpx.BasicAuth("a", "b"), most=MOST)
    assert (answered.status_code, answered.json(), answered.headers["Retry-After"]) == (429, {"a": 1}, "7")
    assert answered.headers["Server"] == "ünique²"
    assert stream.closed
