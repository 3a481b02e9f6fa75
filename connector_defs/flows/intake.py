"""Approved invoices from Basware into the store: every one, before anything is told to Basware.

Also what a stored payload means to the business (`approved_invoice`), and which stored invoices Basware took
back. One code path takes everything in, however it was noticed (`take_in_documents`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection

from connector_defs.basware.client import DOCUMENT_PAGE_LIMIT
from connector_defs.basware.document_reader import read_document
from connector_defs.basware.documents import AccountingDocument, DocumentPage, MalformedDocument
from connector_defs.basware.documents import CodingRow as WireRow
from connector_defs.domain.errors import RecordRefused
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow
from connector_defs.domain.keys import response_code
from connector_defs.domain.states import State
from connector_defs.flows import polling
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import holds, invoices
from connector_defs.store.invoices import SYSTEM, Arrival, LostRace, StoredInvoice

WAITING = "WaitingForTransfer"
IN_PROGRESS = "TransferInProgress"
OFFERED = frozenset({WAITING, IN_PROGRESS})
# TransferInProgress is listed as well: an invoice acknowledged just before a crash, or before the state was
# restored from a backup, is offered nowhere else.
_LISTED = (IN_PROGRESS, WAITING)
# Basware keeps so many responses of an invoice.
_KEPT_RESPONSES = 100

# What a changed payload does to an invoice, by state: most start over, what was posted is never overwritten.
_STARTS_OVER = frozenset(
    {
        State.RECEIVED,
        State.NEEDS_MAPPING,
        State.NEEDS_REVIEW,
        State.READY,
        State.ACKNOWLEDGED,
        State.DEAD,
        State.REJECTED,
        State.WITHDRAWN,
    }
)
_POSTED = frozenset({State.POSTED, State.RESPONDED})
_WAITS = frozenset({State.RECEIVED, State.NEEDS_MAPPING, State.NEEDS_REVIEW, State.READY})
_GOES_ON = frozenset({State.RECEIVED, State.READY})
# Posted here, but Basware took no answer any more: waits until a user transfers it again.
ANSWER_REFUSED = "ANSWER_REFUSED"


@dataclass
class Intake:
    """What one poll brought."""

    fetched: int = 0
    received: int = 0
    seen: set[str] = field(default_factory=set)


def take_in(connector: Connector, company: CompanySettings, *, updated_from: date | None = None) -> Intake:
    """Poll Basware and store what it offers; each page is durable before the next is asked for.

    Most polls ask for what moved since the last one alone. Not shown there means nothing: an invoice that waits
    for a person does not move. What is about to be worked on is looked at singly then, and only a round that
    read every list whole says what Basware took back.
    """
    intake = Intake()
    current = polling.begin(connector, company, _LISTED, updated_from)
    _read_lists(connector, company, current, intake)
    held = _not_seen(connector, company, intake, _waiting_states(current))
    if not current.full and len(held) > DOCUMENT_PAGE_LIMIT:
        # So many single reads cost more than the lists.
        current = polling.begin(connector, company, _LISTED, whole=True)
        _read_lists(connector, company, current, intake)
        held = _not_seen(connector, company, intake, _waiting_states(current))
    _look_at_each(connector, company, held, intake)
    current.finish()
    return intake


def waiting_pages(connector: Connector, company: CompanySettings) -> Iterator[DocumentPage]:
    """What a poll would find waiting for transfer now, page by page; nothing is stored, no cursor moves."""
    current = polling.begin(connector, company, _LISTED)
    return connector.basware.documents(company.basware_company, WAITING, last_updated=current.since[WAITING])


def full_list_due(connector: Connector, company: CompanySettings) -> str | None:
    """A text that stands for the round over the whole lists that is due now; None where none is."""
    return polling.full_list_due(connector, company, _LISTED)


def _read_lists(
    connector: Connector, company: CompanySettings, current: polling.Round, intake: Intake
) -> None:
    for status in _LISTED:
        for page in current.pages(status):
            intake.fetched += len(page.documents) + len(page.malformed)
            reach("intake.page_read")
            with connector.store.write() as connection:
                take_in_documents(connector, connection, company, page.documents, page.malformed, intake)
                if page.last:
                    current.keep(connection, status)
            reach("intake.page_stored")


def _waiting_states(current: polling.Round) -> frozenset[State]:
    """After whole lists everything that waits is asked for, after a poll what goes on by itself."""
    return _WAITS if current.full else _GOES_ON


def take_in_documents(
    connector: Connector,
    connection: Connection,
    company: CompanySettings,
    documents: Iterable[AccountingDocument],
    malformed: Iterable[MalformedDocument],
    intake: Intake,
) -> None:
    """Store invoices as Basware shows them now, whoever noticed them, in the caller's transaction."""
    now = connector.clock.now()
    others = {pair.basware_company for pair in connector.companies} - {company.basware_company}
    documents = [document for document in documents if document.company_code not in others]
    known = invoices.get_many(connection, company.syspro_company, [one.invoice_id for one in documents])
    for document in documents:
        intake.seen.add(document.invoice_id)
        stored = known.get(document.invoice_id)
        _compare_answers(connection, company, stored, document, now)
        if stored is None:
            intake.received += _insert(connection, company, document, now)
            known[document.invoice_id] = _reread(connection, company, document.invoice_id)
        else:
            _meet_again(connection, stored, document, now)
    for bad in malformed:
        intake.received += _keep_malformed(connection, company, bad, now, intake.seen)


def _reread(connection: Connection, company: CompanySettings, invoice_id: str) -> StoredInvoice:
    stored = invoices.get(connection, company.syspro_company, invoice_id)
    if stored is None:
        raise LostRace(f"invoice {invoice_id} vanished while it was taken in")
    return stored


def _insert(
    connection: Connection, company: CompanySettings, document: AccountingDocument, now: datetime
) -> bool:
    if document.company_code == company.basware_company:
        return invoices.insert(connection, company.syspro_company, arrival(document), now)
    return invoices.insert(
        connection,
        company.syspro_company,
        arrival(document),
        now,
        state=State.NEEDS_REVIEW,
        code="COMPANY_UNKNOWN",
        reason=f"the invoice belongs to Basware company {document.company_code!r}, which is not configured",
        remedy="add the pair under [[companies]], or reject the invoice",
    )


def arrival(document: AccountingDocument) -> Arrival:
    """The document as it is stored."""
    return Arrival(
        invoice_id=document.invoice_id,
        payload=document.text,
        payload_digest=document.digest,
        document_updated=(document.last_updated or "")[:40],
        supplier=document.supplier_code[:40],
        number=(document.invoice_number or "")[:120],
        currency=document.currency_code[:10],
        gross=document.gross_sum,
    )


def _meet_again(
    connection: Connection, stored: StoredInvoice, document: AccountingDocument, now: datetime
) -> None:
    if stored.payload_digest != document.digest:
        _changed(connection, stored, document, now)
    elif document.processing_status != WAITING:
        return
    elif stored.state is State.RESPONDED or _waits_to_be_answered(stored):
        invoices.move(
            connection,
            stored,
            State.POSTED,
            now,
            changes={
                # A restored state may have forgotten answers that Basware holds.
                "generation": max(stored.generation, answers_given(stored.company, document)) + 1,
                "answers": 0,
                "answered_at": None,
            },
            detail={"note": "transferred again in Basware: it gets its first voucher back"},
        )
    elif stored.state in (State.REJECTED, State.WITHDRAWN):
        invoices.move(connection, stored, State.RECEIVED, now, detail={"note": "offered again by Basware"})


def is_news(stored: StoredInvoice | None, document: AccountingDocument) -> bool:
    """True where `document`, which waits for transfer, would move what we hold of it."""
    if stored is None:
        return True
    if stored.payload_digest != document.digest:
        return (stored.state in _STARTS_OVER and not stored.voucher) or stored.state in _POSTED
    offered_again = stored.state in (State.RESPONDED, State.REJECTED, State.WITHDRAWN)
    return offered_again or _waits_to_be_answered(stored)


def _waits_to_be_answered(stored: StoredInvoice) -> bool:
    return stored.state is State.NEEDS_REVIEW and stored.code == ANSWER_REFUSED


def _changed(
    connection: Connection, stored: StoredInvoice, document: AccountingDocument, now: datetime
) -> None:
    if stored.state in _STARTS_OVER and not stored.voucher:
        fields = {name: value for name, value in vars(arrival(document)).items() if name != "invoice_id"}
        invoices.move(
            connection,
            stored,
            State.RECEIVED,
            now,
            changes={**fields, "attempts": 0, "decisions": "{}"},
            detail={"note": "changed in Basware", "previous_digest": stored.payload_digest},
        )
    elif stored.state in _POSTED:
        invoices.move(
            connection,
            stored,
            State.NEEDS_REVIEW,
            now,
            changes=changed_after_posting(stored),
        )


def changed_after_posting(stored: StoredInvoice) -> dict[str, str]:
    """Why an invoice that stands in SYSPRO as it was waits for a person."""
    return {
        "code": "CHANGED_AFTER_POSTING",
        "reason": f"the invoice changed in Basware after it was posted as voucher {stored.voucher}",
        "remedy": "compare both, correct SYSPRO by hand where needed; it is never posted over",
    }


def _keep_malformed(
    connection: Connection, company: CompanySettings, bad: MalformedDocument, now: datetime, seen: set[str]
) -> bool:
    """Keep what cannot be read as it came; True where it is new. It also stops an older, readable version."""
    digest = hashlib.sha256(bad.text.encode("utf-8", "replace")).hexdigest()
    invoice_id = (bad.invoice_id or f"malformed-{digest[:24]}")[:64]
    seen.add(invoice_id)
    told = {
        "code": "MALFORMED",
        "reason": f"the invoice cannot be read: {bad.reason}",
        "remedy": "correct it in Basware and transfer it again; the payload is kept as it came",
    }
    payload = bad.text.replace("\x00", "\ufffd")
    stored = invoices.get(connection, company.syspro_company, invoice_id)
    if stored is None:
        arrived = Arrival(invoice_id, payload, digest, "", "", "", "", None)
        return invoices.insert(
            connection, company.syspro_company, arrived, now, state=State.NEEDS_REVIEW, **told
        )
    if stored.payload_digest != digest and stored.state in _STARTS_OVER and not stored.voucher:
        content = {"payload": payload, "payload_digest": digest, "attempts": 0, "decisions": "{}"}
        begun = invoices.move(
            connection, stored, State.RECEIVED, now, changes=content, detail={"note": "changed in Basware"}
        )
        invoices.move(connection, begun, State.NEEDS_REVIEW, now, changes=told)
    return False


def _not_seen(
    connector: Connector, company: CompanySettings, intake: Intake, states: frozenset[State]
) -> list[StoredInvoice]:
    """Invoices in `states` that could go on now and that no list showed."""
    with connector.store.read() as connection:
        held = invoices.in_states(connection, company.syspro_company, states, due=connector.clock.now())
    return [
        stored
        for stored in held
        if stored.invoice_id not in intake.seen
        and not (stored.fingerprint or stored.voucher)
        and stored.code not in ("MALFORMED", "COMPANY_UNKNOWN")
    ]


def _look_at_each(
    connector: Connector, company: CompanySettings, held: Sequence[StoredInvoice], intake: Intake
) -> None:
    """Invoices that wait here and that no list showed: Basware took them back, unless it says otherwise."""
    for stored in held:
        try:
            document = connector.basware.document(stored.invoice_id)
        except MalformedDocument as bad:
            with connector.store.write() as connection:
                _keep_malformed(connection, company, bad, connector.clock.now(), intake.seen)
            continue
        except RecordRefused:
            continue
        with suppress(LostRace), connector.store.write() as connection:
            if _look_again(connection, company, stored, document, connector.clock.now()):
                intake.seen.add(stored.invoice_id)


def _look_again(
    connection: Connection,
    company: CompanySettings,
    stored: StoredInvoice,
    document: AccountingDocument | None,
    now: datetime,
) -> bool:
    """An invoice that no list showed, as Basware shows it by itself; True where it is still offered to us."""
    reason = (
        f"Basware shows it as {document.processing_status if document else 'gone'}, no longer for transfer"
    )
    if document is not None:
        if _compare_answers(connection, company, stored, document, now):
            # It was answered from a later state than this one: `restoring` takes it up.
            return False
        if document.processing_status in OFFERED:
            if document.company_code == company.basware_company:
                _meet_again(connection, stored, document, now)
                return True
            reason = f"it belongs to Basware company {document.company_code!r} now"
    invoices.move(connection, stored, State.WITHDRAWN, now, changes={"reason": reason})
    return False


def answers_given(company: str, document: AccountingDocument) -> int:
    """How many answers of this connector Basware holds for the invoice: the highest number among them.

    `company` is the SYSPRO company, which is part of what makes an answer ours.
    """
    given = {answer.external_code for answer in document.transfer_responses}
    if not given:
        return 0
    codes = (
        response_code(company, document.invoice_id, "transfer", number)
        for number in range(1, _KEPT_RESPONSES + 1)
    )
    return max((number for number, code in enumerate(codes, 1) if code in given), default=0)


def _compare_answers(
    connection: Connection,
    company: CompanySettings,
    stored: StoredInvoice | None,
    document: AccountingDocument,
    now: datetime,
) -> bool:
    """Hold the company where Basware has an answer of ours that this state knows nothing of.

    Then the state is older than that answer: it was restored from a backup, or is not the one it was.
    """
    given = answers_given(company.syspro_company, document)
    known = stored.generation if stored is not None and stored.voucher else 0
    if given <= known:
        return False
    reason = (
        f"Basware holds an answer of this connector to invoice {document.invoice_number or document.invoice_id} "
        "that the state knows nothing of: it is older than that answer"
    )
    holds.place(connection, company.syspro_company, reason, now, actor=SYSTEM)
    return True


def approved_invoice(stored: StoredInvoice) -> ApprovedInvoice:
    """The stored payload in the terms of the business. Raises MalformedDocument."""
    return in_our_terms(stored, read_document(stored.payload))


def in_our_terms(stored: StoredInvoice, document: AccountingDocument) -> ApprovedInvoice:
    """`document`, read from what is stored, in the terms of the business."""
    return ApprovedInvoice(
        company=stored.company,
        invoice_id=stored.invoice_id,
        number=document.invoice_number or "",
        supplier=document.supplier_code,
        currency=document.currency_code,
        invoice_date=document.invoice_date,
        due_date=document.due_date,
        gross=document.gross_sum,
        net=document.net_sum,
        tax=document.tax_sum1,
        tax_code=document.tax_code or "",
        description=document.description or "",
        rows=tuple(_coding_row(row) for row in document.coding_rows),
        type_code=document.invoice_type_code or "",
        voucher_date=document.voucher_date,
        tax2=document.tax_sum2,
        company_currency=document.currency_code_company or "",
        gross_company=document.gross_sum_company,
        exchange_rate=document.exchange_rate_company,
        contract_number=document.contract_number or "",
        reference_number=document.reference_number or "",
        supplier_source=document.supplier_source_system_id or "",
        notes=document.notes,
    )


def _coding_row(row: WireRow) -> CodingRow:
    return CodingRow(
        key=row.external_code,
        account_code=row.account_code or "",
        account_name=row.account_name or "",
        cost_center=row.cost_center_code or "",
        net=row.net_total,
        tax=row.tax_sum,
        gross=row.gross_total,
        tax_code=row.tax_code or "",
        order_number=row.order_number or "",
        order_line=row.order_line_number or "",
        receipt_number=row.goods_receipt_number or "",
        matched_quantity=row.matched_quantity,
        note=row.last_comment or row.account_name or "",
        dimensions=_dimensions(row),
        tax2=row.tax_sum2,
        net_company=row.net_total_company,
        tax_company=row.tax_sum_company,
        gross_company=row.gross_total_company,
        cost_type=row.planned_additional_cost_type,
    )


def _dimensions(row: WireRow) -> tuple[tuple[str, str], ...]:
    named = [
        ("project", row.project_code),
        ("profit_center", row.profit_center_code),
        ("business_unit", row.business_unit_code),
        ("fixed_asset", row.fixed_asset_code),
        *((f"dim{number}", code) for number, code in enumerate(row.dimensions, 1)),
    ]
    return tuple((name, code) for name, code in named if code)
