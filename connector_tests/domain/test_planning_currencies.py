"""Exchange rates at entry, and journals in local currency."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.books import Books
from connector_defs.domain.invoices import ApprovedInvoice, LedgerRow
from connector_defs.domain.planning import PlanningRules
from connector_tests.domain.builders import (
    SUPPLIER,
    books,
    invoice,
    ledger_code,
    money,
    periods,
    planned,
    rates,
    refused,
    row,
    supplier,
)

BASWARE = PlanningRules(exchange_rate="basware")
JOURNAL = PlanningRules(mode="journal", journal_credit_account="22-CLEAR")


def dollars(rate: str = "0.900000", *, multiplies: bool = True, fixed: bool = False) -> Books:
    return books(
        suppliers={SUPPLIER: supplier(currency_key="$  ", currency="USD")},
        rates=rates(rate, multiplies=multiplies, fixed=fixed),
        periods=periods(),
    )


def bill(gross: str, company: str, stated: str | None, **fields: object) -> ApprovedInvoice:
    return invoice(
        row(net=gross, net_company=Decimal(company)),
        gross=gross,
        currency="USD",
        company_currency="EUR",
        gross_company=Decimal(company),
        exchange_rate=None if stated is None else Decimal(stated),
        **fields,
    )


def test_by_default_syspro_takes_its_own_rate() -> None:
    assert planned(bill("100.00", "90.00", "0.9"), dollars()).exchange_rate is None


@pytest.mark.parametrize(
    ("stated", "multiplies", "entered"),
    [
        ("0.9", True, "0.900000"),
        ("1.111111", True, "0.900000"),
        ("0.9", False, "1.111111"),
        ("1.111111", False, "1.111111"),
        (None, True, "0.900000"),
        (None, False, "1.111111"),
    ],
)
def test_the_company_amounts_tell_the_direction_of_the_rate(
    stated: str | None, multiplies: bool, entered: str
) -> None:
    known = dollars(multiplies=multiplies)
    assert planned(bill("100.00", "90.00", stated), known, BASWARE).exchange_rate == Decimal(entered)


def test_a_rate_of_one_needs_no_direction() -> None:
    assert planned(bill("100.00", "100.00", "1"), dollars(), BASWARE).exchange_rate == 1


def test_a_credit_note_has_the_rate_of_an_invoice() -> None:
    posting = planned(bill("-100.00", "-90.00", "0.9"), dollars(), BASWARE)
    assert posting.exchange_rate == Decimal("0.900000")


def test_a_fixed_rate_is_syspros_own_where_the_company_amounts_agree() -> None:
    posting = planned(bill("100.00", "90.00", None), dollars(fixed=True), BASWARE)
    assert posting.exchange_rate == Decimal("0.900000")


def test_a_local_invoice_has_no_rate() -> None:
    assert planned(invoice(), rules=BASWARE).exchange_rate is None


def test_company_amounts_in_yen_are_whole() -> None:
    known = replace(dollars("150.000000"), local_currency="JPY")
    one = replace(bill("100.01", "15002", "150"), company_currency="")
    assert planned(one, known, BASWARE).exchange_rate == 150


def test_zero_has_no_rate() -> None:
    one = replace(bill("0.00", "0.00", "0.9"), rows=(row("r1", "5.00"), row("r2", "-5.00")))
    posting = planned(one, dollars(), replace(BASWARE, zero_value="post"))
    assert posting.exchange_rate is None


@given(
    st.integers(1_000, 99_999_999),
    st.integers(50_000, 20_000_000),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_whatever_basware_computed_with_a_rate_is_entered_at_that_rate(
    cents: int, micros: int, multiplies: bool, turned: bool, told: bool
) -> None:
    factor, gross = Decimal(micros).scaleb(-6), Decimal(cents).scaleb(-2)
    company = (gross * factor).quantize(Decimal("0.01"))
    stated = (1 / factor if turned else factor).quantize(Decimal("0.000001"))
    one = bill(str(gross), str(company), str(stated) if told else None)
    rate = planned(one, dollars(multiplies=multiplies), BASWARE).exchange_rate
    assert rate is not None
    local = gross * rate if multiplies else gross / rate
    assert abs(local - company) <= Decimal("0.02") + company * Decimal("0.0001")


def test_a_rate_six_decimals_cannot_hold_is_not_entered() -> None:
    one = bill("18.80", "12379.06", None)
    assert refused(one, dollars(multiplies=False), BASWARE).code == "RATE_CONTRADICTS"


def test_company_amounts_of_a_local_invoice_are_the_invoices_own() -> None:
    one = invoice(gross_company=money("100.00"), company_currency="EUR")
    assert planned(one).gross == money("100.00")


class TestJournals:
    """A journal is in local currency and credits one account."""

    def test_a_local_invoice_is_posted_in_its_own_amounts(self) -> None:
        one = invoice(row(tax=money("21.00"), tax_code="A"), gross="121.00", number="N" * 40)
        posting = planned(one, books(periods=periods()), JOURNAL)
        assert (posting.mode, posting.credit_account) == ("journal", "22-CLEAR")
        assert (posting.gross, posting.currency, posting.foreign) == (money("121.00"), "EUR", False)
        assert posting.rows == (
            LedgerRow("40-4000", money("100.00"), "Paper"),
            LedgerRow("22-TAX", money("21.00"), "Tax", "A", tax_only=True),
        )
        assert posting.number == "N" * 40

    def test_of_a_foreign_invoice_the_company_amounts_are_posted(self) -> None:
        posting = planned(bill("100.00", "90.00", "0.9"), dollars(), JOURNAL)
        assert (posting.gross, posting.currency) == (money("90.00"), "EUR")
        assert [line.value for line in posting.rows] == [money("90.00")]
        assert posting.exchange_rate is None

    def test_company_amounts_that_do_not_add_up_go_to_review(self) -> None:
        one = replace(bill("100.00", "90.00", "0.9"), gross_company=money("90.01"))
        assert refused(one, dollars(), JOURNAL).code == "UNBALANCED"

    def test_a_credit_note_turns_the_journal(self) -> None:
        rules = replace(JOURNAL, credit_note_types=frozenset({"CRN"}), credit_notes="credit_type")
        posting = planned(invoice(type_code="CRN"), books(periods=periods()), rules)
        assert (posting.kind, posting.gross) == ("I", money("-100.00"))

    @pytest.mark.parametrize("account", ["22-CLEAR", "22-TAX"])
    def test_accounts_of_the_journal_are_checked_like_any_other(self, account: str) -> None:
        known = books(periods=periods())
        codes = {**known.ledger_codes, account: ledger_code(account, on_hold=True)}
        one = invoice(row(tax=money("21.00"), tax_code="A"), gross="121.00")
        assert refused(one, replace(known, ledger_codes=codes), JOURNAL).code == "GL_CODE_ON_HOLD"

    def test_tax_that_comes_to_nothing_needs_no_account(self) -> None:
        rows = (
            row("r1", tax=money("5.00"), tax_code="X"),
            row("r2", tax=money("-5.00"), tax_code="X"),
        )
        posting = planned(invoice(*rows, gross="200.00"), books(periods=periods()), JOURNAL)
        assert len(posting.rows) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"on_hold": True}, "GL_CODE_ON_HOLD"),
        ({"control_account": True}, "GL_CODE_CONTROL"),
        ({"analysis_required": True}, "GL_CODE_ANALYSIS"),
        ({"account_type": "S"}, "GL_CODE_TYPE"),
        ({"account_type": "T"}, "GL_CODE_TYPE"),
    ],
)
def test_h15_a_gl_code_that_must_not_be_posted_to_goes_to_review_naming_the_rule(
    changes: dict[str, object], code: str
) -> None:
    assert refused(invoice(), books(ledger_codes={"40-4000": ledger_code(**changes)})).code == code


def test_h15_a_gl_code_of_another_company_goes_to_review() -> None:
    known = books(ledger_codes={}, codes_elsewhere={"40-4000": "M2"})
    assert refused(invoice(), known).code == "GL_CODE_COMPANY"


def test_h15_required_analysis_may_be_left_out_by_setting() -> None:
    known = books(ledger_codes={"40-4000": ledger_code(analysis_required=True)})
    assert planned(invoice(), known, PlanningRules(ignore_analysis=True)).rows[0].ledger_code == "40-4000"
