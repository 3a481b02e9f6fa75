"""SYSPRO tables to staged partitions: OData pages go to Parquet one by one in Arrow form, never as a whole table.

Masters are full reads, since no SYSPRO table has a last-changed column. Orders are the date window, every
open order, and the orders we published as open that are neither: those were completed or removed since. Payments
are the rows since the day up to which they were read before, with an overlap for late postings.
"""

import bisect
import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector_defs.domain.errors import Fatal
from connector_defs.domain.translation.orders import CLOSED_STATES
from connector_defs.flows.cost_center_file import cost_centers_of_file
from connector_defs.flows.entities import COST_CENTER_SCHEMA, staged_table
from connector_defs.flows.reports import DateWindow, StageReport
from connector_defs.flows.runtime import Connector
from connector_defs.flows.source_tables import (
    COMPANY_WIDTH,
    Look,
    look_at,
    refuse_absent,
    remember,
    told_count,
)
from connector_defs.settings import CompanySettings
from connector_defs.store import payments, records
from connector_defs.syspro import tables
from connector_defs.syspro.conditions import Condition, all_of, any_of, ge, le, ne, same_text
from connector_defs.syspro.odata import ROW_CAP, QueryRefused, TableMissing
from connector_defs.syspro.tables import Table

_log = logging.getLogger(__name__)

# Below this many orders their lines are asked for by order number, above it the key range is read in pages.
_FEW_ORDERS = 400


@dataclass
class _Count:
    rows: int = 0
    pages: int = 0


def stage(connector: Connector, company: CompanySettings, name: str, window: DateWindow) -> StageReport:
    """Stage one table of one company into the partition of the window's last day."""
    started = time.monotonic()
    target = staged_table(name)
    look = Look()
    try:
        look = look_at(connector, company, target)
        there = True
    except TableMissing as absent:
        if not target.optional:
            raise
        refuse_absent(connector, company, target, absent)
        _log.warning("%s is staged empty: %s", name, absent)
        look, there = Look(missing=(target.tables[0],)), name == "cost_centers"
    counted_before = told_count(connector, company, name) if there else None
    if name == "cost_centers":
        schema, batches = COST_CENTER_SCHEMA, _cost_centers(connector, company, analysis=not look.missing)
    else:
        narrow = target.sources[0].narrowed(target.columns)
        schema = narrow.arrow_schema
        batches = _batches(connector, company, name, narrow, window) if there else iter(())
    count = _Count()
    with connector.staging.writer(name, company.syspro_company, window.last, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            count.rows += batch.num_rows
            count.pages += 1
    counted = counted_before
    if counted is not None and counted != told_count(connector, company, name):
        # It grew or shrank meanwhile: there is no number to compare with.
        counted = None
    remember(connector, company, name, window.last, count.rows, counted, look.kinds)
    return StageReport(
        company=company.syspro_company,
        table=name,
        rows=count.rows,
        pages=count.pages,
        seconds=time.monotonic() - started,
        path=connector.staging.path(name, company.syspro_company, window.last),
        columns=tuple((field.name, str(field.type)) for field in schema),
        missing_columns=look.missing,
        new_columns=look.new,
        changed_columns=look.changed,
        counted=counted,
    )


def _batches(
    connector: Connector, company: CompanySettings, name: str, source: Table, window: DateWindow
) -> Iterator[pa.RecordBatch]:
    match name:
        case "gl_accounts":
            return _gl_accounts(connector, company, source)
        case "order_headers":
            return _order_headers(connector, company, source, window)
        case "order_lines" | "goods_receipts":
            return _of_staged_orders(connector, company, source, window)
        case "invoice_payments":
            return _invoice_payments(connector, company, source, window)
        case _:
            return connector.odata(company).batches(source)


def _gl_accounts(connector: Connector, company: CompanySettings, source: Table) -> Iterator[pa.RecordBatch]:
    """GL codes of this company's ledger, which another SYSPRO company may keep (SYSPRO wire notes 4.4)."""
    odata = connector.odata(company)
    ledger = company.gl_company or company.syspro_company
    found = False
    for batch in odata.batches(source, where=same_text("Company", ledger, COMPANY_WIDTH)):
        found = True
        yield batch
    if found or company.gl_company:
        return
    owner: str | None = None
    for batch in odata.batches(source):
        for stored in pc.unique(batch.column("Company")).to_pylist():
            key = stored.strip()
            owner = owner or key
            if key != owner:
                raise Fatal(
                    f"GenMaster has no GL codes of company {ledger} but those of several others: "
                    f"set companies.gl_company for {company.syspro_company}"
                )
        yield batch


def _cost_centers(
    connector: Connector, company: CompanySettings, *, analysis: bool
) -> Iterator[pa.RecordBatch]:
    """Cost centres from the site's source; `analysis` is false where there are no analysis codes to read."""
    chosen = company.cost_centers
    found = False
    if analysis and chosen.source in ("auto", "analysis"):
        for page in connector.odata(company).pages(tables.GEN_ANALYSIS_CODE):
            rows = [
                (str(row["AnalysisCode"]), str(row["Description"] or ""))
                for row in page
                if row["AnalysisType"] == chosen.analysis_type
                and chosen.analysis_category in (None, str(row["AnalysisCategory"]).strip())
            ]
            found = found or bool(rows)
            yield _cost_center_batch(rows)
    if chosen.source == "csv":
        yield _cost_center_batch(cost_centers_of_file(chosen))
    if not found and chosen.source in ("auto", "gl_section"):
        yield _cost_center_batch(_gl_sections(connector, company))


def _gl_sections(connector: Connector, company: CompanySettings) -> list[tuple[str, str]]:
    """Distinct values of one section of the GL code, described by the section itself."""
    section = company.cost_centers.gl_section
    source = tables.GEN_MASTER.narrowed(["Company", "GlCode"])
    values: dict[str, None] = {}
    for batch in _gl_accounts(connector, company, source):
        for code in batch.column("GlCode").to_pylist():
            value = section.of(code)
            if value is not None:
                values[value] = None
    return [(value, f"Section {value}") for value in sorted(values)]


def _cost_center_batch(rows: list[tuple[str, str]]) -> pa.RecordBatch:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in (0, 1)]
    return pa.RecordBatch.from_arrays(columns, schema=COST_CENTER_SCHEMA)


def _order_headers(
    connector: Connector, company: CompanySettings, source: Table, window: DateWindow
) -> Iterator[pa.RecordBatch]:
    odata = connector.odata(company)
    wanted = _open_or_in(window)
    seen: set[str] = set()
    try:
        for batch in odata.batches(source, where=wanted):
            seen.update(batch.column("PurchaseOrder").to_pylist())
            yield batch
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for batch in odata.batches(source):
            fresh = pc.invert(_is_one_of(batch.column("PurchaseOrder"), seen))
            chosen = batch.filter(pc.and_(_is_wanted(batch, window), fresh))
            seen.update(chosen.column("PurchaseOrder").to_pylist())
            yield chosen
    left_out = [key for key in _published_open(connector, company) if key not in seen]
    yield from _of_orders(connector, company, source, left_out)


def _of_orders(
    connector: Connector, company: CompanySettings, source: Table, orders: list[str]
) -> Iterator[pa.RecordBatch]:
    """Rows of these orders, asked for by their numbers."""
    for start in range(0, len(orders), ROW_CAP):
        keys = [(order,) for order in orders[start : start + ROW_CAP]]
        found = connector.odata(company).by_keys(source, ["PurchaseOrder"], keys)
        if found:
            yield source.record_batch(found)


def _open_or_in(window: DateWindow) -> Condition:
    open_orders = all_of(ne("OrderStatus", state) for state in sorted(CLOSED_STATES))
    windows = [
        all_of((ge(column, window.first), le(column, window.last + timedelta(days=1))))
        for column in ("OrderEntryDate", "DatePoCompleted")
    ]
    return any_of((open_orders, *windows))


def _is_wanted(batch: pa.RecordBatch, window: DateWindow) -> pa.Array:
    """For each order, whether it is open or of the window."""
    status = pc.utf8_trim_whitespace(pc.fill_null(batch.column("OrderStatus"), ""))
    wanted = pc.invert(_is_one_of(status, CLOSED_STATES))
    for column in ("OrderEntryDate", "DatePoCompleted"):
        day = batch.column(column)
        within = pc.and_(pc.greater_equal(day, window.first), pc.less_equal(day, window.last))
        wanted = pc.or_(wanted, pc.fill_null(within, False))
    return wanted


def _is_one_of(texts: pa.Array, wanted: Collection[str]) -> pa.Array:
    return pc.is_in(texts, value_set=pa.array(list(wanted), pa.string()))


def _published_open(connector: Connector, company: CompanySettings) -> list[str]:
    """Orders that P2P has as open, or of which it has an open line."""
    found: dict[str, None] = {}
    with connector.store.read() as connection:
        for entity in ("matchingOrders", "matchingOrderLines"):
            for part in records.known(connection, entity, company.syspro_company):
                held = (row for row in part if row.active and row.state != "quarantined")
                found.update(dict.fromkeys(row.parent or row.key for row in held))
    return list(found)


def _of_staged_orders(
    connector: Connector, company: CompanySettings, source: Table, window: DateWindow
) -> Iterator[pa.RecordBatch]:
    """Rows of the orders staged for the same day, chosen by order number."""
    path = connector.staging.path("order_headers", company.syspro_company, window.last)
    if not path.exists():
        raise Fatal(f"order_headers of company {company.syspro_company} is not staged for {window.last}")
    orders = pq.read_table(path, columns=["PurchaseOrder"]).column(0).combine_chunks()
    orders = orders.take(pc.sort_indices(orders))
    if not len(orders):
        return
    odata = connector.odata(company)
    if len(orders) <= _FEW_ORDERS:
        found = odata.by_keys(source, ["PurchaseOrder"], [(order,) for order in orders.to_pylist()])
        yield source.record_batch(
            sorted(found, key=lambda row: tuple(str(row[column]) for column in source.key))
        )
        return
    met = bytearray(len(orders))
    within = all_of((ge("PurchaseOrder", orders[0].as_py()), le("PurchaseOrder", orders[-1].as_py())))
    for batch in odata.batches(source, where=within):
        numbers = batch.column("PurchaseOrder")
        first, end = _span(orders, numbers)
        places = pc.index_in(numbers, value_set=orders[first:end])
        for place in pc.unique(places.drop_null()).to_pylist():
            met[first + place] = True
        chosen = batch.filter(pc.is_valid(places)) if places.null_count else batch
        if chosen.num_rows:
            yield chosen
    # The server may sort in another way than we do, and then the range leaves orders out.
    left_out = [orders[place].as_py() for place, seen in enumerate(met) if not seen]
    yield from _of_orders(connector, company, source, left_out)


def _span(orders: pa.Array, numbers: pa.Array) -> tuple[int, int]:
    """Where in the sorted `orders` those stand that a page with these `numbers` may hold.

    To look each page up among 200,000 orders would cost more than to read it.
    """
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is None:
        return 0, 0
    return (
        bisect.bisect_left(orders, ends["min"], key=_text),
        bisect.bisect_right(orders, ends["max"], key=_text),
    )


def _text(scalar: pa.Scalar) -> str:
    return str(scalar.as_py())


def _invoice_payments(
    connector: Connector, company: CompanySettings, source: Table, window: DateWindow
) -> Iterator[pa.RecordBatch]:
    """Payments by journal date, without an upper end: what is dated ahead is read again until its day has come."""
    first = min(window.first, _unread_from(connector, company) or window.first)
    odata = connector.odata(company)
    try:
        yield from odata.batches(source, where=ge("JournalDate", first))
    except QueryRefused:
        # The service does not take this filter: read all and choose here. A null is no match.
        for batch in odata.batches(source):
            yield batch.filter(pc.greater_equal(batch.column("JournalDate"), first))


def _unread_from(connector: Connector, company: CompanySettings) -> date | None:
    """The day from which payments may be news; None where no invoice is answered yet."""
    with connector.store.read() as connection:
        read_until = payments.read_until(connection, company.syspro_company)
        if read_until is None:
            received = payments.first_received(connection, company.syspro_company)
            read_until = None if received is None else received.date()
    overlap = timedelta(days=connector.settings.payments.overlap_days)
    return None if read_until is None else read_until - overlap
