"""The Data Access API as it describes itself: extracts, their files, the tables in them.

Here: lenient reading of these answers. Not here: the content of a file (`extract_files`), and what a row leads
to. The schemas are published, the columns of the tables are not (Basware wire notes 6.5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector_defs.basware.entities import WireValue
from connector_defs.basware.wire import BadJson, decode

WAITING_FOR_EXPORT: Final = "WaitingForExport"


@dataclass(frozen=True)
class DataExtract:
    """One extract: Initial, Delta or DateRange. `made_at` is Basware's text of the moment."""

    id: str
    type: str
    file_count: int | None
    status: str
    made_at: str


@dataclass(frozen=True)
class ExtractFile:
    """One file of an extract: records of one table, behind `url`."""

    table: str
    name: str
    url: str


@dataclass(frozen=True)
class TableDefinition:
    """A table and the names of its columns."""

    name: str
    columns: tuple[str, ...]


def read_extracts(body: bytes) -> list[DataExtract]:
    """The extracts of a list. BadJson where one has no id."""
    found = []
    for fields in _objects(decode(body)):
        count = fields.get("fileCount")
        found.append(
            DataExtract(
                id=_required(fields, "id"),
                type=_text(fields, "type"),
                file_count=count if isinstance(count, int) else None,
                status=_text(fields, "processingStatus"),
                made_at=_text(fields, "extractDate") or _text(fields, "endDate"),
            )
        )
    return found


def read_files(body: bytes) -> list[ExtractFile]:
    """The files of one extract. BadJson where one has no table or no address."""
    return [
        ExtractFile(
            table=_required(fields, "tableName"),
            name=_text(fields, "fileName"),
            url=_required(fields, "downloadUrl"),
        )
        for fields in _objects(decode(body))
    ]


def read_definitions(body: bytes) -> list[TableDefinition]:
    """The tables that extracts may hold. BadJson where one has no name."""
    return [
        TableDefinition(
            _required(fields, "Table name"),
            tuple(_required(column, "Column name") for column in _objects(fields.get("Columns") or [])),
        )
        for fields in _objects(decode(body))
    ]


def _objects(value: WireValue) -> list[dict[str, WireValue]]:
    if not isinstance(value, list):
        raise BadJson("a list was expected")
    found = [element for element in value if isinstance(element, dict)]
    if len(found) != len(value):
        raise BadJson("a list of objects was expected")
    return found


def _text(fields: Mapping[str, WireValue], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _required(fields: Mapping[str, WireValue], name: str) -> str:
    value = _text(fields, name)
    if not value:
        raise BadJson(f"{name!r} is missing")
    return value
