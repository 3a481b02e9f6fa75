"""Everything Dagster serves, assembled in one place.

Belongs here: the assembly. The server, the daemon, the command line and the tests load what `build_defs` makes.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

from connector_defs.domain import log_redaction
from connector_defs.orchestration.assets.enrichment import enrichment_assets
from connector_defs.orchestration.assets.external import external_assets
from connector_defs.orchestration.assets.invoices import invoice_assets
from connector_defs.orchestration.assets.outcomes import request_outcomes
from connector_defs.orchestration.assets.payments import payment_asset
from connector_defs.orchestration.assets.published import published_assets
from connector_defs.orchestration.assets.reconciliation import reconciliation_asset
from connector_defs.orchestration.assets.staged import staged_assets
from connector_defs.orchestration.checks.enrichment import enrichment_checks
from connector_defs.orchestration.checks.invoices import invoice_checks
from connector_defs.orchestration.checks.payments import payment_checks
from connector_defs.orchestration.checks.published import published_checks
from connector_defs.orchestration.checks.staged import staged_checks
from connector_defs.orchestration.clean_errors import clean_errors
from connector_defs.orchestration.jobs import JOBS
from connector_defs.orchestration.partitions import business_days, schedule_settings
from connector_defs.orchestration.resources import ConnectorResource
from connector_defs.orchestration.schedules import schedules
from connector_defs.orchestration.sensors import sensors


def build_defs(*, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """All definitions; `resources` replace ours by name ("connector")."""
    # Every process of Dagster's that runs our code loads these definitions first.
    log_redaction.install()
    clean_errors()
    settings = schedule_settings()
    days = business_days(settings)
    with warnings.catch_warnings():
        # BackfillPolicy is "beta" in dagster 1.13; the family is pinned, so it cannot change under us.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets: list[dg.AssetSpec | dg.AssetsDefinition] = [
            *external_assets(),
            *staged_assets(days),
            *published_assets(days),
            request_outcomes,
            invoice_assets(days),
            payment_asset(days),
            *enrichment_assets(days),
            reconciliation_asset(days),
        ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            *invoice_checks(),
            *payment_checks(),
            *enrichment_checks(),
            *staged_checks(),
            *published_checks(),
        ],
        jobs=JOBS,
        schedules=schedules(settings),
        sensors=sensors(settings),
        resources={"connector": ConnectorResource(), **(resources or {})},
        executor=dg.in_process_executor,
    )


defs = build_defs()
