"""A backfill as one run over a range of days, and as one run for each day, all started at once.

Both end in the same staged rows, file by file, and in the same records in Basware. In `make test` the single days are
eight threads of one process over one Dagster instance; `make proof` starts `connector sync --date` for each of 60
days as a process of its own, as many at a time as the queue of Dagster would let run on a small machine.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import connector_tests
from connector_defs.flows.entities import ENTITIES, STAGED
from connector_defs.flows.reports import DateWindow
from connector_defs.orchestration.running import run
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions

LONG = bool(os.environ.get("CONNECTOR_PROOF"))
DAYS = 60 if LONG else 8
AT_A_TIME = 4 if LONG else DAYS
FLOWS = ("master-data", "purchase-orders")
WORLD = WorldOptions(suppliers=40, accounts=30, cost_centers=6, orders=150, lines=450, invoices=0)
LAST = WORLD.today
FIRST = LAST - timedelta(days=DAYS - 1)
ALL_DAYS = [FIRST + timedelta(days=number) for number in range(DAYS)]

_INSTANCE = Path(connector_tests.__file__).parent.parent / "dagster.yaml"
Partition = tuple[str, date]


@dataclass(frozen=True)
class Site:
    """Both systems and the place of a connector that knows nothing yet."""

    sandbox: Sandbox
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.sandbox.environment(),
            "CONNECTOR_CONFIG": "",
            "CONNECTOR_STATE_URL": f"sqlite:///{self.folder / 'state.db'}",
            "CONNECTOR_STAGING_URL": str(self.folder / "staging"),
            "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.05",
            "DAGSTER_HOME": str(self.folder),
        }

    def staged(self) -> dict[Partition, list[dict[str, Any]]]:
        """Every partition there is, with its rows in their order."""
        root = self.folder / "staging"
        found = {}
        for file in root.rglob("*.parquet"):
            table, _, day, _ = file.relative_to(root).parts
            found[table, date.fromisoformat(day.removeprefix("date="))] = pq.read_table(file).to_pylist()
        return found

    def in_basware(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Every record of every entity, without the time at which Basware got it."""
        return {
            entity.name: {
                code: {name: value for name, value in record.items() if name != "lastUpdated"}
                for code, record in self.sandbox.basware.in_target[entity.name].items()
            }
            for entity in ENTITIES
        }


@contextmanager
def a_site(folder: Path) -> Iterator[Site]:
    folder.mkdir()
    shutil.copy(_INSTANCE, folder / "dagster.yaml")
    with Sandbox(WORLD, processing_seconds=0.02) as sandbox:
        yield Site(sandbox, folder)


def in_threads(site: Site, days: list[DateWindow]) -> None:
    """All of them at once in this process."""

    def one(window: DateWindow) -> None:
        for flow in FLOWS:
            outcome = run(flow, window)
            assert outcome.success, (window, outcome.failures)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment.items():
            patch.setenv(name, value)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(one, days))


def as_processes(site: Site, days: list[DateWindow]) -> None:
    """Each as the command a person or a scheduler would start."""

    def one(window: DateWindow) -> None:
        for flow in FLOWS:
            ended = subprocess.run(
                [
                    *(sys.executable, "-m", "connector_defs.cli", "sync", flow),
                    *("--date", f"{window.first}..{window.last}"),
                ],
                env={**os.environ, **site.environment},
                cwd=site.folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            assert ended.returncode in (0, 1), ended.stderr
            assert "could not be done" not in ended.stdout, ended.stdout

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(one, days))


@pytest.mark.parametrize("start", [as_processes if LONG else in_threads], ids=lambda how: how.__name__)
def test_a_backfill_ends_the_same_as_one_run_and_as_a_run_for_each_day_started_at_once(
    tmp_path: Path, start: Callable[[Site, list[DateWindow]], None]
) -> None:
    with a_site(tmp_path / "range") as at_once, a_site(tmp_path / "days") as by_day:
        start(at_once, [DateWindow(FIRST, LAST)])
        start(by_day, [DateWindow.day(day) for day in ALL_DAYS])

        ours, theirs = at_once.staged(), by_day.staged()
        tables = {table.name for table in STAGED if table.group in FLOWS}
        assert ours.keys() == theirs.keys() == {(table, day) for table in tables for day in ALL_DAYS}
        assert [partition for partition in ours if ours[partition] != theirs[partition]] == []
        assert len({str(ours["order_headers", day]) for day in ALL_DAYS}) > 1, "the days are not all alike"

        held = at_once.in_basware()
        assert all(held.values()), "every entity has records"
        assert held == by_day.in_basware()
