"""Reports of runs as Dagster metadata: numbers that become plots, and tables that people read.

Belongs here: the shape of what the UI shows of a run, and how a table is made. Money is shown as text, exact to the
cent. Single invoices are in `invoice_tables`, control totals and comparisons in `book_tables`.
Does not belong here: counting; the flows' reports did that.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg

from connector_defs.domain.known_secrets import covered
from connector_defs.flows.push_reports import HintReport
from connector_defs.flows.reports import (
    ExtractReport,
    FollowUpReport,
    InvoiceRunReport,
    PaymentRunReport,
    Problem,
    PublishNote,
    PublishReport,
    StageReport,
)

# A page of the UI, and a row of Dagster's database, stay readable; the full list is the queue itself.
ROWS_SHOWN = 200

Cell = str | int | float | bool | None
Metadata = dict[str, dg.MetadataValue]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.TableMetadataValue:
    """At most ROWS_SHOWN rows; Decimal, date and path become text."""
    cells = [[_cell(value) for value in row] for row in rows]
    kinds = {name: _kind(row[place] for row in cells) for place, name in enumerate(columns)}
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(columns, row, strict=True))) for row in cells[:ROWS_SHOWN]],
        schema=dg.TableSchema([dg.TableColumn(name, kinds[name]) for name in columns]),
    )


def staged(reports: Sequence[StageReport]) -> Metadata:
    """Rows, pages, columns and places of one staged table."""
    metadata: Metadata = {
        "dagster/row_count": dg.MetadataValue.int(sum(report.rows for report in reports)),
        "pages": dg.MetadataValue.int(sum(report.pages for report in reports)),
        "seconds": dg.MetadataValue.float(_seconds(reports)),
        "companies": table(
            ("company", "rows", "pages", "seconds", "path"),
            [
                (report.company, report.rows, report.pages, round(report.seconds, 3), report.path)
                for report in reports
            ],
        ),
        **{
            name: table(
                ("company", "column"),
                [(report.company, column) for report in reports for column in getattr(report, name)],
            )
            for name in ("missing_columns", "changed_columns", "new_columns")
        },
    }
    if reports:
        metadata["dagster/uri"] = dg.MetadataValue.text(str(reports[0].path))
        metadata["dagster/column_schema"] = dg.MetadataValue.table_schema(
            dg.TableSchema([dg.TableColumn(name, kind) for name, kind in reports[0].columns])
        )
    return metadata


_PUBLISHED = (
    "staged",
    "unchanged",
    "sent",
    "requests",
    "confirmed",
    "pending",
    "failed",
    "quarantined",
    "deactivated",
    "held",
    "superseded",
)


def published(reports: Sequence[PublishReport]) -> Metadata:
    """What was compared, sent and confirmed of one entity."""
    counts = {name: sum(getattr(report, name) for report in reports) for name in _PUBLISHED}
    return {
        "dagster/row_count": dg.MetadataValue.int(counts["staged"]),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
        "seconds": dg.MetadataValue.float(_seconds(reports)),
        "companies": table(
            ("company", *_PUBLISHED),
            [(report.company, *(getattr(report, name) for name in _PUBLISHED)) for report in reports],
        ),
        "problems": problems(problem for report in reports for problem in report.problems),
        "notes": notes(note for report in reports for note in report.notes),
    }


def notes(found: Iterable[PublishNote]) -> dg.TableMetadataValue:
    """What Basware was not told, or not exactly, of records that went."""
    return table(
        ("company", "entity", "code", "text", "remedy", "records", "example"),
        [
            (note.company, note.entity, note.code, note.text, note.remedy, note.records, note.example)
            for note in found
        ],
    )


def outcomes(reports: Sequence[FollowUpReport]) -> Metadata:
    """What one look at open requests brought."""
    names = ("requests", "confirmed", "failed", "pending")
    return {
        **{name: dg.MetadataValue.int(sum(getattr(one, name) for one in reports)) for name in names},
        "problems": problems(problem for report in reports for problem in report.problems),
    }


def extracts(report: ExtractReport) -> Metadata:
    """What one look at the data extracts brought."""
    return {
        "dagster/row_count": dg.MetadataValue.int(report.rows),
        "extracts": dg.MetadataValue.int(report.extracts),
        "fetched": dg.MetadataValue.int(report.fetched),
        "received": dg.MetadataValue.int(report.received),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
        "new_columns": table(("column",), [(column,) for column in report.new_columns]),
        "problems": problems(report.problems),
    }


def intake(reports: Sequence[InvoiceRunReport]) -> Metadata:
    """The approved-documents side of an invoice run."""
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(report.received for report in reports)),
        "fetched": dg.MetadataValue.int(sum(report.fetched for report in reports)),
        "waiting": dg.MetadataValue.int(sum(report.waiting for report in reports)),
        "released": dg.MetadataValue.int(sum(report.released for report in reports)),
        "basware_requests": dg.MetadataValue.int(sum(report.basware_requests for report in reports)),
        "seconds": dg.MetadataValue.float(_seconds(reports)),
        "states": table(
            ("company", "state", "invoices"),
            [(report.company, state, count) for report in reports for state, count in report.states.items()],
        ),
        "problems": problems(problem for report in reports for problem in report.problems),
    }


def notified(report: HintReport) -> Metadata:
    """What the open notifications led to."""
    names = ("open", "fetched", "received", "settled")
    counts = {f"notifications_{name}": dg.MetadataValue.int(getattr(report, name)) for name in names}
    return {
        **counts,
        **({"notifications_trouble": dg.MetadataValue.text(report.trouble)} if report.trouble else {}),
    }


def postings(reports: Sequence[InvoiceRunReport]) -> Metadata:
    """The SYSPRO side of an invoice run."""
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(report.posted for report in reports)),
        "retrying": dg.MetadataValue.int(sum(report.retrying for report in reports)),
        "logons": dg.MetadataValue.int(sum(report.logons for report in reports)),
        "syspro_requests": dg.MetadataValue.int(sum(report.syspro_requests for report in reports)),
        "companies": table(
            ("company", "posted", "retrying", "logons", "syspro_requests", "seconds"),
            [
                (
                    report.company,
                    report.posted,
                    report.retrying,
                    report.logons,
                    report.syspro_requests,
                    round(report.seconds, 3),
                )
                for report in reports
            ],
        ),
    }


def answers(reports: Sequence[InvoiceRunReport]) -> Metadata:
    """The answers Basware accepted in an invoice run."""
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(report.responded for report in reports)),
        "companies": table(
            ("company", "responded"), [(report.company, report.responded) for report in reports]
        ),
    }


_PAID = (
    "rows",
    "examined",
    "changed",
    "told",
    "confirmed",
    "pending",
    "refused",
    "unclear",
    "basware_requests",
)


def payments(reports: Sequence[PaymentRunReport]) -> Metadata:
    """What was read, what had changed, and what Basware was told of it."""
    counts = {name: sum(getattr(report, name) for report in reports) for name in _PAID}
    return {
        "dagster/row_count": dg.MetadataValue.int(counts["told"]),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
        "seconds": dg.MetadataValue.float(_seconds(reports)),
        "companies": table(
            ("company", *_PAID),
            [(report.company, *(getattr(report, name) for name in _PAID)) for report in reports],
        ),
        "payments": table(
            (
                "company",
                "supplier",
                "invoice_number",
                "paid_total",
                "gross",
                "currency",
                "cash_discount",
                "payment_date",
                "generation",
            ),
            [
                (
                    told.company,
                    told.supplier,
                    told.invoice_number,
                    told.paid_total,
                    told.gross,
                    told.currency,
                    told.cash_discount,
                    told.payment_date,
                    told.generation,
                )
                for report in reports
                for told in report.payments
            ],
        ),
        "problems": problems(problem for report in reports for problem in report.problems),
    }


def problems(found: Iterable[Problem]) -> dg.TableMetadataValue:
    """Records that could not go on, why, and what to do."""
    return table(
        ("company", "entity", "key", "code", "reason", "remedy"),
        [
            (problem.company, problem.entity, problem.key, problem.code, problem.reason, problem.remedy)
            for problem in found
        ],
    )


def failures(failed: Mapping[str, str]) -> dg.TableMetadataValue:
    """Companies that failed, and why."""
    return table(("company", "reason"), sorted(failed.items()))


def _seconds(reports: Iterable[StageReport | PublishReport | InvoiceRunReport | PaymentRunReport]) -> float:
    return round(sum(report.seconds for report in reports), 3)


def _cell(value: object) -> Cell:
    match value:
        case str():
            return covered(value)
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat(timespec="seconds")
        case date() | Decimal() | Path():
            return str(value)
        case _:
            raise TypeError(f"a table cell cannot hold {type(value).__name__}")


def _kind(values: Iterable[Cell]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return "int"
    if kinds and kinds <= {int, float}:
        return "float"
    return "string"
