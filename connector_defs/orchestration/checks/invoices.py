"""What keeps approved invoices from SYSPRO, the AP team's list of unmapped accounts first."""

from functools import partial

import dagster as dg

from connector_defs.flows import extracts, overview, preview, push_watch, queue
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration import invoice_tables, tables
from connector_defs.orchestration.assets.invoices import APPROVED_DOCUMENTS
from connector_defs.orchestration.checks.findings import Finding, Question, checks_of

UNMAPPED_GL_ACCOUNTS = "unmapped_gl_accounts"

# An approved invoice is in SYSPRO's ledger within a day, or somebody should know.
OLDEST_OPEN_MINUTES = 24 * 60

# Check -> what it says, and the refusal codes it gathers (a code, or the beginning of several).
_REVIEWS = {
    "unbalanced_documents": ("Coding rows and tax make the gross sum of every document.", "UNBALANCED"),
    "gl_accounts_missing_or_on_hold": (
        "Every GL code in use exists in SYSPRO and can be posted to.",
        "GL_CODE_",
    ),
    "unknown_suppliers": ("Every invoice's supplier is in SYSPRO and not on hold.", "SUPPLIER_"),
}


def invoice_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the approved documents."""
    return [checks_of(APPROVED_DOCUMENTS, _QUESTIONS)]


def _unmapped(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    accounts = overview.unmapped_accounts(connector)
    invoices = sum(account.invoices for account in accounts)
    return Finding(
        len(accounts),
        {"accounts": invoice_tables.unmapped(accounts), "invoices": dg.MetadataValue.int(invoices)},
        f"{len(accounts)} accounts without a GL mapping hold up {invoices} invoices" if accounts else "",
    )


def _in_review(prefix: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    items = overview.review_items(connector, prefix)
    return Finding(len(items), {"invoices": invoice_tables.queue(items)})


def _other_reviews(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    gathered = tuple(prefix for _, prefix in _REVIEWS.values())
    items = [item for item in overview.review_items(connector) if not item.code.startswith(gathered)]
    return Finding(len(items), {"invoices": invoice_tables.queue(items)})


def _gl_journals(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    items = queue.gl_problems(connector)
    return Finding(
        len(items),
        {"invoices": invoice_tables.gl_problems(items)},
        "GL journal failed, AP posting stands: it is never posted again" if items else "",
    )


def _would_take(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    if not connector.settings.posting.preview_check:
        return Finding(0, {}, "not asked: posting.preview_check is off")
    told = preview.preview_waiting(connector)
    return Finding(
        len(told.refused) + len(told.outages),
        {
            "asked": dg.MetadataValue.int(len(told.invoices)),
            "invoices": invoice_tables.foreseen(told.refused),
            "not_asked": tables.problems(told.outages),
        },
        f"{len(told.refused)} of {len(told.invoices)} invoices would not post" if told.refused else "",
    )


def _oldest_open(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    status = overview.status(connector)
    late = status.oldest_open_minutes > OLDEST_OPEN_MINUTES
    return Finding(
        int(late),
        {
            "oldest_open_minutes": dg.MetadataValue.int(status.oldest_open_minutes),
            "states": tables.table(("state", "invoices"), sorted(status.invoices.items())),
        },
        f"the oldest open item waits for {status.oldest_open_minutes} minutes" if late else "",
    )


def _extracts(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    refused = extracts.refused_extracts(connector)
    shown = [(extract.id, extract.reason, extract.noted_at) for extract in refused]
    return Finding(len(refused), {"extracts": tables.table(("extract", "reason", "tried_at"), shown)})


def _subscription(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    push = push_watch.status(connector)
    if push is None:
        return Finding(0, {}, "nothing is subscribed: invoices are found by polling")
    standing = push.standing
    return Finding(
        int(not standing.sound),
        {
            "state": dg.MetadataValue.text(standing.state),
            "tasks": dg.MetadataValue.text(push.tasks),
            "received": dg.MetadataValue.int(push.received),
            "lost": dg.MetadataValue.int(push.lost),
            "loss_rate": dg.MetadataValue.float(push.loss_rate or 0.0),
            "polls": tables.table(
                ("company", "polled_at", "next_poll_seconds", "missed", "missed_at"),
                [
                    (one.company, one.polled_at, one.next_poll_seconds, one.missed, one.missed_at)
                    for one in push.polls
                ],
            ),
        },
        "; ".join(text for text in (standing.detail, standing.remedy) if text),
    )


_QUESTIONS = [
    Question(
        UNMAPPED_GL_ACCOUNTS,
        "Every account code in use has a GL mapping. Add one with `connector mapping set`: what waits goes on by itself.",
        _unmapped,
    ),
    *(Question(name, text, partial(_in_review, prefix)) for name, (text, prefix) in _REVIEWS.items()),
    Question("other_refusals", "No document waits for a person for another reason.", _other_reviews),
    Question(
        "webhook_subscription",
        "Basware's push notifications come to this connector, where they are subscribed to.",
        _subscription,
    ),
    Question("refused_extracts", "Every data extract that was met could be taken in.", _extracts),
    Question(
        "gl_journals_failed",
        "SYSPRO made the GL journal of every AP posting. Once one is put right there: `connector queue settle-gl`.",
        _gl_journals,
    ),
    Question(
        "syspro_would_take_them",
        "SYSPRO, asked without posting, would take every invoice that waits. Off unless posting.preview_check is set.",
        _would_take,
    ),
    Question("oldest_open_item", "No item has been open for more than a day.", _oldest_open),
]
