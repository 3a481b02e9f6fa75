"""Each protection switched off in turn: the proof fails, and names the invariant."""

import pytest

from connector_tests.proof import mutations
from connector_tests.proof.exposure import EXPOSURES, check


@pytest.mark.parametrize("protection", EXPOSURES)
def test_the_proof_fails_without_it_and_names_the_invariant(protection: str) -> None:
    tally = check(protection, seed=1)
    assert tally.flaws == []
    (note,) = tally.notes
    assert f"{EXPOSURES[protection].invariant} broken" in note


@pytest.mark.parametrize(
    "target",
    ["connector_defs.flows.posting:Lane._gone", "connector_defs.flows.posting:Gone.post"],
)
def test_a_protection_that_moved_elsewhere_is_missed_loudly(target: str) -> None:
    with pytest.raises(LookupError, match="is gone"):
        mutations._place(target)


def test_every_protection_is_found_where_it_is_said_to_be() -> None:
    for mutation in mutations.MUTATIONS.values():
        for target in mutation.patches:
            owner, attribute = mutations._place(target)
            assert callable(getattr(owner, attribute))
