"""The three books side by side: Basware's transferred invoices, our postings, SYSPRO's payables."""

from collections.abc import Iterator

import dagster as dg

from connector_defs.domain.errors import ConnectorError
from connector_defs.flows import reconciliation
from connector_defs.flows.reports import DateWindow, ReconcileReport
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.external import erp
from connector_defs.orchestration.assets.invoices import AP_POSTINGS, APPROVED_DOCUMENTS, TRANSFER_RESPONSES
from connector_defs.orchestration.companies import companies_of
from connector_defs.orchestration.listening import StepStarted, tell
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource

RECONCILIATION = dg.AssetKey("reconciliation")
RECONCILIATION_GROUP = "reconciliation"
CONTROL_TOTALS = "control_totals"


def reconciliation_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """One asset, whose check `control_totals` fails when a cent is missing anywhere."""

    @dg.asset(
        key=RECONCILIATION,
        deps=[APPROVED_DOCUMENTS, AP_POSTINGS, TRANSFER_RESPONSES, erp("ApInvoice")],
        check_specs=[
            dg.AssetCheckSpec(
                CONTROL_TOTALS,
                asset=RECONCILIATION,
                description="Totals per currency agree in all three books, invoice by invoice, to the cent.",
            )
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=RECONCILIATION_GROUP,
        kinds={"basware", "syspro"},
        description="Basware's transferred invoices, our postings and SYSPRO's AP ledger, compared one by one.",
    )
    def reconciled(
        context: dg.AssetExecutionContext, connector: ConnectorResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        report = _reconcile(connector, window(context))
        differences = len(report.differences)
        metadata = tables.reconciled(report)
        yield dg.MaterializeResult(
            metadata=metadata,
            check_results=[
                dg.AssetCheckResult(
                    check_name=CONTROL_TOTALS,
                    passed=report.clean,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=f"{differences} differences" if differences else "the books agree",
                    metadata={name: metadata[name] for name in ("totals", "difference_list")},
                )
            ],
        )

    return reconciled


def _reconcile(resource: ConnectorResource, days: DateWindow) -> ReconcileReport:
    """One day as that day; several days as the whole of the books, which costs one reading of each."""
    companies = companies_of(resource)
    day = days.first if days.first == days.last else None
    tell(StepStarted("reconciliation", ", ".join(company.syspro_company for company in companies)))
    try:
        report = reconciliation.reconcile(resource.connector, day)
    except ConnectorError as error:
        raise dg.Failure(description=f"reconciliation: {error}", allow_retries=False) from error
    tell(report)
    return report
