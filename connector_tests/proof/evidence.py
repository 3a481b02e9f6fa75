"""Which tests show which fault and which hostile input, and what became of them.

Belongs here: reading names and `covers` markers out of the test sources, and running the tests they name. Not
here: what the numbers mean (`catalogue`).
"""

import ast
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import connector_tests
from connector_tests.proof.catalogue import CATALOGUE
from connector_tests.proof.tally import Tally

_TESTS = Path(connector_tests.__file__).parent
# test_f12_…, test_h3_h8_…
_NAMED = re.compile(r"(?:[fh]\d+_)+")
_SKIPPED = frozenset({"skip", "skipif", "xfail"})


@dataclass(frozen=True, order=True)
class NamedTest:
    """A test function that shows the outcome of some entries of the catalogue."""

    file: str
    path: str
    ids: tuple[str, ...]
    skipped: bool

    @property
    def node(self) -> str:
        """As pytest takes it, from the root of the project."""
        return f"{_TESTS.name}/{self.file}::{self.path}"

    @property
    def title(self) -> str:
        """Its name as a sentence."""
        return self.path.rpartition("::")[2].removeprefix("test_").replace("_", " ")


def named_tests() -> list[NamedTest]:
    """Every test that names entries of the catalogue. Raises ValueError for an entry that does not exist."""
    found = [test for file in sorted(_TESTS.rglob("test_*.py")) for test in _in_file(file)]
    for test in found:
        unknown = set(test.ids) - CATALOGUE.keys()
        if unknown:
            raise ValueError(
                f"{test.node} covers {', '.join(sorted(unknown))}, which the catalogue does not have"
            )
    return found


def by_entry(tests: list[NamedTest]) -> dict[str, list[NamedTest]]:
    """The tests of each entry; entries without any have an empty list. Tests that may be skipped do not count."""
    shown: dict[str, list[NamedTest]] = {entry: [] for entry in CATALOGUE}
    for test in tests:
        for entry in test.ids:
            if not test.skipped:
                shown[entry].append(test)
    return shown


def _in_file(file: Path) -> Iterator[NamedTest]:
    def look(body: list[ast.stmt], outer: str) -> Iterator[NamedTest]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from look(node.body, f"{outer}{node.name}::")
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                ids, skipped = _marked(node)
                named = _NAMED.match(node.name.removeprefix("test_"))
                if named:
                    ids |= {part.upper() for part in named.group().strip("_").split("_")}
                if ids:
                    place = str(file.relative_to(_TESTS))
                    yield NamedTest(place, f"{outer}{node.name}", tuple(sorted(ids, key=_order)), skipped)

    yield from look(ast.parse(file.read_text(encoding="utf-8")).body, "")


def _marked(node: ast.FunctionDef) -> tuple[set[str], bool]:
    """Entries that `covers` names, and whether the test may be skipped."""
    ids: set[str] = set()
    skipped = False
    for decorator in node.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        mark = call.attr if isinstance(call, ast.Attribute) else ""
        skipped = skipped or mark in _SKIPPED
        if mark == "covers" and isinstance(decorator, ast.Call):
            ids |= {ast.literal_eval(argument) for argument in decorator.args}
    return ids, skipped


def _order(entry: str) -> tuple[str, int]:
    return entry[0], int(entry[1:])


@dataclass(frozen=True)
class Shown:
    """One entry of the catalogue with the tests that show it, each passed or not."""

    entry: str
    meaning: str
    tests: tuple[tuple[NamedTest, str], ...]

    @property
    def outcome(self) -> str:
        """passed, failed or missing."""
        if not self.tests:
            return "missing"
        return "passed" if all(outcome == "passed" for _, outcome in self.tests) else "failed"


def run_all(workers: int = 2) -> tuple[Tally, list[Shown]]:
    """Run every named test and say, entry by entry, what became of it."""
    tests = named_tests()
    outcomes, said = _run([test.node for test in tests], workers)
    shown = [
        Shown(
            entry,
            meaning,
            tuple((test, outcomes.get(test.node, "not run")) for test in by_entry(tests)[entry]),
        )
        for entry, meaning in CATALOGUE.items()
    ]
    tally = Tally("faults and hostile inputs", scenarios=len(shown), runs=len(tests))
    for one in shown:
        if one.outcome != "passed":
            told = (
                ", ".join(test.node for test, outcome in one.tests if outcome != "passed")
                or "no test names it"
            )
            tally.fail(f"{one.entry} ({one.meaning})", f"{one.outcome}: {told}")
    if not tally.clean:
        tally.fail("pytest", said)
    return tally, shown


def _run(nodes: list[str], workers: int) -> tuple[dict[str, str], str]:
    """Outcome of each node, passed only where all its cases passed; and what pytest said in the end."""
    with tempfile.TemporaryDirectory(prefix="connector-evidence-") as place:
        report = Path(place, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(workers)]
        command += ["--dist", "worksteal", f"--junitxml={report}", *nodes]
        ended = subprocess.run(command, cwd=_TESTS.parent, capture_output=True, text=True, check=False)
        if not report.exists():
            raise RuntimeError(f"the named tests did not run: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
        cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - written by pytest a moment ago
        found: dict[str, set[str]] = defaultdict(set)
        for case in cases:
            trouble = {child.tag for child in case} & {"failure", "error", "skipped"}
            found[_node_of(case)].add(trouble.pop() if trouble else "passed")
    outcomes = {node: "passed" if all_of == {"passed"} else "failed" for node, all_of in found.items()}
    return outcomes, ended.stdout[-2000:]


def _node_of(case: ET.Element) -> str:
    """`connector_tests.flows.test_x.TestY` and `test_z[case]` as `connector_tests/flows/test_x.py::TestY::test_z`."""
    parts = case.get("classname", "").split(".")
    name = case.get("name", "").partition("[")[0]
    last = max(
        (index for index, part in enumerate(parts) if part.startswith("test_")), default=len(parts) - 1
    )
    return "::".join(["/".join(parts[: last + 1]) + ".py", *parts[last + 1 :], name])
