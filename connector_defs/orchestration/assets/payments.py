"""Payments told to Basware: what changed since it was last told, and nothing else.

Dagster never repeats it by itself: a response whose answer was lost is looked for in the invoice by the flow.
"""

from datetime import date

import dagster as dg

from connector_defs.flows import payments
from connector_defs.flows.payments import STAGED_TABLE
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.invoices import TRANSFER_RESPONSES
from connector_defs.orchestration.assets.staged import group_name, staged_key
from connector_defs.orchestration.companies import StepReports, for_each_company
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource

PAYMENT_RESPONSES = dg.AssetKey(["basware", "payment_responses"])
PAYMENTS_GROUP = group_name("payments")

# The lease in the state store guards it; the pool keeps runs from meeting it.
PAYMENTS_POOL = "basware_payments"


def payment_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """One asset, from the staged payments and the invoices whose vouchers Basware has."""

    @dg.asset(
        key=PAYMENT_RESPONSES,
        deps=[staged_key(STAGED_TABLE), TRANSFER_RESPONSES],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=PAYMENTS_GROUP,
        kinds={"basware"},
        pool=PAYMENTS_POOL,
        description=(
            "How far answered invoices are paid in SYSPRO: partial, full, taken back. Only changes are told. Today reads "
            "what is new; an earlier day reads again from there and tells refused payments once more."
        ),
    )
    def told(context: dg.AssetExecutionContext, connector: ConnectorResource) -> dg.MaterializeResult[None]:
        chosen = window(context)
        newest = days.get_last_partition_key()
        again = newest is not None and chosen.first < date.fromisoformat(newest)
        reports = for_each_company(
            context,
            connector,
            "basware/payment_responses",
            lambda company: payments.run_payments(connector.connector, company, chosen, again=again),
        )
        outages = {
            report.company: "; ".join(one.reason for one in report.outages)
            for report in reports.done
            if report.outages
        }
        failures = StepReports(reports.done, {**reports.failed, **outages}).failure_metadata
        return dg.MaterializeResult(metadata={**tables.payments(reports.done), **failures})

    return told
