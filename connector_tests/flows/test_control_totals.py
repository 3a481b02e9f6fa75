"""Every row that SYSPRO gave is accounted for, and a run that loses one says so."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import delete, update

from connector_defs.domain.errors import RetryLater
from connector_defs.flows import control_totals
from connector_defs.flows.control_totals import latest, with_totals
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.record_reports import ControlTotals
from connector_defs.flows.reports import PublishReport
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import control, tables
from connector_defs.syspro.odata import ODataClient
from connector_tests.flows.pair import SUPPLIER, TODAY, Pair, open_pair

LINES = "matchingOrderLines"
ORDER = "000000000010001"


def counted(pair: Pair, *names: str) -> dict[str, PublishReport]:
    """Publish, with control totals."""
    return {
        name: with_totals(pair.connector, pair.company, report, TODAY)
        for name, report in pair.publish(*names).items()
    }


def totals_of(report: PublishReport) -> ControlTotals:
    assert report.totals is not None
    return report.totals


def assert_add_up(totals: ControlTotals) -> None:
    """The sums, written apart from those of the flow."""
    assert totals.differences == ()
    assert totals.rows == totals.staged + totals.left_out
    assert totals.staged == (
        totals.unchanged + totals.sent - totals.closed + totals.held + totals.in_flight + totals.quarantined
    )
    assert totals.sent + totals.carried == totals.confirmed + totals.refused + totals.pending
    for money in totals.money:
        assert money.syspro == (
            money.confirmed + money.in_flight + money.held + money.refused + money.quarantined
        )


def test_the_totals_of_every_entity_add_up_from_the_first_load_on(staged: Pair) -> None:
    first = {name: totals_of(report) for name, report in counted(staged).items()}
    again = {name: totals_of(report) for name, report in counted(staged).items()}
    for totals in (*first.values(), *again.values()):
        assert_add_up(totals)
    vendors = first["vendors"]
    assert (vendors.rows, vendors.counted, vendors.confirmed, vendors.quarantined) == (12, 12, 10, 2)
    assert (again["vendors"].unchanged, again["vendors"].sent) == (10, 0)
    lines = first[LINES]
    held = [row for row in staged.sandbox.world.tables["PorMasterDetail"] if row["LineType"] == "6"]
    assert lines.left_out <= len(held)
    assert lines.counted is None, "lines are chosen by order: SYSPRO's own count says nothing of them"


def test_the_value_of_order_lines_is_that_of_the_lines_in_basware(staged: Pair) -> None:
    money = totals_of(counted(staged)[LINES]).money
    there: dict[str, Decimal] = {}
    for line in staged.sandbox.basware.in_target[LINES].values():
        there[line["currencyCode"]] = there.get(line["currencyCode"], Decimal(0)) + Decimal(line["netSum"])
    assert {one.currency: one.confirmed for one in money} == there
    assert {one.currency: one.syspro for one in money} == there
    assert sum(one.lines for one in money) == len(staged.sandbox.basware.in_target[LINES])


def test_held_refused_and_quarantined_lines_keep_their_value_in_the_totals(pair: Pair) -> None:
    detail = pair.sandbox.world.tables["PorMasterDetail"]
    detail.update((ORDER, 1), {"MOrderQty": Decimal(0)})
    pair.stage()
    pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms", "vendors")
    held = totals_of(counted(pair, LINES)[LINES])
    assert_add_up(held)
    assert held.unvalued == held.staged - sum(one.lines for one in held.money)
    assert all(one.syspro == one.held > 0 for one in held.money)
    pair.publish("matchingOrders")
    pair.faults.arm("target_error", times=1, match="/matchingOrderLines")
    report = counted(pair, LINES)[LINES]
    refused = totals_of(report)
    assert_add_up(refused)
    assert refused.refused > 0
    assert refused.quarantined == 1
    assert any(one.refused > 0 for one in refused.money)


def test_what_is_on_its_way_is_told_apart_from_what_is_held(folder: Path) -> None:
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        first = totals_of(counted(pair, "taxCodes")["taxCodes"])
        assert_add_up(first)
        assert (first.pending, first.in_flight) == (5, 0)
        pair.sandbox.world.tables["AdmTax"].update(("S",), {"CurTaxRate": Decimal("9.5")})
        pair.stage("tax_codes")
        second = totals_of(counted(pair, "taxCodes")["taxCodes"])
        assert_add_up(second)
        assert (second.in_flight, second.held, second.unchanged) == (1, 0, 4)
        assert (second.carried, second.pending) == (5, 5)
        pair.sandbox.basware.finish_processing()
        third = totals_of(counted(pair, "taxCodes")["taxCodes"])
        assert_add_up(third)
        assert (third.carried, third.sent, third.unchanged) == (0, 1, 4)


def test_a_record_that_is_gone_counts_as_closed(published: Pair) -> None:
    assert published.sandbox.world.tables["AdmTax"].delete(("B",))
    published.stage("tax_codes")
    totals = totals_of(counted(published, "taxCodes")["taxCodes"])
    assert_add_up(totals)
    assert (totals.closed, totals.staged, totals.unchanged) == (1, 4, 4)


def test_a_line_taken_back_in_basware_counts_as_quarantined(published: Pair) -> None:
    published.sandbox.world.tables["PorMasterDetail"].update((ORDER, 1), {"MOrderQty": Decimal(0)})
    published.stage("order_lines")
    totals = totals_of(counted(published, LINES)[LINES])
    assert_add_up(totals)
    assert (totals.quarantined, totals.closed) == (1, 1)


@pytest.mark.parametrize("habit", ["ignored", "refused"])
def test_a_service_that_counts_nothing_itself_is_no_difference(folder: Path, habit: Any) -> None:
    with open_pair(folder, syspro_options=SysproOptions(count=habit)) as pair:
        pair.stage()
        totals = totals_of(counted(pair, "vendors")["vendors"])
        assert totals.counted is None
        assert_add_up(totals)


def test_a_row_that_reading_loses_is_named_with_both_numbers(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ODataClient.batches

    def lossy(client: ODataClient, table: Any, **options: Any) -> Iterator[pa.RecordBatch]:
        for batch in read(client, table, **options):
            yield batch.slice(0, batch.num_rows - 1)

    monkeypatch.setattr(ODataClient, "batches", lossy)
    pair.stage("suppliers", "supplier_addresses")
    report = counted(pair, "vendors")["vendors"]
    text = "rows that SYSPRO counts, and rows read: 12 and 11, a difference of 1"
    assert totals_of(report).differences == (text,)
    assert [(problem.code, problem.reason) for problem in report.problems][-1] == ("TOTALS_DIFFER", text)


def test_totals_add_up_in_the_run_after_an_outage_amid_the_batches(pair: Pair) -> None:
    detail = pair.sandbox.world.tables["PorMasterDetail"]
    model = detail.get(ORDER, 1)
    assert model is not None
    for number in range(100, 250):
        detail.insert({**model, "Line": number})
    pair.stage()
    pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms", "vendors", "matchingOrders")
    pair.faults.arm("latency", site="basware.entities.write", seconds=0.3)
    pair.faults.arm("http_503", times=1000, site="basware.entities.write")
    with pytest.raises(RetryLater):
        pair.publish(LINES)
    pair.faults.disarm()
    totals = totals_of(counted(pair, LINES)[LINES])
    assert_add_up(totals)
    assert (totals.unchanged, totals.sent) == (100, totals.staged - 100)


def test_a_count_of_another_day_is_not_compared(staged: Pair) -> None:
    with staged.connector.store.write() as connection:
        connection.execute(update(tables.staged_table).values(counted=99, day="2026-01-01"))
    assert_add_up(totals_of(counted(staged, "vendors")["vendors"]))


def test_a_record_that_the_store_lost_is_named(staged: Pair) -> None:
    report = staged.publish("vendors")["vendors"]
    with staged.connector.store.write() as connection:
        connection.execute(delete(tables.published_record).where(tables.published_record.c.key == SUPPLIER))
    totals = totals_of(with_totals(staged.connector, staged.company, report, TODAY))
    assert totals.differences == (
        f"1 staged record(s) have no state here, or one of an older form: {SUPPLIER}",
    )


def test_many_lost_records_are_named_by_the_first_few(staged: Pair) -> None:
    report = staged.publish("vendors")["vendors"]
    staged.sandbox.world.tables["ApSupplier"].update((SUPPLIER,), {"SupplierName": "Renamed"})
    with staged.connector.store.write() as connection:
        connection.execute(update(tables.published_record).values(hash="older"))
    (text,) = totals_of(with_totals(staged.connector, staged.company, report, TODAY)).differences
    assert text.startswith("10 staged record(s)")
    assert text.endswith(" …")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"staged": 13}, "rows read, and records made of them: 12 and 13, a difference of 1"),
        (
            {"confirmed": 9},
            "records sent now or before, and records confirmed, refused or without an outcome: 10 and 9",
        ),
        ({"quarantined": 1}, "on their way, quarantined or superseded: 12 and 11, a difference of 1"),
    ],
)
def test_a_run_whose_own_count_is_off_is_found_out(staged: Pair, change: dict[str, int], text: str) -> None:
    report = replace(staged.publish("vendors")["vendors"], **change)  # type: ignore[arg-type]
    assert text in "\n".join(
        totals_of(with_totals(staged.connector, staged.company, report, TODAY)).differences
    )


def test_value_that_stands_nowhere_is_named_by_currency(staged: Pair) -> None:
    report = staged.publish()[LINES]
    with staged.connector.store.write() as connection:
        connection.execute(
            delete(tables.published_record).where(tables.published_record.c.key == f"{ORDER}/1")
        )
    differences = totals_of(with_totals(staged.connector, staged.company, report, TODAY)).differences
    (text,) = [text for text in differences if text.startswith("value of order lines in")]
    assert "accounted for, a difference of" in text


def test_the_last_totals_of_each_entity_are_kept_exactly(staged: Pair) -> None:
    counted(staged)
    staged.connector.clock.wait(60)
    reports = counted(staged)
    assert {one.entity: one for one in latest(staged.connector)} == {
        name: totals_of(report) for name, report in reports.items()
    }
    with staged.connector.store.read() as connection:
        assert len(control.latest_totals(connection)) == len(ENTITIES)
        kept = connection.execute(tables.control_total.select()).all()
    assert len(kept) == 2 * len(ENTITIES), "every run's are"


def test_the_code_of_a_difference_is_one_that_scripts_may_look_for() -> None:
    assert control_totals.CODE == "TOTALS_DIFFER"
