"""When the schedules run, and for which days."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import get_args

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from connector_defs import definitions
from connector_defs.flows.entities import ENTITIES
from connector_defs.orchestration.schedules import schedules
from connector_defs.orchestration.sensors import sensors
from connector_defs.settings import Published, ScheduleSettings


def requested(settings: ScheduleSettings, name: str, moment: datetime) -> dg.RunRequest | str | None:
    """What the schedule of a site with these settings asks for at that moment."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setattr(definitions, "schedule_settings", lambda: settings)
        repository = definitions.build_defs().get_repository_def()
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=moment, repository_def=repository
        )
        result = repository.get_schedule_def(name).evaluate_tick(context)
    return result.run_requests[0] if result.run_requests else result.skip_message


@pytest.mark.parametrize(
    ("settings", "cron"),
    [
        (ScheduleSettings(hour=4), "0 4 * * *"),
        (ScheduleSettings(master_data="weekly", hour=22, weekday=6), "0 22 * * 6"),
        (ScheduleSettings(master_data="15 4 * * 1-5"), "15 4 * * 1-5"),
    ],
)
def test_the_cadence_is_the_setting(settings: ScheduleSettings, cron: str) -> None:
    schedule = next(found for found in schedules(settings) if found.name == "master_data")
    assert schedule.cron_schedule == cron
    assert schedule.execution_timezone == settings.timezone


def test_a_daily_run_is_for_its_own_day_in_the_zone_of_the_site() -> None:
    settings = ScheduleSettings(timezone="Asia/Tokyo")
    request = requested(settings, "master_data", datetime(2026, 11, 19, 20, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-20"


def test_a_weekly_run_covers_its_seven_days_at_once() -> None:
    settings = ScheduleSettings(purchase_orders="weekly")
    request = requested(settings, "purchase_orders", datetime(2026, 11, 16, 5, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key is None
    assert request.tags["dagster/asset_partition_range_start"] == "2026-11-10"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-16"


def test_a_first_week_begins_with_the_first_day() -> None:
    settings = ScheduleSettings(purchase_orders="weekly", first_day="2026-11-14")
    request = requested(settings, "purchase_orders", datetime(2026, 11, 16, 5, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2026-11-14"


def test_reconciliation_takes_the_day_that_is_complete() -> None:
    request = requested(ScheduleSettings(), "reconcile", datetime(2026, 11, 16, 5, 30, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-15"


def test_there_is_nothing_to_reconcile_on_the_first_day() -> None:
    settings = ScheduleSettings(first_day="2026-11-16")
    skipped = requested(settings, "reconcile", datetime(2026, 11, 16, 5, 30, tzinfo=UTC))
    assert skipped == "2026-11-15 is before the first day, 2026-11-16."


def keys(*paths: str) -> set[dg.AssetKey]:
    return {dg.AssetKey(path.split("/")) for path in paths}


def test_an_entity_with_a_cron_line_runs_by_it_and_is_left_out_of_its_flow() -> None:
    settings = ScheduleSettings(entities={"vendors": "0 3 * * 1", "matchingOrders": "0 * * * *"})
    monday = datetime(2026, 11, 16, 3, tzinfo=UTC)
    alone = requested(settings, "master_data_vendors", monday)
    assert isinstance(alone, dg.RunRequest)
    assert alone.partition_key == "2026-11-16"
    assert set(alone.asset_selection or ()) == keys(
        "syspro/suppliers", "syspro/supplier_addresses", "basware/vendors"
    )
    rest = requested(settings, "master_data", monday)
    assert isinstance(rest, dg.RunRequest)
    chosen = set(rest.asset_selection or ())
    assert not chosen & keys("syspro/suppliers", "basware/vendors")
    assert chosen >= keys("syspro/gl_accounts", "basware/accounts", "basware/taxCodes")
    lines = requested(settings, "purchase_orders", monday)
    assert isinstance(lines, dg.RunRequest)
    assert set(lines.asset_selection or ()) == keys(
        "syspro/order_headers", "syspro/order_lines", "syspro/goods_receipts", "basware/matchingOrderLines"
    ), "lines are staged with their orders"


def test_a_flow_without_own_entities_is_run_whole() -> None:
    request = requested(ScheduleSettings(), "master_data", datetime(2026, 11, 16, 5, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection is None


def test_a_flow_of_which_every_entity_has_its_own_schedule_has_none() -> None:
    settings = ScheduleSettings(entities={"matchingOrders": "0 * * * *", "matchingOrderLines": "5 * * * *"})
    names = {schedule.name for schedule in schedules(settings)}
    assert "purchase_orders" not in names
    assert names >= {"purchase_orders_matchingOrders", "purchase_orders_matchingOrderLines", "master_data"}


def test_every_entity_can_have_a_schedule() -> None:
    assert set(get_args(Published)) == {entity.name for entity in ENTITIES}


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("America/New_York", datetime(2026, 3, 6, 12, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 10, 30, 12, tzinfo=UTC)),
        # The clocks skip, and repeat, the hour of midnight.
        ("America/Havana", datetime(2026, 3, 6, 12, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 10, 30, 12, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 3, 12, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("cron", ["30 2 * * *", "30 0 * * *", "0 1 * * *", "0 0 * * *"])
def test_every_business_day_is_run_once_when_the_clocks_change(zone: str, first: datetime, cron: str) -> None:
    settings = ScheduleSettings(timezone=zone, master_data=cron)
    ticks = schedule_execution_time_iterator(first.timestamp(), cron, zone)
    days = []
    for moment in islice(ticks, 6):
        request = requested(settings, "master_data", moment)
        assert isinstance(request, dg.RunRequest)
        days.append(date.fromisoformat(str(request.partition_key)))
    assert days == [days[0] + timedelta(days=number) for number in range(6)]


def test_a_flow_that_is_not_in_use_is_neither_scheduled_nor_looked_for() -> None:
    settings = ScheduleSettings(flows=("master_data",), entities={"matchingOrders": "0 3 * * *"})
    assert {schedule.name for schedule in schedules(settings)} == {"master_data", "reconcile"}
    assert {sensor.name for sensor in sensors(settings)} == {"open_requests", "run_failure_alert"}
    assert {"approved_invoices", "due_invoices"} <= {sensor.name for sensor in sensors(ScheduleSettings())}
