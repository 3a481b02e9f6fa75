"""A planned posting as the document SYSPRO takes (SYSPRO wire notes 2.1). Pure; nothing is sent here."""

from dataclasses import dataclass
from typing import Literal, cast

from connector_defs.domain.invoices import Posting
from connector_defs.flows.ledger import journal_voucher, voucher_number
from connector_defs.syspro.documents import apstin, gentjl
from connector_defs.syspro.documents.outcome import Rejection


@dataclass(frozen=True)
class SysproDocument:
    """What e.net's Transaction/Post takes."""

    business_object: str
    parameters: str
    xml_in: str


def document_of(posting: Posting, *, validate_only: bool = False) -> SysproDocument:
    """The document; with `validate_only` SYSPRO checks it and posts nothing. ValueError where a value does not fit."""
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
    options = apstin.ApOptions(
        posting_period=cast('Literal["C", "P", "B"]', posting.period),
        validate_only="Y" if validate_only else "N",
        ledger_currency="F" if posting.foreign else "L",
    )
    return SysproDocument(apstin.BUSINESS_OBJECT, *apstin.build(document, options))


@dataclass(frozen=True)
class Confirmation:
    """SYSPRO says it has posted: under which voucher, and what became of the GL side where it tells."""

    voucher: str
    gl_journal: apstin.GlJournal | None = None


def read_reply(document: SysproDocument, reply: str) -> Confirmation | Rejection:
    """What the reply to `document` says; OutcomeUnknown where it says neither or both."""
    if document.business_object == gentjl.BUSINESS_OBJECT:
        journal = gentjl.read(reply)
        if isinstance(journal, Rejection):
            return journal
        return Confirmation(journal_voucher(journal.gl_year, journal.gl_period, journal.journal))
    answer = apstin.read(reply)
    if isinstance(answer, Rejection):
        return answer
    return Confirmation(
        voucher_number(answer.trn_year, answer.trn_month, answer.journal, answer.entry_number),
        answer.gl_journal,
    )
