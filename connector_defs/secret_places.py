"""Which secrets the settings hold, what each is called, and where in the tree of the settings it belongs.

Belongs here: names and places. Not here: values, and where they come from (`settings`, `flows.credentials`).
A secret has one name: that of its environment variable for the tenant and the first pair of companies, and
`<variable>/<SYSPRO company>` or `<variable>/<SYSPRO company>/<operator>` for the others.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Location = tuple[str | int, ...]

_OPERATOR, _COMPANY = "SYSPRO_OPERATOR_PASSWORD", "SYSPRO_COMPANY_PASSWORD"
# Name -> place, for what there is once.
_SINGLE: dict[str, Location] = {
    "BASWARE_CLIENT_SECRET": ("basware", "client_secret"),
    "BASWARE_WEBHOOK_SECRET": ("basware", "webhook_secret"),
    "BASWARE_WEBHOOK_SECRET_PREVIOUS": ("basware", "webhook_secret_previous"),
    "SYSPRO_ODATA_PASSWORD": ("syspro", "odata_password"),
    _OPERATOR: ("companies", 0, "operator_password"),
    _COMPANY: ("companies", 0, "company_password"),
}
# Names, and words for people: nothing secret in them.
MEANINGS = {  # nosec B105
    "BASWARE_CLIENT_SECRET": "secret of the Basware OAuth2 client",
    "BASWARE_WEBHOOK_SECRET": "key that signs Basware's push notifications",
    "BASWARE_WEBHOOK_SECRET_PREVIOUS": "the signing key before it, while both are in use",
    "SYSPRO_ODATA_PASSWORD": "HTTP Basic password for OData",
    _OPERATOR: "password of the SYSPRO operator",
    _COMPANY: "password of the SYSPRO company, where it has one",
}


@dataclass(frozen=True)
class SecretPlace:
    """One secret: its name and its place in the tree."""

    name: str
    location: Location

    @property
    def variable(self) -> str | None:
        """Its environment variable, where it has one."""
        return None if "/" in self.name else self.name

    @property
    def meaning(self) -> str:
        """What it opens."""
        variable, _, whose = self.name.partition("/")
        return f"{MEANINGS[variable]}{f' ({whose})' if whose else ''}"

    def value(self, tree: Mapping[str, Any]) -> Any:
        """What stands there; None where nothing does."""
        found: Any = tree
        for step in self.location:
            found = _child(found, step)
        return found

    def fill(self, tree: dict[str, Any], value: object) -> None:
        """Put `value` there, if the table that it belongs to exists."""
        table = self._table(tree)
        if isinstance(table, dict):
            table[self.location[-1]] = value

    def clear(self, tree: dict[str, Any]) -> None:
        """Take what stands there away."""
        table = self._table(tree)
        if isinstance(table, dict):
            table.pop(self.location[-1], None)

    def _table(self, tree: dict[str, Any]) -> Any:
        table: Any = tree
        for step in self.location[:-1]:
            table = _child(table, step)
        return table


def secret_places(tree: Mapping[str, Any]) -> list[SecretPlace]:
    """Every secret that settings with these tables know; a tree that is not whole has at least the single ones."""
    found = [SecretPlace(name, location) for name, location in _SINGLE.items()]
    companies = tree.get("companies")
    for number, company in enumerate(companies if isinstance(companies, list) else []):
        name = _child(company, "syspro_company")
        if not isinstance(name, str):
            continue
        if number:
            found += [
                SecretPlace(f"{_OPERATOR}/{name}", ("companies", number, "operator_password")),
                SecretPlace(f"{_COMPANY}/{name}", ("companies", number, "company_password")),
            ]
        extra = _child(company, "extra_operators")
        for place, one in enumerate(extra if isinstance(extra, list) else []):
            operator = _child(one, "operator")
            if isinstance(operator, str):
                location = ("companies", number, "extra_operators", place, "operator_password")
                found.append(SecretPlace(f"{_OPERATOR}/{name}/{operator}", location))
    return found


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant, where one is near."""
    spelled = {each.upper(): each for each in known}
    close = difflib.get_close_matches(name.strip().upper().replace("-", "_"), spelled, 1, 0.6)
    return spelled[close[0]] if close else None


def _child(table: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return table[step] if isinstance(table, list) and step < len(table) else None
    return table.get(step) if isinstance(table, dict) else None
