"""APSTIN: post one AP invoice, credit note or adjustment.

Belongs here: the document as SYSPRO wants it and the reply as SYSPRO gives it.
Not here: which ledger codes, signs and periods are right for an invoice.
Source: SYSPRO wire notes 2.1, traps 4-12 and 37.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from lxml import etree

from connector_defs.syspro import xml
from connector_defs.syspro.documents import outcome, validation
from connector_defs.syspro.documents.outcome import FieldError, Rejection
from connector_defs.syspro.documents.validation import Validated
from connector_defs.syspro.xml import Element

__all__ = [
    "BUSINESS_OBJECT",
    "ApInvoice",
    "ApOptions",
    "ApPosting",
    "FieldError",
    "GlJournal",
    "GrnLine",
    "LedgerLine",
    "Rejection",
    "Validated",
    "build",
    "read",
    "read_validation",
]

BUSINESS_OBJECT = "APSTIN"

SUPPLIER_LENGTH = 15
INVOICE_LENGTH = 20
TEXT_LENGTH = 30
LEDGER_CODE_LENGTH = 35


@dataclass(frozen=True)
class LedgerLine:
    """One distribution line; `value` is net under tax basis E and contains the tax under I.

    `tax_only` marks a line that is all tax.
    """

    ledger_code: str
    value: Decimal
    notation: str = ""
    tax_code: str | None = None
    tax_only: bool = False


@dataclass(frozen=True)
class GrnLine:
    """One goods receipt to match, by the five key columns of GrnDetails (`source` is GrnSource).

    Match type O takes the whole outstanding value, U the whole at `value`, P `quantity` of it at `value`.
    """

    supplier: str
    grn: str
    source: str
    journal: int
    entry: int
    match_type: Literal["O", "U", "P"] = "O"
    value: Decimal | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True)
class ApInvoice:
    """One document. `value` is gross, tax included; amounts in invoice currency with at most 2 decimals."""

    supplier: str
    transaction_code: Literal["I", "A", "C", "D"]
    branch: str | None
    invoice: str
    value: Decimal
    notation: str
    reference: str
    invoice_date: date
    due_date: date | None
    exchange_rate: Decimal | None
    tax_basis: Literal["E", "I"]
    tax_code: str | None
    tax_value: Decimal | None
    ledger_lines: tuple[LedgerLine, ...]
    grn_lines: tuple[GrnLine, ...] = ()
    freight: Decimal | None = None
    journal_notation: str = ""


@dataclass(frozen=True)
class ApOptions:
    """Parameters. `posting_period` is relative: C current, P previous, B the one before (trap 19).

    The defaults reject a document at any warning and apply it whole or not at all (traps 9, 10).
    """

    posting_period: Literal["C", "P", "B"] = "C"
    ignore_warnings: Literal["N", "Y", "W"] = "N"
    apply_if_entire_document_valid: Literal["Y", "N"] = "Y"
    validate_only: Literal["N", "Y"] = "N"
    ledger_currency: Literal["L", "F"] = "L"
    tax_variance: Decimal = Decimal(0)
    automatic_tax: Literal["N", "Y"] = "N"


@dataclass(frozen=True)
class GlJournal:
    """What became of the GL side, given only where AP posts to GL at once.

    The AP posting stands even where this one failed; `error` and `message` are SYSPRO's own texts.
    """

    year: int | None
    period: int | None
    journal: int | None
    error: str
    message: str

    @property
    def failed(self) -> bool:
        """Whether SYSPRO reports an error for the GL journal, or a message in place of a journal number."""
        return bool(self.error.strip("0N ")) or (not self.journal and bool(self.message))


@dataclass(frozen=True)
class ApPosting:
    """A posted document. Look-up key: `trn_year`, `trn_month`, `journal`, `entry_number` (ApJnlSummary)."""

    trn_year: int
    trn_month: int
    journal: int
    entry_number: int
    supplier: str
    invoice: str
    gl_journal: GlJournal | None
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return f"journal {self.journal} of {self.trn_month}/{self.trn_year}"


def build(invoice: ApInvoice, options: ApOptions) -> tuple[str, str]:
    """XmlParameters and XmlIn. Blank optional elements are left out; elements stand in schema order.

    ValueError naming the element for what SYSPRO would refuse, cut or round: blank mandatory text, text too
    long or outside Windows-1252, more than two decimals in an amount.
    """
    return xml.serialise(_parameters(options)), xml.serialise(_document(invoice))


def _parameters(options: ApOptions) -> Element:
    root = xml.new_document("PostApInvoice", "APSTIN.XSD")
    parameters = etree.SubElement(root, "Parameters")
    for name, text in (
        ("PostingPeriod", options.posting_period),
        ("IgnoreWarnings", options.ignore_warnings),
        ("ApplyIfEntireDocumentValid", options.apply_if_entire_document_valid),
        ("ValidateOnly", options.validate_only),
        ("LedgerDistributionCurrency", options.ledger_currency),
        ("AutomaticTaxCalculation", options.automatic_tax),
        ("PermissibleTaxVariance", xml.amount("PermissibleTaxVariance", options.tax_variance)),
    ):
        xml.add(parameters, name, text)
    return root


def _document(invoice: ApInvoice) -> Element:
    root = xml.new_document("PostApInvoice", "APSTINDOC.XSD")
    item = etree.SubElement(root, "Item")
    xml.add_required(item, "Supplier", invoice.supplier, max_length=SUPPLIER_LENGTH)
    xml.add(item, "TransactionCode", invoice.transaction_code)
    xml.add(item, "Branch", invoice.branch)
    xml.add_required(item, "Invoice", invoice.invoice, max_length=INVOICE_LENGTH)
    xml.add(item, "TransactionValue", xml.amount("TransactionValue", invoice.value))
    if invoice.freight is not None:
        xml.add(item, "FreightCharge", xml.amount("FreightCharge", invoice.freight))
    xml.add(item, "Notation", invoice.notation)
    xml.add(item, "TransactionReference", invoice.reference, max_length=TEXT_LENGTH)
    xml.add(item, "JournalNotation", invoice.journal_notation)
    xml.add(item, "InvoiceDate", xml.day(invoice.invoice_date))
    if invoice.due_date is not None:
        xml.add(item, "DueDate", xml.day(invoice.due_date))
    if invoice.exchange_rate is not None:
        xml.add(item, "ExchRateAtEntry", xml.amount("ExchRateAtEntry", invoice.exchange_rate, places=6))
    xml.add(item, "TaxBasis", invoice.tax_basis)
    xml.add(item, "TaxCode", invoice.tax_code)
    if invoice.tax_value is not None:
        xml.add(item, "TaxValue", xml.amount("TaxValue", invoice.tax_value))
    for receipt in invoice.grn_lines:
        _add_receipt(item, receipt)
    for line in invoice.ledger_lines:
        _add_ledger_line(item, line)
    return root


def _add_receipt(item: Element, receipt: GrnLine) -> None:
    given = (receipt.value is not None, receipt.quantity is not None)
    if given != {"O": (False, False), "U": (True, False), "P": (True, True)}[receipt.match_type]:
        raise ValueError(
            f"GrnMatchType {receipt.match_type} of GRN {receipt.grn} does not go with the value and quantity given"
        )
    details = etree.SubElement(item, "GrnDetails")
    xml.add_required(details, "GrnSupplier", receipt.supplier, max_length=SUPPLIER_LENGTH)
    xml.add_required(details, "GrnGrn", receipt.grn)
    xml.add(details, "GrnFlag", receipt.source)
    xml.add(details, "GrnJournal", str(receipt.journal))
    xml.add(details, "GrnEntry", str(receipt.entry))
    xml.add(details, "GrnMatchType", receipt.match_type)
    if receipt.value is not None:
        xml.add(details, "GrnMatchValue", xml.amount("GrnMatchValue", receipt.value))
    if receipt.quantity is not None:
        quantity = xml.amount("GrnPartialMatchQuantity", receipt.quantity, places=6)
        xml.add(details, "GrnPartialMatchQuantity", quantity)


def _add_ledger_line(item: Element, line: LedgerLine) -> None:
    distribution = etree.SubElement(item, "LedgerDistribution")
    xml.add_required(distribution, "LedgerCode", line.ledger_code, max_length=LEDGER_CODE_LENGTH)
    xml.add(distribution, "LedgerTaxCode", line.tax_code)
    xml.add(distribution, "LedgerNotation", line.notation, max_length=TEXT_LENGTH)
    xml.add(distribution, "LedgerValue", xml.amount("LedgerValue", line.value))
    xml.add(distribution, "TaxOnlyLine", "Y" if line.tax_only else "N")


def read(reply: str) -> ApPosting | Rejection:
    """What the reply says of the one invoice sent; OutcomeUnknown where it says neither or both."""
    root = outcome.root_of(reply, BUSINESS_OBJECT)
    return outcome.posted(root, BUSINESS_OBJECT, _posting(root))


def read_validation(reply: str) -> Validated | Rejection:
    """What the reply says of the one invoice sent with ValidateOnly=Y; OutcomeUnknown where it says nothing clear."""
    root = outcome.root_of(reply, BUSINESS_OBJECT)
    posting = _posting(root)
    return validation.verdict(root, BUSINESS_OBJECT, "postapinvoice", str(posting) if posting else "")


def _posting(root: Element) -> ApPosting | None:
    for key in xml.descendants(root, "Key"):
        numbers = [
            xml.count(xml.first_text(key, name)) for name in ("TrnYear", "TrnMonth", "Journal", "EntryNumber")
        ]
        year, month, journal, entry = numbers
        if not (year and month and journal and entry):
            continue
        transaction = key.getparent()
        holder = key if transaction is None else transaction
        return ApPosting(
            year,
            month,
            journal,
            entry,
            xml.first_text(holder, "Supplier"),
            xml.first_text(holder, "Invoice"),
            _gl_journal(root),
            outcome.warnings(root),
        )
    return None


def _gl_journal(root: Element) -> GlJournal | None:
    """The GL result: an element GlJournal around another GlJournal, which holds the number (trap 5)."""
    for outer in xml.descendants(root, "GlJournal"):
        holder = outer if len(outer) else outer.getparent()
        if holder is None:
            continue
        year, period, journal = (
            xml.count(xml.first_text(holder, name)) for name in ("GlYear", "GlPeriod", "GlJournal")
        )
        error, message = (xml.first_text(holder, name) for name in ("GlJournalError", "GlJournalMessage"))
        if year or period or journal or error or message:
            return GlJournal(year, period, journal, error, message)
    return None
