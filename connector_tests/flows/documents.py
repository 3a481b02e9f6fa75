"""Planned documents sent to the sandbox by hand, without the engine: what tests of documents are made of."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector_defs.domain.invoices import Decisions, Posting
from connector_defs.domain.planning import Refusal, Unmapped, plan
from connector_defs.flows.books import BookReader, planning_rules
from connector_defs.flows.documents import SysproDocument, document_of
from connector_defs.flows.intake import approved_invoice, take_in
from connector_defs.flows.lanes import credentials
from connector_defs.sandbox.syspro.ledger import PostedInvoice
from connector_defs.store import mappings
from connector_defs.syspro.documents import apstin, gentjl
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.session import EnetSession
from connector_tests.flows.pair import Pair


class _NoMemory:
    def ask(self) -> None:
        """Nothing is held."""

    def remember(self, session_id: str) -> None:
        """Nothing is kept."""

    def forget(self) -> None:
        """Nothing is kept."""

    def orphan(self) -> str | None:
        """Nothing was kept."""
        return None


def outcome_of(
    pair: Pair, document: Mapping[str, Any], decisions: Decisions | None = None
) -> Posting | Unmapped | Refusal:
    """What planning makes of a document approved in Basware, with the books as they are."""
    (invoice_id,) = pair.approve(document)
    take_in(pair.connector, pair.company)
    invoice = approved_invoice(pair.stored(invoice_id))
    with pair.connector.store.read() as connection:
        mapping = mappings.table_of(connection, pair.company.syspro_company)
    books = BookReader(pair.connector, pair.company).read([invoice], mapping)
    rules = planning_rules(pair.connector.settings, pair.company)
    return plan(invoice, mapping, books, rules, decisions or Decisions())


def posting_of(pair: Pair, document: Mapping[str, Any]) -> Posting:
    """The planned posting."""
    outcome = outcome_of(pair, document)
    assert isinstance(outcome, Posting), outcome
    return outcome


def send(pair: Pair, document: SysproDocument) -> str:
    """SYSPRO's reply to a document, in a session of its own."""
    session = EnetSession(pair.connector.enet, credentials(pair.company)[0], _NoMemory())
    with session:
        return session.post(document.business_object, document.parameters, document.xml_in).text


def post(pair: Pair, document: Mapping[str, Any]) -> tuple[Posting, PostedInvoice]:
    """Plan and post in AP; the posting and what SYSPRO holds of it, which agree to the last digit."""
    posting = posting_of(pair, document)
    reply = apstin.read(send(pair, document_of(posting)))
    assert isinstance(reply, apstin.ApPosting), str(reply)
    (posted,) = [one for one in pair.sandbox.syspro.ledger.invoices if one.journal == reply.journal]
    entry = posted.entry
    distributed = sum((part.value for part in entry.distributions), Decimal(0))
    assert entry.value == distributed == posting.gross
    return posting, posted


def post_journal(pair: Pair, posting: Posting) -> gentjl.JournalPosting | Rejection:
    """Post a journal."""
    return gentjl.read(send(pair, document_of(posting)))


def distribution(posted: PostedInvoice) -> list[tuple[str, str, str]]:
    """(GL code, value, purpose) of the posting's debits."""
    return [(part.gl_code, str(part.value), part.purpose) for part in posted.entry.distributions]
