"""What happens to a supplier, an account, a tax code or a cost centre in SYSPRO, and how it ends in P2P."""

import pytest

from connector_defs.flows import mapping
from connector_defs.sandbox.world.tables import Value
from connector_tests.flows.pair import EURO_SUPPLIER, SUPPLIER, Pair
from connector_tests.flows.published import (
    ORDER,
    assert_quiet,
    code_of,
    delete_row,
    in_target,
    is_gone,
    posts,
    record,
    refresh,
    table,
    target,
)


def test_a_supplier_on_hold_is_blocked_in_p2p_until_it_is_released(published: Pair) -> None:
    suppliers = published.sandbox.world.tables["ApSupplier"]
    for on_hold in ("Y", "N"):
        suppliers.update((EURO_SUPPLIER,), {"OnHold": on_hold})
        refresh(published, "vendors")
        status = in_target(published, "vendors", EURO_SUPPLIER)["processingStatus"]
        assert (status["paymentDenied"], status["active"]) == (on_hold == "Y", on_hold == "N")


def test_a_supplier_renamed_is_the_same_vendor_under_its_new_name(published: Pair) -> None:
    code, before = record(published, "vendors", SUPPLIER).external_code, posts(published)
    table(published, "ApSupplier").update((SUPPLIER,), {"SupplierName": "Summit Pallets & Crates Inc"})
    report = refresh(published, "vendors")["vendors"]
    assert (report.sent, report.confirmed, posts(published)) == (1, 1, before + 1)
    there = in_target(published, "vendors", SUPPLIER)
    assert (there["name"], there["externalCode"], there["vendorCode"]) == (
        "Summit Pallets & Crates Inc",
        code,
        SUPPLIER,
    )
    assert len(target(published, "vendors")) == 10
    assert_quiet(published, "vendors")


def test_a_supplier_put_on_hold_and_released_between_two_runs_is_no_change(published: Pair) -> None:
    for on_hold in ("Y", "N"):
        table(published, "ApSupplier").update((EURO_SUPPLIER,), {"OnHold": on_hold})
    held = in_target(published, "vendors", EURO_SUPPLIER)
    refresh(published, "vendors")
    assert in_target(published, "vendors", EURO_SUPPLIER)["processingStatus"] == held["processingStatus"]


def test_a_supplier_deleted_is_inactive_in_p2p_and_keeps_its_orders_there(published: Pair) -> None:
    order = in_target(published, "matchingOrders", ORDER)
    supplier = str(order["supplierCode"])
    delete_row(published, "ApSupplier", supplier)
    assert refresh(published, "vendors")["vendors"].deactivated == 1
    assert is_gone("vendors", in_target(published, "vendors", supplier))
    kept = record(published, "vendors", supplier)
    assert (kept.state, kept.active, kept.code) == ("confirmed", 0, "GONE")
    refresh(published, "matchingOrders", "matchingOrderLines")
    assert in_target(published, "matchingOrders", ORDER) == order
    assert_quiet(published, "vendors", "matchingOrders", "matchingOrderLines")


def test_an_account_put_on_hold_is_inactive_in_p2p_until_it_is_released(published: Pair) -> None:
    code = "00-6010"
    names = in_target(published, "accounts", code)["accountNames"]
    for on_hold in ("Y", "N"):
        table(published, "GenMaster").update(("M1", code), {"AccOnHldFlag": on_hold})
        report = refresh(published, "accounts")["accounts"]
        assert (report.sent, report.confirmed) == (1, 1)
        there = in_target(published, "accounts", code)
        assert [company["active"] for company in there["companies"]] == [on_hold == "N"]
        assert there["accountNames"] == names
        assert record(published, "accounts", code).active == (on_hold == "N")
    assert len([rule for rule in mapping.rules(published.connector) if rule.account_code == code]) == 1
    assert_quiet(published, "accounts")


NEARLY_EQUAL: dict[str, tuple[str, ...]] = {
    "by blanks and zeros": (" 000123 ", "000123", "123"),
    "by case": ("ABC-1", "abc-1"),
}


@pytest.mark.covers("H13")
@pytest.mark.parametrize("how", NEARLY_EQUAL)
def test_suppliers_whose_codes_differ_are_different_vendors(published: Pair, how: str) -> None:
    model = table(published, "ApSupplier").get(SUPPLIER)
    assert model is not None
    codes = NEARLY_EQUAL[how]
    for number, code in enumerate(codes):
        table(published, "ApSupplier").insert(
            {**model, "Supplier": code, "SupplierName": f"Twin {number} Ltd", "TaxRegnNum": f"US{number}"}
        )
    report = refresh(published, "vendors")["vendors"]
    assert (report.sent, report.confirmed) == (len(codes), len(codes))
    held = [target(published, "vendors")[code_of(published, "vendors", code)] for code in codes]
    assert [one["vendorCode"] for one in held] == list(codes)
    assert [one["name"] for one in held] == [f"Twin {number} Ltd" for number in range(len(codes))]
    delete_row(published, "ApSupplier", codes[0])
    refresh(published, "vendors")
    assert [is_gone("vendors", in_target(published, "vendors", code)) for code in codes] == [
        True,
        *[False] * (len(codes) - 1),
    ]
    assert_quiet(published, "vendors")


@pytest.mark.parametrize(
    ("name", "key", "entity", "record_key"),
    [
        ("AdmTax", ("B",), "taxCodes", "B  "),
        ("TblApTerms", ("3D",), "paymentTerms", "3D"),
        ("GenAnalysisCode", ("CC", 1, "105"), "costCenters", "105"),
        ("GenMaster", ("M1", "00-6020"), "accounts", "00-6020"),
    ],
)
def test_a_code_that_is_described_anew_keeps_its_record(
    published: Pair, name: str, key: tuple[Value, ...], entity: str, record_key: str
) -> None:
    number = len(target(published, entity))
    table(published, name).update(key, {"Description": "Told anew"})
    assert refresh(published, entity)[entity].confirmed == 1
    there = in_target(published, entity, record_key)
    (names,) = [value for field, value in there.items() if field.endswith("Names")]
    assert {each["translation"] for each in names} == {"Told anew"}
    assert len(target(published, entity)) == number
    assert_quiet(published, entity)
