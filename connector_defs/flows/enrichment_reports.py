"""What the enrichment of suppliers tells its caller: the table of differences, and what was written to SYSPRO."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector_defs.flows.reports import Problem

if TYPE_CHECKING:
    from connector_defs.store.enrichment import Enrichment

ENTITY = "supplier_enrichment"

AWAITS_APPROVAL = "AWAITS_APPROVAL"
_APPROVE = "`connector enrichment approve SUPPLIER`, or reject it"

# What becomes of a row, in words; for bank data nothing ever does.
MEANINGS = {
    "proposed": "waits for approval",
    "approved": "is written to SYSPRO by the next run",
    "applying": "was sent to SYSPRO, and is looked up by the next run",
    "applied": "stands in SYSPRO",
    "review": "needs a person",
    "rejected": "rejected, nothing is written",
    "failed": "was not confirmed by SYSPRO: approve it to try again",
    "superseded": "no difference any more",
}
REPORTED = "reported, never written"


@dataclass(frozen=True)
class SupplierChange:
    """One field of one supplier: what SYSPRO has, what Basware has, what becomes of it, and why."""

    company: str
    supplier: str
    field: str
    syspro: str
    basware: str
    state: str
    outcome: str
    reason: str = ""
    decided_by: str = ""


@dataclass(frozen=True)
class EnrichmentReport:
    """One company's vendors compared with its suppliers.

    `vendors` were read, `compared` of them have a supplier in SYSPRO; `superseded` is of this run. The other counts
    are of all differences after it, or, where it is a `dry_run`, of those found. `changes` are these differences,
    `notes` the vendors that were not compared.
    """

    company: str
    dry_run: bool
    vendors: int
    compared: int
    proposed: int
    approved: int
    review: int
    rejected: int
    failed: int
    superseded: int
    basware_requests: int
    seconds: float
    changes: tuple[SupplierChange, ...] = ()
    notes: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class SupplierUpdateReport:
    """One company's approved changes, written to SYSPRO.

    `due` fields were approved, `sent` suppliers were sent in one document each. `applied` fields were read back in
    SYSPRO, `refused` and `failed` need a person, `waiting` go with the next run.
    """

    company: str
    due: int
    sent: int
    applied: int
    refused: int
    failed: int
    waiting: int
    logons: int
    seconds: float
    changes: tuple[SupplierChange, ...] = ()
    outages: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


def shown(row: "Enrichment") -> SupplierChange:
    """A row for people."""
    bank = row.field == "bank_data" and row.state == "review"
    return SupplierChange(
        company=row.company,
        supplier=row.supplier,
        field=row.field,
        syspro=row.before,
        basware=row.after,
        state=row.state,
        outcome=REPORTED if bank else MEANINGS[row.state],
        reason=row.reason,
        decided_by=row.decided_by,
    )


def problem_of(row: "Enrichment") -> Problem | None:
    """What a person has to do about the row; None where nothing."""
    key = f"{row.supplier} {row.field}"
    if row.state == "proposed":
        reason = f"Basware has {row.after!r} where SYSPRO has {row.before!r}"
        return Problem(row.company, ENTITY, key, AWAITS_APPROVAL, reason, _APPROVE)
    if row.state in ("review", "failed"):
        return Problem(row.company, ENTITY, key, row.code, row.reason, row.remedy)
    return None
