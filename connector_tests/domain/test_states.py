"""The life of an invoice: every move that is allowed, none besides."""

import pytest

from connector_defs.domain.states import ALLOWED, OPEN, WAITING_FOR_PEOPLE, State, may_move

# Read down: from each state, where it may go. One line for each row of the design's table.
MOVES = """
received      needs_mapping needs_review ready withdrawn posted dead
needs_mapping received needs_review rejected withdrawn dead posted
needs_review  received rejected withdrawn dead posted
ready         acknowledged received needs_mapping needs_review withdrawn dead
acknowledged  posting needs_mapping needs_review posted received withdrawn dead
posting       posted uncertain acknowledged needs_review dead
uncertain     posted acknowledged needs_review dead
posted        responded needs_review
responded     posted needs_review
rejected      received
dead          received needs_review rejected posted
withdrawn     received
"""
TABLE = {
    State(line.split()[0]): {State(name) for name in line.split()[1:]} for line in MOVES.strip().splitlines()
}


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_a_move_is_legal_where_the_table_says_so(old: State, new: State) -> None:
    assert may_move(old, new) == (new in TABLE[old] or old is new)


def test_every_state_has_its_moves() -> None:
    assert set(ALLOWED) == set(State) == set(TABLE)


def test_nothing_is_posted_from_uncertain() -> None:
    assert [state for state in State if State.POSTING in ALLOWED[state]] == [State.ACKNOWLEDGED]


def test_nothing_leaves_posted_towards_another_posting_unless_a_person_looked() -> None:
    back = {State.RECEIVED, State.READY, State.ACKNOWLEDGED, State.POSTING, State.UNCERTAIN, State.REJECTED}
    for state in (State.POSTED, State.RESPONDED):
        assert not ALLOWED[state] & back


def test_an_invoice_counts_as_acknowledged_only_after_it_was_ready_or_a_look_up() -> None:
    sources = {state for state in State if State.ACKNOWLEDGED in ALLOWED[state]}
    assert sources == {State.READY, State.POSTING, State.UNCERTAIN}


def test_every_state_can_be_reached_and_none_is_a_dead_end() -> None:
    assert {new for moves in ALLOWED.values() for new in moves} == set(State)
    assert all(ALLOWED.values())


def test_open_is_whatever_is_not_finished() -> None:
    assert set(State) - OPEN == {State.RESPONDED, State.REJECTED, State.WITHDRAWN}
    assert WAITING_FOR_PEOPLE <= OPEN


@pytest.mark.parametrize("state", sorted(WAITING_FOR_PEOPLE))
def test_a_person_can_always_start_an_invoice_over_or_reject_it(state: State) -> None:
    assert may_move(state, State.RECEIVED)
    assert may_move(state, State.REJECTED)
