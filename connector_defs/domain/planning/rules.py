"""What the site decided in its settings about how invoices become documents."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True)
class PlanningRules:
    """One company's choices; connector.example.toml says what each means to a site."""

    # Basware's names of the systems whose supplier codes are SYSPRO's
    supplier_sources: frozenset[str] = frozenset()
    rounding_tolerance: Decimal = Decimal("0.01")
    rounding_account: str | None = None
    posting_period: str = "C"
    period_rule: Literal["fixed", "invoice_date", "voucher_date"] = "fixed"
    closed_status: str = "C"
    credit_notes: Literal["negative_invoice", "credit_type"] = "negative_invoice"
    credit_note_types: frozenset[str] = frozenset()
    credit_original: Literal["contractNumber", "referenceNumber", "description"] = "referenceNumber"
    credit_without_original: Literal["review", "negative_invoice"] = "review"
    credit_type_sign: Literal["positive", "negative"] = "positive"
    zero_value: Literal["review", "post"] = "review"
    exchange_rate: Literal["syspro", "basware"] = "syspro"
    tax_basis: Literal["E", "I"] = "E"
    tax_variance: Decimal = Decimal(0)
    # Basware tax code -> SYSPRO tax code; a code that is not listed stands for itself
    tax_codes: dict[str, str] = field(default_factory=dict)
    reverse_charge: Literal["review", "tax_code"] = "review"
    merge_rows: bool = False
    order_matching: Literal["review", "receipts", "ledger"] = "review"
    freight_charge_types: frozenset[int] = frozenset()
    long_numbers: Literal["review", "tail", "hash"] = "review"
    ignore_analysis: bool = False
    mode: Literal["ap", "journal"] = "ap"
    journal_credit_account: str | None = None

    @property
    def journal(self) -> bool:
        """True where the company posts journals in place of AP invoices."""
        return self.mode == "journal"

    @property
    def reads_periods(self) -> bool:
        """True where a document's period follows from SYSPRO's own period control."""
        return self.journal or self.period_rule != "fixed"
