"""A table read to its end, page by page, whatever the service does with pages.

Belongs here: what asks for the next page, what ends a table, and what shows that a service repeats or loses rows.
Not here: the query of one page (`odata`) and what a page is made of (`pages`).
Source: SYSPRO wire notes 3; nothing marked as inferred there is relied on.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.syspro import conditions
from connector_defs.syspro.conditions import Condition
from connector_defs.syspro.odata_service import QueryRefused, TableMissing
from connector_defs.syspro.pages import Key, Page, PageTooLarge
from connector_defs.syspro.tables import Table

ROW_CAP = 5000
# A page too large to be read is asked for again with this part of its rows. Fewer than two may be the last row again.
_SMALLER = 4
_FEWEST = 2

_log = logging.getLogger(__name__)

P = TypeVar("P", bound=Page)
T = TypeVar("T")

# One read of the table: condition, `$top`, `$skip`.
Query = Callable[[Condition | None, int, int], T]


@dataclass(frozen=True)
class _Place:
    """How far a table is read: key of its first row, of the last row, and that row's number from 1."""

    first: Key
    last: Key
    taken: int


@dataclass(frozen=True)
class Reading(Generic[P]):
    """One table, the condition on its rows, and how one page of it is asked for.

    `skipping` holds the tables whose key filter the service is known to refuse.
    """

    table: Table
    where: Condition | None
    top: int
    query: Query[P]
    skipping: set[str]

    def pages(self) -> Iterator[P]:
        """All pages in the order of the primary key, none of them empty."""
        if self.table.name in self.skipping:
            return self._by_position(None, self.top)
        return self._by_key()

    def _by_key(self) -> Iterator[P]:
        place: _Place | None = None
        top = self.top
        ends: set[Key] = set()
        while True:
            after = self.where if place is None else rows_after(self.table, place.last, self.where)
            try:
                page, top = self._readable(after, top, 0)
            except (QueryRefused, TableMissing) as refusal:
                if place is None:
                    raise
                _log.warning(
                    "SYSPRO OData %s: paging by $skip, key filter refused: %s", self.table.name, refusal
                )
                if self.where is None:
                    self.skipping.add(self.table.name)
                yield from self._by_position(place, top)
                return
            repeated = None if place is None else page.find(place.last)
            if repeated is not None:
                # A service that trims char(n) may give the last row again; alone, it is the end of the table.
                if len(page) == 1 and top > 1:
                    return
                page = page.after(repeated)
            if not page:
                if repeated is not None:
                    raise self._same_page()
                return
            if page.key(-1) in ends:
                raise self._same_page()
            place = _Place(
                place.first if place else page.key(0), page.key(-1), (place.taken if place else 0) + len(page)
            )
            ends.add(place.last)
            yield page

    def _readable(self, where: Condition | None, top: int, skip: int) -> tuple[P, int]:
        """A page of `top` rows, or of as many fewer as can be read at once; and how many were asked for."""
        while True:
            try:
                return self.query(where, top, skip), top
            except PageTooLarge as error:
                if top <= _FEWEST:
                    raise Fatal(
                        f"{error} {top} rows were asked for: the service ignores $top, or they hold far too much."
                    ) from None
                top = max(_FEWEST, top // _SMALLER)
                _log.warning("%s It is asked for again, %d rows at a time.", error, top)

    def _by_position(self, place: _Place | None, top: int) -> Iterator[P]:
        """Pages by `$skip`, each beginning with the last row of the one before, to see that nothing moved."""
        while True:
            offset = 0 if place is None else place.taken - 1
            wanted = top if place is None else min(top + 1, ROW_CAP)
            page, asked = self._readable(self.where, wanted, offset)
            top = min(top, asked)
            if place is None:
                if not page:
                    return
                fresh = page
            else:
                if offset and page and page.key(0) == place.first:
                    raise self._same_page()
                met = page.find(place.last)
                if met is None:
                    raise RetryLater(
                        f"SYSPRO OData, table {self.table.name}: rows moved while it was read by $skip. "
                        "Read it again from the start."
                    )
                if len(page) == 1:
                    return
                fresh = page.after(met)
            place = _Place(place.first if place else page.key(0), page.key(-1), offset + len(page))
            if fresh:
                yield fresh

    def _same_page(self) -> Fatal:
        return Fatal(
            f"SYSPRO OData gives the same page of table {self.table.name} again instead of the next one. "
            "Trying again cannot help; the service ignores the filter or $skip."
        )


def rows_after(table: Table, key: Key, where: Condition | None) -> Condition:
    """Which rows the page after `key` holds."""
    after = conditions.after_key([(name, table.column(name).kind.width) for name in table.key], key)
    return after if where is None else conditions.all_of([where, after])
