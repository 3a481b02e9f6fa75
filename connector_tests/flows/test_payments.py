"""Payments back to Basware: what changed in SYSPRO is told once, wholly, and never before the invoice is answered."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.domain.states import State
from connector_defs.store import payments as store
from connector_tests.flows.pair import (
    EURO_SUPPLIER,
    SUPPLIER,
    TODAY,
    Pair,
    assert_books_agree,
    invoice,
    open_pair,
)
from connector_tests.flows.payments_scene import (
    ALL_FIELDS,
    codes,
    paid,
    pay,
    post,
    responses,
    stored_numbers,
    take_back,
    tell,
    writes,
)


def test_f20_only_changes_are_sent_each_under_a_new_code_with_every_field(pair: Pair) -> None:
    (one,) = post(pair, "INV-1", paymentTermCode="30N", paymentMethod="WIRE")
    pay(pair, "INV-1", "50.00")
    assert tell(pair).told == 1
    again = tell(pair)
    assert (again.told, again.changed, writes(pair)) == (0, 0, 1)
    pay(pair, "INV-1", day=TODAY + timedelta(days=1))
    report = tell(pair, TODAY + timedelta(days=1))
    assert (report.told, report.confirmed, report.problems) == (1, 1, ())

    first, second = responses(pair, one)
    assert [each["externalCode"] for each in (first, second)] == codes(one, 1, 2)
    assert set(first) == set(second) == ALL_FIELDS
    assert [each["paidTotal"] for each in (first, second)] == [Decimal("50.00"), Decimal("108.25")]
    assert [each["paymentDate"] for each in (first, second)] == ["2026-11-20", "2026-11-21"]
    assert {each["success"] for each in (first, second)} == {True}
    assert (second["paymentTermCode"], second["paymentMethod"]) == ("30N", "WIRE")
    assert second["cashDiscount"] == 0
    assert second["paymentReversalDocument"] == ""
    assert re.fullmatch(r"202611-\d{5}", second["paymentDocument"])
    assert second["checkNumber"].startswith("CHQ")
    assert second["paymentNumber"] != first["paymentNumber"]
    assert pair.in_basware(one) == "Paid"
    assert_books_agree(pair)


def test_a_payment_that_a_reading_shows_twice_is_told_once(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "50.00")
    pair.faults.arm("doubled_row", times=1000, site="syspro.odata")
    assert tell(pair).told == 1
    assert [each["paidTotal"] for each in responses(pair, one)] == [Decimal("50.00")]


def test_what_a_person_changed_in_basware_is_not_overwritten_by_a_payment(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pair.sandbox.basware.change(
        one, {"paymentBlock": True, "paymentTermCode": "60N", "paymentMethod": "CARD"}
    )
    pay(pair, "INV-1")
    tell(pair)
    document = pair.sandbox.basware.documents[one]
    assert (document["paymentBlock"], document["paymentTermCode"], document["paymentMethod"]) == (
        True,
        "60N",
        "CARD",
    )


def test_a_payment_taken_back_lowers_the_total_and_a_new_one_raises_it_again(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    tell(pair)
    take_back(pair, "INV-1")
    tell(pair)
    pay(pair, "INV-1")
    tell(pair)
    first, back, last = responses(pair, one)
    assert paid(pair, one) == ["108.25", "0.00", "108.25"]
    assert back["paymentReversalDocument"] != back["paymentDocument"] == first["paymentDocument"]
    assert back["paymentDate"] == "2026-11-20"
    assert "taken back" in back["responseMessage"]
    assert last["paymentReversalDocument"] == ""
    assert last["paymentDocument"] != first["paymentDocument"]
    assert len({each["externalCode"] for each in (first, back, last)}) == 3


def test_several_payments_add_up_and_the_last_one_names_itself(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    for value in ("10.00", "20.00", "30.00"):
        pay(pair, "INV-1", value)
    tell(pair)
    assert paid(pair, one) == ["60.00"]
    assert responses(pair, one)[0]["paymentNumber"] == stored_numbers(pair)[-1]


def test_a_discount_stands_beside_the_money_and_a_cheque_has_its_number(pair: Pair) -> None:
    one, two = post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1", discount=Decimal("2.17"))
    pay(pair, "INV-2", cheque="000881")
    tell(pair)
    (first,), (second,) = responses(pair, one), responses(pair, two)
    assert (first["paidTotal"], first["cashDiscount"]) == (Decimal("106.08"), Decimal("2.17"))
    assert (second["checkNumber"], second["paidTotal"]) == ("000881", Decimal("108.25"))
    take_back(pair, "INV-1")
    tell(pair)
    assert responses(pair, one)[1]["cashDiscount"] == 0


def test_the_method_of_a_cheque_type_is_a_setting(folder: Path) -> None:
    with open_pair(folder, payments={"methods": {"M": "CHEQUE"}}) as pair:
        pair.map()
        (one,) = post(pair, "INV-1")
        pay(pair, "INV-1", cheque="7")
        tell(pair)
        assert responses(pair, one)[0]["paymentMethod"] == "CHEQUE"


def test_an_adjustment_alone_is_no_payment(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pair.sandbox.syspro.ledger.adjust(SUPPLIER, "INV-1", Decimal("-8.25"), day=TODAY)
    assert tell(pair).told == 0
    pay(pair, "INV-1")
    tell(pair)
    assert paid(pair, one) == ["100.00"]


def test_a_foreign_invoice_is_told_in_its_own_currency(pair: Pair) -> None:
    document = invoice("EUR-1", supplierCode=EURO_SUPPLIER, currencyCode="EUR")
    (one,) = pair.approve(document)
    pair.run()
    assert pair.state(one) == "responded"
    pay(pair, "EUR-1", "50.00", supplier=EURO_SUPPLIER)
    report = tell(pair)
    assert paid(pair, one) == ["50.00"]
    assert [told.currency for told in report.payments] == ["EUR"]


@pytest.mark.parametrize(
    "state", [state for state in State if state is not State.RESPONDED], ids=lambda state: state.value
)
def test_nothing_is_told_of_an_invoice_that_is_not_responded(pair: Pair, state: State) -> None:
    (one,) = post(pair, "INV-1")
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql(f"UPDATE invoice SET state = '{state.value}'")
    pay(pair, "INV-1")
    assert tell(pair).told == 0
    assert responses(pair, one) == []


def test_a_payment_made_before_the_answer_is_told_right_after_it(pair: Pair) -> None:
    """Its journal date lies long before what is read by then."""
    (one,) = pair.approve(invoice("INV-1"))
    post(pair, "INV-2")
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql(f"UPDATE invoice SET state = 'posted' WHERE invoice_id = '{one}'")
    pay(pair, "INV-1", day=TODAY - timedelta(days=60))
    pay(pair, "INV-2")
    assert tell(pair).told == 1
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql(f"UPDATE invoice SET state = 'responded' WHERE invoice_id = '{one}'")
    assert tell(pair).told == 1
    assert paid(pair, one) == ["108.25"]


def test_a_payment_made_while_an_invoice_is_transferred_again_is_not_missed(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    tell(pair)
    pair.sandbox.basware.retransfer(one)
    pay(pair, "INV-1", day=TODAY - timedelta(days=60))
    pair.run()
    assert pair.state(one) == "responded"
    assert (tell(pair).told, tell(pair).examined) == (1, 0)


def test_a_planned_payment_waits_while_its_invoice_is_transferred_again(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    pair.sandbox.basware.retransfer(one)
    report = tell(pair)
    assert (report.told, report.pending) == (0, 1)
    assert "WaitingForTransfer" in report.problems[0].reason
    pair.run()
    assert tell(pair).told == 1
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 1)


def test_the_state_of_the_invoice_counts_at_the_moment_of_telling(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    monkeypatch.setattr(store, "may_be_told", lambda *_: False)
    report = tell(pair)
    assert (report.told, report.pending, writes(pair)) == (0, 1, 0)
    assert responses(pair, one) == []
