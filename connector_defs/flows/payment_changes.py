"""What follows for a payment from what SYSPRO says now: nothing, a new thing to tell, or a question for a person.

Belongs here: the decision over one invoice. Reads and writes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from connector_defs.domain.errors import RecordRefused
from connector_defs.domain.keys import response_code
from connector_defs.domain.payments import (
    BAD_AMOUNT,
    NO_DATE,
    OTHER_CURRENCY,
    UNKNOWN_TYPE,
    WRONG_SIGN,
    PaymentState,
)
from connector_defs.flows.payment_ledger import PaidSoFar
from connector_defs.store.payments import Answered, Change, Payment

TWO_INVOICES = "PAYMENT_OF_TWO_INVOICES"
# A refused payment is told again after this long, so that a run right after the first sends nothing.
AGAIN_AFTER = timedelta(hours=20)

_REMEDIES = {
    UNKNOWN_TYPE: "name the type in payments.paying_types, settling_types or discount_types of connector.toml",
    OTHER_CURRENCY: "map the currency in [currencies] of connector.toml, or enter this payment in Basware by hand",
    WRONG_SIGN: "check the invoice's payments in SYSPRO, and the types in [payments] of connector.toml",
    NO_DATE: "correct the payment entry in SYSPRO",
    BAD_AMOUNT: "correct the payment entry in SYSPRO",
    TWO_INVOICES: "find out which of the invoices was paid, and enter the payment in Basware by hand",
}


def decide(
    one: Answered,
    found: PaidSoFar | RecordRefused,
    now: datetime,
    *,
    again: bool,
    is_alone: Callable[[], bool],
) -> Change | None:
    """The change to store, or None. With `again` a refused payment is told once more before its time.

    `is_alone` says whether no other invoice of ours stands for the same posting in SYSPRO; it is asked only where
    there is something to tell.
    """
    known = one.payment or _never_looked_at(one, now)
    if known.state == "planned" and known.body:
        # It may have been sent: first its outcome, then anything newer.
        return None
    if isinstance(found, RecordRefused):
        return _unclear(known, found, now)
    if found.state is None:
        return None
    if found.state.nothing_paid and not known.told_code:
        unpaid = replace(_without_plan(known), state="unpaid", entries=found.entries)
        return None if unpaid == one.payment else Change(replace(unpaid, updated_at=now))
    change = _told_otherwise(known, found.state, found.entries, now, again=again)
    if change is not None and change.action and not is_alone():
        why = (
            "another invoice of this connector has the same supplier and number, so that its payments in SYSPRO "
            "may belong to either"
        )
        return _unclear(known, RecordRefused(why, code=TWO_INVOICES), now)
    return change


def next_generation(one: Payment, now: datetime) -> Payment:
    """A new thing to tell, or the same once more as a new response: either needs an externalCode of its own."""
    generation = one.generation + 1
    return replace(
        one,
        state="planned",
        generation=generation,
        external_code=response_code(one.company, one.invoice_id, "payment", generation),
        body="",
        attempts=0,
        request_id="",
        client_request_id="",
        code="",
        reason="",
        remedy="",
        updated_at=now,
    )


def _told_otherwise(
    known: Payment, state: PaymentState, entries: int, now: datetime, *, again: bool
) -> Change | None:
    digest = state.digest
    if digest == known.told_digest and known.state in ("planned", "unclear", "refused"):
        # What was to be told has been undone before it was told.
        back = replace(_with_state(known, state, entries, now), state="confirmed")
        return Change(replace(back, code="", reason="", remedy=""))
    if digest == known.digest and known.state != "unclear":
        due = again or now - known.updated_at >= AGAIN_AFTER
        if known.state != "refused" or not due:
            return None
    # A plan that was never sent is replaced; its externalCode is still unused.
    fresh = known if known.state == "planned" else next_generation(known, now)
    planned = _with_state(fresh, state, entries, now)
    detail = {
        "generation": planned.generation,
        "external_code": planned.external_code,
        "paid_total": str(state.paid_total),
        "cash_discount": str(state.cash_discount),
        "payment_date": str(state.payment_date),
        "payment_number": state.number,
        "told_before": "" if known.told_total is None else str(known.told_total),
    }
    return Change(planned, "payment planned", detail)


def _with_state(one: Payment, state: PaymentState, entries: int, now: datetime) -> Payment:
    return replace(
        one,
        digest=state.digest,
        facts=state.as_text(),
        paid_total=state.paid_total,
        entries=entries,
        updated_at=now,
    )


def _without_plan(one: Payment) -> Payment:
    return replace(one, digest="", facts="", paid_total=None, body="", code="", reason="", remedy="")


def _unclear(known: Payment, why: RecordRefused, now: datetime) -> Change | None:
    unclear = replace(known, state="unclear", code=why.code, reason=str(why), remedy=_REMEDIES[why.code])
    if unclear == known:
        return None
    detail = {"code": why.code, "reason": str(why)}
    return Change(replace(unclear, updated_at=now), "payment unclear", detail)


def _never_looked_at(one: Answered, now: datetime) -> Payment:
    return Payment(
        company=one.company,
        invoice_id=one.invoice_id,
        state="unpaid",
        generation=0,
        digest="",
        facts="",
        paid_total=None,
        entries=0,
        external_code="",
        body="",
        attempts=0,
        told_digest="",
        told_total=None,
        told_code="",
        request_id="",
        client_request_id="",
        code="",
        reason="",
        remedy="",
        updated_at=now,
    )
