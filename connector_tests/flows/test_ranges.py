"""A range of days read at once: every day gets what a run for it alone would have left."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows.extraction import stage
from connector_defs.flows.reports import DateWindow
from connector_tests.flows.days import (
    BUSY,
    TABLES,
    DayClock,
    in_basware,
    publish_days,
    stage_days,
    staged,
)
from connector_tests.flows.pair import TODAY, open_pair

FIRST = TODAY - timedelta(days=20)
DAYS = [FIRST + timedelta(days=number) for number in range(21)]
# A run for each day alone takes 0.7 s; `make proof` fills sixty.
WEEK = DAYS[-7:]


def two_sites(folder: Path) -> tuple[Path, Path]:
    places = folder / "range", folder / "days"
    for place in places:
        place.mkdir()
    return places


@pytest.mark.parametrize("now", [TODAY, TODAY + timedelta(days=3)], ids=["up to today", "days that are over"])
def test_a_range_ends_as_its_single_days_in_whatever_order_they_run(folder: Path, now: date) -> None:
    here, there = two_sites(folder)
    with (
        open_pair(here, BUSY, clock=DayClock(now)) as at_once,
        open_pair(there, BUSY, clock=DayClock(now)) as one_by_one,
    ):
        stage_days(at_once, WEEK[0], TODAY)
        publish_days(at_once, WEEK[0], TODAY)
        for day in (*WEEK[1::2], *reversed(WEEK[::2])):
            stage_days(one_by_one, day, day)
            publish_days(one_by_one, day, day)
        held_back = {table: len({str(staged(at_once, table, day)) for day in WEEK}) for table in TABLES}
        for table in TABLES:
            for day in WEEK:
                assert staged(at_once, table, day) == staged(one_by_one, table, day), (table, day)
        assert in_basware(at_once) == in_basware(one_by_one)
        assert in_basware(at_once)["matchingOrderLines"]
        assert held_back["order_headers"] > 1, "the days differ"
        assert held_back["suppliers"] == 1


def test_a_table_that_is_read_whole_is_one_file_for_all_days(folder: Path) -> None:
    with open_pair(folder) as pair:
        asked = pair.sandbox.syspro.requests["OData ApSupplier"]
        stage_days(pair, TODAY, TODAY, "suppliers")
        for_one_day = pair.sandbox.syspro.requests["OData ApSupplier"] - asked
        stage_days(pair, FIRST, TODAY, "suppliers")
        assert pair.sandbox.syspro.requests["OData ApSupplier"] - asked == 2 * for_one_day
        files = {pair.connector.staging.path("suppliers", "M1", day).stat().st_ino for day in DAYS}
        assert len(files) == 1


def test_a_range_reads_its_orders_once_and_tells_basware_once(folder: Path) -> None:
    with open_pair(folder, BUSY, clock=DayClock()) as pair:
        stage_days(pair, TODAY, TODAY)
        asked = dict(pair.sandbox.syspro.requests)
        stage_days(pair, FIRST, TODAY)
        for table in ("PorMasterHdr", "PorMasterDetail", "GrnDetails", "ApInvoicePay"):
            assert pair.sandbox.syspro.requests[f"OData {table}"] - asked[f"OData {table}"] <= 8
        reports = publish_days(pair, FIRST, TODAY)
        assert reports["matchingOrders"].requests == 1
        assert publish_days(pair, FIRST, TODAY)["matchingOrderLines"].requests == 0


def test_the_report_counts_every_row_of_the_range_once(folder: Path) -> None:
    with open_pair(folder, BUSY, clock=DayClock()) as pair:
        report = stage(pair.connector, pair.company, "order_headers", DateWindow(FIRST, TODAY))
        keys = {row["PurchaseOrder"] for day in DAYS for row in staged(pair, "order_headers", day)}
        assert report.rows == len(keys)


def test_a_range_of_which_a_day_is_not_staged_is_not_published(folder: Path) -> None:
    with open_pair(folder) as pair:
        for day in (DAYS[0], DAYS[2]):
            stage_days(pair, day, day)
        for entity, table in (("vendors", "suppliers"), ("matchingOrders", "order_headers")):
            with pytest.raises(Fatal, match=f"{table} of company M1 is not staged for {DAYS[1]}"):
                publish_days(pair, DAYS[0], DAYS[2], entity)


def test_an_order_of_several_readings_is_published_as_the_newest_shows_it(folder: Path) -> None:
    """The days of the range were staged by runs of their own, the first of them last."""
    with open_pair(folder, clock=DayClock()) as pair:
        pair.stage()
        pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms", "vendors")
        orders = pair.sandbox.world.tables["PorMasterHdr"]
        key = "000000000010001"
        for day in (DAYS[1], DAYS[2], DAYS[0]):
            orders.update((key,), {"OrderDueDate": day})
            stage_days(pair, day, day, "order_headers", "order_lines", "goods_receipts")
        publish_days(pair, DAYS[0], DAYS[2], "matchingOrders", "matchingOrderLines")
        (shown,) = [
            order for order in in_basware(pair)["matchingOrders"].values() if order["orderNumber"] == key
        ]
        assert str(shown["requestedDeliveryDate"]).startswith(DAYS[0].isoformat())


def test_an_error_while_the_range_is_read_leaves_no_day_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pair(folder, BUSY) as pair:
        pair.faults.arm("http_500", times=100, site="syspro.odata")
        with pytest.raises(Exception, match="PorMasterHdr"):
            stage_days(pair, FIRST, TODAY, "order_headers")
        assert not any(pair.connector.staging.path("order_headers", "M1", day).exists() for day in DAYS)
