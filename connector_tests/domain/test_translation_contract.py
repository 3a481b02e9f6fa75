"""Whatever the translations make satisfies Basware's schema: full, bare, touched, and told that it is gone."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.entities import ENDPOINTS, to_wire
from connector_defs.basware.wire import encode
from connector_defs.domain.translation.context import Translated
from connector_defs.flows.entities import ENTITIES, Entity
from connector_defs.flows.resending import closed, touch
from connector_tests.contract import needs_contract, schema_validator
from connector_tests.domain import site

pytestmark = needs_contract

FULL: dict[str, dict[str, Any]] = {
    "taxCodes": site.TAX_CODE,
    "accounts": site.ACCOUNT,
    "costCenters": site.COST_CENTER,
    "paymentTerms": site.PAYMENT_TERM,
    "vendors": site.SUPPLIER,
    "matchingOrders": site.ORDER,
    "matchingOrderLines": site.ORDER_LINE,
}
# What a row must have at the least; every other column is NULL or unknown to the release.
NEEDED = {
    "taxCodes": {"TaxCode", "Description", "Rate"},
    "accounts": {"GlCode", "Description"},
    "costCenters": {"CostCenter", "Description"},
    "paymentTerms": {"TermsCode", "Description"},
    "vendors": {"Supplier", "SupplierName", "Currency"},
    "matchingOrders": {"PurchaseOrder", "Supplier", "Currency"},
    "matchingOrderLines": {"PurchaseOrder", "Line", "LineType", "Currency", "MOrderQty"},
}
# No text column of SYSPRO that we publish is wider.
LONGEST = {
    "Description": "d" * 255,
    "SupAddr1": "a" * 200,
    "SupAddr2": "b" * 300,
    "RemitName": "r" * 300,
    "MStockDes": "m" * 400,
    "Email": "e" * 255,
    "PoEmail": "p" * 400,
    "BankAccount": "1" * 60,
    "Comments": "c" * 5000,
}


def rows(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    full = FULL[name]
    yield "full", full
    yield "bare", {column: full[column] for column in NEEDED[name]}
    yield "blank", {column: value if column in NEEDED[name] else None for column, value in full.items()}
    yield "long", {**full, **{column: text for column, text in LONGEST.items() if column in full}}
    yield "held", {**full, "OnHold": "Y", "AccOnHldFlag": "Y", "OrderStatus": "9", "MCompleteFlag": "Y"}
    if name == "vendors":
        yield "with an IBAN", {**full, "BankAccount": "DE89370400440532013000", "BankBranch": "COBADEFFXXX"}
    if name == "paymentTerms":
        yield "fixed day", {**full, "DueFix": "Y", "DueDayOfMonth": 20, "DueMonths": 1, "DiscFix": "X"}
    if name == "matchingOrderLines":
        back = {**site.RECEIPT, "Journal": 13, "QtyReceived": Decimal(-1), "CurrencyValue": Decimal(-10)}
        yield "return", {**full, "MOrderQty": Decimal(-1)}
        yield "reversal", {**full, "Receipts": [site.RECEIPT, back]}
        yield "charge", {**full, "LineType": "4", "NMscChargeFor": Decimal("12.50")}


SAMPLES = [
    pytest.param(entity, row, id=f"{entity.name}-{kind}")
    for entity in ENTITIES
    for kind, row in rows(entity.name)
]


def schema_of(entity: Entity) -> str:
    return f"{ENDPOINTS[entity.name].model.__name__}Entity"


def over_the_wire(translated: Translated) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(encode(to_wire(translated.entity)))
    return wire


@pytest.mark.parametrize(("entity", "row"), SAMPLES)
def test_a_translated_record_satisfies_the_schema(entity: Entity, row: dict[str, Any]) -> None:
    schema_validator(schema_of(entity)).validate(over_the_wire(entity.translate(row, site.SITE)))


@pytest.mark.parametrize(("entity", "row"), SAMPLES)
@pytest.mark.parametrize("touches", [1, 2, 40])
def test_a_touched_record_satisfies_the_schema_and_differs(
    entity: Entity, row: dict[str, Any], touches: int
) -> None:
    plain = entity.translate(row, site.SITE)
    touched = json.loads(encode(to_wire(touch(plain.entity, entity.touch_field, touches))))
    schema_validator(schema_of(entity)).validate(touched)
    assert touched != over_the_wire(plain)


@pytest.mark.parametrize(("entity", "row"), SAMPLES)
def test_a_record_told_that_it_is_gone_satisfies_the_schema(entity: Entity, row: dict[str, Any]) -> None:
    held = {
        **over_the_wire(entity.translate(row, site.SITE)),
        "lastUpdated": "2026-01-31T10:00:00.000Z",
        "buvid": "4711",
        "text1": None,
        "distributionStatus": "Done",
    }
    schema_validator(schema_of(entity)).validate(json.loads(encode(closed(entity.name, held))))
