"""The receiver of notifications at length: a burst, kills amid bursts, and requests by chance.

Belongs here: how long each is, and what is counted. What happens in them is in `connector_tests.console`.
"""

import random
import tempfile
from pathlib import Path

from connector_tests.console.burst import CONNECTIONS, burst, killed_burst
from connector_tests.console.fuzz import fuzz
from connector_tests.proof.tally import Tally

BURST = 5_000
KILLS, KILLED_BURST = 10, 1_000
FUZZ_SECONDS = 60.0
_LONGEST_P99 = 1.0


def run(seed: int) -> Tally:
    """All three; the notes have the figures."""
    tally = Tally("webhook", scenarios=2 + KILLS, runs=1 + 2 * KILLS)
    with tempfile.TemporaryDirectory(prefix="connector-webhook-") as place:
        folder = Path(place)
        _burst(_new(folder, "burst"), tally)
        dice = random.Random(seed)
        for number in range(KILLS):
            for flaw in killed_burst(_new(folder, f"kill-{number}"), KILLED_BURST, dice).flaws:
                tally.fail(f"kill {number} amid a burst, seed {seed}", flaw)
            tally.kills["connector serve, amid a burst"] += 1
        _fuzz(_new(folder, "fuzz"), seed, tally)
    return tally


def _new(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _burst(folder: Path, tally: Tally) -> None:
    outcome = burst(folder, BURST)
    for flaw in outcome.flaws:
        tally.fail("burst", flaw)
    if outcome.p99 >= _LONGEST_P99:
        tally.fail("burst", f"the 99th percentile of the answers is {outcome.p99:.2f} s")
    tally.notes.append(
        f"{BURST:,} signed notifications from {CONNECTIONS} connections: {outcome.answered / outcome.seconds:,.0f} a "
        f"second, half of them answered within {outcome.p50 * 1000:.0f} ms, 99 of 100 within {outcome.p99 * 1000:.0f} ms"
    )


def _fuzz(folder: Path, seed: int, tally: Tally) -> None:
    found = fuzz(folder, FUZZ_SECONDS, seed * 100_000)
    for flaw in found.flaws:
        tally.fail("requests by chance", flaw)
    told = ", ".join(
        f"{status or 'cut off'}: {number:,}" for status, number in sorted(found.statuses.items())
    )
    tally.notes.append(
        f"{found.requests:,} requests to the webhook by chance in {FUZZ_SECONDS:.0f} s: {told}"
    )
