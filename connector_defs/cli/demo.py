"""`connector demo`: every flow, end to end, against a sandbox, and the proof that the books agree."""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_defs.cli import book_tables, tables
from connector_defs.cli.demo_enrichment import enriched
from connector_defs.cli.demo_pass import Check, run_flow
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.sandbox import fresh_folder
from connector_defs.cli.sandbox_process import SandboxProcess, enter, running_sandbox
from connector_defs.cli.story import Story
from connector_defs.cli.terminal import busy, say
from connector_defs.domain.errors import Fatal

if TYPE_CHECKING:
    from connector_defs.flows.runtime import Connector

EPILOG = examples(
    "connector demo", "connector demo --invoices 5000 --orders 20000 --lines 100000", "connector demo --keep"
)
KEPT = Path("data/demo")
PAID_BY_THE_DEMO = 12
ENRICHED_BY_THE_DEMO = 40

USABLE_EXPENSE_ACCOUNT = """
    SELECT GlCode FROM gl_accounts
    WHERE AccountType = 'E' AND ControlAccFlag <> 'Y' AND AccOnHldFlag <> 'Y' AND length(trim(GlCode)) <= 25
    ORDER BY GlCode DESC
    LIMIT 1
"""


def demo(
    *,
    suppliers: Annotated[int, typer.Option(min=1, help="Suppliers in SYSPRO.")] = 200,
    accounts: Annotated[int, typer.Option(min=1, help="GL accounts.")] = 300,
    cost_centers: Annotated[int, typer.Option(min=1, help="Cost centres.")] = 40,
    orders: Annotated[int, typer.Option(min=0, help="Purchase orders.")] = 500,
    lines: Annotated[
        int | None, typer.Option(min=0, help="Order lines; by default 5 for each order.")
    ] = None,
    invoices: Annotated[int, typer.Option(min=0, help="Approved invoices in Basware.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help=f"Leave state and staged rows in {KEPT}.")] = False,
) -> None:
    """Run every flow against simulated systems on this machine, and show what happened.

    Needs no settings and touches nothing outside this machine. Everything runs through Dagster, twice: the
    second pass must send nothing. Then one missing GL mapping is set, the invoices that waited for it are
    posted, some are paid in SYSPRO and the payments told to Basware, payment terms and tax ids that people changed in
    Basware are approved and written to SYSPRO, and both ledgers are compared.

    Exit code 0 only if both ledgers reconcile to the cent and the audit chain verifies.
    """
    sizes = {
        "suppliers": suppliers,
        "accounts": accounts,
        "cost-centers": cost_centers,
        "orders": orders,
        "lines": 5 * orders if lines is None else lines,
        "invoices": invoices,
        "seed": seed,
    }
    started = time.monotonic()
    with _home(keep=keep) as home, ExitStack() as stack:
        with busy("Starting the simulated SYSPRO and Basware"):
            sandbox = stack.enter_context(running_sandbox(home, sizes))
        enter(sandbox.environment, home)
        say(
            f"SYSPRO with {suppliers:,} suppliers, {accounts:,} GL accounts and {orders:,} orders, and Basware with "
            f"{invoices:,} approved invoices, answer on this machine.\n"
        )
        checks = [
            *_two_passes(sandbox),
            *_missing_mapping(),
            *_payments(sandbox),
            *enriched(sandbox, min(ENRICHED_BY_THE_DEMO, suppliers // 2)),
            *_books(sandbox),
        ]
    _verdict(checks, time.monotonic() - started)
    _what_next(keep=keep)
    finish(clean=all(check.held for check in checks))


@contextmanager
def _home(*, keep: bool) -> Iterator[Path]:
    # The caller's Dagster instance is none of the demo's business.
    os.environ.pop("DAGSTER_HOME", None)
    if keep:
        yield fresh_folder(KEPT)
        return
    with tempfile.TemporaryDirectory(prefix="connector-demo-") as folder:
        yield Path(folder)


def _two_passes(sandbox: SandboxProcess) -> Iterator[Check]:
    say("First pass: every flow through Dagster", "bold")
    first = run_flow("all")
    tables.published(first.published)
    tables.invoice_runs(first.invoices)
    tables.flows(summary(first))
    tables.problems([problem for problem in first.problems if problem.entity != "invoices"])
    with opened() as connector:
        _show_queue(connector)
    yield Check(
        "every step of the first pass ran", not first.failed_steps, f"{len(first.failed_steps)} failed"
    )

    say("Second pass: nothing changed, so nothing may be sent", "bold")
    before = sandbox.writes()
    second = run_flow("all")
    writes = sandbox.writes() - before
    tables.flows(summary(second))
    posted = sum(report.posted for report in second.invoices)
    say(f"Writes of master data and orders that Basware counted: {writes}. Invoices posted: {posted}.\n")
    yield Check("a second pass sends zero writes", writes == 0, f"{writes} sent")
    yield Check(
        "every step of the second pass ran", not second.failed_steps, f"{len(second.failed_steps)} failed"
    )


def _show_queue(connector: "Connector") -> None:
    from connector_defs.flows import queue

    items = queue.waiting(connector)
    reasons = Counter((item.state, item.code) for item in items)
    tables.table(
        f"{len(items):,} invoice(s) wait",
        [
            ("state", "key"),
            ("code", "key"),
            ("invoices", "number"),
            ("reason of the first", "sentence"),
            ("what to do", "sentence"),
        ],
        [
            (
                state,
                code,
                count,
                *next(
                    (item.reason, item.remedy) for item in items if (item.state, item.code) == (state, code)
                ),
            )
            for (state, code), count in reasons.most_common()
        ],
    )


def _missing_mapping() -> Iterator[Check]:
    """Set the GL code of the account code that most invoices wait for, and see them posted."""
    from connector_defs.flows import mapping, overview

    with opened() as connector:
        wanted: Counter[tuple[str, str]] = Counter()
        for each in overview.unmapped_accounts(connector):
            wanted[each.company, each.account_code] += each.invoices
        if not wanted:
            return
        (company, account_code), _ = wanted.most_common(1)[0]
        gl_code = _expense_account(connector)
        say(f"A missing mapping: connector mapping set {account_code} {gl_code}", "bold")
        _, released = mapping.set_rule(
            connector, company, account_code, None, gl_code, actor=actor(), reason="set by the demo"
        )
    posted = sum(report.posted for report in run_flow("invoices").invoices)
    say(
        f"{released:,} waiting invoice(s) released by themselves, {posted:,} posted by the next invoice run.\n"
    )
    yield Check("a new mapping gets the waiting invoices posted", 0 < released <= posted, f"{posted} posted")


def _expense_account(connector: "Connector") -> str:
    with connector.staging.connect() as staged:
        row = staged.execute(USABLE_EXPENSE_ACCOUNT).fetchone()
    if row is None:
        raise Fatal(
            "The simulated chart of accounts has no usable expense account: run the demo with more --accounts."
        )
    return str(row[0])


def _payments(sandbox: SandboxProcess) -> Iterator[Check]:
    """Pay some posted invoices in SYSPRO, wholly and in part, and see that Basware hears of each once."""
    posted = [
        document
        for document in sandbox.documents()
        if document["processingStatus"] == "Transferred" and document["grossSum"] > 1
    ][:PAID_BY_THE_DEMO]
    if not posted:
        return
    say(f"Payments: SYSPRO pays {len(posted)} of the posted invoices, every third one in part", "bold")
    expected = {}
    for place, document in enumerate(posted):
        part = document["grossSum"] if place % 3 else (document["grossSum"] / 2).quantize(Decimal(1))
        sandbox.pay(document["supplierCode"], document["invoiceNumber"].strip(), part)
        expected[document["invoiceId"]] = part
    first = run_flow("payments")
    tables.payment_runs(first.payments)
    before = sandbox.payment_writes()
    again = run_flow("payments")
    writes = sandbox.payment_writes() - before
    say(f"Payment responses sent by a second pass: {writes}.\n")
    held = {
        document["invoiceId"]: document["paymentResponses"][-1]["paidTotal"]
        for document in sandbox.documents()
        if document.get("paymentResponses")
    }
    right = sum(held.get(invoice_id) == total for invoice_id, total in expected.items())
    steps = [*first.failed_steps, *again.failed_steps]
    yield Check(
        "every payment reaches Basware once, to the cent",
        right == len(expected) == len(held) and not steps,
        f"{right} of {len(expected)} invoices",
    )
    yield Check("a second pass tells no payment again", writes == 0, f"{writes} sent")


def _books(sandbox: SandboxProcess) -> Iterator[Check]:
    from connector_defs.flows.control_totals import latest
    from connector_defs.flows.reconciliation import reconcile
    from connector_defs.flows.record_reconciliation import reconcile_records
    from connector_defs.store import audit

    say("The books", "bold")
    with opened() as connector, busy("Comparing both systems, recomputing the hash chains"):
        books = reconcile(connector)
        records = reconcile_records(connector)
        totals = latest(connector)
        trail = audit.verify(connector.store)
    book_tables.reconciliation(books)
    book_tables.comparison(records)
    book_tables.control_totals(totals)
    yield Check(
        "both ledgers reconcile to the cent",
        books.clean,
        f"{books.matched:,} of {books.compared:,} invoices, {len(books.differences):,} differences",
    )
    yield Check(
        "master data and orders are in Basware as SYSPRO has them",
        records.clean,
        f"{sum(one.matched for one in records.comparisons):,} of "
        f"{sum(one.compared for one in records.comparisons):,} records",
    )
    lost = sum(not one.add_up for one in totals)
    yield Check(
        "control totals add up, from SYSPRO's rows to Basware's confirmation",
        bool(totals) and not lost,
        f"{len(totals):,} totals, {lost:,} that do not",
    )
    yield Check(
        "the audit chain verifies", trail.ok, f"{trail.events:,} events, {len(trail.broken):,} broken"
    )
    left = sandbox.open_sessions()
    yield Check("no SYSPRO session is left open", left == 0, f"{left} open")


def summary(story: Story) -> list[tuple[str, int, int, int, float]]:
    """Per flow: name, records read, records sent or posted, requests, seconds."""
    from connector_defs.flows.entities import ENTITIES, MASTER_DATA, PURCHASE_ORDERS, STAGED

    group_of = {table.name: table.group for table in STAGED}
    group_of |= {entity.name: entity.group for entity in ENTITIES}
    rows: list[tuple[str, int, int, int, float]] = []
    for flow, group in (("master data", MASTER_DATA), ("purchase orders", PURCHASE_ORDERS)):
        read = [report for report in story.staged if group_of[report.table] == group]
        sent = [report for report in story.published if group_of[report.entity] == group]
        rows.append(
            (
                flow,
                sum(report.rows for report in read),
                sum(report.sent for report in sent),
                sum(report.pages for report in read) + sum(report.requests for report in sent),
                sum(report.seconds for report in read) + sum(report.seconds for report in sent),
            )
        )
    runs = story.invoices
    rows.append(
        (
            "approved invoices",
            sum(report.fetched for report in runs),
            sum(report.posted for report in runs),
            sum(report.basware_requests + report.syspro_requests for report in runs),
            sum(report.seconds for report in runs),
        )
    )
    paid = story.payments
    rows.append(
        (
            "payments",
            sum(report.rows for report in paid),
            sum(report.told for report in paid),
            sum(report.basware_requests for report in paid),
            sum(report.seconds for report in paid),
        )
    )
    compared, changed = story.enrichment, story.supplier_updates
    rows.append(
        (
            "enrichment",
            sum(report.vendors for report in compared),
            sum(report.applied for report in changed),
            sum(report.basware_requests for report in compared) + sum(report.sent for report in changed),
            sum(report.seconds for report in compared) + sum(report.seconds for report in changed),
        )
    )
    return rows


def peak_memory_mb() -> int | None:
    """The most memory this process has held, in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes, macOS in bytes.
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


def _verdict(checks: list[Check], seconds: float) -> None:
    tables.table(
        "What the demo promises",
        [("", "key"), ("promise", "sentence"), ("found", "sentence")],
        [("ok" if check.held else "FAILED", check.promise, check.found) for check in checks],
    )
    memory = peak_memory_mb()
    measured = f"{seconds:.1f} s in all" + (
        "" if memory is None else f", at most {memory:,} MB in the connector's process"
    )
    if all(check.held for check in checks):
        say(f"Everything held: {measured}.", "green")
    else:
        say(f"NOT everything held: {measured}.", "red")


def _what_next(*, keep: bool) -> None:
    steps = [
        ("make ui", "the same in Dagster's UI, on living simulators"),
        ("connector sandbox", "simulators of your own to play with"),
        ("connector init, connector ping", 'your own systems: README.md, "Connect your own systems"'),
    ]
    if keep:
        steps.insert(
            0,
            (
                f". {KEPT}/sandbox.env; connector queue list",
                f"what is left in {KEPT}; status, audit, sql, too",
            ),
        )
    width = max(len(command) for command, _ in steps)
    say("\nWhat next")
    for command, meaning in steps:
        say(f"  {command:<{width}}  {meaning}")
