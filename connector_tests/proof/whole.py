"""The whole proof: all its parts, two at a time; the table on the terminal and in docs/proof.md.

Ends with 1 where anything is off: a breach, a point nobody came to, a fault without a passing test, a protection
whose absence nobody noticed, or a proof that is smaller than it must be.
"""

import argparse
import logging
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

import connector_tests
from connector_defs.points import POINTS
from connector_tests.proof import (
    backfill,
    bombs,
    command,
    crash,
    crowd,
    evidence,
    exposure,
    fuzz,
    gates,
    long_model,
    long_orders,
    planted,
    report,
    rotation,
    webhook,
)
from connector_tests.proof.evidence import Shown
from connector_tests.proof.kinds import KINDS
from connector_tests.proof.tally import Tally, total

PARTS = (
    "crash",
    "orders",
    "model",
    "faults",
    "soak",
    "postgres",
    "mutations",
    "command",
    "backfill",
    "rotation",
    "webhook",
    "secrets",
    "bombs",
)
# A minute at each parser: run by itself where a parser was changed.
ON_DEMAND = ("fuzz",)
_PAGE = Path(connector_tests.__file__).parent.parent / "docs" / "proof.md"
# The rest comes with the table; who watches need not wait for it.
_TOLD_AT_ONCE = 3
_LEAST_KILLS, _LEAST_POINTS, _LEAST_INVOICES = 500, 25, 20_000


@dataclass(frozen=True)
class _Task:
    part: str
    name: str
    work: Callable[[], Tally | tuple[Tally, list[Shown]]]


def _tasks(seed: int) -> Iterator[_Task]:
    """Of all parts; the longest first, so that both processes end together."""
    yield _Task("soak", "soak", partial(crowd.rush, crowd.SOAK, seed))
    yield _Task("postgres", "postgres", partial(crowd.rush_on_postgres, crowd.ON_POSTGRES, seed))
    yield _Task("faults", "faults and hostile inputs", evidence.run_all)
    yield _Task("backfill", "sixty days", backfill.run)
    yield from (_Task("secrets", name, work) for name, work in planted.RUNS.items())
    for gate in gates.gates():
        yield _Task("fuzz", f"fuzz: {gate.name}", partial(fuzz.run, gate.name, seed))
    yield _Task("bombs", "bombs", bombs.run)
    yield _Task("rotation", "secrets and keys changed", partial(rotation.run, seed))
    yield _Task("command", "the command itself", command.run)
    yield _Task("webhook", "the webhook", partial(webhook.run, seed))
    for number in range(long_model.SHARES):
        yield _Task("model", f"model {number + 1}", partial(long_model.run, seed + number))
    points = list(crash.applicable())
    for kind in KINDS:
        yield _Task("crash", f"crash: {kind.name}", partial(crash.crash, kind, points, seed))
    yield _Task("orders", "long orders", partial(long_orders.crash, seed, long_orders.ROUNDS))
    for protection in exposure.EXPOSURES:
        yield _Task("mutations", f"without {protection}", partial(exposure.check, protection, seed))


def prove(parts: Sequence[str], seed: int, console: Console) -> tuple[list[Tally], list[Shown]]:
    """Every part's count, and the entries of the catalogue."""
    found: dict[str, list[Tally]] = {part: [] for part in parts}
    shown: list[Shown] = []
    begun = time.monotonic()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), _quiet) as pool:
        running = {pool.submit(task.work): task for task in _tasks(seed) if task.part in parts}
        for ended in as_completed(running):
            task = running[ended]
            tally, entries = _result(task, ended)
            shown += entries
            found[task.part].append(tally)
            told = "nothing is off" if tally.clean else f"{len(tally.flaws)} things are off"
            console.print(f"{time.monotonic() - begun:6.0f} s  {task.name}: {told}", highlight=False)
            for flaw in tally.flaws[:_TOLD_AT_ONCE]:
                console.print(f"          {flaw}", style="red", markup=False, highlight=False)
            console.file.flush()
    return [total(tallies[0].part, tallies) for tallies in found.values() if tallies], shown


def _result(task: _Task, ended: Future[Tally | tuple[Tally, list[Shown]]]) -> tuple[Tally, list[Shown]]:
    """What a part counted; one that broke down is off, and the others go on."""
    try:
        result = ended.result()
    except Exception:  # noqa: BLE001 - whatever it was, the proof is not made
        broken = Tally(task.part)
        broken.fail(task.name, f"it broke down:\n{traceback.format_exc()}")
        return broken, []
    return result if isinstance(result, tuple) else (result, [])


def _quiet() -> None:
    """Thousands of faults are met as planned; their warnings would bury the one line that matters."""
    os.environ["CONNECTOR_PROOF"] = "1"
    logging.disable(logging.WARNING)
    threading.Thread(target=_end_with_the_proof, daemon=True).start()


def _end_with_the_proof() -> None:
    """A proof that is interrupted leaves no process behind."""
    proof = multiprocessing.parent_process()
    if proof is not None:
        proof.join()
        os._exit(1)


def large_enough(tallies: Sequence[Tally]) -> Tally:
    """Whether the whole proof is as large as it must be."""
    whole, size = total("all", tallies), Tally("size")
    kills = sum(whole.kills.values())
    points = sum(number > 0 for name, number in whole.kills.items() if name in POINTS)
    for what, number, least in (
        ("kills", kills, _LEAST_KILLS),
        ("points", points, _LEAST_POINTS),
        ("invoices", whole.invoices, _LEAST_INVOICES),
    ):
        if number < least:
            size.fail("size of the proof", f"{number:,} {what}, at least {least:,} are due")
    return size


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m connector_tests.proof", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=1, help="decides where every kill and every fault strikes"
    )
    parser.add_argument(
        "--only", choices=(*PARTS, *ON_DEMAND), action="append", help="this part alone; may be repeated"
    )
    chosen = parser.parse_args(words)
    parts = tuple(chosen.only or PARTS)
    console = Console(width=None if sys.stdout.isatty() else 120)
    tallies, shown = prove(parts, chosen.seed, console)
    if parts == PARTS:
        size = large_enough(tallies)
        tallies += [size] if size.flaws else []
        report.write(_PAGE, tallies, shown, f'make proof ARGS="--seed {chosen.seed}"')
    report.show(console, tallies)
    return 0 if all(tally.clean for tally in tallies) else 1
