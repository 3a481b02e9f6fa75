"""Which SYSPRO ledger code a Basware coding row is posted to.

A rule pins an account code, and may pin a cost centre and dimensions beyond it; it may hold for a part of the
calendar only. What decides, in this order:

1. A rule counts where every value it pins equals the row's exactly as stored, and where the invoice's mapping
   date (a business date, both ends included) lies within the rule's validity.
2. A rule that pins more goes before one that pins less; a cost centre counts as much as one dimension.
3. Of rules that pin the very same values, the one that begins later goes first: a new rule from 1 January
   needs no hand on the old one.
4. Rules that are left pin equally many, but other values. One GL code among them: that is it. Several: nothing
   is guessed, the row is a `Tie`.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

from connector_defs.domain.invoices import CodingRow

ANY = ""

Dimensions: TypeAlias = tuple[tuple[str, str], ...]

# The names by which `CodingRow.dimensions` knows what Basware calls dimensions.
DIMENSION_NAMES = (
    "project",
    "profit_center",
    "business_unit",
    "fixed_asset",
    *(f"dim{number}" for number in range(1, 11)),
)


class RuleStatus(StrEnum):
    """What a version of a rule says. Only active ones map; a proposal changes nothing until it is approved."""

    ACTIVE = "active"
    RETIRED = "retired"
    PROPOSED = "proposed"
    RETIRING = "retiring"
    REFUSED = "refused"


DECIDED = frozenset({RuleStatus.ACTIVE, RuleStatus.RETIRED})
PENDING = frozenset({RuleStatus.PROPOSED, RuleStatus.RETIRING})


@dataclass(frozen=True)
class RuleKey:
    """What makes two versions versions of one rule: what it pins, and the day it begins."""

    company: str
    account_code: str
    cost_center: str = ANY
    dimensions: Dimensions = ()
    valid_from: date | None = None

    @property
    def words(self) -> str:
        """For people: `account code 6100, cost centre CC010, dim1 NORTH, from 2027-01-01`."""
        parts = [f"account code {self.account_code}"]
        if self.cost_center:
            parts.append(f"cost centre {self.cost_center}")
        parts += [f"{name} {code}" for name, code in self.dimensions]
        if self.valid_from is not None:
            parts.append(f"from {self.valid_from}")
        return ", ".join(parts)

    @property
    def options(self) -> str:
        """The options of `connector mapping` that name this rule beside its account code, for a shell."""
        parts = ["--cost-center", shlex.quote(self.cost_center)] if self.cost_center else []
        for name, code in self.dimensions:
            parts += ["--dimension", shlex.quote(f"{name}={code}")]
        if self.valid_from is not None:
            parts += ["--valid-from", self.valid_from.isoformat()]
        return " ".join(parts)


@dataclass(frozen=True)
class MappingRule:
    """One version of a rule: what it pins -> ledger code, with who said so, when and why.

    `dimensions` are in the order of their names. A withdrawn version keeps the ledger code it had.
    """

    company: str
    account_code: str
    cost_center: str
    gl_code: str
    version: int
    author: str
    reason: str
    created_at: datetime
    dimensions: Dimensions = ()
    valid_from: date | None = None
    valid_to: date | None = None
    status: RuleStatus = RuleStatus.ACTIVE
    approved_by: str = ""

    @property
    def key(self) -> RuleKey:
        """The rule this is a version of."""
        return RuleKey(self.company, self.account_code, self.cost_center, self.dimensions, self.valid_from)

    def holds_on(self, on: date | None) -> bool:
        """True where `on` lies within the validity; without a date only for a rule that always holds."""
        if on is None:
            return self.valid_from is None and self.valid_to is None
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_to is None or on <= self.valid_to
        )


@dataclass(frozen=True)
class Tie:
    """Equally specific rules that name different ledger codes."""

    rules: tuple[MappingRule, ...]


@dataclass(frozen=True)
class Gap:
    """A coding row that the rules do not decide: none holds (`rivals` empty), or equally specific ones differ.

    `dimensions` are those that some rule of the account asks for. `other_dates`: a rule would hold on another day.
    """

    account_code: str
    cost_center: str
    dimensions: Dimensions
    on: date | None
    rivals: tuple[MappingRule, ...] = ()
    other_dates: bool = False

    @property
    def words(self) -> str:
        """The row as a reason text names it."""
        named = f"{self.account_code!r}"
        if self.cost_center:
            named += f" / cost centre {self.cost_center!r}"
        named += "".join(f" / {name} {code!r}" for name, code in self.dimensions)
        return f"{named} on {self.on}" if self.other_dates else named

    @property
    def rival_words(self) -> str:
        """The rules of a tie, each with its ledger code."""
        return "; ".join(f"{rule.key.words} -> {rule.gl_code}" for rule in self.rivals)

    @property
    def key(self) -> RuleKey:
        """The rule that would decide this row; of a tie, one that pins whatever its rivals pin."""
        if not self.rivals:
            return RuleKey("", self.account_code)
        center = next((rule.cost_center for rule in self.rivals if rule.cost_center), ANY)
        pinned = {pair for rule in self.rivals for pair in rule.dimensions}
        return RuleKey("", self.account_code, center, tuple(sorted(pinned)))


@dataclass(frozen=True)
class _Shape:
    """Rules of one account that pin the same kinds of values: (cost centre or any, codes) -> newest first."""

    with_center: bool
    names: tuple[str, ...]
    rules: Mapping[tuple[str, ...], tuple[MappingRule, ...]]

    @property
    def pins(self) -> int:
        return self.with_center + len(self.names)

    def of_row(self, row: CodingRow, dimensions: Mapping[str, str]) -> tuple[MappingRule, ...]:
        values = (row.cost_center if self.with_center else ANY, *(dimensions.get(n, "") for n in self.names))
        return self.rules.get(values, ())


class MappingTable:
    """The active rules of one company, ready to be asked: a look-up costs the same for ten rules or ten thousand."""

    def __init__(self, rules: Iterable[MappingRule]) -> None:
        gathered: dict[str, dict[tuple[bool, tuple[str, ...]], dict[tuple[str, ...], list[MappingRule]]]] = {}
        for rule in rules:
            if rule.status is not RuleStatus.ACTIVE:
                continue
            shape = (rule.cost_center != ANY, tuple(name for name, _ in rule.dimensions))
            values = (rule.cost_center, *(code for _, code in rule.dimensions))
            of_account = gathered.setdefault(rule.account_code, {})
            of_account.setdefault(shape, {}).setdefault(values, []).append(rule)
        self._accounts = {
            account: tuple(sorted(_shapes(shapes), key=lambda shape: (-shape.pins, shape.names)))
            for account, shapes in gathered.items()
        }

    def find(self, row: CodingRow, on: date | None) -> MappingRule | Tie | None:
        """The rule that decides `row` of an invoice with mapping date `on`, if one does."""
        found: list[MappingRule] = []
        pins = 0
        dimensions = dict(row.dimensions)
        for shape in self._accounts.get(row.account_code, ()):
            if found and shape.pins < pins:
                break
            rule = next((rule for rule in shape.of_row(row, dimensions) if rule.holds_on(on)), None)
            if rule is not None:
                found.append(rule)
                pins = shape.pins
        if len({rule.gl_code for rule in found}) > 1:
            return Tie(tuple(found))
        return found[0] if found else None

    def gaps(self, rows: Iterable[CodingRow], on: date | None) -> tuple[Gap, ...]:
        """Those of `rows` that no rule decides, each kind once."""
        gaps: dict[Gap, None] = {}
        for row in rows:
            found = self.find(row, on)
            if not isinstance(found, MappingRule):
                gaps.setdefault(self._gap(row, on, found), None)
        return tuple(gaps)

    def _gap(self, row: CodingRow, on: date | None, tie: Tie | None) -> Gap:
        shapes = self._accounts.get(row.account_code, ())
        asked = {name for shape in shapes for name in shape.names}
        dimensions = dict(row.dimensions)
        return Gap(
            row.account_code,
            row.cost_center,
            tuple((name, code) for name, code in row.dimensions if name in asked),
            on,
            tie.rules if tie else (),
            tie is None and any(shape.of_row(row, dimensions) for shape in shapes),
        )


def _shapes(
    gathered: Mapping[tuple[bool, tuple[str, ...]], Mapping[tuple[str, ...], list[MappingRule]]],
) -> Iterable[_Shape]:
    for (with_center, names), by_values in gathered.items():
        ordered = {
            values: tuple(sorted(rules, key=lambda rule: rule.valid_from or date.min, reverse=True))
            for values, rules in by_values.items()
        }
        yield _Shape(with_center, names, ordered)


def needs_rule(row: CodingRow) -> bool:
    """True where the row is coded to the ledger: matched to no goods receipt, and of some value."""
    if not row.account_code or row.receipt_number:
        return False
    if row.net is not None:
        return row.net != 0
    return row.gross is None or row.gross != (row.tax or 0)


def dimension_text(dimensions: Iterable[tuple[str, str]]) -> str:
    """`dim1=NORTH;project=P-7`, as the store and the files keep it. `;` and `\\` in a code follow a `\\`."""
    return ";".join(
        f"{name}={code}".replace("\\", "\\\\").replace(";", "\\;") for name, code in sorted(dimensions)
    )


def read_dimensions(text: str) -> Dimensions:
    """The inverse of `dimension_text`. Raises ValueError, for people to read."""
    parts, escaped = [""], False
    for character in text:
        if not escaped and character == "\\":
            escaped = True
            continue
        if not escaped and character == ";":
            parts.append("")
        else:
            parts[-1] += character
        escaped = False
    return dimensions_of(part for part in parts if part.strip())


def dimensions_of(pairs: Iterable[str]) -> Dimensions:
    """From `name=code` pairs, in the order of their names. Raises ValueError, for people to read."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, code = pair.partition("=")
        name = name.strip().lower()
        if not sign or not code.strip():
            raise ValueError(f"dimension {pair!r} is not of the form name=code")
        if name not in DIMENSION_NAMES:
            raise ValueError(f"there is no dimension {name!r}: the names are {', '.join(DIMENSION_NAMES)}")
        if name in found:
            raise ValueError(f"dimension {name} is named twice")
        found[name] = code
    return tuple(sorted(found.items()))
