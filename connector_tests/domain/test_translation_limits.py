"""Whatever SYSPRO holds, no translation makes a value that Basware cannot take: it fits, or the record is kept back.

The limits are read from the models of the requests, so a field that is added is covered as well.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from annotated_types import MaxLen, MinLen
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from connector_defs.domain.ledger_sections import GlSection
from connector_defs.domain.translation.context import Untranslatable
from connector_defs.flows.entities import ENTITIES, Entity
from connector_defs.flows.resending import touch
from connector_tests.domain import site

ROWS: dict[str, dict[str, Any]] = {
    "taxCodes": site.TAX_CODE,
    "accounts": site.ACCOUNT,
    "costCenters": site.COST_CENTER,
    "paymentTerms": site.PAYMENT_TERM,
    "vendors": site.SUPPLIER,
    "matchingOrders": site.ORDER,
    "matchingOrderLines": site.ORDER_LINE,
}
SITES = [
    site.SITE,
    replace(site.SITE, organization="1", language="pl-PL"),
    replace(site.SITE, cost_center_section=GlSection("-", 1)),
]
# Texts at and around every limit there is, with characters that nobody expects.
LENGTHS = st.sampled_from(
    [0, 1, 2, 3, 25, 26, 36, 37, 50, 51, 100, 101, 200, 201, 250, 251, 1000, 1001, 2000, 2001]
)
TEXTS = st.builds(
    lambda length, letters: (letters * (length // len(letters) + 1))[:length],
    LENGTHS,
    st.text(min_size=1, max_size=6),
) | st.text(max_size=60)
# Decimal columns of SYSPRO: up to 18 digits, up to 6 of them behind the point.
NUMBERS = st.decimals(min_value=-(10**12), max_value=10**12, places=6) | st.sampled_from(
    [Decimal(0), Decimal(1), Decimal(-1), Decimal(100), Decimal("999999999999.999999")]
)
WHOLES = st.integers(min_value=-9999, max_value=9999)


def anything_like(value: Any) -> st.SearchStrategy[Any]:
    """Values of the same kind: the one that is right, nothing, or whatever a column of this kind can hold."""
    match value:
        case list():
            return st.lists(rows_like(value[0]), max_size=3)
        case date():
            return st.none() | st.dates()
        case Decimal():
            return st.just(value) | st.none() | NUMBERS
        case int():
            return st.just(value) | st.none() | WHOLES
        case None:
            return st.none() | TEXTS
        case _:
            return st.just(value) | st.none() | TEXTS


def rows_like(row: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The row with up to four columns holding anything."""
    return st.lists(st.sampled_from(sorted(row)), max_size=4, unique=True).flatmap(
        lambda columns: st.fixed_dictionaries(
            {name: anything_like(value) if name in columns else st.just(value) for name, value in row.items()}
        )
    )


def texts_of(model: BaseModel) -> Iterator[tuple[str, str, int, int | None]]:
    """(field, text, shortest, longest) of every text in the record, however deep."""
    for name, field in type(model).model_fields.items():
        held = getattr(model, name)
        limits = _limits(field.annotation, field.metadata)
        for each in held if isinstance(held, tuple) else (held,):
            if isinstance(each, BaseModel):
                yield from texts_of(each)
            elif isinstance(each, str):
                yield f"{type(model).__name__}.{name}", each, *limits


def _limits(annotation: Any, metadata: list[Any]) -> tuple[int, int | None]:
    found = [*metadata, *_nested(annotation)]
    shortest = max((limit.min_length for limit in found if isinstance(limit, MinLen)), default=0)
    longest = min((limit.max_length for limit in found if isinstance(limit, MaxLen)), default=None)
    return shortest, longest


def _nested(annotation: Any) -> Iterator[Any]:
    for info in getattr(annotation, "__metadata__", ()):
        yield from getattr(info, "metadata", [info])
    for part in getattr(annotation, "__args__", ()):
        yield from _nested(part)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_translation_ever_makes_a_value_over_a_limit(entity: Entity, data: st.DataObject) -> None:
    row = data.draw(rows_like(ROWS[entity.name]))
    chosen = data.draw(st.sampled_from(SITES))
    try:
        translated = entity.translate(row, chosen)
    except Untranslatable:
        with pytest.raises(Untranslatable) as refusal:
            entity.translate(row, chosen)
        assert refusal.value.code
        assert refusal.value.reason
        assert refusal.value.remedy
        return
    for record in (translated.entity, touch(translated.entity, entity.touch_field, 40)):
        for field, text, shortest, longest in texts_of(record):
            assert shortest <= len(text), field
            assert longest is None or len(text) <= longest, field


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_the_limits_that_are_compared_are_those_of_the_models(entity: Entity) -> None:
    limits = {
        field: longest
        for field, _, _, longest in texts_of(entity.translate(ROWS[entity.name], site.SITE).entity)
    }
    key = next(field for field in limits if field.endswith(".external_code"))
    assert limits[key] == 36
    unlimited = {field for field, longest in limits.items() if longest is None}
    assert {field.rpartition(".")[2] for field in unlimited} <= {
        "address_type",
        "key",
        "matching_mode",
        "ordering_format",
        "role",
    }, "only words of a fixed list have no limit"
