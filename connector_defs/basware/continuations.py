"""Where a list of Basware's goes on, and what shows that it never ends.

Not here: what is on a page, and how it is fetched (`client`). Source: Basware wire notes 2.5.
"""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

from connector_defs.basware.transport import CONTINUATION_HEADER, Call, UnreadableAnswer

# Pages without a record end nothing, but no honest list has so many in a row, nor the same records so often.
MOST_ALIKE: Final = 1_000


@dataclass
class Continuations:
    """The pages of one list so far: what each held, by digest, and where it led."""

    _seen: set[tuple[str, bytes]] = field(default_factory=set)
    _last: bytes = b""
    _alike: int = 0

    @property
    def begun(self) -> bool:
        """Whether a page has led to another."""
        return bool(self._seen)

    def following(self, call: Call, continuation: str, body: bytes) -> Call:
        """The call for the page after the one that `call` brought.

        Raises UnreadableAnswer where it cannot be asked for, or the list goes round in circles.
        """
        if not continuation.isascii():
            raise UnreadableAnswer(f"{call} gives a continuation that no header can carry back")
        digest = hashlib.sha256(body).digest()
        self._alike = self._alike + 1 if digest == self._last else 1
        self._last = digest
        if (continuation, digest) in self._seen or self._alike > MOST_ALIKE:
            raise UnreadableAnswer(f"{call} gives the same page and continuation again and again")
        self._seen.add((continuation, digest))
        return replace(call, headers={CONTINUATION_HEADER: continuation})
