"""`connector sandbox` tells a shell how to reach it, keeps its hands off foreign folders, and stops when told."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connector_defs.cli.sandbox import MARKER, as_exports, fresh_folder, parse_rates, read_exports
from connector_defs.domain.errors import Fatal
from connector_defs.settings_reading import load_settings
from connector_tests.cli.conftest import Command

SMALL = ["--suppliers=3", "--accounts=20", "--cost-centers=2", "--orders=2", "--lines=4", "--invoices=2"]
SANDBOX = [sys.executable, "-m", "connector_defs.cli", "sandbox", *SMALL]


@pytest.fixture
def process(own_place: Path) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*SANDBOX, "--stop-with-stdin", "--env-file", "sandbox.env"],
        cwd=own_place,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stderr is not None
            assert "Both systems answer" in running.stderr.readline()
            yield running
        finally:
            running.kill()


def test_what_it_prints_leads_a_connector_to_both_systems(
    process: "subprocess.Popen[str]", own_place: Path
) -> None:
    environment = read_exports((own_place / "sandbox.env").read_text(encoding="utf-8"))
    settings = load_settings(None, environment)

    assert settings.basware.region == "SANDBOX"
    assert settings.storage.state_url == f"sqlite:///{own_place}/data/sandbox/state.db"
    assert httpx.get(f"{settings.syspro.enet_url}/Logon", trust_env=False).status_code < 500
    assert httpx.get(f"{settings.basware.api_url}/_sandbox/basware/counters", trust_env=False).is_success
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert read_exports(out) == environment
    assert all(line.startswith("export ") for line in out.splitlines())


def test_the_environment_file_is_readable_by_its_owner_alone(
    process: "subprocess.Popen[str]", own_place: Path
) -> None:
    assert stat.S_IMODE((own_place / "sandbox.env").stat().st_mode) == 0o600


def test_it_ends_with_the_process_that_started_it(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(timeout=20) == 0


def test_exports_survive_quotes_and_blanks() -> None:
    environment = {"A": "two words", "B": "it's", "C": "", "D": "$HOME"}

    assert read_exports(as_exports(environment)) == environment


def test_a_shell_reads_the_exports() -> None:
    lines = as_exports({"A": "it's $HOME"})

    told = subprocess.run(["sh", "-c", f'{lines}printf %s "$A"'], capture_output=True, text=True, check=True)
    assert told.stdout == "it's $HOME"


def test_fault_rates_are_read() -> None:
    assert parse_rates(["http_503=0.05", "latency=1"]) == {"http_503": 0.05, "latency": 1.0}


@pytest.mark.parametrize("fault", ["http_503", "http_503=often", "http_503=2", "http_503=-1", "http_503=nan"])
def test_a_rate_that_is_no_probability_is_wrong_use(fault: str) -> None:
    with pytest.raises(Fatal, match="from 0 to 1"):
        parse_rates([fault])


def test_an_unknown_fault_is_wrong_use_and_the_known_ones_are_named(connector: Command) -> None:
    ended = connector("sandbox", "--fault", "earthquake=0.5")

    assert (ended.code, ended.out) == (2, "")
    assert "reset_after" in ended.err


def test_the_folder_of_an_earlier_sandbox_is_emptied(own_place: Path) -> None:
    folder = fresh_folder(own_place / "state")
    (folder / "state.db").touch()

    assert [each.name for each in fresh_folder(folder).iterdir()] == [MARKER]


def test_a_folder_that_no_sandbox_made_is_left_alone(connector: Command, own_place: Path) -> None:
    (own_place / "mine").mkdir()
    (own_place / "mine" / "precious").touch()
    ended = connector("sandbox", *SMALL, "--data-dir", "mine")

    assert ended.code == 2
    assert "--data-dir" in ended.err
    assert (own_place / "mine" / "precious").exists()
