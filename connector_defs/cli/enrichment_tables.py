"""Differences of suppliers as tables, for `sync enrichment`, its dry run, `connector enrichment` and the demo."""

from collections.abc import Sequence

from connector_defs.cli.tables import SHOWN_PROBLEMS, Kind, table
from connector_defs.cli.terminal import say
from connector_defs.flows.enrichment_reports import EnrichmentReport, SupplierChange, SupplierUpdateReport
from connector_defs.flows.reports import Problem


def compared(reports: Sequence[EnrichmentReport]) -> None:
    """What was compared, every difference, and the vendors that were not compared."""
    _counted(
        "Suppliers compared with Basware's vendors",
        ("vendors", "compared", "proposed", "approved", "review", "rejected", "failed", "superseded"),
        reports,
    )
    found = [change for report in reports for change in report.changes]
    if found:
        would = all(report.dry_run for report in reports)
        changes(f"{len(found):,} difference(s){', nothing is stored or written' if would else ''}", found)
    _not_compared([note for report in reports for note in report.notes])


def written(reports: Sequence[SupplierUpdateReport]) -> None:
    """What was written to SYSPRO and read back."""
    _counted(
        "Suppliers changed in SYSPRO",
        ("due", "sent", "applied", "refused", "failed", "waiting", "logons"),
        reports,
    )


def changes(title: str, found: Sequence[SupplierChange], at_most: int = SHOWN_PROBLEMS) -> None:
    """One field of one supplier in a row; beyond `at_most`, a count."""
    table(
        title,
        [
            ("company", "key"),
            ("supplier", "key"),
            ("field", "key"),
            ("SYSPRO has", "key"),
            ("Basware has", "key"),
            ("what happens", "sentence"),
            ("reason", "sentence"),
            ("decided by", "key"),
        ],
        [
            (
                one.company,
                one.supplier,
                one.field,
                one.syspro,
                one.basware,
                one.outcome,
                one.reason,
                one.decided_by,
            )
            for one in found[:at_most]
        ],
    )
    _rest(len(found) - at_most)


def _not_compared(notes: Sequence[Problem]) -> None:
    if not notes:
        return
    table(
        f"{len(notes):,} vendor(s) not compared",
        [("company", "key"), ("vendor", "key"), ("reason", "sentence")],
        [(note.company, note.key, note.reason) for note in notes[:SHOWN_PROBLEMS]],
    )
    _rest(len(notes) - SHOWN_PROBLEMS)


def _counted(
    title: str,
    counts: Sequence[str],
    reports: Sequence[EnrichmentReport] | Sequence[SupplierUpdateReport],
) -> None:
    columns: list[tuple[str, Kind]] = [("company", "key")]
    columns += [(name, "number") for name in (*counts, "seconds")]
    table(
        title, columns, [[getattr(one, name) for name in ("company", *counts, "seconds")] for one in reports]
    )


def _rest(number: int) -> None:
    if number > 0:
        say(f"… and {number:,} more. All of them: --json.")
