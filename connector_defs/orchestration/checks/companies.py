"""The check every asset carries: was it done for every company?"""

from collections.abc import Iterator

import dagster as dg

from connector_defs.orchestration import tables
from connector_defs.orchestration.companies import failed_companies, failure_text

EVERY_COMPANY = "every_company"


def every_company_spec(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check `every_company` of one asset."""
    return dg.AssetCheckSpec(
        EVERY_COMPANY,
        asset=asset,
        description="No company was left out when the asset was last made; otherwise the run fails at its end.",
    )


def every_company(
    context: dg.AssetCheckExecutionContext, asset: dg.AssetKey
) -> Iterator[dg.AssetCheckResult]:
    """Yield the result; then raise dg.Failure where a company failed in this very run.

    Nothing is downstream of a check that does not block, so the run fails without stopping anybody.
    """
    failed = failed_companies(context.instance, asset)
    yield dg.AssetCheckResult(
        asset_key=asset,
        check_name=EVERY_COMPANY,
        passed=not failed.reasons,
        severity=dg.AssetCheckSeverity.ERROR,
        description=", ".join(sorted(failed.reasons)) or None,
        metadata={"failed": tables.failures(failed.reasons)},
    )
    if failed.reasons and failed.run_id == context.run.run_id:
        raise dg.Failure(
            description=failure_text(asset.to_user_string(), failed.reasons), allow_retries=False
        )
