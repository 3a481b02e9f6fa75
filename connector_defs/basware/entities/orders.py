"""Purchase orders as Basware takes them: header, line, coding of a line, goods receipt.

Here: shape and limits of these requests. Not here: which orders are sent, or when.
"""

from typing import Annotated, Literal

from pydantic import Field

from connector_defs.basware.entities.fields import (
    BusinessDate,
    Code25,
    Code36,
    Code100,
    Entity,
    ExternalCode,
    Flag,
    FreeDates,
    FreeNumbers,
    FreeTexts5,
    FreeTexts10,
    Int32,
    Number,
    OrderCurrencyCode,
    Percent,
    SignedPercent,
    Text25,
    Text36,
    Text50,
    Text100,
    Text200,
    Text250,
    Text1000,
)


class Order(FreeTexts10, FreeNumbers, FreeDates):
    """An order header; it shows in P2P only after its lines (Basware wire notes 2.26)."""

    external_code: ExternalCode
    order_number: Code100
    source_system: Code36
    company_code: Code25
    organization_element_code: Annotated[str, Field(min_length=2, max_length=25)]
    currency_code: OrderCurrencyCode
    supplier_code: Code25
    company_name: Text250 | None = None
    organization_element_name: Text250 | None = None
    order_type_code: Text25 | None = None
    created: BusinessDate | None = None
    is_closed: Flag | None = None
    description: Text1000 | None = None
    purchase_organization_code: Text25 | None = None
    purchase_organization_name: Text250 | None = None
    supplier_name: Text250 | None = None
    invoicing_supplier_code: Text25 | None = None
    invoicing_supplier_name: Text250 | None = None
    requested_delivery_date: BusinessDate | None = None
    actual_delivery_date: BusinessDate | None = None
    valid_from: BusinessDate | None = None
    valid_to: BusinessDate | None = None
    payment_term_code: Text25 | None = None
    payment_term_name: Text250 | None = None
    is_invoiced: Flag | None = None
    is_delivered: Flag | None = None
    last_updated: BusinessDate | None = None
    order_reference: Text100 | None = None


class OrderLineCoding(FreeTexts5, FreeDates):
    """How one order line, or a part of it, is coded."""

    external_code: ExternalCode
    row_index: Annotated[int, Field(strict=True, ge=0, le=100000)]
    allocated_quantity: Number
    net_total: Number | None = None
    gross_total: Number | None = None
    account_code: Text50 | None = None
    account_name: Text250 | None = None
    cost_center_code: Text200 | None = None
    cost_center_name: Text250 | None = None
    project_code: Text25 | None = None
    project_name: Text250 | None = None
    conversion_numerator: Number | None = None
    conversion_denominator: Number | None = None
    conversion_de_numerator: Number | None = None
    tax_code: Text25 | None = None
    tax_percent: SignedPercent | None = None
    tax_percent2: SignedPercent | None = None
    tax_sum: Number | None = None
    tax_sum2: Number | None = None
    partner_profit_center: Text250 | None = None
    fixed_asset_code: Text250 | None = None
    fixed_asset_name: Text250 | None = None
    material_group: Text100 | None = None
    fixed_asset_sub_code: Text50 | None = None
    fixed_asset_sub_name: Text50 | None = None
    internal_order_code: Text50 | None = None
    internal_order_name: Text50 | None = None
    profit_center_code: Text50 | None = None
    profit_center_name: Text50 | None = None
    business_unit_code: Text50 | None = None
    business_unit_name: Text50 | None = None
    project_sub_code: Text50 | None = None
    project_sub_name: Text50 | None = None
    employee_code: Text50 | None = None
    employee_name: Text50 | None = None
    vehicle_number: Text50 | None = None
    vehicle_name: Text50 | None = None
    sales_order_code: Text50 | None = None
    sales_order_name: Text50 | None = None
    sales_order_sub_code: Text50 | None = None
    sales_order_sub_name: Text50 | None = None
    customer_code: Text50 | None = None
    customer_name: Text50 | None = None
    acc_assignment_category_code: Text50 | None = None
    acc_assignment_category_name: Text50 | None = None
    budget_code: Text50 | None = None
    budget_name: Text50 | None = None
    service_code: Text50 | None = None
    service_name: Text50 | None = None
    business_area_code: Text50 | None = None
    business_area_name: Text50 | None = None
    tax_jurisdiction_code: Text50 | None = None
    sub_uom: Text50 | None = Field(default=None, alias="subUOM")
    work_order_code: Text50 | None = None
    work_order_name: Text50 | None = None
    work_order_sub_code: Text50 | None = None
    work_order_sub_name: Text50 | None = None
    commitment_item: Text50 | None = None
    controlling_area: Text50 | None = None
    functional_area: Text50 | None = None
    dim_code1: Text100 | None = None
    dim_code2: Text100 | None = None
    dim_code3: Text100 | None = None
    dim_code4: Text100 | None = None
    dim_code5: Text100 | None = None
    dim_code6: Text100 | None = None
    dim_code7: Text100 | None = None
    dim_code8: Text100 | None = None
    dim_code9: Text100 | None = None
    dim_code10: Text100 | None = None
    dim_name1: Text100 | None = None
    dim_name2: Text100 | None = None
    dim_name3: Text100 | None = None
    dim_name4: Text100 | None = None
    dim_name5: Text100 | None = None
    dim_name6: Text100 | None = None
    dim_name7: Text100 | None = None
    dim_name8: Text100 | None = None
    dim_name9: Text100 | None = None
    dim_name10: Text100 | None = None
    num1: Number | None = None
    num2: Number | None = None
    num3: Number | None = None
    num4: Number | None = None
    num5: Number | None = None
    network: Text250 | None = None
    network_activity: Text250 | None = None


class GoodsReceipt(FreeTexts10, FreeNumbers, FreeDates):
    """A receipt on an order line; a reversal has a negative quantity and must carry its prices."""

    external_code: ExternalCode
    goods_receipt_number: Code100
    quantity: Number
    goods_receipt_line_number: Text25 | None = None
    reference_gr_external_code: Text36 | None = Field(default=None, alias="referenceGRExternalCode")
    delivery_note_number: Text250 | None = None
    best_fit_grouping: Text250 | None = None
    net_sum: Number | None = None
    gross_sum: Number | None = None
    net_price: Number | None = None
    gross_price: Number | None = None
    is_deleted: Flag | None = None
    notify_fault: Flag | None = None
    invoiced_quantity: Number | None = None
    invoiced_net_sum: Number | None = None
    invoiced_gross_sum: Number | None = None
    unit_of_measure: Text25 | None = None
    sub_unit_of_measure: Text250 | None = None
    goods_receipt_type: Int32 | None = None
    receive_method: Int32 | None = None
    voucher_number: Text100 | None = None
    goods_receipt_note: Text250 | None = None
    fiscal_year: BusinessDate | None = None
    delivery_date: BusinessDate | None = None
    product_serial_number: Text250 | None = None
    comment: Annotated[str, Field(max_length=255)] | None = None
    service_entry_sheet_doc_id: Text100 | None = None
    receipt_coding: tuple[OrderLineCoding, ...] | None = None


class OrderLineUser(Entity):
    """A user who sees the line; needs the e-mail address or the external code."""

    user_external_code: Text36 | None = None
    user_email: Text250 | None = None
    user_role: Literal["Buyer", "Owner", "ReferencePerson", "Other"] | None = None
    last_updated: BusinessDate | None = None


class OrderLine(FreeTexts10, FreeNumbers, FreeDates):
    """An order line with its coding and receipts; `is_deleted` is sent as false, never left out."""

    external_code: ExternalCode
    order_external_code: Code36
    line_number: Code100
    quantity: Number
    matching_mode: Literal["Standard", "Blanket", "Return", "Service"]
    sort_number: Int32 | None = None
    net_sum: Number | None = None
    gross_sum: Number | None = None
    currency_code: OrderCurrencyCode | None = None
    is_receipt_required: Flag | None = None
    is_receipt_based_matching: Flag | None = None
    is_overreceival_allowed: Flag | None = None
    is_closed: Flag | None = None
    is_deleted: Flag | None = None
    is_self_approved: Flag | None = None
    uom: Text25 | None = None
    sub_uom: Text250 | None = Field(default=None, alias="subUOM")
    net_price: Number | None = None
    gross_price: Number | None = None
    price_unit: Text25 | None = None
    price_unit_description: Text250 | None = None
    tax_code: Text25 | None = None
    tax_percent: Percent | None = None
    tax_percent2: Number | None = None
    tax_sum: Number | None = None
    tax_sum2: Number | None = None
    invoiced_quantity: Number | None = None
    invoiced_net_sum: Number | None = None
    invoiced_gross_sum: Number | None = None
    valid_from: BusinessDate | None = None
    valid_to: BusinessDate | None = None
    product_code: Text250 | None = None
    product_name: Text250 | None = None
    material_group: Text250 | None = None
    global_trade_item_number: Text250 | None = None
    unspsc: Text25 | None = None
    buyer_product_code: Text250 | None = None
    contract_number: Annotated[str, Field(max_length=255)] | None = None
    description: Text1000 | None = None
    comment: Text1000 | None = None
    requested_delivery_date: BusinessDate | None = None
    actual_delivery_date: BusinessDate | None = None
    order_line_coding: tuple[OrderLineCoding, ...] | None = None
    goods_receipts: tuple[GoodsReceipt, ...] | None = None
    reference_users: tuple[OrderLineUser, ...] | None = None
    last_updated: BusinessDate | None = None
