"""A state that is older than what both systems hold: noticed, rebuilt from them, and only then worked with.

A store restored from a backup has forgotten postings and answers. Nothing would be posted twice (every post is
preceded by a look-up), but Basware would be answered again, and what is done would count as taken back. So the
company is on hold: what SYSPRO and Basware hold is adopted, the books are compared, and where they agree the
hold ends by itself. Not here: how a single invoice is posted or answered.

A restored store is known by three signs: it lacks the newest event this machine has seen in it (the mark, a
file beside the staged tables); Basware holds an answer of ours that it knows nothing of (`intake`); or a person
says so (`connector db restored`).
"""

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from connector_defs.basware.documents import AccountingDocument
from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.intents import Intent
from connector_defs.domain.invoices import key_of_number
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.planning.numbers import posted_number
from connector_defs.domain.states import State, may_move
from connector_defs.flows.books import planning_rules
from connector_defs.flows.intake import IN_PROGRESS, WAITING, answers_given, arrival
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import LookUp, Wanted, wanted_of
from connector_defs.flows.reconciliation import reconcile
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.private_files import create
from connector_defs.settings import CompanySettings
from connector_defs.store import holds, invoices
from connector_defs.store.invoices import SYSTEM, StoredInvoice

_log = logging.getLogger(__name__)

_DONE = ("Transferred", "Paid")
_FAILED = "TransferFailed"
# Where an invoice that we have posted may stand in Basware.
_TO_COMPARE = (*_DONE, _FAILED, IN_PROGRESS, WAITING)
_KNOWN_AS_POSTED = frozenset({State.POSTED, State.RESPONDED})
# What the lane itself looks up before it goes on.
_LOOKED_UP = frozenset({State.POSTING, State.UNCERTAIN})
_HELD = "STATE_RESTORED"
_NOTE = "forgotten by a restored state, taken over as it stands in SYSPRO and Basware"


def notice(connector: Connector) -> None:
    """Put every company on hold where the store lacks what this machine has seen in it. Before anything is written."""
    seen = _read_mark(connector)
    if seen is None:
        return
    with connector.store.read() as connection:
        if holds.has(connection, seen):
            return
    hold_all(
        connector,
        "the state store lacks events that this machine has seen in it: it was restored from a backup, or lost",
        actor=SYSTEM,
    )
    # Told once: from here on the store is measured by what it holds now.
    remember(connector)


def remember(connector: Connector) -> None:
    """Note the newest event of the store outside of it. Where that cannot be written, it is told in the log."""
    with connector.store.read() as connection:
        newest = holds.mark(connection)
    if newest is None:
        return
    path = _mark_path(connector)
    unfinished = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with os.fdopen(create(unfinished), "w", encoding="utf-8") as file:
            json.dump({"store": _store_name(connector), **vars(newest)}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        _log.warning("%s cannot be written (%s): a restored state would go unnoticed", path, error.strerror)


def hold_all(connector: Connector, reason: str, *, actor: str) -> list[str]:
    """Put every company on hold; returns those that were not yet."""
    now = connector.clock.now()
    with connector.store.write() as connection:
        return [
            company.syspro_company
            for company in connector.companies
            if holds.place(connection, company.syspro_company, reason, now, actor=actor)
        ]


def release(connector: Connector, company: CompanySettings, reason: str, *, actor: str) -> bool:
    """End the hold of a company; False where it has none."""
    with connector.store.write() as connection:
        return holds.release(connection, company.syspro_company, reason, connector.clock.now(), actor=actor)


def clear_to_post(connector: Connector, company: CompanySettings) -> Problem | None:
    """None where the lane may work. On hold: rebuild, compare, and release where the books agree; else why not."""
    with connector.store.read() as connection:
        held = holds.get(connection, company.syspro_company)
    if held is None:
        return None
    try:
        adopted = _rebuild(connector, company)
        found = reconcile(connector, companies=[company]).differences
    except ConnectorError as error:
        return _problem(
            company,
            f"{held.reason}; it cannot be compared now: {error}",
            "nothing to do: the next run tries again",
        )
    if found:
        kinds = ", ".join(sorted({difference.kind for difference in found}))
        return _problem(
            company,
            f"{held.reason}; {adopted} invoices were taken over from SYSPRO and Basware, {len(found)} differ ({kinds})",
            "see `connector reconcile` and settle them, then the next run goes on; "
            "or accept them: `connector db release`",
        )
    release(
        connector,
        company,
        f"{adopted} invoices were taken over from SYSPRO and Basware, and the books agree",
        actor=SYSTEM,
    )
    return None


def _problem(company: CompanySettings, reason: str, remedy: str) -> Problem:
    return Problem(company.syspro_company, "invoices", "state", _HELD, reason, remedy)


def _rebuild(connector: Connector, company: CompanySettings) -> int:
    """Adopt every posting and answer of ours that the state has forgotten; returns how many."""
    adopted = 0
    for status in _TO_COMPARE:
        for page in connector.basware.documents(company.basware_company, status):
            with connector.store.read() as connection:
                known = invoices.get_many(
                    connection, company.syspro_company, [one.invoice_id for one in page.documents]
                )
            forgotten = [
                document
                for document in page.documents
                if _is_forgotten(company, document, known.get(document.invoice_id))
            ]
            adopted += _adopt_documents(connector, company, forgotten, known)
    return adopted + _adopt_postings(connector, company)


def _is_forgotten(
    company: CompanySettings, document: AccountingDocument, stored: StoredInvoice | None
) -> bool:
    """True where Basware may know more of the invoice than the state does."""
    if document.company_code != company.basware_company:
        return False
    given = answers_given(company.syspro_company, document)
    if stored is None:
        return given > 0 or document.processing_status == _FAILED
    if stored.state is State.NEEDS_REVIEW and stored.voucher:
        return False
    if stored.state is State.POSTED and document.processing_status in _DONE:
        return given > 0
    return given > (stored.generation if stored.voucher else 0)


def _adopt_documents(
    connector: Connector,
    company: CompanySettings,
    documents: Sequence[AccountingDocument],
    known: Mapping[str, StoredInvoice],
) -> int:
    wanted = [
        _wanted(
            connector, company, one.invoice_id, one.supplier_code, one.invoice_number or "", one.gross_sum
        )
        for one in documents
    ]
    found = LookUp(connector, company).find([one for one in wanted if one.number])
    adopted = 0
    with connector.store.write() as connection:
        for document in documents:
            entry = found[document.invoice_id].entry if document.invoice_id in found else None
            if entry is None or not _is_ours(company, document, entry):
                continue
            stored = known.get(document.invoice_id) or _take_in(connector, connection, company, document)
            _adopt(
                connector,
                connection,
                company,
                stored,
                entry,
                document,
                answers_given(company.syspro_company, document),
            )
            adopted += 1
    return adopted


def _is_ours(company: CompanySettings, document: AccountingDocument, entry: LedgerEntry) -> bool:
    """Our marker in SYSPRO, or the voucher our own answer named, and the amount of the invoice."""
    marked = entry.reference == posting_reference(company.syspro_company, document.invoice_id)
    told = answers_given(company.syspro_company, document) > 0 and document.voucher_number1 == entry.voucher
    # A journal is in the company's currency.
    sums = (document.gross_sum, document.gross_sum_company)
    return (marked or told) and any(entry.amounts_to(value) for value in sums)


def _take_in(
    connector: Connector, connection: Connection, company: CompanySettings, document: AccountingDocument
) -> StoredInvoice:
    now = connector.clock.now()
    invoices.insert(connection, company.syspro_company, arrival(document), now)
    (stored,) = invoices.get_many(connection, company.syspro_company, [document.invoice_id]).values()
    return stored


def _adopt(
    connector: Connector,
    connection: Connection,
    company: CompanySettings,
    stored: StoredInvoice,
    entry: LedgerEntry,
    document: AccountingDocument | None,
    given: int,
) -> None:
    """The invoice stands in SYSPRO as `entry` and was answered `given` times: write it down so."""
    now = connector.clock.now()
    if not may_move(stored.state, State.POSTED):
        stored = invoices.move(connection, stored, State.RECEIVED, now, detail={"note": _NOTE})
    status = document.processing_status if document else ""
    answered = given > 0 and status in _DONE
    payload = (
        {name: value for name, value in vars(arrival(document)).items() if name != "invoice_id"}
        if document
        else {}
    )
    stored = invoices.move(
        connection,
        stored,
        State.POSTED,
        now,
        changes={
            **payload,
            "voucher": entry.voucher,
            "gl_journal": (document.voucher_number2 if document and given else None) or stored.gl_journal,
            "reference": entry.reference,
            "intent": stored.intent or _intent_of(entry, company, stored).text,
            "number_key": stored.number_key or key_of_number(entry.number),
            # The next answer must be one that Basware does not have yet.
            "generation": given if answered else max(given + 1, stored.generation),
            "answers": 0,
            "answered_at": None,
        },
        detail={"note": _NOTE, "journal": entry.journal, "entry": entry.entry},
    )
    if answered:
        invoices.move(connection, stored, State.RESPONDED, now, detail={"note": _NOTE, "basware": status})


def _intent_of(entry: LedgerEntry, company: CompanySettings, stored: StoredInvoice) -> Intent:
    """What was posted, in place of the forgotten intent: under which number it stands, and over what."""
    gross = stored.gross if stored.gross is not None and entry.amounts_to(stored.gross) else entry.value
    return Intent(
        mode=company.posting_mode,
        supplier=entry.supplier,
        number=entry.number,
        kind="I",
        gross=gross,
        currency=stored.currency,
        values={},
        complete=False,
    )


def _adopt_postings(connector: Connector, company: CompanySettings) -> int:
    """What the state holds as not posted, and SYSPRO holds under our marker."""
    unposted: Collection[State] = frozenset(State) - _KNOWN_AS_POSTED - _LOOKED_UP
    with connector.store.read() as connection:
        held = [
            stored
            for stored in invoices.in_states(connection, company.syspro_company, unposted, with_payload=False)
            if not stored.voucher and stored.number.strip()
        ]
    found = LookUp(connector, company).find(
        [
            _wanted(connector, company, one.invoice_id, one.supplier, one.number, one.gross)
            if (intent := Intent.read(one.intent)) is None
            else wanted_of(one, intent, intent.mode)
            for one in held
        ]
    )
    adopted = 0
    for stored in held:
        entry = found[stored.invoice_id].entry
        if entry is None or entry.reference != posting_reference(stored.company, stored.invoice_id):
            continue
        if not entry.amounts_to(stored.gross):
            continue
        with connector.store.write() as connection:
            (current,) = invoices.get_many(connection, stored.company, [stored.invoice_id]).values()
            _adopt(connector, connection, company, current, entry, None, 0)
        adopted += 1
    return adopted


def _wanted(
    connector: Connector,
    company: CompanySettings,
    invoice_id: str,
    supplier: str,
    number: str,
    gross: Decimal | None,
) -> Wanted:
    """What was posted for an invoice whose intent was forgotten: by the site's rules of today."""
    return Wanted(
        invoice_id,
        supplier,
        posted_number(number, planning_rules(connector.settings, company)),
        posting_reference(company.syspro_company, invoice_id),
        mode=company.posting_mode,
        gross=gross,
    )


def _mark_path(connector: Connector) -> Path:
    return connector.staging.root.parent / "state.mark"


def _store_name(connector: Connector) -> str:
    """Which store a mark is of, without the password its URL may hold."""
    url = make_url(connector.settings.storage.state_url).set(password=None)
    return hashlib.sha256(url.render_as_string().encode()).hexdigest()[:16]


def _read_mark(connector: Connector) -> holds.Mark | None:
    try:
        kept = json.loads(_mark_path(connector).read_text(encoding="utf-8"))
        if kept["store"] != _store_name(connector):
            return None
        return holds.Mark(int(kept["event"]), str(kept["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
