"""What of the suppliers' enrichment waits for a person, and bank data that Basware alone holds."""

import dagster as dg

from connector_defs.domain.enrichment import Field
from connector_defs.flows import enrichment_decisions
from connector_defs.flows.enrichment_reports import SupplierChange
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration import enrichment_tables
from connector_defs.orchestration.assets.enrichment import SUPPLIER_UPDATES, VENDOR_ENRICHMENT
from connector_defs.orchestration.checks.findings import Finding, Question, checks_of


def enrichment_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of both assets."""
    return [checks_of(VENDOR_ENRICHMENT, _OF_THE_COMPARISON), checks_of(SUPPLIER_UPDATES, _OF_THE_UPDATES)]


def _approvals(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    return _finding(enrichment_decisions.listed(connector, states=("proposed",)))


def _reviews(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    found = enrichment_decisions.listed(connector, states=("review",))
    return _finding([change for change in found if change.field != Field.BANK_DATA])


def _bank_data(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    found = enrichment_decisions.listed(connector, states=("review",))
    return _finding([change for change in found if change.field == Field.BANK_DATA])


def _unconfirmed(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    return _finding(enrichment_decisions.listed(connector, states=("failed",)))


def _finding(found: list[SupplierChange]) -> Finding:
    return Finding(len(found), {"differences": enrichment_tables.changes(found)})


_OF_THE_COMPARISON = [
    Question("enrichment_approvals", "No change of a supplier waits for approval.", _approvals),
    Question("enrichment_reviews", "Every difference can be taken over as it stands in Basware.", _reviews),
    Question("bank_data_in_basware", "Basware holds no bank account that SYSPRO does not.", _bank_data),
]
_OF_THE_UPDATES = [
    Question("unconfirmed_updates", "SYSPRO shows every change that was sent.", _unconfirmed),
]
