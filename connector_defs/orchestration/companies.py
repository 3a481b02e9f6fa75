"""One step for all companies: what one of them cannot do never stops the others.

Belongs here: the loop, its isolation, the choice of companies for a run, and the memory of who failed.
Does not belong here: what the step does.

Dagster drops everything downstream of a failed step, for every company. So a step in which only some
companies failed counts as done; it names them in its metadata, later steps of the run leave them out, and
the check `every_company` of the asset, which has nothing downstream, makes the run fail.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import dagster as dg

from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.redaction import redacted
from connector_defs.orchestration.assets.external import is_external
from connector_defs.orchestration.listening import (
    Report,
    StepFailed,
    StepStarted,
    tell,
)
from connector_defs.orchestration.resources import ConnectorResource
from connector_defs.settings import CompanySettings

FAILED_COMPANIES = "failed_companies"
# A run with this tag works for these SYSPRO companies alone, separated by commas.
COMPANIES_TAG = "connector/companies"

_LEFT_OUT = "left out, because"
R = TypeVar("R", bound=Report)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepReports(Generic[R]):
    """The reports of the companies that went through, and why the others (by SYSPRO company) did not."""

    done: tuple[R, ...]
    failed: Mapping[str, str]

    @property
    def failure_metadata(self) -> dict[str, dg.MetadataValue]:
        """What later steps and the check read; empty when every company went through."""
        return {FAILED_COMPANIES: dg.MetadataValue.json(dict(self.failed))} if self.failed else {}


def for_each_company(
    context: dg.AssetExecutionContext,
    resource: ConnectorResource,
    step: str,
    work: Callable[[CompanySettings], R],
) -> StepReports[R]:
    """Do `work` for every company, or those the run is for, that did not fail earlier in this run.

    Raises dg.Failure, never retried by Dagster, when the connector cannot be opened, the run is for a company that
    is not configured, or no company went through.
    """
    upstream = _failed_upstream(context)
    done: list[R] = []
    failed: dict[str, str] = {}
    for company in _chosen(companies_of(resource), context.run.tags.get(COMPANIES_TAG)):
        name = company.syspro_company
        if name in upstream:
            failed[name] = upstream[name]
            continue
        tell(StepStarted(step, name))
        try:
            report = work(company)
        except ConnectorError as error:
            failed[name] = str(error)
        except Exception as error:  # noqa: BLE001 - a defect met by one company must not stop the others
            _log.exception("%s failed for company %s", step, name)
            failed[name] = redacted(f"unexpected {type(error).__name__}: {error}")
        else:
            done.append(report)
            tell(report)
            continue
        tell(StepFailed(step, name, failed[name]))
    if failed and not done:
        raise dg.Failure(description=failure_text(step, failed), allow_retries=False)
    return StepReports(tuple(done), failed)


def _chosen(companies: tuple[CompanySettings, ...], tag: str | None) -> list[CompanySettings]:
    if tag is None:
        return list(companies)
    wanted = {name.strip() for name in tag.split(",")}
    unknown = wanted - {company.syspro_company for company in companies}
    if unknown:
        known = ", ".join(company.syspro_company for company in companies)
        raise dg.Failure(
            description=f"tag {COMPANIES_TAG}: {', '.join(sorted(unknown))} is not configured; known are {known}",
            allow_retries=False,
        )
    return [company for company in companies if company.syspro_company in wanted]


def companies_of(resource: ConnectorResource) -> tuple[CompanySettings, ...]:
    """The company pairs; raises dg.Failure with the remedy where the connector cannot be opened."""
    try:
        return resource.companies
    except ConnectorError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def failure_text(step: str, failed: Mapping[str, str]) -> str:
    """One line per company."""
    lines = "\n".join(f"  company {name}: {reason}" for name, reason in sorted(failed.items()))
    return f"{step} could not be done for {len(failed)} of the companies:\n{lines}"


@dataclass(frozen=True)
class FailedCompanies:
    """Who failed when an asset was last made, why, and in which run that was."""

    run_id: str | None
    reasons: Mapping[str, str]


def failed_companies(instance: dg.DagsterInstance, key: dg.AssetKey) -> FailedCompanies:
    """What the last materialization of the asset says; nobody where there is none."""
    event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return FailedCompanies(None, {})
    value = event.asset_materialization.metadata.get(FAILED_COMPANIES)
    if not isinstance(value, dg.JsonMetadataValue) or not isinstance(value.data, Mapping):
        return FailedCompanies(event.run_id, {})
    return FailedCompanies(event.run_id, {str(name): str(reason) for name, reason in value.data.items()})


def _failed_upstream(context: dg.AssetExecutionContext) -> dict[str, str]:
    made = context.assets_def
    parents = {parent for key in made.keys for parent in made.asset_deps[key]} - set(made.keys)
    failed: dict[str, str] = {}
    for parent in sorted(parent for parent in parents if not is_external(parent)):
        found = failed_companies(context.instance, parent)
        if found.run_id != context.run.run_id:
            continue
        for name, reason in found.reasons.items():
            told = f"{_LEFT_OUT} {parent.to_user_string()} failed: {reason}"
            failed.setdefault(name, reason if reason.startswith(_LEFT_OUT) else told)
    return failed
