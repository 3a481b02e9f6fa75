"""Bytes made to exhaust whoever reads them, handed to every parser: none takes 2 s, 200 MB, or anything by surprise.

Everything is read in one process of its own, which gets no more memory at four gigabytes; the peak of memory
and the processor time of each case are its own. With a smaller `--size` it is the same in less time, for the tests.
"""

import argparse
import ctypes
import gc
import io
import json
import logging
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import httpx

import connector_tests
from connector_defs.syspro import tables
from connector_tests.basware.builders import tokens
from connector_tests.proof.gates import (
    REFUSALS,
    Gate,
    Served,
    basware,
    enet,
    gates,
    odata,
)
from connector_tests.proof.samples import unzipped, workbook, zipped
from connector_tests.proof.tally import Tally

MOST_SECONDS = 2.0
MOST_BYTES = 200_000_000
FULL = 50_000_000
LEAN = 300_000
_GUARD = 4_000_000_000
_ROOT = Path(connector_tests.__file__).parent.parent


@dataclass(frozen=True)
class Bomb:
    """`kinds` of parsers it is made for; `refused`: a parser that is not lenient must not take it."""

    name: str
    kinds: str
    make: Callable[[int], bytes]
    refused: bool = True
    wrapped: bool = True


@dataclass(frozen=True)
class Result:
    """One bomb at one parser. `flaw` is empty where it was met as it must be."""

    gate: str
    bomb: str
    outcome: str
    seconds: float
    megabytes: float
    flaw: str


def _fill(unit: bytes, size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    return before + unit * (size // len(unit)) + after


def _laughs(body: str = "<a>&l9;</a>") -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE a [<!ENTITY l0 "lol">{levels}]>{body}'.encode()


def _quadratic(size: int) -> bytes:
    return b'<!DOCTYPE a [<!ENTITY b "%b">]><a>%b</a>' % (b"x" * (size // 100), b"&b;" * (size // 300))


def _doctype(inner: str) -> Callable[[int], bytes]:
    return lambda _: f"<!DOCTYPE a [{inner}]><a>&x;</a>".encode()


def _gzip(size: int, unit: bytes = b" ") -> bytes:
    """`size` bytes of one sign by gzip. The end is missing, and nobody gets there."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = packing.compress(unit * 1_000_000) + packing.flush(zlib.Z_FULL_FLUSH)
    again = packing.compress(unit * 1_000_000) + packing.flush(zlib.Z_FULL_FLUSH)
    return piece + again * (size // 1_000_000)


def _zip(size: int, method: int = zipfile.ZIP_DEFLATED, name: str = "a.json") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive, archive.open(name, "w") as member:
        for _ in range(size // 1_000_000):
            member.write(b" " * 1_000_000)
    return packed.getvalue()


def _many_members(size: int) -> bytes:
    """A zip that lists the same empty member again and again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", b"")
    whole = packed.getvalue()
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry = whole[start:end]
    count = size // len(entry)
    listing = entry * count
    counts = struct.pack("<HHII", *[min(count, 0xFFFE)] * 2, len(listing), start)
    return whole[:start] + listing + whole[end : end + 8] + counts + b"\0\0"


def _workbook_with(**parts: bytes) -> bytes:
    members = unzipped(workbook())
    for name, content in parts.items():
        members[
            {"sheet": "xl/worksheets/sheet1.xml", "styles": "xl/styles.xml"}.get(name, "xl/sharedStrings.xml")
        ] = content
    return zipped(members)


def _sheet(inner: bytes) -> bytes:
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return b"<worksheet %b><sheetData>%b</sheetData></worksheet>" % (space, inner)


def _far_cell(_: int) -> bytes:
    header = b'<row r="1"><c r="A1" t="inlineStr"><is><t>account_code</t></is></c></row>'
    far = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    return _workbook_with(sheet=_sheet(header + far))


_EMPTY_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0"


def _nested(size: int) -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packing.compress(_gzip(size * 20)) + packing.flush()


# The number of bytes stands for 50 MB in full. What must pass the first look at its size is given a size of its own.
BOMBS: tuple[Bomb, ...] = (
    Bomb("billion laughs", "xml", lambda _: _laughs()),
    Bomb("billion laughs in an attribute", "xml", lambda _: _laughs('<a b="&l9;"/>')),
    Bomb("billion laughs in UTF-16", "xml", lambda _: _laughs().decode().encode("utf-16")),
    Bomb(
        "billion laughs in a wrapper",
        "xml",
        lambda _: b"<string>%b</string>" % _laughs().replace(b"<", b"&lt;"),
    ),
    Bomb("quadratic blow-up", "xml", lambda size: _quadratic(min(size, 6_000_000))),
    Bomb("external entity", "xml", _doctype('<!ENTITY x SYSTEM "file:///etc/passwd">')),
    Bomb("external entity by http", "xml", _doctype('<!ENTITY x SYSTEM "http://127.0.0.1:9/">')),
    Bomb(
        "parameter entity", "xml", _doctype('<!ENTITY % p SYSTEM "file:///etc/passwd"> %p; <!ENTITY x "y">')
    ),
    Bomb("external DTD", "xml", lambda _: b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
    Bomb(
        "XInclude",
        "xml",
        lambda _: (
            b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include parse="text" href="/etc/passwd"/></a>'
        ),
        refused=False,
    ),
    Bomb("10,000 levels of elements", "xml", lambda _: b"<a>" * 10_000 + b"</a>" * 10_000),
    Bomb("elements without end", "xml", lambda size: _fill(b"<a>", size)),
    Bomb("many elements", "xml", lambda size: _fill(b"<a/>", size, b"<r>", b"</r>")),
    Bomb(
        "many small elements under the limit",
        "xml",
        lambda _: _fill(b"<Key/>", 590_000, b"<r>", b"</r>"),
        False,
    ),
    Bomb("one long text", "xml", lambda size: _fill(b"x", size, b"<a>", b"</a>"), refused=False),
    Bomb("blanks", "xml", lambda size: _fill(b" ", min(size, 7_000_000), b"<a>", b"</a>"), False),
    Bomb("an attribute of 1 MB", "xml", lambda _: _fill(b"x", 1_000_000, b'<a b="', b'"/>'), False),
    Bomb(
        "a million attributes",
        "xml",
        lambda size: b"<a %b/>" % b" ".join(b'a%d=""' % number for number in range(size // 50)),
    ),
    Bomb("a name of 1 MB", "xml", lambda _: _fill(b"x", 1_000_000, b"<", b"/>")),
    Bomb("comments", "xml", lambda size: _fill(b"<!---->", size, b"<a>", b"</a>")),
    Bomb(
        "a million digits",
        "xml",
        lambda _: _fill(b"9", 1_000_000, b"<a><RowsReturned>", b"</RowsReturned></a>"),
        False,
    ),
    Bomb(
        "5,000 digits",
        "xml",
        lambda _: _fill(b"9", 5_000, b"<a><ItemsInvalid>", b"</ItemsInvalid></a>"),
        False,
    ),
    Bomb(
        "UTF-7 declared",
        "xml",
        lambda _: b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-b/+AD4-\xe9</a>',
        False,
    ),
    Bomb(
        "punycode declared",
        "xml",
        lambda size: _fill(
            b"a", min(size, 4_000_000), b'<?xml version="1.0" encoding="punycode"?><a>\xe9', b"-a</a>"
        ),
        False,
    ),
    Bomb("UTF-16 without a mark", "xml", lambda _: "<a>Łódź</a>".encode("utf-16-le"), False),
    Bomb("UTF-32", "xml", lambda _: "<a>Łódź</a>".encode("utf-32"), False),
    Bomb("NUL", "xml", lambda _: b"<a>\0\0</a>", False),
    Bomb("script without end", "page", lambda size: _fill(b"<script ", size)),
    Bomb("brackets", "page", lambda size: _fill(b"<", size)),
    Bomb("a character of 5,000 digits", "page", lambda _: _fill(b"9", 5_000, b"<p>&#", b";</p>")),
    Bomb("one long page", "page", lambda size: _fill(b"x", size)),
    Bomb("10,000 lists", "json file", lambda _: b"[" * 10_000 + b"]" * 10_000),
    Bomb("10,000 objects", "json file", lambda _: b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    Bomb("lists without end", "json file", lambda size: _fill(b"[", size, b"\n")),
    Bomb("900 levels", "json file", lambda _: b"[" * 900 + b"]" * 900),
    Bomb("one long text", "json file", lambda size: _fill(b"x", size, b'"', b'"')),
    Bomb(
        "one long text of wide signs",
        "json",
        lambda size: _fill(b"x", min(size, 19_900_000), '"😀'.encode(), b'"'),
    ),
    Bomb("empty lists", "json file", lambda size: _fill(b"[],", min(size, 19_900_000), b"[", b"[]]")),
    Bomb("empty objects", "json file", lambda size: _fill(b"{},", min(size, 19_900_000), b"", b"{}")),
    Bomb("small objects", "json file", lambda size: _fill(b'{"a":1},', min(size, 19_900_000), b"[", b"1]")),
    Bomb("numbers", "json", lambda size: _fill(b"1.5,", min(size, 5_000_000), b"[", b"1]")),
    Bomb("NaN upon NaN", "json", lambda size: _fill(b"NaN,", min(size, 5_000_000), b"[", b"1]")),
    Bomb(
        "a million elements for an object",
        "json file",
        lambda size: _fill(b"1,", min(size // 25, 2_000_000), b"[", b"1]"),
    ),
    Bomb(
        "many keys",
        "json",
        lambda size: b"{%b}" % b",".join(b'"k%d":1' % number for number in range(size // 50)),
    ),
    Bomb("one key, again and again", "json", lambda size: b"{%b}" % b",".join([b'"k":1'] * (size // 50))),
    Bomb("a key of 1 MB", "json", lambda _: _fill(b"x", 1_000_000, b'{"', b'": 1, "y": 1}'), False),
    Bomb("a number of a million digits", "json file", lambda _: b'{"a": %b}' % (b"9" * 900_000)),
    Bomb("a number of 5,000 digits", "json file", lambda _: b'{"a": %b}' % (b"9" * 5_000)),
    Bomb("a small exponent", "json file", lambda _: b'{"a": 1E-2000000000}'),
    Bomb("a large exponent", "json file", lambda _: b'{"a": 1E2000000000}'),
    Bomb(
        "a key that occurs twice",
        "json file",
        lambda _: b'{"Supplier": "1", "PurchaseOrder": "1", "Supplier": "2"}',
    ),
    Bomb("NaN", "json file", lambda _: b'{"a": NaN}'),
    Bomb("UTF-16", "json", lambda _: '{"Łódź": 1}'.encode("utf-16"), wrapped=False),
    Bomb("UTF-16", "csv toml file", lambda _: ("a,b\n" * 3).encode("utf-16"), wrapped=False),
    Bomb("UTF-32", "json csv toml file", lambda _: '{"Łódź": 1}'.encode("utf-32"), wrapped=False),
    Bomb("no UTF-8", "json toml file", lambda _: b'{"a": "\xff\xfe\x80"}', wrapped=False),
    Bomb(
        "half a character",
        "json file",
        lambda _: b'{"Supplier": "\\ud800", "PurchaseOrder": "\\udfff"}',
        False,
    ),
    Bomb("NUL", "json csv toml file", lambda _: b'{"a": "\0"}\n', wrapped=False),
    Bomb("a gzip bomb", "file", lambda size: _gzip(size * 20), wrapped=False),
    Bomb("a gzip bomb of brackets", "file", lambda size: _gzip(size * 20, b"["), wrapped=False),
    Bomb("a gzip file within a gzip file", "file", _nested, wrapped=False),
    Bomb(
        "gzip with a long name",
        "file",
        lambda size: b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"n" * size,
        wrapped=False,
    ),
    Bomb("a million empty gzip files", "file", lambda size: _fill(_EMPTY_GZIP, size // 2), wrapped=False),
    Bomb("a zip bomb", "file", lambda size: _zip(size * 4), wrapped=False),
    Bomb("a zip bomb by bzip2", "file", lambda size: _zip(size * 4, zipfile.ZIP_BZIP2), wrapped=False),
    Bomb("a zip bomb by LZMA", "file", lambda size: _zip(size * 2, zipfile.ZIP_LZMA), wrapped=False),
    Bomb("a zip of a million members", "file xlsx", _many_members, wrapped=False),
    Bomb("many columns", "csv file", lambda size: _fill(b"a,", size // 50) + b"\n", wrapped=False),
    Bomb("many columns under the limit", "file", lambda _: _fill(b"a;", 3_900), wrapped=False),
    Bomb(
        "a quotation mark without end",
        "csv file",
        lambda size: b'ID;B\n"' + b"x;\n" * (size // 3),
        wrapped=False,
    ),
    Bomb(
        "one record of a million cells",
        "csv file",
        lambda size: b"ID;B\n" + b'"\n";' * (size // 4),
        wrapped=False,
    ),
    Bomb("one long line", "csv toml", lambda size: _fill(b"x", size), wrapped=False),
    Bomb("many short lines", "csv toml", lambda size: _fill(b"a\n", size), wrapped=False),
    Bomb(
        "many wrong lines",
        "csv",
        lambda size: _fill(b"a\n", min(size, 9_000_000), b"CostCenter,Description\n"),
        wrapped=False,
    ),
    Bomb("a cell in the last row and column", "xlsx", _far_cell, wrapped=False),
    Bomb(
        "a row number without end",
        "xlsx",
        lambda _: _workbook_with(sheet=_sheet(b'<row r="1"/><row r="9999999999"><c r="A1"/></row>')),
        wrapped=False,
    ),
    Bomb(
        "a sheet of blanks",
        "xlsx",
        lambda size: _workbook_with(sheet=_sheet(b" " * (size * 4))),
        wrapped=False,
    ),
    Bomb(
        "texts without number",
        "xlsx",
        lambda size: _workbook_with(shared=b"<sst>%b</sst>" % (b"<si><t/></si>" * (size // 13))),
        refused=False,
        wrapped=False,
    ),
    Bomb(
        "billion laughs",
        "xlsx",
        lambda _: _workbook_with(sheet=_laughs(_sheet(b"&l9;").decode())),
        wrapped=False,
    ),
    Bomb(
        "external entity",
        "xlsx",
        lambda _: _workbook_with(
            sheet=b'<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            + _sheet(b'<row r="1"><c t="inlineStr"><is><t>&x;</t></is></c></row>')
        ),
        wrapped=False,
    ),
    Bomb("formats without number", "xlsx", lambda size: _workbook_with(styles=b" " * size), wrapped=False),
    Bomb("10,000 lists", "toml", lambda _: b"a = " + b"[" * 10_000, wrapped=False),
    Bomb("10,000 tables", "toml", lambda _: b"a = " + b"{a=" * 10_000, wrapped=False),
    Bomb("a number of 5,000 digits", "toml", lambda _: b"a = " + b"9" * 5_000, wrapped=False),
    Bomb("a number of 5,000 digits", "text", lambda _: b"9" * 5_000, wrapped=False),
    Bomb("a number of a million digits", "text", lambda _: b"9" * 1_000_000, wrapped=False),
    Bomb("digits of another kind", "text", lambda _: "²³１２".encode(), refused=False, wrapped=False),
    Bomb("a year beyond all", "text", lambda _: b"Thu, 26 Nov 99999999 12:00:00 +9999", wrapped=False),
    Bomb("one long text", "text", lambda size: _fill(b"x", size), wrapped=False),
)


def _packed_answers(size: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """What Content-Encoding can do, at each client of ours."""
    swelling = _gzip(size * 20)
    for name, encoding, body in (
        ("a gzip bomb for an answer", "gzip", swelling),
        ("gzip within gzip for an answer", "gzip, gzip", _nested(size)),
        ("gzip a hundred times for an answer", ", ".join(["gzip"] * 100), swelling),
        ("an answer in another packing", "br", b"\x8b\x03"),
        ("an answer that is not packed as it says", "gzip", b"{}"),
        ("an answer cut off amid gzip", "gzip", zlib.compress(b"{}" * 9_000)[:20]),
    ):

        def answer(request: httpx.Request, encoding: str = encoding, body: bytes = body) -> httpx.Response:
            if request.url.path.endswith("/v1/tokens") and request.url.host == "api.basware.com":
                return httpx.Response(200, json={"access_token": "t", "expires_in": 60})
            return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=Served(body))

        yield "e.net", name, lambda answer=answer: enet(answer).query("s", "COMFND", "<q/>")
        yield "OData", name, lambda answer=answer: next(odata(answer).pages(tables.AP_SUPPLIER))
        yield "Basware", name, lambda answer=answer: list(basware(answer).documents("1000", "Waiting"))
        yield (
            "token",
            name,
            lambda answer=answer: tokens(
                lambda request: answer(httpx.Request("GET", "https://x.example/"))
            ).token(),
        )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not tell {name}")


def _measured(gate: str, bomb: str, feed: Callable[[], object], refused: bool, *, timed: bool) -> Result:
    gc.collect()
    _libc().malloc_trim(0)
    # From here on the peak is counted anew.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begun = _status("VmRSS"), time.process_time()
    flaw = ""
    try:
        feed()
        outcome = "read"
    except REFUSALS as refusal:
        outcome = f"{type(refusal).__name__}: {str(refusal)[:200]}"
        if len(str(refusal)) > 5_000:
            flaw = f"a text of {len(str(refusal))} characters for a refusal"
    except BaseException as error:  # noqa: BLE001 - whatever it was, nobody expects it
        outcome = f"{type(error).__name__}: {str(error)[:200]}"
        flaw = f"ended in {outcome}"
    seconds, grown = time.process_time() - begun, _status("VmHWM") - before
    if outcome == "read" and refused:
        flaw = "was taken"
    if timed and seconds > MOST_SECONDS:
        flaw = f"took {seconds:.1f} s"
    if grown > MOST_BYTES:
        flaw = f"took {grown / 1e6:.0f} MB"
    return Result(gate, bomb, outcome, round(seconds, 3), round(grown / 1e6, 1), flaw)


def cases(size: int, folder: Path) -> Iterator[tuple[str, str, Callable[[], object], bool]]:
    """Every bomb at every parser of its kind: names, what to do, whether it must be refused.

    Below their full size each meets two of them, not always the same.
    """
    everyone = gates()
    met: Counter[str] = Counter()
    for bomb in BOMBS:
        meant = [gate for gate in everyone if gate.kind in bomb.kinds.split()]
        if size < FULL:
            meant = sorted(meant, key=lambda gate: met[gate.name])[:2]
        met.update(gate.name for gate in meant)
        for gate in meant:
            body = bomb.make(size)
            bodies = [("", body)]
            if bomb.wrapped and gate.around[0]:
                bodies.append((" in its place", gate.around[0] + body + gate.around[1]))
            for place, one in bodies:

                def feed(gate: Gate = gate, one: bytes = one) -> object:
                    return gate.feed(one, folder)

                yield gate.name, f"{bomb.name}{place}", feed, bomb.refused and not gate.lenient
    for name, bomb_name, feed in _packed_answers(size):
        yield name, bomb_name, feed, True


def burst(size: int) -> Iterator[Result]:
    """All cases in this process."""
    # What is there from the beginning need not be looked through before every case.
    gc.freeze()
    resource.setrlimit(resource.RLIMIT_DATA, (_status("VmData") + _GUARD,) * 2)
    with tempfile.TemporaryDirectory(prefix="connector-bombs-") as place:
        for case in cases(size, Path(place)):
            # Tests are not timed: beside others, and watched by coverage, everything takes longer.
            yield _measured(*case, timed=size >= FULL)


def in_a_process_of_its_own(size: int) -> list[Result]:
    """All cases, where nothing they do can harm this process."""
    ended = subprocess.run(
        [sys.executable, "-m", "connector_tests.proof.bombs", "--size", str(size)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(
            f"the process that reads the bombs ended with {ended.returncode}: {ended.stderr[-2000:]}"
        )
    return [Result(**json.loads(line)) for line in ended.stdout.splitlines()]


def run() -> Tally:
    """All bombs at full size."""
    results = in_a_process_of_its_own(FULL)
    tally = Tally("bombs", scenarios=len(BOMBS), runs=len(results))
    for result in results:
        if result.flaw:
            tally.fail(f"{result.bomb} at {result.gate}", result.flaw)
    slowest = max(results, key=lambda one: one.seconds)
    widest = max(results, key=lambda one: one.megabytes)
    tally.notes.append(
        f"{len(results):,} bombs met {len(gates())} parsers. The longest took {slowest.seconds:.1f} s "
        f"({slowest.bomb} at {slowest.gate}), the largest {widest.megabytes:.0f} MB ({widest.bomb} at {widest.gate})."
    )
    return tally


def main() -> int:
    """Print one line of JSON for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=FULL)
    logging.disable(logging.CRITICAL)
    for result in burst(parser.parse_args().size):
        print(json.dumps(asdict(result)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
