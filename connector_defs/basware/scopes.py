"""Which OAuth scopes each flow needs: the one table from which they are asked for and judged.

A scope is `<endpoint>.<read|write|delete>` (Basware wire notes 1.12). Publishing reads as well: who owns a code in
Basware is looked at before it is overwritten. No flow deletes an entity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Flow = Literal[
    "master_data", "purchase_orders", "invoices", "payments", "enrichment", "data_extracts", "webhook"
]


def _both(*endpoints: str) -> frozenset[str]:
    return frozenset(f"{endpoint}.{right}" for endpoint in endpoints for right in ("read", "write"))


FLOW_SCOPES: Final[Mapping[Flow, frozenset[str]]] = MappingProxyType(
    {
        "master_data": _both("taxCodes", "accounts", "costCenters", "paymentTerms", "vendors")
        | {"requestStatus.read"},
        "purchase_orders": _both("matchingOrders", "matchingOrderLines") | {"requestStatus.read"},
        "invoices": _both("accountingDocuments") | {"requestStatus.read"},
        "payments": _both("accountingDocuments") | {"requestStatus.read"},
        "enrichment": frozenset({"vendors.read"}),
        # A client without the Data Access subscription is not granted them.
        "data_extracts": _both("dataExtracts"),
        "webhook": _both("subscriptions") | {"subscriptions.delete", "tasks.read"},
    }
)

_RIGHTS: Final = {"GET": "read", "POST": "write", "PATCH": "write", "PUT": "write", "DELETE": "delete"}


def scopes_of(flows: Iterable[Flow]) -> tuple[str, ...]:
    """All that these flows need and no more, in a fixed order."""
    return tuple(sorted(frozenset().union(*(FLOW_SCOPES[flow] for flow in flows))))


def scope_of(method: str, endpoint: str) -> str:
    """The scope that a call needs."""
    return f"{endpoint}.{_RIGHTS[method]}"


@dataclass(frozen=True)
class Judgement:
    """What was granted, measured by what is needed. `missing` is by flow; `surplus` is granted and not needed."""

    missing: Mapping[Flow, tuple[str, ...]]
    surplus: tuple[str, ...]

    @property
    def deleting(self) -> tuple[str, ...]:
        """Of the surplus, what lets this client delete: a mistake could wipe a whole table of Basware's API."""
        return tuple(scope for scope in self.surplus if scope.endswith(".delete"))


def judge(flows: Iterable[Flow], granted: frozenset[str]) -> Judgement:
    """Compare what a client was granted with what these flows need."""
    chosen = tuple(flows)
    missing: dict[Flow, tuple[str, ...]] = {
        flow: lacking for flow in chosen if (lacking := tuple(sorted(FLOW_SCOPES[flow] - granted)))
    }
    return Judgement(missing, tuple(sorted(granted - frozenset(scopes_of(chosen)))))
