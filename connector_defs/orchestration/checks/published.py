"""What can be wrong with a published entity: records kept back, refused, unconfirmed, lost, and incomplete orders."""

from collections.abc import Iterable
from functools import partial

import dagster as dg

from connector_defs.flows import control_totals, overview
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration import book_tables, tables
from connector_defs.orchestration.assets.published import published_key
from connector_defs.orchestration.checks.findings import Finding, Question, checks_of

CONTROL_TOTALS = "control_totals"


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
        Question(
            CONTROL_TOTALS,
            "Every row that SYSPRO gave in the last run is accounted for, up to what Basware confirmed of it.",
            partial(_totals, entity),
        ),
        Question(
            "unconfirmed_records",
            "No record is without a confirmation for longer than publishing.unconfirmed_hours.",
            partial(_unconfirmed, entity),
        ),
        *_FURTHER.get(entity, ()),
    ]


def _quarantined(entity: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    return _of_entity(entity, overview.quarantined(connector))


def _refused(entity: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    return _of_entity(entity, overview.refused(connector))


def _of_entity(entity: str, problems: Iterable[Problem]) -> Finding:
    found = [problem for problem in problems if problem.entity == entity]
    return Finding(len(found), {"records": tables.problems(found)})


def _totals(entity: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    totals = [one for one in control_totals.latest(connector) if one.entity == entity]
    wrong = [text for one in totals for text in one.differences]
    return Finding(len(wrong), book_tables.control_totals(totals), "; ".join(wrong), severe=True)


def _unconfirmed(entity: str, connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    limit = connector.settings.publishing.unconfirmed_hours * 60
    ages = [one for one in overview.status(connector).unconfirmed if one.entity == entity]
    late = [one for one in ages if one.minutes > limit]
    return Finding(
        len(late),
        {"ages": book_tables.ages(ages)},
        "; ".join(f"{one.records} {one.state} in {one.company}, since {one.minutes} minutes" for one in late),
    )


def _incomplete(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    orders = overview.incomplete_orders(connector)
    return Finding(
        len(orders),
        {"lines": book_tables.incomplete_orders(orders)},
        f"{len(orders)} orders are in Basware without all of their lines" if orders else "",
    )


def _duplicates(connector: Connector, _instance: dg.DagsterInstance) -> Finding:
    found = overview.duplicate_suppliers(connector)
    return Finding(len(found), {"records": tables.problems(found)})


# Questions that only one entity has.
_FURTHER = {
    "vendors": (
        Question(
            "duplicate_suppliers",
            "No two suppliers, not on hold, share a VAT number or a bank account.",
            _duplicates,
        ),
    ),
    "matchingOrderLines": (
        Question(
            "incomplete_orders", "Every order that Basware knows has all of its lines there.", _incomplete
        ),
    ),
}
