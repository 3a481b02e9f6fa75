"""The entities agree with Basware's OpenAPI file: same fields, and the same verdict on every probe of every field."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from connector_defs.basware import entities
from connector_defs.basware.document_reader import wire_fields
from connector_defs.basware.documents import VOLATILE, AccountingDocument, CodingRow, GivenResponse
from connector_defs.basware.entities import ENDPOINTS, Entity, to_wire
from connector_defs.basware.wire import encode
from connector_tests.basware.builders import samples
from connector_tests.contract import document, needs_contract, schema, schema_validator

pytestmark = needs_contract

SCHEMA_OF = {
    "Subscription": "Subscription-Input",
    "VendorFinancialAccounts": "VendorfinancialAccountsEntity",
    "AutoResponder": "AutoResponder",
    "FieldUpdate": "FieldUpdateArray",
    "PaymentTermDiscountRule": "PaymentTermDiscountRule",
    "TaxCodeAdditionalData": "TaxCodeAdditionalData",
}
MODELS = [
    model
    for name in entities.__all__
    if isinstance(model := getattr(entities, name), type)
    and issubclass(model, Entity)
    and model is not Entity
]

PROBES: tuple[Any, ...] = (
    *("x" * length for length in (0, 1, 2, 3, 4, 10, 11, 20, 21, 25, 26, 32, 33, 36, 37, 50, 51, 100, 101)),
    *("x" * length for length in (128, 129, 200, 201, 250, 251, 255, 256, 320, 321, 500, 501, 1000, 1001)),
    *("x" * length for length in (2000, 2001, 2083, 2084)),
    *(0, 1, 2, 3, -1, 12, 100_000, 100_001, 1_000_000_000, 1_000_000_001),
    *(Decimal("0.5"), Decimal("-0.5"), Decimal(1_000_000_001), Decimal(-1_000_000_001), Decimal("12.345")),
    *(
        True,
        False,
        [],
        {},
        [1],
        ["x"],
        "0",
        "1",
        "2",
        "a@b.example",
        "A B@example",
        "Webhook",
        "Standard",
        "email",
    ),
)


def schema_name(model: type[Entity]) -> str:
    return SCHEMA_OF.get(model.__name__, f"{model.__name__}Entity")


@cache
def schema_of(model: type[Entity]) -> dict[str, Any]:
    return schema(schema_name(model))


def wire_name(model: type[Entity], attribute: str) -> str:
    return model.model_fields[attribute].alias or attribute


def accepted(model: type[Entity], wire: dict[str, Any]) -> bool:
    try:
        model.model_validate(wire)
    except ValidationError:
        return False
    return True


@cache
def minimal(name: str) -> dict[str, Any]:
    """The smallest object the schema allows."""
    published = schema(name)
    return {field: _smallest(published["properties"][field]) for field in published.get("required", ())}


def _smallest(field: dict[str, Any]) -> Any:
    for reference in (field, *field.get("allOf", ())):
        if "$ref" in reference:
            target = reference["$ref"].rsplit("/", 1)[1]
            resolved = schema(target)
            return minimal(target) if resolved.get("type") == "object" else _smallest(resolved)
    if "enum" in field:
        return field["enum"][0]
    match field["type"]:
        case "string":
            return (
                "2026-01-31"
                if field.get("format") == "date-time"
                else "x" * max(1, field.get("minLength", 0))
            )
        case "boolean":
            return False
        case "array":
            return []
        case _:
            return field.get("minimum", 1)


FIELDS = [
    pytest.param(model, attribute, id=f"{model.__name__}.{attribute}")
    for model in MODELS
    for attribute in model.model_fields
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_an_entity_has_exactly_the_published_fields_and_required_ones(model: type[Entity]) -> None:
    published = schema_of(model)
    ours = {wire_name(model, attribute): field for attribute, field in model.model_fields.items()}
    assert set(ours) == set(published["properties"])
    assert {name for name, field in ours.items() if field.is_required()} == set(published.get("required", ()))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_smallest_object_of_the_schema_is_accepted_and_an_unknown_field_is_not(
    model: type[Entity],
) -> None:
    smallest = minimal(schema_name(model))
    assert accepted(model, smallest)
    assert not accepted(model, {**smallest, "surprise": 1})


@pytest.mark.parametrize(("model", "attribute"), FIELDS)
def test_a_field_takes_what_the_schema_takes(model: type[Entity], attribute: str) -> None:
    name = wire_name(model, attribute)
    smallest = minimal(schema_name(model))
    published = document()["components"]["schemas"][schema_name(model)]["properties"][name]
    validator = schema_validator(schema_name(model)).evolve(schema=published)
    field = schema_of(model)["properties"][name]
    # A pattern on an integer, which JSON Schema ignores: the choices are meant.
    choices = (
        field.get("pattern", "").split("|") if field.get("type") == "integer" and "pattern" in field else None
    )
    for probe in (*PROBES, *field.get("enum", ())):
        if field.get("format") == "date-time" and isinstance(probe, str):
            continue
        expected = validator.is_valid(probe) and (choices is None or str(probe) in choices)
        assert accepted(model, {**smallest, name: probe}) == expected, (name, probe)


@pytest.mark.parametrize(("model", "attribute"), FIELDS)
def test_only_an_optional_field_may_be_null(model: type[Entity], attribute: str) -> None:
    smallest = minimal(schema_name(model))
    wire = {**smallest, wire_name(model, attribute): None}
    assert accepted(model, wire) != model.model_fields[attribute].is_required()


@pytest.mark.parametrize(("name", "sample"), [pytest.param(*sample, id=sample[0]) for sample in samples()])
def test_what_goes_over_the_wire_satisfies_the_schema(name: str, sample: Entity) -> None:
    wire = json.loads(encode(to_wire(sample)))
    schema_validator(name).validate(wire)


@pytest.mark.parametrize("endpoint", list(ENDPOINTS.values()), ids=lambda endpoint: endpoint.name)
def test_an_endpoint_is_published_with_our_model_wrapper_and_code(endpoint: entities.Endpoint) -> None:
    operations = document()["paths"][endpoint.path]
    body = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {
        "type": "array",
        "items": {"$ref": f"urn:basware#/components/schemas/{schema_name(endpoint.model)}"},
    }
    answer = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit(
        "/", 1
    )[1]
    assert list(schema(answer)["properties"]) == [endpoint.list_wrapper]
    assert endpoint.code_field in schema_of(endpoint.model)["required"]


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        (AccountingDocument, "AccountingDocumentEntity"),
        (CodingRow, "StandardCodingEntity"),
    ],
)
def test_every_field_we_read_of_an_invoice_is_published_with_that_type(shape: type, name: str) -> None:
    published = schema(name)["properties"]
    types = {"str": "string", "date": "string", "Decimal": "number", "int": "integer", "bool": "boolean"}
    for wire, kind, _ in wire_fields(shape).values():
        assert published[wire]["type"] == types[kind.__name__], wire
        assert (published[wire].get("format") == "date-time") == (
            kind.__name__ == "date" or wire == "lastUpdated"
        )


def test_every_field_we_read_of_a_given_response_is_published_in_one_of_the_responses() -> None:
    published = {
        field
        for name in ("TransferResponseEntity", "PaymentResponseEntity")
        for field in schema(name)["properties"]
    }
    assert {wire for wire, _, _ in wire_fields(GivenResponse).values()} <= published


def test_every_volatile_field_is_a_published_one() -> None:
    assert set(schema("AccountingDocumentEntity")["properties"]) >= VOLATILE


def test_every_nested_model_is_among_those_compared() -> None:
    def nested(annotation: Any) -> Iterator[type]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for part in get_args(annotation):
            yield from nested(part)

    inner = {
        found
        for model in MODELS
        for field in model.model_fields.values()
        for found in nested(field.annotation)
    }
    assert inner <= set(MODELS)
