"""The fault switches: when a fault is drawn, and that any run can be repeated."""

import pytest

from connector_defs.sandbox.faults import FAULTS, SITES, Fault, FaultPlan


def test_a_plan_without_rates_never_strikes() -> None:
    assert [FaultPlan(seed=1).draw(site) for site in SITES] == [None] * len(SITES)


def test_an_armed_fault_strikes_as_often_as_told_and_is_counted() -> None:
    plan = FaultPlan()
    plan.arm("http_500", times=2, site="basware.token")

    drawn = [plan.draw("basware.token") for _ in range(3)]

    assert drawn == [Fault("http_500"), Fault("http_500"), None]
    assert plan.drawn == {"http_500": 2}


def test_an_armed_fault_waits_for_its_site_and_its_match() -> None:
    plan = FaultPlan()
    plan.arm("reset_after", site="basware.entities", match="vendors")

    assert plan.draw("basware.status", "GET /v1/vendors") is None
    assert plan.draw("basware.entities.write", "POST /v1/accounts") is None
    assert plan.draw("basware.entities.write", "POST /v1/vendors") == Fault("reset_after")


def test_an_armed_fault_skips_sites_where_it_means_nothing() -> None:
    plan = FaultPlan()
    plan.arm("evict_session")

    assert plan.draw("basware.token") is None
    assert plan.draw("syspro.transaction") == Fault("evict_session")


def test_the_same_seed_draws_the_same_faults_at_a_site_whatever_happens_elsewhere() -> None:
    rates = {"http_503": 0.3, "latency": 0.2}
    calm, busy = FaultPlan(7, rates), FaultPlan(7, rates)

    first = [calm.draw("syspro.odata") for _ in range(50)]
    second = []
    for _ in range(50):
        busy.draw("basware.token")
        second.append(busy.draw("syspro.odata"))

    assert first == second
    assert {fault.name for fault in first if fault} == {"http_503", "latency"}


def test_another_seed_draws_other_faults() -> None:
    plans = [FaultPlan(seed, {"http_503": 0.5}) for seed in (1, 2)]

    assert len({tuple(plan.draw("basware.token") for _ in range(30)) for plan in plans}) == 2


def test_latency_lasts_within_its_range_unless_told_otherwise() -> None:
    plan = FaultPlan(3, {"latency": 1.0}, latency=(0.5, 0.6))
    drawn = plan.draw("basware.token")
    assert drawn is not None
    assert 0.5 <= drawn.seconds <= 0.6

    plan.arm("latency", seconds=9.0)
    assert plan.draw("basware.token") == Fault("latency", 9.0)


def test_disarming_ends_all_faults() -> None:
    plan = FaultPlan(3, {"latency": 1.0})
    plan.arm("http_500")

    plan.disarm()

    assert plan.draw("basware.token") is None


def test_unknown_names_and_impossible_sites_are_refused() -> None:
    with pytest.raises(ValueError, match="no such fault"):
        FaultPlan(rates={"flood": 1.0})
    with pytest.raises(ValueError, match="cannot strike"):
        FaultPlan().arm("evict_session", site="basware")
    with pytest.raises(ValueError, match="no such site"):
        FaultPlan().draw("basware.elsewhere")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_strikes_somewhere_that_exists(name: str) -> None:
    assert FAULTS[name].meaning
    assert FAULTS[name].sites
    assert set(FAULTS[name].sites) <= set(SITES)
