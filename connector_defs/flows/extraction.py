"""SYSPRO tables to staged partitions: OData pages go to Parquet one by one, never as a whole table.

Masters are full reads, since no SYSPRO table has a last-changed column. Orders are the date window and every open
order. Payments are the rows since the day up to which they were read before, with an overlap for late postings. What
a day that is over holds depends on SYSPRO alone, never on what was read or published before.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from connector_defs.domain.errors import Fatal
from connector_defs.flows.day_rows import DayRows, OrderDays, PaymentDays, RowsOfOrders, day_rows
from connector_defs.flows.entities import COST_CENTER_SCHEMA, StagedTable, staged_table
from connector_defs.flows.ranges import partitions
from connector_defs.flows.reports import DateWindow, StageReport
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.staging.lake import Reading
from connector_defs.syspro import tables
from connector_defs.syspro.conditions import all_of, ge, le, same_text
from connector_defs.syspro.odata import ROW_CAP, QueryRefused, TableMissing
from connector_defs.syspro.tables import Row, Table

_log = logging.getLogger(__name__)

# Below this many orders their lines are asked for by order number, above it the key range is read in pages.
_FEW_ORDERS = 400
# GenMaster.Company is char(4): some services pad it, some trim it.
_COMPANY_WIDTH = 4


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
    missing: tuple[str, ...] = ()
    try:
        missing = _missing_columns(connector, company, target)
        there = True
    except TableMissing as absent:
        if not target.optional:
            raise
        _log.warning("%s is staged empty: %s", name, absent)
        missing, there = (target.tables[0],), name == "cost_centers"
    if name == "cost_centers":
        schema, batches = COST_CENTER_SCHEMA, _cost_centers(connector, company, analysis=not missing)
    else:
        narrow = target.sources[0].narrowed(target.columns)
        schema = narrow.arrow_schema
        pages = _pages(connector, company, name, narrow, days) if there else iter(())
        batches = (narrow.record_batch(page) for page in pages)
    if isinstance(days, OrderDays):
        batches = (batch.filter(days.mask(batch)) for batch in batches)
    count = _Count()
    pick = None if days is None else days.mask
    with partitions(connector.staging, name, company.syspro_company, window, schema, reading, pick) as writer:
        for batch in batches:
            writer.write_batch(batch)
            count.rows += batch.num_rows
            count.pages += 1
    return StageReport(
        company=company.syspro_company,
        table=name,
        rows=count.rows,
        pages=count.pages,
        seconds=time.monotonic() - started,
        path=connector.staging.path(name, company.syspro_company, window.last),
        columns=tuple((field.name, str(field.type)) for field in schema),
        missing_columns=missing,
    )


def _missing_columns(connector: Connector, company: CompanySettings, target: StagedTable) -> tuple[str, ...]:
    """Columns we publish that the service does not give; unknown where the table is empty.

    Raises Fatal where one of them decides what a record means, and TableMissing.
    """
    source = target.sources[0]
    served = {name.casefold() for name in connector.odata(company).probe(source)}
    if not served or source is tables.GEN_ANALYSIS_CODE:
        return ()
    missing = tuple(name for name in target.columns if name.casefold() not in served)
    vital = [name for name in missing if name in (*target.required, *source.key)]
    if vital:
        raise Fatal(
            f"SYSPRO's OData service does not give {', '.join(vital)} of {source.name} in company "
            f"{company.syspro_company}, without which its records would be published wrong: let the OData "
            "operator see them (field security)"
        )
    return missing


def _pages(
    connector: Connector, company: CompanySettings, name: str, source: Table, days: DayRows | None
) -> Iterator[list[Row]]:
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
            return connector.odata(company).pages(source)


def _gl_accounts(connector: Connector, company: CompanySettings, source: Table) -> Iterator[list[Row]]:
    """GL codes of this company's ledger, which another SYSPRO company may keep (SYSPRO wire notes 4.4)."""
    odata = connector.odata(company)
    ledger = company.gl_company or company.syspro_company
    found = False
    for page in odata.pages(source, where=same_text("Company", ledger, _COMPANY_WIDTH)):
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
    if not found and chosen.source in ("auto", "gl_section"):
        yield _cost_center_batch(_gl_sections(connector, company))


def _gl_sections(connector: Connector, company: CompanySettings) -> list[tuple[str, str]]:
    """Distinct values of one section of the GL code, described by the section itself."""
    chosen = company.cost_centers
    source = tables.GEN_MASTER.narrowed(["Company", "GlCode"])
    values: dict[str, None] = {}
    for page in _gl_accounts(connector, company, source):
        for row in page:
            sections = str(row["GlCode"]).strip().split(chosen.separator)
            if len(sections) > 1 and len(sections) >= chosen.section:
                values[sections[chosen.section - 1]] = None
    return [(value, f"Section {value}") for value in sorted(values)]


def _cost_center_batch(rows: list[tuple[str, str]]) -> pa.RecordBatch:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in (0, 1)]
    return pa.RecordBatch.from_arrays(columns, schema=COST_CENTER_SCHEMA)


def _order_headers(
    connector: Connector, company: CompanySettings, source: Table, days: OrderDays
) -> Iterator[list[Row]]:
    """The orders of these days and some others, which the caller leaves out."""
    odata = connector.odata(company)
    seen: set[str] = set()
    try:
        for page in odata.pages(source, where=days.condition()):
            seen.update(str(row["PurchaseOrder"]) for row in page)
            yield page
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for page in odata.pages(source):
            yield [row for row in page if row["PurchaseOrder"] not in seen]


def _of_orders(
    connector: Connector, company: CompanySettings, source: Table, orders: list[str]
) -> Iterator[list[Row]]:
    """Rows of these orders, given in order, chosen by order number."""
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
    connector: Connector, company: CompanySettings, source: Table, first: date
) -> Iterator[list[Row]]:
    """Payments by journal date, without an upper end: what is dated ahead is read again until its day has come."""
    odata = connector.odata(company)
    try:
        yield from odata.pages(source, where=ge("JournalDate", first))
    except QueryRefused:
        # The service does not take this filter: read all and choose here.
        for page in odata.pages(source):
            yield [
                row for row in page if isinstance(row["JournalDate"], date) and row["JournalDate"] >= first
            ]
