"""SYSPRO's rows, staged as Parquet: one file per table, company and day."""

import dagster as dg

from connector_defs.flows import extraction
from connector_defs.flows.entities import STAGED, StagedTable
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.external import erp
from connector_defs.orchestration.companies import for_each_company
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource

# Lines and receipts are read for the orders staged for the same day.
_OF_STAGED_ORDERS = {"order_lines": "order_headers", "goods_receipts": "order_headers"}


def staged_key(name: str) -> dg.AssetKey:
    """Key of a staged table."""
    return dg.AssetKey(["syspro", name])


def staged_assets(days: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """One asset per staged table."""
    return [_staged(table, days) for table in STAGED]


def group_name(flow: str) -> str:
    """A flow's name as Dagster spells groups and jobs."""
    return flow.replace("-", "_")


def _staged(table: StagedTable, days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=staged_key(table.name),
        deps=[
            *(erp(source) for source in table.tables),
            *(staged_key(earlier) for name, earlier in _OF_STAGED_ORDERS.items() if name == table.name),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=group_name(table.group),
        kinds={"parquet"},
        description=f"SYSPRO {', '.join(table.tables)} as read over OData, staged unchanged as Parquet.",
    )
    def staged(context: dg.AssetExecutionContext, connector: ConnectorResource) -> dg.MaterializeResult[None]:
        reports = for_each_company(
            context,
            connector,
            f"syspro/{table.name}",
            lambda company: extraction.stage(connector.connector, company, table.name, window(context)),
        )
        return dg.MaterializeResult(metadata={**tables.staged(reports.done), **reports.failure_metadata})

    return staged
