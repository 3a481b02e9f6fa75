"""The whole comparison of an entity with Basware: the rows of the days, then the orders these do not show.

An order that P2P has as open, or that waits here, and that is neither open nor of these days was completed or removed
since it was last read. It is asked for by its number when it is published, not when the days are staged: what a day
holds depends on SYSPRO alone.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from types import TracebackType
from typing import Self

import pyarrow as pa

from connector_defs.domain.translation.context import Site
from connector_defs.flows.delta import Changed, Delta
from connector_defs.flows.entities import Entity, staged_table
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.staging.lake import Reading, Staging
from connector_defs.store import readings
from connector_defs.syspro.odata import TableMissing

# The lines of so many orders are held at a time.
_ORDERS_AT_A_TIME = 200


class Comparison:
    """One entity and company. Use as a context manager; `changes` is read once and whole."""

    def __init__(
        self,
        connector: Connector,
        company: CompanySettings,
        entity: Entity,
        site: Site,
        window: DateWindow,
        beside: Mapping[str, pa.Table] | None = None,
    ) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._site = site
        self._day = DateWindow.day(window.last)
        self._days = Delta(connector, entity, site, window, beside=beside)
        self._ended: Delta | None = None
        self._asked: list[str] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._days)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def changes(self) -> Iterator[tuple[str, list[Changed]]]:
        """As `Delta.changes`, of all rows there are to look at."""
        yield from self._days.changes()
        self._asked = self._days.to_ask_for()
        if not self._asked:
            return
        rows = _read_orders(self._connector, self._company, self._entity, self._asked, self._day.last)
        staging = self._open.enter_context(rows)
        ended = Delta(self._connector, self._entity, self._site, self._day, staging=staging)
        self._ended = self._open.enter_context(ended)
        yield from ended.changes()

    @property
    def read_at(self) -> datetime:
        """When the reading of the days began, the oldest of several."""
        return self._days.read_at

    @property
    def counts(self) -> Counter[str]:
        """Rows by verdict. Known, as all that follows, once `changes` was read."""
        return self._days.counts + (self._ended.counts if self._ended else Counter())

    @property
    def asked_for(self) -> int:
        """How many of the rows were asked for by the number of their order."""
        return self._ended.counts.total() if self._ended else 0

    def staged_orders(self) -> set[str]:
        """Orders whose lines were looked at, for the lines alone."""
        ended = set() if self._ended is None else self._ended.staged_orders()
        return self._days.staged_orders() | ended

    def gone(self) -> list[str]:
        """Keys that Basware may hold as active and SYSPRO no longer has."""
        gone = self._days.gone()
        if self._ended is None:
            return gone
        if self._entity.name == "matchingOrders":
            return sorted(set(self._asked) - self._ended.seen())
        return sorted({*gone, *self._ended.gone()})

    def active(self) -> int:
        """How many records Basware holds as active, before this run."""
        return self._days.active()

    def remember(self) -> None:
        """Every row of this reading is published: an older one takes nothing back, and the next goes on from here."""
        company, now = self._site.syspro_company, self._connector.clock.now()
        with self._connector.store.write() as connection:
            readings.remember(
                connection, self._entity.name, company, self._days.read_at, now, *self._days.dates()
            )


@contextmanager
def _read_orders(
    connector: Connector, company: CompanySettings, entity: Entity, orders: list[str], day: date
) -> Iterator[Staging]:
    """What an entity is made of, of these orders, as partitions of the day in a place of their own."""
    reading = Reading(connector.clock.now())
    odata = connector.odata(company)
    with tempfile.TemporaryDirectory(prefix="connector-orders-") as folder:
        staging = Staging(folder)
        for name in entity.sources:
            table = staged_table(name)
            source = table.sources[0].narrowed(table.columns)
            schema = source.arrow_schema
            with staging.writer(name, company.syspro_company, day, schema, reading) as writer:
                for start in range(0, len(orders), _ORDERS_AT_A_TIME):
                    keys = [(order,) for order in orders[start : start + _ORDERS_AT_A_TIME]]
                    try:
                        found = odata.by_keys(source, ["PurchaseOrder"], keys)
                    except TableMissing:
                        if not table.optional:
                            raise
                        break
                    writer.write_batch(source.record_batch(found))
        yield staging
