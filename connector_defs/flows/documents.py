"""A planned posting as the document SYSPRO takes (SYSPRO wire notes 2.1, 2.3). Pure; nothing is sent here."""

from dataclasses import dataclass
from typing import Literal, cast

from connector_defs.domain.errors import OutcomeUnknown
from connector_defs.domain.intents import Intent
from connector_defs.domain.invoices import JOURNAL, Posting
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
    if posting.mode == JOURNAL:
        return _journal(posting, validate_only=validate_only)
    return _ap_invoice(posting, validate_only=validate_only)


def _ap_invoice(posting: Posting, *, validate_only: bool) -> SysproDocument:
    sign = posting.sign
    document = apstin.ApInvoice(
        supplier=posting.supplier,
        transaction_code=cast('Literal["I", "C"]', posting.kind),
        branch=None,
        invoice=posting.number,
        value=sign * posting.gross,
        notation=posting.notation,
        reference=posting.reference,
        invoice_date=posting.invoice_date,
        due_date=posting.due_date,
        exchange_rate=posting.exchange_rate,
        tax_basis=cast('Literal["E", "I"]', posting.tax_basis),
        tax_code=posting.tax_code or None,
        tax_value=None if posting.tax_value is None else sign * posting.tax_value,
        ledger_lines=tuple(
            apstin.LedgerLine(row.ledger_code, sign * row.value, row.note, row.tax_code or None, row.tax_only)
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
                value=None if row.match == "O" else sign * row.value,
                quantity=row.quantity,
            )
            for row in posting.receipts
        ),
        freight=sign * posting.freight if posting.freight else None,
        journal_notation=posting.journal_notation,
    )
    options = apstin.ApOptions(
        posting_period=cast('Literal["C", "P", "B"]', posting.period),
        validate_only="Y" if validate_only else "N",
        ledger_currency="F" if posting.foreign else "L",
        tax_variance=posting.tax_variance,
    )
    return SysproDocument(apstin.BUSINESS_OBJECT, *apstin.build(document, options))


def _journal(posting: Posting, *, validate_only: bool) -> SysproDocument:
    """Debits on the rows' accounts and one credit; a credit note is the same with the signs turned."""
    year, period = posting.ledger_period or (None, None)
    entries = [gentjl.JournalEntry(row.ledger_code, row.value, comment=row.note) for row in posting.rows]
    if posting.gross:
        entries.append(gentjl.JournalEntry(posting.credit_account, -posting.gross, comment=posting.notation))
    journal = gentjl.LedgerJournal(
        journal_date=posting.invoice_date,
        reference=posting.reference,
        notation=posting.notation,
        entries=tuple(entries),
        period=period,
        year=year,
    )
    options = gentjl.JournalOptions(validate_only="Y" if validate_only else "N")
    return SysproDocument(gentjl.BUSINESS_OBJECT, *gentjl.build(journal, options))


@dataclass(frozen=True)
class Confirmation:
    """SYSPRO says it has posted: under which voucher, and what became of the GL side where it tells.

    `unposted` where it took a GL journal in and says that it is not in the ledger yet.
    """

    voucher: str
    gl_journal: apstin.GlJournal | None = None
    unposted: bool = False


def read_reply(document: SysproDocument, intent: Intent, reply: str) -> Confirmation | Rejection:
    """What the reply to `document` says; OutcomeUnknown where it says neither or both, or speaks of another invoice."""
    if document.business_object == gentjl.BUSINESS_OBJECT:
        journal = gentjl.read(reply)
        if isinstance(journal, Rejection):
            return journal
        return Confirmation(
            journal_voucher(journal.gl_year, journal.gl_period, journal.journal),
            unposted=bool(journal.status) and not journal.posted,
        )
    answer = apstin.read(reply)
    if isinstance(answer, Rejection):
        return answer
    for what, said, sent in (
        ("supplier", answer.supplier, intent.supplier),
        ("invoice", answer.invoice, intent.number),
    ):
        if _bare(said) not in ("", _bare(sent)):
            raise OutcomeUnknown(
                f"{document.business_object}: the reply names {answer} of {what} {said!r}, and {sent!r} was sent. "
                "Look the record up before repeating."
            )
    return Confirmation(
        voucher_number(answer.trn_year, answer.trn_month, answer.journal, answer.entry_number),
        answer.gl_journal,
    )


def _bare(key: str) -> str:
    """A key as SYSPRO may show it: blanks, zero padding and case are left out of it (SYSPRO wire notes, trap 25)."""
    return "".join(key.split()).lstrip("0").casefold()
