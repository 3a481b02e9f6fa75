"""What Basware has never goes back in time: late and parallel runs publish nothing that is older."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from connector_defs.flows.entities import entity as entity_named
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import PublishReport
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import audit, records
from connector_tests.flows.days import DayClock, in_basware, stage_days
from connector_tests.flows.pair import SUPPLIER, TODAY, Pair, open_pair
from connector_tests.flows.published import ORDER, refresh

YESTERDAY = TODAY - timedelta(days=1)
SUPPLIERS = ("suppliers", "supplier_addresses")

CASES = [
    ("vendors", "ApSupplier", (SUPPLIER,), "SupplierName", ("Oldest Ltd", "Older Ltd", "Newest Ltd")),
    ("accounts", "GenMaster", ("M1", "00-6000"), "Description", ("oldest", "older", "newest")),
    (
        "matchingOrders",
        "PorMasterHdr",
        (ORDER,),
        "OrderDueDate",
        (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=2)),
    ),
    ("matchingOrderLines", "PorMasterDetail", (ORDER, 1), "MStockDes", ("oldest", "older", "newest")),
]


def needed_by(entity: str) -> list[str]:
    """What must be confirmed before it, the first first."""
    dependency = entity_named(entity).depends_on
    return [*needed_by(dependency), dependency] if dependency else []


def late(pair: Pair, entity: str) -> PublishReport:
    """A run that staged yesterday's partition long ago publishes it only now."""
    return publish(pair.connector, pair.company, entity, YESTERDAY)


@pytest.mark.parametrize(("entity", "table", "key", "column", "values"), CASES)
@pytest.mark.parametrize("told_between", [False, True], ids=["unchanged since", "changed since"])
def test_a_row_read_before_what_basware_was_told_is_superseded(
    folder: Path,
    entity: str,
    table: str,
    key: tuple[Value, ...],
    column: str,
    values: tuple[Value, ...],
    told_between: bool,
) -> None:
    oldest, older, newest = values
    with open_pair(folder, clock=DayClock()) as pair:
        rows = pair.sandbox.world.tables[table]
        rows.update(key, {column: oldest})
        refresh(pair, *needed_by(entity), entity)
        rows.update(key, {column: older})
        stage_days(pair, YESTERDAY, YESTERDAY, *entity_named(entity).sources)
        # The second reading shows either something new, or again what Basware has.
        rows.update(key, {column: newest if told_between else oldest})
        refresh(pair, entity)
        before = in_basware(pair)
        report = late(pair, entity)
        assert (report.superseded, report.sent) == (1, 0)
        assert in_basware(pair) == before
        assert report.staged == report.unchanged + report.quarantined + report.held + report.superseded


def test_a_record_that_came_after_an_older_reading_is_not_gone(folder: Path) -> None:
    with open_pair(folder, clock=DayClock()) as pair:
        suppliers = pair.sandbox.world.tables["ApSupplier"]
        model = suppliers.get(SUPPLIER)
        assert model is not None
        refresh(pair, "vendors")
        stage_days(pair, YESTERDAY, YESTERDAY, *SUPPLIERS)
        suppliers.insert({**model, "Supplier": "000000000000099", "TaxRegnNum": "99"})
        pair.stage(*SUPPLIERS)
        pair.publish("vendors")
        before = in_basware(pair)
        assert late(pair, "vendors").deactivated == 0
        assert in_basware(pair) == before


def test_a_supplier_that_is_gone_does_not_come_back_with_an_older_reading(folder: Path) -> None:
    with open_pair(folder, clock=DayClock()) as pair:
        gone = "000000000000005"
        stage_days(pair, YESTERDAY, YESTERDAY, *SUPPLIERS)
        refresh(pair, "vendors")
        pair.sandbox.world.tables["ApSupplier"].delete((gone,))
        pair.stage(*SUPPLIERS)
        assert pair.publish("vendors")["vendors"].deactivated == 1
        before = in_basware(pair)
        assert late(pair, "vendors").sent == 0
        assert in_basware(pair) == before


def test_an_older_reading_still_brings_the_orders_that_no_newer_one_shows(folder: Path) -> None:
    """A day long past is published late: its completed orders are in no other reading."""
    with open_pair(folder, clock=DayClock()) as pair:
        completed = "000000000010004"
        order = pair.sandbox.world.tables["PorMasterHdr"].get(completed)
        assert order is not None
        day = order["DatePoCompleted"]
        stage_days(pair, day, day)  # type: ignore[arg-type]
        pair.sync()
        numbers = {one["orderNumber"] for one in in_basware(pair)["matchingOrders"].values()}
        assert completed not in numbers
        for entity in ("matchingOrders", "matchingOrderLines"):
            report = publish(pair.connector, pair.company, entity, day)  # type: ignore[arg-type]
            assert report.confirmed > 0
        (shown,) = [
            one for one in in_basware(pair)["matchingOrders"].values() if one["orderNumber"] == completed
        ]
        assert shown["isClosed"] is True


def test_a_run_that_broke_off_keeps_what_it_told_from_an_older_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a reading that is published to its end counts for all its rows; a record counts for itself."""
    with open_pair(folder, clock=DayClock()) as pair:
        rows = pair.sandbox.world.tables["ApSupplier"]
        refresh(pair, "vendors")
        rows.update((SUPPLIER,), {"SupplierName": "Older Ltd"})
        stage_days(pair, YESTERDAY, YESTERDAY, *SUPPLIERS)
        rows.update((SUPPLIER,), {"SupplierName": "Newest Ltd"})
        pair.stage(*SUPPLIERS)
        with monkeypatch.context() as patch:
            patch.setattr("connector_defs.flows.comparison.Comparison.remember", _die)
            with pytest.raises(KeyboardInterrupt):
                pair.publish("vendors")
        before = in_basware(pair)
        assert late(pair, "vendors").superseded == 1
        assert in_basware(pair) == before


def _die(_: object) -> None:
    raise KeyboardInterrupt


def test_a_partition_of_a_version_that_noted_no_reading_is_published_where_nothing_newer_is(
    folder: Path,
) -> None:
    with open_pair(folder, clock=DayClock()) as pair:
        pair.stage()
        for name in ("payment_terms", "tax_codes"):
            path = pair.connector.staging.path(name, "M1", TODAY)
            rows = pq.read_table(path)
            pq.write_table(rows.replace_schema_metadata(None), path)
        assert pair.publish("paymentTerms")["paymentTerms"].confirmed > 0
        assert pair.publish("taxCodes")["taxCodes"].confirmed > 0
        pair.sandbox.world.tables["TblApTerms"].update(("30",), {"Description": "thirty"})
        stage_days(pair, YESTERDAY, YESTERDAY, "payment_terms")
        assert late(pair, "paymentTerms").sent == 1
        assert pair.publish("paymentTerms")["paymentTerms"].superseded == 1


def test_a_rate_with_a_date_is_told_as_of_the_reading_whatever_day_is_filled_up(folder: Path) -> None:
    with open_pair(folder, clock=DayClock()) as pair:
        pair.sandbox.world.tables["AdmTax"].update(("S",), {"TaxEffDate": YESTERDAY})
        refresh(pair, "taxCodes")
        before = in_basware(pair)
        long_ago = TODAY - timedelta(days=30)
        stage_days(pair, long_ago, long_ago, "tax_codes")
        assert publish(pair.connector, pair.company, "taxCodes", long_ago).sent == 0
        assert in_basware(pair) == before


def test_a_record_keeps_when_it_was_read_and_the_audit_covers_it(folder: Path) -> None:
    clock = DayClock()
    with open_pair(folder, clock=clock) as pair:
        begun = clock.now()
        refresh(pair, "vendors")
        with pair.connector.store.read() as connection:
            record = records.by_keys(connection, "vendors", "M1", [SUPPLIER])[SUPPLIER]
        assert begun < record.read_at < record.updated_at
        assert audit.verify(pair.connector.store).ok
        with pair.connector.store.write() as connection:
            connection.exec_driver_sql(
                "UPDATE published_record SET read_at = '2030-01-01T00:00:00.000000Z' WHERE entity = 'vendors'"
            )
        assert not audit.verify(pair.connector.store).ok


def test_a_run_under_a_clock_set_wrong_keeps_nothing_from_being_published(folder: Path) -> None:
    clock = DayClock(date(2035, 1, 1))
    with open_pair(folder, clock=clock) as pair:
        refresh(pair, "vendors")
        clock.go_to(TODAY)
        pair.sandbox.world.tables["ApSupplier"].update((SUPPLIER,), {"SupplierName": "Newest Ltd"})
        pair.sandbox.world.tables["ApSupplier"].delete(("000000000000005",))
        pair.stage(*SUPPLIERS)
        report = pair.publish("vendors")["vendors"]
        assert (report.superseded, report.sent, report.deactivated) == (0, 2, 1)
        stage_days(pair, YESTERDAY, YESTERDAY, *SUPPLIERS)
        pair.stage(*SUPPLIERS)
        pair.publish("vendors")
        assert late(pair, "vendors").sent == 0, "readings count again"
