"""When the schedules run, and for which days."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from connector_defs import definitions
from connector_defs.orchestration.schedules import schedules
from connector_defs.settings import ScheduleSettings


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
