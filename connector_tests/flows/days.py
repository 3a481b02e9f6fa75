"""Scenes of several days: a clock that stands on a business day, and what a site holds in the end."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow.parquet as pq

from connector_defs.flows.entities import ENTITIES, STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow, PublishReport
from connector_defs.sandbox.world import WorldOptions
from connector_tests.flows.pair import TODAY, Pair

TABLES = tuple(table.name for table in STAGED)
# Fields that tell when Basware got a record, not what it got.
_WHEN = ("lastUpdated",)


class DayClock:
    """Noon of a day; every look at it is a millisecond later, and waiting takes no time."""

    def __init__(self, day: date = TODAY) -> None:
        self.now_is = datetime.combine(day, time(12), UTC)

    def now(self) -> datetime:
        """The current instant."""
        self.now_is += timedelta(milliseconds=1)
        return self.now_is

    def wait(self, seconds: float) -> None:
        """Leap."""
        self.now_is += timedelta(seconds=seconds)

    def go_to(self, day: date) -> None:
        """Let it be noon of that day."""
        self.now_is = datetime.combine(day, time(12), UTC)


BUSY = WorldOptions(suppliers=20, accounts=20, cost_centers=4, orders=60, lines=180, invoices=0, today=TODAY)


def stage_days(pair: Pair, first: date, last: date, *tables: str) -> None:
    """Stage a range of days by one reading of each table."""
    for name in TABLES:
        if not tables or name in tables:
            stage(pair.connector, pair.company, name, DateWindow(first, last))


def publish_days(pair: Pair, first: date, last: date, *entities: str) -> dict[str, PublishReport]:
    """Publish a range of staged days at once."""
    return {
        entity.name: publish(pair.connector, pair.company, entity.name, last, first=first)
        for entity in ENTITIES
        if not entities or entity.name in entities
    }


def staged(pair: Pair, table: str, day: date) -> list[dict[str, Any]]:
    """The rows of one partition."""
    found: list[dict[str, Any]] = pq.read_table(pair.connector.staging.path(table, "M1", day)).to_pylist()
    return found


def in_basware(pair: Pair) -> dict[str, dict[str, dict[str, Any]]]:
    """Every record P2P holds, by entity and external code, without the times at which it got them."""
    return {
        entity.name: {
            code: {name: value for name, value in record.items() if name not in _WHEN}
            for code, record in pair.sandbox.basware.in_target.get(entity.name, {}).items()
        }
        for entity in ENTITIES
    }
