"""What the UI shows of books and totals: both ledgers, master data and orders compared, control totals, ages.

Belongs here: which fields a table shows. How a table is made is in `tables`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields

import dagster as dg

from connector_defs.flows.record_reports import (
    ControlTotals,
    IncompleteOrder,
    MoneyTotal,
    RecordAge,
    RecordComparison,
    RecordDifference,
    RecordsReport,
)
from connector_defs.flows.reports import Difference, LedgerTotal, ReconcileReport
from connector_defs.orchestration.tables import Metadata, table


def reconciled(report: ReconcileReport) -> Metadata:
    """Totals of the three books, and where they differ."""
    return {
        "dagster/row_count": dg.MetadataValue.int(report.compared),
        "matched": dg.MetadataValue.int(report.matched),
        "differences": dg.MetadataValue.int(len(report.differences)),
        "totals": _rows(LedgerTotal, report.totals),
        "difference_list": _rows(Difference, report.differences),
    }


def compared(report: RecordsReport) -> Metadata:
    """Master data and orders: what was compared of each entity, and where it differs."""
    return {
        "compared_records": dg.MetadataValue.int(sum(one.compared for one in report.comparisons)),
        "matched_records": dg.MetadataValue.int(sum(one.matched for one in report.comparisons)),
        "differing_records": dg.MetadataValue.int(sum(one.differing for one in report.comparisons)),
        "not_compared_records": dg.MetadataValue.int(sum(one.not_compared for one in report.comparisons)),
        "entities": _rows(RecordComparison, report.comparisons, leaving_out=("differences",)),
        "record_differences": _rows(RecordDifference, report.differences),
    }


def control_totals(totals: Sequence[ControlTotals]) -> Metadata:
    """The figures of each company, the money of order lines, and what does not add up."""
    metadata: Metadata = {
        "totals": _rows(ControlTotals, totals, leaving_out=("money", "differences")),
        "differences": table(
            ("company", "difference"), [(one.company, text) for one in totals for text in one.differences]
        ),
    }
    if any(one.money for one in totals):
        names = [field.name for field in fields(MoneyTotal)]
        metadata["money"] = table(
            ("company", *names),
            [
                (one.company, *(getattr(money, name) for name in names))
                for one in totals
                for money in one.money
            ],
        )
    return metadata


def ages(found: Iterable[RecordAge]) -> dg.TableMetadataValue:
    """How long records are not confirmed."""
    return _rows(RecordAge, found)


def incomplete_orders(orders: Iterable[IncompleteOrder]) -> dg.TableMetadataValue:
    """Each line that an order lacks in Basware, and why."""
    return table(
        ("company", "order", "lines_there", "line", "state", "code", "reason"),
        [
            (order.company, order.order, order.confirmed, line.line, line.state, line.code, line.reason)
            for order in orders
            for line in order.missing
        ],
    )


def _rows(
    kind: type[object], found: Iterable[object], *, leaving_out: tuple[str, ...] = ()
) -> dg.TableMetadataValue:
    """One row per dataclass, one column per field."""
    names = [field.name for field in fields(kind) if field.name not in leaving_out]  # type: ignore[arg-type]
    return table(names, [[getattr(one, name) for name in names] for one in found])
