"""The keys, the inbox, the health and the server by themselves: what no request shows."""

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from connector_defs.console import inbox as inbox_module
from connector_defs.console.health import Condition, Health
from connector_defs.console.inbox import Inbox, StoreAway
from connector_defs.console.metrics import Histogram, Metrics
from connector_defs.console.secrets import Keys
from connector_defs.console.server import listen, url_of
from connector_defs.domain.clock import SystemClock
from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.store import notifications
from connector_defs.store.engine import Store, make_engine
from connector_defs.store.schema import open_store
from connector_tests.store.builders import NOON, SetClock
from connector_tests.store.test_notifications import task


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'state.db'}")


class TestKeys:
    def test_they_are_read_anew_when_they_are_old_and_at_most_so_often_in_doubt(self) -> None:
        now, reads = [0.0], []

        def read() -> tuple[bytes, ...]:
            reads.append(now[0])
            return (str(len(reads)).encode(),)

        keys = Keys(read, seconds=5, doubt_seconds=1, now=lambda: now[0])

        async def ask() -> list[tuple[bytes, ...]]:
            found = [await keys.current(), await keys.in_doubt()]
            now[0] = 1.0
            found += [await keys.current(), await keys.in_doubt(), await keys.in_doubt()]
            now[0] = 6.0
            return [*found, await keys.current()]

        assert asyncio.run(ask()) == [(b"1",), (b"1",), (b"1",), (b"2",), (b"2",), (b"3",)]
        assert reads == [0.0, 1.0, 6.0]

    def test_without_any_they_are_looked_for_more_often_and_for_each_signature(self) -> None:
        now, found = [0.0], [()]

        keys = Keys(lambda: found[-1], seconds=5, doubt_seconds=1, now=lambda: now[0])

        async def ask() -> list[tuple[bytes, ...]]:
            now[0] = 0.5
            found.append((b"first",))
            known = [await keys.current(), await keys.in_doubt()]
            found.append((b"second",))
            return [*known, await keys.in_doubt()]

        assert asyncio.run(ask()) == [(), (b"first",), (b"first",)]

    def test_keys_that_cannot_be_read_now_stay_in_force(self, caplog: pytest.LogCaptureFixture) -> None:
        answers: list[tuple[bytes, ...] | Exception] = [(b"known",), RetryLater("the vault is away")]

        def read() -> tuple[bytes, ...]:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        keys = Keys(read, seconds=0, doubt_seconds=0)
        assert asyncio.run(keys.current()) == (b"known",)
        assert "those known stay in force: the vault is away" in caplog.text

    def test_a_reading_that_hangs_keeps_nobody_waiting_and_is_not_begun_twice(self) -> None:
        goes_on, reads = threading.Event(), []

        def read() -> tuple[bytes, ...]:
            reads.append(1)
            if len(reads) > 1:
                assert goes_on.wait(10)
            return (str(len(reads)).encode(),)

        keys = Keys(read, seconds=0, doubt_seconds=0, patience=0.01)

        async def ask() -> list[tuple[bytes, ...]]:
            found = [await keys.current(), *await asyncio.gather(keys.current(), keys.in_doubt())]
            goes_on.set()
            while (last := await keys.current()) == (b"1",):
                continue
            return [*found, last]

        assert asyncio.run(ask())[:3] == [(b"1",)] * 3
        assert len(reads) >= 2


class TestInbox:
    def test_what_comes_during_a_commit_goes_into_the_next_together(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commits: list[int] = []
        real = notifications.record_all

        def counted(connection: object, tasks: list[object], now: object) -> int:
            commits.append(len(tasks))
            return real(connection, tasks, now)  # type: ignore[arg-type]

        monkeypatch.setattr(inbox_module.notifications, "record_all", counted)
        metrics = Metrics()
        box = Inbox(store, SystemClock(), metrics, answer_within=10)

        async def burst() -> None:
            await asyncio.gather(*(box.keep(task(f"t{number % 40}")) for number in range(200)))

        asyncio.run(burst())
        box.close()
        assert sum(commits) == 200
        assert len(commits) < 100
        assert metrics.new == 40

    def test_more_than_a_commit_takes_is_split(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inbox_module, "_AT_ONCE", 3)
        box = Inbox(store, SystemClock(), Metrics(), answer_within=10)

        async def burst() -> None:
            await asyncio.gather(*(box.keep(task(f"t{number}")) for number in range(10)))

        asyncio.run(burst())
        box.close()
        with store.read() as connection:
            assert notifications.backlog(connection).open == 10

    def test_what_goes_wrong_in_a_way_nobody_thought_of_ends_no_thread(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        box = Inbox(store, SystemClock(), Metrics(), answer_within=10)
        with monkeypatch.context() as patch:
            patch.setattr(inbox_module.notifications, "record_all", lambda *_: 1 / 0)
            with pytest.raises(StoreAway, match="ZeroDivisionError"):
                asyncio.run(box.keep(task("t1")))
        asyncio.run(box.keep(task("t1")))
        box.close()
        assert "1 notifications could not be stored: ZeroDivisionError" in caplog.text

    def test_one_whose_caller_is_gone_harms_nobody(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may be durable all the same: the caller sends it again, and it changes nothing."""
        real, gone = notifications.record_all, threading.Event()

        def slow(*arguments: object) -> int:
            assert gone.wait(10)
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(inbox_module.notifications, "record_all", slow)
        box = Inbox(store, SystemClock(), Metrics(), answer_within=0.02)

        async def two_at_once() -> list[BaseException | None]:
            calls = (box.keep(task("t1")), box.keep(task("t2")))
            return await asyncio.gather(*calls, return_exceptions=True)

        told = [str(error) for error in asyncio.run(two_at_once())]
        gone.set()
        box.close()
        assert told == ["the state store did not take it within 0.02 s"] * 2
        with store.read() as connection:
            assert "t1" in notifications.known(connection, ["t1", "t2"])

    def test_one_caller_who_leaves_during_a_commit_keeps_no_answer_from_the_others(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, begun, left = notifications.record_all, threading.Event(), threading.Event()

        def slow(*arguments: object) -> int:
            begun.set()
            assert left.wait(10)
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(inbox_module.notifications, "record_all", slow)
        box = Inbox(store, SystemClock(), Metrics(), answer_within=10)

        async def one_leaves() -> None:
            leaving = asyncio.create_task(box.keep(task("t1")))
            staying = asyncio.create_task(box.keep(task("t2")))
            assert await asyncio.to_thread(begun.wait, 10)
            leaving.cancel()
            await asyncio.wait([leaving])
            left.set()
            await staying

        asyncio.run(one_leaves())
        box.close()
        with store.read() as connection:
            assert "t2" in notifications.known(connection, ["t2"])

    def test_what_was_settled_a_month_ago_is_swept_out_once_a_day(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock, real, swept = SetClock(), Inbox._sweep, threading.Semaphore(0)

        def sweep(box: Inbox) -> None:
            real(box)
            swept.release()

        def keep(task_id: str) -> None:
            """Until it is durable, and the thread has thought of sweeping."""
            asyncio.run(box.keep(task(task_id)))
            assert swept.acquire(timeout=10)

        monkeypatch.setattr(Inbox, "_sweep", sweep)
        with store.write() as connection:
            notifications.record_settled(connection, task("old"), NOON, "a test")
        clock.wait(29 * 86_400)
        box = Inbox(store, clock, Metrics(), answer_within=10)
        keep("t1")
        clock.wait(1.5 * 86_400)
        with monkeypatch.context() as patch:
            patch.setattr(inbox_module.notifications, "forget", lambda *_: 1 / 0)
            keep("t2")
            keep("t3")
        assert caplog.text.count("Old notifications stay for another day: ZeroDivisionError") == 1
        with store.read() as connection:
            assert notifications.known(connection, ["old"]) == {"old"}
        clock.wait(86_400)
        keep("t4")
        box.close()
        with store.read() as connection:
            assert notifications.known(connection, ["old", "t1", "t4"]) == {"t1", "t4"}


class TestHealth:
    def test_it_is_asked_once_a_second_however_often_somebody_asks(self, store: Store) -> None:
        now, clock = [0.0], SetClock()
        health = Health(store, clock, now=lambda: now[0])
        with store.write() as connection:
            notifications.record(connection, task("t1"), NOON)

        async def ask() -> list[Condition]:
            found = [await health.condition((b"key",)), await health.condition(())]
            clock.wait(90)
            now[0] = 1.0
            return [*found, await health.condition(())]

        first, second, third = asyncio.run(ask())
        assert [one.ready for one in (first, second, third)] == [True, False, False]
        assert second.looked_at == first.looked_at
        assert [first.oldest_seconds, third.oldest_seconds] == [0.0, 90.0]

    def test_a_store_that_is_away_is_told_as_such(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        away = Store(make_engine("postgresql://nobody@127.0.0.1:1/none", patience=1))
        found = asyncio.run(Health(away, SystemClock()).condition((b"key",)))
        assert (found.store, found.ready, found.oldest_seconds) == (False, False, None)
        assert "The state store does not answer" in caplog.text
        assert "connector_inbox_open" not in Metrics().text(ready=False, inbox_open=None, oldest_seconds=None)


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram()
    for seconds in (0.001, 0.3, 60.0):
        histogram.observe(seconds)
    lines = list(histogram.lines("x"))
    assert {
        'x_bucket{le="0.001"} 1',
        'x_bucket{le="0.5"} 2',
        'x_bucket{le="5.0"} 2',
        'x_bucket{le="+Inf"} 3',
    } <= set(lines)
    assert lines[-2:] == ["x_sum 60.301000", "x_count 3"]


class TestListening:
    def test_a_port_that_is_taken_is_told_with_the_remedy(self) -> None:
        with (
            listen("127.0.0.1", 0) as taken,
            pytest.raises(Fatal, match="choose others with --host and --port"),
        ):
            listen("127.0.0.1", taken.getsockname()[1])

    def test_a_host_that_is_none_of_ours_is_told_with_the_remedy(self) -> None:
        with pytest.raises(Fatal, match=r"Port 8088 of 203\.0\.113\.1 cannot be listened on"):
            listen("203.0.113.1", 8088)

    def test_ipv6_is_written_in_brackets(self) -> None:
        with listen("::1", 0) as listening:
            assert url_of(listening).startswith("http://[::1]:")

    def test_uvicorn_does_not_tell_of_every_malformed_request(self, tmp_path: Path) -> None:
        from connector_defs.console.server import Server

        Server(lambda *_: None)  # type: ignore[arg-type]
        assert logging.getLogger("uvicorn.error").level == logging.ERROR
