"""The command itself, as a user starts it, killed and started again: `test_killed_command`, at length."""

import os
import subprocess
import sys
from pathlib import Path

import connector_tests
from connector_tests.proof.tally import Tally
from connector_tests.proof.test_killed_command import INVOICES, ROUNDS_OF_THE_PROOF, STAGES

_ROOT = Path(connector_tests.__file__).parent.parent


def run() -> Tally:
    """Its rounds in a pytest of their own; a round that fails is a flaw with what pytest says."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
    ended = subprocess.run(
        [*command, "connector_tests/proof/test_killed_command.py"],
        cwd=_ROOT,
        env={**os.environ, "CONNECTOR_PROOF": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    tally = Tally(
        "the command itself", scenarios=ROUNDS_OF_THE_PROOF, invoices=ROUNDS_OF_THE_PROOF * INVOICES
    )
    tally.kills["the command, amid a stage"] = ROUNDS_OF_THE_PROOF * len(STAGES)
    tally.runs = ROUNDS_OF_THE_PROOF * (len(STAGES) + 1)
    if ended.returncode:
        tally.fail("connector sync invoices", ended.stdout[-3000:])
    return tally
