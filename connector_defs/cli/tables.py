"""Reports as Rich tables, shared by the commands.

Belongs here: how a table is drawn, which columns a run's report shows, and how many rows before a count takes over.
Books, totals and status are in `book_tables`, single invoices in `invoice_tables`. Does not belong here: what a
report means. Every cell is plain text from `terminal.plain`, so nothing from outside is markup.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.measure import Measurement
from rich.table import Table

from connector_defs.cli.terminal import PIPED_WIDTH, console, plain, say
from connector_defs.flows.reports import (
    ExtractReport,
    InvoiceRunReport,
    PaymentRunReport,
    Probe,
    Problem,
    PublishNote,
    PublishReport,
    QueueItem,
    StageReport,
    UnmappedAccount,
)

if TYPE_CHECKING:
    from connector_defs.store.audit import AuditEvent

# A screenful. The rest is counted by reason, and `--json` holds them all.
SHOWN_PROBLEMS = 20

Kind = Literal["key", "number", "sentence"]
_SENTENCE_WIDTH = 16


def table(title: str, columns: Sequence[tuple[str, Kind]], rows: Iterable[Sequence[object]]) -> None:
    """Print a table. Numbers and keys keep to one line, sentences are wrapped where the terminal is narrow."""
    grid = Table(
        title=plain(title, "bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for name, kind in columns:
        sentence = kind == "sentence"
        grid.add_column(
            name,
            justify="right" if kind == "number" else "left",
            no_wrap=not sentence,
            overflow="fold",
            min_width=_SENTENCE_WIDTH if sentence else None,
        )
    for row in rows:
        grid.add_row(*(plain(cell_text(value)) for value in row))
    terminal = console()
    # Better a line that the terminal wraps than a key of which the end is missing.
    unbounded = terminal.options.update(max_width=PIPED_WIDTH)
    terminal.width = max(terminal.width, Measurement.get(terminal, unbounded, grid).minimum)
    terminal.print(grid)


def cell_text(value: object) -> str:  # noqa: PLR0911 - one return for each kind of value
    """One value as a person reads it: amounts grouped, times in UTC to the second, nothing as a dash."""
    match value:
        case None | "":
            return "–"
        case Decimal():
            return f"{value:,f}"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case int():
            return f"{value:,}"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value)


def staged(reports: Sequence[StageReport]) -> None:
    """What was read from SYSPRO."""
    table(
        "Read from SYSPRO",
        [
            ("company", "key"),
            ("table", "key"),
            ("rows", "number"),
            ("pages", "number"),
            ("seconds", "number"),
        ],
        [(report.company, report.table, report.rows, report.pages, report.seconds) for report in reports],
    )
    for report in reports:
        for text, columns in (
            ("this site has no", report.missing_columns),
            ("new columns:", report.new_columns),
            ("another kind of value in", report.changed_columns),
        ):
            if columns:
                say(f"{report.company} {report.table}: {text} {', '.join(columns)}", "yellow")


def published(reports: Sequence[PublishReport]) -> None:
    """What was compared with Basware and sent there."""
    counts = ["staged", "unchanged", "sent", "requests", "confirmed", "quarantined", "failed"]
    counts += _seen(("pending", "held", "superseded", "deactivated"), reports)
    _counted("Published to Basware", ["company", "entity"], counts, reports)
    _not_exact([note for report in reports for note in report.notes])


def _not_exact(notes: Sequence[PublishNote]) -> None:
    """What Basware was not told, or not exactly, of records that went."""
    if not notes:
        return
    table(
        "Sent, and not told exactly",
        [
            ("company", "key"),
            ("entity", "key"),
            ("records", "number"),
            ("first", "key"),
            ("what", "sentence"),
            ("what to do", "sentence"),
        ],
        [
            (note.company, note.entity, note.records, note.example, note.text, note.remedy)
            for note in notes[:SHOWN_PROBLEMS]
        ],
    )
    if len(notes) > SHOWN_PROBLEMS:
        say(f"{len(notes) - SHOWN_PROBLEMS} more; `--json` holds them all", "yellow")


def extracts(reports: Sequence[ExtractReport]) -> None:
    """What the data extracts brought that polling had missed."""
    _counted("Data extracts", [], ["extracts", "rows", "fetched", "received"], reports)
    for report in reports:
        if report.new_columns:
            say(f"The extracts' table has new columns: {', '.join(report.new_columns)}", "yellow")


def invoice_runs(reports: Sequence[InvoiceRunReport]) -> None:
    """What became of the approved invoices in this run."""
    counts = ["fetched", "received", "posted", "responded", "waiting"]
    counts += _seen(("released", "retrying"), reports)
    counts += ["basware_requests", "syspro_requests", "logons"]
    _counted("Approved invoices to SYSPRO", ["company"], counts, reports)


def payment_runs(reports: Sequence[PaymentRunReport]) -> None:
    """What Basware was told about payments in this run, and the first invoices it was told of."""
    counts = ["rows", "examined", "changed", "told", "confirmed"]
    counts += _seen(("pending", "refused", "unclear"), reports)
    _counted("Payments told to Basware", ["company"], [*counts, "basware_requests"], reports)
    told = [one for report in reports for one in report.payments]
    if not told:
        return
    table(
        f"{len(told):,} payment(s) told",
        [
            ("company", "key"),
            ("supplier", "key"),
            ("invoice", "key"),
            ("paid", "number"),
            ("of", "number"),
            ("discount", "number"),
            ("on", "key"),
        ],
        [
            (
                one.company,
                one.supplier,
                one.invoice_number,
                one.paid_total,
                f"{cell_text(one.gross)} {one.currency}",
                one.cash_discount,
                one.payment_date,
            )
            for one in told[:SHOWN_PROBLEMS]
        ],
    )
    if len(told) > SHOWN_PROBLEMS:
        say(f"… and {len(told) - SHOWN_PROBLEMS:,} more.")


def _seen(names: Sequence[str], reports: Sequence[object]) -> list[str]:
    """The counts that are seldom anything but zero, where one is."""
    return [name for name in names if any(getattr(report, name) for report in reports)]


def _counted(title: str, keys: Sequence[str], counts: Sequence[str], reports: Sequence[object]) -> None:
    columns: list[tuple[str, Kind]] = [(name, "key") for name in keys]
    columns += [(name.replace("_", " "), "number") for name in (*counts, "seconds")]
    names = (*keys, *counts, "seconds")
    table(title, columns, [[getattr(report, name) for name in names] for report in reports])


def problems(found: Sequence[Problem]) -> None:
    """The records that could not go on; beyond a screenful, counted by reason code."""
    if not found:
        return
    table(
        f"{len(found):,} record(s) need attention",
        [
            ("company", "key"),
            ("entity", "key"),
            ("key", "key"),
            ("reason", "sentence"),
            ("what to do", "sentence"),
        ],
        [
            (problem.company, problem.entity, problem.key, problem.reason, problem.remedy)
            for problem in found[:SHOWN_PROBLEMS]
        ],
    )
    rest = found[SHOWN_PROBLEMS:]
    if rest:
        by_reason = Counter((problem.entity, problem.code) for problem in rest)
        counted = ", ".join(
            f"{count:,} × {entity} {code}" for (entity, code), count in by_reason.most_common()
        )
        say(f"… and {len(rest):,} more ({counted}). All of them: the same command with --json.")


def queue(items: Sequence[QueueItem]) -> None:
    """Invoices that wait for a person, a mapping or their next attempt; the invoice number is a key for `queue`."""
    table(
        "Invoices that wait",
        [
            ("company", "key"),
            ("invoice", "key"),
            ("supplier", "key"),
            ("gross", "number"),
            ("state", "key"),
            ("reason", "sentence"),
            ("what to do", "sentence"),
        ],
        [
            (
                item.company,
                item.invoice_number or item.invoice_id,
                item.supplier,
                f"{cell_text(item.gross)} {item.currency}",
                item.state,
                item.reason,
                item.remedy,
            )
            for item in items
        ],
    )


def unmapped(accounts: Sequence[UnmappedAccount]) -> None:
    """Account codes that have no GL code yet, with what waits for them."""
    table(
        "Account codes without a GL code",
        [
            ("company", "key"),
            ("account code", "key"),
            ("name", "sentence"),
            ("cost centre, dimensions", "key"),
            ("invoices", "number"),
            ("total", "number"),
            ("waiting since", "key"),
            ("suppliers", "sentence"),
        ],
        [
            (
                account.company,
                account.account_code,
                account.account_name,
                ", ".join(
                    ([account.cost_center] if account.cost_center else [])
                    + [f"{name}={code}" for name, code in account.dimensions]
                ),
                account.invoices,
                account.total,
                account.oldest,
                ", ".join(account.suppliers),
            )
            for account in accounts
        ],
    )
    for account in accounts:
        if account.rivals:
            say(
                f"{account.company} {account.account_code}: equally specific rules: {account.rivals}",
                "yellow",
            )


def fields(title: str, values: Mapping[str, object]) -> None:
    """Names and values, one pair per row."""
    table(title, [("", "key"), ("", "key")], list(values.items()))


def audit_events(key: str, events: "Sequence[AuditEvent]") -> None:
    """A document's life, one event per row."""
    table(
        f"Life of {key}",
        [("time (UTC)", "key"), ("by", "key"), ("action", "key"), ("detail", "sentence")],
        [
            (
                event.at,
                event.actor,
                event.action,
                ", ".join(
                    f"{name}={value}" for name, value in event.detail.items() if value not in (None, "")
                ),
            )
            for event in events
        ],
    )


def probes(found: Sequence[Probe]) -> None:
    """The steps of `connector ping`."""
    table(
        "Ping",
        [("", "key"), ("step", "key"), ("company", "key"), ("found", "sentence"), ("what to do", "sentence")],
        [
            (
                "FAILED" if not probe.ok else "warning" if probe.warning else "ok",
                probe.name,
                probe.company,
                probe.detail,
                "; ".join(filter(None, ("" if probe.ok else probe.remedy, probe.warning))),
            )
            for probe in found
        ],
    )


def flows(rows: Sequence[tuple[str, int, int, int, float]]) -> None:
    """One line per flow: what was read, what went over, with how many requests, in which time."""
    table(
        "Per flow",
        [
            ("flow", "key"),
            ("records read", "number"),
            ("sent", "number"),
            ("requests", "number"),
            ("seconds", "number"),
        ],
        rows,
    )
