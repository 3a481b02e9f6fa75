"""The OData service: Basic login, pages with a silent cut, and the habits a client must survive."""

import time
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.syspro import SysproOptions
from connector_defs.sandbox.syspro.odata import ODataService
from connector_defs.sandbox.world import WorldOptions, build_world
from connector_tests.sandbox.syspro_wire import Wire, running


def walked(wire: Wire, table: str, key: tuple[str, str], size: int) -> list[dict[str, Any]]:
    """All rows by key-set paging over a text and a number."""
    found: list[dict[str, Any]] = []
    first, second = key
    while True:
        query = {"top": str(size), "orderby": f"{first},{second}"}
        if found:
            last, number = found[-1][first].replace("'", "''"), found[-1][second]
            query["filter"] = f"{first} gt '{last}' or ({first} eq '{last}' and {second} gt {number})"
        page = wire.rows(table, **query)
        if not page:
            return found
        found += page


@pytest.mark.parametrize("auth", [("odata", "wrong"), ("nobody", "sandbox-odata"), ("", "")])
def test_a_wrong_login_is_a_401_without_a_body(auth: tuple[str, str]) -> None:
    with running() as wire:
        response = wire.odata("ApSupplier", auth)
        assert response.status_code == 401
        assert response.content == b""


def test_no_login_or_a_broken_one_is_a_401() -> None:
    with running() as wire:
        for headers in ({}, {"authorization": "Basic *"}, {"authorization": "Bearer x"}):
            assert wire.http.get("/odata/M1/ApSupplier", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["M1/ApColours", "ZZ/ApSupplier", "M1"])
def test_an_unknown_table_or_company_is_a_404(path: str) -> None:
    with running() as wire:
        response = wire.http.get(f"/odata/{path}", auth=("odata", "sandbox-odata"))
        assert response.status_code == 404
        assert response.json()["error"]["message"]


def test_the_service_answers_below_both_bases() -> None:
    with running() as wire:
        for base in ("/odata", "/SYSPRO8Odata/SYSPROOData", "/syspro8odata/sysproodata"):
            assert wire.http.get(f"{base}/M1/TblApTerms", auth=("odata", "sandbox-odata")).status_code == 200


def test_values_are_as_stored() -> None:
    with running() as wire:
        body = wire.odata("PorMasterHdr", top="1", select="PurchaseOrder,OrderEntryDate,ExchangeRate").text
        assert '"PurchaseOrder":"000000000010001"' in body
        assert '"ExchangeRate":1.' in body
        assert 'T00:00:00Z"' in body
        assert "@odata.context" in body
        assert '"Currency":"$  "' in wire.odata("TblCurrency", top="1").text


def test_key_set_paging_reads_every_row_once() -> None:
    with running() as wire:
        lines = walked(wire, "PorMasterDetail", ("PurchaseOrder", "Line"), 37)
        assert [(row["PurchaseOrder"], row["Line"]) for row in lines] == [
            (row["PurchaseOrder"], row["Line"]) for row in wire.world.tables["PorMasterDetail"]
        ]


def test_skip_paging_reads_every_row_once() -> None:
    with running() as wire:
        pages = [
            wire.rows("ApSupplier", top="15", skip=str(skip), orderby="Supplier") for skip in (0, 15, 30, 45)
        ]
        assert [len(page) for page in pages] == [15, 15, 10, 0]
        assert len({row["Supplier"] for page in pages for row in page}) == 40


def test_rows_beyond_the_cap_are_cut_in_silence() -> None:
    with running(SysproOptions(row_cap=10)) as wire:
        response = wire.odata("ApSupplier", top="30").json()
        assert len(response["value"]) == 10
        assert "@odata.nextLink" not in response
    with running(SysproOptions(row_cap=10, next_link=True)) as wire:
        first = wire.odata("ApSupplier", orderby="Supplier", filter="OnHold ne 'Y'").json()
        second = wire.http.get(first["@odata.nextLink"], auth=("odata", "sandbox-odata")).json()
        assert second["value"][0]["Supplier"] > first["value"][-1]["Supplier"]
        assert "@odata.nextLink" not in wire.odata("ApSupplier", top="10").json()


def test_rows_are_sorted_as_asked() -> None:
    with running() as wire:
        names = [row["SupplierName"] for row in wire.rows("ApSupplier", orderby="SupplierName desc")]
        assert names == sorted(names, reverse=True)
        dates = [row["DateSuppAdded"] for row in wire.rows("ApSupplier", orderby="DateSuppAdded,Supplier")]
        assert dates == sorted(dates)
        latest = wire.rows("ApJnlSummary", orderby="TrnYear desc,TrnMonth desc,Journal desc", top="1")
        assert latest


def test_a_count_tells_of_all_rows_that_match() -> None:
    with running() as wire:
        found = wire.odata("AdmTax", count="true", top="1", filter="CurTaxRate eq 0").json()
        assert found["@odata.count"] == 2
        assert len(found["value"]) == 1
    with running(SysproOptions(count="ignored")) as wire:
        assert "@odata.count" not in wire.odata("AdmTax", count="true").json()
    with running(SysproOptions(count="refused")) as wire:
        assert wire.odata("AdmTax", count="true").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "Supplier eq"},
        {"select": "Supplier,Colour"},
        {"orderby": "Colour"},
        {"orderby": "Supplier sideways"},
        {"top": "-1"},
        {"skip": "x"},
        {"expand": "Lines"},
    ],
)
def test_a_wrong_query_is_a_400_with_a_message(query: dict[str, str]) -> None:
    with running() as wire:
        response = wire.odata("ApSupplier", **query)
        assert response.status_code == 400
        assert response.json()["error"]["message"]


def test_a_site_may_write_its_values_differently() -> None:
    options = SysproOptions(decimals_as_strings=True, trimmed_chars=True, date_values="local", context=False)
    with running(options) as wire:
        body = wire.odata("TblCurrency", top="1").json()
        assert "@odata.context" not in body
        assert body["value"][0]["Currency"] == "$"
        assert body["value"][0]["BuyExchangeRate"] == "1.000000"
        open_order = wire.rows("PorMasterHdr", filter="OrderStatus eq '4'", top="1")[0]
        assert open_order["OrderEntryDate"].endswith("T00:00:00")
        assert open_order["DatePoCompleted"] is None


def test_a_site_may_answer_errors_in_html() -> None:
    with running(SysproOptions(html_errors=True)) as wire:
        response = wire.odata("ApColours")
        assert response.status_code == 404
        assert response.headers["content-type"].startswith("text/html")


def test_a_site_may_refuse_filters_with_or_and_lack_newer_columns() -> None:
    with running(
        SysproOptions(compound_filter=False, absent_columns=frozenset({"AdmTax.RevChargeFlag"}))
    ) as wire:
        assert wire.odata("AdmTax", filter="TaxCode eq 'A' or TaxCode eq 'B'").status_code == 400
        assert wire.odata("AdmTax", filter="TaxCode eq 'A'").status_code == 200
        assert wire.odata("AdmTax", select="RevChargeFlag").status_code == 400
        assert "RevChargeFlag" not in wire.rows("AdmTax")[0]


def test_the_date_literal_is_the_sites_own() -> None:
    with running(SysproOptions(date_literal="date")) as wire:
        assert wire.rows("PorMasterHdr", filter="OrderEntryDate ge 2025-01-01")
        assert wire.odata("PorMasterHdr", filter="OrderEntryDate ge 2025-01-01T00:00:00Z").status_code == 400


@pytest.fixture(scope="module")
def large() -> ODataService:
    world = build_world(WorldOptions(orders=4000, lines=20_000, invoices=0, today=date(2026, 3, 17)))
    return ODataService(world.tables, "M1", SandboxCredentials(), SysproOptions())


def test_20_000_lines_come_in_pages_within_two_seconds(large: ODataService) -> None:
    started, count, condition = time.process_time(), 0, ""
    while True:
        query = {"$top": "5000", "$orderby": "PurchaseOrder,Line", "$filter": condition}
        page = msgspec.json.decode(large.page("M1", "PorMasterDetail", query, "/x").body)["value"]
        if not page:
            break
        count += len(page)
        order, line = page[-1]["PurchaseOrder"], page[-1]["Line"]
        condition = f"PurchaseOrder gt '{order}' or (PurchaseOrder eq '{order}' and Line gt {line})"
    assert count == 20_000
    assert time.process_time() - started < 2


def test_fifty_keys_are_looked_up_without_reading_the_table(large: ODataService) -> None:
    rows = large.tables["PorMasterDetail"].rows[::400][:50]
    condition = " or ".join(f"(PurchaseOrder eq '{row[0]}' and Line eq {row[1]})" for row in rows)
    started = time.process_time()
    found = large.page("M1", "PorMasterDetail", {"$filter": condition}, "/x").body
    assert len(msgspec.json.decode(found)["value"]) == 50
    assert time.process_time() - started < 0.1


def test_decimals_are_written_digit_by_digit(large: ODataService) -> None:
    large.tables["TblCurrency"].update(("EUR",), {"BuyExchangeRate": Decimal("1.100000")})
    assert b'"BuyExchangeRate":1.100000' in large.page("M1", "TblCurrency", {}, "/x").body
