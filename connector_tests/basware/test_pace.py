"""How many requests run side by side: over all, at each endpoint, and after Basware asked for fewer."""

import threading
from collections.abc import Callable

import httpx
import pytest

from connector_defs.basware.pace import Pace, Seat
from connector_defs.domain.errors import RetryLater
from connector_tests.basware.builders import Script, client

OK = httpx.Response(200, json={})


class FakeNow:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def begun(pace: Pace, endpoint: str) -> Seat:
    with pace.seat(endpoint) as seat:
        return seat


def answers(pace: Pace, endpoint: str, number: int) -> None:
    for _ in range(number):
        pace.answered(begun(pace, endpoint))


def test_a_429_halves_the_share_of_its_endpoint_and_of_no_other() -> None:
    pace = Pace(8, 8)
    pace.hindered(begun(pace, "vendors"), None)
    assert (pace.share("vendors"), pace.share("accounts")) == (4, 8)
    for _ in range(5):
        pace.hindered(begun(pace, "vendors"), None)
    assert pace.share("vendors") == 1


def test_requests_that_were_under_way_together_halve_it_once() -> None:
    pace = Pace(8, 8)
    together = [begun(pace, "vendors") for _ in range(4)]
    for seat in together:
        pace.hindered(seat, None)
    assert pace.share("vendors") == 4


def test_the_share_grows_back_one_by_one_after_ten_answers_in_a_row() -> None:
    pace = Pace(4, 4)
    pace.hindered(begun(pace, "vendors"), None)
    early = begun(pace, "vendors")
    answers(pace, "vendors", 9)
    assert pace.share("vendors") == 2
    pace.answered(early)
    assert pace.share("vendors") == 3
    answers(pace, "vendors", 9)
    pace.hindered(begun(pace, "vendors"), None)
    pace.answered(early)
    answers(pace, "vendors", 9)
    assert pace.share("vendors") == 1
    answers(pace, "vendors", 31)
    assert pace.share("vendors") == 4


def test_an_endpoint_never_has_more_than_there_are_in_all() -> None:
    assert Pace(2, 5).share("vendors") == 2
    assert Pace(5, 2).share("vendors") == 2


def test_a_retry_after_closes_its_endpoint_until_then() -> None:
    now = FakeNow()
    pace = Pace(2, 2, now)
    pace.hindered(begun(pace, "vendors"), 30.0)
    pace.hindered(begun(pace, "vendors"), 5.0)
    assert pace.closed_until("vendors") == 130.0
    assert pace.left(130.0) == 30.0
    now.seconds = 131.0
    assert pace.left(130.0) == 0.0
    assert pace.closed_until("accounts") < now.seconds


class Callers:
    """Callers in threads of their own, each in its seat until it is told to leave."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._threads: list[threading.Thread] = []
        self.seated: list[str] = []
        self._changed = threading.Condition()
        self._leave: dict[str, threading.Event] = {}

    def come(self, name: str, endpoint: str) -> None:
        self._leave[name] = threading.Event()
        waiting = len(self._pace._waiting)

        def run() -> None:
            with self._pace.seat(endpoint):
                with self._changed:
                    self.seated.append(name)
                    self._changed.notify_all()
                self._leave[name].wait(30)

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()
        self._until(lambda: name in self.seated or len(self._pace._waiting) > waiting)

    def _until(self, true: Callable[[], bool]) -> None:
        with self._changed:
            while not true():
                self._changed.wait(0.01)

    def leave(self, name: str) -> None:
        self._leave[name].set()

    def wait_for(self, *names: str) -> None:
        self._until(lambda: set(names) <= set(self.seated))

    def end(self) -> None:
        for event in self._leave.values():
            event.set()
        for thread in self._threads:
            thread.join(30)


def test_whoever_waits_for_a_busy_endpoint_holds_up_no_other() -> None:
    callers = Callers(Pace(2, 1))
    try:
        callers.come("first", "vendors")
        callers.come("second", "vendors")
        assert callers.seated == ["first"]
        callers.come("third", "requestStatus")
        callers.wait_for("third")
        callers.come("fourth", "accounts")
        assert callers.seated == ["first", "third"], "two in all"
        callers.leave("first")
        callers.wait_for("second")
        callers.leave("third")
        callers.wait_for("fourth")
    finally:
        callers.end()


def test_a_wait_that_is_broken_off_leaves_no_gap_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(1, 1)

    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(pace._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begun(pace, "vendors")
    assert begun(pace, "vendors") == Seat("vendors", 0)


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_a_call_sits_out_the_pause_that_another_was_asked_for() -> None:
    sleeps = Sleeps()
    script = Script(httpx.Response(429, headers={"Retry-After": "30"}), OK, OK, OK)
    api = client(script, sleep=sleeps, jitter=lambda: 0.0)
    api.post("vendors", [b"{}"])
    assert sleeps == [30]
    api.post("vendors", [b"{}"])
    assert len(sleeps) == 2
    assert 29 < sleeps[1] <= 30
    api.post("accounts", [b"{}"])
    assert len(sleeps) == 2


def test_an_endpoint_that_is_closed_for_long_is_left_alone() -> None:
    script = Script(httpx.Response(429, headers={"Retry-After": "3600"}))
    api = client(script, sleep=Sleeps())
    for _ in range(2):
        with pytest.raises(RetryLater) as later:
            api.post("vendors", [b"{}"])
    assert 3590 < (later.value.retry_after or 0) <= 3600
    assert "no more requests to vendors" in str(later.value)
    assert len(script.requests) == 1
