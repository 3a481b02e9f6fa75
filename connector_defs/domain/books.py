"""What SYSPRO knows that a posting must agree with: the part of its books read for one batch of invoices."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

POSTABLE_ACCOUNT_TYPES = frozenset("ALCRE")
GL_CODE_ANALYSIS = "GL_CODE_ANALYSIS"


@dataclass(frozen=True)
class Supplier:
    """A SYSPRO supplier. `currency` is ISO 4217, or None where its SYSPRO key has no mapping."""

    code: str
    currency_key: str
    currency: str | None
    on_hold: bool
    receipts_required: bool
    # where SYSPRO books a freight charge; None where it was not asked for
    freight_account: str | None = None


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
    def refusal(self) -> tuple[str, str] | None:
        """Code and words of why nothing may be posted to it (SYSPRO wire notes 4.4); None where it may."""
        if self.on_hold:
            return "GL_CODE_ON_HOLD", "is on hold in SYSPRO"
        if self.control_account:
            return "GL_CODE_CONTROL", "is a control account"
        if self.account_type and self.account_type not in POSTABLE_ACCOUNT_TYPES:
            return "GL_CODE_TYPE", f"is of type {self.account_type}, not postable"
        if self.analysis_required:
            return GL_CODE_ANALYSIS, "demands GL analysis, which is not configured"
        return None


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
class ExchangeRate:
    """SYSPRO's buying rate of a currency: local = foreign x rate where `multiplies`, else foreign / rate."""

    rate: Decimal
    multiplies: bool
    fixed: bool


@dataclass(frozen=True)
class LedgerPeriod:
    """One period of the ledger: its last day and its status letter as stored."""

    year: int
    number: int
    ends: date
    status: str

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02d}"


@dataclass(frozen=True)
class PeriodControl:
    """The ledger's periods of this and the last year in order, and the current ones of AP and GL (year, number)."""

    ap_current: tuple[int, int]
    gl_current: tuple[int, int]
    periods: tuple[LedgerPeriod, ...]


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
    # SYSPRO currency key (blanks trimmed) -> buying rate; None where they cannot be read
    rates: dict[str, ExchangeRate] | None = field(default_factory=dict)
    # read anew for each batch, since a month end shifts it; None where not asked for or not readable
    periods: PeriodControl | None = None
    # (supplier, number) of invoices that stand in SYSPRO, among those that credit notes name
    ap_invoices: frozenset[tuple[str, str]] = frozenset()
    # GL code that only other companies have -> one of these companies
    codes_elsewhere: dict[str, str] = field(default_factory=dict)
    # suppliers whose code differs only by blanks, case or padding, for the review text
    supplier_neighbours: dict[str, list[str]] = field(default_factory=dict)
