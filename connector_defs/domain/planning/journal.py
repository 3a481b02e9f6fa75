"""Journal mode: the invoice as debits and one credit in the general ledger, in local currency.

Source: SYSPRO wire notes 2.3. A journal has one currency and must come to zero, so of a foreign invoice the company
amounts are posted, and only where they add up to the last digit.
"""

from dataclasses import replace

from connector_defs.domain.books import Books
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused


def credit_account(rules: PlanningRules) -> str:
    """The GL code a journal credits."""
    if not rules.journal_credit_account:
        raise Refused(
            "JOURNAL_ACCOUNT",
            "the company posts journals, and no account is set that they credit",
            "set journal_credit_account of the company in connector.toml, then retry",
        )
    return rules.journal_credit_account


def in_local_currency(invoice: ApprovedInvoice, books: Books) -> ApprovedInvoice:
    """The invoice in the ledger's currency: as it is, or in its company amounts."""
    local = books.local_currency
    if local is None:
        raise Refused(
            "LOCAL_CURRENCY",
            "SYSPRO's local currency cannot be told: it is the only mapped one with buying rate 1 in TblCurrency",
            "give the OData user access to TblCurrency and map its currency in [currencies], then retry",
        )
    if invoice.currency == local:
        return invoice
    if invoice.company_currency not in ("", local) or invoice.gross_company is None:
        raise Refused(
            "COMPANY_CURRENCY",
            f"a journal is in {local}, and the invoice is in {invoice.currency} without company amounts in {local}",
            "correct the company amounts in Basware, or post this one by hand",
        )
    rows = []
    for row in invoice.rows:
        stated = row.net_company is not None or row.gross_company is not None
        if not stated or (row.tax and row.tax_company is None):
            raise Refused(
                "COMPANY_AMOUNTS",
                f"row {row.key} has no amounts in company currency, which a journal is posted in",
                "correct the coding in Basware, or post this one by hand",
            )
        rows.append(replace(row, net=row.net_company, tax=row.tax_company, gross=row.gross_company))
    return replace(
        invoice,
        currency=local,
        gross=invoice.gross_company,
        # Rows alone tell the tax then: the header's is in invoice currency.
        tax=None,
        rows=tuple(rows),
    )


def refuse_receipts(invoice: ApprovedInvoice) -> None:
    """A journal cannot clear a goods receipt, which would stay open for ever."""
    row = next((row for row in invoice.rows if row.receipt_number), None)
    if row is not None:
        raise Refused(
            "JOURNAL_RECEIPT",
            f"row {row.key} is matched to goods receipt {row.receipt_number!r}, which a journal cannot clear",
            "post this one in AP, or lift the matching in Basware",
        )
