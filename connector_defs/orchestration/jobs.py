"""The jobs: one per flow. Schedules, sensors and the command line run these same jobs.

There is no job of everything on purpose: Dagster drops what is downstream of a failed step, and trouble
with master data must not keep an approved invoice from being posted. Whoever wants all flows runs the jobs
one after the other (`running.run("all")`).
"""

import dagster as dg

from connector_defs.orchestration.assets.enrichment import ENRICHMENT_GROUP
from connector_defs.orchestration.assets.invoices import INVOICES_GROUP
from connector_defs.orchestration.assets.outcomes import OUTCOMES_GROUP
from connector_defs.orchestration.assets.payments import PAYMENTS_GROUP
from connector_defs.orchestration.assets.reconciliation import RECONCILIATION_GROUP

MASTER_DATA = "master_data"
PURCHASE_ORDERS = "purchase_orders"
INVOICES = "invoices"
PAYMENTS = "payments"
ENRICHMENT = "enrichment"
RECONCILE = "reconcile"
REQUEST_OUTCOMES = "request_outcomes"

# What may be repeated after a failed posting, payment response or change of a supplier is known to the state store,
# not to Dagster.
_NEVER_REPEATED = {"dagster/retry_on_asset_or_op_failure": "false", "dagster/max_retries": "0"}

JOBS = (
    dg.define_asset_job(
        MASTER_DATA,
        selection=dg.AssetSelection.groups(MASTER_DATA),
        description="Stages SYSPRO's master data and publishes what changed to Basware.",
        executor_def=dg.in_process_executor,
    ),
    dg.define_asset_job(
        PURCHASE_ORDERS,
        selection=dg.AssetSelection.groups(PURCHASE_ORDERS),
        description="Stages purchase orders and goods receipts and publishes what changed to Basware.",
        executor_def=dg.in_process_executor,
    ),
    dg.define_asset_job(
        REQUEST_OUTCOMES,
        selection=dg.AssetSelection.groups(OUTCOMES_GROUP),
        description="Reads what became of records after the run that sent them to Basware.",
        executor_def=dg.in_process_executor,
    ),
    dg.define_asset_job(
        INVOICES,
        selection=dg.AssetSelection.groups(INVOICES_GROUP),
        description="Takes in approved invoices, posts them to SYSPRO and answers Basware.",
        executor_def=dg.in_process_executor,
        tags=_NEVER_REPEATED,
    ),
    dg.define_asset_job(
        PAYMENTS,
        selection=dg.AssetSelection.groups(PAYMENTS_GROUP),
        description="Reads payments from SYSPRO and tells Basware what changed.",
        executor_def=dg.in_process_executor,
        tags=_NEVER_REPEATED,
    ),
    dg.define_asset_job(
        ENRICHMENT,
        selection=dg.AssetSelection.groups(ENRICHMENT_GROUP),
        description="Compares Basware's vendors with SYSPRO's suppliers, and writes approved payment terms and tax ids.",
        executor_def=dg.in_process_executor,
        tags=_NEVER_REPEATED,
    ),
    dg.define_asset_job(
        RECONCILE,
        selection=dg.AssetSelection.groups(RECONCILIATION_GROUP),
        description="Compares Basware's transferred invoices, our postings and SYSPRO's ledger.",
        executor_def=dg.in_process_executor,
    ),
)
