"""Posting against its floor: one operator posts one invoice at a time, so posts x SYSPRO's latency is the least.

Every call to Basware takes its time as well, token and signed links included. What is counted beside the time: logons,
and requests to either system per invoice, as the simulators count them.
"""

import argparse
from contextlib import AbstractContextManager
from datetime import date
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
from connector_defs.settings import load_settings

Row = tuple[str, str, str, str]


def opened(sandbox: Sandbox, folder: Path) -> AbstractContextManager[Connector]:
    """A connector with an empty store, beside `sandbox`."""
    environment = {
        **sandbox.environment(),
        "CONNECTOR_STATE_URL": f"sqlite:///{folder / 'state.db'}",
        "CONNECTOR_STAGING_URL": str(folder / "staging"),
        "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.1",
    }
    return open_connector(load_settings(environ=environment))


def posting(folder: Path, options: argparse.Namespace) -> list[Row]:
    """One run over `options.invoices` approved invoices."""
    faults = FaultPlan()
    world = WorldOptions(orders=200, lines=1000, invoices=options.invoices)
    with (
        Sandbox(world, faults=faults, processing_seconds=0.05) as sandbox,
        opened(sandbox, folder) as connector,
    ):
        company = connector.companies[0]
        day = DateWindow.day(date.today())  # noqa: DTZ011 - the business date of this machine
        for one in STAGED:
            stage(connector, company, one.name, day)
        for entity in ("taxCodes", "accounts"):
            publish(connector, company, entity, day.last)
        faults.arm("latency", times=10**9, site="syspro.transaction", seconds=options.syspro)
        for site in FAULTS["latency"].sites:
            if site.startswith("basware."):
                faults.arm("latency", times=10**9, site=site, seconds=options.basware)
        enet = ("Logon", "Logoff", "Transaction/Post APSTIN")
        before = sandbox.basware.requests.total(), sum(sandbox.syspro.requests[name] for name in enet)
        report = run_invoices(connector, company)
        calls = (
            sandbox.basware.requests.total() - before[0],
            sum(sandbox.syspro.requests[name] for name in enet) - before[1],
        )
    floor = report.posted * options.syspro
    told = (
        f"{report.posted:,} invoices at {options.syspro:.2f} s a post, {options.basware:.2f} s a Basware call"
    )
    return [
        (f"{told}, seconds", f"{report.seconds:.1f}", f"{floor:.1f}", f"{report.seconds / floor:.3f}"),
        ("  answered with their voucher", f"{report.responded:,}", f"{report.posted:,}", ""),
        ("  logons", f"{report.logons}", "1", ""),
        _per_invoice("Basware", calls[0], report.fetched),
        _per_invoice("e.net", calls[1], report.posted),
    ]


def _per_invoice(system: str, calls: int, invoices: int) -> Row:
    return (f"  requests to {system} per invoice", f"{calls:,}", f"{invoices:,}", f"{calls / invoices:.2f}")
