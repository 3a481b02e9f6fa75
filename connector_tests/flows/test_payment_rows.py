"""What SYSPRO's payment rows say: unclear rows, rows taken back, late postings, and tables a site keeps to itself."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.flows import overview
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import audit
from connector_defs.syspro import conditions
from connector_defs.syspro.odata import QueryRefused
from connector_defs.syspro.tables import Row, Table
from connector_tests.flows.pair import (
    SUPPLIER,
    TODAY,
    Pair,
    open_pair,
)
from connector_tests.flows.payments_scene import (
    codes,
    delete_last_rows,
    paid,
    pay,
    post,
    read_until,
    responses,
    tell,
    touch,
)


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
