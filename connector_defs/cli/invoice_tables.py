"""What people see of single invoices: the sums of a list, one invoice in full, a preview, failed GL journals.

Belongs here: which fields and columns are shown. How a table is drawn is in `tables`.
"""

from collections.abc import Sequence
from decimal import Decimal

from connector_defs.cli.tables import cell_text, fields, table
from connector_defs.cli.terminal import say
from connector_defs.flows.reports import CodedRow, Elsewhere, Foreseen, InvoiceStory, Preview, QueueItem

_VERDICTS = {
    "would_post": "would post",
    "stands_in_syspro": "stands in SYSPRO",
    "refused_here": "refused by us",
    "refused_by_syspro": "refused by SYSPRO",
    "not_answered": "no answer",
}


def totals(items: Sequence[QueueItem]) -> None:
    """Number and gross of the listed invoices, by reason code and currency, and by currency alone."""
    by_code: dict[tuple[str, str], list[Decimal]] = {}
    by_currency: dict[str, list[Decimal]] = {}
    for item in items:
        gross = item.gross if item.gross is not None else Decimal(0)
        by_code.setdefault((item.code or item.state.upper(), item.currency), []).append(gross)
        by_currency.setdefault(item.currency, []).append(gross)
    rows = [(code, currency, *_summed(sums)) for (code, currency), sums in sorted(by_code.items())]
    rows += [("all", currency, *_summed(sums)) for currency, sums in sorted(by_currency.items())]
    table(
        "In all",
        [("code", "key"), ("currency", "key"), ("invoices", "number"), ("gross", "number")],
        rows,
    )


def _summed(sums: Sequence[Decimal]) -> tuple[int, Decimal]:
    return len(sums), sum(sums, Decimal(0))


def gl_problems(items: Sequence[QueueItem]) -> None:
    """AP postings that stand while their GL journal failed."""
    table(
        "AP posting stands, GL journal failed",
        [
            ("company", "key"),
            ("invoice", "key"),
            ("supplier", "key"),
            ("gross", "number"),
            ("voucher", "key"),
            ("SYSPRO says", "sentence"),
        ],
        [
            (
                item.company,
                item.invoice_number or item.invoice_id,
                item.supplier,
                _money(item.gross, item.currency),
                item.voucher,
                item.gl_problem,
            )
            for item in items
        ],
    )


def story(told: InvoiceStory) -> None:
    """One invoice in full; what is not there is left out, but never an amount or a state."""
    item = told.item
    always = {
        "company": item.company,
        "invoice id": item.invoice_id,
        "supplier": item.supplier,
        "gross": _money(item.gross, item.currency),
        "state": item.state,
    }
    where_known = {
        "code": item.code,
        "reason": item.reason,
        "what to do": item.remedy,
        "net": told.net,
        "tax": told.tax,
        "description": told.description,
        "invoice date": told.invoice_date,
        "due date": told.due_date,
        "cannot be read": told.unreadable,
        "voucher": item.voucher,
        "reference in SYSPRO": told.reference,
        "GL journal": told.gl_journal,
        "GL journal failed": item.gl_problem,
        "period chosen": told.period,
        "rounding accepted": told.rounding,
        "attempts": item.attempts or None,
        "answers to Basware": told.answers or None,
        "answered (UTC)": told.answered_at,
        "received (UTC)": item.received_at,
        "moved (UTC)": told.updated_at,
        "next attempt (UTC)": item.next_attempt_at,
    }
    fields(
        f"Invoice {item.invoice_number or item.invoice_id}",
        {**always, **{name: value for name, value in where_known.items() if value not in (None, "")}},
    )
    if told.rows:
        _coding(told.rows)
    if told.elsewhere is not None:
        _elsewhere(told.elsewhere)
    say(f"Its whole life: connector audit show {item.invoice_id}")


def _coding(rows: Sequence[CodedRow]) -> None:
    table(
        "Coding",
        [
            ("row", "key"),
            ("account", "key"),
            ("name", "sentence"),
            ("cost centre", "key"),
            ("GL code", "key"),
            ("net", "number"),
            ("tax", "number"),
            ("tax code", "key"),
            ("order", "key"),
            ("receipt", "key"),
        ],
        [
            (
                row.row,
                row.account_code,
                row.account_name,
                row.cost_center,
                row.gl_code or ("" if row.receipt_number or not row.account_code else "none: no mapping"),
                row.net,
                row.tax,
                row.tax_code,
                " / ".join(part for part in (row.order_number, row.order_line) if part),
                row.receipt_number,
            )
            for row in rows
        ],
    )


def _elsewhere(found: Elsewhere) -> None:
    standing: dict[str, object] = {"Basware": found.basware}
    if found.voucher:
        standing["SYSPRO voucher"] = found.voucher
        standing["SYSPRO amount"] = found.value
        if found.currency_value != found.value:
            standing["in currency"] = found.currency_value
        standing["SYSPRO reference"] = found.reference
        standing["posted by"] = "this connector" if found.ours else "somebody in SYSPRO"
    elif not any(problem.startswith("SYSPRO") for problem in found.problems):
        standing["SYSPRO"] = "no AP invoice of this supplier and number"
    fields("In both systems now", standing)
    for problem in found.problems:
        say(f"Could not be asked: {problem}", "yellow")


def preview(told: Preview) -> None:
    """What SYSPRO would say, invoice by invoice, and which company could not be asked."""
    if told.invoices:
        table(
            "If they were posted now",
            [
                ("company", "key"),
                ("invoice", "key"),
                ("supplier", "key"),
                ("gross", "number"),
                ("verdict", "key"),
                ("reason", "sentence"),
                ("what to do", "sentence"),
            ],
            [_foreseen(one) for one in told.invoices],
        )
    for outage in told.outages:
        say(f"{outage.company} was not asked: {outage.reason}", "yellow")
    fine = len(told.invoices) - len(told.refused)
    say(f"{fine:,} of {len(told.invoices):,} would post. Nothing was posted or changed.")


def _foreseen(one: Foreseen) -> tuple[object, ...]:
    return (
        one.company,
        one.invoice_number or one.invoice_id,
        one.supplier,
        _money(one.gross, one.currency),
        _VERDICTS[one.verdict.value],
        "; ".join(one.texts),
        one.remedy,
    )


def _money(amount: Decimal | None, currency: str) -> str:
    return f"{cell_text(amount)} {currency}".strip()
