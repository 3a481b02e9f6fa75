"""The enrichment of suppliers as Dagster metadata: the table of differences, and what was written to SYSPRO.

Belongs here: the shape of what the UI shows. Does not belong here: counting; the flows' reports did that.
"""

from collections.abc import Iterable, Sequence

import dagster as dg

from connector_defs.flows.enrichment_reports import EnrichmentReport, SupplierChange, SupplierUpdateReport
from connector_defs.orchestration.tables import Metadata, problems, table

_COMPARED = (
    "vendors",
    "compared",
    "proposed",
    "approved",
    "review",
    "rejected",
    "failed",
    "superseded",
    "basware_requests",
)
_WRITTEN = ("due", "sent", "applied", "refused", "failed", "waiting", "logons")


def compared(reports: Sequence[EnrichmentReport]) -> Metadata:
    """What Basware tells otherwise than SYSPRO, and what becomes of it."""
    return {
        **_counts(reports, _COMPARED, rows="compared"),
        "differences": changes(change for report in reports for change in report.changes),
        "not_compared": problems(note for report in reports for note in report.notes),
        "problems": problems(problem for report in reports for problem in report.problems),
    }


def written(reports: Sequence[SupplierUpdateReport]) -> Metadata:
    """What was written to SYSPRO and read back there."""
    return {
        **_counts(reports, _WRITTEN, rows="applied"),
        "changes": changes(change for report in reports for change in report.changes),
        "problems": problems(problem for report in reports for problem in report.problems),
    }


def changes(found: Iterable[SupplierChange]) -> dg.TableMetadataValue:
    """One field of one supplier in a row."""
    columns = (
        "company",
        "supplier",
        "field",
        "syspro",
        "basware",
        "state",
        "outcome",
        "reason",
        "decided_by",
    )
    return table(columns, [tuple(getattr(change, name) for name in columns) for change in found])


def _counts(
    reports: Sequence[EnrichmentReport] | Sequence[SupplierUpdateReport], names: Sequence[str], *, rows: str
) -> Metadata:
    counts = {name: sum(getattr(report, name) for report in reports) for name in names}
    return {
        "dagster/row_count": dg.MetadataValue.int(counts[rows]),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
        "seconds": dg.MetadataValue.float(round(sum(report.seconds for report in reports), 3)),
        "companies": table(
            ("company", *names),
            [(report.company, *(getattr(report, name) for name in names)) for report in reports],
        ),
    }
