"""Real processes side by side share one access token: one request, and one refresh after a refusal."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from connector_defs.flows.runtime import open_connector
from connector_defs.settings import Settings
from connector_tests.flows.pair import Pair
from connector_tests.proof.workers import _server, in_the_clear

PROCESSES, THREADS = 4, 25


def _ask(settings: str, orders: Connection) -> None:
    """A process: at every order all its threads ask for a token at once; the order names one that was refused."""
    with open_connector(Settings.model_validate_json(settings)) as connector:
        tokens = connector.tokens()
        orders.send([])
        while (refused := orders.recv()) is not None:
            start = threading.Barrier(THREADS)

            def one(_: int, refused: str = refused, start: threading.Barrier = start) -> str:
                start.wait(timeout=60)
                if refused:
                    tokens.reject(refused)
                return tokens.token()

            with ThreadPoolExecutor(THREADS) as pool:
                orders.send(list(pool.map(one, range(THREADS))))
        tokens.close()


def test_a_hundred_callers_in_four_processes_cause_one_token_request(pair: Pair, folder: Path) -> None:
    settings = in_the_clear(pair.connector.settings)
    lines, crew = [], []
    for _ in range(PROCESSES):
        ours, theirs = _server.Pipe()
        crew.append(_server.Process(target=_ask, args=(settings, theirs), daemon=True))
        crew[-1].start()
        lines.append(ours)
    assert [line.recv() for line in lines] == [[]] * PROCESSES

    def all_ask(refused: str = "") -> list[str]:
        for line in lines:
            line.send(refused)
        return [token for line in lines for token in line.recv()]

    requests: Callable[[], int] = lambda: pair.sandbox.basware.requests["POST tokens"]  # noqa: E731
    first = all_ask()
    assert (len(first), len(set(first)), requests()) == (PROCESSES * THREADS, 1, 1)
    second = all_ask(first[0])
    assert (len(set(second)), set(first) & set(second), requests()) == (1, set(), 2)
    for line, process in zip(lines, crew, strict=True):
        line.send(None)
        process.join(30)
