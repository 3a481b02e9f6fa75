"""The state of published records as people ask for it: how old what is open is, and which orders lack lines."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.flows import overview
from connector_defs.store import records
from connector_tests.flows.pair import TODAY, Pair, open_pair

ORDER = "000000000010001"
DAY = 25 * 60


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """A small company, nothing published yet."""
    with open_pair(folder) as opened:
        yield opened


def ages(pair: Pair) -> dict[tuple[str, str], tuple[int, int]]:
    """(entity, state) -> (records, minutes)."""
    found = overview.status(pair.connector).unconfirmed
    return {(one.entity, one.state): (one.records, one.minutes) for one in found}


def test_nothing_is_old_where_all_is_confirmed(published: Pair) -> None:
    published.next_day()
    assert ages(published) == {}


def test_a_record_without_an_outcome_grows_old(folder: Path) -> None:
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage("tax_codes")
        pair.publish("taxCodes")
        pair.next_day()
        assert ages(pair) == {("taxCodes", "sent"): (5, DAY)}


def test_a_record_refused_every_night_is_as_old_as_its_first_refusal(pair: Pair) -> None:
    pair.stage()
    pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms")
    for night in range(3):
        pair.faults.arm("target_error", times=1, match="/vendors")
        assert pair.publish("vendors")["vendors"].failed == 10
        pair.publish("matchingOrders")
        assert ages(pair)["vendors", "failed"] == (10, night * DAY)
        assert ages(pair)["matchingOrders", "held"] == (6, night * DAY)
        pair.next_day()
    pair.publish("vendors", "matchingOrders")
    assert ages(pair) == {}


def test_a_confirmed_record_that_is_refused_later_is_as_old_as_that_refusal(published: Pair) -> None:
    published.next_day()
    table = published.sandbox.world.tables["AdmTax"]
    table.update(("S",), {"CurTaxRate": Decimal("9.5")})
    published.stage("tax_codes")
    published.faults.arm("target_error", times=1, match="/taxCodes")
    published.publish("taxCodes")
    published.connector.clock.wait(120)
    assert ages(published) == {("taxCodes", "failed"): (1, 2)}


def test_complete_orders_are_not_listed(published: Pair) -> None:
    assert overview.incomplete_orders(published.connector) == []


def test_an_order_that_lacks_a_line_is_listed_with_the_reason(pair: Pair) -> None:
    pair.sandbox.world.tables["PorMasterDetail"].update((ORDER, 1), {"MOrderQty": Decimal(0)})
    pair.sync()
    (order,) = overview.incomplete_orders(pair.connector)
    (line,) = order.missing
    assert (order.company, order.order, order.confirmed > 0) == ("M1", ORDER, True)
    assert (line.line, line.state, line.code) == ("1", "quarantined", "QUANTITY_NOT_POSITIVE")
    assert "quantity" in line.reason


def test_a_line_on_its_way_is_listed_as_such(folder: Path) -> None:
    with open_pair(folder, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms", "vendors", "matchingOrders")
        pair.sandbox.basware.processing.seconds = 1000
        pair.publish("matchingOrderLines")
        orders = overview.incomplete_orders(pair.connector)
        assert {line.state for order in orders for line in order.missing} == {"sent"}
        assert all("has not said" in line.reason for order in orders for line in order.missing)


def test_an_order_whose_other_lines_were_still_to_follow_is_listed(published: Pair) -> None:
    with published.connector.store.write() as connection:
        now = published.connector.clock.now()
        records.mark_orders(connection, "M1", [ORDER], unfinished=True, now=now)
    (order,) = overview.incomplete_orders(published.connector)
    (line,) = order.missing
    assert (order.order, line.line, line.code) == (ORDER, "", "UNFINISHED")
    assert "the next run sends them" in line.reason
    published.publish("matchingOrderLines", day=TODAY)
    assert overview.incomplete_orders(published.connector) == []


def test_suppliers_that_share_a_vat_number_are_listed_from_the_newest_reading(pair: Pair) -> None:
    assert overview.duplicate_suppliers(pair.connector) == []
    for supplier in ("000000000000001", "000000000000002"):
        pair.sandbox.world.tables["ApSupplier"].update((supplier,), {"TaxRegnNum": "DE 123456789"})
    pair.stage("suppliers")
    found = overview.duplicate_suppliers(pair.connector)
    assert {problem.key for problem in found} >= {"000000000000001", "000000000000002"}
