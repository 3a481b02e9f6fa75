"""Posting against its floor: one operator posts one invoice at a time, so posts x SYSPRO's latency is the least.

Every call to Basware takes its time as well, token and signed links included. Both systems are simulated in a process of
their own, so that their work is not the connector's. What is counted beside the time: logons, and requests to either
system per invoice, as the simulators count them.
"""

import argparse
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

from connector_defs.flows.entities import STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.sandbox.faults import FAULTS, FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_defs.settings_reading import load_settings

Row = tuple[str, str, str, str]
_ENET = ("Logon", "Logoff", "Transaction/Post APSTIN")
_ALWAYS = 10**9


@contextmanager
def opened(environment: Mapping[str, str], folder: Path) -> Iterator[Connector]:
    """A connector with an empty store, beside the sandbox of `environment`."""
    own = {
        "CONNECTOR_STATE_URL": f"sqlite:///{folder / 'state.db'}",
        "CONNECTOR_STAGING_URL": str(folder / "staging"),
        "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.1",
    }
    with open_connector(load_settings(environ={**environment, **own})) as connector:
        yield connector


class _Systems:
    """Both simulators in a process of their own."""

    def __init__(self, pipe: Connection, environment: Mapping[str, str]) -> None:
        self._pipe = pipe
        self.environment = environment

    def slow_down(self, syspro: float, basware: float) -> None:
        """From now on a post takes `syspro` seconds, any Basware call `basware`."""
        self._pipe.send((syspro, basware))
        self._pipe.recv()

    def counts(self) -> tuple[int, int]:
        """Requests so far to Basware and to e.net."""
        self._pipe.send("counts")
        basware, enet = self._pipe.recv()
        return basware, enet


@contextmanager
def _systems(invoices: int) -> Iterator[_Systems]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, invoices), daemon=True)
    process.start()
    try:
        yield _Systems(ours, ours.recv())
        ours.send("end")
        process.join()
    finally:
        process.kill()


def _serve(pipe: Connection, invoices: int) -> None:
    faults = FaultPlan()
    world = WorldOptions(orders=200, lines=1000, invoices=invoices)
    with Sandbox(world, faults=faults, processing_seconds=0.05) as sandbox:
        pipe.send(sandbox.environment())
        while (order := pipe.recv()) != "end":
            if order == "counts":
                enet = sum(sandbox.syspro.requests[name] for name in _ENET)
                pipe.send((sandbox.basware.requests.total(), enet))
                continue
            syspro, basware = order
            faults.arm("latency", times=_ALWAYS, site="syspro.transaction", seconds=syspro)
            for site in FAULTS["latency"].sites:
                if site.startswith("basware."):
                    faults.arm("latency", times=_ALWAYS, site=site, seconds=basware)
            pipe.send("done")


def posting(folder: Path, options: argparse.Namespace) -> list[Row]:
    """One run over `options.invoices` approved invoices."""
    with _systems(options.invoices) as systems, opened(systems.environment, folder) as connector:
        company = connector.companies[0]
        day = DateWindow.day(date.today())  # noqa: DTZ011 - the business date of this machine
        for one in STAGED:
            stage(connector, company, one.name, day)
        for entity in ("taxCodes", "accounts"):
            publish(connector, company, entity, day.last)
        systems.slow_down(options.syspro, options.basware)
        before = systems.counts()
        report = run_invoices(connector, company)
        basware, enet = (now - then for now, then in zip(systems.counts(), before, strict=True))
    floor = report.posted * options.syspro
    told = (
        f"{report.posted:,} invoices at {options.syspro:.2f} s a post, {options.basware:.2f} s a Basware call"
    )
    return [
        (f"{told}, seconds", f"{report.seconds:.1f}", f"{floor:.1f}", f"{report.seconds / floor:.3f}"),
        ("  answered with their voucher", f"{report.responded:,}", f"{report.posted:,}", ""),
        ("  logons", f"{report.logons}", "1", ""),
        _per_invoice("Basware", basware, report.fetched),
        _per_invoice("e.net", enet, report.posted),
    ]


def _per_invoice(system: str, calls: int, invoices: int) -> Row:
    return (f"  requests to {system} per invoice", f"{calls:,}", f"{invoices:,}", f"{calls / invoices:.2f}")
