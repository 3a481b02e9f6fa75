"""SYSPRO's tables into staged partitions: complete, exact, and nothing twice."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows import extraction
from connector_defs.flows.entities import STAGED, StagedTable, staged_table
from connector_defs.flows.extraction import stage
from connector_defs.flows.reports import DateWindow, StageReport
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world import WorldOptions
from connector_defs.sandbox.world.tables import Value
from connector_defs.syspro import conditions
from connector_defs.syspro.conditions import Condition
from connector_defs.syspro.odata import ODataClient, QueryRefused
from connector_defs.syspro.tables import Table
from connector_tests.flows.pair import SMALL, TODAY, Pair, open_pair

OPEN = {"000000000010001", "000000000010003", "000000000010005", "000000000010006", "000000000010007"}
OPEN |= {"000000000010002"}
COMPLETED_IN_AUGUST = "000000000010004"


def read(pair: Pair, name: str, day: date = TODAY) -> list[dict[str, Any]]:
    """The staged rows."""
    return pq.read_table(pair.connector.staging.path(name, "M1", day)).to_pylist()


def take(pair: Pair, name: str, first: date = TODAY, last: date = TODAY) -> StageReport:
    """Stage one table."""
    return stage(pair.connector, pair.company, name, DateWindow(first, last))


@pytest.mark.parametrize(
    "name", [table.name for table in STAGED if table.group == "master-data" and table.name != "cost_centers"]
)
def test_a_master_table_is_staged_whole_and_as_stored(folder: Path, name: str) -> None:
    with open_pair(folder) as pair:
        report = take(pair, name)
        table = staged_table(name)
        stored = list(pair.sandbox.world.tables[table.tables[0]])
        staged = read(pair, name)
        assert report.rows == len(staged) == len(stored)
        assert report.missing_columns == ()
        assert {column for column, _ in report.columns} >= set(table.columns)
        for mine, theirs in zip(staged, stored, strict=True):
            for column in table.columns:
                assert mine[column] == theirs[column], column


def _other_ledger(pair: Pair, *owners: str) -> None:
    """Put the GL codes into the ledgers of other companies."""
    accounts = pair.sandbox.world.tables["GenMaster"]
    rows = list(accounts)
    for place, row in enumerate(rows):
        accounts.delete(("M1", row["GlCode"]))
        accounts.insert({**row, "Company": owners[place % len(owners)]})


def test_the_ledger_another_company_keeps_for_this_one_is_found(folder: Path) -> None:
    with open_pair(folder) as pair:
        _other_ledger(pair, "G1")
        assert take(pair, "gl_accounts").rows == 20


def test_ledgers_of_several_other_companies_need_a_setting(folder: Path) -> None:
    with open_pair(folder) as pair:
        _other_ledger(pair, "G1", "G2")
        with pytest.raises(Fatal, match="set companies"):
            take(pair, "gl_accounts")
        assert not pair.connector.staging.path("gl_accounts", "M1", TODAY).exists(), "half a table is none"


def test_the_ledger_of_the_setting_is_taken(folder: Path) -> None:
    with open_pair(folder, company={"gl_company": "G2"}) as pair:
        _other_ledger(pair, "G1", "G2")
        assert take(pair, "gl_accounts").rows == 10
        assert {row["Company"].strip() for row in read(pair, "gl_accounts")} == {"G2"}


def _no_analysis(pair: Pair) -> None:
    table = pair.sandbox.world.tables["GenAnalysisCode"]
    for row in list(table):
        table.delete(tuple(row[name] for name in table.schema.key))


@pytest.mark.parametrize(
    ("chosen", "prepare", "expected"),
    [
        ({"source": "auto"}, None, "analysis"),
        ({"source": "analysis"}, None, "analysis"),
        ({"source": "analysis", "analysis_category": "CC"}, None, "analysis"),
        ({"source": "analysis", "analysis_category": "XX"}, None, []),
        ({"source": "analysis", "analysis_type": 9}, None, []),
        ({"source": "auto"}, _no_analysis, ["00"]),
        ({"source": "gl_section"}, None, ["00"]),
        ({"source": "gl_section", "section": 3}, None, ["CONTRACT"]),
    ],
)
def test_cost_centres_come_from_where_the_site_keeps_them(
    folder: Path, chosen: dict[str, Any], prepare: Callable[[Pair], None] | None, expected: str | list[str]
) -> None:
    with open_pair(folder, company={"cost_centers": chosen}) as pair:
        if prepare:
            prepare(pair)
        if expected == "analysis":
            expected = [str(row["AnalysisCode"]) for row in pair.sandbox.world.tables["GenAnalysisCode"]]
        take(pair, "cost_centers")
        assert [row["CostCenter"] for row in read(pair, "cost_centers")] == expected


def test_orders_are_those_of_the_window_and_every_open_one(folder: Path) -> None:
    with open_pair(folder) as pair:
        take(pair, "order_headers")
        assert {row["PurchaseOrder"] for row in read(pair, "order_headers")} == OPEN
        completed = pair.sandbox.world.tables["PorMasterHdr"].get(COMPLETED_IN_AUGUST)
        assert completed is not None
        day = completed["DatePoCompleted"]
        assert isinstance(day, date)
        take(pair, "order_headers", day, day)
        assert COMPLETED_IN_AUGUST in {row["PurchaseOrder"] for row in read(pair, "order_headers", day)}


@pytest.mark.parametrize("few", [400, 0], ids=["by key", "by range"])
@pytest.mark.parametrize("name", ["order_lines", "goods_receipts"])
def test_lines_and_receipts_are_those_of_the_staged_orders(
    folder: Path, monkeypatch: pytest.MonkeyPatch, few: int, name: str
) -> None:
    monkeypatch.setattr(extraction, "_FEW_ORDERS", few)
    with open_pair(folder) as pair:
        take(pair, "order_headers")
        report = take(pair, name)
        table = pair.sandbox.world.tables[staged_table(name).tables[0]]
        expected = [
            tuple(row[column] for column in table.schema.key) for row in table if row["PurchaseOrder"] in OPEN
        ]
        staged: list[tuple[Value, ...]] = [
            tuple(row[column] for column in table.schema.key) for row in read(pair, name)
        ]
        assert report.rows == len(expected) > 0
        assert sorted(map(str, staged)) == sorted(map(str, expected))


def test_lines_without_their_orders_say_what_to_stage_first(folder: Path) -> None:
    with open_pair(folder) as pair, pytest.raises(Fatal, match="order_headers of company M1 is not staged"):
        take(pair, "order_lines")


@pytest.mark.parametrize(
    "habits",
    [
        SysproOptions(compound_filter=False),
        SysproOptions(date_literal="local"),
        SysproOptions(date_literal="date"),
        SysproOptions(date_values="local"),
        SysproOptions(decimals_as_strings=True),
        SysproOptions(trimmed_chars=True),
        SysproOptions(row_cap=3),
        SysproOptions(row_cap=4, next_link=True),
        SysproOptions(count="refused"),
        SysproOptions(html_errors=True, compound_filter=False),
    ],
    ids=[
        "no compound filter",
        "dates without zone",
        "plain dates",
        "date values without zone",
        "decimals as strings",
        "trimmed characters",
        "short pages",
        "next link",
        "no count",
        "html errors",
    ],
)
@pytest.mark.parametrize("few", [400, 0], ids=["by key", "by range"])
def test_every_habit_of_a_site_gives_the_same_staged_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, habits: SysproOptions, few: int
) -> None:
    monkeypatch.setattr(extraction, "_FEW_ORDERS", few)
    with open_pair(folder, syspro_options=habits) as pair:
        reports = {table.name: take(pair, table.name) for table in STAGED}
        counts = {name: report.rows for name, report in reports.items()}
        tables = pair.sandbox.world.tables
        lines = sum(row["PurchaseOrder"] in OPEN for row in tables["PorMasterDetail"])
        receipts = sum(row["PurchaseOrder"] in OPEN for row in tables["GrnDetails"])
        assert counts == {
            "tax_codes": 5,
            "gl_accounts": 20,
            "cost_centers": 4,
            "payment_terms": 7,
            "suppliers": 12,
            "supplier_addresses": 12,
            "order_headers": len(OPEN),
            "order_lines": lines,
            "goods_receipts": receipts,
            "invoice_payments": 0,
        }
        since = date(2026, 9, 1)
        assert take(pair, "invoice_payments", since, since).rows == paid_since(pair, since) > 0
        staged = {row["Invoice"]: row["JournalDate"] for row in read(pair, "invoice_payments", since)}
        assert staged == {
            row["Invoice"]: row["JournalDate"]
            for row in tables["ApInvoicePay"]
            if isinstance(row["JournalDate"], date) and row["JournalDate"] >= since
        }
        (account, *_) = read(pair, "gl_accounts")
        assert account["GlCode"] == "00-1100"
        dates = {row["PurchaseOrder"]: row["OrderEntryDate"] for row in read(pair, "order_headers")}
        assert dates["000000000010001"] == date(2026, 7, 25), "no zone moves a business date"


def paid_since(pair: Pair, day: date) -> int:
    """Payments of that day and later."""
    dates = [row["JournalDate"] for row in pair.sandbox.world.tables["ApInvoicePay"]]
    return sum(isinstance(one, date) and one >= day for one in dates)


def test_columns_a_release_lacks_are_named_and_the_rest_is_staged(folder: Path) -> None:
    habits = SysproOptions(absent_columns=frozenset({"ApSupplier.Email", "ApSupplier.Telephone"}))
    with open_pair(folder, syspro_options=habits) as pair:
        report = take(pair, "suppliers")
        assert (report.rows, set(report.missing_columns)) == (12, {"Email", "Telephone"})
        assert {row["Email"] for row in read(pair, "suppliers")} == {None}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("suppliers", "ApSupplier.OnHold"),
        ("gl_accounts", "GenMaster.AccOnHldFlag"),
        ("gl_accounts", "GenMaster.ControlAccFlag"),
        ("gl_accounts", "GenMaster.AccountType"),
        ("order_headers", "PorMasterHdr.OrderStatus"),
        ("order_lines", "PorMasterDetail.MOrderQty"),
        ("order_lines", "PorMasterDetail.MPrice"),
        ("order_lines", "PorMasterDetail.LineType"),
        ("invoice_payments", "ApInvoicePay.TrnType"),
        ("invoice_payments", "ApInvoicePay.PostValue"),
        ("invoice_payments", "ApInvoicePay.JournalDate"),
    ],
)
def test_a_column_that_decides_what_a_record_means_is_not_done_without(
    folder: Path, name: str, column: str
) -> None:
    habits = SysproOptions(absent_columns=frozenset({column}))
    with open_pair(folder, syspro_options=habits) as pair:
        with pytest.raises(Fatal, match=rf"does not give {column.partition('.')[2]} of .*field security"):
            take(pair, name)
        assert not pair.connector.staging.path(name, "M1", TODAY).exists()


@pytest.mark.parametrize("table", [table for table in STAGED if table.optional], ids=lambda table: table.name)
def test_a_table_the_site_does_not_serve_is_an_empty_partition_that_shows(
    folder: Path, table: StagedTable
) -> None:
    with open_pair(folder, company={"cost_centers": {"source": "analysis"}}) as pair:
        del pair.sandbox.world.tables[table.tables[0]]
        if table.group == "purchase-orders":
            take(pair, "order_headers")
        report = take(pair, table.name)
        assert (report.rows, report.missing_columns) == (0, (table.tables[0],))
        assert read(pair, table.name) == []


def test_a_table_nothing_goes_without_fails(folder: Path) -> None:
    with open_pair(folder) as pair:
        del pair.sandbox.world.tables["ApSupplier"]
        with pytest.raises(Fatal, match="ApSupplier"):
            take(pair, "suppliers")


@pytest.mark.parametrize("name", ["order_lines", "goods_receipts"])
def test_an_order_that_a_range_leaves_out_is_asked_for_by_its_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A server that sorts otherwise than we do gives less between two order numbers."""
    monkeypatch.setattr(extraction, "_FEW_ORDERS", 0)
    with open_pair(folder) as pair:
        take(pair, "order_headers")
        whole = take(pair, name).rows
        monkeypatch.setattr(extraction, "ge", lambda column, _: conditions.eq(column, "000000000010001"))
        assert take(pair, name).rows == whole > 0


def _refuses_filters_on(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that takes no filter on this column."""
    read = ODataClient.batches

    def batches(
        self: ODataClient, table: Table, *, where: Condition | None = None
    ) -> Iterator[pa.RecordBatch]:
        if where is not None and column in conditions.render(where):
            raise QueryRefused("no such filter")
        return read(self, table, where=where)

    monkeypatch.setattr(ODataClient, "batches", batches)


def test_payments_are_chosen_here_where_the_service_takes_no_filter_on_their_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = date(2026, 9, 1)
    with open_pair(folder) as pair:
        _refuses_filters_on("JournalDate", monkeypatch)
        assert take(pair, "invoice_payments", since, since).rows == paid_since(pair, since) > 0
        assert all(row["JournalDate"] >= since for row in read(pair, "invoice_payments", since))


def test_orders_are_chosen_here_where_the_service_takes_no_filter_on_their_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pair(folder) as pair:
        _refuses_filters_on("OrderStatus", monkeypatch)
        take(pair, "order_headers")
        assert {row["PurchaseOrder"] for row in read(pair, "order_headers")} == OPEN
        completed = pair.sandbox.world.tables["PorMasterHdr"].get(COMPLETED_IN_AUGUST)
        assert completed is not None
        day = completed["DatePoCompleted"]
        assert isinstance(day, date)
        take(pair, "order_headers", day, TODAY)
        assert COMPLETED_IN_AUGUST in {row["PurchaseOrder"] for row in read(pair, "order_headers", day)}


def test_receipts_without_an_order_belong_to_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "_FEW_ORDERS", 0)
    with open_pair(folder) as pair:
        take(pair, "order_headers")
        whole = take(pair, "goods_receipts").rows
        read = ODataClient.batches

        def batches(self: ODataClient, table: Table, **more: Any) -> Iterator[pa.RecordBatch]:
            for batch in read(self, table, **more):
                yield batch
                nobody = {
                    name: [None] * batch.num_rows if name == "PurchaseOrder" else batch.column(name)
                    for name in batch.schema.names
                }
                yield pa.RecordBatch.from_pydict(nobody, schema=batch.schema)

        monkeypatch.setattr(ODataClient, "batches", batches)
        assert take(pair, "goods_receipts").rows == whole > 0


def test_an_empty_table_is_an_empty_partition(folder: Path) -> None:
    world = WorldOptions(
        suppliers=12, accounts=20, cost_centers=4, orders=0, lines=0, invoices=0, today=TODAY
    )
    with open_pair(folder, world) as pair:
        for name in ("order_headers", "order_lines", "goods_receipts"):
            assert take(pair, name).rows == 0
            assert read(pair, name) == []


def test_days_are_staged_side_by_side(folder: Path) -> None:
    with open_pair(folder, SMALL) as pair:
        for day in (TODAY, TODAY + timedelta(days=1)):
            take(pair, "tax_codes", day, day)
        with pair.connector.staging.connect() as duck:
            counted = duck.execute(
                "SELECT date, count(*) FROM tax_codes GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        assert [number for _, number in counted] == [5, 5]


def test_ledgers_that_share_a_table_are_told_apart_without_a_filter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pair(folder) as pair:
        accounts = pair.sandbox.world.tables["GenMaster"]
        ours = {row["GlCode"] for row in accounts}
        accounts.insert({**next(iter(accounts)), "Company": "ZZ", "GlCode": "somebody-else"})
        _refuses_filters_on("Company", monkeypatch)
        take(pair, "gl_accounts")
        assert {row["GlCode"] for row in read(pair, "gl_accounts")} == ours
        take(pair, "cost_centers")
