"""Runs over payments: batches, kills, runs beside each other, and the books at the end."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows import payment_answers, payments
from connector_defs.flows.extraction import stage
from connector_defs.flows.payments import run_payments
from connector_defs.flows.reconciliation import reconcile
from connector_defs.flows.reports import DateWindow
from connector_defs.points import POINTS
from connector_defs.store import audit
from connector_defs.store.leases import LeaseLost
from connector_tests.contract import needs_contract, schema_validator
from connector_tests.flows.pair import (
    TODAY,
    Pair,
    assert_books_agree,
    open_pair,
)
from connector_tests.flows.payments_scene import (
    ONE_RUN,
    actions,
    codes,
    paid,
    pay,
    post,
    read_until,
    responses,
    stored,
    take_back,
    tell,
)
from connector_tests.postgres import Postgres


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


@pytest.mark.parametrize("point", [name for name in POINTS if name.startswith("payment.")])
def test_f20_a_process_killed_at_any_point_tells_each_payment_once(
    folder: Path, pair: Pair, point: str
) -> None:
    one, two = post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1")
    pay(pair, "INV-2", "8.25")
    stage(pair.connector, pair.company, "invoice_payments", DateWindow.day(TODAY))
    dying = subprocess.run(
        [sys.executable, "-c", ONE_RUN.format(day=f"{TODAY.year}, {TODAY.month}, {TODAY.day}")],
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


def test_a_day_that_is_over_is_read_by_itself_and_moves_nothing_on(pair: Pair) -> None:
    (one, two) = post(pair, "INV-1", "INV-2")
    pay(pair, "INV-1")
    tell(pair)
    over = TODAY + timedelta(days=3)
    pay(pair, "INV-2", "50.00", day=over)
    window = DateWindow.day(over)
    assert stage(pair.connector, pair.company, "invoice_payments", window).rows == 1
    assert run_payments(pair.connector, pair.company, window).told == 1
    assert (paid(pair, one), paid(pair, two)) == (["108.25"], ["50.00"])
    assert read_until(pair) == TODAY
