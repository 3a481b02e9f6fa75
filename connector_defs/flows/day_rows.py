"""Which rows of a table a day holds, where it is not all of them.

Belongs here: the days of orders, of their lines and receipts, and of payments, and where today's reading begins.

A day that is over holds the same rows however often and by whatever run it is read. Today's go back, by data and not
by the clock, to where the newest published reading ended, less an overlap for what is entered late: what happened on
days without a run is found as well. Dates ahead of today are read until their day has come, so a year typed wrong
neither hides a row nor moves on where the next reading begins.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector_defs.domain.errors import Fatal
from connector_defs.domain.translation.orders import CLOSED_STATES
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.staging.lake import Staging
from connector_defs.store import payments, readings
from connector_defs.syspro.conditions import Condition, all_of, any_of, ge, le, ne

ENTITIES_OF_ORDERS = ("matchingOrders", "matchingOrderLines")
_DATES = ("OrderEntryDate", "DatePoCompleted")
_DAY = timedelta(days=1)

_NEWEST_DATE = """
SELECT max(day) FROM (SELECT unnest([OrderEntryDate, DatePoCompleted]) AS day FROM order_headers)
WHERE day <= ?
"""


def business_day(connector: Connector) -> date:
    """The business day of this moment in the zone of the site."""
    return connector.clock.now().astimezone(ZoneInfo(connector.settings.schedules.timezone)).date()


def days_of(window: DateWindow) -> list[date]:
    """Every day of a window."""
    return [window.first + number * _DAY for number in range((window.last - window.first).days + 1)]


@dataclass(frozen=True)
class OrderDays:
    """PorMasterHdr by entry and completion. `since` is where today's begin, for a window that ends with today."""

    window: DateWindow
    since: date | None = None

    def condition(self) -> Condition:
        """The orders of the window, and some more.

        A service may take a date for an instant of its own zone, so a day is added at both ends; `mask` is exact.
        """
        first, last = self._bounds(None)
        open_orders = all_of(ne("OrderStatus", state) for state in sorted(CLOSED_STATES))
        windows = [
            all_of([ge(column, first - _DAY), *([le(column, last + _DAY)] if last else [])])
            for column in _DATES
        ]
        return any_of((open_orders, *windows))

    def mask(self, batch: pa.RecordBatch, day: date | None = None) -> pa.Array:
        """Which rows belong to the day, or to any day of the window."""
        first, last = self._bounds(day)
        state = pc.utf8_trim_whitespace(pc.fill_null(batch.column("OrderStatus"), ""))
        belongs = pc.invert(pc.is_in(state, value_set=pa.array(sorted(CLOSED_STATES))))
        for column in _DATES:
            dates = batch.column(column)
            within = pc.greater_equal(dates, pa.scalar(first, pa.date32()))
            if last is not None:
                within = pc.and_(within, pc.less_equal(dates, pa.scalar(last, pa.date32())))
            belongs = pc.or_(belongs, pc.fill_null(within, False))
        return belongs

    def _bounds(self, day: date | None) -> tuple[date, date | None]:
        """First and last date of a day, or of the window; today has no last one."""
        first, last = (self.window.first, self.window.last) if day is None else (day, day)
        if self.since is None or last < self.window.last:
            return first, last
        return min(first, self.since), None


class RowsOfOrders:
    """Lines or receipts: a day holds those of the orders staged for it."""

    since: date | None = None

    def __init__(self, staging: Staging, company: str, window: DateWindow) -> None:
        # Days are picked out one after the other: of a long range one day's orders are held at a time.
        self._of_day = lru_cache(1)(lambda day: _staged_orders(staging, company, day))
        self._days = days_of(window)

    def orders(self) -> pa.Array:
        """Numbers of all orders of the window, in order. Raises Fatal where a day's orders are not staged."""
        found = pc.unique(pa.chunked_array([self._of_day(day) for day in self._days], pa.string()))
        return found.take(pc.sort_indices(found))

    def mask(self, batch: pa.RecordBatch, day: date) -> pa.Array:
        """Which rows belong to the day."""
        return pc.is_in(batch.column("PurchaseOrder"), value_set=self._of_day(day))


def _staged_orders(staging: Staging, company: str, day: date) -> pa.Array:
    path = staging.path("order_headers", company, day)
    if not path.exists():
        raise Fatal(f"order_headers of company {company} is not staged for {day}")
    return pq.read_table(path, columns=["PurchaseOrder"]).column(0).combine_chunks()


@dataclass(frozen=True)
class PaymentDays:
    """ApInvoicePay by journal date, without an upper end. `since` is where today's begin, as for orders."""

    window: DateWindow
    since: date | None = None

    @property
    def first(self) -> date:
        """Where the reading begins."""
        return min(self.window.first, self.since or self.window.first)

    def mask(self, batch: pa.RecordBatch, day: date) -> pa.Array:
        """Which rows belong to the day."""
        first = self.since if self.since and day == self.window.last else day
        return pc.fill_null(
            pc.greater_equal(batch.column("JournalDate"), pa.scalar(first, pa.date32())), False
        )


DayRows = OrderDays | RowsOfOrders | PaymentDays


def day_rows(
    connector: Connector, company: CompanySettings, table: str, window: DateWindow
) -> DayRows | None:
    """What decides which rows of this staged table a day holds; None where it is all of them."""
    match table:
        case "order_headers":
            return order_days(connector, company, window)
        case "order_lines" | "goods_receipts":
            return RowsOfOrders(connector.staging, company.syspro_company, window)
        case "invoice_payments":
            return payment_days(connector, company, window)
        case _:
            return None


def order_days(connector: Connector, company: CompanySettings, window: DateWindow) -> OrderDays:
    """The orders of a window as they are to be read now."""
    if window.last < business_day(connector):
        return OrderDays(window)
    overlap = timedelta(days=connector.settings.orders.overlap_days)
    with connector.store.read() as connection:
        published = [
            readings.newest(connection, entity, company.syspro_company) for entity in ENTITIES_OF_ORDERS
        ]
    begun = [one.dated_from for one in published if one.dated_from]
    reached = [one.dated_until for one in published if one.dated_until]
    if len(begun) < len(published) or len(reached) < len(published):
        return OrderDays(window, since=window.last - overlap)
    # What lies before the first reading is for a backfill, lest the second run sends what the first left out.
    return OrderDays(window, since=max(min(reached) - overlap, min(begun)))


def payment_days(connector: Connector, company: CompanySettings, window: DateWindow) -> PaymentDays:
    """The payments of a window as they are to be read now."""
    if window.last < business_day(connector):
        return PaymentDays(window)
    unread = unread_payments_from(connector, company.syspro_company)
    return PaymentDays(window, since=min(window.last, unread or window.last))


def unread_payments_from(connector: Connector, company: str) -> date | None:
    """The day from which payments may be news; None where no invoice is answered yet."""
    with connector.store.read() as connection:
        read_until = payments.read_until(connection, company)
        if read_until is None:
            received = payments.first_received(connection, company)
            read_until = None if received is None else received.date()
    overlap = timedelta(days=connector.settings.payments.overlap_days)
    return None if read_until is None else read_until - overlap


def newest_date(duck: duckdb.DuckDBPyConnection, day: date) -> date | None:
    """The newest date of the staged orders that is not ahead of the day."""
    found = duck.execute(_NEWEST_DATE, [day]).fetchone()
    return found[0] if found else None
