"""Business days as Dagster partitions.

Belongs here: the calendar (first day, zone) and the way from partition keys to a `DateWindow`.
Does not belong here: what a flow does with the days.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from connector_defs.flows.reports import DateWindow
from connector_defs.settings import ScheduleSettings, SettingsError
from connector_defs.settings_reading import read_tree, validated_section

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def schedule_settings() -> ScheduleSettings:
    """When things run at this site; the defaults where they cannot be read.

    Definitions must load on a machine without settings, and without the store that its secrets may lie in: the UI
    then shows what there is, and every run, sensor and command names the missing settings by itself.
    """
    try:
        return validated_section(read_tree(), "schedules", ScheduleSettings)
    except SettingsError:
        return ScheduleSettings()


def business_days(schedules: ScheduleSettings) -> dg.DailyPartitionsDefinition:
    """One partition a day from `first_day` to today: today is open while it lasts, hence the offset of one."""
    return dg.DailyPartitionsDefinition(
        start_date=schedules.first_day, timezone=schedules.timezone, end_offset=1
    )


def today(schedules: ScheduleSettings) -> date:
    """The business day of this moment in the zone of the schedules."""
    return datetime.now(ZoneInfo(schedules.timezone)).date()


def range_tags(days: DateWindow) -> dict[str, str]:
    """What makes one Dagster run of a range of days."""
    return {RANGE_START: days.first.isoformat(), RANGE_END: days.last.isoformat()}


def window(context: dg.AssetExecutionContext) -> DateWindow:
    """The days of this run: one partition, or the whole range of a single-run backfill."""
    days = context.partition_key_range
    return DateWindow(date.fromisoformat(days.start), date.fromisoformat(days.end))
