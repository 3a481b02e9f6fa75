"""What can be wrong with a staged table: a column SYSPRO does not send, or sends in another form than before."""

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
                    "SYSPRO sent every column that the connector reads, in its usual form, when the table was last "
                    "staged. New columns are listed and are no finding.",
                    partial(_drift, staged_key(table.name)),
                )
            ],
        )
        for table in STAGED
    ]


def _drift(asset: dg.AssetKey, _connector: Connector, instance: dg.DagsterInstance) -> Finding:
    event = instance.get_latest_materialization_event(asset)
    if event is None or event.asset_materialization is None:
        return Finding(0, {}, "not staged yet")
    told = event.asset_materialization.metadata
    lists = {
        name: found
        for name in ("missing_columns", "changed_columns", "new_columns")
        if isinstance(found := told.get(name), dg.TableMetadataValue)
    }
    count = {name: len(found.records) for name, found in lists.items()}
    missing, changed, new = (count.get(f"{kind}_columns", 0) for kind in ("missing", "changed", "new"))
    return Finding(
        missing + changed,
        dict(lists),
        f"{new} columns that were not there before" if new else "",
        severe=changed > 0,
    )
