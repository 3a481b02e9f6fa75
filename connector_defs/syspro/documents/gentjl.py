"""GENTJL: post one journal to the general ledger.

Belongs here: the document and its reply. Source: SYSPRO wire notes 2.3.
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
    "FieldError",
    "JournalEntry",
    "JournalOptions",
    "JournalPosting",
    "LedgerJournal",
    "Rejection",
    "Validated",
    "build",
    "read",
    "read_validation",
]

BUSINESS_OBJECT = "GENTJL"

TEXT_LENGTH = 30
LEDGER_CODE_LENGTH = 35


@dataclass(frozen=True)
class JournalEntry:
    """One line; `amount` is positive for a debit and negative for a credit, in local currency."""

    ledger_code: str
    amount: Decimal
    reference: str = ""
    comment: str = ""


@dataclass(frozen=True)
class LedgerJournal:
    """One journal. `reference` should be unique: it is what a look-up in GenJournalDetail finds it by.

    `period` and `year` are numbers here, unlike APSTIN's; None posts to the current ones.
    """

    journal_date: date
    reference: str
    notation: str
    entries: tuple[JournalEntry, ...]
    period: int | None = None
    year: int | None = None
    source_code: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class JournalOptions:
    """Parameters; the defaults reject at any warning and apply the journal whole or not at all."""

    ignore_warnings: Literal["N", "Y", "W"] = "N"
    apply_if_entire_document_valid: Literal["Y", "N"] = "Y"
    validate_only: Literal["N", "Y"] = "N"


@dataclass(frozen=True)
class JournalPosting:
    """A journal SYSPRO took in, by its key. It may still be unposted, see `posted`."""

    gl_year: int
    gl_period: int
    journal: int
    status: str
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return f"journal {self.journal} of {self.gl_period}/{self.gl_year}"

    @property
    def posted(self) -> bool:
        """Whether the journal is in the ledger: status P. N or H is a stored journal nobody posted yet."""
        return self.status.upper() == "P"


def build(journal: LedgerJournal, options: JournalOptions) -> tuple[str, str]:
    """XmlParameters and XmlIn; blank optional elements are left out.

    ValueError for a journal that does not sum to zero, has no entries, or holds what the wire cannot carry.
    """
    total = sum((entry.amount for entry in journal.entries), Decimal(0))
    if not journal.entries or total != 0:
        raise ValueError(f"EntryAmount: journal {journal.reference} is off balance by {total}, or empty")
    return xml.serialise(_parameters(options)), xml.serialise(_document(journal))


def _parameters(options: JournalOptions) -> Element:
    root = xml.new_document("PostGlJournal", "GENTJL.XSD")
    parameters = etree.SubElement(root, "Parameters")
    xml.add(parameters, "IgnoreWarnings", options.ignore_warnings)
    xml.add(parameters, "ApplyIfEntireDocumentValid", options.apply_if_entire_document_valid)
    xml.add(parameters, "ValidateOnly", options.validate_only)
    xml.add(parameters, "ActionType", "A")
    return root


def _document(journal: LedgerJournal) -> Element:
    root = xml.new_document("PostGlJournal", "GENTJLDOC.XSD")
    item = etree.SubElement(root, "Item")
    xml.add(item, "JournalType", "N")
    xml.add(item, "PostJournal", "Y")
    xml.add(item, "JournalDate", xml.day(journal.journal_date))
    xml.add_required(item, "JournalReference", journal.reference, max_length=TEXT_LENGTH)
    xml.add(item, "Notation", journal.notation)
    xml.add(item, "PostingPeriod", None if journal.period is None else str(journal.period))
    xml.add(item, "PostingYear", None if journal.year is None else str(journal.year))
    xml.add(item, "SourceCode", journal.source_code)
    xml.add(item, "Currency", journal.currency)
    for entry in journal.entries:
        details = etree.SubElement(item, "JournalDetails")
        xml.add_required(details, "LedgerCode", entry.ledger_code, max_length=LEDGER_CODE_LENGTH)
        xml.add(details, "Reference", entry.reference or journal.reference, max_length=TEXT_LENGTH)
        xml.add(details, "EntryAmount", xml.amount("EntryAmount", entry.amount))
        xml.add(details, "Comment", entry.comment)
    return root


def read(reply: str) -> JournalPosting | Rejection:
    """What the reply says of the one journal sent; OutcomeUnknown where it says neither or both."""
    root = outcome.root_of(reply, BUSINESS_OBJECT)
    return outcome.posted(root, BUSINESS_OBJECT, _posting(root))


def read_validation(reply: str) -> Validated | Rejection:
    """What the reply says of the one journal sent with ValidateOnly=Y; OutcomeUnknown where it says nothing clear."""
    root = outcome.root_of(reply, BUSINESS_OBJECT)
    posting = _posting(root)
    return validation.verdict(root, BUSINESS_OBJECT, "postgljournal", str(posting) if posting else "")


def _posting(root: Element) -> JournalPosting | None:
    for key in xml.descendants(root, "Key"):
        year, period, journal = (
            xml.count(xml.first_text(key, name)) for name in ("GlYear", "GlPeriod", "GlJournal")
        )
        if not (year and period and journal):
            continue
        parent = key.getparent()
        holder = key if parent is None else parent
        status = xml.first_text(holder, "JnlStatus")
        return JournalPosting(year, period, journal, status, outcome.warnings(root))
    return None
