"""The `$filter` of OData: a small grammar, what it may narrow a table down to, and its test of a row.

Takes eq ne gt ge lt le, and or not, parentheses, quoted texts, numbers, null and dates. Comparison is that
of collation Latin1_General_BIN: by character, trailing blanks ignored. Nothing here knows HTTP.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeAlias

from connector_defs.sandbox.syspro.options import DateLiteral
from connector_defs.sandbox.world.schema import Column, Kind
from connector_defs.sandbox.world.tables import Row, TableStore, Value

Test = Callable[[Row], bool]
Interval: TypeAlias = tuple[int, int]

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<text>'(?:[^']|'')*')"
    r"|(?P<date>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_]*))"
)
_DATE_FORMS: dict[DateLiteral, re.Pattern[str]] = {
    "utc": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "local": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le}


class BadFilter(Exception):
    """The filter cannot be understood; the text goes into the 400."""


@dataclass(frozen=True, slots=True)
class Compare:
    column: str
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition: TypeAlias = Compare | Both | Either | Not


def parse(text: str, columns: dict[str, Column], date_literal: DateLiteral) -> Condition:
    """The condition a filter text means on these columns; BadFilter where it means nothing."""
    return _Parser(text, columns, date_literal).whole()


class _Parser:
    def __init__(self, text: str, columns: dict[str, Column], date_literal: DateLiteral) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.columns = columns
        self.date_form = _DATE_FORMS[date_literal]

    def whole(self) -> Condition:
        condition = self.either()
        if self.at < len(self.tokens):
            raise BadFilter(f"Syntax error at '{self.tokens[self.at][1]}'.")
        return condition

    def either(self) -> Condition:
        parts = [self.both()]
        while self._word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self) -> Condition:
        parts = [self.single()]
        while self._word("and"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def single(self) -> Condition:
        if self._word("not"):
            return Not(self.single())
        kind, text = self._next()
        if kind == "open":
            condition = self.either()
            if self._next()[0] != "close":
                raise BadFilter("')' expected.")
            return condition
        if kind != "word":
            raise BadFilter(f"Property name expected at '{text}'.")
        column = self.columns.get(text)
        if column is None:
            raise BadFilter(f"Could not find a property named '{text}'.")
        operator = self._next()[1]
        if operator not in _COMPARE:
            raise BadFilter(f"Operator expected at '{operator}'.")
        return Compare(text, operator, self._literal(column))

    def _literal(self, column: Column) -> Value:
        kind, text = self._next()
        if kind == "word" and text == "null":
            return None
        if kind == "text" and column.kind in (Kind.CHAR, Kind.VARCHAR):
            return text[1:-1].replace("''", "'")
        if kind == "number" and column.kind is Kind.DECIMAL:
            return Decimal(text)
        if kind == "date" and column.kind is Kind.DATETIME and self.date_form.fullmatch(text):
            return self._date(text)
        raise BadFilter(
            f"A binary operator with incompatible types was detected: '{column.name}' and '{text}'."
        )

    def _date(self, text: str) -> date:
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            raise BadFilter(f"Unrecognized date literal '{text}'.") from None

    def _word(self, word: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == ("word", word):
            self.at += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise BadFilter("Unexpected end of the filter.")
        self.at += 1
        return self.tokens[self.at - 1]


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if not match or not match.lastgroup:
            raise BadFilter(f"Syntax error at position {at}.")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


def test_of(condition: Condition, table: TableStore) -> Test:
    """A function that tells whether a row meets the condition."""
    if isinstance(condition, Compare):
        return _comparison(condition, table)
    if isinstance(condition, Not):
        inner = test_of(condition.part, table)
        return lambda row: not inner(row)
    if isinstance(condition, Both):
        tests = tuple(test_of(part, table) for part in condition.parts)
        return lambda row: all(test(row) for test in tests)
    listed, others = _lists_of_keys(condition)
    tests = (
        *(_is_listed(columns, keys, table) for columns, keys in listed.items()),
        *(test_of(part, table) for part in others),
    )
    return lambda row: any(test(row) for test in tests)


def _lists_of_keys(
    condition: Either,
) -> tuple[dict[tuple[str, ...], set[tuple[Value, ...]]], list[Condition]]:
    """Parts that ask for one combination of values, by their columns, and all other parts.

    A client that asks for 200 keys writes 200 parts: looked up at once, where each row would meet each of them.
    """
    listed: dict[tuple[str, ...], set[tuple[Value, ...]]] = {}
    others = []
    for part in condition.parts:
        terms = part.parts if isinstance(part, Both) else (part,)
        wanted = _bounds(Both(tuple(terms)), "eq")
        if len(wanted) == len(terms):
            listed.setdefault(tuple(wanted), set()).add(tuple(map(_comparable, wanted.values())))
        else:
            others.append(part)
    return listed, others


def _is_listed(columns: tuple[str, ...], keys: set[tuple[Value, ...]], table: TableStore) -> Test:
    places = tuple(table.position[column] for column in columns)
    return lambda row: tuple(_comparable(row[at]) for at in places) in keys


def _comparable(value: Value) -> Value:
    return value.rstrip(" ") if isinstance(value, str) else value


def _comparison(condition: Compare, table: TableStore) -> Test:
    at = table.position[condition.column]
    wanted = condition.value
    compare = _COMPARE[condition.operator]
    if wanted is None:
        if condition.operator not in ("eq", "ne"):
            return lambda _row: False
        return (
            (lambda row: row[at] is None) if condition.operator == "eq" else (lambda row: row[at] is not None)
        )
    if isinstance(wanted, str):
        text = wanted.rstrip(" ")
        return lambda row: compare(str(row[at]).rstrip(" "), text)
    if condition.operator == "ne":
        return lambda row: row[at] != wanted
    return lambda row: row[at] is not None and compare(row[at], wanted)


def narrowed(condition: Condition, table: TableStore) -> list[Interval] | None:
    """Row positions that can meet the condition, in order, by the primary key; None for "anywhere"."""
    if isinstance(condition, Compare):
        return _by_leading_key(condition, table)
    if isinstance(condition, Not):
        return None
    found = [narrowed(part, table) for part in condition.parts]
    if isinstance(condition, Either):
        intervals = [interval for part in found if part is not None for interval in part]
        return None if None in found else _merged(intervals)
    by_prefix = _by_equal_prefix(condition, table)
    candidates = [part for part in (by_prefix, *found) if part is not None]
    return min(candidates, key=lambda part: sum(high - low for low, high in part), default=None)


def _by_leading_key(condition: Compare, table: TableStore) -> list[Interval] | None:
    if condition.column != table.schema.key[0] or condition.value is None or condition.operator == "ne":
        return None
    span = _span(table, (condition.value,))
    if span is None:
        return None
    low, high = span
    return {
        "eq": [(low, high)],
        "gt": [(high, len(table))],
        "ge": [(low, len(table))],
        "lt": [(0, low)],
        "le": [(0, high)],
    }[condition.operator]


def _by_equal_prefix(condition: Both, table: TableStore) -> list[Interval] | None:
    """Interval of `K1 eq a and K2 eq b …`, and of a lower bound on the key column after those."""
    equal = _bounds(condition, "eq")
    above = _bounds(condition, "gt", "ge")
    prefix: list[Value] = []
    for name in table.schema.key:
        if name not in equal:
            break
        prefix.append(equal[name])
    if not prefix:
        return None
    span = _span(table, tuple(prefix))
    following = table.schema.key[len(prefix) : len(prefix) + 1]
    if span is None or not following or following[0] not in above:
        return None if span is None else [span]
    bound = _span(table, (*prefix, above[following[0]]))
    return [span] if bound is None else [(bound[0], span[1])]


def _bounds(condition: Both, *operators: str) -> dict[str, Value]:
    return {
        part.column: part.value
        for part in condition.parts
        if isinstance(part, Compare) and part.operator in operators and part.value is not None
    }


def _span(table: TableStore, prefix: tuple[Value, ...]) -> Interval | None:
    """Interval of a key prefix; None when a literal cannot stand in its column (then nothing narrows)."""
    if any(isinstance(value, Decimal) and value != int(value) for value in prefix):
        return None
    try:
        return table.span(tuple(value.rstrip(" ") if isinstance(value, str) else value for value in prefix))
    except ValueError:
        return None


def _merged(intervals: list[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for low, high in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
