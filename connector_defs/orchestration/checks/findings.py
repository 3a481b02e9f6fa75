"""Checks as a list of questions put to the connector.

Belongs here: what a finding is, and how a list of questions becomes one step that can be asked in part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from connector_defs.domain.errors import ConnectorError
from connector_defs.flows.runtime import Connector
from connector_defs.orchestration.checks.companies import EVERY_COMPANY, every_company, every_company_spec
from connector_defs.orchestration.companies import companies_of
from connector_defs.orchestration.resources import ConnectorResource
from connector_defs.orchestration.tables import Metadata


@dataclass(frozen=True)
class Finding:
    """How many records a question found, and what to show of them. None found: the check passes.

    `severe` where something is lost or wrong, and not only waiting for somebody.
    """

    count: int
    metadata: Metadata
    description: str = ""
    severe: bool = False


@dataclass(frozen=True)
class Question:
    """One check: its name, what it asks in words, and the asking.

    `ask` raises ConnectorError where the state store cannot answer.
    """

    name: str
    description: str
    ask: Callable[[Connector, dg.DagsterInstance], Finding]


def checks_of(asset: dg.AssetKey, questions: Sequence[Question]) -> dg.AssetChecksDefinition:
    """One step with all questions about `asset`, and `every_company` as the last."""

    @dg.multi_asset_check(
        name="__".join([*asset.path, "checks"]),
        specs=[
            *(
                dg.AssetCheckSpec(question.name, asset=asset, description=question.description)
                for question in questions
            ),
            every_company_spec(asset),
        ],
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, connector: ConnectorResource
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        for question in questions:
            if question.name in wanted:
                yield _answer(asset, question, connector, context.instance)
        if EVERY_COMPANY in wanted:
            yield from every_company(context, asset)

    return checks


def _answer(
    asset: dg.AssetKey, question: Question, resource: ConnectorResource, instance: dg.DagsterInstance
) -> dg.AssetCheckResult:
    companies_of(resource)
    try:
        found = question.ask(resource.connector, instance)
    except ConnectorError as error:
        raise dg.Failure(description=f"{question.name}: {error}", allow_retries=False) from error
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=question.name,
        passed=found.count == 0,
        severity=dg.AssetCheckSeverity.ERROR if found.severe else dg.AssetCheckSeverity.WARN,
        description=found.description or None,
        metadata={"found": dg.MetadataValue.int(found.count), **found.metadata},
    )
