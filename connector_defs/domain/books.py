"""What SYSPRO knows that a posting must agree with: the part of its books read for one batch of invoices."""

from dataclasses import dataclass, field
from decimal import Decimal

POSTABLE_ACCOUNT_TYPES = frozenset("ALCRE")


@dataclass(frozen=True)
class Supplier:
    """A SYSPRO supplier. `currency` is ISO 4217, or None where its SYSPRO key has no mapping."""

    code: str
    currency_key: str
    currency: str | None
    on_hold: bool
    receipts_required: bool


@dataclass(frozen=True)
class LedgerCode:
    """A GL code. `account_type` blank where SYSPRO does not tell it."""

    code: str
    account_type: str
    on_hold: bool
    control_account: bool
    analysis_required: bool
    description: str = ""

    @property
    def flaw(self) -> str:
        """Why nothing may be posted to it (SYSPRO wire notes 4.4), for people; "" where it may."""
        if self.on_hold:
            return "is on hold in SYSPRO"
        if self.control_account:
            return "is a control account"
        if self.account_type and self.account_type not in POSTABLE_ACCOUNT_TYPES:
            return f"is of type {self.account_type}, not postable"
        return "demands GL analysis, which is not configured" if self.analysis_required else ""


@dataclass(frozen=True)
class GoodsReceipt:
    """A receipt with what is still unmatched: value in the supplier's currency, quantity in order units."""

    supplier: str
    receipt: str
    source: str
    journal: str
    entry: str
    order_number: str
    order_line: str
    quantity: Decimal
    outstanding: Decimal | None
    fully_matched: bool


@dataclass(frozen=True)
class Books:
    """Read once for a batch; absent keys do not exist in SYSPRO."""

    suppliers: dict[str, Supplier] = field(default_factory=dict)
    ledger_codes: dict[str, LedgerCode] = field(default_factory=dict)
    # tax code (blanks trimmed) -> its AP tax account, "" where SYSPRO has none; None where they cannot be read
    tax_accounts: dict[str, str] | None = field(default_factory=dict)
    # None where goods receipts cannot be read
    receipts: tuple[GoodsReceipt, ...] | None = ()
    local_currency: str | None = None
    # suppliers whose code differs only by blanks, case or padding, for the review text
    supplier_neighbours: dict[str, list[str]] = field(default_factory=dict)
