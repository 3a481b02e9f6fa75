"""GENTJL, post a GL journal: positive debits, negative credits, zero in total.

Source: SYSPRO wire notes 2.3; error numbers and texts are the sandbox's own.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lxml import etree

from connector_defs.sandbox.syspro.grammar import Reader
from connector_defs.sandbox.syspro.ledger import GlJournal, GlLine, Ledger
from connector_defs.sandbox.syspro.periods import Period, Periods
from connector_defs.sandbox.syspro.sessions import EnetError
from connector_defs.sandbox.syspro.xml_replies import FieldError, Node, document, reply, texts_of
from connector_defs.sandbox.world.ledger_codes import LOCAL_CURRENCY
from connector_defs.sandbox.world.tables import TableStore

ROOT = "postgljournal"


@dataclass(slots=True)
class _Draft:
    """One journal as read, with what is wrong with it."""

    errors: list[FieldError]
    warnings: list[FieldError]
    period: Period | None
    day: date
    lines: list[GlLine]
    posts: bool


@dataclass(frozen=True, slots=True)
class JournalPosting:
    """The business object over one ledger."""

    ledger: Ledger
    periods: Periods
    accounts: TableStore
    company: str
    today: date

    def post(self, xml_parameters: str, xml_in: str) -> str:
        """Validate and post one PostGlJournal document; the answer as text."""
        parameters = _parameters(xml_parameters)
        elements = document(xml_in, "PostGlJournal").findall("Item")
        if not elements:
            raise EnetError("e.net exception raised: 100005 Document holds no Item")
        drafts = [self._draft(element) for element in elements]
        for draft in drafts:
            if parameters.get("IgnoreWarnings", "N") in ("N", ""):
                draft.errors += draft.warnings
        valid = [draft for draft in drafts if not draft.errors]
        partial = parameters.get("ApplyIfEntireDocumentValid") == "N"
        posts = (len(valid) == len(drafts) or partial) and parameters.get("ValidateOnly") != "Y"
        children: list[Node] = []
        lines = 0
        for draft in drafts:
            content = [error.node() for error in draft.errors]
            if posts and not draft.errors and draft.period:
                status = "P" if draft.posts else "N"
                journal = self.ledger.post_gl(draft.period, draft.day, draft.lines, status=status)
                lines += len(draft.lines)
                content.append(_transaction(journal))
            children.append(("Item", content))
        invalid = len(drafts) - len(valid)
        status_of_items: list[Node] = [
            ("JournalsProcessed", f"{len(valid) if posts else 0:05d}"),
            ("JournalsInvalid", f"{invalid:05d}"),
            ("PostingsProcessed", f"{lines:05d}"),
            ("PostingsInvalid", f"{sum(len(draft.errors) for draft in drafts):05d}"),
        ]
        return reply(ROOT, [*children, ("StatusOfItems", status_of_items)], version="8.0.011")

    def _draft(self, element: etree._Element) -> _Draft:
        errors: list[FieldError] = []
        warnings: list[FieldError] = []
        read = Reader(texts_of(element), errors)
        read.one_of("JournalType", "NPUSL", "N")
        reference = read.text("JournalReference")
        lines = [
            self._line(texts_of(each), reference, errors, warnings)
            for each in element.findall("JournalDetails")
        ]
        total = sum((line.value for line in lines), Decimal(0))
        if not lines or total:
            errors.append(
                FieldError(
                    ("JournalDetails", "EntryAmount"), str(total), 120020, "Journal does not balance to zero"
                )
            )
        day = read.day("JournalDate") or self.today
        posts = read.one_of("PostJournal", "YN", "Y") == "Y"
        return _Draft(errors, warnings, self._period(read), day, lines, posts)

    def _period(self, read: Reader) -> Period | None:
        year, month = self.periods.current()
        period_text, year_text = read.text("PostingPeriod", str(month)), read.text("PostingYear", str(year))
        for name, text in (("PostingPeriod", period_text), ("PostingYear", year_text)):
            if not text.isdecimal():
                read.refuse(name, 240003, f"Value '{text}' is not numeric")
                return None
        period = (int(year_text), int(period_text))
        if period > (year, month):
            read.refuse("PostingPeriod", 120021, "Posting to a future period is not allowed")
            return None
        if not self.periods.is_open(period):
            text = f"GL posting period closed for {period[0]}/{period[1]:02d}"
            read.refuse("PostingPeriod", 120022, text)
            return None
        return period

    def _line(
        self,
        texts: dict[str, str],
        journal_reference: str,
        errors: list[FieldError],
        warnings: list[FieldError],
    ) -> GlLine:
        read = Reader(texts, errors, within=("JournalDetails",))
        code = read.required("LedgerCode")
        amount = read.amount("EntryAmount")
        if amount is None and not read.text("EntryAmount"):
            read.required("EntryAmount")
        read.day("Date")
        if code:
            self._check_code(read, code, warnings)
        value = amount or Decimal(0)
        return GlLine(
            gl_code=code,
            value=value,
            reference=read.text("Reference", journal_reference),
            comment=read.text("Comment"),
            currency_value=value,
            currency=LOCAL_CURRENCY,
        )

    def _check_code(self, read: Reader, code: str, warnings: list[FieldError]) -> None:
        row = self.accounts.get(self.company, code) if len(code) <= 35 else None
        if row is None:
            read.refuse("LedgerCode", 110020, f"Ledger code '{code}' not found")
        elif row["AccountType"] == "T" or row["ControlAccFlag"] == "Y":
            read.refuse("LedgerCode", 110023, f"Ledger code '{code}' cannot be posted to")
        elif row["AccOnHldFlag"] == "Y":
            text = f"Ledger code '{code}' is on hold"
            warnings.append(FieldError((*read.within, "LedgerCode"), code, 110021, text))


def _parameters(xml_parameters: str) -> dict[str, str]:
    if not xml_parameters.strip():
        return {}
    found = document(xml_parameters, "PostGlJournal").find("Parameters")
    return {} if found is None else texts_of(found)


def _transaction(journal: GlJournal) -> Node:
    debit = sum((line.value for line in journal.lines if line.value > 0), Decimal(0))
    key: list[Node] = [
        ("GlYear", str(journal.year)),
        ("GlPeriod", f"{journal.period:02d}"),
        ("GlJournal", f"{journal.journal:05d}"),
    ]
    return (
        "Transaction",
        [
            ("Key", key),
            ("JournalDate", journal.day.strftime("%Y%m%d")),
            ("NumOfEntries", f"{len(journal.lines):05d}"),
            ("DebitAmount", f"{debit:>15}"),
            ("CreditAmount", f"{debit:>15}"),
            ("JnlPostingType", "N"),
            ("Jnlstatus", journal.status),
            ("Currency", LOCAL_CURRENCY),
            ("Authorised", "Y" if journal.status == "P" else "N"),
        ],
    )
