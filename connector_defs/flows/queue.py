"""What people do with invoices that wait: look, retry, release, reject. Every act keeps its reason."""

from connector_defs.domain.errors import Fatal
from connector_defs.domain.intents import Intent
from connector_defs.domain.states import State
from connector_defs.flows.answers import Answerer
from connector_defs.flows.lookup import LookUp, wanted_of
from connector_defs.flows.reports import QueueItem
from connector_defs.flows.runtime import Connector
from connector_defs.store import invoices
from connector_defs.store.invoices import StoredInvoice

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
_PREFIX = 8


def waiting(connector: Connector, company_name: str | None = None) -> list[QueueItem]:
    """Everything that is not done and not being worked on, oldest first."""
    company = connector.settings.company(company_name).syspro_company if company_name else None
    with connector.store.read() as connection:
        return [
            _item(stored) for stored in invoices.in_states(connection, company, QUEUED, with_payload=False)
        ]


def show(connector: Connector, key: str) -> QueueItem:
    """One invoice by id, by the beginning of its id, or by invoice number. Raises Fatal where that is not one."""
    return _item(_find(connector, key))


def retry(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Check the invoice afresh and post it if nothing is in the way any more."""
    stored = _find(connector, key)
    if stored.state not in _RETRIABLE:
        raise Fatal(
            f"invoice {stored.number or stored.invoice_id} is {stored.state}: there is nothing to retry by hand"
        )
    if stored.voucher:
        raise Fatal(
            f"invoice {stored.number or stored.invoice_id} stands in SYSPRO as voucher {stored.voucher}: "
            "it is never posted again"
        )
    return _move(connector, stored, State.RECEIVED, actor, reason, attempts=0)


def release(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """End the waiting time of an invoice that waits for its next attempt; one in review is checked afresh.

    One that stands in SYSPRO already is accepted as it stands: Basware gets its voucher.
    """
    stored = _find(connector, key)
    if stored.state in _TIMED:
        return _move(connector, stored, stored.state, actor, reason)
    if stored.state is State.NEEDS_REVIEW and stored.voucher:
        return _answer_as_it_stands(connector, stored, actor, reason)
    return retry(connector, key, actor=actor, reason=reason)


def reject(connector: Connector, key: str, *, actor: str, reason: str) -> QueueItem:
    """Give the invoice back to Basware with `reason`, which its users read there."""
    stored = _find(connector, key)
    if stored.state not in _REJECTABLE:
        raise Fatal(f"invoice {stored.number or stored.invoice_id} is {stored.state} and cannot be rejected")
    company = connector.settings.company(stored.company)
    voucher = stored.voucher
    if stored.fingerprint and not voucher:
        # It was sent to SYSPRO once: only SYSPRO can say that it does not stand there.
        wanted = wanted_of(stored, Intent.read(stored.intent), company.posting_mode)
        entry = LookUp(connector, company).find([wanted])[stored.invoice_id].entry
        voucher = entry.voucher if entry is not None and entry.is_by(stored) else ""
    if voucher:
        raise Fatal(
            f"invoice {stored.number or stored.invoice_id} stands in SYSPRO as voucher {voucher}: "
            "cancel it there first, or let Basware have the voucher (`connector queue release`)"
        )
    Answerer(connector, company).reject(stored, reason)
    return _move(connector, stored, State.REJECTED, actor, reason)


def _answer_as_it_stands(connector: Connector, stored: StoredInvoice, actor: str, reason: str) -> QueueItem:
    document = connector.basware.document(stored.invoice_id)
    if document is None:
        raise Fatal(f"invoice {stored.number or stored.invoice_id} is not in Basware any more")
    return _move(
        connector,
        stored,
        State.POSTED,
        actor,
        reason,
        generation=stored.generation + 1,
        answers=0,
        answered_at=None,
        payload=document.text,
        payload_digest=document.digest,
    )


def _find(connector: Connector, key: str) -> StoredInvoice:
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


def _move(
    connector: Connector, stored: StoredInvoice, new: State, actor: str, reason: str, **changes: object
) -> QueueItem:
    with connector.store.write() as connection:
        moved = invoices.move(
            connection,
            stored,
            new,
            connector.clock.now(),
            actor=actor,
            changes=changes,
            detail={"by_hand": reason},
        )
    return _item(moved)


def _item(stored: StoredInvoice) -> QueueItem:
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
    )
