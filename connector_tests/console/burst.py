"""`connector serve` as a process of its own under a burst of notifications, and killed amid one.

Here: the process, the senders, and what became of each notification. Tests take a few hundred, `make proof` thousands.
"""

import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connector_tests.console.notifications import notice, post
from connector_tests.console.scene import Running, answer_on, inbox, process_environment

CONNECTIONS = 20


@dataclass(frozen=True)
class Hook:
    """A signed notification, ready to be sent."""

    task_id: str
    request: bytes


@dataclass(frozen=True)
class Sent:
    """What a hook was answered, and when; status 0 where the connection broke."""

    task_id: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Serving:
    """A living `connector serve`."""

    process: subprocess.Popen[str]
    running: Running

    def kill(self) -> None:
        """SIGKILL: no word of farewell."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    """Start the command and wait until it listens; it is dead after the block."""
    with (folder / "serve.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "connector_defs.cli", "serve", "--port", "0"],
            env=process_environment(folder),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        if "Listening for notifications at http://127.0.0.1:" not in told:
            raise AssertionError(
                f"it did not start: {told}{(folder / 'serve.log').read_text(encoding='utf-8')}"
            )
        port = int(told.partition("127.0.0.1:")[2].partition("/")[0])
        yield Serving(process, Running(port, folder / "state.db"))
    finally:
        process.kill()
        process.communicate()


def hooks(number: int) -> list[Hook]:
    """So many notifications, each of a task of its own."""
    told = [notice() for _ in range(number)]
    return [Hook(one["taskId"], post(json.dumps(one).encode())) for one in told]


def send_all(
    port: int, chosen: Sequence[Hook], each: Callable[[], None] = lambda: None, connections: int = CONNECTIONS
) -> list[Sent]:
    """Send all of them from so many connections at once; `each` is told of every answer. One that breaks sends no more."""
    sent: list[Sent] = []

    def send(share: Sequence[Hook]) -> None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for hook in share:
                    begun = time.monotonic()
                    connection.sendall(hook.request)
                    status = answer_on(connection).status
                    sent.append(Sent(hook.task_id, status, time.monotonic() - begun))
                    if not status:
                        return
                    each()
        except OSError:
            return

    threads = [
        threading.Thread(target=send, args=(chosen[number::connections],)) for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


@dataclass
class Outcome:
    """What a burst came to: everything that is off, and how long an answer took."""

    flaws: list[str] = field(default_factory=list)
    answered: int = 0
    p50: float = 0.0
    p99: float = 0.0
    seconds: float = 0.0


def burst(folder: Path, number: int) -> Outcome:
    """All of them answered 200, all of them in the inbox, none twice; then the process ends well."""
    outcome = Outcome()
    chosen = hooks(number)
    with serving(folder) as serve:
        begun = time.monotonic()
        sent = send_all(serve.running.port, chosen)
        outcome.seconds = time.monotonic() - begun
        code = serve.stop()
    if code != 0:
        outcome.flaws.append(f"connector serve ended with {code} after SIGTERM")
    others = sorted({one.status for one in sent} - {200})
    if others or len(sent) != number:
        outcome.flaws.append(f"{len(sent)} of {number} were answered; answers other than 200: {others}")
    outcome.flaws += _compare(folder, {hook.task_id for hook in chosen})
    outcome.answered = len(sent)
    times = sorted(one.seconds for one in sent) or [0.0]
    outcome.p50, outcome.p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    return outcome


def killed_burst(folder: Path, number: int, dice: random.Random) -> Outcome:
    """Killed somewhere amid the burst: what was answered 200 is there; what is sent again is there once."""
    outcome = Outcome()
    chosen = hooks(number)
    fatal, lock = dice.randint(1, number * 3 // 4), threading.Lock()
    with serving(folder) as serve:

        def count() -> None:
            with lock:
                outcome.answered += 1
                if outcome.answered == fatal:
                    serve.kill()

        sent = send_all(serve.running.port, chosen, count)
    durable = set(inbox(folder / "state.db"))
    lost = {one.task_id for one in sent if one.status == 200} - durable
    if lost:
        outcome.flaws.append(f"{len(lost)} were answered 200 and are lost, killed at answer {fatal}")
    if outcome.answered == number:
        outcome.flaws.append(f"the kill at answer {fatal} came too late to show anything")
    with serving(folder) as again:
        others = {one.status for one in send_all(again.running.port, chosen)} - {200}
        if others:
            outcome.flaws.append(f"after the kill, answers other than 200: {sorted(others)}")
    outcome.flaws += _compare(folder, {hook.task_id for hook in chosen})
    return outcome


def _compare(folder: Path, wanted: set[str]) -> list[str]:
    found = inbox(folder / "state.db")
    flaws = []
    if len(found) != len(set(found)):
        flaws.append(f"{len(found) - len(set(found))} stand twice")
    if set(found) != wanted:
        flaws.append(f"{len(wanted - set(found))} are lost, {len(set(found) - wanted)} are nobody's")
    return flaws
