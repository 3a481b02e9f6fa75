"""What can be wrong with a staged table: a column SYSPRO no longer sends."""

from functools import partial

import dagster as dg

from connector_defs.flows.entities import STAGED
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration.assets.staged import staged_key
from connector_defs.orchestration.checks.findings import Finding, Question, checks_of

SCHEMA_DRIFT = "schema_drift"


def staged_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of every staged table."""
    return [
        checks_of(
            staged_key(table.name),
            [
                Question(
                    SCHEMA_DRIFT,
                    "SYSPRO sent every column that the connector reads when the table was last staged.",
                    partial(_missing_columns, staged_key(table.name)),
                )
            ],
        )
        for table in STAGED
    ]


def _missing_columns(asset: dg.AssetKey, _connector: Connector, instance: dg.DagsterInstance) -> Finding:
    event = instance.get_latest_materialization_event(asset)
    if event is None or event.asset_materialization is None:
        return Finding(0, {}, "not staged yet")
    missing = event.asset_materialization.metadata.get("missing_columns")
    if not isinstance(missing, dg.TableMetadataValue):
        return Finding(0, {})
    return Finding(len(missing.records), {"missing_columns": missing})
