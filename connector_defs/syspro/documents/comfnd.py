"""COMFND: rows of one table through e.net, for look-ups where there is no OData.

Belongs here: the query and its reply as texts. Source: SYSPRO wire notes 2.5; only `EQ` is proven there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from connector_defs.domain.errors import RetryLater
from connector_defs.syspro import xml
from connector_defs.syspro.documents import outcome

__all__ = ["BUSINESS_OBJECT", "TableQuery", "build", "read"]

BUSINESS_OBJECT = "COMFND"


@dataclass(frozen=True)
class TableQuery:
    """Rows of `table` where every column in `equal` has that value, at most `rows` of them."""

    table: str
    columns: tuple[str, ...]
    equal: tuple[tuple[str, str], ...]
    order_by: str
    rows: int = 1000


def build(query: TableQuery) -> str:
    """XmlIn. ValueError naming the element for text the wire cannot carry."""
    root = etree.Element("Query")
    xml.add_required(root, "TableName", query.table)
    xml.add(root, "ReturnRows", str(query.rows))
    xml.add(root, "AllColumns", "N")
    columns = etree.SubElement(root, "Columns")
    for column in query.columns:
        xml.add_required(columns, "Column", column)
    where = etree.SubElement(root, "Where")
    for position, (column, value) in enumerate(query.equal):
        expression = etree.SubElement(where, "Expression")
        xml.add(expression, "AndOr", "And" if position else None)
        xml.add(expression, "OpenBracket", "(")
        xml.add_required(expression, "Column", column)
        xml.add(expression, "Condition", "EQ")
        xml.add_required(expression, "Value", value)
        xml.add(expression, "CloseBracket", ")")
    order = etree.SubElement(root, "OrderBy")
    xml.add_required(order, "Column", query.order_by)
    return xml.serialise(root)


def read(reply: str) -> Sequence[Mapping[str, str]]:
    """The rows, texts without the blanks around them; empty only where the reply says that none matched.

    RetryLater for a reply that is cut, refused, or no table at all: absence must never be read into it.
    """
    try:
        root = xml.parse(xml.unwrap(reply))
    except xml.UnreadableXml as error:
        raise RetryLater(f"COMFND: the reply cannot be read ({error}).") from None
    refused = outcome.rejection(root)
    if refused is not None:
        raise RetryLater(f"COMFND on {xml.name_of(root)} was refused: {refused}")
    rows = [{xml.name_of(cell): xml.text_of(cell) for cell in row} for row in xml.children(root, "Row")]
    told = xml.count(xml.first_text(root, "RowsReturned"))
    if told is None or told != len(rows):
        raise RetryLater(f"COMFND on {xml.name_of(root)}: {len(rows)} rows came, {told} were announced.")
    return rows
