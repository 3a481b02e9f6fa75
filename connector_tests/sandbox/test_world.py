"""The generated company: repeatable, consistent to the cent, and full of what trips a connector."""

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.sandbox.world import World, WorldOptions, build_world
from connector_defs.sandbox.world.invoices import InvoiceKind, outstanding
from connector_defs.sandbox.world.ledger_codes import iso_currency

OPTIONS = WorldOptions(today=date(2026, 3, 17))


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(OPTIONS)


def documents(world: World, *kinds: InvoiceKind) -> list[dict[str, Any]]:
    return [
        dict(each)
        for each in world.invoices
        if world.invoice_kinds[str(each["invoiceId"])] in (kinds or InvoiceKind)
    ]


def rows_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = document["codingRows"]
    return rows


def test_the_same_options_give_the_same_world() -> None:
    first, second = build_world(OPTIONS), build_world(OPTIONS)
    assert first.invoices == second.invoices
    assert {name: table.rows for name, table in first.tables.items()} == {
        name: table.rows for name, table in second.tables.items()
    }


def test_another_seed_gives_another_world() -> None:
    assert build_world(replace(OPTIONS, seed=8)).invoices != build_world(OPTIONS).invoices


def test_it_has_the_sizes_that_were_asked_for(world: World) -> None:
    sizes = {name: len(table) for name, table in world.tables.items()}
    assert sizes["ApSupplier"] == sizes["ApSupplierAddr"] == OPTIONS.suppliers
    assert sizes["GenMaster"] == OPTIONS.accounts
    assert sizes["GenAnalysisCode"] == OPTIONS.cost_centers
    assert sizes["PorMasterHdr"] == OPTIONS.orders
    assert sizes["PorMasterDetail"] == OPTIONS.lines
    assert len(world.invoices) == OPTIONS.invoices


def test_lines_cover_every_line_type_and_one_order_is_longer_than_a_batch(world: World) -> None:
    lines = list(world.tables["PorMasterDetail"])
    assert {row["LineType"] for row in lines} == {"1", "4", "5", "6", "7"}
    assert max(Counter(row["PurchaseOrder"] for row in lines).values()) > 100


def test_rows_lie_in_key_order_with_char_columns_padded(world: World) -> None:
    keys = [(row["PurchaseOrder"], row["Line"]) for row in world.tables["PorMasterDetail"]]
    assert keys == sorted(keys)
    assert {len(str(row["Currency"])) for row in world.tables["ApSupplier"]} == {3}


@pytest.mark.parametrize("kind", [kind for kind in InvoiceKind if kind is not InvoiceKind.UNBALANCED])
def test_every_invoice_agrees_to_the_cent(world: World, kind: InvoiceKind) -> None:
    for document in documents(world, kind):
        rows = rows_of(document)
        assert document["netSum"] + document["taxSum1"] == document["grossSum"]
        assert sum(row["netTotal"] for row in rows) == document["netSum"]
        assert sum(row["taxSum"] for row in rows) == document["taxSum1"]
        assert all(row["netTotal"] + row["taxSum"] == row["grossTotal"] for row in rows)
        assert document["netSumCompany"] + document["taxSum1Company"] == document["grossSumCompany"]


def test_an_unbalanced_invoice_does_not_add_up(world: World) -> None:
    for document in documents(world, InvoiceKind.UNBALANCED):
        assert sum(row["netTotal"] for row in rows_of(document)) != document["netSum"]


def test_invoices_name_records_of_the_same_company(world: World) -> None:
    accounts = {row["GlCode"]: row for row in world.tables["GenMaster"]}
    centers = {row["AnalysisCode"] for row in world.tables["GenAnalysisCode"]}
    for document in documents(world, InvoiceKind.PLAIN, InvoiceKind.MATCHED, InvoiceKind.CREDIT_NOTE):
        supplier = world.tables["ApSupplier"].get(document["supplierCode"])
        assert supplier
        assert supplier["OnHold"] != "Y"
        assert document["currencyCode"] == iso_currency(str(supplier["Currency"]))
        for row in rows_of(document):
            assert accounts[row["accountCode"]]["AccOnHldFlag"] == "N"
            assert row.get("costCenterCode") in {*centers, None}


def test_a_matched_row_takes_what_is_outstanding_of_one_receipt_once(world: World) -> None:
    receipts = {str(row["Grn"]): row for row in world.tables["GrnDetails"]}
    used: Counter[str] = Counter()
    for document in documents(world, InvoiceKind.MATCHED):
        for row in (row for row in rows_of(document) if "goodsReceiptNumber" in row):
            receipt = receipts[row["goodsReceiptNumber"]]
            used[row["goodsReceiptNumber"]] += 1
            assert receipt["Supplier"] == document["supplierCode"]
            assert receipt["PurchaseOrder"] == row["orderNumber"]
            assert str(receipt["PurchaseOrderLin"]) == row["orderLineNumber"]
            assert row["netTotal"] == outstanding(receipt) > 0
    assert used
    assert set(used.values()) == {1}


def test_plain_invoices_come_from_suppliers_that_need_no_receipts(world: World) -> None:
    for document in documents(world, InvoiceKind.PLAIN, InvoiceKind.CREDIT_NOTE):
        supplier = world.tables["ApSupplier"].get(document["supplierCode"])
        assert supplier
        assert supplier["GrnMatchReqd"] != "Y"


def test_the_mix_is_what_a_site_sees(world: World) -> None:
    kinds = Counter(world.invoice_kinds.values())
    assert kinds[InvoiceKind.PLAIN] > 0.6 * OPTIONS.invoices
    assert kinds[InvoiceKind.MATCHED] == OPTIONS.invoices // 4
    assert kinds[InvoiceKind.CREDIT_NOTE] == OPTIONS.invoices // 20
    assert min(kinds[InvoiceKind.UNMAPPED], kinds[InvoiceKind.UNBALANCED]) >= 2
    foreign = [each for each in documents(world) if each["currencyCode"] != "USD"]
    assert 0.05 < len(foreign) / OPTIONS.invoices < 0.2
    assert all(each["grossSum"] < 0 for each in documents(world, InvoiceKind.CREDIT_NOTE))


def test_the_odd_invoices_are_what_they_say(world: World) -> None:
    accounts = {row["GlCode"] for row in world.tables["GenMaster"]}
    for document in documents(world, InvoiceKind.UNMAPPED):
        assert any(row["accountCode"] not in accounts for row in rows_of(document))
    (unknown,) = documents(world, InvoiceKind.UNKNOWN_SUPPLIER)
    assert world.tables["ApSupplier"].get(unknown["supplierCode"]) is None
    (held,) = documents(world, InvoiceKind.SUPPLIER_ON_HOLD)
    supplier = world.tables["ApSupplier"].get(held["supplierCode"])
    assert supplier
    assert supplier["OnHold"] == "Y"
    (long,) = documents(world, InvoiceKind.LONG_NUMBER)
    assert len(long["invoiceNumber"]) > 20


def test_invoice_numbers_differ_even_when_case_and_punctuation_are_dropped(world: World) -> None:
    numbers = [
        (each["supplierCode"], "".join(c for c in each["invoiceNumber"].lower() if c.isalnum()))
        for each in documents(world)
    ]
    assert len(set(numbers)) == len(numbers)


def test_some_master_records_cannot_be_translated(world: World) -> None:
    assert any(len(str(row["SupplierName"])) == 1 for row in world.tables["ApSupplier"])
    assert any(iso_currency(str(row["Currency"])) is None for row in world.tables["ApSupplier"])
    assert any(len(str(row["GlCode"])) > 25 for row in world.tables["GenMaster"])


def test_names_hold_what_needs_escaping_and_fit_windows_1252(world: World) -> None:
    names = "".join(str(row["SupplierName"]) for row in world.tables["ApSupplier"])
    assert set("&<>\"'üã") <= set(names)
    names.encode("cp1252")


def test_the_older_ledger_balances(world: World) -> None:
    assert sum(Decimal(str(row["EntryValue"])) for row in world.tables["GenJournalDetail"]) == 0
    assert len(world.tables["ApInvoicePay"]) > 0


@pytest.mark.parametrize("invoices", [0, 1, 5, 12])
def test_a_tiny_world_can_be_built(invoices: int) -> None:
    tiny = WorldOptions(suppliers=3, accounts=20, cost_centers=1, orders=2, lines=3, invoices=invoices)
    assert len(build_world(tiny).invoices) == invoices
