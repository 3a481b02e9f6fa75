"""What a run tells while it goes on: kept for the report at its end, and shown as progress on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector_defs.cli.terminal import console, visible
from connector_defs.flows.enrichment_reports import EnrichmentReport, SupplierUpdateReport
from connector_defs.flows.record_reports import RecordsReport
from connector_defs.flows.reports import (
    ExtractReport,
    FollowUpReport,
    InvoiceRunReport,
    PaymentRunReport,
    Problem,
    PublishReport,
    ReconcileReport,
    StageReport,
)
from connector_defs.orchestration.listening import Event, StepFailed, StepStarted


@dataclass
class Story:
    """Everything one run reported, in the order it came."""

    staged: list[StageReport] = field(default_factory=list)
    published: list[PublishReport] = field(default_factory=list)
    follow_ups: list[FollowUpReport] = field(default_factory=list)
    extracts: list[ExtractReport] = field(default_factory=list)
    invoices: list[InvoiceRunReport] = field(default_factory=list)
    payments: list[PaymentRunReport] = field(default_factory=list)
    enrichment: list[EnrichmentReport] = field(default_factory=list)
    supplier_updates: list[SupplierUpdateReport] = field(default_factory=list)
    reconciliations: list[ReconcileReport] = field(default_factory=list)
    comparisons: list[RecordsReport] = field(default_factory=list)
    failed_steps: list[StepFailed] = field(default_factory=list)
    on_step: Callable[[StepStarted], None] = lambda _: None

    def hear(self, event: Event) -> None:
        """Keep a report or a failed step, pass the start of a step on."""
        match event:
            case StepStarted():
                self.on_step(event)
            case StageReport():
                self.staged.append(event)
            case PublishReport():
                self.published.append(event)
            case FollowUpReport():
                self.follow_ups.append(event)
            case ExtractReport():
                self.extracts.append(event)
            case InvoiceRunReport():
                self.invoices.append(event)
            case PaymentRunReport():
                self.payments.append(event)
            case EnrichmentReport():
                self.enrichment.append(event)
            case SupplierUpdateReport():
                self.supplier_updates.append(event)
            case ReconcileReport():
                self.reconciliations.append(event)
            case RecordsReport():
                self.comparisons.append(event)
            case StepFailed():
                self.failed_steps.append(event)

    @property
    def problems(self) -> list[Problem]:
        """Every step that could not be done, then every record that could not go on, each once."""
        told = chain.from_iterable(
            [
                *(report.problems for report in self.published),
                *(report.problems for report in self.follow_ups),
                *(report.problems for report in self.extracts),
                *(report.problems for report in self.invoices),
                *(report.problems for report in self.payments),
                *(report.problems for report in self.enrichment),
                *(report.problems for report in self.supplier_updates),
            ]
        )
        found = {(problem.company, problem.entity, problem.key): problem for problem in told}
        steps = [
            Problem(failed.company, failed.step, "–", "step_failed", failed.reason, "run it again afterwards")
            for failed in self.failed_steps
        ]
        return [*steps, *found.values()]


@contextmanager
def heard(title: str) -> Iterator[Story]:
    """A story to listen with; on a terminal the step at work shows on stderr, and nowhere else."""
    story = Story()
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield story
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def show_step(event: StepStarted) -> None:
            progress.update(task, description=f"{title}: {visible(event.step)} ({visible(event.company)})")

        story.on_step = show_step
        yield story
