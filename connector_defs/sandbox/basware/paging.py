"""Pages of a list, and the continuation tokens between them (wire notes 2.5).

A token stands for "after this position of the list", so records that change between two pages are neither
skipped nor repeated. It is good for the same path and query only.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from connector_defs.sandbox.basware.answer import CONTINUATION, BadRequest, Call

_KEPT = 10_000


class TokenGone(Exception):
    """The continuation token is unknown, or was lost: 410."""


class Pages:
    """Cuts lists into pages and remembers where each token goes on."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def cut(
        self,
        call: Call,
        rows: Iterable[tuple[int, Any]],
        size: int,
        *,
        weigh: "Weight | None" = None,
    ) -> tuple[list[Any], dict[str, str]]:
        """The next page of `rows`, (position, record) in ascending positions, and the answer headers.

        Raises BadRequest when the query differs from the token's, TokenGone when the token is unknown.
        """
        after = self._position(call)
        size = max(1, size // 2) if call.struck == "short_page" else size
        page: list[Any] = []
        last = after
        weight = 0
        for position, record in rows:
            if position <= after:
                continue
            weight += weigh.of(record) if weigh else 0
            if len(page) >= size or (weigh and page and weight > weigh.most):
                return page, {CONTINUATION: self._token(call, last)}
            page.append(record)
            last = position
        return page, {}

    def _position(self, call: Call) -> int:
        token = call.headers.get(CONTINUATION)
        if not token:
            return -1
        known = self._tokens.get(token)
        if known is None or call.struck == "lost_continuation":
            raise TokenGone
        query, position = known
        if query != _query(call):
            raise BadRequest("the continuation token belongs to other query parameters")
        return position

    def _token(self, call: Call, position: int) -> str:
        token = secrets.token_urlsafe(24)
        if call.struck != "lost_continuation":
            self._tokens[token] = (_query(call), position)
            while len(self._tokens) > _KEPT:
                self._tokens.popitem(last=False)
        return token


class Weight:
    """A second bound on a page: the sum of a list field's length, as large codings shorten pages."""

    def __init__(self, field: str, most: int) -> None:
        self.field = field
        self.most = most

    def of(self, record: Any) -> int:
        return len(record.get(self.field) or ())


def _query(call: Call) -> str:
    return f"{call.path}?{sorted(call.query.items())}"
