"""When the flows run by themselves.

Belongs here: cadence -> cron line and days of a run; entities with a cron line of their own. The schedules are on as
soon as the daemon runs. A cron line is one of the zone of the site, where Dagster runs an hour that the clocks skip
once, after the gap, and one that they repeat once; the day of a run is the business day of its tick in that zone.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from connector_defs.flows.entities import ENTITIES, Entity
from connector_defs.flows.reports import DateWindow
from connector_defs.orchestration.assets.staged import group_name
from connector_defs.orchestration.jobs import ENRICHMENT, MASTER_DATA, PAYMENTS, PURCHASE_ORDERS, RECONCILE
from connector_defs.orchestration.partitions import range_tags
from connector_defs.orchestration.selection import assets_of, entities_of
from connector_defs.settings import Cadence, ScheduleSettings


def schedules(settings: ScheduleSettings) -> list[dg.ScheduleDefinition]:
    """Master data, purchase orders, payments and enrichment by their own cadence, reconciliation every day.

    An entity with a cron line of its own has a schedule of its own and is left out of its flow's. A flow that is not
    in use has none.
    """
    crons: dict[str, str] = dict(settings.entities.items())
    in_use: Sequence[str] = settings.flows
    single = [entity for entity in ENTITIES if entity.name in crons and group_name(entity.group) in in_use]
    cadences = {
        MASTER_DATA: settings.master_data,
        PURCHASE_ORDERS: settings.purchase_orders,
        PAYMENTS: settings.payments,
        ENRICHMENT: settings.enrichment,
    }
    return [
        *(one for job, cadence in cadences.items() if job in in_use for one in _flow(job, cadence, settings)),
        *(_entity(entity, crons[entity.name], settings) for entity in single),
        _reconciliation(settings),
    ]


def _flow(job: str, cadence: Cadence, settings: ScheduleSettings) -> list[dg.ScheduleDefinition]:
    """The schedule of a flow; none where each of its entities has its own."""
    entities = entities_of([job])
    rest = [entity for entity in entities if entity.name not in settings.entities]
    if entities and not rest:
        return []
    selection = assets_of(rest) if len(rest) < len(entities) else None
    days = 7 if cadence == "weekly" else 1
    told = f"{cadence}, for the last 7 days in one run" if days > 1 else f"{cadence}, for the day itself"
    without = f", without {', '.join(sorted({e.name for e in entities} - {e.name for e in rest}))}"

    @dg.schedule(
        name=job,
        job_name=job,
        cron_schedule=_cron(cadence, settings),
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs {job} {told}{without if selection else ''}. On as soon as the daemon runs.",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return days_until(_day_of(context, settings), days, settings, selection)

    return [scheduled]


def _cron(cadence: Cadence, settings: ScheduleSettings) -> str:
    match cadence:
        case "daily":
            return f"0 {settings.hour} * * *"
        case "weekly":
            return f"0 {settings.hour} * * {settings.weekday}"
        case _:
            return cadence


def _entity(entity: Entity, cron: str, settings: ScheduleSettings) -> dg.ScheduleDefinition:
    job = group_name(entity.group)
    selection = assets_of([entity])

    @dg.schedule(
        name=f"{job}_{entity.name}",
        job_name=job,
        cron_schedule=cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs {entity.name} alone ({cron}), for the day itself. On as soon as the daemon runs.",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return days_until(_day_of(context, settings), 1, settings, selection)

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


def days_until(
    last: date, days: int, settings: ScheduleSettings, selection: Sequence[dg.AssetKey] | None = None
) -> dg.RunRequest | dg.SkipReason:
    """One run over the `days` days that end with `last`, none of them before the first day there is."""
    earliest = date.fromisoformat(settings.first_day)
    if last < earliest:
        return dg.SkipReason(f"{last} is before the first day, {earliest}.")
    first = max(last - timedelta(days=days - 1), earliest)
    if first == last:
        return dg.RunRequest(partition_key=last.isoformat(), asset_selection=selection)
    return dg.RunRequest(tags=range_tags(DateWindow(first, last)), asset_selection=selection)


def _day_of(context: dg.ScheduleEvaluationContext, settings: ScheduleSettings) -> date:
    return context.scheduled_execution_time.astimezone(ZoneInfo(settings.timezone)).date()
