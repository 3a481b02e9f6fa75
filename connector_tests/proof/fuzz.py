"""Honest documents, spoilt in every way, handed to every parser: it reads them or refuses them, and nothing else.

Bytes are flipped, cut, doubled; values take each other's places, turn into another type, into what no system
stores, into far too much. Each parser has a process of its own: a crash of native code is a finding like any other.
"""

import argparse
import gzip
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import connector_tests
from connector_tests.proof.gates import REFUSALS, Gate, gates
from connector_tests.proof.samples import unzipped, zipped
from connector_tests.proof.tally import Tally

SECONDS = 60.0
_AT_ONCE = 200
_LAST = "last"
_LONGEST_TEXT = 5_000
_ROOT = Path(connector_tests.__file__).parent.parent
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|<[^<>]*>|-?\d[\d.eE+-]*|[A-Za-z_]+|[^\s]', re.DOTALL)
_NASTY: tuple[bytes, ...] = tuple(
    piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")
    for piece in (
        *(
            "null",
            "true",
            "[]",
            "{}",
            '""',
            "0",
            "-0.00",
            "1E3",
            "1e400",
            "1E-2000000000",
            "NaN",
            "-Infinity",
        ),
        *("9" * 40, "9" * 5_000, "0." + "1" * 400, "1_000", "１２", "²", "1.234,56", "1,234.56", "+1", "-"),
        *(
            '"\\ud800"',
            '"\\u0000"',
            '"\\ufffe"',
            '"\\ud83d\\ude00"',
            '"=1+1"',
            '"' + "x" * 3_000 + '"',
            "\\",
            '"',
        ),
        *("[" * 70, "[" * 1_200, '{"a":' * 1_200, "{", "}", "]", ",", ":", ";", "\n", "\r", "\t", "'", '""'),
        *(
            "<a>",
            "</a>",
            "<a/>",
            "<!DOCTYPE a>",
            "<!--",
            "<![CDATA[",
            "]]>",
            "&x;",
            "&#0;",
            "&#xD800;",
            "<?xml?>",
        ),
        *("<a>" * 300, '<?xml version="1.0" encoding="UTF-7"?>', "&#" + "9" * 5_000 + ";", "<Key><TrnYear>"),
        *("0001-01-01", "9999-12-31T23:59:59.9999999Z", "2026-02-29", "0000-00-00", "20260131", "2026-W05-1"),
        *("2026-01-31T00:00:00+99:99", "Thu, 99 Foo 99999 99:99:99 +9999", "Thu, 01 Jan 0001 00:00:00 -9999"),
        *(
            "\0",
            "\x0b",
            "\x1f",
            "\x7f",
            "\x85",
            "\u2028",
            "\ufeff",
            "\ufffe",
            "\uffff",
            "\ud800",
            "ﷺ",
            "😀",
            "İ",
        ),
        *(
            b"\xff",
            b"\xfe\xff",
            b"\xff\xfe",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xef\xbb\xbf",
            b"\x81\x8d",
            b"PK\x03\x04",
        ),
        *("Supplier", "PurchaseOrder", "invoiceId", "value", "error", "accountingDocuments", "requestStatus"),
    )
)

Change = tuple[str, float, float, int]
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("flip", "cut", "double", "insert", "swap", "take", "move", "end")),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 1 << 30),
    ),
    min_size=1,
    max_size=6,
)
_NOISE = st.text(st.characters(), max_size=12)


def spoilt(body: bytes, changes: list[Change], noise: str) -> bytes:
    """The body with the changes made, one after the other."""
    for kind, where, share, number in changes:
        at = int(where * len(body))
        length = int(share * share * (len(body) - at))
        piece = (
            _NASTY[number % (len(_NASTY) + 1)] if number % (len(_NASTY) + 1) < len(_NASTY) else _bytes(noise)
        )
        match kind:
            case "flip" if body:
                body = body[:at] + bytes([body[at] ^ (1 + number % 255)]) + body[at + 1 :]
            case "cut":
                body = body[:at] + body[at + length :]
            case "double":
                body = body[: at + length] + body[at:]
            case "insert":
                body = body[:at] + piece + body[at:]
            case "end":
                body = body[:at]
            case "swap" | "take" | "move":
                body = _at_a_token(body, where, share, piece, kind)
    return body


def _bytes(noise: str) -> bytes:
    return noise.encode("utf-8", "surrogatepass")


def _at_a_token(body: bytes, where: float, share: float, piece: bytes, kind: str) -> bytes:
    """One value, sign or tag replaced by a nasty one, taken away, or replaced by another one of the document."""
    found = [token.span() for token in _TOKEN.finditer(body)]
    if not found:
        return piece
    start, end = found[int(where * len(found))]
    if kind == "take":
        piece = b""
    if kind == "move":
        first, last = found[int(share * len(found))]
        piece = body[first:last]
    return body[:start] + piece + body[end:]


def _packed(gate: Gate, sample: bytes, change: Callable[[bytes], bytes], number: int) -> bytes:
    """A sample that is packed is spoilt inside, or its packing is."""
    inside = number % 4
    if sample.startswith(b"PK") and inside:
        members = unzipped(sample)
        name = sorted(members)[number // 4 % len(members)]
        return zipped({**members, name: change(members[name])})
    if sample.startswith(b"\x1f\x8b") and inside:
        return gzip.compress(change(gzip.decompress(sample)), 1, mtime=0)
    body = change(sample)
    # Now and then plain bytes arrive packed after all.
    return gzip.compress(body, 1, mtime=0) if gate.kind == "file" and number % 17 == 0 else body


@dataclass
class Outcome:
    """What came of one parser: `read` and `refused` count cases, `findings` are what must not have happened."""

    gate: str
    read: int
    refused: int
    findings: list[str]

    @property
    def cases(self) -> int:
        """All of them."""
        return self.read + self.refused


def fuzz(gate: Gate, seconds: float, first_seed: int, folder: Path, most: int = 0) -> Outcome:
    """Spoilt samples until the time is up, or `most` of them; a finding is shown in its smallest form."""
    outcome = Outcome(gate.name, 0, 0, [])
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until and not outcome.findings and not (most and outcome.cases >= most):
        _meet(gate, first_seed * 1_000_003 + number, most or _AT_ONCE, folder, outcome)
        number += 1
    return outcome


def _meet(gate: Gate, number: int, examples: int, folder: Path, outcome: Outcome) -> None:
    last = b""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.sampled_from(gate.samples), _CHANGES, _NOISE, st.integers(0, 1 << 30))
    def meets(sample: bytes, changes: list[Change], noise: str, packing: int) -> None:
        nonlocal last
        last = _packed(gate, sample, lambda plain: spoilt(plain, changes, noise), packing)
        # What is read when native code crashes is there to be looked at.
        (folder / _LAST).write_bytes(last)
        try:
            gate.feed(last, folder)
        except REFUSALS as refusal:
            # Any refusal is right that can be stored and shown.
            told = str(refusal)
            outcome.refused += 1
        else:
            told = ""
            outcome.read += 1
        told.encode("utf-8", "strict")
        if len(told) > _LONGEST_TEXT:
            raise AssertionError(f"a refusal of {len(told)} characters: {told[:200]}")

    try:
        meets()
    except BaseException as error:  # noqa: BLE001 - whatever it was, nobody expects it
        # Hypothesis notes the whole case, which is here already.
        frames = "".join(traceback.format_tb(error.__traceback__)[-5:])
        where = f"{type(error).__name__}: {str(error)[:300]}\n{frames}"
        packed = zlib.compress(last, 9).hex()[:4_000]
        outcome.findings.append(f"seed {number}, {last[:300]!r} (zlib {packed}): {where}")


def in_a_process_of_its_own(gate: str, seconds: float, first_seed: int) -> Outcome:
    """One parser, where a crash ends nothing else."""
    with tempfile.TemporaryDirectory(prefix="connector-fuzz-") as folder:
        ended = subprocess.run(
            [sys.executable, "-m", "connector_tests.proof.fuzz", gate, str(seconds), str(first_seed), folder],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            last = Path(folder, _LAST)
            packed = zlib.compress(last.read_bytes(), 9).hex()[:4_000] if last.exists() else ""
            told = f"the process ended with {ended.returncode}, last read (zlib {packed}): {ended.stderr[-2_000:]}"
            return Outcome(gate, 0, 0, [told])
    return Outcome(**json.loads(ended.stdout))


def run(gate: str, first_seed: int) -> Tally:
    """One parser for a minute."""
    outcome = in_a_process_of_its_own(gate, SECONDS, first_seed)
    tally = Tally("fuzz", scenarios=1, runs=outcome.cases)
    for finding in outcome.findings:
        tally.fail(gate, finding)
    tally.notes.append(
        f"{gate}: {outcome.cases:,} spoilt documents, {outcome.read:,} read and {outcome.refused:,} refused."
    )
    return tally


def main() -> int:
    """One parser; prints its outcome as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gate", choices=[gate.name for gate in gates()])
    parser.add_argument("seconds", type=float)
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    gate = next(one for one in gates() if one.name == chosen.gate)
    print(json.dumps(vars(fuzz(gate, chosen.seconds, chosen.seed, chosen.folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
