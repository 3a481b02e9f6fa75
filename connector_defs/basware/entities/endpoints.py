"""The import endpoints as one table, and how an entity becomes a JSON object.

Here: path, model, limits and names of each endpoint (Basware wire notes 2.3, 2.4, 3.8). Not here: any HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias

from connector_defs.basware.entities.fields import Entity
from connector_defs.basware.entities.master import Account, CostCenter, PaymentTerm, TaxCode
from connector_defs.basware.entities.orders import Order, OrderLine
from connector_defs.basware.entities.vendors import Vendor

WireValue: TypeAlias = "bool | int | str | Decimal | list[WireValue] | dict[str, WireValue] | None"


@dataclass(frozen=True)
class Endpoint:
    """One import endpoint.

    `batch_limit` is the most records of one POST, `page_limit` the most of one page of a GET,
    `list_wrapper` the key that holds the records of a page, `code_field` the wire name of the code that
    people know a record by, `entity_type` the name that requestStatus has for it.
    """

    name: str
    path: str
    model: type[Entity]
    batch_limit: int
    page_limit: int
    list_wrapper: str
    code_field: str
    entity_type: str


_TABLE = (
    Endpoint("taxCodes", "/v1/taxCodes", TaxCode, 500, 500, "taxCodes", "taxCode", "TaxCode"),
    Endpoint("accounts", "/v1/accounts", Account, 500, 500, "accounts", "accountCode", "Account"),
    Endpoint(
        "costCenters", "/v1/costCenters", CostCenter, 500, 500, "costCenters", "costCenterCode", "CostCenter"
    ),
    Endpoint(
        "paymentTerms",
        "/v1/paymentTerms",
        PaymentTerm,
        500,
        500,
        "paymentTerms",
        "paymentTermCode",
        "PaymentTerm",
    ),
    Endpoint("vendors", "/v1/vendors", Vendor, 200, 500, "vendorEntities", "vendorCode", "Vendor"),
    Endpoint(
        "matchingOrders",
        "/v1/matchingOrders",
        Order,
        500,
        500,
        "matchingOrders",
        "orderNumber",
        "MatchingOrder",
    ),
    Endpoint(
        name="matchingOrderLines",
        path="/v1/matchingOrderLines",
        model=OrderLine,
        batch_limit=100,
        page_limit=100,
        list_wrapper="matchingOrderLines",
        code_field="lineNumber",
        entity_type="MatchingOrderLine",
    ),
)

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType({endpoint.name: endpoint for endpoint in _TABLE})


def to_wire(entity: Entity) -> dict[str, WireValue]:
    """The JSON object of an entity: wire names, `None` left out, dates as CCYY-MM-DD, Decimal kept."""
    dumped = entity.model_dump(by_alias=True, exclude_none=True)
    return {name: _wire_value(value) for name, value in dumped.items()}


def _wire_value(value: object) -> WireValue:
    match value:
        case None | bool() | int() | str() | Decimal():
            return value
        case date():
            return value.isoformat()
        case list() | tuple():
            return [_wire_value(element) for element in value]
        case dict():
            return {str(name): _wire_value(element) for name, element in value.items()}
        case _:
            raise TypeError(f"no wire form for {type(value).__name__}")
