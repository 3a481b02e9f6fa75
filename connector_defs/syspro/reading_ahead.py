"""A table as Arrow batches, read ahead: the next page is fetched and read while the one before is read and used.

To ask for the next page takes the last key of this one, and that is told from the end of the body before the rest of
it is read. It is a guess: the page it brings counts only where paging then asks for exactly that page. So paging
decides everything, as it does without reading ahead.
Belongs here: the threads and the guess. Not here: what follows a page (`paging`), what a body holds (`pages`).
"""

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

from connector_defs.syspro.conditions import Condition
from connector_defs.syspro.pages import BatchPage, Key, batch_page, last_key
from connector_defs.syspro.paging import Query, Reading, rows_after
from connector_defs.syspro.tables import Table

_PAGES_AT_ONCE = 2

_Asked = tuple[Condition | None, int, int]


@dataclass(frozen=True)
class _UnderWay:
    """A page somebody works on: what was asked for, its last key as guessed, and the page, None where no JSON came."""

    asked: _Asked
    last: "Future[Key | None]"
    page: "Future[BatchPage | None]"


class ReadAhead:
    """One reading of a table. `fetch` brings the body of a page, `read` the page with every care, tried again."""

    def __init__(
        self,
        table: Table,
        where: Condition | None,
        top: int,
        *,
        fetch: Query[bytes],
        read: Query[BatchPage],
        skipping: set[str],
    ) -> None:
        self._table = table
        self._where = where
        self._top = top
        self._fetch = fetch
        self._read = read
        self._skipping = skipping
        self._take = batch_page(table)
        self._coming: _UnderWay | None = None

    def pages(self) -> Iterator[BatchPage]:
        """All pages; at most two are under way in threads of their own while the caller uses another."""
        with ThreadPoolExecutor(_PAGES_AT_ONCE, "syspro-odata") as threads:

            def query(where: Condition | None, top: int, skip: int) -> BatchPage:
                return self._page((where, top, skip), threads)

            yield from Reading(self._table, self._where, self._top, query, self._skipping).pages()

    def _page(self, asked: _Asked, threads: Executor) -> BatchPage:
        coming, self._coming = self._coming, None
        if coming is None or coming.asked != asked:
            coming = self._start(asked, threads)
        key = coming.last.result()
        if key is not None:
            self._coming = self._start((rows_after(self._table, key, self._where), asked[1], 0), threads)
        try:
            page = coming.page.result()
        finally:
            # What was read of a page that failed hangs on its error: a circle with this frame would keep it.
            del coming
        return self._read(*asked) if page is None else page

    def _start(self, asked: _Asked, threads: Executor) -> _UnderWay:
        last: Future[Key | None] = Future()
        return _UnderWay(asked, last, threads.submit(self._work, asked, last))

    def _work(self, asked: _Asked, last: "Future[Key | None]") -> BatchPage | None:
        key: Key | None = None
        try:
            body = self._fetch(*asked)
            by_key = not asked[2] and self._table.name not in self._skipping
            key = last_key(self._table, body) if by_key else None
        finally:
            last.set_result(key)
        return self._take(body)
