"""APSTIN, post AP invoice: reads the document, posts it, and writes the answer.

Source: SYSPRO wire notes 2.1. What makes an item valid is decided in `apstin_rules`.
"""

from dataclasses import dataclass

from lxml import etree

from connector_defs.sandbox.syspro.apstin_rules import Checked, InvoiceRules, Item, Parameters
from connector_defs.sandbox.syspro.ledger import Ledger, PostedInvoice
from connector_defs.sandbox.syspro.periods import Periods
from connector_defs.sandbox.syspro.sessions import EnetError, Session
from connector_defs.sandbox.syspro.xml_replies import FieldError, Node, document, reply, texts_of

ROOT = "postapinvoice"
_ITEM_ELEMENTS = """eSignature Supplier TransactionCode Branch Invoice EntryNumber TransactionValue FreightCharge
MiscellaneousCharge Notation TransactionReference JournalNotation DiscountBasis DiscountableValue
DiscountPercentageValue DiscountAdjustment InvoiceDate DueDate DiscountDate ExchRateAtEntry FixedExchRate
TaxBasis CalculateQstOnTax TaxCode TaxValue SecondTaxCode SecondTaxValue WithholdingTaxCode
WithholdingTaxValue EcAcquisition Nationality AutoVoucherCreated POGLCode AnalysisEntry AnalysisLineEntry
PpvAnalysisEntry PpvAnalysisLineEntry GrnDetails LedgerDistribution"""


@dataclass(frozen=True, slots=True)
class ApInvoicePosting:
    """The business object over one ledger."""

    ledger: Ledger
    periods: Periods
    rules: InvoiceRules
    gl_at_once: bool
    strict_schema: bool

    def post(self, session: Session, xml_parameters: str, xml_in: str, *, gl_fails: bool = False) -> str:
        """Validate and post one PostApInvoice document; the answer as text."""
        parameters = Parameters(texts_of(_parameters(xml_parameters)))
        items = [self._item(element) for element in document(xml_in, "PostApInvoice").findall("Item")]
        if not items:
            raise EnetError("e.net exception raised: 100005 Document holds no Item")
        period = self.periods.relative(parameters.posting_period)
        general: list[FieldError] = []
        if period is None:
            general.append(
                FieldError(
                    ("PostingPeriod",), parameters.posting_period, 100031, "Posting period must be C, P or B"
                )
            )
        elif not self.periods.is_open(period):
            text = f"AP posting period closed for {period[0]}/{period[1]:02d}"
            general.append(FieldError(("PostingPeriod",), parameters.posting_period, 110102, text))
        results = self.rules.check(items, parameters)
        for result in results:
            result.errors[:0] = general
        valid = [result for result in results if result.entry is not None and not result.refused]
        posts = len(valid) == len(results) or not parameters.entire_document
        posted: list[PostedInvoice] = []
        if posts and valid and period is not None and not parameters.validate_only:
            posted = self.ledger.post_ap(
                [result.entry for result in valid if result.entry is not None],
                period,
                session.operator,
                to_gl=self.gl_at_once,
                gl_fails=gl_fails,
            )
        return self._answer(results, posted, parameters)

    def _item(self, element: etree._Element) -> Item:
        if self.strict_schema:
            for child in element:
                if child.tag not in _ITEM_ELEMENTS.split():
                    raise EnetError(f"e.net exception raised: 100006 Element '{child.tag}' is not expected")
        return Item(
            texts_of(element),
            [texts_of(each) for each in element.findall("GrnDetails")],
            [texts_of(each) for each in element.findall("LedgerDistribution")],
        )

    def _answer(self, results: list[Checked], posted: list[PostedInvoice], parameters: Parameters) -> str:
        by_invoice = {
            (each.entry.supplier, each.entry.invoice, each.entry.transaction_code): each for each in posted
        }
        children: list[Node] = []
        for number, result in enumerate(results, start=1):
            entry = result.entry
            posting = entry and by_invoice.get((entry.supplier, entry.invoice, entry.transaction_code))
            content = [error.node() for error in result.refusals]
            if posting:
                content.append(_transaction(posting))
            if result.warnings and parameters.ignore_warnings == "W":
                content.append(
                    ("WarningMessages", [("WarningDescription", each.text) for each in result.warnings])
                )
            content.append(("ItemNumber", f"{number:05d}"))
            children.append(("Item", content))
        children.append(("StatusOfItems", self._status(results, posted, parameters)))
        return reply(ROOT, children, version="8.0.032")

    def _status(
        self, results: list[Checked], posted: list[PostedInvoice], parameters: Parameters
    ) -> list[Node]:
        status: list[Node] = []
        if posted and self.gl_at_once:
            status.append(("GlJournal", _gl_journal(posted[0])))
        invalid = sum(result.refused for result in results)
        processed = len(results) - invalid if parameters.validate_only and not invalid else len(posted)
        status += [
            ("ItemsProcessed", f"{processed:05d}"),
            ("ItemsInvalid", f"{invalid:05d}" if invalid else ""),
        ]
        only_warned = sum(bool(result.refused and not result.errors) for result in results)
        if only_warned:
            status.append(("ItemsRejectedWithWarnings", f"{only_warned:05d}"))
        if parameters.ignore_warnings == "W" and any(result.warnings for result in results):
            status.append(
                ("ItemsProcessedWithWarnings", f"{sum(bool(result.warnings) for result in results):05d}")
            )
        return status


def _parameters(xml_parameters: str) -> etree._Element:
    root = document(xml_parameters, "PostApInvoice") if xml_parameters.strip() else None
    found = root.find("Parameters") if root is not None else None
    return found if found is not None else etree.Element("Parameters")


def _transaction(posted: PostedInvoice) -> Node:
    key: list[Node] = [
        ("TrnYear", str(posted.year)),
        ("TrnMonth", f"{posted.month:02d}"),
        ("Journal", f"{posted.journal:05d}"),
        ("EntryNumber", f"{posted.entry_number:03d}"),
    ]
    return (
        "Transaction",
        [
            ("Key", key),
            ("Supplier", posted.entry.supplier),
            ("Invoice", posted.entry.invoice),
            ("TransactionCode", posted.entry.transaction_code),
        ],
    )


def _gl_journal(posted: PostedInvoice) -> list[Node]:
    failed = posted.gl_journal is None
    return [
        ("GlYear", "" if failed else str(posted.year)),
        ("GlPeriod", "" if failed else f"{posted.month:02d}"),
        ("GlJournal", "" if failed else f"{posted.gl_journal:05d}"),
        ("GlJournalError", "00001" if failed else ""),
        ("GlJournalMessage", posted.gl_error),
    ]
