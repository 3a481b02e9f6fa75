"""What follows for one field of a supplier from what Basware and SYSPRO say now.

Belongs here: the decision over one field, before and after it was sent. Reads and writes nothing.
"""

from dataclasses import replace
from datetime import datetime

from connector_defs.domain.enrichment import COLUMN_NOT_SHOWN, Difference, Field, SupplierFacts, VendorFacts
from connector_defs.store.enrichment import Change, Enrichment

# Who decided where the setting did.
AUTOMATIC = "automatic"

SYSPRO_REFUSED = "SYSPRO_REFUSED"
NOT_CONFIRMED = "NOT_CONFIRMED"
TAKEN_OTHERWISE = "TAKEN_OTHERWISE"
# Reasons that arose when the change was sent: it may be sent again, where a person says so.
OF_SENDING = frozenset({SYSPRO_REFUSED, NOT_CONFIRMED, TAKEN_OTHERWISE})
# So often is a change sent whose effect is never seen in SYSPRO.
MOST_ATTEMPTS = 5

_NOT_OPEN = frozenset({"applied", "superseded"})


def decide(
    company: str,
    vendor: VendorFacts,
    found: Difference | None,
    known: Enrichment | None,
    now: datetime,
    *,
    automatic: bool,
) -> Change | None:
    """The change to store after a comparison, or None. `known` and `found` are of the same supplier and field."""
    if known is not None and known.state == "applying":
        # It may have been sent: first what became of that.
        return None
    if found is None:
        return None if known is None or known.state in _NOT_OPEN else superseded(known, now)
    if known is not None and known.state not in _NOT_OPEN and _is_known(known, found):
        return _by_setting(known, now, automatic=automatic)
    fresh = Enrichment(
        company=company,
        supplier=found.supplier,
        field=found.field.value,
        state="review" if found.code else "proposed",
        before=found.has,
        after=found.wants,
        external_code=vendor.external_code[:36],
        vendor_updated=vendor.last_updated[:40],
        code=found.code,
        reason=found.reason,
        remedy=found.remedy,
        decided_by="",
        attempts=0,
        found_at=now,
        updated_at=now,
    )
    if found.code:
        return Change(fresh, "enrichment to review")
    if automatic:
        return approved(fresh, AUTOMATIC, now)
    return Change(fresh, "enrichment proposed")


def _by_setting(known: Enrichment, now: datetime, *, automatic: bool) -> Change | None:
    """What the setting decides anew about a known difference: what it approved once goes only while it says so."""
    if automatic and known.state == "proposed":
        return approved(known, AUTOMATIC, now)
    if not automatic and known.state == "approved" and known.decided_by == AUTOMATIC:
        return Change(replace(known, state="proposed", decided_by="", updated_at=now), "enrichment proposed")
    return None


def _is_known(known: Enrichment, found: Difference) -> bool:
    """True where nothing has changed since. What was rejected stays so while Basware holds the same."""
    if known.after != found.wants:
        return False
    if known.state == "rejected":
        return True
    same_reason = known.code == found.code or (not found.code and known.code in OF_SENDING)
    return same_reason and known.before == found.has


def approved(row: Enrichment, by: str, now: datetime) -> Change:
    """The change may be written."""
    free = replace(row, state="approved", decided_by=by, attempts=0, updated_at=now)
    return Change(
        replace(free, code="", reason="", remedy=""),
        "enrichment approved",
        "connector" if by == AUTOMATIC else by,
    )


def rejected(row: Enrichment, by: str, reason: str, now: datetime) -> Change:
    """A person does not want it; it stays away while Basware holds the same."""
    gone = replace(row, state="rejected", decided_by=by, reason=reason, remedy="", updated_at=now)
    return Change(gone, "enrichment rejected", by)


def superseded(row: Enrichment, now: datetime, reason: str = "") -> Change:
    """There is nothing to change any more."""
    gone = replace(row, state="superseded", code="", reason=reason, remedy="", updated_at=now)
    return Change(gone, "enrichment superseded")


def value_of(supplier: SupplierFacts, field: str) -> str | None:
    """What the supplier holds in a field that we may write; None where SYSPRO does not show it."""
    return supplier.term if field == Field.PAYMENT_TERMS else supplier.tax_id


def intended(row: Enrichment, now: datetime) -> Change:
    """The call comes next."""
    return Change(
        replace(row, state="applying", attempts=row.attempts + 1, updated_at=now), "enrichment intended"
    )


def not_sent(row: Enrichment, reason: str, now: datetime) -> Change:
    """SYSPRO did not look at the document: no attempt is counted."""
    waits = replace(row, state="approved", attempts=max(row.attempts - 1, 0), reason=reason, updated_at=now)
    return Change(waits, "enrichment put back")


def refused(row: Enrichment, reason: str, now: datetime) -> Change:
    """SYSPRO looked at the document and did not take it."""
    stopped = replace(
        row,
        state="review",
        code=SYSPRO_REFUSED,
        reason=reason,
        remedy="correct the cause in SYSPRO or Basware, then `connector enrichment approve SUPPLIER`",
        updated_at=now,
    )
    return Change(stopped, "enrichment refused")


def settled(
    row: Enrichment, supplier: SupplierFacts | None, now: datetime, *, automatic: bool
) -> Change | None:
    """What follows from what SYSPRO holds now; None where the change is still to be sent."""
    if supplier is None:
        return superseded(row, now, "SYSPRO has no supplier of this code any more")
    held = value_of(supplier, row.field)
    if held is None:
        hidden = replace(
            row,
            state="review",
            code=COLUMN_NOT_SHOWN,
            reason="SYSPRO does not show the field, so nobody knows what it holds",
            remedy="give the OData operator access to the column",
            updated_at=now,
        )
        return Change(hidden, "enrichment to review")
    if held == row.after:
        seen = replace(row, state="applied", code="", reason="", remedy="", updated_at=now)
        return Change(seen, "enrichment applied", detail={"read_back": held})
    if held != row.before:
        return _moved(row, held, now, automatic=automatic)
    return None if row.state == "approved" else _not_seen(row, held, now)


def _not_seen(row: Enrichment, held: str, now: datetime) -> Change:
    """It was sent, and SYSPRO shows what it held before: it goes again, some times."""
    if row.attempts < MOST_ATTEMPTS:
        again = replace(row, state="approved", reason="SYSPRO does not show the change", updated_at=now)
        return Change(again, "enrichment put back")
    failed = replace(
        row,
        state="failed",
        code=NOT_CONFIRMED,
        reason=f"sent {row.attempts} times, and SYSPRO still shows {held!r}",
        remedy="find out why SYSPRO does not keep it, then `connector enrichment approve SUPPLIER`",
        updated_at=now,
    )
    return Change(failed, "enrichment failed")


def _moved(row: Enrichment, held: str, now: datetime, *, automatic: bool) -> Change:
    """SYSPRO holds a third value: made of ours by SYSPRO itself where we have sent it, else entered by somebody."""
    if row.state == "applying":
        taken = replace(
            row,
            state="failed",
            before=held,
            code=TAKEN_OTHERWISE,
            reason=f"sent as {row.after!r}, and SYSPRO shows {held!r}",
            remedy="correct the supplier in SYSPRO; a tax id may be too long for your release "
            "(enrichment.tax_id_length)",
            updated_at=now,
        )
        return Change(taken, "enrichment failed")
    anew = replace(
        row, state="approved" if automatic else "proposed", before=held, decided_by="", updated_at=now
    )
    if automatic:
        anew = replace(anew, decided_by=AUTOMATIC)
    return Change(
        anew, "enrichment proposed", detail={"note": f"SYSPRO held {row.before!r} when it was found"}
    )
