"""Every reason that keeps an invoice from being posted, with its code, its text and its remedy."""

import ast
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain import planning
from connector_defs.domain.books import GL_CODE_ANALYSIS, Books
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow, Decisions
from connector_defs.domain.planning import PlanningRules, Refusal, plan
from connector_defs.domain.planning.periods import PERIOD_CLOSED
from connector_tests.domain.builders import (
    MAPPING,
    RULES,
    SUPPLIER,
    books,
    invoice,
    ledger_code,
    matched,
    money,
    periods,
    rates,
    receipt,
    refused,
    row,
    supplier,
)

ROUNDING = PlanningRules(rounding_account="90-9999")
JOURNAL = PlanningRules(mode="journal", journal_credit_account="22-CLEAR")
BASWARE_RATE = PlanningRules(exchange_rate="basware")
BY_DATE = PlanningRules(period_rule="invoice_date")
DOLLARS = books(suppliers={SUPPLIER: supplier(currency_key="$", currency="USD")}, rates=rates())


def in_dollars(**changes: Any) -> ApprovedInvoice:
    """An invoice in foreign currency with company amounts in EUR."""
    usual = {
        "currency": "USD",
        "company_currency": "EUR",
        "gross_company": money("90.00"),
        "exchange_rate": money("0.9"),
    }
    return invoice(row(net_company=money("90.00")), **{**usual, **changes})


def without_coding() -> ApprovedInvoice:
    return ApprovedInvoice(**{**vars(invoice()), "rows": ()})


def codes(**changes: object) -> Books:
    return books(ledger_codes={"40-4000": ledger_code(**changes)})


def ordered(key: str = "r1", net: str = "100.00", **changes: Any) -> CodingRow:
    """A row matched to an order line that names no receipt."""
    return row(key, net, **{"order_number": "000042", "order_line": "1", **changes})


FIND = PlanningRules(order_matching="receipts")
TWO_RECEIPTS = books(receipts=(receipt("000777", "60.00"), receipt("000778", "30.00", entry="4")))

CASES: dict[str, list[tuple[ApprovedInvoice, Books, PlanningRules, str]]] = {
    "NO_CODING": [(without_coding(), books(), RULES, "no coding rows")],
    "AMOUNT_MISSING": [
        (invoice(gross=None), books(), RULES, "no gross sum"),
        (invoice(row(net=None)), books(), RULES, "row r1 has neither net nor gross total"),
    ],
    "AMOUNT_INVALID": [
        (invoice(gross="100.001"), books(), RULES, "gross sum: 100.001 has more than 2 decimals"),
        (invoice(row(net="33.333")), books(), RULES, "net total of row r1: 33.333 has more than 2 decimals"),
        (
            invoice(row(net=None, gross=money("0.001"))),
            books(),
            RULES,
            "gross total of row r1: 0.001 has more than 2 decimals",
        ),
        (invoice(row(tax=money("0.001"))), books(), RULES, "tax of row r1: 0.001 has more than 2 decimals"),
        (invoice(tax=money("0.001")), books(), RULES, "tax sum: 0.001 has more than 2 decimals"),
        (invoice(gross="NaN"), books(), RULES, "NaN is not an amount"),
        (invoice(gross="1E+20"), books(), RULES, "larger than the ledger can hold"),
        (invoice(gross="12.5", currency="JPY"), books(), RULES, "0 decimals, which JPY does not know"),
    ],
    "ZERO_VALUE": [(invoice(row(net="0"), gross="-0.00"), books(), RULES, "amounts to zero")],
    "UNBALANCED": [
        (invoice(gross="100.01"), books(), RULES, "make 100.00 EUR, the gross sum is 100.01: off by 0.01"),
        (invoice(gross="100.02"), books(), ROUNDING, "off by 0.02"),
        (invoice(gross="99.98"), books(), ROUNDING, "off by -0.02"),
        (invoice(row(tax=money("21.00"), tax_code="A")), books(), RULES, "make 121.00 EUR"),
    ],
    "SUPPLIER_UNKNOWN": [
        (invoice(supplier="123"), books(), RULES, "supplier '123' is not in SYSPRO"),
        (
            invoice(supplier="123"),
            books(supplier_neighbours={"123": ["0000123", " 123"]}),
            RULES,
            "SYSPRO has '0000123', ' 123', which is not taken for it",
        ),
    ],
    "SUPPLIER_OTHER_SOURCE": [
        (
            invoice(supplier_source="OTHER ERP"),
            books(),
            replace(RULES, supplier_sources=frozenset({"SYSPRO"})),
            "supplier '0000123' is one of source system 'OTHER ERP' in Basware, not of SYSPRO",
        )
    ],
    "SUPPLIER_ON_HOLD": [
        (invoice(), books(suppliers={SUPPLIER: supplier(on_hold=True)}), RULES, "'0000123' is on hold")
    ],
    "CURRENCY_UNMAPPED": [
        (
            invoice(),
            books(suppliers={SUPPLIER: supplier(currency_key="?", currency=None)}),
            RULES,
            "currency key '?' of supplier '0000123' has no ISO code",
        )
    ],
    "CURRENCY_MISMATCH": [
        (invoice(currency="USD"), books(), RULES, "in USD, supplier '0000123' is kept in EUR")
    ],
    "NUMBER_MISSING": [(invoice(number="  "), books(), RULES, "no invoice number")],
    "NUMBER_TOO_LONG": [(invoice(number="N" * 21), books(), RULES, "has 21 characters, SYSPRO takes 20")],
    "NUMBER_CHARACTERS": [
        (invoice(number=number), books(), RULES, "characters SYSPRO cannot hold")
        for number in ("INV-Ω", "INV\u0000", "Łódź-1", "A  B")
    ],
    "DATE_MISSING": [
        (invoice(invoice_date=None), books(), RULES, "no invoice date"),
        (
            invoice(),
            books(periods=periods()),
            PlanningRules(period_rule="voucher_date"),
            "has no voucher date, which its posting period follows from",
        ),
    ],
    "DATE_ORDER": [
        (
            invoice(due_date=date(2026, 1, 14)),
            books(),
            RULES,
            "due date 2026-01-14 is before invoice date 2026-01-15",
        )
    ],
    "NO_ACCOUNT": [(invoice(row(account_code="")), books(), RULES, "row r1 has no account code")],
    "RECEIPT_REQUIRED": [
        (
            invoice(),
            books(suppliers={SUPPLIER: supplier(receipts_required=True)}),
            RULES,
            "requires goods-receipt matching, and no row names a receipt",
        )
    ],
    "RECEIPT_TWICE": [
        (
            invoice(*(matched(key, "50.00", matched_quantity=Decimal(5)) for key in ("r1", "r2"))),
            books(),
            RULES,
            "two rows are matched to the same goods receipt",
        )
    ],
    "MATCH_AMBIGUOUS": [
        (invoice(matched(order_number="000042;000043")), books(), RULES, "names more than one"),
        (invoice(matched(order_line="1,2")), books(), RULES, "order line '1,2' names more than one"),
        (invoice(matched(order_line="1|2")), books(), RULES, "names more than one"),
        (invoice(ordered(order_line="1 2")), books(), RULES, "order line '1 2' names more than one"),
        (invoice(ordered(order_line="0001/0002")), books(), RULES, "names more than one"),
        (invoice(ordered(order_number="000042\n000043")), books(), RULES, "names more than one"),
        (invoice(ordered(order_number="000042 000043 000044 000045")), books(), RULES, "names more than one"),
    ],
    "RECEIPTS_UNREADABLE": [
        (invoice(matched()), books(receipts=None), RULES, "cannot be read"),
    ],
    "RECEIPT_UNKNOWN": [
        (
            invoice(matched(receipt="000778")),
            books(),
            RULES,
            "goods receipt '000778' of order '000042' line '1'",
        ),
        (invoice(matched(order_number="000043")), books(), RULES, "is not in SYSPRO"),
        (invoice(matched(order_line="2")), books(), RULES, "is not in SYSPRO"),
        (invoice(matched()), books(receipts=(receipt(supplier="other"),)), RULES, "is not in SYSPRO"),
    ],
    "RECEIPT_AMBIGUOUS": [
        (invoice(matched()), books(receipts=(receipt(), receipt(entry="4"))), RULES, "in SYSPRO 2 times")
    ],
    "RECEIPT_MATCHED": [
        (invoice(matched()), books(receipts=(receipt(fully_matched=True),)), RULES, "already matched"),
        (invoice(matched()), books(receipts=(receipt(outstanding="0.00"),)), RULES, "already matched"),
    ],
    "RECEIPT_VALUE": [
        (invoice(matched()), books(receipts=(receipt(outstanding=None),)), RULES, "open value cannot be told")
    ],
    "GL_CODE_UNKNOWN": [
        (invoice(), books(ledger_codes={}), RULES, "GL code '40-4000' is not in SYSPRO"),
        (
            invoice(gross="100.01"),
            books(ledger_codes={"40-4000": ledger_code()}),
            ROUNDING,
            "GL code '90-9999' is not in SYSPRO",
        ),
    ],
    "GL_CODE_ON_HOLD": [(invoice(), codes(on_hold=True), RULES, "'40-4000' is on hold")],
    "GL_CODE_CONTROL": [(invoice(), codes(control_account=True), RULES, "'40-4000' is a control account")],
    "GL_CODE_TYPE": [(invoice(), codes(account_type="H"), RULES, "is of type H, not postable")],
    "GL_CODE_ANALYSIS": [(invoice(), codes(analysis_required=True), RULES, "demands GL analysis")],
    "TAX_CODE_UNKNOWN": [
        (
            invoice(row(tax=money("21.00"), tax_code="Z"), gross="121.00"),
            books(),
            RULES,
            "tax code 'Z' is not in SYSPRO",
        )
    ],
    "AMOUNT_DECIMALS": [
        (
            invoice(row(net="1.234"), gross="1.234", currency="KWD"),
            books(suppliers={SUPPLIER: supplier(currency="KWD")}),
            RULES,
            "1.234 KWD has three decimals, of which SYSPRO keeps two",
        )
    ],
    "REVERSE_CHARGE": [
        (invoice(row(tax2=money("21.00"))), books(), RULES, "21.00 EUR of tax that is no part"),
        (invoice(tax2=money("3.00")), books(), RULES, "3.00 EUR of tax"),
    ],
    "COMPANY_AMOUNTS": [
        (
            invoice(company_currency="EUR", gross_company=money("100.01")),
            books(),
            RULES,
            "100.00 EUR and 100.01 in the same currency",
        ),
        (invoice(gross_company=money("99.00")), books(), RULES, "in the same currency"),
        (
            replace(in_dollars(), rows=(row(),)),
            replace(DOLLARS, periods=periods()),
            JOURNAL,
            "row r1 has no amounts in company currency",
        ),
        (
            replace(in_dollars(), rows=(row(net_company=money("90.00"), tax=money("1.00")),)),
            replace(DOLLARS, periods=periods()),
            JOURNAL,
            "row r1 has no amounts in company currency",
        ),
    ],
    "DATE_IMPLAUSIBLE": [
        (invoice(invoice_date=date(1, 1, 1)), books(), RULES, "invoice date 0001-01-01"),
        (invoice(due_date=date(9999, 12, 31)), books(), RULES, "due date 9999-12-31"),
        (invoice(voucher_date=date(2101, 1, 1)), books(), RULES, "voucher date 2101-01-01"),
    ],
    "RECEIPT_NOT_NAMED": [
        (invoice(ordered()), books(), RULES, "SYSPRO waits for the invoice of 000777 (100.00)"),
        (invoice(ordered()), TWO_RECEIPTS, FIND, "000777 (60.00), 000778 (30.00)"),
    ],
    "RECEIPT_QUANTITY": [
        (invoice(matched(net="99.00"), gross="99.00"), books(), RULES, "over 99.00 and tells no quantity"),
        (
            invoice(matched(net="99.00", matched_quantity=Decimal(0)), gross="99.00"),
            books(),
            RULES,
            "whether the rest of the receipt stays open",
        ),
    ],
    "RECEIPT_SIGN": [
        (invoice(matched(net="-100.00"), gross="-100.00"), books(), RULES, "the row is over -100.00")
    ],
    "FREIGHT_ACCOUNT": [
        (
            invoice(row(cost_type=1)),
            books(),
            PlanningRules(freight_charge_types=frozenset({1})),
            "has no freight GL code",
        )
    ],
    "GL_CODE_COMPANY": [
        (
            invoice(),
            books(ledger_codes={}, codes_elsewhere={"40-4000": "M2"}),
            RULES,
            "belongs to company 'M2' in SYSPRO",
        )
    ],
    "TAX_NOT_IN_ROWS": [
        (
            invoice(row("r1"), row("r2"), gross="242.00", tax=money("42.00"), tax_code="A"),
            books(),
            PlanningRules(tax_basis="I"),
            "the tax is told for the invoice alone",
        )
    ],
    "TAX_ACCOUNT_MISSING": [
        (
            invoice(row(tax=money("21.00"), tax_code="X"), gross="121.00"),
            books(periods=periods()),
            JOURNAL,
            "tax code 'X' has no AP tax account, which a journal needs",
        )
    ],
    "CREDIT_ORIGINAL": [
        (
            invoice(row(net="-100.00"), gross="-100.00"),
            books(),
            PlanningRules(credit_notes="credit_type"),
            "names no invoice",
        ),
        (
            invoice(row(net="-100.00"), gross="-100.00", reference_number="INV-1000"),
            books(),
            PlanningRules(credit_notes="credit_type"),
            "names invoice 'INV-1000', which SYSPRO does not hold",
        ),
    ],
    "RATE_UNREADABLE": [
        (in_dollars(), replace(DOLLARS, rates=None), BASWARE_RATE, "'$' cannot be read"),
        (in_dollars(), replace(DOLLARS, rates={}), BASWARE_RATE, "'$' cannot be read"),
    ],
    "RATE_UNVERIFIED": [
        (in_dollars(gross_company=None), DOLLARS, BASWARE_RATE, "no gross sum in company currency")
    ],
    "RATE_CONTRADICTS": [
        (
            in_dollars(exchange_rate=money("1.2")),
            DOLLARS,
            BASWARE_RATE,
            "exchange rate 1.2 does not make 90.00",
        ),
        (in_dollars(exchange_rate=money("0")), DOLLARS, BASWARE_RATE, "exchange rate 0 does not make"),
        (
            in_dollars(exchange_rate=None, gross_company=money("-90.00")),
            DOLLARS,
            BASWARE_RATE,
            "no exchange rate does not make -90.00",
        ),
        (
            in_dollars(exchange_rate=None, gross_company=money("0.00")),
            DOLLARS,
            BASWARE_RATE,
            "no exchange rate does not make 0.00",
        ),
    ],
    "RATE_FIXED": [
        (
            in_dollars(gross_company=money("91.00")),
            replace(DOLLARS, rates=rates(fixed=True)),
            BASWARE_RATE,
            "USD has the fixed rate 0.900000 in SYSPRO, which does not make 91.00 of 100.00",
        )
    ],
    "COMPANY_CURRENCY": [
        (in_dollars(company_currency="GBP"), DOLLARS, BASWARE_RATE, "are in GBP, SYSPRO's ledger in EUR"),
        (
            in_dollars(company_currency=""),
            replace(DOLLARS, local_currency=None),
            BASWARE_RATE,
            "SYSPRO's ledger in a currency that cannot be told",
        ),
        (
            in_dollars(gross_company=None),
            replace(DOLLARS, periods=periods()),
            JOURNAL,
            "a journal is in EUR, and the invoice is in USD",
        ),
    ],
    "LOCAL_CURRENCY": [
        (invoice(), books(local_currency=None), JOURNAL, "SYSPRO's local currency cannot be told")
    ],
    "JOURNAL_ACCOUNT": [
        (invoice(), books(), PlanningRules(mode="journal"), "no account is set that they credit")
    ],
    "JOURNAL_RECEIPT": [
        (invoice(matched()), books(), JOURNAL, "'000777', which a journal cannot clear"),
    ],
    "PERIOD_UNREADABLE": [
        (invoice(), books(), BY_DATE, "cannot be read"),
        (invoice(), books(), replace(JOURNAL, posting_period="P"), "cannot be read"),
        (
            invoice(),
            books(periods=replace(periods(), ap_current=(2031, 1))),
            BY_DATE,
            "the current period (2031, 1) is none of GenControl's",
        ),
    ],
    PERIOD_CLOSED: [
        (
            invoice(invoice_date=date(2025, 12, 3)),
            books(periods=periods()),
            BY_DATE,
            "the period of invoice date 2025-12-03 is closed; open: C (2026-02), P (2026-01)",
        ),
        (
            invoice(invoice_date=date(2026, 3, 1), due_date=None),
            books(periods=periods()),
            BY_DATE,
            "is in the future",
        ),
        (invoice(invoice_date=date(2025, 11, 30)), books(periods=periods()), BY_DATE, "is too long ago"),
        (
            invoice(invoice_date=date(2024, 12, 31)),
            books(periods=periods()),
            BY_DATE,
            "is none of SYSPRO's open ones",
        ),
        (
            invoice(invoice_date=date(2027, 1, 1), due_date=None),
            books(periods=periods()),
            BY_DATE,
            "is none of SYSPRO's open ones",
        ),
    ],
    "TAX_CODES_MIXED": [
        (
            invoice(
                row("r1", tax=money("21.00"), tax_code="X"),
                row("r2", tax=money("6.00"), tax_code=other),
                gross="227.00",
            ),
            books(),
            RULES,
            f"tax codes 'X' and '{other}' have no AP tax account",
        )
        for other in ("Y", "")
    ],
}


@pytest.mark.parametrize(
    ("code", "case"), [pytest.param(code, case, id=code) for code, cases in CASES.items() for case in cases]
)
def test_an_invoice_that_cannot_be_posted_is_refused_with_its_reason_and_a_remedy(
    code: str, case: tuple[ApprovedInvoice, Books, PlanningRules, str]
) -> None:
    one, known, rules, reason = case
    refusal = refused(one, known, rules)
    assert refusal.code == code
    assert reason in refusal.reason
    assert len(refusal.remedy) > 15


@pytest.mark.parametrize(
    ("rules", "chosen", "forms"),
    [(BY_DATE, "2026/01", "C, P, B or CCYY-MM"), (JOURNAL, "X", "CCYY-MM"), (RULES, "2026-01", "C, P or B")],
    ids=["by date", "journal", "fixed"],
)
def test_a_period_that_is_none_is_refused(rules: PlanningRules, chosen: str, forms: str) -> None:
    outcome = plan(invoice(), MAPPING, books(periods=periods()), rules, Decisions(period=chosen))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "PERIOD_INVALID"
    assert outcome.reason.startswith(f"{chosen!r} is no period")
    assert forms in outcome.reason


def test_every_refusal_of_planning_is_tried_here() -> None:
    raised = {
        call.args[0].value if isinstance(call.args[0], ast.Constant) else call.args[0].id
        for room in Path(planning.__path__[0]).glob("*.py")
        for call in ast.walk(ast.parse(room.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Refused"
    }
    of_ledger_codes = {code for code in CASES if code.startswith("GL_CODE_")} - raised
    assert of_ledger_codes == {"GL_CODE_ON_HOLD", "GL_CODE_CONTROL", "GL_CODE_TYPE", GL_CODE_ANALYSIS}
    named = {"PERIOD_CLOSED": PERIOD_CLOSED, "reason": ""}
    assert {named.get(code, code) for code in raised} - {""} == {*CASES, "PERIOD_INVALID"} - of_ledger_codes


def test_without_a_rounding_account_no_difference_is_tolerated() -> None:
    rules = PlanningRules(rounding_tolerance=Decimal(1))
    assert refused(invoice(gross="100.01"), rules=rules).code == "UNBALANCED"


def test_an_unknown_supplier_is_told_before_an_unmapped_account() -> None:
    outcome = plan(invoice(row(account_code="5000"), supplier="nobody"), MAPPING, books(), RULES)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "SUPPLIER_UNKNOWN"
