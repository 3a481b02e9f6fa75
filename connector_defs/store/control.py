"""How SYSPRO's tables looked when they were staged, and the control totals of every run.

Belongs here: the rows. What is compared with them, and what a difference means, is in `flows`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from connector_defs.store.tables import control_total, staged_table
from connector_defs.store.upsert import upsert


@dataclass(frozen=True)
class SeenTable:
    """One staged table of one company. `columns` maps each column ever seen to the kind of value it held.

    `counted` is the service's own number of rows, None where it gave none.
    """

    company: str
    name: str
    day: date
    rows: int
    counted: int | None
    columns: Mapping[str, str]
    staged_at: datetime


def seen(connection: Connection, company: str, name: str) -> SeenTable | None:
    """How the table looked last; None where it was never staged."""
    query = select(staged_table).where(staged_table.c.company == company, staged_table.c.name == name)
    row = connection.execute(query).first()
    return _seen(row) if row else None


def seen_tables(connection: Connection) -> list[SeenTable]:
    """Every staged table of every company."""
    query = select(staged_table).order_by(staged_table.c.company, staged_table.c.name)
    return [_seen(row) for row in connection.execute(query)]


def _seen(row: Row[Any]) -> SeenTable:
    columns: dict[str, str] = json.loads(row.columns)
    day = date.fromisoformat(row.day)
    return SeenTable(row.company, row.name, day, row.rows, row.counted, columns, row.staged_at)


def remember(connection: Connection, table: SeenTable) -> None:
    """Keep how the table looks now in the place of how it looked before."""
    columns = json.dumps(dict(sorted(table.columns.items())))
    upsert(connection, staged_table, [{**vars(table), "day": table.day.isoformat(), "columns": columns}])


def keep_totals(
    connection: Connection,
    company: str,
    entity: str,
    day: date,
    figures: Mapping[str, Any],
    made_at: datetime,
) -> None:
    """Keep the control totals of one run."""
    row = {
        "company": company,
        "entity": entity,
        "made_at": made_at,
        "day": day.isoformat(),
        "figures": json.dumps(figures, sort_keys=True),
    }
    upsert(connection, control_total, [row])


def latest_totals(connection: Connection) -> list[dict[str, Any]]:
    """The figures of the last run of every entity and company."""
    last = (
        select(control_total.c.company, control_total.c.entity, func.max(control_total.c.made_at).label("at"))
        .group_by(control_total.c.company, control_total.c.entity)
        .subquery()
    )
    query = select(control_total.c.figures).join(
        last,
        (last.c.company == control_total.c.company)
        & (last.c.entity == control_total.c.entity)
        & (last.c.at == control_total.c.made_at),
    )
    return [json.loads(figures) for figures in connection.scalars(query)]
