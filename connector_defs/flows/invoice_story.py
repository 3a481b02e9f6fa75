"""One invoice in full: what it says, where its rows go, what was decided, and what both systems say of it now.

Nothing is changed here, and what cannot be read or asked is told beside the rest.
"""

from datetime import date

from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.gl_mapping import MappingRule, MappingTable
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow, Decisions
from connector_defs.flows.intake import approved_invoice
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import standing
from connector_defs.flows.queue import find, item_of
from connector_defs.flows.reports import CodedRow, Elsewhere, InvoiceStory
from connector_defs.flows.runtime import Connector
from connector_defs.store import mappings
from connector_defs.store.invoices import StoredInvoice


def tell(connector: Connector, key: str, *, look_up: bool = False) -> InvoiceStory:
    """The story of the one invoice `key` stands for; `look_up` asks SYSPRO and Basware as well. Raises Fatal."""
    stored = find(connector, key)
    with connector.store.read() as connection:
        mapping = mappings.table_of(connection, stored.company)
    invoice, unreadable = _read(stored)
    decisions = Decisions.read(stored.decisions)
    return InvoiceStory(
        item=item_of(stored),
        invoice_date=invoice.invoice_date if invoice else None,
        due_date=invoice.due_date if invoice else None,
        net=invoice.net if invoice else None,
        tax=invoice.tax if invoice else None,
        description=invoice.description if invoice else "",
        rows=tuple(_coded(row, mapping, invoice.mapping_date) for row in invoice.rows) if invoice else (),
        unreadable=unreadable,
        period=decisions.period,
        rounding=decisions.rounding,
        reference=stored.reference,
        gl_journal=stored.gl_journal,
        answers=stored.answers,
        answered_at=stored.answered_at,
        updated_at=stored.updated_at,
        elsewhere=_elsewhere(connector, stored) if look_up else None,
    )


def _read(stored: StoredInvoice) -> tuple[ApprovedInvoice | None, str]:
    try:
        return approved_invoice(stored), ""
    except MalformedDocument as flaw:
        return None, flaw.reason


def _coded(row: CodingRow, mapping: MappingTable, on: date | None) -> CodedRow:
    rule = mapping.find(row, on)
    return CodedRow(
        row=row.key,
        account_code=row.account_code,
        account_name=row.account_name,
        cost_center=row.cost_center,
        gl_code=rule.gl_code if isinstance(rule, MappingRule) else "",
        net=row.net,
        tax=row.tax,
        gross=row.gross,
        tax_code=row.tax_code,
        order_number=row.order_number,
        order_line=row.order_line,
        receipt_number=row.receipt_number,
        note=row.note,
    )


def _elsewhere(connector: Connector, stored: StoredInvoice) -> Elsewhere:
    problems = []
    status = ""
    try:
        document = connector.basware.document(stored.invoice_id)
        status = document.processing_status if document else "gone"
    except ConnectorError as error:
        problems.append(f"Basware: {error}")
    entry: LedgerEntry | None = None
    try:
        company = connector.settings.company(stored.company)
        entry = standing(connector, company, stored)
    except ConnectorError as error:
        problems.append(f"SYSPRO: {error}")
    return Elsewhere(
        basware=status,
        voucher=entry.voucher if entry else "",
        value=entry.value if entry else None,
        currency_value=entry.currency_value if entry else None,
        reference=entry.reference if entry else "",
        ours=entry is not None and entry.is_by(stored),
        problems=tuple(problems),
    )
