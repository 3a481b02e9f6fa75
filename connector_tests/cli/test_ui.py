"""`connector ui` starts Dagster after the sandbox, lets invoices arrive, and stops what it started."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector_defs.cli import ui
from connector_defs.cli.sandbox_process import SandboxProcess
from connector_tests import ports
from connector_tests.cli.conftest import Command


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


@pytest.fixture
def arrivals(monkeypatch: pytest.MonkeyPatch, own_place: Path, free_port: int) -> list[str]:
    """Everything around the command small and quick: a page instead of Dagster, an end after two invoices."""
    stop = threading.Event()
    approved: list[str] = []
    model = {"invoiceId": "1", "processingStatus": "Transferred", "codingRows": [{"externalCode": "a"}]}
    matched = {**model, "codingRows": [{"goodsReceiptNumber": "G1"}]}

    @contextmanager
    def sandbox(*_: object) -> Iterator[SandboxProcess]:
        yield SandboxProcess({"BASWARE_REGION": "SANDBOX"})

    @contextmanager
    def asked() -> Iterator[threading.Event]:
        yield stop

    def approve(_: SandboxProcess, document: Mapping[str, Any]) -> None:
        approved.append(document["invoiceNumber"])
        if len(approved) == 2:
            stop.set()

    (own_place / "server_info").touch()
    # Where the tests run in the background of a shell, the page inherits that Ctrl-C means nothing.
    monkeypatch.setattr(ui, "_STOP_SECONDS", 1.0)
    monkeypatch.setattr(ui, "running_sandbox", sandbox)
    monkeypatch.setattr(ui, "asked_to_stop", asked)
    monkeypatch.setattr(ui, "_make_history", lambda: None)
    monkeypatch.setattr(ui, "_commands", lambda port: [["http.server", str(port), "--bind", "127.0.0.1"]])
    monkeypatch.setattr(SandboxProcess, "documents", lambda _: [matched, model])
    monkeypatch.setattr(SandboxProcess, "approve", approve)
    return approved


def test_invoices_arrive_until_it_is_stopped(connector: Command, arrivals: list[str], free_port: int) -> None:
    ended = connector("ui", "--port", str(free_port), "--every", "0.1")

    assert ended.code == 0, ended.err
    assert f"http://127.0.0.1:{free_port}" in ended.out
    assert arrivals == ["LIVE-00001", "LIVE-00002"]


def test_a_server_that_ends_by_itself_is_told(
    connector: Command, arrivals: list[str], free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "_commands", lambda port: [["no_such_module"]])
    ended = connector("ui", "--port", str(free_port))

    assert ended.code == 1
    assert "no_such_module ended by itself" in ended.err


def test_a_server_that_does_not_stop_is_ended(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "_STOP_SECONDS", 0.1)
    stubborn = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ui._end(process)

    assert process.returncode == -9


def test_outside_the_project_it_says_where_it_works(
    connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "_PROJECT", own_place)
    ended = connector("ui")

    assert ended.code == 2
    assert "dagster.yaml is missing" in ended.err


def test_dagster_listens_on_this_machine_alone() -> None:
    served = [command for command in ui._commands(3000) if "--port" in command]
    assert served
    assert all(command[command.index("--host") + 1] == "127.0.0.1" for command in served)
