"""A request's body under caps: how it may be announced, how large it may be, how long it may take.

Belongs here: everything that is refused before a signature is looked at.
"""

import asyncio
import re
from typing import Final

from starlette.requests import Request

MAX_BODY: Final = 64 * 1024
MAX_HEADERS: Final = 16 * 1024
_JSON: Final = re.compile(r'application/json(?:\s*;\s*charset="?utf-8"?)?\s*', re.IGNORECASE)
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


class BodyRefused(Exception):
    """The body is not taken."""


class TooLarge(BodyRefused):
    """It is, or says that it is, over the cap."""


class TooSlow(BodyRefused):
    """It did not come in time."""


class WrongType(BodyRefused):
    """It is not JSON as it stands: another type, another charset, or encoded."""


class Ambiguous(BodyRefused):
    """Two parties could disagree about where it ends, or something is said where nothing may be."""


def check_announcement(request: Request) -> None:
    """Refuse what the request's line and headers already rule out. Raises BodyRefused."""
    if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADERS:
        raise TooLarge
    lengths = request.headers.getlist("content-length")
    if (
        request.scope["query_string"]
        or len(lengths) > 1
        or (lengths and "transfer-encoding" in request.headers)
    ):
        raise Ambiguous
    if lengths and not _DIGITS.fullmatch(lengths[0]):
        raise Ambiguous
    if lengths and int(lengths[0]) > MAX_BODY:
        raise TooLarge
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not _JSON.fullmatch(types[0]):
        raise WrongType
    # Nothing is unpacked here, so nothing can grow.
    if any(coding.casefold() != "identity" for coding in request.headers.getlist("content-encoding")):
        raise WrongType


async def read_body(request: Request, seconds: float) -> bytes:
    """The raw body. Raises TooLarge as soon as it is, whatever was announced, and TooSlow."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise TooLarge
    except TimeoutError:
        raise TooSlow from None
    return bytes(body)
