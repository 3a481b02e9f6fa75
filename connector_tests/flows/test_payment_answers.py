"""Payment responses under way: lost answers, refusals, outcomes that come late, and a Basware that is away."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from connector_defs.basware.answers import ApiError, ItemOutcome, Receipt, RequestOutcome
from connector_defs.basware.entities import PaymentResponse
from connector_defs.domain.errors import RecordRefused, RetryLater
from connector_defs.flows import overview, payments
from connector_tests.flows.pair import (
    SUPPLIER,
    Pair,
    assert_books_agree,
)
from connector_tests.flows.payments_scene import (
    actions,
    codes,
    delete_last_rows,
    paid,
    pay,
    post,
    responses,
    stored,
    take_back,
    tell,
    writes,
)


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
    with monkeypatch.context() as slow, pair.hurried():
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

    with monkeypatch.context() as away, pair.hurried():
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
