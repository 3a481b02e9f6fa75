"""Invoices parked for a closed posting period: which of them could be posted now."""

from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.invoices import Decisions
from connector_defs.domain.planning.periods import PERIOD_CLOSED, is_open_now
from connector_defs.domain.states import State
from connector_defs.flows.books import BookReader, planning_rules
from connector_defs.flows.intake import approved_invoice
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices


def reopened(connector: Connector, company: CompanySettings) -> frozenset[str]:
    """Ids of the invoices in review for PERIOD_CLOSED whose period is open by SYSPRO's own period control now.

    Nothing is moved. Empty where the control cannot be read, so that nothing goes back on a guess.
    """
    with connector.store.read() as connection:
        parked = [
            stored
            for stored in invoices.in_states(connection, company.syspro_company, {State.NEEDS_REVIEW})
            if stored.code == PERIOD_CLOSED and not stored.voucher
        ]
    if not parked:
        return frozenset()
    control = BookReader(connector, company).periods()
    rules = planning_rules(connector.settings, company)
    found = set()
    for stored in parked:
        try:
            invoice = approved_invoice(stored)
        except MalformedDocument:
            continue
        if is_open_now(invoice, control, rules, Decisions.read(stored.decisions)):
            found.add(stored.invoice_id)
    return frozenset(found)
