"""What was posted: the effects of AP invoices, journals and payments on the tables, and their list.

Nothing here checks anything; the business objects do, before they post.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from connector_defs.sandbox.syspro import paying
from connector_defs.sandbox.syspro.periods import Period
from connector_defs.sandbox.world.ledger_codes import AP_CONTROL_GL, LOCAL_CURRENCY
from connector_defs.sandbox.world.tables import TableStore, Value

Purpose = Literal["expense", "tax", "goods_receipt", "variance", "freight", "miscellaneous"]
GL_FAILURE = "Unable to add GL journal: ledger integration file in use"


@dataclass(frozen=True, slots=True)
class Distribution:
    """One debit of an AP invoice; `value` in the supplier's currency, `local_value` in the company's."""

    gl_code: str
    value: Decimal
    local_value: Decimal
    purpose: Purpose
    notation: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptMatch:
    """What an invoice takes of one goods receipt, in local currency; `whole` leaves nothing outstanding."""

    key: tuple[Value, ...]
    local_value: Decimal
    whole: bool


@dataclass(frozen=True, slots=True)
class ApEntry:
    """A checked AP transaction, ready to post. Values are signed as the supplier's balance moves."""

    supplier: str
    invoice: str
    transaction_code: str
    value: Decimal
    currency: str
    rate: Decimal
    multiply_or_divide: str
    branch: str
    reference: str
    notation: str
    invoice_date: date
    due_date: date | None
    discount_date: date | None
    tax_code: str
    distributions: tuple[Distribution, ...]
    receipts: tuple[ReceiptMatch, ...]
    journal_notation: str = ""


@dataclass(frozen=True, slots=True)
class PostedInvoice:
    """An AP transaction with the key it was posted under."""

    entry: ApEntry
    year: int
    month: int
    journal: int
    entry_number: int
    operator: str
    posted_at: datetime
    gl_journal: int | None
    gl_error: str


@dataclass(frozen=True, slots=True)
class GlLine:
    """One line of a GL journal; positive debit, negative credit, in local currency."""

    gl_code: str
    value: Decimal
    reference: str
    comment: str
    currency_value: Decimal
    currency: str
    supplier: str = ""
    invoice: str = ""
    sub_journal: int = 0


@dataclass(frozen=True, slots=True)
class GlJournal:
    """A GL journal; status P posted, N not posted."""

    year: int
    period: int
    journal: int
    status: str
    day: date
    lines: tuple[GlLine, ...]


@dataclass(slots=True)
class Ledger:
    """Everything posted since the sandbox started, and the tables it went into."""

    tables: dict[str, TableStore]
    clock: Callable[[], datetime]
    invoices: list[PostedInvoice] = field(default_factory=list)
    journals: list[GlJournal] = field(default_factory=list)
    gl_failures_due: int = 0

    @property
    def gl_lines(self) -> list[GlLine]:
        """Lines of all posted GL journals, in order of posting."""
        return [line for journal in self.journals if journal.status == "P" for line in journal.lines]

    def find(self, supplier: str, invoice: str) -> list[PostedInvoice]:
        """Postings of one supplier's invoice number, compared as exact text."""
        return [
            posted
            for posted in self.invoices
            if (posted.entry.supplier, posted.entry.invoice) == (supplier, invoice)
        ]

    def as_json(self) -> dict[str, object]:
        """The whole ledger for the control route; amounts stay Decimal."""
        return {
            "invoices": [asdict(posted) for posted in self.invoices],
            "journals": [asdict(journal) for journal in self.journals],
        }

    def next_journal(self, table: str, period: Period) -> int:
        """The journal number after the last one of this period in ApJnlSummary or GenJournalDetail."""
        store = self.tables[table]
        low, high = store.span(period)
        used = store.rows[high - 1][store.position["Journal"]] if high > low else 0
        unposted = [each.journal for each in self.journals if (each.year, each.period) == period]
        assert isinstance(used, int)
        return max([used, *unposted] if table == "GenJournalDetail" else [used]) + 1

    def post_ap(
        self,
        entries: Sequence[ApEntry],
        period: Period,
        operator: str,
        *,
        to_gl: bool,
        gl_fails: bool = False,
    ) -> list[PostedInvoice]:
        """Post AP entries under one journal, and to GL at once where the site does so.

        A failing GL integration leaves the AP posting in place and no GL lines.
        """
        journal = self.next_journal("ApJnlSummary", period)
        if to_gl and self.gl_failures_due > 0:
            self.gl_failures_due -= 1
            gl_fails = True
        gl_journal = None
        if to_gl and not gl_fails:
            lines = [line for entry in entries for line in _gl_lines(entry, journal)]
            gl_journal = self.post_gl(period, self.clock().date(), lines).journal
        posted = []
        for number, entry in enumerate(entries, start=1):
            posted.append(
                PostedInvoice(
                    entry,
                    *period,
                    journal,
                    number,
                    operator,
                    self.clock(),
                    gl_journal,
                    GL_FAILURE if gl_fails else "",
                )
            )
            self._write(posted[-1])
        self.invoices.extend(posted)
        return posted

    def post_gl(self, period: Period, day: date, lines: Sequence[GlLine], *, status: str = "P") -> GlJournal:
        """Add a GL journal; only status P reaches GenJournalDetail and the account balances."""
        journal = GlJournal(*period, self.next_journal("GenJournalDetail", period), status, day, tuple(lines))
        self.journals.append(journal)
        if status != "P":
            return journal
        for number, line in enumerate(lines, start=1):
            self.tables["GenJournalDetail"].insert(
                {
                    "GlYear": journal.year,
                    "GlPeriod": journal.period,
                    "Journal": journal.journal,
                    "EntryNumber": number,
                    "GlCode": line.gl_code,
                    "Reference": line.reference[:50],
                    "Comment": line.comment[:250],
                    "EntryValue": line.value,
                    "EntryType": "D" if line.value >= 0 else "C",
                    "EntryDate": day,
                    "EntryPosted": "Y",
                    "CurrencyValue": line.currency_value,
                    "PostCurrency": line.currency,
                    "TransactionDate": day,
                    "SubModJournal": line.sub_journal,
                    "SubModSupplier": line.supplier,
                    "SubModInvoice": line.invoice,
                }
            )
        return journal

    def pay(
        self,
        supplier: str,
        invoice: str,
        value: Decimal | None = None,
        *,
        discount: Decimal = Decimal(0),
        cheque: str = "",
        kind: str = "P",
        day: date | None = None,
    ) -> None:
        """Pay an invoice, wholly or by `value` (positive), by default today; KeyError when it is not on file."""
        order = paying.PaymentOrder(value, discount, cheque, kind)
        paying.pay(self.tables, supplier, invoice, order, day or self.clock().date())

    def take_back(self, supplier: str, invoice: str, *, day: date | None = None) -> None:
        """Reverse the last payment of an invoice; KeyError when there is none."""
        paying.take_back(self.tables, supplier, invoice, day or self.clock().date())

    def adjust(
        self, supplier: str, invoice: str, value: Decimal, *, kind: str = "A", day: date | None = None
    ) -> None:
        """Change what is open without any money; KeyError when the invoice is not on file."""
        paying.adjust(self.tables, supplier, invoice, value, day or self.clock().date(), kind=kind)

    def _write(self, posted: PostedInvoice) -> None:
        entry = posted.entry
        if entry.transaction_code == "I":
            # A number taken once more (`SysproOptions.duplicate_check`) puts the newer one in the older one's place.
            self.tables["ApInvoice"].delete((entry.supplier, entry.invoice))
            self.tables["ApInvoice"].insert(_ap_invoice(posted))
        else:
            self._adjust_invoice(entry)
        key: dict[str, Value] = {
            "TrnYear": posted.year,
            "TrnMonth": posted.month,
            "Journal": posted.journal,
            "EntryNumber": posted.entry_number,
        }
        self.tables["ApJnlSummary"].insert(
            {
                **key,
                "Supplier": entry.supplier,
                "Invoice": entry.invoice,
                "TransactionCode": entry.transaction_code,
                "InvoiceValue": entry.value,
            }
        )
        for line, part in enumerate(entry.distributions, start=1):
            self.tables["ApJnlDistrib"].insert(
                {
                    **key,
                    "Line": line,
                    "ExpenseGlCode": part.gl_code,
                    "DistrValue": part.local_value,
                    "ExpenseType": {"goods_receipt": "M", "freight": "F"}.get(part.purpose, "O"),
                    "Reference": part.notation[:30],
                    "SupplierGlCode": AP_CONTROL_GL,
                    "TrnDate": posted.posted_at.date(),
                }
            )
        for match in entry.receipts:
            self._match(match, posted)
        paying.move_balance(self.tables, entry.supplier, entry.value)

    def _adjust_invoice(self, entry: ApEntry) -> None:
        row = self.tables["ApInvoice"].get(entry.supplier, entry.invoice)
        assert row is not None
        self.tables["ApInvoice"].update(
            (entry.supplier, entry.invoice),
            {
                "TotalAdjustments": _money(row["TotalAdjustments"]) + entry.value,
                "MthInvBal1": _money(row["MthInvBal1"]) + entry.value,
            },
        )

    def _match(self, match: ReceiptMatch, posted: PostedInvoice) -> None:
        receipts = self.tables["GrnDetails"]
        row = receipts.get(*match.key)
        assert row is not None
        matched = _money(row["MatchedValue"]) + match.local_value
        changes: dict[str, Value] = {"MatchedValue": matched}
        if match.whole or matched >= _money(row["CurGrnValue"]):
            changes |= {
                "GrnMatchedFlag": "Y",
                "GrnMatchedYear": posted.year,
                "GrnMatchedMonth": posted.month,
            }
        receipts.update(match.key, changes)


def _ap_invoice(posted: PostedInvoice) -> dict[str, Value]:
    entry = posted.entry
    return {
        "Supplier": entry.supplier,
        "Invoice": entry.invoice,
        "InvoiceDate": entry.invoice_date,
        "DueDate": entry.due_date,
        "DiscountDate": entry.discount_date,
        "JournalDate": posted.posted_at.date(),
        "Journal": posted.journal,
        "EntryNumber": posted.entry_number,
        "NextPaymEntry": 1,
        "InvoiceYear": posted.year,
        "InvoiceMonth": posted.month,
        "Branch": entry.branch,
        "Bank": "1",
        "Reference": entry.reference[:30],
        "Currency": entry.currency,
        "PostCurrency": entry.currency,
        "OrigInvValue": entry.value,
        "CurrencyValue": entry.value,
        "MthInvBal1": entry.value,
        "InvoiceStatus": "0",
        "ExchangeRate": entry.rate,
        "ConvRate": entry.rate,
        "MulDiv": entry.multiply_or_divide,
        "FixExchangeRate": "N",
        "FirstTaxCode": entry.tax_code,
    }


def _gl_lines(entry: ApEntry, journal: int) -> list[GlLine]:
    """Debits of the distribution and the credit of AP control, which takes all rounding."""
    origin = {"supplier": entry.supplier, "invoice": entry.invoice}
    lines = [
        GlLine(
            gl_code=part.gl_code,
            value=part.local_value,
            reference=entry.invoice,
            comment=part.notation or entry.notation,
            currency_value=part.value,
            currency=entry.currency or LOCAL_CURRENCY,
            sub_journal=journal,
            **origin,
        )
        for part in entry.distributions
    ]
    total = sum((line.value for line in lines), Decimal(0))
    control = GlLine(
        gl_code=AP_CONTROL_GL,
        value=-total,
        reference=entry.invoice,
        comment=" ".join(filter(None, (entry.notation, entry.journal_notation))),
        currency_value=-entry.value,
        currency=entry.currency,
        sub_journal=journal,
        **origin,
    )
    return [*lines, control]


def _money(value: Value) -> Decimal:
    assert isinstance(value, Decimal)
    return value
