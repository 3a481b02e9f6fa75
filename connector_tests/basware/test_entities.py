"""Request entities: what they take, and how they look on the wire."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from connector_defs.basware.entities import (
    ENDPOINTS,
    Entity,
    OrderLine,
    Subscription,
    TransferResponse,
    Vendor,
    VendorCompany,
    to_wire,
)
from connector_defs.basware.wire import encode
from connector_tests.basware.builders import samples


def line(**fields: Any) -> OrderLine:
    given = {
        "external_code": "l",
        "order_external_code": "o",
        "line_number": "1",
        "matching_mode": "Standard",
    }
    return OrderLine(**{**given, "quantity": Decimal(1), **fields})


def test_the_wire_form_has_wire_names_and_leaves_out_what_is_not_given() -> None:
    vendor = Vendor(
        external_code="v", vendor_code="1", name="N", companies=(VendorCompany(company_code="1000"),)
    )
    assert to_wire(vendor) == {
        "externalCode": "v",
        "vendorCode": "1",
        "name": "N",
        "companies": [{"companyCode": "1000"}],
    }


@pytest.mark.parametrize("number", ["1.50", "0.00", "-12.345000", "99999999999999.999999", "1E+3"])
def test_a_number_keeps_its_digits_on_the_wire(number: str) -> None:
    assert f'"quantity":{number}'.encode() in encode(to_wire(line(quantity=Decimal(number))))


@pytest.mark.parametrize("number", [1.5, "1.50", True, None, Decimal("NaN"), Decimal("Infinity")])
def test_a_number_is_never_a_float_a_text_or_not_a_number(number: object) -> None:
    with pytest.raises(ValidationError):
        line(quantity=number)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (date(2026, 1, 31), "2026-01-31"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T00:00:00", "2026-01-31T00:00:00"),
        ("2026-01-31T00:00:00.000+02:00", "2026-01-31T00:00:00.000+02:00"),
    ],
)
def test_a_date_is_sent_as_given_and_never_shifted(given: object, sent: str) -> None:
    assert to_wire(line(valid_from=given))["validFrom"] == sent


@pytest.mark.parametrize(
    "given",
    ["31.01.2026", "2026-02-30", "2026-1-1", "", "2026-01-31 00:00", 20260131, datetime(2026, 1, 31)],  # noqa: DTZ001
)
def test_what_is_no_business_date_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        line(valid_from=given)


def test_leap_days_are_dates() -> None:
    assert to_wire(line(valid_from="2028-02-29"))["validFrom"] == "2028-02-29"


def test_an_entity_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        line().line_number = "2"  # type: ignore[misc]


def test_the_text_of_a_refusal_never_shows_the_value() -> None:
    with pytest.raises(ValidationError) as refused:
        TransferResponse(
            external_code="x",
            success=True,
            response_message="m",
            payment_block=False,
            voucher_number1="9" * 26,
        )
    assert "9999" not in str(refused.value)
    assert "voucher_number1" in str(refused.value)


def test_the_secret_of_a_subscription_is_not_in_its_text() -> None:
    subscription = Subscription(
        task_type="AccountingDocuments",
        subscription_type="Webhook",
        notification_webhook_url="https://a.example",
        webhook_authentication_token="very-secret",
    )
    assert "very-secret" not in repr(subscription)
    assert to_wire(subscription)["webhookAuthenticationToken"] == "very-secret"


@pytest.mark.parametrize(("name", "sample"), [pytest.param(*sample, id=sample[0]) for sample in samples()])
def test_an_entity_survives_the_way_to_the_wire_and_back(name: str, sample: Entity) -> None:
    assert type(sample).model_validate(to_wire(sample)) == sample


@pytest.mark.parametrize(
    ("name", "batch", "page"),
    [
        ("vendors", 200, 500),
        ("matchingOrderLines", 100, 100),
        ("matchingOrders", 500, 500),
        ("accounts", 500, 500),
        ("costCenters", 500, 500),
        ("paymentTerms", 500, 500),
        ("taxCodes", 500, 500),
    ],
)
def test_the_limits_of_an_endpoint_are_those_of_the_contract(name: str, batch: int, page: int) -> None:
    endpoint = ENDPOINTS[name]
    assert (endpoint.path, endpoint.batch_limit, endpoint.page_limit) == (f"/v1/{name}", batch, page)


def test_a_value_without_a_wire_form_is_a_mistake_of_the_caller() -> None:
    with (
        pytest.warns(UserWarning, match="serializer"),
        pytest.raises(TypeError, match="no wire form for float"),
    ):
        to_wire(line().model_copy(update={"quantity": 1.5}))
