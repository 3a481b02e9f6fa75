"""Several workers at once under kills and faults, in small; `make proof` does it with thousands."""

from connector_tests.postgres import Postgres
from connector_tests.proof.crowd import Crowd, rates, rush


def test_two_workers_under_faults_and_kills_lose_and_double_nothing() -> None:
    tally = rush(Crowd("soak", invoices=48, workers=2, kill_every=1.0, faults=True, at_a_time=24), seed=1)
    assert tally.flaws == []
    assert tally.invoices >= 48


def test_four_workers_with_two_operators_on_postgresql(postgres: Postgres) -> None:
    crowd = Crowd(
        "postgres",
        invoices=48,
        workers=4,
        kill_every=1.0,
        faults=False,
        two_operators=True,
        state_url=postgres.empty_database(),
        at_a_time=24,
    )
    assert rush(crowd, seed=1).flaws == []


def test_all_kinds_of_faults_together_strike_five_calls_in_a_hundred() -> None:
    assert len(rates()) >= 15
    assert sum(rates().values()) >= 0.05
    assert max(rates().values()) < 0.05
