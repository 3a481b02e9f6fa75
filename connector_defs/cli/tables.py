"""Reports as Rich tables, shared by the commands.

Belongs here: which columns a report shows, and how many rows before a count takes over. Does not belong here:
what a report means. Every cell is plain text from `terminal.plain`, so nothing from outside is markup.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table

from connector_defs.cli.terminal import console, plain, say
from connector_defs.flows.reports import (
    InvoiceRunReport,
    Probe,
    Problem,
    PublishReport,
    QueueItem,
    ReconcileReport,
    StageReport,
    Status,
    UnmappedAccount,
)

if TYPE_CHECKING:
    from connector_defs.domain.gl_mapping import MappingRule
    from connector_defs.store.audit import AuditEvent

# A screenful. The rest is counted by reason, and `--json` holds them all.
SHOWN_PROBLEMS = 20

Side = Literal["left", "right"]


def table(title: str, columns: Sequence[tuple[str, Side]], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; None shows as a dash, numbers belong in right-hand columns."""
    grid = Table(title=plain(title, "bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, side in columns:
        grid.add_column(name, justify=side, no_wrap=side == "right", overflow="fold")
    for row in rows:
        grid.add_row(*(plain(cell_text(value)) for value in row))
    console().print(grid)


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
        [("company", "left"), ("table", "left"), ("rows", "right"), ("pages", "right"), ("seconds", "right")],
        [(report.company, report.table, report.rows, report.pages, report.seconds) for report in reports],
    )
    for report in reports:
        if report.missing_columns:
            say(
                f"{report.company} {report.table}: this site has no {', '.join(report.missing_columns)}",
                "yellow",
            )


def published(reports: Sequence[PublishReport]) -> None:
    """What was compared with Basware and sent there."""
    counts = (
        "staged",
        "unchanged",
        "sent",
        "requests",
        "confirmed",
        "pending",
        "held",
        "quarantined",
        "failed",
    )
    columns: list[tuple[str, Side]] = [("company", "left"), ("entity", "left")]
    columns += [(name, "right") for name in (*counts, "seconds")]
    table(
        "Published to Basware",
        columns,
        [
            (report.company, report.entity, *(getattr(report, name) for name in counts), report.seconds)
            for report in reports
        ],
    )


def invoice_runs(reports: Sequence[InvoiceRunReport]) -> None:
    """What became of the approved invoices in this run."""
    counts = ("fetched", "received", "released", "posted", "responded", "waiting", "retrying", "logons")
    columns: list[tuple[str, Side]] = [("company", "left")]
    columns += [(name, "right") for name in (*counts, "Basware calls", "SYSPRO calls", "seconds")]
    table(
        "Approved invoices to SYSPRO",
        columns,
        [
            (
                report.company,
                *(getattr(report, name) for name in counts),
                report.basware_requests,
                report.syspro_requests,
                report.seconds,
            )
            for report in reports
        ],
    )


def problems(found: Sequence[Problem]) -> None:
    """The records that could not go on; beyond a screenful, counted by reason code."""
    if not found:
        return
    table(
        f"{len(found):,} record(s) need attention",
        [
            ("company", "left"),
            ("entity", "left"),
            ("key", "left"),
            ("reason", "left"),
            ("what to do", "left"),
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
            ("company", "left"),
            ("invoice", "left"),
            ("supplier", "left"),
            ("gross", "right"),
            ("state", "left"),
            ("reason", "left"),
            ("what to do", "left"),
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
            ("company", "left"),
            ("account code", "left"),
            ("name", "left"),
            ("cost centre", "left"),
            ("invoices", "right"),
            ("total", "right"),
            ("waiting since", "left"),
            ("suppliers", "left"),
        ],
        [
            (
                account.company,
                account.account_code,
                account.account_name,
                account.cost_center,
                account.invoices,
                account.total,
                account.oldest,
                ", ".join(account.suppliers),
            )
            for account in accounts
        ],
    )


def status(report: Status) -> None:
    """Invoices by state, records by entity, and the age of the oldest open invoice."""
    table(
        "Invoices by state",
        [("state", "left"), ("invoices", "right")],
        [(state, count) for state, count in report.invoices.items() if count],
    )
    kinds = ("published", "pending", "failed", "quarantined")
    columns: list[tuple[str, Side]] = [("entity", "left")]
    table(
        "Records in Basware",
        columns + [(kind, "right") for kind in kinds],
        [(entity, *(counts.get(kind, 0) for kind in kinds)) for entity, counts in report.records.items()],
    )
    say(f"Oldest open invoice: {report.oldest_open_minutes:,} minute(s).")


def reconciliation(report: ReconcileReport) -> None:
    """The three books side by side, then every difference."""
    table(
        f"Books {'of ' + report.day.isoformat() if report.day else 'of all days'}",
        [
            ("company", "left"),
            ("currency", "left"),
            ("invoices", "right"),
            ("Basware", "right"),
            ("connector", "right"),
            ("SYSPRO", "right"),
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
                ("company", "left"),
                ("key", "left"),
                ("kind", "left"),
                ("ours", "left"),
                ("theirs", "left"),
                ("what to do", "left"),
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


def fields(title: str, values: Mapping[str, object]) -> None:
    """Names and values, one pair per row."""
    table(title, [("", "left"), ("", "left")], list(values.items()))


def mapping_rules(rules: "Sequence[MappingRule]") -> None:
    """The GL mapping in force."""
    table(
        "GL mapping",
        [
            ("company", "left"),
            ("account code", "left"),
            ("cost centre", "left"),
            ("GL code", "left"),
            ("version", "right"),
            ("by", "left"),
            ("since (UTC)", "left"),
            ("reason", "left"),
        ],
        [
            (
                rule.company,
                rule.account_code,
                rule.cost_center or "any",
                rule.gl_code,
                rule.version,
                rule.author,
                rule.created_at,
                rule.reason,
            )
            for rule in rules
        ],
    )


def audit_events(key: str, events: "Sequence[AuditEvent]") -> None:
    """A document's life, one event per row."""
    table(
        f"Life of {key}",
        [("time (UTC)", "left"), ("by", "left"), ("action", "left"), ("detail", "left")],
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
        [("", "left"), ("step", "left"), ("company", "left"), ("found", "left"), ("what to do", "left")],
        [
            (
                "ok" if probe.ok else "FAILED",
                probe.name,
                probe.company,
                probe.detail,
                "" if probe.ok else probe.remedy,
            )
            for probe in found
        ],
    )


def flows(rows: Sequence[tuple[str, int, int, int, float]]) -> None:
    """One line per flow: what was read, what went over, with how many requests, in which time."""
    table(
        "Per flow",
        [
            ("flow", "left"),
            ("records read", "right"),
            ("sent", "right"),
            ("requests", "right"),
            ("seconds", "right"),
        ],
        rows,
    )
