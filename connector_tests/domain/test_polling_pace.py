"""Polls grow rare while push works, and come at once when it does not; by the second."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connector_defs.domain.polling_pace import (
    GRACE,
    PROOF_LASTS,
    Bounds,
    LastPoll,
    PushProof,
    seconds_until_poll,
    was_missed,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOUNDS = Bounds(60, 900)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def polls(push: PushProof | None, until: float, first: float = 0) -> Iterator[int]:
    """The seconds after noon at which polls happen, each as soon as it is due."""
    at = first
    while at <= until:
        yield int(at)
        at += seconds_until_poll(LastPoll(after(at)), push, BOUNDS, after(at))


def test_without_a_subscription_every_poll_is_a_minute_after_the_other() -> None:
    assert list(polls(None, 300)) == [0, 60, 120, 180, 240, 300]


def test_with_push_the_time_between_polls_doubles_up_to_its_bound() -> None:
    proof = PushProof(NOON, NOON)
    assert list(polls(proof, 5000)) == [0, 60, 120, 240, 480, 960, 1860, 2760, 3660, 4560]


def test_a_subscription_that_never_brought_anything_stretches_nothing() -> None:
    assert list(polls(PushProof(), 180)) == [0, 60, 120, 180]


def test_after_a_miss_it_begins_anew_with_the_next_notification() -> None:
    missed = PushProof(since=None, newest=after(-3600))
    assert list(polls(missed, 120)) == [0, 60, 120]
    proved_again = PushProof(since=after(150), newest=after(150))
    assert list(polls(proved_again, 700, first=180)) == [180, 240, 330, 510]


def test_what_is_not_taken_in_yet_is_looked_for_at_the_shortest_interval() -> None:
    proof = PushProof(after(-86_400), after(-60))
    assert seconds_until_poll(LastPoll(NOON, left=True), proof, BOUNDS, NOON) == 60
    assert seconds_until_poll(LastPoll(NOON), proof, BOUNDS, NOON) == 900


def test_a_week_of_silence_is_no_proof() -> None:
    day = timedelta(days=1)
    still = PushProof(NOON - 30 * day, NOON - PROOF_LASTS)
    assert seconds_until_poll(LastPoll(NOON), still, BOUNDS, NOON) == 900
    assert seconds_until_poll(LastPoll(NOON), still, BOUNDS, after(1)) == 59


def test_a_poll_that_is_overdue_is_due_now_and_so_is_the_first() -> None:
    proof = PushProof(after(-86_400), NOON)
    assert seconds_until_poll(LastPoll(NOON), proof, BOUNDS, after(900)) == 0
    assert seconds_until_poll(LastPoll(NOON), proof, BOUNDS, after(86_400)) == 0
    assert seconds_until_poll(LastPoll(), proof, BOUNDS, NOON) == 0


@pytest.mark.parametrize("back", [1, 3600, 86_400 * 400])
def test_a_clock_that_was_set_back_leads_to_a_poll_at_once(back: float) -> None:
    proof = PushProof(after(-86_400), NOON)
    assert seconds_until_poll(LastPoll(NOON), proof, BOUNDS, after(-back)) == 0


def test_a_notification_from_before_the_clock_was_set_back_stretches_nothing_yet() -> None:
    proof = PushProof(after(3600), after(3600))
    assert seconds_until_poll(LastPoll(NOON), proof, BOUNDS, NOON) == 60


def test_the_shorter_bound_wins_where_they_are_the_wrong_way_round() -> None:
    assert seconds_until_poll(LastPoll(NOON), PushProof(after(-9000), NOON), Bounds(60, 10), NOON) == 60


def test_a_restart_changes_nothing() -> None:
    """What decides lies in the store: another process, asked in the middle, says how long is left."""
    proof = PushProof(after(-480), NOON)
    assert [
        seconds_until_poll(LastPoll(NOON), proof, BOUNDS, after(spent)) for spent in (0, 100, 480, 481)
    ] == [
        480,
        380,
        0,
        0,
    ]


def test_a_miss_is_an_invoice_that_no_notification_told_of_in_time() -> None:
    assert was_missed(NOON, None)
    assert not was_missed(NOON, after(-60))
    assert not was_missed(NOON, NOON + GRACE)
    assert was_missed(NOON, NOON + GRACE + timedelta(seconds=1))
