"""What SYSPRO would say to the invoices that wait, asked with ValidateOnly=Y: nothing is posted and nothing moves.

An invoice goes the way it would go: planned from the books as they are, looked up, and only then put to SYSPRO on
the lane of its company, under its lease. Whatever does not get that far is told with our own reason.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from connector_defs.domain.errors import ConnectorError, Fatal, OutcomeUnknown, RecordRefused
from connector_defs.domain.invoices import Posting
from connector_defs.domain.planning import Refusal, Unmapped
from connector_defs.domain.states import State
from connector_defs.flows.documents import SysproDocument, document_of
from connector_defs.flows.evaluation import Evaluator
from connector_defs.flows.lanes import lane_name, lane_session
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import LookUp, wanted_as_planned
from connector_defs.flows.queue import find, named
from connector_defs.flows.reports import Foreseen, Preview, Problem, Verdict
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices
from connector_defs.store.invoices import StoredInvoice
from connector_defs.syspro.documents import apstin, gentjl
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.documents.validation import Validated, validates_only
from connector_defs.syspro.enet import SystemRefused
from connector_defs.syspro.session import EnetSession

# What is about to be posted, and what may be as soon as its cause is gone.
_ABOUT_TO_BE = frozenset({State.RECEIVED, State.READY, State.ACKNOWLEDGED, State.NEEDS_REVIEW})
_ASKABLE = _ABOUT_TO_BE | {State.NEEDS_MAPPING, State.DEAD}
AT_MOST = 50

_READERS: Mapping[str, Callable[[str], Validated | Rejection]] = MappingProxyType(
    {apstin.BUSINESS_OBJECT: apstin.read_validation, gentjl.BUSINESS_OBJECT: gentjl.read_validation}
)


@dataclass(frozen=True)
class _Planned:
    """An invoice that we have nothing against, with the document it would become."""

    foreseen: Foreseen
    stored: StoredInvoice
    posting: Posting


class AskedTooMuch(Fatal):
    """A preview would have posted, or did: no more of them until somebody found out why."""


def preview_one(connector: Connector, key: str) -> Preview:
    """What would become of one invoice. Raises Fatal where it is past being posted."""
    stored = find(connector, key)
    if stored.state not in _ASKABLE or stored.voucher:
        stands = f", and stands in SYSPRO as voucher {stored.voucher}" if stored.voucher else ""
        raise Fatal(f"invoice {named(stored)} is {stored.state}{stands}: there is nothing left to preview")
    return _preview(connector, [(connector.settings.company(stored.company), [stored])])


def preview_waiting(
    connector: Connector, company_name: str | None = None, *, at_most: int = AT_MOST
) -> Preview:
    """What would become of the invoices that are received, ready, acknowledged or in review, oldest first.

    `at_most` so many of each company. A company that cannot be asked does not stop the others.
    """
    companies = [connector.settings.company(company_name)] if company_name else connector.companies
    batches = []
    with connector.store.read() as connection:
        for company in companies:
            waiting = invoices.in_states(connection, company.syspro_company, _ABOUT_TO_BE)
            batches.append((company, [stored for stored in waiting if not stored.voucher][:at_most]))
    return _preview(connector, batches)


def _preview(
    connector: Connector, batches: Sequence[tuple[CompanySettings, Sequence[StoredInvoice]]]
) -> Preview:
    told: list[Foreseen] = []
    outages: list[Problem] = []
    for company, batch in batches:
        try:
            for one in _of_company(connector, company, batch):
                told.append(one)  # noqa: PERF402 - what was told before an outage stays told
        except AskedTooMuch:
            raise
        except ConnectorError as blocked:
            outages.append(
                Problem(
                    company.syspro_company,
                    "invoices",
                    "lane",
                    "NOT_ASKED",
                    str(blocked),
                    "ask again later; nothing was changed",
                )
            )
    return Preview(tuple(told), tuple(outages))


def _of_company(
    connector: Connector, company: CompanySettings, batch: Sequence[StoredInvoice]
) -> Iterator[Foreseen]:
    if not batch:
        return
    to_ask: list[_Planned] = []
    for planned in Evaluator(connector, company).foresee(batch):
        one = _foreseen(planned.stored)
        match planned.outcome:
            case Refusal(code, reason, remedy):
                yield replace(one, code=code, texts=(reason,), remedy=remedy)
            case Unmapped():
                told = planned.outcome.refusal
                yield replace(one, code=told.code, texts=(told.reason,), remedy=told.remedy)
            case posting:
                to_ask.append(_Planned(one, planned.stored, posting))
    standing = _standing(connector, company, to_ask)
    for each in to_ask:
        if each.stored.invoice_id in standing:
            yield _told_of(each, standing[each.stored.invoice_id])
    absent = [each for each in to_ask if each.stored.invoice_id not in standing]
    if absent:
        yield from _ask_all(connector, company, absent)


def _ask_all(
    connector: Connector, company: CompanySettings, absent: Sequence[_Planned]
) -> Iterator[Foreseen]:
    with (
        connector.leases.hold(lane_name(company.operator)) as lease,
        lane_session(connector, company, lease) as session,
    ):
        # What refuses the logon says nothing of any document.
        session.open()
        for each in absent:
            connector.leases.renew(lease)
            yield _ask(connector, company, session, each)


def _ask(connector: Connector, company: CompanySettings, session: EnetSession, each: _Planned) -> Foreseen:
    one = each.foreseen
    try:
        document = document_of(each.posting, validate_only=True)
    except ValueError as flaw:
        return replace(one, code="DOCUMENT_INVALID", texts=(str(flaw),), remedy="correct the invoice")
    try:
        answer = _READERS[document.business_object](_validate(session, document))
    except (OutcomeUnknown, SystemRefused) as unanswered:
        _make_sure(connector, company, each)
        return replace(one, verdict=Verdict.NOT_ANSWERED, texts=(str(unanswered),), remedy="ask again")
    except RecordRefused as refused:
        return replace(one, code=refused.code.upper(), texts=(str(refused),), remedy="correct the invoice")
    if isinstance(answer, Rejection):
        return replace(
            one,
            verdict=Verdict.REFUSED_BY_SYSPRO,
            code="SYSPRO_REFUSED",
            texts=tuple(str(error) for error in answer.errors),
            remedy="correct the cause in SYSPRO, Basware or the mapping",
        )
    if answer.key:
        _make_sure(connector, company, each)
    return replace(one, verdict=Verdict.WOULD_POST, texts=answer.warnings)


def _validate(session: EnetSession, document: SysproDocument) -> str:
    """The one place where a preview speaks to SYSPRO, and the last that can keep it from posting."""
    if not validates_only(document.parameters):
        raise AskedTooMuch(
            f"a preview was about to send a {document.business_object} document without ValidateOnly=Y: it was not sent"
        )
    return session.post(document.business_object, document.parameters, document.xml_in).text


def _make_sure(connector: Connector, company: CompanySettings, each: _Planned) -> None:
    """Raises AskedTooMuch where the invoice stands in SYSPRO now, as it did not before it was only asked about."""
    entry = _standing(connector, company, [each]).get(each.stored.invoice_id)
    if entry is not None:
        raise AskedTooMuch(
            f"SYSPRO now holds invoice {named(each.stored)} as voucher {entry.voucher}, although it was only asked "
            "about (ValidateOnly=Y): do not use previews at this site. The next run looks it up and does not post it again"
        )


def _standing(
    connector: Connector, company: CompanySettings, batch: Sequence[_Planned]
) -> dict[str, LedgerEntry]:
    """By invoice id, what SYSPRO holds of `batch`."""
    found = LookUp(connector, company).find([wanted_as_planned(each.stored, each.posting) for each in batch])
    return {invoice_id: one.entry for invoice_id, one in found.items() if one.entry is not None}


def _foreseen(stored: StoredInvoice) -> Foreseen:
    return Foreseen(
        company=stored.company,
        invoice_id=stored.invoice_id,
        invoice_number=stored.number,
        supplier=stored.supplier,
        gross=stored.gross,
        currency=stored.currency,
        state=stored.state.value,
        verdict=Verdict.REFUSED_HERE,
    )


def _told_of(each: _Planned, entry: LedgerEntry) -> Foreseen:
    one = each.foreseen
    if entry.is_by(each.stored) and entry.amounts_to(each.stored.gross):
        told = f"it stands in SYSPRO as voucher {entry.voucher}, posted by this connector: it is not posted again"
        return replace(one, verdict=Verdict.STANDS_THERE, texts=(told,))
    return replace(
        one,
        code="DUPLICATE_IN_SYSPRO",
        texts=(f"SYSPRO already has this number as voucher {entry.voucher} over {entry.value}",),
        remedy="`connector queue adopt` if it is this invoice, otherwise reject it or correct its number",
    )
