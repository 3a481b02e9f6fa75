"""Bombs and spoilt documents, in small; `make proof` does it with 50 MB bodies, and for a minute at each parser."""

from pathlib import Path

import pytest

from connector_tests.proof import bombs, fuzz
from connector_tests.proof.gates import Gate, gates


@pytest.mark.covers("H6", "H7")
def test_no_bomb_takes_two_hundred_megabytes_and_each_is_refused() -> None:
    results = bombs.in_a_process_of_its_own(bombs.LEAN)
    assert [result for result in results if result.flaw] == []
    assert {result.gate for result in results} >= {gate.name for gate in gates()}


@pytest.mark.parametrize("gate", gates(), ids=lambda gate: gate.name)
def test_honest_bytes_pass_every_gate(gate: Gate, tmp_path: Path) -> None:
    for sample in gate.samples:
        if gate.name in {
            "headers",
            "places",
            "e.net: error page",
            "OData: error page",
            "Basware: refusal of a token",
        }:
            # They carry refusals.
            with pytest.raises(fuzz.REFUSALS):
                gate.feed(sample, tmp_path)
        elif not sample.startswith(b"ERROR"):
            gate.feed(sample, tmp_path)


@pytest.mark.parametrize("gate", gates(), ids=lambda gate: gate.name)
def test_spoilt_documents_are_read_or_refused_and_nothing_else(gate: Gate, tmp_path: Path) -> None:
    outcome = fuzz.fuzz(gate, 5.0, 1, tmp_path, most=12)
    assert outcome.findings == []
    assert outcome.cases >= 12
