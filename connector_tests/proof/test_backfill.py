"""A backfill as one run over a range of days, and as one run for each day, all started at once.

Both end in the same staged rows, file by file, and in the same records in Basware. `make proof` starts the command
`connector sync --date` for each of 60 days as a process of its own, four at a time, over one Dagster instance whose
pool lets one of them publish at a time. `make test` does what these runs do, without Dagster, for eight days in eight
threads, each with a connector of its own; a lock stands for the pool.
"""

import os
import shutil
import subprocess
import sys
import threading
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
from connector_defs.flows.extraction import stage
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import open_connector
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_defs.settings_reading import load_settings

LONG = bool(os.environ.get("CONNECTOR_PROOF"))
DAYS_OF_THE_PROOF = 60
DAYS = DAYS_OF_THE_PROOF if LONG else 8
AT_A_TIME = 4 if LONG else DAYS
FLOWS = ("master-data", "purchase-orders")
TABLES = tuple(table.name for table in STAGED if table.group in FLOWS)
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


def in_threads(site: Site, windows: list[DateWindow]) -> None:
    """All of them at once in this process."""
    settings = load_settings(environ=site.environment)
    with open_connector(settings):
        pass  # the store is set up once
    begin, pool_of_dagster = threading.Barrier(len(windows)), threading.Lock()

    def one(window: DateWindow) -> None:
        with open_connector(settings) as connector:
            begin.wait()
            (company,) = connector.companies
            for table in TABLES:
                stage(connector, company, table, window)
            for entity in ENTITIES:
                with pool_of_dagster:
                    publish(connector, company, entity.name, window.last, first=window.first)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(one, windows))


def as_processes(site: Site, windows: list[DateWindow]) -> None:
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
        list(pool.map(one, windows))


@pytest.mark.parametrize("start", [as_processes if LONG else in_threads], ids=lambda how: how.__name__)
def test_a_backfill_ends_the_same_as_one_run_and_as_a_run_for_each_day_started_at_once(
    tmp_path: Path, start: Callable[[Site, list[DateWindow]], None]
) -> None:
    with a_site(tmp_path / "range") as at_once, a_site(tmp_path / "days") as by_day:
        start(at_once, [DateWindow(FIRST, LAST)])
        start(by_day, [DateWindow.day(day) for day in ALL_DAYS])

        ours, theirs = at_once.staged(), by_day.staged()
        assert ours.keys() == theirs.keys() == {(table, day) for table in TABLES for day in ALL_DAYS}
        assert [partition for partition in ours if ours[partition] != theirs[partition]] == []
        assert len({str(ours["order_headers", day]) for day in ALL_DAYS}) > 1, "the days are not all alike"

        held = at_once.in_basware()
        assert all(held.values()), "every entity has records"
        assert held == by_day.in_basware()
