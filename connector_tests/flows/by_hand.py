"""What people do around the connector: a clerk keys an invoice into SYSPRO, somebody puts one into any state."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from connector_defs.basware.document_reader import read_document
from connector_defs.domain.errors import Fatal
from connector_defs.domain.states import State
from connector_defs.flows import decisions
from connector_defs.flows.intake import arrival
from connector_defs.sandbox.syspro.ledger import PostedInvoice
from connector_defs.store import audit, invoices
from connector_defs.store.audit import AuditEvent
from connector_defs.store.invoices import StoredInvoice
from connector_defs.syspro.documents import apstin
from connector_tests.flows.pair import ACCOUNT, TODAY, Pair, invoice

CLERK = "keyed by A. Clerk"


def key_in(
    pair: Pair, bill: Mapping[str, Any], gross: str | None = None, *, reference: str = CLERK
) -> PostedInvoice:
    """Post the invoice in SYSPRO past the connector, over its own gross sum or another."""
    value = Decimal(gross) if gross else bill["grossSum"]
    document = apstin.ApInvoice(
        supplier=bill["supplierCode"],
        transaction_code="I",
        branch=None,
        invoice=bill["invoiceNumber"],
        value=value,
        notation="",
        reference=reference,
        invoice_date=TODAY,
        due_date=None,
        exchange_rate=None,
        tax_basis="E",
        tax_code=None,
        tax_value=None,
        ledger_lines=(apstin.LedgerLine(ACCOUNT, value),),
    )
    company, enet = pair.company, pair.connector.enet
    session = enet.logon(
        company.operator, company.operator_password, company.syspro_company, company.company_password
    )
    answer = apstin.read(
        enet.post(session, apstin.BUSINESS_OBJECT, *apstin.build(document, apstin.ApOptions())).text
    )
    enet.logoff(session)
    assert isinstance(answer, apstin.ApPosting), answer
    return pair.postings(bill)[0]


def put(pair: Pair, bill_id: str, state: State, **fields: Any) -> StoredInvoice:
    """Store what Basware offers under this id as an invoice in `state`, without a run; `fields` change columns."""
    document = read_document(pair.connector.basware.document(bill_id).text)  # type: ignore[union-attr]
    now = pair.connector.clock.now()
    with pair.connector.store.write() as connection:
        invoices.insert(connection, pair.company.syspro_company, arrival(document), now, state=state)
    if fields:
        with pair.connector.store.write() as connection:
            invoices.move(connection, pair.stored(bill_id), state, now, changes=fields)
    return pair.stored(bill_id)


def events_by(pair: Pair, bill_id: str, actor: str) -> list[AuditEvent]:
    """What the audit holds of one person's acts on one invoice, oldest first."""
    return [event for event in audit.show(pair.connector.store, bill_id) if event.actor == actor]


def adopt_at_once(pair: Pair) -> None:
    """Let two people adopt one posting, each for another invoice of its number: one of them has it in the end."""
    bill, double = invoice("INV-1"), invoice(" INV-1")
    key_in(pair, bill)
    ids = pair.approve(bill, double)
    for one in ids:
        put(pair, one, State.NEEDS_REVIEW)

    def adopted(bill_id: str) -> bool:
        try:
            return bool(decisions.adopt(pair.connector, bill_id, actor="ann", reason="keyed by hand").voucher)
        except Fatal:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(adopted, ids)) == [False, True]
    assert sorted(bool(pair.stored(one).voucher) for one in ids) == [False, True]
