"""The forms of a record that no translation makes: told apart from an identical one, and told that it is gone.

Belongs here: `touch`, `touched`, `closed`. When they are sent is in `publishing`.
"""

from collections.abc import Mapping
from typing import cast

from pydantic.alias_generators import to_camel

from connector_defs.basware.entities import ENDPOINTS, WireValue
from connector_defs.basware.entities import Entity as WireEntity


def touch(entity: WireEntity, field_name: str, touches: int) -> WireEntity:
    """The same record with a harmless difference: a free text, or blanks behind its names."""
    value = getattr(entity, field_name)
    if isinstance(value, tuple):
        blanks = " " * touches
        names = tuple(name.model_copy(update={"translation": name.translation + blanks}) for name in value)
        return entity.model_copy(update={field_name: names})
    return entity.model_copy(update={field_name: f"resend {touches}"})


def touched(record: Mapping[str, WireValue], field_name: str, touches: int) -> dict[str, WireValue]:
    """The same for a record as Basware gave it."""
    name = to_camel(field_name)
    value = record.get(name)
    if not isinstance(value, list):
        return {**record, name: f"resend {touches}"}
    blanks = " " * touches
    names = cast("list[dict[str, WireValue]]", value)
    longer: list[WireValue] = [
        {**each, "translation": f"{str(each.get('translation', '')).rstrip()}{blanks}"} for each in names
    ]
    return {**record, name: longer}


def closed(entity: str, held: Mapping[str, WireValue]) -> dict[str, WireValue]:
    """Basware's own record, told that it is gone: inactive, closed or deleted by flag (wire notes 2.20).

    Without what Basware shows and does not take: nulls, fields that no request has, and its own vendor id.
    """
    fields = ENDPOINTS[entity].model.model_fields
    taken = {fields[name].alias or to_camel(name) for name in fields} - {"buvid"}
    record = {
        name: without_nulls(value) for name, value in held.items() if name in taken and value is not None
    }
    match entity:
        case "vendors":
            status = cast("dict[str, WireValue]", record.get("processingStatus") or {})
            record["processingStatus"] = {**status, "active": False}
        case "matchingOrders":
            record["isClosed"] = True
        case "matchingOrderLines":
            record["isClosed"] = True
            record["isDeleted"] = True
        case _:
            companies = cast("list[dict[str, WireValue]]", record.get("companies") or [])
            inactive: list[WireValue] = [{**company, "active": False} for company in companies]
            record["companies"] = inactive
    return record


def without_nulls(value: WireValue) -> WireValue:
    """The value as Basware takes it back: it shows nulls, and does not take them everywhere."""
    match value:
        case dict():
            return {name: without_nulls(each) for name, each in value.items() if each is not None}
        case list():
            return [without_nulls(each) for each in value if each is not None]
        case _:
            return value
