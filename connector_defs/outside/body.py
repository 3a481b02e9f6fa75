"""The body of an HTTP answer: capped as it comes and as it unpacks, and packed once at most.

httpx unpacks a piece from the network in one go, and as many times as the answer says it is packed: 64 kB may come
to 64 MB, and packed twice to more than any machine has. Not here: how long an answer may take.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

import httpx

from connector_defs.outside.packed import BadPacking, TooLarge, unpacked

# What to ask for; an answer packed in any other way is refused.
ACCEPT_ENCODING: Final = "gzip"

_KNOWN: Final = frozenset({"gzip", "x-gzip", "deflate"})
_OF_THE_BODY: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class BodyRefused(Exception):
    """The body of an answer is not taken; the message reads on after "the answer"."""


class BodyTooLarge(BodyRefused):
    """It is larger than the caller takes; asking again brings the same."""


def pieces(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body of a streamed answer, unpacked, piece by piece, at most `most` bytes.

    Raises BodyRefused, and httpx's own errors.
    """
    size = 0
    try:
        for piece in _plain(response, most):
            size += len(piece)
            if size > most:
                raise BodyTooLarge(f"is larger than {most} bytes")
            yield piece
    except TooLarge as error:
        raise BodyTooLarge(str(error)) from None
    except BadPacking as error:
        raise BodyRefused(str(error)) from None


def _plain(response: httpx.Response, most: int) -> Iterable[bytes]:
    told = response.headers.get("Content-Encoding", "").lower().split(",")
    packings = [name for name in map(str.strip, told) if name not in ("", "identity")]
    if response.is_stream_consumed:
        # It is in memory already, unpacked.
        return [response.content]
    if not packings:
        return response.iter_raw()
    if len(packings) == 1 and packings[0] in _KNOWN:
        return unpacked(response.iter_raw(), most)
    raise BodyRefused(f"is packed as {', '.join(packings)[:40]!r}, which was not asked for")


def whole(response: httpx.Response, most: int) -> bytes:
    """The body of a streamed answer, at most `most` bytes of it. Raises as `pieces`."""
    body = bytearray()
    for piece in pieces(response, most):
        body += piece
    return bytes(body)


def received(client: httpx.Client, request: httpx.Request, *, auth: httpx.Auth, most: int) -> httpx.Response:
    """The whole answer to a request, its body unpacked. Raises as `pieces`."""
    with closing(client.send(request, auth=auth, stream=True)) as response:
        body = whole(response, most)
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in _OF_THE_BODY]
    return httpx.Response(response.status_code, headers=headers, content=body, request=request)
