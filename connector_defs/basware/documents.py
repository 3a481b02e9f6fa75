"""Approved invoices as Basware hands them over (AccountingDocumentEntity): the fields we know, and a digest.

Here: the shape, and when two versions count as the same invoice. Not here: reading the wire (document_reader), or
any judgement on the invoice.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from connector_defs.basware.entities import WireValue
from connector_defs.domain.errors import RecordRefused

# What changes without the invoice itself changing: its way through the transfer, what was answered to it, links.
VOLATILE: Final = frozenset(
    {
        "attachments",
        "enrichmentResponses",
        "invoiceImageToken",
        "invoiceImageURL",
        "lastUpdated",
        "paymentResponses",
        "prebookResponses",
        "processingStatus",
        "removeResponses",
        "transferParameters",
        "transferResponses",
        "voucherNumber1",
        "voucherNumber2",
    }
)


class MalformedDocument(RecordRefused):
    """An invoice of a page that cannot be read; the others of the page are unharmed.

    `invoice_id` is None where not even that could be read; `text` is the document exactly as received.
    """

    def __init__(self, reason: str, *, invoice_id: str | None, text: str) -> None:
        name = f"Basware invoice {invoice_id}" if invoice_id else "a Basware invoice without a readable id"
        super().__init__(
            f"{name} cannot be read: {reason}; it stays unacknowledged, ask Basware to correct it",
            code="malformed_document",
        )
        self.reason = reason
        self.invoice_id = invoice_id
        self.text = text


@dataclass(frozen=True)
class CodingRow:
    """One coding row. Amounts in invoice currency, those named `_company` in company currency.

    `dimensions` are dimCode1 to dimCode10, `texts` are text1 to text5. An empty text is None.
    """

    external_code: str
    row_index: int | None
    account_code: str | None
    account_name: str | None
    cost_center_code: str | None
    cost_center_name: str | None
    net_total: Decimal | None
    gross_total: Decimal | None
    tax_sum: Decimal | None
    tax_sum2: Decimal | None
    net_total_company: Decimal | None
    gross_total_company: Decimal | None
    tax_sum_company: Decimal | None
    tax_sum2_company: Decimal | None
    tax_code: str | None
    tax_percent: Decimal | None
    tax_percent2: Decimal | None
    order_number: str | None
    order_line_number: str | None
    order_item_number: str | None
    order_coding_row_number: str | None
    goods_receipt_number: str | None
    goods_receipt_item_number: str | None
    delivery_note_number: str | None
    matching_type: int | None
    matched_quantity: Decimal | None
    matched_net_sum: Decimal | None
    matched_gross_sum: Decimal | None
    allocated_quantity: Decimal | None
    ordered_quantity: Decimal | None
    ordered_net_price: Decimal | None
    received_quantity: Decimal | None
    received_net_price: Decimal | None
    received_net_total: Decimal | None
    planned_additional_cost_type: int | None
    product_code: str | None
    project_code: str | None
    profit_center_code: str | None
    business_unit_code: str | None
    fixed_asset_code: str | None
    close_order: str | None
    last_comment: str | None
    dimensions: tuple[str | None, ...]
    texts: tuple[str | None, ...]


@dataclass(frozen=True)
class GivenResponse:
    """A response that Basware already holds for the invoice."""

    external_code: str
    success: bool | None
    response_message: str | None
    voucher_number1: str | None
    voucher_number2: str | None
    payment_block: bool | None
    paid_total: Decimal | None


@dataclass(frozen=True)
class AccountingDocument:
    """One invoice. Dates are business dates without a zone, amounts are in invoice currency unless `_company`.

    `raw` holds every field as decoded, `text` the exact JSON received; `notes` names each text in which
    characters that no system stores were replaced by U+FFFD.
    """

    invoice_id: str
    processing_status: str
    company_code: str
    supplier_code: str
    supplier_name: str | None
    supplier_source_system_id: str | None
    currency_code: str
    currency_code_company: str | None
    payment_block: bool
    prebooked: bool | None
    invoice_number: str | None
    invoice_type_code: str | None
    invoice_type_name: str | None
    invoice_date: date | None
    base_line_date: date | None
    due_date: date | None
    cash_date: date | None
    voucher_date: date | None
    coding_date: date | None
    exchange_rate_base_date: date | None
    net_sum: Decimal | None
    gross_sum: Decimal | None
    tax_sum1: Decimal | None
    tax_sum2: Decimal | None
    tax_percent1: Decimal | None
    tax_percent2: Decimal | None
    net_sum_company: Decimal | None
    gross_sum_company: Decimal | None
    tax_sum1_company: Decimal | None
    tax_sum2_company: Decimal | None
    exchange_rate_company: Decimal | None
    cash_percent: Decimal | None
    cash_sum: Decimal | None
    tax_code: str | None
    payment_term_code: str | None
    payment_method: str | None
    voucher_number1: str | None
    voucher_number2: str | None
    description: str | None
    contract_number: str | None
    reference_number: str | None
    reference_person: str | None
    accounting_period: str | None
    accounting_group: str | None
    parent_invoice_bum_id: str | None
    last_updated: str | None
    order_numbers: tuple[str, ...]
    coding_rows: tuple[CodingRow, ...]
    transfer_parameters: tuple[tuple[str, str], ...]
    transfer_responses: tuple[GivenResponse, ...]
    prebook_responses: tuple[GivenResponse, ...]
    payment_responses: tuple[GivenResponse, ...]
    notes: tuple[str, ...]
    raw: Mapping[str, WireValue]
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the invoice itself: the same for any key order, row order, number form and absent null.

        What moves without the invoice changing (`VOLATILE`) is left out; unknown new fields count.
        """
        stable = {name: value for name, value in self.raw.items() if name not in VOLATILE}
        rows = stable.get("codingRows")
        if isinstance(rows, list):
            stable["codingRows"] = sorted(rows, key=_row_key)
        text = json.dumps(_canonical(stable), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class DocumentPage:
    """One page of invoices: those that could be read, and those that could not. `last` ends the list."""

    documents: tuple[AccountingDocument, ...]
    malformed: tuple[MalformedDocument, ...]
    last: bool = False


def _row_key(row: WireValue) -> str:
    return str(row.get("externalCode")) if isinstance(row, dict) else ""


def _canonical(value: WireValue) -> object:
    match value:
        case bool():
            return value
        case int() | Decimal():
            # Marked, so that the number 5 and the text "5" differ.
            return f"#{format(Decimal(value).normalize() + 0, 'f')}"
        case list():
            return [_canonical(element) for element in value]
        case dict():
            return {
                name: _canonical(element) for name, element in value.items() if element not in (None, "", [])
            }
        case _:
            return value
