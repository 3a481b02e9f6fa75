"""COMFND, generic find: rows of a table by a Where of column conditions.

Source: SYSPRO wire notes 2.5. Only EQ is proven on real systems; the other conditions are guesses there.
"""

from datetime import date
from decimal import Decimal

from lxml import etree

from connector_defs.sandbox.syspro.odata_filter import Both, Compare, Condition, Either, narrowed, test_of
from connector_defs.sandbox.syspro.sessions import EnetError
from connector_defs.sandbox.syspro.xml_replies import Node, document, reply, text_of
from connector_defs.sandbox.world.schema import Column, Kind
from connector_defs.sandbox.world.tables import TableStore, Value

_CONDITIONS = {"EQ": "eq", "NE": "ne", "GT": "gt", "GE": "ge", "LT": "lt", "LE": "le"}


def find(tables: dict[str, TableStore], xml_in: str) -> str:
    """The answer to one Query document; EnetError for an unknown table, column or condition."""
    query = document(xml_in, "Query")
    name = text_of(query, "TableName")
    table = tables.get(name)
    if table is None:
        raise EnetError(f"e.net exception raised: 100000 Table '{name}' not found")
    columns = _columns(query, table)
    wanted = text_of(query, "ReturnRows", "1")
    limit = int(wanted) if wanted.isdecimal() else 1
    rows: list[Node] = []
    condition = _where(query, table)
    spans = (condition and narrowed(condition, table)) or (
        [(0, len(table))] if _anywhere(condition, table) else []
    )
    test = test_of(condition, table) if condition else None
    for low, high in spans:
        for row in table.rows[low:high]:
            if len(rows) >= limit:
                break
            if test is None or test(row):
                rows.append(
                    ("Row", [(each.name, shown(each, row[table.position[each.name]])) for each in columns])
                )
    header: list[Node] = [
        ("TableName", name),
        ("Columns", ",".join(each.name for each in columns)),
        ("OrderBy", ",".join(table.schema.key)),
    ]
    returned: Node = ("RowsReturned", f"{len(rows):8d}")
    return reply(name, [("HeaderDetails", header), *rows, returned], version="7.0.053")


def _anywhere(condition: Condition | None, table: TableStore) -> bool:
    return condition is None or narrowed(condition, table) is None


def _columns(query: etree._Element, table: TableStore) -> tuple[Column, ...]:
    asked = [(each.text or "").strip() for each in query.findall("Columns/Column")]
    if text_of(query, "AllColumns") == "Y" or not asked:
        return table.schema.columns
    return tuple(_column(table, name) for name in asked)


def _column(table: TableStore, name: str) -> Column:
    if name not in table.position:
        raise EnetError(f"e.net exception raised: 100000 Column '{name}' not found in table '{table.name}'")
    return table.schema.columns[table.position[name]]


def _where(query: etree._Element, table: TableStore) -> Condition | None:
    """Expressions joined by AndOr and brackets; AND binds closer than OR."""
    tokens: list[str | Compare] = []
    for number, expression in enumerate(query.findall("Where/Expression")):
        if number:
            tokens.append("or" if text_of(expression, "AndOr").upper() == "OR" else "and")
        tokens += list(text_of(expression, "OpenBracket"))
        tokens.append(_compare(expression, table))
        tokens += list(text_of(expression, "CloseBracket"))
    if not tokens:
        return None
    condition = _either(tokens)
    if tokens:
        raise EnetError("e.net exception raised: 100000 Brackets in Where do not match")
    return condition


def _compare(expression: etree._Element, table: TableStore) -> Compare:
    column = _column(table, text_of(expression, "Column"))
    word = text_of(expression, "Condition", "EQ").upper()
    if word not in _CONDITIONS:
        raise EnetError(f"e.net exception raised: 100000 Condition '{word}' is invalid")
    return Compare(column.name, _CONDITIONS[word], _value(column, text_of(expression, "Value")))


def _value(column: Column, text: str) -> Value:
    try:
        if column.kind is Kind.DECIMAL:
            return Decimal(text or "0")
        if column.kind is Kind.DATETIME:
            return date.fromisoformat(text) if text else None
    except (ValueError, ArithmeticError):
        raise EnetError(
            f"e.net exception raised: 240003 Value '{text}' is invalid for {column.name}"
        ) from None
    return text


def _either(tokens: list[str | Compare]) -> Condition:
    parts = [_both(tokens)]
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        parts.append(_both(tokens))
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def _both(tokens: list[str | Compare]) -> Condition:
    parts = [_single(tokens)]
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        parts.append(_single(tokens))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _single(tokens: list[str | Compare]) -> Condition:
    token = tokens.pop(0) if tokens else ")"
    if isinstance(token, Compare):
        return token
    if token != "(":
        raise EnetError("e.net exception raised: 100000 Brackets in Where do not match")
    condition = _either(tokens)
    if not tokens or tokens.pop(0) != ")":
        raise EnetError("e.net exception raised: 100000 Brackets in Where do not match")
    return condition


def shown(column: Column, value: Value) -> str:
    """A value as the generic look-ups print it: numbers padded on the left, dates CCYY-MM-DD."""
    if column.kind is Kind.DATETIME:
        return "" if value is None else str(value)
    if column.kind is Kind.DECIMAL:
        return str(value).rjust(column.size + (2 if column.scale else 0))
    return str(value).rstrip(" ")
