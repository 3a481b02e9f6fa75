"""Sixty days as one run, and as a run for each day, all started at once: `test_backfill`, at length."""

from connector_tests.proof.command import at_length
from connector_tests.proof.tally import Tally
from connector_tests.proof.test_backfill import DAYS_OF_THE_PROOF, FLOWS


def run() -> Tally:
    """Both ways of the backfill; where they do not end the same it is a flaw with what pytest says."""
    tally = Tally("backfill", scenarios=2, runs=(DAYS_OF_THE_PROOF + 1) * len(FLOWS))
    flaw = at_length("test_backfill.py")
    if flaw:
        tally.fail("connector sync --date", flaw)
    else:
        tally.notes.append(
            f"A backfill of {DAYS_OF_THE_PROOF} days as one run, and as {DAYS_OF_THE_PROOF} runs started at once, "
            "ends in the same staged rows, file by file, and in the same records in Basware."
        )
    return tally
