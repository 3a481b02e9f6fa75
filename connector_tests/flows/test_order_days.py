"""Which orders are read: none is missed, whenever it was entered, completed or last looked at."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.flows.reports import PublishReport
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import readings
from connector_tests.flows.days import DayClock, in_basware, stage_days, staged
from connector_tests.flows.pair import TODAY, Pair, open_pair

ORDER = "000000000010001"
NEW = "000000000099001"
TABLES = ("order_headers", "order_lines", "goods_receipts")
ENTITIES = ("matchingOrders", "matchingOrderLines")


@pytest.fixture
def clock() -> DayClock:
    return DayClock()


@pytest.fixture
def pair(folder: Path, clock: DayClock) -> Any:
    """A site whose first load was on TODAY."""
    with open_pair(folder, clock=clock) as opened:
        opened.sync()
        yield opened


def orders_run(pair: Pair, day: date) -> dict[str, PublishReport]:
    """The orders of one day, staged and published."""
    stage_days(pair, day, day, *TABLES)
    return pair.publish(*ENTITIES, day=day)


def enter(pair: Pair, number: str = NEW, **fields: Value) -> None:
    """A new order of one line."""
    tables = pair.sandbox.world.tables
    header, line = tables["PorMasterHdr"].get(ORDER), tables["PorMasterDetail"].get(ORDER, 1)
    assert header is not None
    assert line is not None
    tables["PorMasterHdr"].insert(
        {**header, "PurchaseOrder": number, "OrderStatus": "9", "DatePoCompleted": None, **fields}
    )
    tables["PorMasterDetail"].insert({**line, "PurchaseOrder": number, "MCompleteFlag": "Y"})


def numbers(pair: Pair) -> set[str]:
    return {str(order["orderNumber"]) for order in in_basware(pair)["matchingOrders"].values()}


def reached(pair: Pair, entity: str = "matchingOrderLines") -> date | None:
    with pair.connector.store.read() as connection:
        return readings.newest(connection, entity, "M1").dated_until


def test_an_order_entered_and_completed_on_a_weekend_without_runs_is_found_on_monday(
    pair: Pair, clock: DayClock
) -> None:
    saturday, monday = TODAY + timedelta(days=1), TODAY + timedelta(days=3)
    enter(pair, OrderEntryDate=saturday, DatePoCompleted=saturday)
    clock.go_to(monday)
    orders_run(pair, monday)
    assert NEW in numbers(pair)
    assert reached(pair) == saturday


def test_after_weeks_without_a_run_nothing_in_between_is_missing(pair: Pair, clock: DayClock) -> None:
    for week in range(1, 6):
        day = TODAY + timedelta(days=7 * week)
        enter(pair, f"00000000009900{week}", OrderEntryDate=day, DatePoCompleted=day)
    back = TODAY + timedelta(days=60)
    clock.go_to(back)
    orders_run(pair, back)
    assert {f"00000000009900{week}" for week in range(1, 6)} <= numbers(pair)


@pytest.mark.parametrize(("days_late", "found"), [(14, True), (15, False)])
def test_an_order_entered_late_is_found_within_the_overlap(
    pair: Pair, clock: DayClock, days_late: int, found: bool
) -> None:
    newest = TODAY + timedelta(days=30)
    enter(pair, "000000000099002", OrderEntryDate=newest)
    clock.go_to(newest)
    orders_run(pair, newest)
    assert reached(pair) == newest
    late = newest - timedelta(days=days_late)
    enter(pair, OrderEntryDate=late)
    clock.go_to(newest + timedelta(days=1))
    orders_run(pair, newest + timedelta(days=1))
    assert (NEW in numbers(pair)) is found
    if not found:
        orders_run(pair, late)
        assert NEW in numbers(pair), "a run for that day brings it"


def test_the_next_days_send_nothing_that_the_first_run_left_out(pair: Pair, clock: DayClock) -> None:
    """The overlap never reaches back behind the first reading: that is for a backfill."""
    enter(pair, OrderEntryDate=TODAY - timedelta(days=15))
    for day in (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=2)):
        clock.go_to(day)
        assert {report.sent for report in orders_run(pair, day).values()} == {0}


def test_a_year_typed_wrong_hides_no_order_and_is_not_hidden(pair: Pair, clock: DayClock) -> None:
    enter(pair, OrderEntryDate=date(2099, 1, 1), DatePoCompleted=date(2099, 1, 1))
    orders_run(pair, TODAY)
    assert NEW in numbers(pair)
    assert reached(pair) is not None
    assert reached(pair) <= TODAY  # type: ignore[operator]
    tomorrow = TODAY + timedelta(days=1)
    enter(pair, "000000000099002", OrderEntryDate=tomorrow)
    clock.go_to(tomorrow)
    orders_run(pair, tomorrow)
    assert "000000000099002" in numbers(pair)


def test_a_day_that_is_over_neither_uses_nor_moves_the_cursor(pair: Pair, clock: DayClock) -> None:
    before = reached(pair)
    between = TODAY + timedelta(days=2)
    enter(pair, OrderEntryDate=between)
    clock.go_to(TODAY + timedelta(days=20))
    later = TODAY + timedelta(days=10)
    orders_run(pair, later)
    assert NEW not in {row["PurchaseOrder"] for row in staged(pair, "order_headers", later)}
    assert reached(pair) == before
    orders_run(pair, TODAY + timedelta(days=20))
    assert NEW in numbers(pair)


def test_the_cursor_waits_for_the_lines(pair: Pair, clock: DayClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers went out and the lines did not: the next run reads both again from where it was."""
    before = reached(pair)
    day, after = TODAY + timedelta(days=1), TODAY + timedelta(days=40)
    enter(pair, OrderEntryDate=day)
    clock.go_to(day)
    stage_days(pair, day, day, *TABLES)
    pair.publish("matchingOrders", day=day)
    assert (reached(pair, "matchingOrders"), reached(pair)) == (day, before)
    clock.go_to(after)
    orders_run(pair, after)
    assert any(line["orderExternalCode"] for line in lines_of(pair, NEW))


def lines_of(pair: Pair, number: str) -> list[dict[str, Any]]:
    held = in_basware(pair)
    (code,) = [code for code, order in held["matchingOrders"].items() if order["orderNumber"] == number]
    return [line for line in held["matchingOrderLines"].values() if line["orderExternalCode"] == code]


@pytest.mark.parametrize("filters", [True, False], ids=["filtered", "no compound filter"])
def test_an_order_that_ended_unseen_is_asked_for_by_its_number(
    folder: Path, clock: DayClock, filters: bool
) -> None:
    options = SysproOptions(compound_filter=filters)
    with open_pair(folder, clock=clock, syspro_options=options) as pair:
        pair.sync()
        long_ago = TODAY - timedelta(days=90)
        pair.sandbox.world.tables["PorMasterHdr"].update(
            (ORDER,), {"OrderStatus": "9", "OrderEntryDate": long_ago, "DatePoCompleted": long_ago}
        )
        pair.sandbox.world.tables["PorMasterDetail"].update((ORDER, 1), {"MOrderQty": Decimal(77)})
        reports = orders_run(pair, TODAY)
        assert ORDER not in {row["PurchaseOrder"] for row in staged(pair, "order_headers", TODAY)}
        assert reports["matchingOrders"].confirmed == 1
        assert all(line["isClosed"] for line in lines_of(pair, ORDER))
        assert Decimal(77) in {Decimal(str(line["quantity"])) for line in lines_of(pair, ORDER)}
        assert {report.sent for report in orders_run(pair, TODAY).values()} == {0}


def test_an_order_that_ended_unseen_is_told_where_a_site_has_no_receipts(
    folder: Path, clock: DayClock
) -> None:
    with open_pair(folder, clock=clock) as pair:
        del pair.sandbox.world.tables["GrnDetails"]
        pair.sync()
        long_ago = TODAY - timedelta(days=90)
        pair.sandbox.world.tables["PorMasterHdr"].update(
            (ORDER,), {"OrderStatus": "9", "OrderEntryDate": long_ago, "DatePoCompleted": long_ago}
        )
        orders_run(pair, TODAY)
        assert all(line["isClosed"] for line in lines_of(pair, ORDER))


def test_an_order_refused_on_the_day_it_ended_goes_again_though_no_day_shows_it(
    pair: Pair, clock: DayClock
) -> None:
    enter(pair, OrderEntryDate=TODAY)
    pair.faults.arm("target_error", match="/matchingOrders")
    assert orders_run(pair, TODAY)["matchingOrders"].failed == 1
    later = TODAY + timedelta(days=60)
    clock.go_to(later)
    orders_run(pair, later)
    (order,) = [one for one in in_basware(pair)["matchingOrders"].values() if one["orderNumber"] == NEW]
    assert order["isClosed"] is True
    assert lines_of(pair, NEW)


def test_a_day_holds_no_order_of_the_next(pair: Pair) -> None:
    """The filter asks for a day more at both ends, since a service may shift a date by its zone."""
    for place, day in enumerate((TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1))):
        enter(pair, f"00000000009900{place}", OrderEntryDate=day, DatePoCompleted=None)
    over = TODAY - timedelta(days=1)
    stage_days(pair, over, over, "order_headers")
    found = {row["PurchaseOrder"] for row in staged(pair, "order_headers", over)}
    assert {number for number in found if number.startswith("0000000000990")} == {"000000000099000"}
