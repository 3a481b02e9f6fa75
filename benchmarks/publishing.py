"""Publishing against its floor: the fewest POSTs that Basware's batch limits allow, at its latency and so many at a time.

Every call to Basware takes its time, token and status reads included. Both systems are simulated in a process of their
own. The seconds are the whole of publishing: from the first comparison to the last confirmation, entity by entity in
their order; reading SYSPRO is told beside them. Three rounds: everything new, nothing changed, one per cent changed.
"""

import argparse
import gc
import math
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from benchmarks.posting import opened
from connector_defs.basware.entities import ENDPOINTS
from connector_defs.flows.entities import ENTITIES, MASTER_DATA, PURCHASE_ORDERS, STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow, PublishReport
from connector_defs.flows.runtime import Connector
from connector_defs.sandbox.faults import FAULTS, FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions

Row = tuple[str, str, str, str]

# Old closed orders are not read, and comment lines are not sent: so many make about 4,000 orders with 20,000 lines and
# 10,000 receipts that are.
_WORLD = WorldOptions(
    suppliers=5_000, accounts=2_000, cost_centers=300, orders=4_815, lines=25_545, invoices=0
)
_RECEIPTS = 12_720
_ALWAYS = 10**9
_POSTS = "POST "


class _Systems:
    """Both simulators in a process of their own."""

    def __init__(self, pipe: Connection, environment: dict[str, str], seconds: float) -> None:
        self._pipe = pipe
        self.environment = environment
        self._ask("slow", seconds)

    def _ask(self, what: str, value: float = 0.0) -> dict[str, int]:
        self._pipe.send((what, value))
        return cast("dict[str, int]", self._pipe.recv())

    def requests(self) -> dict[str, int]:
        """Requests to Basware so far, by what they were."""
        return self._ask("requests")

    def change(self, share: float) -> dict[str, int]:
        """Change this share of the records of each kind in SYSPRO; returns how many, by entity."""
        return self._ask("change", share)


@contextmanager
def _systems(seconds: float) -> Iterator[_Systems]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield _Systems(ours, ours.recv(), seconds)
        ours.send(("end", 0.0))
        process.join()
    finally:
        process.kill()


def _serve(pipe: Connection) -> None:
    faults = FaultPlan()
    with Sandbox(_WORLD, faults=faults, processing_seconds=0.05) as sandbox:
        _keep_receipts(sandbox)
        # A service of many machines does not stand still to look through all it holds, as this one process would.
        gc.disable()
        pipe.send(sandbox.environment())
        while (order := pipe.recv())[0] != "end":
            what, value = order
            if what == "requests":
                pipe.send(dict(sandbox.basware.requests))
            elif what == "change":
                pipe.send(_change(sandbox, value))
            else:
                for site in FAULTS["latency"].sites:
                    if site.startswith("basware."):
                        faults.arm("latency", times=_ALWAYS, site=site, seconds=value)
                pipe.send({})


def _keep_receipts(sandbox: Sandbox) -> None:
    """Exactly `_RECEIPTS` of them."""
    table = sandbox.world.tables["GrnDetails"]
    for row in list(table)[_RECEIPTS:]:
        table.delete(table.key_of(table.row(row)))


def _change(sandbox: Sandbox, share: float) -> dict[str, int]:
    changed = {}
    for entity, name, column in (
        ("vendors", "ApSupplier", "SupplierName"),
        ("accounts", "GenMaster", "Description"),
        ("costCenters", "GenAnalysisCode", "Description"),
        ("matchingOrderLines", "PorMasterDetail", "MStockDes"),
    ):
        table = sandbox.world.tables[name]
        rows = list(table)
        every = round(1 / share)
        for row in rows[::every]:
            text = str(row[column] or "")
            table.update(table.key_of(table.row(row)), {column: f"{text[:-1]}x" if text else "changed"})
        changed[entity] = len(rows[::every])
    return changed


@dataclass(frozen=True)
class _Round:
    """One night: staged, published, and what that took."""

    staging: float
    seconds: float
    reports: tuple[PublishReport, ...]
    posts: int
    reads: int

    @property
    def sent(self) -> int:
        return sum(report.sent for report in self.reports)

    @property
    def confirmed(self) -> int:
        return sum(report.confirmed for report in self.reports)

    @property
    def least(self) -> int:
        """The fewest POSTs for what was sent."""
        return sum(math.ceil(report.sent / ENDPOINTS[report.entity].batch_limit) for report in self.reports)


def _night(connector: Connector, systems: _Systems, day: date) -> _Round:
    company = connector.companies[0]
    before, began = systems.requests(), time.monotonic()
    for table in STAGED:
        if table.group in (MASTER_DATA, PURCHASE_ORDERS):
            stage(connector, company, table.name, DateWindow.day(day))
    staged = time.monotonic()
    reports = tuple(publish(connector, company, entity.name, day) for entity in ENTITIES)
    ended, after = time.monotonic(), systems.requests()
    new = {name: number - before.get(name, 0) for name, number in after.items()}
    posts = sum(new.get(_POSTS + entity.name, 0) for entity in ENTITIES)
    reads = sum(number for name, number in new.items() if name.startswith("GET "))
    return _Round(staged - began, ended - staged, reports, posts, reads)


def publishing(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Everything new, nothing changed, one per cent changed."""
    day = date.today()  # noqa: DTZ011 - the business date of this machine
    with _systems(options.basware) as systems, opened(systems.environment, folder) as connector:
        parallel = connector.settings.basware.max_parallel
        first = _night(connector, systems, day)
        again = _night(connector, systems, day)
        changed = systems.change(0.01)
        few = _night(connector, systems, day)
    floor = first.least * options.basware / parallel
    told = (
        f"first publication, {first.sent:,} records at {options.basware:.2f} s a call, {parallel} at a time"
    )
    by_entity = ", ".join(
        f"{report.sent:,} {report.entity} {report.seconds:.1f} s" for report in first.reports
    )
    return [
        (f"{told}, seconds", f"{first.seconds:.1f}", f"{floor:.1f}", f"{first.seconds / floor:.3f}"),
        (f"  {by_entity}", "", "", ""),
        ("  staged before that, seconds", f"{first.staging:.1f}", "", ""),
        ("  POSTs", f"{first.posts:,}", f"{first.least:,}", f"{first.posts / first.least:.3f}"),
        ("  confirmed", f"{first.confirmed:,}", f"{first.sent:,}", ""),
        ("  GETs of all kinds", f"{first.reads:,}", "", ""),
        ("nothing changed, POSTs", f"{again.posts:,}", "0", ""),
        (
            f"one per cent changed ({sum(changed.values()):,} rows), records sent",
            f"{few.sent:,}",
            f"{sum(changed.values()):,}",
            "",
        ),
        ("  POSTs", f"{few.posts:,}", f"{few.least:,}", f"{few.posts / max(few.least, 1):.3f}"),
        ("  confirmed", f"{few.confirmed:,}", f"{few.sent:,}", ""),
    ]
