"""What the proof says in the end: a table for the terminal, and the page docs/proof.md.

No date and no place of this machine: the page of two equal runs differs only in what chance decides.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from connector_defs.points import POINTS
from connector_tests.proof.evidence import Shown
from connector_tests.proof.judge import INVARIANTS
from connector_tests.proof.kinds import KINDS
from connector_tests.proof.mutations import MUTATIONS
from connector_tests.proof.tally import Tally, total

_SHOWN_AT_MOST = 40
_COLUMNS = (
    "scenarios",
    "runs",
    "kills",
    "invoices",
    "lost",
    "doubled",
    "wrong",
    "sessions left",
    "audit breaks",
)
_OPENING = """# Proof

Written by `make proof`. One process holds both simulated systems; the connector works beside it in processes of
its own, which are killed with SIGKILL. Then the ledgers of both systems and the connector's store are compared,
invoice by invoice and line by line, against what was approved. SYSPRO's own check for duplicate numbers is off
throughout: nothing but the connector keeps an invoice from standing twice.
"""


def _cells(tally: Tally) -> list[str]:
    counted = (
        tally.scenarios,
        tally.runs,
        sum(tally.kills.values()),
        tally.invoices,
        tally.lost,
        tally.doubled,
        tally.wrong,
        tally.sessions,
        tally.audit,
    )
    return [f"{number:,}" for number in counted]


def show(console: Console, tallies: Sequence[Tally]) -> None:
    """The table, and everything that is off."""
    table = Table("part", title="Proof")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for tally in tallies:
        table.add_row(tally.part, *_cells(tally), style="" if tally.clean else "red")
    table.add_section()
    table.add_row("all", *_cells(total("all", tallies)))
    console.print(table)
    flaws = [flaw for tally in tallies for flaw in tally.flaws]
    for flaw in flaws[:_SHOWN_AT_MOST]:
        console.print(flaw, style="red", markup=False, highlight=False)
    if len(flaws) > _SHOWN_AT_MOST:
        console.print(f"… and {len(flaws) - _SHOWN_AT_MOST} more", style="red")
    console.print("Nothing is off." if not flaws else f"{len(flaws)} things are off.", style="bold")


def write(file: Path, tallies: Sequence[Tally], shown: Sequence[Shown], command: str) -> None:
    """The page docs/proof.md."""
    whole = total("all", tallies)
    parts = [_OPENING, f"Command: `{command}`\n", _table(tallies, whole), _flaws(whole)]
    parts += [_invariants(), _points(whole.kills), _kinds(), _mutations(tallies), _entries(shown)]
    notes = [note for tally in tallies for note in tally.notes if " | " not in note]
    parts.append("## Notes\n\n" + "\n".join(f"- {note}" for note in notes) + "\n" if notes else "")
    file.write_text("\n".join(part for part in parts if part), encoding="utf-8")


def _rows(*rows: Sequence[str]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines) + "\n"
    )


def _table(tallies: Sequence[Tally], whole: Tally) -> str:
    return _rows(
        ["part", *_COLUMNS],
        *([tally.part, *_cells(tally)] for tally in tallies),
        ["**all**", *_cells(whole)],
    )


def _flaws(whole: Tally) -> str:
    if whole.clean:
        return "Nothing is off.\n"
    return "## What is off\n\n" + "\n".join(f"- {flaw}" for flaw in whole.flaws) + "\n"


def _invariants() -> str:
    return "## What is judged\n\n" + _rows(
        ["", "invariant"], *([name, told] for name, told in INVARIANTS.items())
    )


def _points(kills: Counter[str]) -> str:
    rows = [[f"`{name}`", told, f"{kills[name]:,}"] for name, told in POINTS.items()]
    others = [[name, "", f"{number:,}"] for name, number in kills.items() if name not in POINTS]
    return "## Kills by point\n\n" + _rows(["point", "what has happened there", "kills"], *rows, *others)


def _kinds() -> str:
    told = ", ".join(kind.name for kind in KINDS)
    return f"## Kinds of invoices\n\nThe crash harness kills at every point of its flows with each on its way: {told}.\n"


def _mutations(tallies: Sequence[Tally]) -> str:
    notes = [note.split(" | ") for tally in tallies for note in tally.notes if " | " in note]
    if not notes:
        return ""
    told = "Each protection switched off in turn, in its own scenario, which is clean while the protection is on.\n\n"
    rows = [[name, MUTATIONS[name].meaning, invariant, first] for name, _, invariant, first in notes]
    head = ["protection", "switched off", "must break", "what the proof said"]
    return "## A proof that can fail\n\n" + told + _rows(head, *rows)


def _entries(shown: Sequence[Shown]) -> str:
    if not shown:
        return ""
    rows = [
        [
            one.entry,
            one.meaning,
            one.outcome,
            "; ".join(f"{test.title} (`{test.file}`)" for test, _ in one.tests),
        ]
        for one in shown
    ]
    return "## Faults and hostile inputs\n\n" + _rows(["", "what happens", "outcome", "shown by"], *rows)
