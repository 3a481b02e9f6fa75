"""Invoices that wait: which they are, how one is found, and the plain acts on one: retry, release, reject, set aside.

Every act names its actor and its reason, which the audit keeps, and either takes effect as a whole or not at all.
What a person decides about period, rounding, voucher and GL journal is in `decisions`.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from connector_defs.domain.errors import Fatal
from connector_defs.domain.states import State
from connector_defs.flows.answers import Answerer
from connector_defs.flows.lookup import standing
from connector_defs.flows.reports import QueueItem
from connector_defs.flows.runtime import Connector
from connector_defs.store import holds, invoices
from connector_defs.store.invoices import LostRace, StoredInvoice

QUEUED = frozenset(
    {
        State.NEEDS_MAPPING,
        State.NEEDS_REVIEW,
        State.DEAD,
        State.UNCERTAIN,
        State.READY,
        State.ACKNOWLEDGED,
        State.POSTED,
    }
)
_RETRIABLE = frozenset({State.NEEDS_MAPPING, State.NEEDS_REVIEW, State.DEAD, State.REJECTED, State.WITHDRAWN})
# Not uncertain ones: their quarantine outlasts whatever SYSPRO may still be doing with the lost call.
_TIMED = frozenset({State.READY, State.ACKNOWLEDGED, State.POSTED})
_REJECTABLE = frozenset({State.NEEDS_MAPPING, State.NEEDS_REVIEW, State.DEAD})
# Nothing of these can be under way in SYSPRO. An uncertain one may be, and only a look-up can tell.
_TO_SET_ASIDE = frozenset({State.NEEDS_MAPPING, State.NEEDS_REVIEW})
_PREFIX = 8
# Basware's responseMessage takes no more characters.
TOLD_AT_MOST = 250
_REJECTING = "REJECTION_BEGUN"


def waiting(
    connector: Connector,
    company_name: str | None = None,
    *,
    states: Collection[State] = (),
    code: str = "",
    supplier: str = "",
    older_than: timedelta | None = None,
) -> list[QueueItem]:
    """Everything that is not done and not being worked on, oldest first; all filters that are given must fit.

    `states` are to be looked into in place of the usual ones; `code` is a reason code or the beginning of several;
    `supplier` fits without regard to blanks and zero padding; `older_than` counts from the invoice's arrival.
    """
    with connector.store.read() as connection:
        found = invoices.in_states(
            connection, _company(connector, company_name), states or QUEUED, with_payload=False
        )
    latest = None if older_than is None else connector.clock.now() - older_than
    return [
        item_of(stored)
        for stored in found
        if stored.code.startswith(code.upper())
        and (not supplier or _bare(stored.supplier) == _bare(supplier))
        and (latest is None or stored.received_at <= latest)
    ]


def gl_problems(connector: Connector, company_name: str | None = None) -> list[QueueItem]:
    """Invoices whose AP posting stands although SYSPRO's GL journal for it failed: never posted again by us."""
    with connector.store.read() as connection:
        return [
            item_of(stored)
            for stored in invoices.with_gl_problem(connection, _company(connector, company_name))
        ]


def show(connector: Connector, key: str) -> QueueItem:
    """One invoice by id, by the beginning of its id, or by invoice number. Raises Fatal where that is not one."""
    return item_of(find(connector, key))


def retry(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Check the invoice afresh and post it if nothing is in the way any more."""
    stored = find(connector, key)
    if stored.state not in _RETRIABLE:
        raise Fatal(f"invoice {named(stored)} is {stored.state}: there is nothing to retry by hand")
    refuse_if_posted(stored)
    return decide(connector, stored, State.RECEIVED, actor=actor, reason=reason, changes={"attempts": 0})


def release(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """End the waiting time of an invoice that waits for its next attempt; one in review is checked afresh.

    One that stands in SYSPRO already is accepted as it stands: Basware gets its voucher.
    """
    stored = find(connector, key)
    if stored.state in _TIMED:
        return decide(connector, stored, stored.state, actor=actor, reason=reason)
    _refuse_on_hold(connector, stored)
    if stored.state is State.NEEDS_REVIEW and stored.voucher:
        return _answer_as_it_stands(connector, stored, actor, reason)
    return retry(connector, key, actor=actor, reason=reason)


def reject(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Give the invoice back to Basware with `reason`, which its users read there; cut visibly where it is too long.

    The invoice is put where no worker takes it up before Basware is told: what is rejected there is never posted.
    """
    stored = find(connector, key)
    text = worded(reason)
    _refuse_on_hold(connector, stored)
    if stored.state not in _REJECTABLE:
        raise Fatal(f"invoice {named(stored)} is {stored.state} and cannot be rejected")
    voucher = stored.voucher or _voucher_in_syspro(connector, stored)
    if voucher:
        raise Fatal(
            f"invoice {named(stored)} stands in SYSPRO as voucher {voucher}: "
            "cancel it there first, or let Basware have the voucher (`connector queue release`)"
        )
    told = text if len(text) <= TOLD_AT_MOST else text[: TOLD_AT_MOST - 1] + "…"
    held = move(connector, stored, State.NEEDS_REVIEW, actor, changes=_begun(text), detail={"note": "begun"})
    try:
        Answerer(connector, connector.settings.company(stored.company)).reject(held, told)
    except Fatal:
        # Basware was told nothing: the invoice waits for what it waited for before.
        before = {"code": stored.code, "reason": stored.reason, "remedy": stored.remedy}
        move(connector, held, State.NEEDS_REVIEW, actor, changes=before, detail={"note": "not rejected"})
        raise
    detail = {"told_basware": told} if told != text else {}
    try:
        return decide(connector, held, State.REJECTED, actor=actor, reason=text, detail=detail)
    except LostRace as race:
        raise LostRace(f"Basware was told of the rejection, but {race}") from None


def _voucher_in_syspro(connector: Connector, stored: StoredInvoice) -> str:
    """The voucher of what was sent to SYSPRO once, of which only SYSPRO can say that it does not stand there."""
    if not stored.fingerprint:
        return ""
    entry = standing(connector, connector.settings.company(stored.company), stored)
    return entry.voucher if entry is not None and entry.is_by(stored) else ""


def _begun(reason: str) -> dict[str, str]:
    return {
        "code": _REJECTING,
        "reason": f"a rejection is on its way to Basware: {reason}",
        "remedy": "if it stays so, Basware's answer was lost: `connector queue reject` once more",
    }


def mark_dead(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Set an invoice aside: nothing is done with it until somebody revives or rejects it, or it changes in Basware.

    Not where it may be under way: whether an uncertain one stands in SYSPRO is for the look-up to say.
    """
    stored = find(connector, key)
    if stored.state is State.UNCERTAIN:
        raise Fatal(
            f"invoice {named(stored)} is uncertain: SYSPRO may have it, and the look-up that decides on it must go on. "
            "If the look-up itself fails, see `connector ping`"
        )
    if stored.state not in _TO_SET_ASIDE:
        raise Fatal(
            f"invoice {named(stored)} is {stored.state}: only what waits for a person can be set aside"
        )
    refuse_if_posted(stored)
    told = {
        "code": "SET_ASIDE",
        "reason": worded(reason),
        "remedy": "`connector queue revive` starts it over, `connector queue reject` gives it back to Basware",
    }
    return decide(connector, stored, State.DEAD, actor=actor, reason=reason, changes=told)


def revive(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Start a dead invoice over, with all its attempts. SYSPRO is looked into before anything is posted."""
    stored = find(connector, key)
    if stored.state is not State.DEAD:
        raise Fatal(f"invoice {named(stored)} is {stored.state}, not dead: there is nothing to revive")
    refuse_if_posted(stored)
    return decide(connector, stored, State.RECEIVED, actor=actor, reason=reason, changes={"attempts": 0})


def _answer_as_it_stands(connector: Connector, stored: StoredInvoice, actor: str, reason: str) -> QueueItem:
    document = connector.basware.document(stored.invoice_id)
    if document is None:
        raise Fatal(f"invoice {named(stored)} is not in Basware any more")
    changes = {
        "generation": stored.generation + 1,
        "answers": 0,
        "answered_at": None,
        "payload": document.text,
        "payload_digest": document.digest,
    }
    return decide(connector, stored, State.POSTED, actor=actor, reason=reason, changes=changes)


def find(connector: Connector, key: str) -> StoredInvoice:
    """The one invoice that `key` stands for. Raises Fatal where that is none or several."""
    with connector.store.read() as connection:
        found = invoices.find(connection, key)
    exact = [stored for stored in found if stored.invoice_id == key]
    found = exact or [stored for stored in found if stored.number == key or len(key) >= _PREFIX]
    if not found:
        raise Fatal(
            f"no invoice {key!r}: give its id, at least {_PREFIX} characters of it, or its invoice number"
        )
    if len(found) > 1:
        ids = ", ".join(stored.invoice_id for stored in found)
        raise Fatal(f"{key!r} stands for {len(found)} invoices: {ids}; give one of these ids")
    return found[0]


def named(stored: StoredInvoice) -> str:
    """The invoice as a person calls it."""
    return stored.number or stored.invoice_id


def worded(reason: str) -> str:
    """The reason without blanks around it. Raises Fatal where nothing is left."""
    text = reason.strip()
    if not text:
        raise Fatal("a reason is needed (--reason): the audit keeps it")
    return text


def _refuse_on_hold(connector: Connector, stored: StoredInvoice) -> None:
    """Raises Fatal while the company's state is older than its books: what it says of an invoice may be forgotten news."""
    with connector.store.read() as connection:
        held = holds.get(connection, stored.company)
    if held is not None:
        raise Fatal(
            f"invoice {named(stored)} cannot be decided on: {held.reason}. The next `connector sync invoices` compares "
            "the books; then look again"
        )


def refuse_if_posted(stored: StoredInvoice) -> None:
    """Raises Fatal where the invoice stands in SYSPRO."""
    if stored.voucher:
        raise Fatal(
            f"invoice {named(stored)} stands in SYSPRO as voucher {stored.voucher}: it is never posted again. "
            "`connector queue release` lets Basware have the voucher"
        )


def decide(
    connector: Connector,
    stored: StoredInvoice,
    new: State,
    *,
    actor: str,
    reason: str,
    changes: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> QueueItem:
    """Carry a person's act out, with its reason in the audit. Raises LostRace where the invoice moved meanwhile."""
    told = {"by_hand": worded(reason), **(detail or {})}
    return item_of(move(connector, stored, new, actor, changes=changes, detail=told))


def move(
    connector: Connector,
    stored: StoredInvoice,
    new: State,
    actor: str,
    *,
    changes: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> StoredInvoice:
    """`store.invoices.move` in a transaction of its own, with a LostRace that a person can read."""
    try:
        with connector.store.write() as connection:
            return invoices.move(
                connection,
                stored,
                new,
                connector.clock.now(),
                actor=actor,
                changes=changes,
                detail=detail,
            )
    except LostRace:
        raise moved_meanwhile(connector, stored) from None


def moved_meanwhile(connector: Connector, stored: StoredInvoice) -> LostRace:
    """What to tell a person who acted on an invoice that a worker, or another person, was moving."""
    with connector.store.read() as connection:
        now = invoices.get(connection, stored.company, stored.invoice_id)
    state = now.state if now is not None else "gone"
    return LostRace(
        f"invoice {named(stored)} moved meanwhile: it was {stored.state} and is {state} now; nothing was changed. "
        f"Look again: connector queue show {stored.invoice_id}"
    )


def _company(connector: Connector, name: str | None) -> str | None:
    return connector.settings.company(name).syspro_company if name else None


def _bare(supplier: str) -> str:
    return supplier.strip().lstrip("0").casefold()


def item_of(stored: StoredInvoice) -> QueueItem:
    """The invoice as lists show it."""
    return QueueItem(
        company=stored.company,
        invoice_id=stored.invoice_id,
        state=stored.state.value,
        code=stored.code,
        reason=stored.reason,
        remedy=stored.remedy,
        supplier=stored.supplier,
        invoice_number=stored.number,
        gross=stored.gross,
        currency=stored.currency,
        attempts=stored.attempts,
        received_at=stored.received_at,
        next_attempt_at=stored.next_attempt_at,
        voucher=stored.voucher,
        gl_problem=stored.gl_problem,
    )
