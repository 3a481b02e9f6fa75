"""What we answer to an invoice, and the subscription for push notifications.

Here: shape and limits. Not here: which answer an invoice gets.
"""

from typing import Annotated, Literal

from pydantic import Field

from connector_defs.basware.entities.fields import (
    BusinessDate,
    Code250,
    Entity,
    ExternalCode,
    Flag,
    Number,
    Text25,
    Text32,
    Text100,
    Text250,
)


class TransferResponse(Entity):
    """The result of a transfer; `external_code` is new for each response and kept when one is repeated."""

    external_code: ExternalCode
    success: Flag
    response_message: Code250
    payment_block: Flag
    source_system: Text32 | None = None
    voucher_number1: Text25 | None = None
    voucher_number2: Text25 | None = None
    transfer_date: BusinessDate | None = None


class PrebookResponse(Entity):
    """The result of a prebooking."""

    external_code: ExternalCode
    success: Flag
    response_message: Code250
    payment_block: Flag
    source_system: Text32 | None = None
    voucher_number1: Text25 | None = None
    voucher_number2: Text25 | None = None
    prebook_date: BusinessDate | None = None


class PaymentResponse(Entity):
    """The state of payment; `paid_total` is cumulative and every field left out is cleared."""

    external_code: ExternalCode
    success: Flag
    payment_block: Flag
    response_message: Text250 | None = None
    source_system: Text32 | None = None
    payment_date: BusinessDate | None = None
    payment_term_code: Text25 | None = None
    payment_method: Text25 | None = None
    paid_total: Number | None = None
    cash_discount: Number | None = None
    check_number: Text25 | None = None
    payment_message: Text100 | None = None
    payment_number: Text250 | None = None
    payment_document: Text250 | None = None
    payment_reversal_document: Text250 | None = None


class FieldUpdate(Entity):
    """One field of an automatic answer."""

    field_id: str | None = None
    update_to_value: str | None = None


class AutoResponder(Entity):
    """Automatic answer, reserved by Basware."""

    auto_response_mode: Literal["Disabled", "Success", "Failed"] | None = None
    auto_response_message: str | None = None
    field_update_array: tuple[FieldUpdate, ...] | None = None


class Subscription(Entity):
    """A push subscription; posted as an element of an array."""

    task_type: Annotated[str, Field(min_length=1)]
    subscription_type: Literal["Webhook", "Polling"]
    notification_webhook_url: Annotated[str, Field(min_length=1, max_length=2083)] = Field(
        alias="notificationWebhookURL"
    )
    webhook_authentication_token: Annotated[str, Field(min_length=1, repr=False)]
    task_sub_type: str | None = None
    last_updated: BusinessDate | None = None
    auto_responder: AutoResponder | None = None
