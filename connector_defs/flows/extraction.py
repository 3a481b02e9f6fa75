"""SYSPRO tables to staged partitions: OData pages go to Parquet one by one, never as a whole table.

Masters are full reads, since no SYSPRO table has a last-changed column. Orders are the date window, every
open order, and the orders we published as open that are neither: those were completed or removed since. Payments
are the rows since the day up to which they were read before, with an overlap for late postings.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
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
from connector_defs.syspro.tables import Row, Table

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
        pages = _pages(connector, company, name, narrow, window) if there else iter(())
        batches = (narrow.record_batch(page) for page in pages)
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


def _pages(
    connector: Connector, company: CompanySettings, name: str, source: Table, window: DateWindow
) -> Iterator[list[Row]]:
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
            return connector.odata(company).pages(source)


def _gl_accounts(connector: Connector, company: CompanySettings, source: Table) -> Iterator[list[Row]]:
    """GL codes of this company's ledger, which another SYSPRO company may keep (SYSPRO wire notes 4.4)."""
    odata = connector.odata(company)
    ledger = company.gl_company or company.syspro_company
    found = False
    for page in odata.pages(source, where=same_text("Company", ledger, COMPANY_WIDTH)):
        found = True
        yield page
    if found or company.gl_company:
        return
    owner: str | None = None
    for page in odata.pages(source):
        for row in page:
            key = str(row["Company"]).strip()
            owner = owner or key
            if key != owner:
                raise Fatal(
                    f"GenMaster has no GL codes of company {ledger} but those of several others: "
                    f"set companies.gl_company for {company.syspro_company}"
                )
        yield page


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
    for page in _gl_accounts(connector, company, source):
        for row in page:
            value = section.of(str(row["GlCode"]))
            if value is not None:
                values[value] = None
    return [(value, f"Section {value}") for value in sorted(values)]


def _cost_center_batch(rows: list[tuple[str, str]]) -> pa.RecordBatch:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in (0, 1)]
    return pa.RecordBatch.from_arrays(columns, schema=COST_CENTER_SCHEMA)


def _order_headers(
    connector: Connector, company: CompanySettings, source: Table, window: DateWindow
) -> Iterator[list[Row]]:
    odata = connector.odata(company)
    wanted = _open_or_in(window)
    seen: set[str] = set()
    try:
        for page in odata.pages(source, where=wanted):
            seen.update(str(row["PurchaseOrder"]) for row in page)
            yield page
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for page in odata.pages(source):
            chosen = [row for row in page if _is_wanted(row, window) and row["PurchaseOrder"] not in seen]
            seen.update(str(row["PurchaseOrder"]) for row in chosen)
            yield chosen
    left_out = [(key,) for key in _published_open(connector, company) if key not in seen]
    for start in range(0, len(left_out), ROW_CAP):
        found = odata.by_keys(source, ["PurchaseOrder"], left_out[start : start + ROW_CAP])
        if found:
            yield found


def _open_or_in(window: DateWindow) -> Condition:
    open_orders = all_of(ne("OrderStatus", state) for state in sorted(CLOSED_STATES))
    windows = [
        all_of((ge(column, window.first), le(column, window.last + timedelta(days=1))))
        for column in ("OrderEntryDate", "DatePoCompleted")
    ]
    return any_of((open_orders, *windows))


def _is_wanted(row: Row, window: DateWindow) -> bool:
    if str(row["OrderStatus"] or "").strip() not in CLOSED_STATES:
        return True
    dates = (row["OrderEntryDate"], row["DatePoCompleted"])
    return any(isinstance(day, type(window.first)) and window.first <= day <= window.last for day in dates)


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
) -> Iterator[list[Row]]:
    """Rows of the orders staged for the same day, chosen by order number."""
    path = connector.staging.path("order_headers", company.syspro_company, window.last)
    if not path.exists():
        raise Fatal(f"order_headers of company {company.syspro_company} is not staged for {window.last}")
    orders = sorted(pq.read_table(path, columns=["PurchaseOrder"]).column(0).to_pylist())
    if not orders:
        return
    odata = connector.odata(company)
    if len(orders) <= _FEW_ORDERS:
        found = odata.by_keys(source, ["PurchaseOrder"], [(order,) for order in orders])
        yield sorted(found, key=lambda row: tuple(str(row[column]) for column in source.key))
        return
    wanted, met = set(orders), set[str]()
    within = all_of((ge("PurchaseOrder", orders[0]), le("PurchaseOrder", orders[-1])))
    for page in odata.pages(source, where=within):
        rows = [row for row in page if row["PurchaseOrder"] in wanted]
        if rows:
            met.update(str(row["PurchaseOrder"]) for row in rows)
            yield rows
    # The server may sort in another way than we do, and then the range leaves orders out.
    left_out = [(order,) for order in orders if order not in met]
    for start in range(0, len(left_out), ROW_CAP):
        found = odata.by_keys(source, ["PurchaseOrder"], left_out[start : start + ROW_CAP])
        if found:
            yield found


def _invoice_payments(
    connector: Connector, company: CompanySettings, source: Table, window: DateWindow
) -> Iterator[list[Row]]:
    """Payments by journal date, without an upper end: what is dated ahead is read again until its day has come."""
    first = min(window.first, _unread_from(connector, company) or window.first)
    odata = connector.odata(company)
    try:
        yield from odata.pages(source, where=ge("JournalDate", first))
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for page in odata.pages(source):
            yield [
                row for row in page if isinstance(row["JournalDate"], date) and row["JournalDate"] >= first
            ]


def _unread_from(connector: Connector, company: CompanySettings) -> date | None:
    """The day from which payments may be news; None where no invoice is answered yet."""
    with connector.store.read() as connection:
        read_until = payments.read_until(connection, company.syspro_company)
        if read_until is None:
            received = payments.first_received(connection, company.syspro_company)
            read_until = None if received is None else received.date()
    overlap = timedelta(days=connector.settings.payments.overlap_days)
    return None if read_until is None else read_until - overlap
