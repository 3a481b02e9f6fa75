"""A sensor starts a run for what is new, and ever more rarely for what stays."""

import pytest

from connector_defs.orchestration.backoff import LONGEST_DELAY_SECONDS, Cursor, decide, token

DELAY = 60.0


def test_something_new_is_worth_a_run_at_once() -> None:
    decision = decide(Cursor(), ["a", "b"], now=1000, delay=DELAY)
    assert decision.run
    assert decision.cursor == Cursor(frozenset("ab"), 0, 1060)


def test_nothing_waiting_forgets_the_past() -> None:
    decision = decide(Cursor(frozenset("a"), 5, 9e9), [], now=1000, delay=DELAY)
    assert not decision.run
    assert decision.cursor == Cursor()


def test_the_same_again_waits_and_keeps_the_cursor() -> None:
    cursor = Cursor(frozenset("ab"), 0, 1060)
    decision = decide(cursor, ["a"], now=1059, delay=DELAY)
    assert not decision.run
    assert decision.cursor == cursor
    assert "next attempt is in 1 s" in decision.reason


def test_a_newcomer_among_stuck_ones_does_not_wait_for_them() -> None:
    assert decide(Cursor(frozenset("a"), 9, 9e9), ["a", "b"], now=1000, delay=DELAY).run


def test_the_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    cursor, now, pauses = Cursor(), 0.0, []
    for _ in range(40):
        decision = decide(cursor, ["stuck"], now=now, delay=DELAY)
        assert decision.run
        pauses.append(decision.cursor.not_before - now)
        cursor, now = decision.cursor, decision.cursor.not_before
    assert pauses[:4] == [60, 120, 240, 480]
    assert pauses[-1] == LONGEST_DELAY_SECONDS


def test_a_cursor_survives_being_kept() -> None:
    cursor = Cursor(frozenset({token("M1", "x"), token("M1", "y")}), 3, 12.5)
    assert Cursor.read(cursor.write()) == cursor


@pytest.mark.parametrize("text", [None, "", "{", "[]", "17", '{"seen": 3}', '{"seen": [], "repeats": "x"}'])
def test_an_unreadable_cursor_starts_afresh(text: str | None) -> None:
    assert Cursor.read(text) == Cursor()


def test_what_was_not_looked_for_is_neither_forgotten_nor_a_reason_for_a_run() -> None:
    seen = Cursor(frozenset({"M1/a", "M2/b"}), 2, 1060)
    assert decide(seen, [], now=2000, delay=DELAY, overlooked=["M1/"]).cursor == seen
    again = decide(seen, ["M2/b"], now=1000, delay=DELAY, overlooked=["M1/"])
    assert (again.run, again.cursor) == (False, seen)
    new = decide(seen, ["M2/c"], now=1000, delay=DELAY, overlooked=["M1/"])
    assert (new.run, new.cursor.seen) == (True, {"M1/a", "M2/c"})
    assert decide(seen, [], now=2000, delay=DELAY, overlooked=["M3/"]).cursor == Cursor()
