"""Workers killed at named points, and the faults by name: in small what `make proof` does at every point."""

from collections.abc import Iterator

import pytest

from connector_defs.domain.states import State
from connector_defs.points import POINTS
from connector_defs.store import invoices
from connector_tests.proof import crash
from connector_tests.proof.exposure import EXPOSURES, play
from connector_tests.proof.kinds import KINDS, PLAIN, Bill
from connector_tests.proof.site import ProofSite, open_site

POSTS = "Transaction/Post APSTIN"


@pytest.fixture
def site() -> Iterator[ProofSite]:
    with open_site("T", 1) as opened:
        yield opened


def bills(site: ProofSite, number: int = 3) -> list[Bill]:
    return [bill for _ in range(number) for bill in PLAIN.write(site.desk)]


def die_once(site: ProofSite, point: str, number: int = 3) -> None:
    """Approve, die at the point, be judged there, go on to the end, and be judged again."""
    site.approve(bills(site, number))
    assert site.work(die_at=point), f"no worker came to {point}"
    assert str(site.judge.at_any_time()) == "everything holds"
    site.drain()
    assert str(site.verdict()) == "everything holds"
    assert site.counts()["responded"] == number


def test_f1_an_invoice_that_was_read_and_not_stored_is_read_again(site: ProofSite) -> None:
    die_once(site, "intake.page_read")


def test_f2_an_invoice_that_is_stored_and_not_acknowledged_goes_on_from_the_inbox(site: ProofSite) -> None:
    die_once(site, "intake.page_stored")


@pytest.mark.parametrize("point", ["acknowledge.answered", "acknowledge.stored"])
def test_f4_an_acknowledged_invoice_without_an_intent_is_found_and_posted_once(
    site: ProofSite, point: str
) -> None:
    die_once(site, point)
    assert site.sandbox.syspro.requests[POSTS] == 3


def test_f5_an_intent_whose_post_was_never_sent_is_looked_up_and_posted_once(site: ProofSite) -> None:
    site.approve(bills(site))
    assert site.work(die_at="posting.intent_written")
    assert site.counts()["posting"] == 1
    assert site.sandbox.syspro.requests[POSTS] == 0
    site.drain()
    assert str(site.verdict()) == "everything holds"
    assert site.sandbox.syspro.requests[POSTS] == 3


def test_f6_a_post_whose_answer_died_with_the_worker_is_found_and_not_repeated(site: ProofSite) -> None:
    die_once(site, "posting.answered")
    assert site.sandbox.syspro.requests[POSTS] == 3


def test_f9_a_posting_that_was_read_back_and_not_stored_is_found_again(site: ProofSite) -> None:
    die_once(site, "posting.read_back")
    assert site.sandbox.syspro.requests[POSTS] == 3


def test_f10_an_answer_of_which_only_basware_knows_is_not_given_twice(site: ProofSite) -> None:
    die_once(site, "response.answered")
    assert len({one.response["externalCode"] for one in site.sandbox.basware.responses}) == 3


def test_f15_a_suspended_worker_that_wakes_up_without_its_lane_posts_nothing() -> None:
    """SIGSTOP until the lease has run out and another worker has done everything, then SIGCONT."""
    tally = play("fencing", 1, switched_off=False)
    assert tally.flaws == []
    assert tally.invoices > 0


def test_f31_an_invoice_that_kills_its_worker_ends_dead_and_the_others_are_posted() -> None:
    """Attempts count across kills: written before the call, by a worker that does not come back."""
    with open_site("T", 1, posting={"max_attempts": 2}) as site:
        poison, *others = bills(site, 4)
        site.approve(others)
        site.sandbox.basware.approve(poison.document)
        kills = 0
        for _ in range(12):
            kills += site.work(poison=poison.expected.number)
            if site.counts()["dead"]:
                break
        assert kills == 2
        assert {state: number for state, number in site.counts().items() if number} == {
            "dead": 1,
            "responded": 3,
        }
        assert str(site.verdict()) == "everything holds"


def test_a_session_whose_id_died_with_its_worker_is_closed_though_nothing_is_left_to_post(
    site: ProofSite,
) -> None:
    """SYSPRO opened it, nobody knows its id, and the successor has no reason of its own to log on."""
    (bill,) = bills(site, 1)
    site.approve([bill])
    assert site.work(die_at="logon.answered")
    assert [session.operator for session in site.sandbox.syspro.sessions] == ["INTEG"]
    with site.connector.store.write() as connection:
        stored = invoices.get(connection, "M1", bill.expected.invoice_id)
        assert stored is not None
        invoices.move(connection, stored, State.NEEDS_REVIEW, site.connector.clock.now(), actor="ap")
    site.work()
    assert [session.operator for session in site.sandbox.syspro.sessions] == []


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("unmapped, then mapped", ("mapping.released", "acknowledge.answered")),
        ("SYSPRO commits late", ("posting.intent_written", "uncertain.settled")),
        ("duplicate number", ("evaluation.settled", "response.seen")),
        ("matched to goods receipts", ("recovery.moved", "logoff.answered")),
        ("plain", ("enrichment.compared", "enrichment.intended", "enrichment.answered")),
        ("foreign currency", ("enrichment.read_back", "enrichment.settled")),
    ],
)
def test_a_sample_of_the_harness_finds_nothing_off(kind: str, points: tuple[str, ...]) -> None:
    chosen = next(one for one in KINDS if one.name == kind)
    tally = crash.crash(chosen, points, seed=1)
    assert tally.flaws == []
    assert all(tally.kills[point] for point in points)


def test_a_point_that_no_worker_comes_to_is_a_flaw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody died before, so there is nothing to recover."""
    monkeypatch.setattr(crash, "DIED_BEFORE", {})
    tally = crash.crash(PLAIN, ["recovery.found", "lane.leased"], seed=1)
    assert tally.flaws == ["plain at recovery.found, seed 1: no worker ever came to this point"]
    assert tally.kills["lane.leased"] == 1


def test_every_named_point_lies_in_the_code_of_its_flow() -> None:
    assert set(crash.applicable(POINTS)) <= crash.points_in_code()


def test_every_protection_has_a_scenario_that_needs_it() -> None:
    assert set(EXPOSURES) == {"intent", "look-up", "fencing", "store", "quarantine", "fingerprint"}
