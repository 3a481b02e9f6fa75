"""An approved invoice and the AP document it becomes, in the terms both systems share.

Belongs here: the shapes only. The rules that turn one into the other are in `domain.planning`.
Amounts are in invoice currency unless the name says otherwise.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


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
    voucher_date: date | None = None

    @property
    def mapping_date(self) -> date | None:
        """The business date that the validity of a GL mapping is judged by: voucher date, else invoice date."""
        return self.voucher_date or self.invoice_date


@dataclass(frozen=True)
class Decisions:
    """What a person decided for one invoice alone. Void as soon as the invoice changes in Basware.

    `period` is the posting period to use in place of the rule's (C, P, B, or CCYY-MM in journal mode), `rounding`
    a difference between rows and gross that was accepted as it stands (in invoice currency).
    """

    period: str = ""
    rounding: Decimal | None = None

    @classmethod
    def read(cls, text: str) -> "Decisions":
        """From the JSON text the store keeps."""
        kept = json.loads(text)
        rounding = kept.get("rounding")
        return cls(kept.get("period", ""), None if rounding is None else Decimal(rounding))

    @property
    def text(self) -> str:
        """As the store keeps it; "{}" where nothing was decided."""
        told = {"period": self.period, "rounding": None if self.rounding is None else str(self.rounding)}
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
    """What will stand in SYSPRO: one AP document. rows + receipts + tax_value = gross, to the minor unit."""

    supplier: str
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
    # C, P or B
    period: str = "C"
    remarks: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what makes two documents the same: supplier, number, type, gross, currency, lines."""
        parts = [
            self.supplier,
            self.number,
            self.kind,
            str(self.gross),
            self.currency,
            str(self.tax_value or 0),
        ]
        parts += [f"{row.ledger_code}|{row.value}|{row.tax_only}" for row in self.rows]
        parts += [
            f"{row.receipt}|{row.source}|{row.journal}|{row.entry}|{row.value}" for row in self.receipts
        ]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
