"""SYSPRO tables to staged partitions: OData pages go to Parquet one by one in Arrow form, never as a whole table.

Masters are full reads, since no SYSPRO table has a last-changed column. Orders are the date window and every open
order. Payments are the rows since the day up to which they were read before, with an overlap for late postings. What
a day that is over holds depends on SYSPRO alone, never on what was read or published before.
"""

import bisect
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from connector_defs.domain.errors import Fatal
from connector_defs.flows.cost_center_file import cost_centers_of_file
from connector_defs.flows.day_rows import DayRows, OrderDays, PaymentDays, RowsOfOrders, day_rows
from connector_defs.flows.entities import COST_CENTER_SCHEMA, staged_table
from connector_defs.flows.ranges import partitions
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
from connector_defs.staging.lake import Reading
from connector_defs.syspro import tables
from connector_defs.syspro.conditions import all_of, ge, le, same_text
from connector_defs.syspro.odata import ROW_CAP, ODataClient, QueryRefused, TableMissing
from connector_defs.syspro.tables import Table

_log = logging.getLogger(__name__)

# Below this many orders their lines are asked for by order number, above it the key range is read in pages.
_FEW_ORDERS = 400


@dataclass
class _Count:
    rows: int = 0
    pages: int = 0


def stage(connector: Connector, company: CompanySettings, name: str, window: DateWindow) -> StageReport:
    """Stage one table of one company into the partitions of the window's days, by one reading."""
    started = time.monotonic()
    days = day_rows(connector, company, name, window)
    reading = Reading(connector.clock.now(), None if days is None else days.since)
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
        batches = _batches(connector, company, name, narrow, days) if there else iter(())
    if isinstance(days, OrderDays):
        batches = (batch.filter(days.mask(batch)) for batch in batches)
    count = _Count()
    pick = None if days is None else days.mask
    with partitions(connector.staging, name, company.syspro_company, window, schema, reading, pick) as writer:
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
    connector: Connector, company: CompanySettings, name: str, source: Table, days: DayRows | None
) -> Iterator[pa.RecordBatch]:
    match days:
        case OrderDays():
            return _order_headers(connector, company, source, days)
        case RowsOfOrders():
            return _of_orders(connector, company, source, days.orders())
        case PaymentDays():
            return _invoice_payments(connector, company, source, days.first)
        case None if name == "gl_accounts":
            return _gl_accounts(connector, company, source)
        case None:
            return connector.odata(company).batches(source)


def _gl_accounts(connector: Connector, company: CompanySettings, source: Table) -> Iterator[pa.RecordBatch]:
    """GL codes of this company's ledger, which another SYSPRO company may keep (SYSPRO wire notes 4.4)."""
    odata = connector.odata(company)
    ledger = company.gl_company or company.syspro_company
    found = False
    for batch in _of_ledger(odata, source, ledger):
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


def _of_ledger(odata: ODataClient, source: Table, ledger: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from odata.batches(source, where=same_text("Company", ledger, COMPANY_WIDTH))
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for batch in odata.batches(source):
            ours = batch.filter(pc.equal(pc.utf8_rtrim(batch.column("Company"), characters=" "), ledger))
            if ours.num_rows:
                yield ours


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
    connector: Connector, company: CompanySettings, source: Table, days: OrderDays
) -> Iterator[pa.RecordBatch]:
    """The orders of these days and some others, which the caller leaves out."""
    odata = connector.odata(company)
    seen: set[str] = set()
    try:
        for batch in odata.batches(source, where=days.condition()):
            seen.update(batch.column("PurchaseOrder").to_pylist())
            yield batch
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for batch in odata.batches(source):
            met = pc.is_in(batch.column("PurchaseOrder"), value_set=pa.array(list(seen), pa.string()))
            yield batch.filter(pc.invert(met))


def _of_orders(
    connector: Connector, company: CompanySettings, source: Table, orders: pa.Array
) -> Iterator[pa.RecordBatch]:
    """Rows of these orders, given in order, chosen by order number."""
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
    for start in range(0, len(left_out), ROW_CAP):
        keys = [(order,) for order in left_out[start : start + ROW_CAP]]
        rest = odata.by_keys(source, ["PurchaseOrder"], keys)
        if rest:
            yield source.record_batch(rest)


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
    connector: Connector, company: CompanySettings, source: Table, first: date
) -> Iterator[pa.RecordBatch]:
    """Payments by journal date, without an upper end: what is dated ahead is read again until its day has come."""
    odata = connector.odata(company)
    try:
        yield from odata.batches(source, where=ge("JournalDate", first))
    except QueryRefused:
        # The service does not take this filter: read all and choose here. A null is no match.
        for batch in odata.batches(source):
            yield batch.filter(pc.greater_equal(batch.column("JournalDate"), first))
