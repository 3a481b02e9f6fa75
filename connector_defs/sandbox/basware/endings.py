"""Endings by plan: what P2P makes of a record for reasons that no rule of `target_rules` knows.

Belongs here: planned outcomes of records and planned refusals of whole requests (wire notes 2.10 to 2.14).
A plan meets what differs from the API layer's copy: an identical record is never processed. Nor does a plan make
P2P take what its own rules refuse.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from connector_defs.sandbox.basware.processing import SETTLED, Finding, Item

_TYPES = {"Warning": "Warning", "RecordExpired": "RecordExpired"}
P = TypeVar("P", "Ending", "Refusal")
_WITHOUT_ERRORS = frozenset({"Success", "NotProcessed", "InProgress"})


@dataclass(frozen=True, slots=True)
class Ending:
    """How records of an endpoint end: the one of `external_code`, or all of a request.

    `outcome` is the word requestStatus shows, whether documented or not; Success and Warning take effect in P2P.
    Not `named`: shown without its externalCode. Not `listed`: left out of the items. Not `known`: requestStatus
    answers 404 for the whole request. `times` is how many requests it meets.
    """

    endpoint: str
    outcome: str = "Error"
    external_code: str = ""
    message: str = "the record could not be saved"
    category: str = "DataValidation"
    named: bool = True
    listed: bool = True
    known: bool = True
    times: int = 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """A synchronous answer other than 200 to requests of an endpoint, or to those with `external_code` alone.

    The answer names that record where it `names_it`. `stored`: the API layer keeps the records, but tells no system
    of them.
    """

    endpoint: str
    status: int = 400
    external_code: str = ""
    code: str = "SCHEMA_VALIDATION_ERROR"
    type: str = "VALIDATION"
    message: str = "the request is refused"
    names_it: bool = True
    stored: bool = False
    times: int = 1


@dataclass(slots=True)
class Endings:
    """What is planned, in order. Not thread-safe: the caller holds the sandbox's lock."""

    _endings: list[Ending] = field(default_factory=list)
    _refusals: list[Refusal] = field(default_factory=list)

    def plan(self, ending: Ending) -> None:
        """The next requests that it fits end like this."""
        self._endings.append(ending)

    def refuse(self, refusal: Refusal) -> None:
        """The next requests that it fits are answered like this."""
        self._refusals.append(refusal)

    def refusal(self, endpoint: str, codes: Collection[str]) -> Refusal | None:
        """The planned answer to a request with these records."""
        for place, refusal in enumerate(self._refusals):
            if refusal.endpoint == endpoint and (not refusal.external_code or refusal.external_code in codes):
                self._refusals[place : place + 1] = _left(refusal)
                return refusal
        return None

    def meet(self, endpoint: str, items: Sequence[Item]) -> bool:
        """Let planned endings meet these records; whether requestStatus will know the request."""
        known = True
        for ending in list(self._endings):
            met = [item for item in items if ending.endpoint == endpoint and _fits(ending, item)]
            if not met:
                continue
            place = self._endings.index(ending)
            self._endings[place : place + 1] = _left(ending)
            known = known and ending.known
            for item in met:
                _end(item, ending)
        return known


def _left(plan: P) -> list[P]:
    return [replace(plan, times=plan.times - 1)] if plan.times > 1 else []


def _fits(ending: Ending, item: Item) -> bool:
    changed = item.record is not None
    refused_by_rule = item.outcome == "Error" and ending.outcome in SETTLED
    return changed and not refused_by_rule and ending.external_code in ("", item.external_code)


def _end(item: Item, ending: Ending) -> None:
    item.outcome, item.named, item.listed = ending.outcome, ending.named, ending.listed
    if ending.outcome in _WITHOUT_ERRORS:
        item.findings = ()
    else:
        item.findings = (Finding(ending.message, _TYPES.get(ending.outcome, "Error"), ending.category),)
