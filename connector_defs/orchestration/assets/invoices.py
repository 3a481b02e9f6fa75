"""Approved invoices: taken in, posted, answered.

Data extracts and notifications come first, where they are used: what only they show is posted in the same run.

One engine does the rest in a pipeline (an invoice is answered while the next is posted), so the assets are
one step. Dagster never repeats it by itself: a posting whose outcome is unknown is looked up by
the engine before anything is sent again.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import dagster as dg

from connector_defs.flows import extracts, hints, invoices, push_watch
from connector_defs.flows.reports import InvoiceRunReport
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.external import p2p
from connector_defs.orchestration.companies import StepReports, companies_of, for_each_company
from connector_defs.orchestration.listening import StepStarted, tell
from connector_defs.orchestration.partitions import window
from connector_defs.orchestration.resources import ConnectorResource

DATA_EXTRACTS = dg.AssetKey(["basware", "data_extracts"])
APPROVED_DOCUMENTS = dg.AssetKey(["basware", "approved_documents"])
AP_POSTINGS = dg.AssetKey(["syspro", "ap_postings"])
TRANSFER_RESPONSES = dg.AssetKey(["basware", "transfer_responses"])
INVOICES_GROUP = "invoices"

# A SYSPRO operator has one session. The lease in the state store guards it; the pool keeps runs from waiting on it.
POSTING_POOL = "syspro_posting"


def invoice_assets(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The assets of the invoice flow, made by one step."""

    @dg.multi_asset(
        name="invoice_engine",
        specs=[
            dg.AssetSpec(
                DATA_EXTRACTS,
                deps=[p2p("dataExtracts")],
                description="Extracts of Basware's invoices, searched for what polling missed. "
                "Made only where intake.data_extracts is on.",
                kinds={"basware"},
                skippable=True,
            ),
            dg.AssetSpec(
                APPROVED_DOCUMENTS,
                deps=[p2p("accountingDocuments"), DATA_EXTRACTS],
                description="Approved invoices with their coding rows, stored before anything else happens.",
                kinds={"basware"},
            ),
            dg.AssetSpec(
                AP_POSTINGS,
                deps=[APPROVED_DOCUMENTS],
                description="Invoices posted to SYSPRO's payables and general ledger, journals read back.",
                kinds={"syspro"},
            ),
            dg.AssetSpec(
                TRANSFER_RESPONSES,
                deps=[AP_POSTINGS],
                description="Vouchers and refusals that Basware accepted as answers.",
                kinds={"basware"},
            ),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=INVOICES_GROUP,
        pool=POSTING_POOL,
    )
    def posted(
        context: dg.AssetExecutionContext, connector: ConnectorResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        since = _reread_from(window(context).first, days)
        companies_of(connector)
        if connector.connector.settings.intake.data_extracts:
            tell(StepStarted("data extracts", ""))
            looked = extracts.take_in_extracts(connector.connector)
            tell(looked)
            yield dg.MaterializeResult(asset_key=DATA_EXTRACTS, metadata=tables.extracts(looked))
        push_watch.look(connector.connector)
        named = hints.take_in_hints(connector.connector)
        reports = for_each_company(
            context,
            connector,
            "invoices",
            lambda company: invoices.run_invoices(connector.connector, company, updated_from=since),
        )
        failures = StepReports(reports.done, {**reports.failed, **_outages(reports.done)}).failure_metadata
        for key, metadata in (
            (APPROVED_DOCUMENTS, {**tables.intake(reports.done), **tables.notified(named)}),
            (AP_POSTINGS, tables.postings(reports.done)),
            (TRANSFER_RESPONSES, tables.answers(reports.done)),
        ):
            yield dg.MaterializeResult(asset_key=key, metadata={**metadata, **failures})

    return posted


def _outages(reports: Iterable[InvoiceRunReport]) -> dict[str, str]:
    """Companies whose run met an outage: what could be done was done, and the run is to fail all the same."""
    return {
        report.company: "; ".join(one.reason for one in report.outages)
        for report in reports
        if report.outages
    }


def _reread_from(first: date, days: dg.DailyPartitionsDefinition) -> date | None:
    """Today takes in whatever waits; an earlier day, or a backfill from it, reads again from that day on."""
    newest = days.get_last_partition_key()
    return None if newest is None or first >= date.fromisoformat(newest) else first
