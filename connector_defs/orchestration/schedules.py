"""When the flows run by themselves.

Belongs here: cadence -> cron line and days of a run. The schedules are on as soon as the daemon runs.
"""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from connector_defs.orchestration.jobs import ENRICHMENT, MASTER_DATA, PAYMENTS, PURCHASE_ORDERS, RECONCILE
from connector_defs.settings import Cadence, ScheduleSettings

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def schedules(settings: ScheduleSettings) -> list[dg.ScheduleDefinition]:
    """Master data, purchase orders, payments and enrichment by their own cadence, reconciliation every day."""
    return [
        _flow(MASTER_DATA, settings.master_data, settings),
        _flow(PURCHASE_ORDERS, settings.purchase_orders, settings),
        _flow(PAYMENTS, settings.payments, settings),
        _flow(ENRICHMENT, settings.enrichment, settings),
        _reconciliation(settings),
    ]


def _flow(job: str, cadence: Cadence, settings: ScheduleSettings) -> dg.ScheduleDefinition:
    days = 7 if cadence == "weekly" else 1
    weekday = str(settings.weekday) if cadence == "weekly" else "*"

    @dg.schedule(
        name=job,
        job_name=job,
        cron_schedule=f"0 {settings.hour} * * {weekday}",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Runs {job} {cadence}, for the last {days} days in one run. On as soon as the daemon runs."
            if days > 1
            else f"Runs {job} {cadence}, for the day itself. On as soon as the daemon runs."
        ),
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return days_until(_day_of(context, settings), days, settings)

    return scheduled


def _reconciliation(settings: ScheduleSettings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=RECONCILE,
        job_name=RECONCILE,
        cron_schedule=f"30 {settings.hour} * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Reconciles the day before, which is complete. On as soon as the daemon runs.",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return days_until(_day_of(context, settings) - timedelta(days=1), 1, settings)

    return scheduled


def days_until(last: date, days: int, settings: ScheduleSettings) -> dg.RunRequest | dg.SkipReason:
    """One run over the `days` days that end with `last`, none of them before the first day there is."""
    earliest = date.fromisoformat(settings.first_day)
    if last < earliest:
        return dg.SkipReason(f"{last} is before the first day, {earliest}.")
    first = max(last - timedelta(days=days - 1), earliest)
    if first == last:
        return dg.RunRequest(partition_key=last.isoformat())
    return dg.RunRequest(tags={_RANGE_START: first.isoformat(), _RANGE_END: last.isoformat()})


def _day_of(context: dg.ScheduleEvaluationContext, settings: ScheduleSettings) -> date:
    return context.scheduled_execution_time.astimezone(ZoneInfo(settings.timezone)).date()
