"""Which GL code an unmapped account code may stand for: a score for each postable code, and the grounds in words.

Pure. Each ground is a strength from 0 to 1, and alone it is worth at most its weight; together they count as
independent hints (1 - product of what each leaves open), so that more grounds never lower a score and none makes
it certain. A suggestion maps nothing: a person reads the grounds and decides.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from rapidfuzz import fuzz, utils

from connector_defs.domain.books import LedgerCode

# What a ground is worth at full strength.
_NAME, _HISTORY, _CENTER, _CODE = 0.75, 0.6, 0.25, 0.45
# Names below this likeness (0 to 100) are different names.
_ALIKE = 60.0
_CODES_ALIKE = 85.0
_LOWEST_SCORE = 15
_NAMED = 3
_BRACKETS = re.compile(r"\([^()]*\)")
_PART = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Evidence:
    """What is known of an account code that has no rule.

    `posted`: GL code -> ledger lines of its suppliers' invoices there. `same_center`: GL code -> other account codes
    that stand for it with one of its cost centres.
    """

    account_code: str
    account_name: str = ""
    cost_centers: tuple[str, ...] = ()
    suppliers: tuple[str, ...] = ()
    posted: Mapping[str, int] = field(default_factory=dict)
    same_center: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Suggestion:
    """One candidate: score from 0 to 100, and why."""

    gl_code: str
    description: str
    score: int
    grounds: tuple[str, ...]


@dataclass(frozen=True)
class _Ground:
    weight: float
    strength: float
    words: str


def suggest(evidence: Evidence, chart: Iterable[LedgerCode], most: int = 3) -> list[Suggestion]:
    """The best candidates among the codes that may be posted to, best first."""
    candidates = [code for code in chart if code.refusal is None]
    known = {code.code for code in candidates}
    # Lines on tax, control and rounding accounts are no choice that anybody made.
    evidence = replace(
        evidence, posted={code: times for code, times in evidence.posted.items() if code in known}
    )
    found = []
    for code in candidates:
        grounds = [ground for ground in _grounds(evidence, code) if ground.strength > 0]
        score = round(100 * (1 - prod(1 - ground.weight * ground.strength for ground in grounds)))
        if score >= _LOWEST_SCORE:
            grounds.sort(key=lambda ground: -ground.weight * ground.strength)
            found.append(
                Suggestion(code.code, code.description, score, tuple(ground.words for ground in grounds))
            )
    return sorted(found, key=lambda one: (-one.score, one.gl_code))[:most]


def _grounds(evidence: Evidence, code: LedgerCode) -> Iterable[_Ground]:
    likeness = name_likeness(evidence.account_name, code.description)
    yield _Ground(
        _NAME,
        max(0.0, (likeness - _ALIKE) / (100 - _ALIKE)),
        f"the names are alike to {likeness:.0f} of 100: {evidence.account_name!r}, {code.description!r}",
    )
    times, total = evidence.posted.get(code.code, 0), sum(evidence.posted.values())
    yield _Ground(
        _HISTORY,
        times / (total + 1),
        f"{times} of {total} ledger lines of supplier {_named(evidence.suppliers)} were posted there",
    )
    times, total = evidence.same_center.get(code.code, 0), sum(evidence.same_center.values())
    yield _Ground(
        _CENTER,
        times / (total + 1),
        f"{times} of {total} other account codes with cost centre {_named(evidence.cost_centers)} stand for it",
    )
    strength, words = code_likeness(evidence.account_code, code.code)
    yield _Ground(_CODE, strength, words)


def _named(some: Sequence[str]) -> str:
    return ", ".join(some[:_NAMED]) + (" and others" if len(some) > _NAMED else "")


def name_likeness(one: str, other: str) -> float:
    """0 to 100, whatever the order of the words, their case and the punctuation; 0 where a name is missing.

    What stands in brackets, such as "(old chart)", is no part of the name where another part is.
    """
    one, other = (utils.default_process(_BRACKETS.sub(" ", name)) or name for name in (one, other))
    one, other = utils.default_process(one), utils.default_process(other)
    if not one or not other:
        return 0.0
    # token_set alone takes "Tooling" for all of "Tooling and repairs"; token_sort alone forgives no further word.
    return (fuzz.token_sort_ratio(one, other) + fuzz.token_set_ratio(one, other)) / 2


def code_likeness(one: str, other: str) -> tuple[float, str]:
    """Strength from 0 to 1, and the words for it."""
    parts, others = _PART.findall(one.upper()), _PART.findall(other.upper())
    if parts and parts == others:
        return 1.0, "the codes differ in punctuation only"
    shared = [part for part in parts if part in others and len(part) > 2 and any(map(str.isdigit, part))]
    if shared:
        return 0.9, f"both codes hold {max(shared, key=len)}"
    likeness = fuzz.ratio("".join(parts), "".join(others)) if parts and others else 0.0
    return (
        likeness / 200 if likeness >= _CODES_ALIKE else 0.0
    ), f"the codes are alike to {likeness:.0f} of 100"
