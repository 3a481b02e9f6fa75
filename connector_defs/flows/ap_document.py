"""A planned posting as the AP document SYSPRO takes (SYSPRO wire notes 2.1). Pure; nothing is sent here."""

from typing import Literal, cast

from connector_defs.domain.invoices import Posting
from connector_defs.syspro.documents import apstin


def ap_document(posting: Posting, period: Literal["C", "P", "B"]) -> tuple[str, str]:
    """XmlParameters and XmlIn of the document. Raises ValueError where a value does not fit."""
    document = apstin.ApInvoice(
        supplier=posting.supplier,
        transaction_code=cast('Literal["I", "C"]', posting.kind),
        branch=None,
        invoice=posting.number,
        value=posting.gross,
        notation=posting.notation,
        reference=posting.reference,
        invoice_date=posting.invoice_date,
        due_date=posting.due_date,
        exchange_rate=None,
        tax_basis="E",
        tax_code=posting.tax_code or None,
        tax_value=posting.tax_value,
        ledger_lines=tuple(
            apstin.LedgerLine(row.ledger_code, row.value, row.note, row.tax_code or None, row.tax_only)
            for row in posting.rows
        ),
        grn_lines=tuple(
            apstin.GrnLine(
                supplier=row.supplier,
                grn=row.receipt,
                source=row.source,
                journal=int(row.journal),
                entry=int(row.entry),
                match_type=cast('Literal["O", "U", "P"]', row.match),
                value=None if row.match == "O" else row.value,
                quantity=row.quantity,
            )
            for row in posting.receipts
        ),
    )
    options = apstin.ApOptions(posting_period=period, ledger_currency="F" if posting.foreign else "L")
    return apstin.build(document, options)
