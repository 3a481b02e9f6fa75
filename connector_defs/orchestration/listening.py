"""What a caller in the same process hears while a run goes on.

Belongs here: the line from an asset to the command line that started its run. Dagster keeps metadata, not
Python objects; a command that runs a job in process still wants the flows' own reports, as they come.
Does not belong here: how either of them shows a report.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from connector_defs.flows.enrichment_reports import EnrichmentReport, SupplierUpdateReport
from connector_defs.flows.record_reports import RecordsReport
from connector_defs.flows.reports import (
    ExtractReport,
    FollowUpReport,
    InvoiceRunReport,
    PaymentRunReport,
    PublishReport,
    ReconcileReport,
    StageReport,
)

Report = (
    StageReport
    | PublishReport
    | FollowUpReport
    | ExtractReport
    | InvoiceRunReport
    | PaymentRunReport
    | EnrichmentReport
    | SupplierUpdateReport
    | ReconcileReport
    | RecordsReport
)


@dataclass(frozen=True)
class StepStarted:
    """`step` (an asset, such as "basware/vendors") begins for `company`."""

    step: str
    company: str


@dataclass(frozen=True)
class StepFailed:
    """`step` could not be done for `company`; the other companies go on."""

    step: str
    company: str
    reason: str


Event = StepStarted | StepFailed | Report
Listener = Callable[[Event], None]

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send every event of runs in this process to `listener` while the block lasts."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def tell(event: Event) -> None:
    """Pass `event` on to whoever listens; nobody does in a run of the daemon."""
    for listener in _listeners.get():
        listener(event)
