"""OData filter conditions as small immutable values, and their text.

Belongs here: comparison, and/or, quoting of literals, the forms a date literal may take.
Not here: which form a given server understands; `odata` finds that out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Scalar = str | int | Decimal | date
Operator = Literal["eq", "ne", "gt", "ge", "lt", "le"]

# In the order in which they are tried (SYSPRO wire notes 3: the literal form is not public).
DATE_FORMS: tuple[str, ...] = ("%Y-%m-%dT00:00:00Z", "%Y-%m-%dT00:00:00", "%Y-%m-%d")


@dataclass(frozen=True)
class Comparison:
    """`column operator value`."""

    column: str
    operator: Operator
    value: Scalar


@dataclass(frozen=True)
class Junction:
    """Several conditions joined by `and` or `or`; never empty."""

    word: Literal["and", "or"]
    parts: "tuple[Condition, ...]"

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a filter needs at least one condition")


Condition = Comparison | Junction


def eq(column: str, value: Scalar) -> Comparison:
    """Equal."""
    return Comparison(column, "eq", value)


def ne(column: str, value: Scalar) -> Comparison:
    """Not equal."""
    return Comparison(column, "ne", value)


def gt(column: str, value: Scalar) -> Comparison:
    """Greater than."""
    return Comparison(column, "gt", value)


def ge(column: str, value: Scalar) -> Comparison:
    """Greater than or equal."""
    return Comparison(column, "ge", value)


def lt(column: str, value: Scalar) -> Comparison:
    """Less than."""
    return Comparison(column, "lt", value)


def le(column: str, value: Scalar) -> Comparison:
    """Less than or equal."""
    return Comparison(column, "le", value)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """At least one holds; ValueError for none given."""
    return _joined("or", conditions)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """All hold; ValueError for none given."""
    return _joined("and", conditions)


def _joined(word: Literal["and", "or"], conditions: Iterable[Condition]) -> Condition:
    parts = tuple(conditions)
    return parts[0] if len(parts) == 1 else Junction(word, parts)


def literal(value: Scalar, date_form: str = DATE_FORMS[0]) -> str:
    """OData text of a value: text quoted with quotes doubled, numbers plain, dates in `date_form`."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, date):
        # strftime leaves years before 1000 unpadded on some platforms.
        return (
            date_form.replace("%Y", f"{value.year:04}")
            .replace("%m", f"{value.month:02}")
            .replace("%d", f"{value.day:02}")
        )
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def render(condition: Condition, date_form: str = DATE_FORMS[0]) -> str:
    """Text of `$filter`, not yet percent-encoded."""
    if isinstance(condition, Comparison):
        return f"{condition.column} {condition.operator} {literal(condition.value, date_form)}"
    inner = (
        f"({render(part, date_form)})" if isinstance(part, Junction) else render(part, date_form)
        for part in condition.parts
    )
    return f" {condition.word} ".join(inner)


def holds_date(condition: Condition | None) -> bool:
    """Whether a date literal occurs in the condition."""
    if condition is None:
        return False
    if isinstance(condition, Comparison):
        return isinstance(condition.value, date)
    return any(holds_date(part) for part in condition.parts)


def after_key(columns: Iterable[tuple[str, int]], key: tuple[Scalar, ...]) -> Condition:
    """Rows whose key comes after `key` in the order of the key columns, each given with its char(n) width.

    A char(n) column may be stored padded and answered trimmed, or the other way round. Comparing with both
    the trimmed and the padded form holds for either: trimmed <= stored <= padded.
    """
    branches: list[Condition] = []
    prefix: list[Condition] = []
    for (name, width), value in zip(columns, key, strict=True):
        branches.append(all_of([*prefix, gt(name, _padded(value, width))]))
        prefix.append(same_text(name, value, width) if width else eq(name, value))
    return any_of(branches)


def same_text(column: str, value: Scalar, width: int) -> Condition:
    """Equality on a char(n) column, whether the server keeps the blanks at its end or not."""
    if not isinstance(value, str):
        return eq(column, value)
    trimmed, padded = value.rstrip(" "), _padded(value, width)
    if trimmed == padded:
        return eq(column, value)
    return all_of([ge(column, trimmed), le(column, padded)])


def _padded(value: Scalar, width: int) -> Scalar:
    return value.ljust(width) if isinstance(value, str) else value
