"""The command itself, as a user starts it, killed and started again: `test_killed_command`, at length."""

import os
import subprocess
import sys
from pathlib import Path

import connector_tests
from connector_tests.proof.tally import Tally
from connector_tests.proof.test_killed_command import INVOICES, ROUNDS_OF_THE_PROOF, STAGES

_ROOT = Path(connector_tests.__file__).parent.parent


def at_length(file: str) -> str | None:
    """A file of this folder in a pytest of its own, at its length of a proof; what pytest says where it fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
    ended = subprocess.run(
        [*command, f"connector_tests/proof/{file}"],
        cwd=_ROOT,
        env={**os.environ, "CONNECTOR_PROOF": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout[-3000:] if ended.returncode else None


def run() -> Tally:
    """Its rounds; one that fails is a flaw with what pytest says."""
    flaw = at_length("test_killed_command.py")
    tally = Tally(
        "the command itself", scenarios=ROUNDS_OF_THE_PROOF, invoices=ROUNDS_OF_THE_PROOF * INVOICES
    )
    tally.kills["the command, amid a stage"] = ROUNDS_OF_THE_PROOF * len(STAGES)
    tally.runs = ROUNDS_OF_THE_PROOF * (len(STAGES) + 1)
    if flaw:
        tally.fail("connector sync invoices", flaw)
    return tally
