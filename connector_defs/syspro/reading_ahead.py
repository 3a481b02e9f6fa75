"""A table as Arrow batches, read ahead: one page is under way while the next is read and the one before is used.

To ask for the next page takes the last key of this one, and that is told from the end of the body before the rest of
it is read. It is a guess: the page it brings counts only where paging then asks for exactly that page. So paging
decides everything, as it does without reading ahead.
Belongs here: the threads and the guess. Not here: what follows a page (`paging`), what a body holds (`pages`).
"""

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from connector_defs.syspro.conditions import Condition
from connector_defs.syspro.pages import BatchPage, batch_page, last_key
from connector_defs.syspro.paging import Query, Reading, rows_after
from connector_defs.syspro.tables import Table

_Asked = tuple[Condition | None, int, int]


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
        self._coming: tuple[_Asked, Future[bytes]] | None = None

    def pages(self) -> Iterator[BatchPage]:
        """All pages; one thread reads them, another one downloads, the caller's uses them."""
        with ThreadPoolExecutor(2, "syspro-odata") as threads:

            def query(where: Condition | None, top: int, skip: int) -> BatchPage:
                return self._page((where, top, skip), threads)

            pages = Reading(self._table, self._where, self._top, query, self._skipping).pages()
            coming = threads.submit(next, pages, None)
            while (page := coming.result()) is not None:
                coming = threads.submit(next, pages, None)
                yield page

    def _page(self, asked: _Asked, threads: Executor) -> BatchPage:
        body = self._body(asked)
        key = None if asked[2] or self._table.name in self._skipping else last_key(self._table, body)
        if key is not None:
            following = (rows_after(self._table, key, self._where), self._top, 0)
            self._coming = following, threads.submit(self._fetch, *following)
        page = self._take(body)
        return self._read(*asked) if page is None else page

    def _body(self, asked: _Asked) -> bytes:
        coming, self._coming = self._coming, None
        if coming is None:
            return self._fetch(*asked)
        guessed, body = coming
        if guessed != asked:
            body.cancel()
            return self._fetch(*asked)
        return body.result()
