"""Entities published to Basware: each compares what is staged with what Basware has confirmed."""

import dagster as dg

from connector_defs.flows import control_totals, publishing
from connector_defs.flows.entities import ENTITIES, Entity
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.staged import group_name, staged_key
from connector_defs.orchestration.companies import for_each_company
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource

# Two runs that publish the same entity would each send what the other has not yet confirmed.
PUBLISHING_POOL = "basware_publishing"


def published_key(entity: str) -> dg.AssetKey:
    """Key of a published entity, named as Basware's endpoint."""
    return dg.AssetKey(["basware", entity])


def published_assets(days: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """One asset per entity, in Basware's order of dependency."""
    return [_published(entity, days) for entity in ENTITIES]


def _published(entity: Entity, days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=published_key(entity.name),
        deps=[
            *(staged_key(source) for source in entity.sources),
            *([published_key(entity.depends_on)] if entity.depends_on else []),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=group_name(entity.group),
        kinds={"basware"},
        pool=PUBLISHING_POOL,
        description=(
            f"Changes of {entity.name}, sent to Basware in full batches and confirmed record by record. "
            "An unchanged night sends nothing."
        ),
    )
    def published(
        context: dg.AssetExecutionContext, connector: ConnectorResource
    ) -> dg.MaterializeResult[None]:
        days = window(context)
        reports = for_each_company(
            context,
            connector,
            f"basware/{entity.name}",
            lambda company: control_totals.with_totals(
                connector.connector,
                company,
                publishing.publish(connector.connector, company, entity.name, days.last, first=days.first),
                days.last,
                first=days.first,
            ),
        )
        return dg.MaterializeResult(metadata={**tables.published(reports.done), **reports.failure_metadata})

    return published
