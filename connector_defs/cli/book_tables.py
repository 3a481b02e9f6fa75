"""What people see of books and totals: the status, both ledgers, master data and orders compared, control totals.

Belongs here: which fields and columns are shown. How a table is drawn is in `tables`.
"""

from collections.abc import Sequence

from connector_defs.cli.tables import SHOWN_PROBLEMS, Kind, table
from connector_defs.cli.terminal import say
from connector_defs.flows.record_reports import ControlTotals, IncompleteOrder, RecordAge, RecordsReport
from connector_defs.flows.reports import ReconcileReport, Status

_FIGURES = (
    "rows",
    "asked_for",
    "left_out",
    "doubled",
    "staged",
    "unchanged",
    "sent",
    "carried",
    "confirmed",
    "pending",
    "held",
    "in_flight",
    "superseded",
    "refused",
    "quarantined",
    "closed",
)


def status(report: Status) -> None:
    """Invoices by state, records by entity, ages of what is open, and the control totals of the last runs."""
    table(
        "Invoices by state",
        [("state", "key"), ("invoices", "number")],
        [(state, count) for state, count in report.invoices.items() if count],
    )
    kinds = ("published", "pending", "failed", "quarantined")
    columns: list[tuple[str, Kind]] = [("entity", "key")]
    table(
        "Records in Basware",
        columns + [(kind, "number") for kind in kinds],
        [(entity, *(counts.get(kind, 0) for kind in kinds)) for entity, counts in report.records.items()],
    )
    _ages(report.unconfirmed)
    _incomplete(report.incomplete_orders)
    control_totals(report.control_totals)
    say(f"Oldest open invoice: {report.oldest_open_minutes:,} minute(s).")


def reconciliation(report: ReconcileReport) -> None:
    """The three books side by side, then every difference."""
    table(
        f"Books {'of ' + report.day.isoformat() if report.day else 'of all days'}",
        [
            ("company", "key"),
            ("currency", "key"),
            ("invoices", "number"),
            ("Basware", "number"),
            ("connector", "number"),
            ("SYSPRO", "number"),
        ],
        [
            (total.company, total.currency, total.invoices, total.basware, total.connector, total.syspro)
            for total in report.totals
        ],
    )
    if report.differences:
        table(
            f"{len(report.differences):,} difference(s)",
            [
                ("company", "key"),
                ("key", "key"),
                ("kind", "key"),
                ("ours", "sentence"),
                ("theirs", "sentence"),
                ("what to do", "sentence"),
            ],
            [
                (each.company, each.key, each.kind, each.ours, each.theirs, each.remedy)
                for each in report.differences[:SHOWN_PROBLEMS]
            ],
        )
        rest = len(report.differences) - SHOWN_PROBLEMS
        if rest > 0:
            say(f"… and {rest:,} more. All of them: --json.")
    verdict = "agree to the cent" if report.clean else "do NOT agree"
    say(f"{report.matched:,} of {report.compared:,} invoices match: the books {verdict}.")


def _ages(ages: Sequence[RecordAge]) -> None:
    """How long records are not confirmed; nothing where all are."""
    if ages:
        table(
            "Records not confirmed",
            [
                ("company", "key"),
                ("entity", "key"),
                ("state", "key"),
                ("records", "number"),
                ("oldest, minutes", "number"),
            ],
            [(one.company, one.entity, one.state, one.records, one.minutes) for one in ages],
        )


def _incomplete(orders: Sequence[IncompleteOrder]) -> None:
    """Orders that Basware has without all of their lines; nothing where there are none."""
    if not orders:
        return
    lines = [(order, line) for order in orders for line in order.missing]
    table(
        f"{len(orders):,} order(s) are in Basware without all of their lines",
        [
            ("company", "key"),
            ("order", "key"),
            ("lines there", "number"),
            ("line", "key"),
            ("state", "key"),
            ("reason", "sentence"),
        ],
        [
            (order.company, order.order, order.confirmed, line.line, line.state, line.reason)
            for order, line in lines[:SHOWN_PROBLEMS]
        ],
    )
    if len(lines) > SHOWN_PROBLEMS:
        say(f"… and {len(lines) - SHOWN_PROBLEMS:,} more line(s). All of them: the same command with --json.")


def control_totals(totals: Sequence[ControlTotals]) -> None:
    """From SYSPRO's rows to Basware's confirmation, the money of order lines, and what does not add up."""
    if not totals:
        return
    columns: list[tuple[str, Kind]] = [("company", "key"), ("entity", "key"), ("day", "key")]
    columns += [(name.replace("_", " "), "number") for name in _FIGURES]
    table(
        "Control totals of the last run",
        columns,
        [(one.company, one.entity, one.day, *(getattr(one, name) for name in _FIGURES)) for one in totals],
    )
    money = [(one.company, each) for one in totals for each in one.money]
    if money:
        places = ("syspro", "confirmed", "in_flight", "held", "refused", "quarantined", "superseded")
        table(
            "Net value of order lines",
            [
                ("company", "key"),
                ("currency", "key"),
                ("lines", "number"),
                *((place.replace("_", " "), "number") for place in places),
            ],
            [
                (company, each.currency, each.lines, *(getattr(each, place) for place in places))
                for company, each in money
            ],
        )
    unvalued = sum(one.unvalued for one in totals)
    if unvalued:
        say(f"{unvalued:,} order line(s) have no value that can be told, and are in no sum.", "yellow")
    for one in totals:
        for text in one.differences:
            say(f"{one.company} {one.entity}: the totals do NOT add up: {text}", "red")
    if all(one.add_up for one in totals):
        say(f"All {len(totals):,} control totals add up.")


def comparison(report: RecordsReport) -> None:
    """Master data and orders as SYSPRO, our state and Basware have them, then every difference."""
    counts = ("syspro", "ours", "basware", "compared", "matched", "waiting", "not_compared", "differing")
    columns: list[tuple[str, Kind]] = [("company", "key"), ("entity", "key"), ("read of", "key")]
    columns += [(name.replace("_", " "), "number") for name in counts]
    table(
        "Master data and orders, as they stand now",
        columns,
        [
            (one.company, one.entity, one.staged_on, *(getattr(one, name) for name in counts))
            for one in report.comparisons
        ],
    )
    listed = report.differences
    if listed:
        table(
            f"{sum(one.differing for one in report.comparisons):,} difference(s)",
            [
                ("company", "key"),
                ("entity", "key"),
                ("key", "key"),
                ("kind", "key"),
                ("field", "key"),
                ("ours", "sentence"),
                ("Basware's", "sentence"),
                ("what to do", "sentence"),
            ],
            [
                (
                    each.company,
                    each.entity,
                    each.key,
                    each.kind,
                    each.field,
                    each.ours,
                    each.theirs,
                    each.remedy,
                )
                for each in listed[:SHOWN_PROBLEMS]
            ],
        )
        rest = sum(one.differing for one in report.comparisons) - len(listed[:SHOWN_PROBLEMS])
        if rest > 0:
            say(f"… and {rest:,} more. The first of each entity: --json.")
    for one in report.comparisons:
        if one.outage:
            say(f"{one.company} {one.entity} could not be compared: {one.outage}", "red")
    left = sum(one.not_compared for one in report.comparisons)
    if left:
        say(
            f"{left:,} order line(s) were not asked of Basware, which lists them one order at a time: --orders asks "
            "for all."
        )
    compared = sum(one.compared for one in report.comparisons)
    matched = sum(one.matched for one in report.comparisons)
    verdict = "agree" if report.clean else "do NOT agree"
    say(f"{matched:,} of {compared:,} records match: master data and orders {verdict}.")
