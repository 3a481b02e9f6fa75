"""How far an invoice is paid, from SYSPRO's rows: what is money, what it is worth, and what is not guessed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.errors import RecordRefused
from connector_defs.domain.payments import (
    PayableInvoice,
    PayableMove,
    PaymentRules,
    PaymentState,
    payment_state,
    rows_are_gone,
)

DAY = date(2026, 11, 20)
HUNDRED = PayableInvoice("USD", Decimal("100.00"), Decimal("100.00"), Decimal("100.00"), Decimal("100.00"))


def move(entry: int, posted: str, **changes: Any) -> PayableMove:
    plain = PayableMove(
        entry=entry,
        kind="P",
        value=Decimal(posted),
        posted=Decimal(posted),
        currency="USD",
        rate=Decimal(1),
        day=DAY,
        year=2026,
        month=11,
        journal=entry,
        number=f"{entry:05d}",
        reference=f"EFT {entry}",
    )
    return replace(plain, **changes)


def test_an_invoice_without_rows_is_not_paid() -> None:
    state = payment_state([], HUNDRED)
    assert state == PaymentState(Decimal(0), Decimal(0))
    assert state.nothing_paid


def test_rows_count_in_the_order_of_their_entries_however_they_come() -> None:
    state = payment_state([move(2, "-30.00", cheque="C2"), move(1, "-20.00", cheque="C1")], HUNDRED)
    assert (state.paid_total, state.number, state.check_number) == (Decimal("50.00"), "00002", "C2")
    assert (state.document, state.message, state.payment_date) == ("202611-00002", "EFT 2", DAY)


@pytest.mark.parametrize("kind", ["A", "C", "D", "R", "T"])
def test_what_settles_without_money_is_not_paid(kind: str) -> None:
    state = payment_state([move(1, "-10.00", kind=kind, number=""), move(2, "-90.00")], HUNDRED)
    assert (state.paid_total, state.cash_discount) == (Decimal("90.00"), Decimal("0.00"))


@pytest.mark.parametrize(("kind", "discount"), [("A", "2.00"), ("D", "2.00"), ("R", "0.00"), ("T", "0.00")])
def test_an_adjustment_under_the_number_of_a_payment_is_its_discount(kind: str, discount: str) -> None:
    state = payment_state([move(1, "-98.00"), move(2, "-2.00", kind=kind, number="00001")], HUNDRED)
    assert (state.paid_total, state.cash_discount) == (Decimal("98.00"), Decimal(discount))


def test_a_letter_of_its_own_makes_a_discount_whatever_its_number() -> None:
    rules = PaymentRules(discounts=frozenset({"X"}))
    state = payment_state([move(1, "-98.00"), move(2, "-2.00", kind="X")], HUNDRED, rules)
    assert (state.paid_total, state.cash_discount) == (Decimal("98.00"), Decimal("2.00"))


@pytest.mark.parametrize("kind", ["P", "V", ""])
def test_money_that_raises_what_is_open_takes_a_payment_back(kind: str) -> None:
    state = payment_state([move(1, "-100.00"), move(2, "100.00", kind=kind)], HUNDRED)
    assert (state.paid_total, state.document, state.reversal_document) == (
        Decimal("0.00"),
        "202611-00001",
        "202611-00002",
    )
    assert state.number == "00001"


def test_a_credit_note_is_settled_with_its_own_sign() -> None:
    credit = PayableInvoice("USD", Decimal("-40.00"), Decimal("-40.00"))
    state = payment_state([move(1, "40.00")], credit)
    assert (state.paid_total, state.reversal_document) == (Decimal("-40.00"), "")


def test_a_manual_cheque_of_the_invoice_counts_where_the_payment_has_none() -> None:
    invoice = replace(HUNDRED, manual_cheque="881", cheque_type="M")
    rules = PaymentRules(methods={"M": "CHEQUE"})
    state = payment_state([move(1, "-100.00")], invoice, rules)
    assert (state.check_number, state.method) == ("881", "CHEQUE")


def test_a_row_without_an_amount_says_nothing() -> None:
    assert payment_state([move(1, "0.00", kind="?", number="", currency=None)], HUNDRED).nothing_paid


@pytest.mark.parametrize(
    ("row", "invoice", "code"),
    [
        (move(1, "-10.00", kind="?", number=""), HUNDRED, "PAYMENT_TYPE_UNKNOWN"),
        (move(1, "10.00"), HUNDRED, "PAYMENT_SIGN"),
        (move(1, "-10.00", day=None), HUNDRED, "PAYMENT_DATE_MISSING"),
        (move(1, "-10.005"), HUNDRED, "PAYMENT_AMOUNT"),
        (move(1, "-10.00", currency="EUR"), HUNDRED, "PAYMENT_CURRENCY"),
        (move(1, "-10.00", currency=None), replace(HUNDRED, original=None), "PAYMENT_CURRENCY"),
        (move(1, "-10.00", currency="EUR"), replace(HUNDRED, open_value=None), "PAYMENT_CURRENCY"),
        (move(1, "-10.00", currency="EUR"), PayableInvoice("USD", Decimal(100)), "PAYMENT_CURRENCY"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_reason(
    row: PayableMove, invoice: PayableInvoice, code: str
) -> None:
    with pytest.raises(RecordRefused) as refused:
        payment_state([row], invoice)
    assert refused.value.code == code


def test_a_currency_that_is_not_named_is_the_one_of_the_invoices_value() -> None:
    assert payment_state([move(1, "-10.00", currency=None)], HUNDRED).paid_total == Decimal("10.00")


def test_another_currency_is_no_matter_where_the_open_amount_agrees() -> None:
    invoice = replace(HUNDRED, open_value=Decimal("90.00"))
    assert payment_state([move(1, "-10.00", currency="EUR")], invoice).paid_total == Decimal("10.00")


LOCAL = PayableInvoice("EUR", Decimal("100.00"), Decimal("110.00"), Decimal("100.00"), Decimal("0.00"))


@pytest.mark.parametrize("rate", ["1.1", "0.909091"])
def test_where_the_books_are_in_local_currency_the_transaction_value_is_the_invoices(rate: str) -> None:
    row = move(1, "-110.00", value=Decimal("-100.00"), rate=Decimal(rate))
    assert payment_state([row], LOCAL).paid_total == Decimal("100.00")


@pytest.mark.parametrize("rate", ["0", "1", "1.5"])
def test_unless_no_rate_leads_from_one_to_the_other(rate: str) -> None:
    row = move(1, "-110.00", value=Decimal("-100.00"), rate=Decimal(rate))
    with pytest.raises(RecordRefused, match="nothing shows what it is worth"):
        payment_state([row], LOCAL)


def test_fewer_rows_are_believed_only_where_the_open_amount_explains_them() -> None:
    assert rows_are_gone([], PayableInvoice("USD", Decimal(100)), 2)
    assert rows_are_gone([], replace(HUNDRED, open_value=Decimal(0)), 1)
    assert not rows_are_gone([], HUNDRED, 1)
    assert not rows_are_gone([move(1, "-5.00")], replace(HUNDRED, open_value=Decimal(0)), 1)


def test_a_state_comes_back_from_its_text_as_it_was() -> None:
    for rows in ([], [move(1, "-98.00", cheque="C1"), move(2, "-2.00", kind="A", number="00001")]):
        state = payment_state(rows, HUNDRED)
        assert PaymentState.of_text(state.as_text()) == state
        assert PaymentState.of_text(state.as_text()).digest == state.digest


@given(
    st.lists(st.tuples(st.decimals(-99, 99, places=2), st.sampled_from("PACDRT"), st.booleans()), max_size=8)
)
def test_money_and_discount_and_the_rest_are_all_that_was_posted(
    rows: list[tuple[Decimal, str, bool]],
) -> None:
    moves = [
        move(entry, format(value, "f"), kind=kind, number="00001" if numbered else "")
        for entry, (value, kind, numbered) in enumerate(rows, start=1)
    ]
    invoice = replace(HUNDRED, open_value=None)
    money = sum((one.posted for one in moves if one.kind == "P"), Decimal(0))
    if money > 0:
        with pytest.raises(RecordRefused, match="wrong side"):
            payment_state(moves, invoice)
        return
    state = payment_state(moves, invoice)
    numbered = any(one.kind == "P" and one.number and one.posted for one in moves)
    let_off = sum((one.posted for one in moves if one.kind in "AD" and one.number and numbered), Decimal(0))
    assert (state.paid_total, state.cash_discount) == (-money, -let_off)
