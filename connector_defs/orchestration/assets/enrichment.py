"""Suppliers enriched from Basware: what differs as a table, then what was written to SYSPRO.

Dagster never repeats either by itself: what became of a change whose answer was lost is seen by the flow.
"""

from datetime import date

import dagster as dg

from connector_defs.flows import enrichment, supplier_updates
from connector_defs.orchestration import enrichment_tables
from connector_defs.orchestration.assets.external import erp, p2p
from connector_defs.orchestration.assets.invoices import POSTING_POOL
from connector_defs.orchestration.companies import StepReports, for_each_company
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource

VENDOR_ENRICHMENT = dg.AssetKey(["basware", "vendor_enrichment"])
SUPPLIER_UPDATES = dg.AssetKey(["syspro", "supplier_updates"])
ENRICHMENT_GROUP = "enrichment"

ENRICHMENT_POOL = "basware_enrichment"


def enrichment_assets(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The comparison, and what follows from it."""
    return [_compared(days), _written(days)]


def _compared(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        key=VENDOR_ENRICHMENT,
        deps=[p2p("vendors"), erp("TblApTerms")],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=ENRICHMENT_GROUP,
        kinds={"basware"},
        pool=ENRICHMENT_POOL,
        description=(
            "Payment terms and tax ids that Basware's vendors have otherwise than SYSPRO's suppliers: what would "
            "change there, what waits for approval, what needs a person. Today reads what is new; an earlier day reads "
            "the vendors sent since then."
        ),
    )
    def compared(
        context: dg.AssetExecutionContext, connector: ConnectorResource
    ) -> dg.MaterializeResult[None]:
        since = _reread_from(window(context).first, days)
        reports = for_each_company(
            context,
            connector,
            "basware/vendor_enrichment",
            lambda company: enrichment.compare(connector.connector, company, updated_from=since),
        )
        return dg.MaterializeResult(
            metadata={**enrichment_tables.compared(reports.done), **reports.failure_metadata}
        )

    return compared


def _written(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        key=SUPPLIER_UPDATES,
        deps=[VENDOR_ENRICHMENT],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=ENRICHMENT_GROUP,
        kinds={"syspro"},
        # It borrows an operator's session.
        pool=POSTING_POOL,
        description="Approved changes of suppliers, written by APSSSP one by one and read back in SYSPRO.",
    )
    def written(
        context: dg.AssetExecutionContext, connector: ConnectorResource
    ) -> dg.MaterializeResult[None]:
        reports = for_each_company(
            context,
            connector,
            "syspro/supplier_updates",
            lambda company: supplier_updates.update_suppliers(connector.connector, company),
        )
        outages = {
            report.company: "; ".join(one.reason for one in report.outages)
            for report in reports.done
            if report.outages
        }
        failures = StepReports(reports.done, {**reports.failed, **outages}).failure_metadata
        return dg.MaterializeResult(metadata={**enrichment_tables.written(reports.done), **failures})

    return written


def _reread_from(first: date, days: dg.DailyPartitionsDefinition) -> date | None:
    newest = days.get_last_partition_key()
    return None if newest is None or first >= date.fromisoformat(newest) else first
