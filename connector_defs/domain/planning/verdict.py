"""The two ways in which an invoice is not planned: refused with a reason, or lacking a mapping."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Why an invoice goes to review, and what a person can do."""

    code: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Unmapped:
    """The (account, cost centre) pairs that no mapping rule covers."""

    pairs: tuple[tuple[str, str], ...]


class Refused(Exception):
    """Carries a refusal out of whichever rule found it."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(code, reason, remedy)
