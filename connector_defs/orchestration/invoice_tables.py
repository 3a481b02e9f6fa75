"""What the UI shows of single invoices: those that wait, those a preview judged, and the account codes they lack.

Belongs here: which fields a table shows. How a table is made is in `tables`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import dagster as dg

from connector_defs.flows.reports import Foreseen, QueueItem, UnmappedAccount
from connector_defs.orchestration.tables import table

Invoice = TypeVar("Invoice", bound=QueueItem | Foreseen)

_INVOICE = ("company", "invoice_id", "supplier", "invoice_number", "gross", "currency")


def queue(items: Iterable[QueueItem]) -> dg.TableMetadataValue:
    """Invoices that wait, as the review queue lists them."""
    return _invoices(
        items,
        ("state", "code", "reason", "remedy"),
        lambda item: (item.state, item.code, item.reason, item.remedy),
    )


def gl_problems(items: Iterable[QueueItem]) -> dg.TableMetadataValue:
    """AP postings that stand while their GL journal failed."""
    return _invoices(items, ("voucher", "gl_problem"), lambda item: (item.voucher, item.gl_problem))


def foreseen(items: Iterable[Foreseen]) -> dg.TableMetadataValue:
    """What a preview says of invoices."""
    return _invoices(items, ("verdict", "reasons"), lambda item: (item.verdict.value, "; ".join(item.texts)))


def _invoices(
    items: Iterable[Invoice], names: Sequence[str], further: Callable[[Invoice], tuple[object, ...]]
) -> dg.TableMetadataValue:
    """What every list of invoices shows, and the columns of its own."""
    return table(
        (*_INVOICE, *names),
        [(*(getattr(item, name) for name in _INVOICE), *further(item)) for item in items],
    )


def unmapped(accounts: Iterable[UnmappedAccount]) -> dg.TableMetadataValue:
    """Account codes without a GL mapping, as the AP team works them off."""
    return table(
        (
            "company",
            "account",
            "name",
            "cost_center",
            "dimensions",
            "invoices",
            "total",
            "oldest",
            "suppliers",
            "equally_specific_rules",
        ),
        [
            (
                account.company,
                account.account_code,
                account.account_name,
                account.cost_center,
                ", ".join(f"{name}={code}" for name, code in account.dimensions),
                account.invoices,
                account.total,
                account.oldest,
                ", ".join(account.suppliers),
                account.rivals,
            )
            for account in accounts
        ],
    )
