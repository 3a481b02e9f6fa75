"""An invoice that can be posted, and the books it agrees with; tests change the one thing they are about."""

from calendar import monthrange
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connector_defs.domain.books import (
    Books,
    ExchangeRate,
    GoodsReceipt,
    LedgerCode,
    LedgerPeriod,
    PeriodControl,
    Supplier,
)
from connector_defs.domain.gl_mapping import ANY, MappingRule, MappingTable
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow, Decisions, Posting
from connector_defs.domain.planning import PlanningRules, Refusal, Unmapped, plan

SUPPLIER = "0000123"


def money(text: str) -> Decimal:
    return Decimal(text)


def row(key: str = "r1", net: str | None = "100.00", **changes: Any) -> CodingRow:
    plain = CodingRow(
        key=key,
        account_code="4000",
        account_name="Office supplies",
        cost_center="",
        net=None if net is None else Decimal(net),
        tax=None,
        gross=None,
        tax_code="",
        order_number="",
        order_line="",
        receipt_number="",
        matched_quantity=None,
        note="Paper",
    )
    return replace(plain, **changes)


def matched(key: str = "r1", net: str = "100.00", receipt: str = "000777", **changes: Any) -> CodingRow:
    """A coding row matched to a goods receipt."""
    return row(
        key, net, **{"order_number": "000042", "order_line": "1", "receipt_number": receipt, **changes}
    )


def invoice(*rows: CodingRow, gross: str | None = "100.00", **changes: Any) -> ApprovedInvoice:
    plain = ApprovedInvoice(
        company="M1",
        invoice_id="8b1f7c1e",
        number="INV-1001",
        supplier=SUPPLIER,
        currency="EUR",
        invoice_date=date(2026, 1, 15),
        due_date=date(2026, 2, 14),
        gross=None if gross is None else Decimal(gross),
        net=None,
        tax=None,
        tax_code="",
        description="Paper",
        rows=rows or (row(),),
    )
    return replace(plain, **changes)


def supplier(**changes: Any) -> Supplier:
    return replace(Supplier(SUPPLIER, "EUR", "EUR", False, False), **changes)


def ledger_code(code: str = "40-4000", **changes: Any) -> LedgerCode:
    return replace(LedgerCode(code, "E", False, False, False), **changes)


def receipt(number: str = "000777", outstanding: str | None = "100.00", **changes: Any) -> GoodsReceipt:
    plain = GoodsReceipt(
        supplier=SUPPLIER,
        receipt=number,
        source="P",
        journal="12",
        entry="3",
        order_number="000042",
        order_line="0001",
        quantity=Decimal(10),
        outstanding=None if outstanding is None else Decimal(outstanding),
        fully_matched=False,
    )
    return replace(plain, **changes)


def periods(open_months: tuple[int, ...] = (1, 2), *, current: tuple[int, int] = (2026, 2)) -> PeriodControl:
    """Calendar months of 2025 and 2026; of 2026 those in `open_months` are open, of 2025 none is."""
    months = [(year, month) for year in (2025, 2026) for month in range(1, 13)]
    return PeriodControl(
        ap_current=current,
        gl_current=current,
        periods=tuple(
            LedgerPeriod(
                year,
                month,
                date(year, month, monthrange(year, month)[1]),
                "O" if year == 2026 and month in open_months else "C",
            )
            for year, month in months
        ),
    )


def rates(rate: str = "0.900000", *, multiplies: bool = True, fixed: bool = False) -> dict[str, ExchangeRate]:
    """The buying rate of `$`."""
    return {"$": ExchangeRate(Decimal(rate), multiplies, fixed)}


def books(**changes: Any) -> Books:
    codes = [
        ledger_code(),
        ledger_code("90-9999"),
        ledger_code("22-TAX", account_type="L"),
        ledger_code("22-CLEAR", account_type="L"),
    ]
    plain = Books(
        suppliers={SUPPLIER: supplier()},
        ledger_codes={code.code: code for code in codes},
        tax_accounts={"A": "22-TAX", "B": "22-TAX", "X": "", "Y": ""},
        receipts=(receipt(),),
        local_currency="EUR",
    )
    return replace(plain, **changes)


def rule(
    account: str = "4000", gl_code: str = "40-4000", cost_center: str = ANY, **changes: Any
) -> MappingRule:
    plain = MappingRule(
        "M1", account, cost_center, gl_code, 1, "ann", "as agreed", datetime(2026, 1, 1, tzinfo=UTC)
    )
    return replace(plain, **changes)


MAPPING = MappingTable([rule()])
RULES = PlanningRules()


def planned(
    one: ApprovedInvoice,
    known: Books | None = None,
    rules: PlanningRules = RULES,
    mapping: MappingTable = MAPPING,
    decisions: Decisions = Decisions(),  # noqa: B008 - immutable
) -> Posting:
    outcome = plan(one, mapping, known or books(), rules, decisions)
    assert isinstance(outcome, Posting), outcome
    return outcome


def refused(one: ApprovedInvoice, known: Books | None = None, rules: PlanningRules = RULES) -> Refusal:
    outcome = plan(one, MAPPING, known or books(), rules)
    assert isinstance(outcome, Refusal), outcome
    return outcome


def unmapped(one: ApprovedInvoice, mapping: MappingTable = MAPPING) -> Unmapped:
    outcome = plan(one, mapping, books(), RULES)
    assert isinstance(outcome, Unmapped), outcome
    return outcome
