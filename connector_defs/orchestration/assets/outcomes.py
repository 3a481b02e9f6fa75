"""What became of records that were sent: read back between the runs that publish."""

import dagster as dg

from connector_defs.flows import aftercare, hints
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.published import PUBLISHING_POOL
from connector_defs.orchestration.assets.staged import group_name
from connector_defs.orchestration.companies import companies_of, for_each_company
from connector_defs.orchestration.resources import ConnectorResource

REQUEST_OUTCOMES = dg.AssetKey(["basware", "request_outcomes"])
OUTCOMES_GROUP = group_name("request-outcomes")


@dg.asset(
    key=REQUEST_OUTCOMES,
    group_name=OUTCOMES_GROUP,
    kinds={"basware"},
    pool=PUBLISHING_POOL,
    description=(
        "Outcomes that came after the run that sent the records: confirmations, refusals, and records that "
        "Basware calls an error hours after it had taken them, which are opened again."
    ),
)
def request_outcomes(
    context: dg.AssetExecutionContext, connector: ConnectorResource
) -> dg.MaterializeResult[None]:
    """Look at everything that is open, once."""
    told = hints.requests_told(connector.connector) if companies_of(connector) else []
    reports = for_each_company(
        context,
        connector,
        "basware/request_outcomes",
        lambda company: aftercare.look(connector.connector, company),
    )
    hints.settle_requests(connector.connector, told)
    return dg.MaterializeResult(metadata={**tables.outcomes(reports.done), **reports.failure_metadata})
