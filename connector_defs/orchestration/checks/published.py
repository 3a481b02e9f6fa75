"""What can be wrong with a published entity: records that cannot be sent, and records Basware refused."""

from collections.abc import Iterable
from functools import partial

import dagster as dg

from connector_defs.flows import overview
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration import tables
from connector_defs.orchestration.assets.published import published_key
from connector_defs.orchestration.checks.findings import Finding, Question, checks_of


def published_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of every published entity."""
    return [checks_of(published_key(entity.name), _questions(entity.name)) for entity in ENTITIES]


def _questions(entity: str) -> list[Question]:
    return [
        Question(
            "quarantined_records",
            "Every staged record can be told to Basware within its limits.",
            partial(_quarantined, entity),
        ),
        Question("refused_records", "Basware took every record that was sent.", partial(_refused, entity)),
    ]


def _quarantined(entity: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    return _of_entity(entity, overview.quarantined(connector))


def _refused(entity: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    return _of_entity(entity, overview.refused(connector))


def _of_entity(entity: str, problems: Iterable[Problem]) -> Finding:
    found = [problem for problem in problems if problem.entity == entity]
    return Finding(len(found), {"records": tables.problems(found)})
