"""Payments back to Basware: what changed in SYSPRO is told once, wholly, and never before the invoice is answered."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.answers import ApiError, ItemOutcome, Receipt, RequestOutcome
from connector_defs.basware.entities import PaymentResponse
from connector_defs.domain.errors import Fatal, RecordRefused, RetryLater
from connector_defs.domain.keys import response_code
from connector_defs.domain.states import State
from connector_defs.flows import overview, payment_answers, payments
from connector_defs.flows.extraction import stage
from connector_defs.flows.payments import run_payments
from connector_defs.flows.reconciliation import reconcile
from connector_defs.flows.reports import DateWindow, PaymentRunReport
from connector_defs.points import POINTS
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import audit
from connector_defs.store import payments as store
from connector_defs.store.leases import LeaseLost
from connector_defs.store.payments import Payment
from connector_defs.syspro import conditions
from connector_defs.syspro.odata import QueryRefused
from connector_defs.syspro.tables import Row, Table
from connector_tests.contract import needs_contract, schema_validator
from connector_tests.flows.pair import (
    EURO_SUPPLIER,
    SUPPLIER,
    TODAY,
    Pair,
    assert_books_agree,
    invoice,
    open_pair,
)
from connector_tests.postgres import Postgres

PAYS = "POST paymentResponses"
ALL_FIELDS = {
    "externalCode",
    "success",
    "paymentBlock",
    "responseMessage",
    "sourceSystem",
    "paymentDate",
    "paymentTermCode",
    "paymentMethod",
    "paidTotal",
    "cashDiscount",
    "checkNumber",
    "paymentMessage",
    "paymentNumber",
    "paymentDocument",
    "paymentReversalDocument",
}


def post(pair: Pair, *numbers: str, net: str = "100.00", **fields: Any) -> list[str]:
    """Invoices of 108.25 each, posted and answered; returns their ids."""
    documents = [invoice(number, net, **fields) for number in numbers]
    found = pair.approve(*documents)
    pair.run()
    assert {pair.state(invoice_id) for invoice_id in found} == {"responded"}
    return found


def pay(pair: Pair, number: str, value: str | None = None, **how: Any) -> None:
    how.setdefault("day", TODAY)
    supplier = how.pop("supplier", SUPPLIER)
    pair.sandbox.syspro.ledger.pay(supplier, number, None if value is None else Decimal(value), **how)


def take_back(pair: Pair, number: str, day: date = TODAY) -> None:
    pair.sandbox.syspro.ledger.take_back(SUPPLIER, number, day=day)


def tell(pair: Pair, day: date = TODAY, *, again: bool = False) -> PaymentRunReport:
    """What the payments job does for one day."""
    window = DateWindow.day(day)
    stage(pair.connector, pair.company, "invoice_payments", window)
    return run_payments(pair.connector, pair.company, window, again=again)


def responses(pair: Pair, invoice_id: str) -> list[dict[str, Any]]:
    """The payment responses Basware holds for an invoice, oldest first."""
    return list(pair.sandbox.basware.documents[invoice_id].get("paymentResponses") or ())


def paid(pair: Pair, invoice_id: str) -> list[str]:
    return [str(each["paidTotal"]) for each in responses(pair, invoice_id)]


def codes(invoice_id: str, *generations: int) -> list[str]:
    return [response_code("M1", invoice_id, "payment", generation) for generation in generations]


def stored(pair: Pair, invoice_id: str) -> Payment:
    with pair.connector.store.read() as connection:
        return store.get_many(connection, "M1", [invoice_id])[invoice_id]


def actions(pair: Pair, invoice_id: str) -> list[str]:
    return [
        event.action for event in audit.show(pair.connector.store, invoice_id) if "payment" in event.action
    ]


def writes(pair: Pair) -> int:
    return pair.sandbox.basware.requests[PAYS]


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


def stored_numbers(pair: Pair) -> list[str]:
    rows = pair.sandbox.world.tables["ApInvoicePay"]
    return [str(row["PaymentNumber"]) for row in rows if row["Invoice"] == "INV-1"]


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


@pytest.mark.parametrize("fault", ["reset_after", "http_500", "http_502", "reset_before"])
def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(pair: Pair, fault: str) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    pair.faults.arm(fault, 1, "basware.responses")
    report = tell(pair)
    assert (report.told, report.confirmed, report.problems) == (1, 1, ())
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 1)
    assert tell(pair).told == 0
    assert_books_agree(pair)


@pytest.mark.parametrize("fault", ["http_503", "rate_limited", "expired_token", "wrong_encoding"])
def test_what_took_no_effect_is_sent_again_at_once(pair: Pair, fault: str) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    pair.faults.arm(fault, 1, "basware.responses")
    assert tell(pair).told == 1
    assert paid(pair, one) == ["108.25"]


def test_an_answer_that_never_comes_leaves_the_payment_to_the_next_run_under_its_code(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "50.00")
    pair.faults.arm("reset_before", 100, "basware.responses")
    report = tell(pair)
    assert (report.told, report.pending, [problem.code for problem in report.problems]) == (
        0,
        1,
        ["PAYMENT_NOT_TAKEN"],
    )
    assert stored(pair, one).attempts == 3
    pay(pair, "INV-1")
    tell(pair)
    waiting = stored(pair, one)
    assert (waiting.generation, waiting.paid_total) == (1, Decimal("50.00")), "its outcome is not known yet"
    pair.faults.disarm()
    assert tell(pair).told == 2
    assert paid(pair, one) == ["50.00", "108.25"]
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 1, 2)


def test_answers_that_never_come_stop_a_run_over_many(pair: Pair) -> None:
    numbers = [f"INV-{number}" for number in range(30)]
    post(pair, *numbers)
    for number in numbers:
        pay(pair, number)
    before = writes(pair)
    pair.faults.arm("reset_before", 1000, "basware.responses")
    assert len(tell(pair).outages) == 1
    assert writes(pair) - before <= 5 + 1
    pair.faults.disarm()
    assert tell(pair).told == 30
    assert_books_agree(pair)


def test_many_invoices_are_looked_at_in_batches_and_the_last_one_moves_the_reading_on(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [f"INV-{number}" for number in range(5)]
    post(pair, *numbers)
    for number in numbers:
        pay(pair, number)
    monkeypatch.setattr(payments, "_BATCH", 2)
    reads: list[int] = []
    real = payments.PaymentReader.read

    def read(reader: payments.PaymentReader, batch: Any) -> Any:
        if len(reads) == 2:
            assert read_until(pair) is None
        reads.append(len(batch))
        return real(reader, batch)

    monkeypatch.setattr(payments.PaymentReader, "read", read)
    report = tell(pair)
    assert (report.told, reads) == (5, [2, 2, 1])
    assert read_until(pair) == TODAY


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize(
    "point", ["payment.planned", "payment.intended", "payment.answered", "payment.stored"]
)
def test_f20_a_run_killed_between_two_effects_is_gone_on_with(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "40.00")

    def die(name: str) -> None:
        if name == point:
            raise Killed(name)

    with monkeypatch.context() as dying:
        for module in (payments, payment_answers):
            dying.setattr(module, "reach", die)
        with pytest.raises(Killed):
            tell(pair)
    pay(pair, "INV-1")
    tell(pair)
    tell(pair)
    sent = [each["externalCode"] for each in responses(pair, one)]
    assert sent == codes(one, *range(1, len(sent) + 1))
    assert paid(pair, one)[-1] == "108.25"
    assert paid(pair, one) == sorted(set(paid(pair, one)), key=Decimal)
    assert tell(pair).told == 0
    assert_books_agree(pair)


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs plan and tell nothing."""
    with monkeypatch.context() as idle:
        idle.setattr(payments.PaymentTeller, "tell", lambda _: None)
        yield


def test_a_plan_that_was_never_sent_is_replaced(pair: Pair, untold: None) -> None:
    (one,) = post(pair, "INV-1")
    for total in ("40.00", "80.00"):
        pay(pair, "INV-1", "40.00")
        tell(pair)
        planned = stored(pair, one)
        assert (planned.state, planned.generation, planned.paid_total) == ("planned", 1, Decimal(total))
        assert planned.external_code == codes(one, 1)[0]


def test_a_payment_taken_back_before_it_was_told_is_never_told(pair: Pair, untold: None) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "40.00")
    tell(pair)
    take_back(pair, "INV-1")
    report = tell(pair)
    assert (report.pending, stored(pair, one).state, stored(pair, one).digest) == (0, "unpaid", "")


def test_a_change_undone_before_it_was_told_leaves_what_was_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "40.00")
    tell(pair)
    with monkeypatch.context() as idle:
        idle.setattr(payments.PaymentTeller, "tell", lambda _: None)
        pay(pair, "INV-1", "10.00")
        assert tell(pair).pending == 1
        delete_last_rows(pair, 1)
        pair.sandbox.world.tables["ApInvoice"].update((SUPPLIER, "INV-1"), {"MthInvBal1": Decimal("68.25")})
        report = tell(pair)
        assert (report.pending, report.confirmed) == (0, 1)
    assert (tell(pair).told, paid(pair, one)) == (0, ["40.00"])
    assert stored(pair, one).paid_total == Decimal("40.00")
    pay(pair, "INV-1")
    tell(pair)
    assert len({each["externalCode"] for each in responses(pair, one)}) == 2


def delete_last_rows(pair: Pair, number: int) -> None:
    table = pair.sandbox.world.tables["ApInvoicePay"]
    rows = [row for row in table if row["Invoice"] == "INV-1"]
    for row in rows[-number:]:
        table.delete((SUPPLIER, "INV-1", row["EntryNumber"]))
        pair.sandbox.world.tables["ApPayRunDet"].delete((row["PaymentNumber"], SUPPLIER, "INV-1"))


def test_a_refused_payment_is_recorded_with_its_remedy_and_stops_no_other(pair: Pair) -> None:
    one, two = post(pair, "INV-1", "INV-2")
    pair.sandbox.basware.change(one, {"paymentTermCode": "T" * 26})
    for number in ("INV-1", "INV-2"):
        pay(pair, number)
    report = tell(pair)
    assert (report.told, report.refused) == (1, 1)
    assert paid(pair, two) == ["108.25"]
    (problem,) = report.problems
    assert (problem.entity, problem.key) == ("paymentResponses", "INV-1")
    assert "connector sync payments" in problem.remedy
    assert overview.refused_payments(pair.connector) == [problem]
    assert overview.status(pair.connector).records["paymentResponses"] == {
        "published": 1,
        "pending": 0,
        "failed": 1,
        "quarantined": 0,
    }
    assert actions(pair, one)[-1] == "payment refused"
    before = writes(pair)
    assert tell(pair).refused == 1
    assert writes(pair) == before

    pair.sandbox.basware.change(one, {"paymentTermCode": "30N"})
    assert tell(pair, again=True).told == 1
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 2)
    assert_books_agree(pair)


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_refusal_by_basware_is_told_again_under_a_new_code_a_day_later(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    one, two = post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1")
    pay(pair, "INV-2")
    with monkeypatch.context() as refusing:
        refuse(refusing, pair, one, status)
        report = tell(pair)
    assert (report.told, report.refused) == (1, 1)
    assert f"no, {status}" in report.problems[0].reason
    assert paid(pair, two) == ["108.25"]
    pair.connector.clock.wait(21 * 3600)
    assert tell(pair).told == 1
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 2)


def test_a_call_of_a_dead_run_that_arrives_in_between_is_no_refusal(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    real = pair.connector.basware.respond_payment
    monkeypatch.setattr(
        pair.connector.basware,
        "respond_payment",
        lambda wanted, response: [real(wanted, response) for _ in range(2)][1],
    )
    report = tell(pair)
    assert (report.told, report.confirmed, report.refused, report.problems) == (1, 1, 0, ())
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 1)


def test_a_refused_payment_that_went_on_in_syspro_is_told_at_once_as_it_is_now(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "50.00")
    with monkeypatch.context() as refusing:
        refuse(refusing, pair, one, 400)
        tell(pair)
    pay(pair, "INV-1")
    tell(pair)
    assert paid(pair, one) == ["108.25"]


def refuse(patch: pytest.MonkeyPatch, pair: Pair, invoice_id: str, status: int) -> None:
    """Let Basware refuse every payment response to one invoice."""
    real = pair.connector.basware.respond_payment

    def answer(wanted: str, response: PaymentResponse) -> Receipt:
        if wanted != invoice_id:
            return real(wanted, response)
        return Receipt("r-1", status, (ApiError(None, "BUSINESS", "CONFLICT", f"no, {status}"),), "c-1")

    patch.setattr(pair.connector.basware, "respond_payment", answer)


def test_what_basware_cannot_process_later_counts_as_refused(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    with monkeypatch.context() as late:
        late.setattr(
            pair.connector.basware,
            "request_status",
            lambda request_id: RequestOutcome(
                request_id,
                "Error",
                True,
                {codes(one, 1)[0]: ItemOutcome("Error", ("no such term",), None, one)},
                (),
            ),
        )
        report = tell(pair)
    assert (report.told, report.refused, report.confirmed) == (1, 1, 0)
    assert "no such term" in report.problems[0].reason
    assert tell(pair, again=True).confirmed == 1
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 1, 2)


def test_an_outcome_that_stays_open_is_asked_for_again_and_in_the_end_judged_by_the_invoice(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1")
    pay(pair, "INV-2")
    with monkeypatch.context() as slow:
        slow.setattr(pair.connector.basware, "request_status", lambda _: None)
        report = tell(pair)
        assert (report.told, report.confirmed, report.pending, report.problems) == (2, 0, 2, ())
        pair.connector.clock.wait(25 * 3600)
        pair.sandbox.basware.change(two, {"paymentResponses": []})
        report = tell(pair)
        assert (report.told, report.confirmed, report.refused) == (0, 1, 1)
    assert stored(pair, one).state == "confirmed"


def test_without_a_request_id_the_invoice_itself_confirms(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    real = pair.connector.basware.respond_payment
    monkeypatch.setattr(
        pair.connector.basware,
        "respond_payment",
        lambda wanted, response: replace(real(wanted, response), request_id=None),
    )
    assert tell(pair).confirmed == 1
    assert stored(pair, one).request_id == ""


@pytest.mark.parametrize("error", [RetryLater("away"), RecordRefused("no such key", code="key_refused")])
def test_a_status_question_without_an_answer_leaves_the_outcome_open(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    post(pair, "INV-1")
    pay(pair, "INV-1")

    def ask(_: str) -> RequestOutcome:
        raise error

    with monkeypatch.context() as away:
        away.setattr(pair.connector.basware, "request_status", ask)
        assert tell(pair).pending == 1
    assert tell(pair).confirmed == 1


def test_an_invoice_basware_no_longer_knows_is_named(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    del pair.sandbox.basware.accounting.records[one]
    report = tell(pair)
    assert [problem.code for problem in report.problems] == ["UNKNOWN_IN_BASWARE"]


def test_an_invoice_basware_gives_unreadable_is_named(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    pair.sandbox.basware.change(one, {"invoiceDate": "soon"})
    report = tell(pair)
    assert [problem.code for problem in report.problems] == ["MALFORMED_DOCUMENT"]


def test_where_basware_is_away_the_run_stops_telling_and_says_so(pair: Pair) -> None:
    numbers = [f"INV-{number}" for number in range(12)]
    post(pair, *numbers)
    for number in numbers:
        pay(pair, number)
    pair.faults.arm("http_503", 1000, "basware.documents")
    report = tell(pair)
    assert (report.told, report.pending) == (0, 12)
    assert len(report.outages) == 1
    assert report.basware_requests <= 4 * (5 + 1)
    pair.faults.disarm()
    report = tell(pair)
    assert (report.told, report.confirmed, report.problems) == (12, 12, ())


def test_where_basware_is_away_from_the_start_what_changed_is_durable_all_the_same(pair: Pair) -> None:
    numbers = [f"INV-{number}" for number in range(7)]
    found = post(pair, *numbers)
    pay(pair, "INV-0")
    pair.faults.arm("http_503", 1000, "basware.documents")
    tell(pair)
    for number in numbers[1:]:
        pay(pair, number)
    for _ in range(2):
        tell(pair)
    assert {stored(pair, one).state for one in found} == {"planned"}
    pair.faults.disarm()
    assert tell(pair).told == 7


@pytest.mark.parametrize(("kind", "told"), [("Z", ["50.00"]), ("A", [])])
def test_a_row_of_an_unknown_letter_is_money_where_it_has_a_payment_number(
    pair: Pair, kind: str, told: list[str]
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "50.00", kind=kind)
    assert tell(pair).unclear == 0
    assert paid(pair, one) == told


def test_an_unclear_row_is_not_guessed_and_goes_on_when_the_setting_says_what_it_is(folder: Path) -> None:
    with open_pair(folder) as pair:
        pair.map()
        one, _ = post(pair, "INV-1", "INV-2")
        pay(pair, "INV-1", "50.00")
        tell(pair)
        pair.sandbox.syspro.ledger.adjust(SUPPLIER, "INV-1", Decimal("-8.25"), kind="Q", day=TODAY)
        pay(pair, "INV-2")
        report = tell(pair)
        assert (report.told, report.unclear) == (1, 1)
        (problem,) = report.problems
        assert problem.code == "PAYMENT_TYPE_UNKNOWN"
        assert "settling_types" in problem.remedy
        assert overview.unclear_payments(pair.connector) == [problem]
        events = len(audit.show(pair.connector.store, one))
        assert tell(pair).unclear == 1
        assert len(audit.show(pair.connector.store, one)) == events
        tree = pair.connector.settings.model_dump()
        tree["payments"]["settling_types"] = ("A", "Q")
        pair.connector.settings = type(pair.connector.settings).model_validate(tree)
        report = tell(pair)
        assert (report.told, report.unclear, report.confirmed) == (0, 0, 2)
        assert paid(pair, one) == ["50.00"]


def test_two_invoices_of_one_number_wait_for_a_person(pair: Pair) -> None:
    _, two = post(pair, "INV-1", "INV-2")
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE invoice SET number = 'inv-1', number_key = 'inv-1', intent = '' WHERE invoice_id = '{two}'"
        )
    pay(pair, "INV-1")
    report = tell(pair)
    assert (report.told, report.unclear) == (0, 2)
    assert {problem.code for problem in report.problems} == {"PAYMENT_OF_TWO_INVOICES"}


def test_a_purged_invoice_is_no_less_paid(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    tell(pair)
    delete_last_rows(pair, 1)
    pair.sandbox.world.tables["ApInvoice"].delete((SUPPLIER, "INV-1"))
    touch(pair, one)
    assert (tell(pair).told, paid(pair, one)) == (0, ["108.25"])


def test_a_row_that_is_gone_while_the_invoice_is_open_again_is_a_payment_taken_back(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    tell(pair)
    delete_last_rows(pair, 1)
    pair.sandbox.world.tables["ApInvoice"].update((SUPPLIER, "INV-1"), {"MthInvBal1": Decimal("108.25")})
    touch(pair, one)
    tell(pair)
    assert paid(pair, one) == ["108.25", "0.00"]


def touch(pair: Pair, invoice_id: str) -> None:
    """Let the payment be one that was last looked at long ago."""
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE payment SET updated_at = '2020-01-01T00:00:00.000000Z' WHERE invoice_id = '{invoice_id}'"
        )


def test_a_store_older_than_basware_does_not_take_another_payment_for_its_own(pair: Pair) -> None:
    """Fault F32: restored from a backup made before the first payment was told."""
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "50.00")
    tell(pair)
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM payment")
    pay(pair, "INV-1")
    tell(pair)
    tell(pair)
    assert paid(pair, one) == ["50.00", "108.25"]
    assert [each["externalCode"] for each in responses(pair, one)] == codes(one, 1, 2)


def test_only_what_is_new_is_read_and_late_postings_within_the_overlap_are_found(pair: Pair) -> None:
    post(pair, "INV-1", "INV-2", "INV-3")
    pay(pair, "INV-1")
    tell(pair)
    assert read_until(pair) == TODAY
    later = TODAY + timedelta(days=30)
    pay(pair, "INV-2", day=later)
    assert (tell(pair, later).told, read_until(pair)) == (1, later)
    pay(pair, "INV-3", day=later - timedelta(days=6))
    report = tell(pair, later + timedelta(days=1))
    assert (report.told, report.rows, report.examined) == (1, 2, 2)


def read_until(pair: Pair) -> date | None:
    with pair.connector.store.read() as connection:
        return store.read_until(connection, "M1")


def test_an_earlier_day_reads_again_what_came_too_late_for_the_overlap(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    tell(pair)
    post(pair, "INV-2")
    pay(pair, "INV-2")
    tell(pair)
    late = TODAY - timedelta(days=40)
    pay(pair, "INV-1", day=late)
    assert tell(pair).told == 0
    assert tell(pair, late, again=True).told == 1
    assert paid(pair, one) == ["108.25"]
    assert read_until(pair) == TODAY


def test_a_journal_date_typed_ahead_hides_no_payment(pair: Pair) -> None:
    post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1", day=date(2099, 1, 1))
    tell(pair)
    assert read_until(pair) == TODAY
    pay(pair, "INV-2", day=TODAY + timedelta(days=1))
    assert tell(pair, TODAY + timedelta(days=1)).told == 1


def test_tables_and_columns_that_a_site_keeps_to_itself_are_done_without(folder: Path) -> None:
    absent = frozenset({"ApInvoice.ManualChqNum", "ApInvoice.PaymentChkType", "ApInvoicePay.PostConvRate"})
    with open_pair(folder, syspro_options=SysproOptions(absent_columns=absent)) as pair:
        pair.map()
        (one,) = post(pair, "INV-1")
        pay(pair, "INV-1")
        del pair.sandbox.world.tables["ApPayRunDet"]
        tell(pair)
        (told,) = responses(pair, one)
        assert (told["paidTotal"], told["checkNumber"]) == (Decimal("108.25"), "")


def test_a_service_that_refuses_the_date_filter_is_read_whole(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(pair, "INV-1")
    pay(pair, "INV-1")
    odata = pair.connector.odata(pair.company)
    real = odata.pages

    def pages(table: Table, **how: Any) -> Iterator[list[Row]]:
        if conditions.holds_date(how.get("where")):
            raise QueryRefused("no dates here")
        return real(table, **how)

    monkeypatch.setattr(odata, "pages", pages)
    past = sum(row["Invoice"] != "INV-1" for row in pair.sandbox.world.tables["ApInvoicePay"])
    report = tell(pair)
    assert (report.told, report.rows) == (1, 1)
    assert past > 0


def test_two_runs_do_not_interleave(pair: Pair) -> None:
    post(pair, "INV-1")
    pay(pair, "INV-1")
    with pair.connector.leases.hold("payments/M1"):
        report = tell(pair)
    assert (report.told, [problem.code for problem in report.problems]) == (0, ["LANE_TAKEN"])
    assert tell(pair).told == 1


def test_a_run_whose_lease_passed_on_writes_nothing_more(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")

    def lose(_: str) -> None:
        with pair.connector.store.write() as connection:
            connection.exec_driver_sql("UPDATE lease SET fence = fence + 1 WHERE name = 'payments/M1'")

    with monkeypatch.context() as losing:
        losing.setattr(payments, "reach", lose)
        with pytest.raises(LeaseLost):
            tell(pair)
    assert (responses(pair, one), read_until(pair)) == ([], None)


def test_payments_that_are_not_staged_are_named(pair: Pair) -> None:
    with pytest.raises(Fatal, match="invoice_payments of company M1 is not staged"):
        run_payments(pair.connector, pair.company, DateWindow.day(TODAY))


def test_the_life_of_an_invoice_tells_its_payments_and_the_chain_holds(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    tell(pair)
    assert actions(pair, one) == ["payment planned", "payment intended", "payment told", "payment confirmed"]
    told = next(event for event in audit.show(pair.connector.store, one) if event.action == "payment told")
    assert told.detail["external_code"] == codes(one, 1)[0]
    assert told.detail["paid_total"] == "108.25"
    assert {"request_id", "client_request_id", "row"} <= told.detail.keys()
    assert audit.verify(pair.connector.store).ok
    assert json.loads(stored(pair, one).body)["paidTotal"] == 108.25
    pair.sandbox.basware.retransfer(one)
    pair.run()
    assert_books_agree(pair)


@needs_contract
def test_what_is_told_keeps_to_the_published_schema(pair: Pair) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1", "50.00")
    tell(pair)
    take_back(pair, "INV-1")
    tell(pair)
    for response in responses(pair, one):
        body = json.loads(json.dumps(response, default=float))
        assert list(schema_validator("PaymentResponseEntity").iter_errors(body)) == []


@pytest.mark.parametrize(
    ("held", "told"), [([], "no such payment response"), ([{"paidTotal": Decimal("1.00")}], "1.00")]
)
def test_reconcile_finds_a_payment_that_basware_holds_otherwise(
    pair: Pair, held: list[dict[str, Any]], told: str
) -> None:
    (one,) = post(pair, "INV-1")
    pay(pair, "INV-1")
    tell(pair)
    assert reconcile(pair.connector).clean
    (response,) = responses(pair, one)
    pair.sandbox.basware.change(one, {"paymentResponses": [{**response, **change} for change in held]})
    report = reconcile(pair.connector)
    assert [(each.kind, each.ours, each.theirs) for each in report.differences] == [
        ("PAYMENT", "paid 108.25", told)
    ]
    assert report.matched == 0


_ONE_RUN = """
from datetime import date
from connector_defs.flows.payments import run_payments
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import open_connector
from connector_defs.settings import load_settings

with open_connector(load_settings()) as connector:
    run_payments(connector, connector.companies[0], DateWindow.day(date({day})))
"""


@pytest.mark.parametrize("point", [name for name in POINTS if name.startswith("payment.")])
def test_f20_a_process_killed_at_any_point_tells_each_payment_once(
    folder: Path, pair: Pair, point: str
) -> None:
    one, two = post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1")
    pay(pair, "INV-2", "8.25")
    stage(pair.connector, pair.company, "invoice_payments", DateWindow.day(TODAY))
    dying = subprocess.run(
        [sys.executable, "-c", _ONE_RUN.format(day=f"{TODAY.year}, {TODAY.month}, {TODAY.day}")],
        env={
            **os.environ,
            **pair.sandbox.environment(),
            "CONNECTOR_STATE_URL": pair.connector.settings.storage.state_url,
            "CONNECTOR_STAGING_URL": pair.connector.settings.storage.staging_url,
            "CONNECTOR_CONFIG": "",
            "CONNECTOR_DIE_AT": point,
        },
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert dying.returncode == -signal.SIGKILL, dying.stderr.decode()
    report = tell(pair)
    assert (report.confirmed, report.problems) == (2, ())
    assert [paid(pair, invoice_id) for invoice_id in (one, two)] == [["108.25"], ["8.25"]]
    assert_books_agree(pair)


def test_a_payment_takes_a_look_a_response_and_a_confirmation_and_syspro_is_asked_in_bulk(pair: Pair) -> None:
    numbers = [f"INV-{number:03d}" for number in range(120)]
    post(pair, *numbers)
    for number in numbers:
        pay(pair, number)
    before = pair.sandbox.syspro.requests["OData ApInvoicePay"]
    report = tell(pair)
    assert (report.told, report.confirmed) == (120, 120)
    assert report.basware_requests <= 120 * 3 + 120
    assert pair.sandbox.syspro.requests["OData ApInvoicePay"] - before <= 3 + 2 * 3
    assert tell(pair).basware_requests == 0


def test_payments_are_told_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    with open_pair(tmp_path, storage={"state_url": postgres.empty_database()}) as pair:
        pair.map()
        one, two = post(pair, "INV-1", "INV-2")
        pay(pair, "INV-1", "50.00")
        tell(pair)
        pay(pair, "INV-1")
        pay(pair, "INV-2")
        assert (tell(pair).told, tell(pair).told) == (2, 0)
        assert paid(pair, one) == ["50.00", "108.25"]
        assert paid(pair, two) == ["108.25"]
        assert_books_agree(pair)
