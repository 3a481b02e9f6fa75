"""A stand-in for SYSPRO's OData service that costs next to nothing, so that only the reader is measured.

It serves PorMasterDetail under the same contract as the sandbox: HTTP Basic, `$select`, `$orderby`, `$top`, `$skip`,
pages cut in silence at 5,000 rows, the range and key filters that paging writes, 400 for anything else. The lines are
the sandbox's own, repeated under new order numbers and rendered once, so a page is one slice of a file.
"""

import mmap
import re
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from connector_defs.sandbox.world import WorldOptions, build_world
from connector_defs.syspro.odata import ROW_CAP

COMPANY, TABLE = "M1", "PorMasterDetail"
USERNAME, PASSWORD = "bench", "bench-secret"
FIRST_ORDER = 10_001
ORDERS_A_BLOCK, LINES_A_BLOCK = 2_000, 10_000

_RANGE = re.compile(r"\(?PurchaseOrder ge '(\d{15})' and PurchaseOrder le '(\d{15})'\)?")
_AFTER = re.compile(r" and \(PurchaseOrder gt '(\d{15})' or \(PurchaseOrder eq '\1' and Line gt (\d+)\)\)")


def order_number(index: int) -> str:
    """Key of the order at `index`, counted from 0."""
    return f"{FIRST_ORDER + index:015d}"


class OrderLines:
    """Rendered lines in key order, one JSON object after the other with commas between them."""

    def __init__(self, file: Path, lines: int, columns: Sequence[str]) -> None:
        self.columns = ",".join(columns)
        self._starts = array("Q")
        self._first_row = array("Q")
        with file.open("wb") as out:
            self._render(out.write, lines, [name for name in columns if name != "PurchaseOrder"])
        with file.open("rb") as written:
            self._bytes = mmap.mmap(written.fileno(), 0, access=mmap.ACCESS_READ)

    def _render(self, write: Callable[[bytes], int], lines: int, columns: Sequence[str]) -> None:
        world = build_world(WorldOptions(orders=ORDERS_A_BLOCK, lines=LINES_A_BLOCK, invoices=0))
        encode = msgspec.json.Encoder(decimal_format="number").encode
        block = [
            (
                int(str(row["PurchaseOrder"])) - FIRST_ORDER,
                row["Line"] == 1,
                b'",' + encode({name: _shown(row[name]) for name in columns})[1:],
            )
            for row in world.tables[TABLE]
        ]
        place = 0
        for repeat in range(lines // LINES_A_BLOCK):
            for order, begins, rest in block:
                if begins:
                    self._first_row.append(len(self._starts))
                row = b'{"PurchaseOrder":"' + order_number(order + repeat * ORDERS_A_BLOCK).encode() + rest
                self._starts.append(place)
                place += write(row + b",")
        self._starts.append(place)
        self._first_row.append(len(self._starts) - 1)

    def _row_of(self, order: str) -> int:
        index = int(order) - FIRST_ORDER
        return self._first_row[min(max(index, 0), len(self._first_row) - 1)]

    def page(self, filter_text: str, top: int, skip: int) -> memoryview | None:
        """The rows, without the brackets around them; None for a filter that is not understood."""
        first, end = 0, len(self._starts) - 1
        if filter_text:
            within = _RANGE.match(filter_text)
            if within is None:
                return None
            first, end = self._row_of(within[1]), self._row_of(str(int(within[2]) + 1))
            if within.end() < len(filter_text):
                after = _AFTER.fullmatch(filter_text, within.end())
                if after is None:
                    return None
                order, line = after.groups()
                first = max(first, min(self._row_of(order) + int(line), self._row_of(str(int(order) + 1))))
        first = min(first + skip, end)
        last = min(first + min(top, ROW_CAP), end)
        # The comma after the last row is left out.
        return memoryview(self._bytes)[self._starts[first] : max(self._starts[last] - 1, self._starts[first])]


def _shown(value: object) -> object:
    return f"{value.isoformat()}T00:00:00Z" if hasattr(value, "isoformat") else value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    lines: OrderLines
    _expected = "Basic " + b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()

    def do_GET(self) -> None:
        """Answer one query."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.headers.get("Authorization") != self._expected:
            return self._answer(401)
        if not unquote(parts.path).endswith(f"/{COMPANY}/{TABLE}"):
            return self._answer(404)
        if query.get("$select", self.lines.columns) != self.lines.columns:
            return self._answer(400)
        if query.get("$orderby", "PurchaseOrder,Line") != "PurchaseOrder,Line":
            return self._answer(400)
        rows = self.lines.page(
            query.get("$filter", ""), int(query.get("$top", ROW_CAP)), int(query.get("$skip", 0))
        )
        return self._answer(400) if rows is None else self._answer(200, rows)

    def _answer(self, status: int, rows: memoryview | bytes = b"") -> None:
        head, tail = b'{"@odata.context":"$metadata#PorMasterDetail","value":[', b"]}"
        self.send_response(status)
        self.send_header("Content-Type", "application/json; odata.metadata=minimal")
        self.send_header("Content-Length", str(len(head) + len(rows) + len(tail)))
        self.end_headers()
        self.wfile.write(head)
        self.wfile.write(rows)
        self.wfile.write(tail)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
        """Say nothing."""


def _serve(pipe: Connection, file: Path, lines: int, columns: Sequence[str]) -> None:
    _Handler.lines = OrderLines(file, lines, columns)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        pipe.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def serving(folder: Path, lines: int, columns: Sequence[str]) -> Iterator[str]:
    """Base URL of the service with `lines` order lines, in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_serve, args=(theirs, folder / "lines.json", lines, columns), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/odata"
    finally:
        process.kill()
        process.join()
