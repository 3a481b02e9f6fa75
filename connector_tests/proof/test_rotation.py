"""Secrets changed at work and a killed rotation, in small; `make proof` does ten rounds and forty kills."""

from connector_tests.proof.rotation import change_everything, kill_rotations


def test_a_rotation_of_the_master_key_that_is_killed_leaves_everything_readable() -> None:
    tally = kill_rotations(seed=1, kills=3)
    assert tally.flaws == []
    assert tally.kills.total() == 3


def test_every_secret_may_be_changed_while_invoices_are_posted() -> None:
    tally = change_everything(seed=1, rounds=1, workers=1, batch=3)
    assert tally.flaws == []
    assert tally.invoices == 13
