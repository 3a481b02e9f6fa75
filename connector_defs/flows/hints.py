"""What a notification is worth: a reason to look, and never more. The document itself is fetched over OAuth.

Belongs here: which notifications are open, and one look at what they name. Not here: how they come into the inbox
(the receiver, and `push_watch` for those that never came), and what becomes of an invoice (`intake`).
"""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from connector_defs.basware.client import DOCUMENT_PAGE_LIMIT
from connector_defs.basware.documents import AccountingDocument, MalformedDocument
from connector_defs.domain.errors import ConnectorError, RecordRefused
from connector_defs.flows import aftercare, pace
from connector_defs.flows.intake import OFFERED, Intake, take_in, take_in_documents
from connector_defs.flows.push_reports import HintReport
from connector_defs.flows.runtime import Connector
from connector_defs.store import notifications
from connector_defs.store.leases import Lease, LeaseTaken, renew
from connector_defs.store.notifications import Hint

_log = logging.getLogger(__name__)

# The second is Basware's own spelling in notifications (Basware wire notes 4.4).
DOCUMENT_TYPES: Final = frozenset({"accountingdocuments", "accoutingdocuments"})
REQUEST_TYPES: Final = frozenset({"requeststatus"})
_LEASE = "notifications"
_AT_A_TIME = 50
# More than a run can fetch one by one; the rest is left to the next, which lists first as well.
_AT_MOST = 10_000


@dataclass
class _Fetched:
    documents: list[AccountingDocument] = field(default_factory=list)
    malformed: list[MalformedDocument] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    trouble: str = ""


def waiting(connector: Connector) -> str | None:
    """A text that stands for the open notifications of invoices; None where there is none. Reads our own store alone."""
    return _stands_for(hint for hint in _open(connector) if not _is_request(hint))


def requests_waiting(connector: Connector) -> str | None:
    """The same for the notifications of requests whose records failed."""
    return _stands_for(requests_told(connector))


def requests_told(connector: Connector) -> list[Hint]:
    """The open notifications of requests, before these are looked at."""
    return [hint for hint in _open(connector) if _is_request(hint)]


def settle_requests(connector: Connector, told: Sequence[Hint]) -> None:
    """These notifications had come before the requests were looked at; one stays open where a list was not read since."""
    looked = aftercare.looked_at(connector)
    done = [hint for hint in told if looked is None or hint.received_at <= looked]
    _settle(connector, done, "requests were looked at")


def take_in_hints(connector: Connector) -> HintReport:
    """Look at every invoice that an open notification names, and store it where it is offered to us.

    Where these are many, the lists of all companies are read first: a page of them shows a hundred at once. Whatever
    goes wrong leaves its notification open, and polling finds the invoice all the same.
    """
    report = HintReport()
    if not any(not _is_request(hint) for hint in _open(connector)):
        return report
    try:
        with connector.leases.hold(_LEASE) as lease:
            _look(connector, lease, report)
    except LeaseTaken:
        pass
    except ConnectorError as error:
        report.trouble = str(error)
        _log.warning("open notifications are looked at with the next run: %s", error)
    return report


def _look(connector: Connector, lease: Lease, report: HintReport) -> None:
    hints = [hint for hint in _open(connector) if not _is_request(hint)]
    report.open = len(hints)
    others = [hint for hint in hints if not _is_document(hint)]
    named = [hint for hint in hints if _is_document(hint)]
    shown: set[str] = set()
    if len({hint.document_id for hint in named}) > DOCUMENT_PAGE_LIMIT:
        shown = _lists(connector, report)
        done = [hint for hint in named if hint.document_id in shown]
        report.settled += _settle(connector, done, "shown by the lists")
    left = [hint for hint in named if hint.document_id not in shown]
    for start in range(0, len(left), _AT_A_TIME):
        if not _take_in(connector, lease, left[start : start + _AT_A_TIME], report):
            break
    else:
        # What they mean is not known: every run polls, and that is what they ask for.
        report.settled += _settle(connector, others, "no invoice of ours: a run was made")
    if report.trouble:
        _log.warning("open notifications are looked at with the next run: %s", report.trouble)


def _lists(connector: Connector, report: HintReport) -> set[str]:
    """Invoices that a poll of each company shows; all of them are stored."""
    shown: set[str] = set()
    for company in connector.companies:
        try:
            intake = take_in(connector, company)
        except ConnectorError as error:
            _log.warning("company %s could not be polled: %s", company.syspro_company, error)
            continue
        pace.polled(connector, company, left=False)
        report.fetched += intake.fetched
        report.received += intake.received
        shown |= intake.seen
    return shown


def _take_in(connector: Connector, lease: Lease, hints: Sequence[Hint], report: HintReport) -> bool:
    """Fetch and store what these name; False where Basware shows nothing at all now."""
    found = _fetch(connector, sorted({hint.document_id for hint in hints}))
    answered = set(found.answered)
    intake = Intake()
    with connector.store.write() as connection:
        renew(connection, lease, connector.clock.now())
        for company in connector.companies:
            take_in_documents(
                connector,
                connection,
                company,
                [one for one in found.documents if one.company_code == company.basware_company],
                # Whose it is, its own text may not tell: with several companies the poll of each list does.
                found.malformed if len(connector.companies) == 1 else (),
                intake,
            )
        done = [hint for hint in hints if hint.document_id in answered]
        _settled(connection, done, connector.clock.now(), "looked at")
    report.fetched += len(answered)
    report.received += intake.received
    report.settled += len(done)
    report.trouble = found.trouble or report.trouble
    return bool(answered)


def _fetch(connector: Connector, invoice_ids: Sequence[str]) -> _Fetched:
    """Each invoice as Basware shows it; those it could not be asked for stay out of `answered`."""

    def ask(invoice_id: str) -> AccountingDocument | ConnectorError | None:
        try:
            return connector.basware.document(invoice_id)
        except ConnectorError as error:
            return error

    found = _Fetched()
    with ThreadPoolExecutor(connector.settings.basware.max_parallel, "hint") as pool:
        answers = zip(invoice_ids, pool.map(ask, invoice_ids), strict=True)
    for invoice_id, answer in answers:
        match answer:
            case AccountingDocument():
                if answer.processing_status in OFFERED:
                    found.documents.append(answer)
            case MalformedDocument():
                found.malformed.append(answer)
            case RecordRefused() | None:
                # Basware has no such invoice, or not for us: a forged or odd notification ends here.
                pass
            case _:
                found.trouble = str(answer)
                continue
        found.answered.append(invoice_id)
    return found


def _open(connector: Connector) -> list[Hint]:
    with connector.store.read() as connection:
        return notifications.open_hints(connection, _AT_MOST)


def _settle(connector: Connector, hints: Sequence[Hint], note: str) -> int:
    if hints:
        with connector.store.write() as connection:
            _settled(connection, hints, connector.clock.now(), note)
    return len(hints)


def _settled(connection: Connection, hints: Sequence[Hint], now: datetime, note: str) -> None:
    """These are done; a further notification of the same task that came meanwhile is not."""
    newest = max((hint.received_at for hint in hints), default=now)
    notifications.settle(connection, [hint.task_id for hint in hints], now, note, received_by=newest)


def _stands_for(hints: Iterable[Hint]) -> str | None:
    """One more notification, or another one, is another text."""
    found = list(hints)
    return f"{len(found)} until {found[-1].received_at.isoformat()}" if found else None


def _is_document(hint: Hint) -> bool:
    return hint.task_type.strip().casefold() in DOCUMENT_TYPES and bool(hint.document_id)


def _is_request(hint: Hint) -> bool:
    return hint.task_type.strip().casefold() in REQUEST_TYPES
