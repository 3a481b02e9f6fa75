"""A connector beside a sandbox of its own, the documents tests put into Basware, and the books both must agree on.

Here: what every test of the flows needs to set a scene and to judge the end of it. Not here: any expectation of
one single test.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from connector_defs.domain.clock import Clock
from connector_defs.flows import mapping, overview
from connector_defs.flows.entities import ENTITIES, STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow, InvoiceRunReport, PublishReport
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.ledger import PostedInvoice
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world import WorldOptions
from connector_defs.settings import CompanySettings, Settings
from connector_defs.settings_reading import load_settings
from connector_defs.store import invoices
from connector_defs.store.invoices import StoredInvoice
from connector_tests.proof.judge import Judge

TODAY = date(2026, 11, 20)
SUPPLIER = "000000000000001"
HELD_SUPPLIER = "000000000000010"
EURO_SUPPLIER = "000000000000008"
ACCOUNT = "00-6000"
SMALL = WorldOptions(suppliers=12, accounts=20, cost_centers=4, orders=8, lines=30, invoices=0, today=TODAY)
_TIMING = {
    "http_timeout_seconds": 5,
    "retry_base_seconds": 0.01,
    "retry_max_seconds": 0.05,
    "uncertain_quarantine_seconds": 0.05,
    "request_status_poll_seconds": 0.02,
    "confirm_wait_seconds": 3,
    "linger_seconds": 3,
}


class LeapingClock:
    """Real time, but waiting takes none: the clock leaps over it."""

    def __init__(self, leapt: timedelta = timedelta()) -> None:
        self.leapt = leapt

    def now(self) -> datetime:
        """The current instant, with all waits so far added."""
        return datetime.now(UTC) + self.leapt

    def wait(self, seconds: float) -> None:
        """Leap."""
        self.leapt += timedelta(seconds=seconds)


@dataclass
class Pair:
    """An open connector and the sandbox it works with."""

    connector: Connector
    sandbox: Sandbox
    company: CompanySettings

    @property
    def faults(self) -> FaultPlan:
        """The sandbox's fault switches."""
        return self.sandbox.faults

    def run(self) -> InvoiceRunReport:
        """One run over the approved invoices."""
        return run_invoices(self.connector, self.company)

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Within the block a run leaves what is still open to the next one, in place of trying for three seconds."""
        waits = {"linger_seconds": 0.0, "confirm_wait_seconds": 0.0}
        with mock.patch.dict(vars(self.connector.settings.timing), waits):
            yield

    def next_day(self) -> None:
        """Let a day pass: what is due once a day is due again."""
        self.connector.clock.wait(25 * 3600)

    def approve(self, *documents: Mapping[str, Any]) -> list[str]:
        """Approve invoices in Basware; returns their ids."""
        return [str(self.sandbox.basware.approve(document)["invoiceId"]) for document in documents]

    def stored(self, invoice_id: str) -> StoredInvoice:
        """The invoice as our store holds it."""
        with self.connector.store.read() as connection:
            found = invoices.get(connection, self.company.syspro_company, invoice_id)
        assert found is not None, f"{invoice_id} is not in the store"
        return found

    def state(self, invoice_id: str) -> str:
        """Its state, with the reason code where it has one: `needs_review/UNBALANCED`."""
        stored = self.stored(invoice_id)
        return f"{stored.state}/{stored.code}" if stored.code else str(stored.state)

    def states(self) -> dict[str, int]:
        """Invoices by state, without the empty ones."""
        return {name: number for name, number in overview.status(self.connector).invoices.items() if number}

    def in_basware(self, invoice_id: str) -> str:
        """processingStatus in Basware."""
        return str(self.sandbox.basware.documents[invoice_id]["processingStatus"])

    def postings(self, document: Mapping[str, Any]) -> list[PostedInvoice]:
        """What SYSPRO holds under this document's supplier and number."""
        return self.sandbox.syspro.ledger.find(document["supplierCode"], document["invoiceNumber"].strip())

    def map(self, account: str = ACCOUNT, gl_code: str = ACCOUNT, cost_center: str | None = None) -> int:
        """Set a GL mapping; returns how many invoices it freed."""
        _, freed = mapping.set_rule(
            self.connector,
            self.company.syspro_company,
            account,
            cost_center,
            gl_code,
            actor="ap",
            reason="test",
        )
        return freed

    def stage(self, *names: str, day: date = TODAY) -> None:
        """Stage the named tables, or all."""
        for table in STAGED:
            if not names or table.name in names:
                stage(self.connector, self.company, table.name, DateWindow.day(day))

    def publish(self, *names: str, day: date = TODAY) -> dict[str, PublishReport]:
        """Publish the named entities, or all, from what is staged."""
        return {
            entity.name: publish(self.connector, self.company, entity.name, day)
            for entity in ENTITIES
            if not names or entity.name in names
        }

    def sync(self, day: date = TODAY) -> dict[str, PublishReport]:
        """Stage and publish everything."""
        self.stage(day=day)
        return self.publish(day=day)


def settings_for(sandbox: Sandbox, folder: Path, **sections: Mapping[str, Any]) -> Settings:
    """Settings that fit a sandbox, with short times; `sections` change single values."""
    settings = load_settings(
        environ={
            **sandbox.environment(),
            "CONNECTOR_STATE_URL": f"sqlite:///{folder / 'state.db'}",
            "CONNECTOR_STAGING_URL": str(folder / "staging"),
        }
    )
    tree = settings.model_dump()
    tree["timing"].update(_TIMING)
    for section, changes in sections.items():
        target = tree["companies"][0] if section == "company" else tree[section]
        target.update(changes)
    return Settings.model_validate(tree)


@contextmanager
def open_pair(
    folder: Path,
    world: WorldOptions = SMALL,
    *,
    clock: Clock | None = None,
    syspro_options: SysproOptions | None = None,
    transfer_window_seconds: float | None = None,
    late_responses: bool = False,
    processing_seconds: float = 0.0,
    **sections: Mapping[str, Any],
) -> Iterator[Pair]:
    """A sandbox and a connector that knows nothing yet, both closed at the end."""
    with (
        Sandbox(
            world,
            processing_seconds=processing_seconds,
            syspro_options=syspro_options,
            transfer_window_seconds=transfer_window_seconds,
            late_responses=late_responses,
        ) as sandbox,
        open_connector(settings_for(sandbox, folder, **sections), clock or LeapingClock()) as connector,
    ):
        yield Pair(connector, sandbox, connector.companies[0])


def invoice(number: str, net: str = "100.00", *, tax: str = "8.25", **fields: Any) -> dict[str, Any]:
    """An approved invoice of one coding row, right in every respect; `fields` make it otherwise."""
    return {
        "invoiceId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number}/{net}/{fields.get('supplierCode', '')}")),
        "invoiceNumber": number,
        "companyCode": "1000",
        "supplierCode": SUPPLIER,
        "supplierName": "Summit Pallets LLC",
        "currencyCode": "USD",
        "netSum": Decimal(net),
        "taxSum1": Decimal(tax),
        "grossSum": Decimal(net) + Decimal(tax),
        "taxCode": "S",
        "invoiceDate": "2026-11-09T00:00:00",
        "dueDate": "2026-12-09T00:00:00",
        "paymentBlock": False,
        "codingRows": [row(net, tax)],
        **fields,
    }


def row(net: str = "100.00", tax: str = "8.25", *, key: str = "row-1", **fields: Any) -> dict[str, Any]:
    """A coding row on `ACCOUNT`."""
    return {
        "externalCode": key,
        "rowIndex": 1,
        "accountCode": ACCOUNT,
        "accountName": "Tooling",
        "taxCode": "S",
        "netTotal": Decimal(net),
        "taxSum": Decimal(tax),
        "grossTotal": Decimal(net) + Decimal(tax),
        **fields,
    }


def assert_books_agree(pair: Pair, *, differences: bool = False) -> None:
    """The invariants that no fault may break; `differences` where a test planted some for `reconcile` to find."""
    verdict = Judge(pair.sandbox, pair.connector).at_rest(differences=differences)
    assert verdict.clean, str(verdict)
