"""Both systems and our own state side by side: invoices and their postings, master data and orders."""

from collections.abc import Iterator

import dagster as dg

from connector_defs.domain.errors import ConnectorError
from connector_defs.flows import reconciliation, record_reconciliation
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.record_reports import RecordsReport
from connector_defs.flows.reports import DateWindow, ReconcileReport
from connector_defs.orchestration import book_tables
from connector_defs.orchestration.assets.external import erp
from connector_defs.orchestration.assets.invoices import AP_POSTINGS, APPROVED_DOCUMENTS, TRANSFER_RESPONSES
from connector_defs.orchestration.assets.published import published_key
from connector_defs.orchestration.assets.staged import group_name
from connector_defs.orchestration.companies import companies_of
from connector_defs.orchestration.listening import StepStarted, tell
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource
from connector_defs.orchestration.runs import in_progress

RECONCILIATION = dg.AssetKey("reconciliation")
RECONCILIATION_GROUP = "reconciliation"
CONTROL_TOTALS = "control_totals"
RECORDS_AGREE = "records_agree"
# The jobs of the published entities, which are named as their groups.
_PUBLISHING_JOBS = sorted({group_name(entity.group) for entity in ENTITIES})


def reconciliation_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """One asset, whose checks fail when a cent is missing anywhere, or a record differs."""

    @dg.asset(
        key=RECONCILIATION,
        deps=[
            APPROVED_DOCUMENTS,
            AP_POSTINGS,
            TRANSFER_RESPONSES,
            erp("ApInvoice"),
            *(published_key(entity.name) for entity in ENTITIES),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                CONTROL_TOTALS,
                asset=RECONCILIATION,
                description="Totals per currency agree in all three books, invoice by invoice, to the cent.",
            ),
            dg.AssetCheckSpec(
                RECORDS_AGREE,
                asset=RECONCILIATION,
                description="Master data and orders are in Basware as SYSPRO has them, record by record.",
            ),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=RECONCILIATION_GROUP,
        kinds={"basware", "syspro"},
        description=(
            "Basware's transferred invoices, our postings and SYSPRO's AP ledger, compared one by one for the day; "
            "master data and orders, compared record by record as they stand now."
        ),
    )
    def reconciled(
        context: dg.AssetExecutionContext, connector: ConnectorResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        under_way = [job for job in _PUBLISHING_JOBS if in_progress(context.instance, job)]
        books, records = _reconcile(connector, window(context))
        differences = len(books.differences)
        differing = sum(one.differing for one in records.comparisons)
        outages = [one for one in records.comparisons if one.outage]
        told = {**book_tables.reconciled(books), **book_tables.compared(records)}
        yield dg.MaterializeResult(
            metadata=told,
            check_results=[
                dg.AssetCheckResult(
                    check_name=CONTROL_TOTALS,
                    passed=books.clean,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=f"{differences} differences" if differences else "the books agree",
                    metadata={name: told[name] for name in ("totals", "difference_list")},
                ),
                dg.AssetCheckResult(
                    check_name=RECORDS_AGREE,
                    passed=records.clean,
                    # What a run has read and not sent yet differs for as long as that run takes.
                    severity=dg.AssetCheckSeverity.WARN if under_way else dg.AssetCheckSeverity.ERROR,
                    description="the records agree"
                    if records.clean
                    else f"{differing} differences, {len(outages)} entities could not be compared"
                    + (f", while {', '.join(under_way)} was at work" if under_way else ""),
                    metadata={name: told[name] for name in ("entities", "record_differences")},
                ),
            ],
        )

    return reconciled


def _reconcile(resource: ConnectorResource, days: DateWindow) -> tuple[ReconcileReport, RecordsReport]:
    """One day as that day; several days as the whole of the books, which costs one reading of each.

    Records have no day: they are compared as they stand.
    """
    companies = companies_of(resource)
    day = days.first if days.first == days.last else None
    tell(StepStarted("reconciliation", ", ".join(company.syspro_company for company in companies)))
    try:
        books = reconciliation.reconcile(resource.connector, day)
        records = record_reconciliation.reconcile_records(resource.connector)
    except ConnectorError as error:
        raise dg.Failure(description=f"reconciliation: {error}", allow_retries=False) from error
    tell(books)
    tell(records)
    return books, records
