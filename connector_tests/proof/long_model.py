"""The model at length: hundreds of sequences, the shortest failing one in words, the count for the table."""

import io
import traceback
from collections import Counter
from contextlib import redirect_stdout

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from connector_tests.proof.model import COUNTED, InvoiceModel
from connector_tests.proof.tally import Tally

SHARES = 2
_LONG = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    # One failure, told well; shrinking several takes its time for each.
    report_multiple_bugs=False,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def run(number: int, chosen: settings = _LONG) -> Tally:
    """All sequences of one seed."""
    COUNTED.clear()
    tally = Tally("model")
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            run_state_machine_as_test(seed(number)(InvoiceModel), settings=chosen)
    except Exception as failure:  # noqa: BLE001 - whatever ends the model is a flaw with its sequence
        notes = "\n".join(getattr(failure, "__notes__", ())) or said.getvalue()
        tally.fail(f"model, seed {number}", "".join(traceback.format_exception_only(failure)) + notes)
    tally.scenarios = COUNTED["examples"]
    tally.runs = COUNTED["runs"]
    tally.invoices = COUNTED["invoices"]
    crashes = Counter(
        {name.removeprefix("at "): times for name, times in COUNTED.items() if name.startswith("at ")}
    )
    met = ", ".join(f"{name} {times}" for name, times in sorted(crashes.items()))
    tally.notes.append(f"model, seed {number}: died {COUNTED['crashes']} times by exception: {met}")
    return tally
