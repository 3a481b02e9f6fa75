"""An approved invoice and the AP document it becomes, in the terms both systems share.

Belongs here: the shapes only. The rules that turn one into the other are in `domain.planning`.
Amounts are in invoice currency unless the name says otherwise.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

JOURNAL = "journal"


@dataclass(frozen=True)
class CodingRow:
    """One coding row as Basware approved it (Basware wire notes 5, StandardCodingEntity)."""

    key: str
    account_code: str
    account_name: str
    cost_center: str
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None
    tax_code: str
    order_number: str
    order_line: str
    receipt_number: str
    matched_quantity: Decimal | None
    note: str
    # (name, code) of every dimension that is filled, such as ("dim1", "NORTH") or ("project", "P-7")
    dimensions: tuple[tuple[str, str], ...] = ()
    # tax that is no part of what is paid (reverse charge, partly deductible)
    tax2: Decimal | None = None
    net_company: Decimal | None = None
    tax_company: Decimal | None = None
    gross_company: Decimal | None = None
    # Basware's code for freight-like costs; None for any other row
    cost_type: int | None = None

    def negated(self) -> "CodingRow":
        """The same row with every amount on the other side; quantities keep their sign."""
        return replace(
            self,
            net=_minus(self.net),
            tax=_minus(self.tax),
            gross=_minus(self.gross),
            tax2=_minus(self.tax2),
            net_company=_minus(self.net_company),
            tax_company=_minus(self.tax_company),
            gross_company=_minus(self.gross_company),
        )


@dataclass(frozen=True)
class ApprovedInvoice:
    """A Basware invoice approved for transfer."""

    company: str
    invoice_id: str
    number: str
    supplier: str
    currency: str
    invoice_date: date | None
    due_date: date | None
    gross: Decimal | None
    net: Decimal | None
    tax: Decimal | None
    tax_code: str
    description: str
    rows: tuple[CodingRow, ...]
    type_code: str = ""
    voucher_date: date | None = None
    tax2: Decimal | None = None
    company_currency: str = ""
    gross_company: Decimal | None = None
    # of which direction Basware does not say
    exchange_rate: Decimal | None = None
    contract_number: str = ""
    reference_number: str = ""
    # which system Basware has the supplier from; "" where it does not say
    supplier_source: str = ""
    # texts in which characters were replaced when the invoice was read
    notes: tuple[str, ...] = ()

    @property
    def mapping_date(self) -> date | None:
        """The business date that the validity of a GL mapping is judged by: voucher date, else invoice date."""
        return self.voucher_date or self.invoice_date

    def negated(self) -> "ApprovedInvoice":
        """The same invoice with every amount on the other side."""
        return replace(
            self,
            rows=tuple(row.negated() for row in self.rows),
            gross=_minus(self.gross),
            net=_minus(self.net),
            tax=_minus(self.tax),
            tax2=_minus(self.tax2),
            gross_company=_minus(self.gross_company),
        )


def _minus(value: Decimal | None) -> Decimal | None:
    # Not -value, which would round to the precision of the context.
    return None if value is None else value.copy_negate()


def key_of_number(number: str) -> str:
    """What makes two invoice numbers the same to a person: neither case nor blanks count."""
    return "".join(number.split()).casefold()


@dataclass(frozen=True)
class Decisions:
    """What a person decided for one invoice alone. Void as soon as the invoice changes in Basware.

    `period` is the posting period to use in place of the rule's (C, P, B, or CCYY-MM in journal mode), `rounding`
    a difference between rows and gross that was accepted as it stands (in invoice currency). `stands_for` is the
    period, CCYY-MM, that the letter meant when it was chosen; "" where SYSPRO's periods could not be read.
    """

    period: str = ""
    rounding: Decimal | None = None
    stands_for: str = ""

    @classmethod
    def read(cls, text: str) -> "Decisions":
        """From the JSON text the store keeps."""
        kept = json.loads(text)
        rounding = kept.get("rounding")
        return cls(
            kept.get("period", ""),
            None if rounding is None else Decimal(rounding),
            kept.get("stands_for", ""),
        )

    @property
    def text(self) -> str:
        """As the store keeps it; "{}" where nothing was decided."""
        told = {
            "period": self.period,
            "rounding": None if self.rounding is None else str(self.rounding),
            "stands_for": self.stands_for,
        }
        return json.dumps({name: value for name, value in told.items() if value}, sort_keys=True)


@dataclass(frozen=True)
class LedgerRow:
    """One ledger distribution line; `tax_only` marks tax on the tax code's AP account."""

    ledger_code: str
    value: Decimal
    note: str
    tax_code: str = ""
    tax_only: bool = False


@dataclass(frozen=True)
class ReceiptRow:
    """One goods receipt this invoice is matched to; the five first fields are its SYSPRO key.

    `match` is O (whole outstanding value), U (whole quantity, own value) or P (part).
    """

    supplier: str
    receipt: str
    source: str
    journal: str
    entry: str
    match: str
    value: Decimal
    quantity: Decimal | None = None


@dataclass(frozen=True)
class Posting:
    """What will stand in SYSPRO: one AP document, or in journal mode one GL journal.

    rows + receipts + freight + tax_value = gross, to the minor unit; under tax basis I the rows contain the tax and
    `tax_value` only tells it. Amounts are signed as the supplier's claim: a credit note is negative, whatever its
    `kind`; `sign` is what turns them into those of the document. A journal is in local currency, as are then
    `gross` and `currency`.
    """

    supplier: str
    # The invoice in SYSPRO: for a credit note of kind C the invoice it lowers.
    number: str
    kind: str
    gross: Decimal
    currency: str
    foreign: bool
    invoice_date: date
    due_date: date | None
    reference: str
    notation: str
    rows: tuple[LedgerRow, ...]
    receipts: tuple[ReceiptRow, ...]
    tax_value: Decimal | None = None
    tax_code: str = ""
    tax_basis: str = "E"
    tax_variance: Decimal = Decimal(0)
    # C, P or B of the AP side; in journal mode CCYY-MM, or "" for SYSPRO's current period
    period: str = "C"
    # What `period` stands for where it was worked out: (year, number)
    ledger_period: tuple[int, int] | None = None
    remarks: tuple[str, ...] = ()
    mode: str = "ap"
    # The supplier's own number for this document; "" where it is `number`
    own_number: str = ""
    journal_notation: str = ""
    sign: int = 1
    freight: Decimal = Decimal(0)
    exchange_rate: Decimal | None = None
    # The account a journal credits
    credit_account: str = ""

    @property
    def tax_contained(self) -> bool:
        """True where the rows contain the tax."""
        return self.tax_basis == "I"

    @property
    def number_key(self) -> str:
        """What two documents of a supplier must not share: the number without case and blanks.

        A credit note of kind C takes no number of its own in SYSPRO, so it never collides with the invoice it lowers.
        """
        if self.kind == "C":
            return f"credit:{key_of_number(self.own_number or self.number)}"
        return key_of_number(self.number)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what makes two documents the same: supplier, number, type, gross, currency, lines, period.

        Texts and dates do not count. A period worked out from a date counts as itself, so that the turn of the month,
        which makes a P of a C, leaves the fingerprint alone.
        """
        period = "{}-{:02d}".format(*self.ledger_period) if self.ledger_period else self.period
        parts = [self.mode, self.supplier, self.number, self.own_number, self.kind, str(self.sign)]
        parts += [str(self.gross), self.currency, str(self.tax_value or 0), self.tax_code, self.tax_basis]
        parts += [str(self.freight), str(self.exchange_rate or ""), period, self.credit_account]
        parts += [f"{row.ledger_code}|{row.value}|{row.tax_only}|{row.tax_code}" for row in self.rows]
        parts += [
            f"{row.supplier}|{row.receipt}|{row.source}|{row.journal}|{row.entry}|{row.match}|{row.value}|{row.quantity}"
            for row in self.receipts
        ]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
