"""What keeps payments from Basware: those it refused, and those SYSPRO's rows do not make clear."""

import dagster as dg

from connector_defs.flows import overview
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.payments import PAYMENT_RESPONSES
from connector_defs.orchestration.checks.findings import Finding, Question, checks_of


def payment_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the payment responses."""
    return [checks_of(PAYMENT_RESPONSES, _QUESTIONS)]


def _refused(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    found = overview.refused_payments(connector)
    return Finding(len(found), {"payments": tables.problems(found)})


def _unclear(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    found = overview.unclear_payments(connector)
    return Finding(len(found), {"payments": tables.problems(found)})


_QUESTIONS = [
    Question("refused_payments", "Basware took every payment that was told.", _refused),
    Question(
        "unclear_payments", "SYSPRO's rows say plainly how far every answered invoice is paid.", _unclear
    ),
]
