"""Every reason that keeps an invoice from being posted, with its code, its text and its remedy."""

import ast
import inspect
from datetime import date
from decimal import Decimal

import pytest

from connector_defs.domain import planning
from connector_defs.domain.books import Books
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.planning import PlanningRules, Refusal, plan
from connector_tests.domain.builders import (
    MAPPING,
    RULES,
    SUPPLIER,
    books,
    invoice,
    ledger_code,
    matched,
    money,
    receipt,
    refused,
    row,
    supplier,
)

ROUNDING = PlanningRules(rounding_account="90-9999")


def without_coding() -> ApprovedInvoice:
    return ApprovedInvoice(**{**vars(invoice()), "rows": ()})


def codes(**changes: object) -> Books:
    return books(ledger_codes={"40-4000": ledger_code(**changes)})


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
    "DATE_MISSING": [(invoice(invoice_date=None), books(), RULES, "no invoice date")],
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
            invoice(matched("r1", "50.00"), matched("r2", "50.00")),
            books(),
            RULES,
            "two rows are matched to the same goods receipt",
        )
    ],
    "MATCH_AMBIGUOUS": [
        (invoice(matched(order_number="000042;000043")), books(), RULES, "names more than one"),
        (invoice(matched(order_line="1,2")), books(), RULES, "order line '1,2' names more than one"),
        (invoice(matched(order_line="1|2")), books(), RULES, "names more than one"),
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


def test_every_refusal_of_the_module_is_tried_here() -> None:
    raised = {
        call.args[0].value
        for call in ast.walk(ast.parse(inspect.getsource(planning)))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") == "_Refused"
        and isinstance(call.args[0], ast.Constant)
    }
    assert raised == set(CASES)


def test_without_a_rounding_account_no_difference_is_tolerated() -> None:
    rules = PlanningRules(rounding_tolerance=Decimal(1))
    assert refused(invoice(gross="100.01"), rules=rules).code == "UNBALANCED"


def test_an_unknown_supplier_is_told_before_an_unmapped_account() -> None:
    outcome = plan(invoice(row(account_code="5000"), supplier="nobody"), MAPPING, books(), RULES)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "SUPPLIER_UNKNOWN"
