"""What a person may decide about one invoice: its posting period, a rounding, the voucher it has, its GL journal.

Decisions on how it is posted are kept with the invoice and are void as soon as it changes in Basware; each then has
the invoice checked afresh. Not here: the plain acts on what waits (`queue`).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.errors import Fatal
from connector_defs.domain.invoices import JOURNAL, Decisions, key_of_number
from connector_defs.domain.keys import is_posting_reference
from connector_defs.domain.planning import rounding_of
from connector_defs.domain.planning.periods import named_by
from connector_defs.domain.states import State
from connector_defs.flows.books import BookReader, planning_rules
from connector_defs.flows.intake import IN_PROGRESS, WAITING, approved_invoice
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import standing
from connector_defs.flows.queue import decide, find, moved_meanwhile, named, refuse_if_posted, show, worded
from connector_defs.flows.reports import QueueItem
from connector_defs.flows.runtime import Connector
from connector_defs.store import invoices
from connector_defs.store.invoices import LostRace, StoredInvoice

# Not sent to SYSPRO, or known not to stand there; a worker that holds one of them finds it moved.
_CHECKED_AFRESH = frozenset(
    {
        State.RECEIVED,
        State.NEEDS_MAPPING,
        State.NEEDS_REVIEW,
        State.READY,
        State.ACKNOWLEDGED,
        State.DEAD,
    }
)
_ADOPTABLE = frozenset({State.NEEDS_MAPPING, State.NEEDS_REVIEW, State.DEAD})
# One of these may be about to become, or be, the posting that somebody wants to adopt.
_MAY_STAND_IN_SYSPRO = frozenset(
    {State.ACKNOWLEDGED, State.POSTING, State.UNCERTAIN, State.POSTED, State.RESPONDED}
)
# Basware takes a voucher for these; a failed transfer where its recovery window is still open.
_TAKES_VOUCHER = frozenset({WAITING, IN_PROGRESS, "TransferFailed"})
# Fiscal years may have up to 15 periods.
_PERIOD = re.compile(r"[CPB]|\d{4}-(0[1-9]|1[0-5])")


def choose_period(connector: Connector, key: str, period: str, *, actor: str, reason: str) -> QueueItem:
    """Post this invoice in `period` (C, P, B or CCYY-MM) in place of the one the settings say.

    Planning then says whether that period can be posted to. A letter keeps the meaning it has now, however long the
    invoice waits. Raises RetryLater where SYSPRO cannot be asked what it means.
    """
    stored = find(connector, key)
    chosen = period.strip().upper()
    if not _PERIOD.fullmatch(chosen):
        raise Fatal(
            f"{period!r} is no posting period: C is SYSPRO's current one, P the one before, B the one before that, "
            "and 2026-10 names one by year and number"
        )
    if stored.state not in _CHECKED_AFRESH:
        raise Fatal(f"invoice {named(stored)} is {stored.state}: its period cannot be chosen any more")
    refuse_if_posted(stored)
    company = connector.settings.company(stored.company)
    control = BookReader(connector, company).periods()
    journal = company.posting_mode == JOURNAL
    meant = named_by(chosen, control, journal=journal) if control is not None else ""
    decisions = replace(Decisions.read(stored.decisions), period=chosen, stands_for=meant)
    told = {"period": chosen, **({"stands_for": meant} if meant else {})}
    return _decided(connector, stored, decisions, actor, reason, told)


def accept_rounding(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Post the difference between rows and gross sum, as it stands now, to the rounding account."""
    stored = find(connector, key)
    if stored.state is not State.NEEDS_REVIEW or stored.code != "UNBALANCED":
        raise Fatal(
            f"invoice {named(stored)} is {stored.state}{f' for {stored.code}' if stored.code else ''}: "
            "a difference can be accepted where an invoice waits as UNBALANCED"
        )
    refuse_if_posted(stored)
    rules = connector.settings.posting
    if rules.rounding_account is None:
        raise Fatal("a difference needs an account to go to: set posting.rounding_account in connector.toml")
    difference = _difference(connector, stored)
    if abs(difference) > rules.largest_accepted_rounding:
        raise Fatal(
            f"invoice {named(stored)} is off by {difference} {stored.currency}; at most "
            f"{rules.largest_accepted_rounding} is accepted by hand (posting.largest_accepted_rounding). "
            "Correct the coding in Basware"
        )
    decisions = replace(Decisions.read(stored.decisions), rounding=difference)
    accepted = {"accepted": difference, "currency": stored.currency, "account": rules.rounding_account}
    return _decided(connector, stored, decisions, actor, reason, accepted)


def _difference(connector: Connector, stored: StoredInvoice) -> Decimal:
    """Raises Fatal where the payload tells no difference: then the invoice waits for another reason by now."""
    try:
        rules = planning_rules(connector.settings, connector.settings.company(stored.company))
        difference = rounding_of(approved_invoice(stored), rules)
    except MalformedDocument as flaw:
        raise Fatal(f"invoice {named(stored)} cannot be read: {flaw.reason}") from None
    if not isinstance(difference, Decimal) or not difference:
        said = "its rows make the gross sum" if isinstance(difference, Decimal) else difference.reason
        raise Fatal(
            f"invoice {named(stored)} has no difference to accept: {said}. `connector queue retry` checks it"
        )
    return difference


def _decided(
    connector: Connector,
    stored: StoredInvoice,
    decisions: Decisions,
    actor: str,
    reason: str,
    detail: Mapping[str, Any],
) -> QueueItem:
    changes = {"decisions": decisions.text, "attempts": 0}
    return decide(
        connector, stored, State.RECEIVED, actor=actor, reason=reason, changes=changes, detail=detail
    )


def adopt(connector: Connector, key: str, *, actor: str, reason: str, voucher: str = "") -> QueueItem:
    """Take the document that stands in SYSPRO under this supplier and number for this invoice's posting.

    It must stand there over exactly the gross sum, as `voucher` where that is given, and belong to no other invoice
    of ours. What was seen of it is kept in the audit. Basware then gets its voucher.
    """
    stored = find(connector, key)
    text = worded(reason)
    if stored.state not in _ADOPTABLE:
        raise Fatal(
            f"invoice {named(stored)} is {stored.state}: only what waits for a person can adopt a posting; "
            "whatever stands in SYSPRO under its number is looked up before it is posted"
        )
    refuse_if_posted(stored)
    _check_in_basware(connector, stored)
    entry = _entry(connector, stored, voucher.strip())
    changes = {
        "voucher": entry.voucher,
        "reference": entry.reference,
        "number_key": stored.number_key or key_of_number(entry.number),
        "generation": stored.generation + 1,
        "answers": 0,
        "answered_at": None,
    }
    evidence = asdict(entry) | {
        "voucher": entry.voucher,
        "posted_by": "this connector" if entry.is_by(stored) else "somebody in SYSPRO",
    }
    try:
        with connector.store.write() as connection:
            for rival in invoices.rivals(connection, stored, entry.voucher):
                if rival.voucher == entry.voucher or rival.state in _MAY_STAND_IN_SYSPRO:
                    raise Fatal(
                        f"voucher {entry.voucher} is, or may be, that of Basware invoice {rival.invoice_id} "
                        f"({rival.number!r}, {rival.state}): one posting stands for one invoice. "
                        "If this one is its double, reject it"
                    )
            invoices.move(
                connection,
                stored,
                State.POSTED,
                connector.clock.now(),
                actor=actor,
                changes=changes,
                detail={"by_hand": text, "how": "adopted", "evidence": evidence},
            )
    except LostRace:
        raise moved_meanwhile(connector, stored) from None
    return show(connector, stored.invoice_id)


def _check_in_basware(connector: Connector, stored: StoredInvoice) -> None:
    """Raises Fatal where Basware would take no voucher for what we hold."""
    document = connector.basware.document(stored.invoice_id)
    if document is None:
        raise Fatal(
            f"invoice {named(stored)} is not in Basware any more: there is nothing to adopt a posting for"
        )
    if document.digest != stored.payload_digest:
        raise Fatal(
            f"invoice {named(stored)} changed in Basware since it was taken in: "
            "`connector sync invoices` takes the change in, then look again"
        )
    if document.processing_status not in _TAKES_VOUCHER:
        raise Fatal(
            f"Basware shows invoice {named(stored)} as {document.processing_status}: it takes no voucher for it now"
        )


def _entry(connector: Connector, stored: StoredInvoice, voucher: str) -> LedgerEntry:
    """What stands in SYSPRO and may be adopted. Raises Fatal, with what was found, where it may not."""
    place = (stored.supplier, stored.number.strip())
    entry = standing(connector, connector.settings.company(stored.company), stored)
    if entry is None:
        raise Fatal(
            f"SYSPRO has no AP invoice {place[1]!r} of supplier {place[0]!r}: there is nothing to adopt"
        )
    if voucher and voucher != entry.voucher:
        raise Fatal(
            f"SYSPRO holds invoice {place[1]!r} of supplier {place[0]!r} as voucher {entry.voucher}, not {voucher}"
        )
    if is_posting_reference(entry.reference) and not entry.is_by(stored):
        raise Fatal(
            f"voucher {entry.voucher} bears the marker of another Basware invoice ({entry.reference}): "
            "it was posted for that one"
        )
    if not entry.amounts_to(stored.gross):
        raise Fatal(
            f"voucher {entry.voucher} is over {entry.value}, invoice {named(stored)} over {stored.gross} "
            f"{stored.currency}: another amount is never adopted. Correct SYSPRO or the invoice, or reject it"
        )
    return entry


def settle_gl(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Mark the failed GL journal of an AP posting as dealt with in SYSPRO. Nothing is posted, here or there."""
    stored = find(connector, key)
    if not stored.gl_problem:
        raise Fatal(f"invoice {named(stored)} has no failed GL journal to settle")
    changes = {
        "gl_problem": "",
        "code": stored.code,
        "reason": stored.reason,
        "remedy": stored.remedy,
        "next_attempt_at": stored.next_attempt_at,
    }
    return decide(
        connector,
        stored,
        stored.state,
        actor=actor,
        reason=reason,
        changes=changes,
        detail={"settled": stored.gl_problem},
    )
