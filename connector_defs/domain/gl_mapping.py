"""Which SYSPRO ledger code a Basware coding row is posted to: the most specific rule wins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

ANY = ""


@dataclass(frozen=True)
class MappingRule:
    """(company, account code, cost centre or any) -> ledger code, with who said so, when and why."""

    company: str
    account_code: str
    cost_center: str
    gl_code: str
    version: int
    author: str
    reason: str
    created_at: datetime


class MappingTable:
    """The rules in force for one company, ready to be asked."""

    def __init__(self, rules: Iterable[MappingRule]) -> None:
        self._rules = {(rule.account_code, rule.cost_center): rule for rule in rules}

    def find(self, account_code: str, cost_center: str) -> MappingRule | None:
        """The rule for this account and cost centre, else the one for the account and any cost centre."""
        return self._rules.get((account_code, cost_center)) or self._rules.get((account_code, ANY))
