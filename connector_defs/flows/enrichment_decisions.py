"""What people decide about differences of suppliers: approve, reject, and the list they decide from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector_defs.domain.errors import Fatal
from connector_defs.domain.keys import near_misses
from connector_defs.flows.enrichment import lease_name
from connector_defs.flows.enrichment_changes import OF_SENDING, approved, rejected
from connector_defs.flows.enrichment_reports import ENTITY, SupplierChange, shown
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import enrichment as store
from connector_defs.store.enrichment import OPEN, Change, Enrichment, SuppliedAt

_LISTED = frozenset({*OPEN, "rejected"})


@dataclass(frozen=True)
class Decided:
    """The rows that a decision reached, and those it could not, with the reason."""

    changes: tuple[SupplierChange, ...]
    refused: tuple[Problem, ...]


def listed(
    connector: Connector, company_name: str | None = None, states: Sequence[SuppliedAt] = ()
) -> list[SupplierChange]:
    """Differences in `states`, by default all that are open or rejected."""
    name = None if company_name is None else connector.settings.company(company_name).syspro_company
    with connector.store.read() as connection:
        rows = store.in_states(connection, states or sorted(_LISTED), name)
    return [shown(row) for row in rows]


def approve(
    connector: Connector, company: CompanySettings, suppliers: Sequence[str] | None, *, actor: str
) -> Decided:
    """Let the next run write what is proposed of these suppliers, or of all where None is given.

    Of a named supplier also what a person rejected before, and what SYSPRO did not take.
    Raises Fatal where a named supplier has nothing of the kind, LeaseTaken while a run is at work.
    """

    def decide(row: Enrichment) -> Change | Problem | None:
        if row.state == "proposed" or (suppliers is not None and _may_go_again(row)):
            return approved(row, actor, connector.clock.now())
        if suppliers is None or row.state not in ("review", "rejected"):
            return None
        reason = row.reason or "there is no single value to write"
        return Problem(
            row.company,
            ENTITY,
            f"{row.supplier} {row.field}",
            row.code,
            reason,
            row.remedy or "correct the cause",
        )

    return _decide(connector, company, suppliers, decide, "approve")


def reject(
    connector: Connector,
    company: CompanySettings,
    suppliers: Sequence[str] | None,
    *,
    actor: str,
    reason: str,
) -> Decided:
    """Put away what is proposed or in review, for as long as Basware holds the same.

    Raises Fatal where a named supplier has nothing of the kind, LeaseTaken while a run is at work.
    """

    def decide(row: Enrichment) -> Change | None:
        if row.state in ("proposed", "approved") or (
            suppliers is not None and row.state in ("review", "failed")
        ):
            return rejected(row, actor, reason, connector.clock.now())
        return None

    return _decide(connector, company, suppliers, decide, "reject")


def _may_go_again(row: Enrichment) -> bool:
    """True for what a person, or the sending of it, has stopped; no rule has."""
    if row.state == "rejected":
        return not row.code or row.code in OF_SENDING
    return row.state in ("review", "failed") and row.code in OF_SENDING


def _decide(
    connector: Connector,
    company: CompanySettings,
    suppliers: Sequence[str] | None,
    decide: Callable[[Enrichment], Change | Problem | None],
    verb: str,
) -> Decided:
    with connector.leases.hold(lease_name(company)) as lease, connector.store.write() as connection:
        rows = store.in_states(connection, _LISTED, company.syspro_company)
        chosen = [row for row in rows if suppliers is None or row.supplier in suppliers]
        verdicts = [verdict for row in chosen if (verdict := decide(row)) is not None]
        changes = [verdict for verdict in verdicts if isinstance(verdict, Change)]
        problems = tuple(verdict for verdict in verdicts if isinstance(verdict, Problem))
        met = {change.row.supplier for change in changes} | {
            problem.key.rpartition(" ")[0] for problem in problems
        }
        for supplier in suppliers or ():
            if supplier not in met:
                alike = near_misses(supplier, {row.supplier for row in rows})
                meant = f" (did you mean {', '.join(map(repr, alike))}?)" if alike else ""
                raise Fatal(
                    f"supplier {supplier!r} of company {company.syspro_company} has nothing to {verb}{meant}: "
                    "see `connector enrichment list`"
                )
        store.save(connection, lease, changes, connector.clock.now())
    return Decided(tuple(shown(change.row) for change in changes), problems)
