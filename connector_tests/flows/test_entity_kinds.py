"""Every kind of record from SYSPRO's row to what P2P holds of it: comments, discounts, returns, reversals, rates."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.default_maps import DEFAULT_UNITS
from connector_defs.flows.reports import PublishReport
from connector_defs.sandbox.world import WorldOptions
from connector_defs.sandbox.world.tables import Value
from connector_tests.flows.days import DayClock
from connector_tests.flows.pair import SUPPLIER, TODAY, Pair, open_pair
from connector_tests.flows.published import ORDER, refresh


@pytest.fixture
def pair(published: Pair) -> Pair:
    """What the tests change comes after the first load."""
    return published


def refresh_orders(pair: Pair) -> dict[str, PublishReport]:
    return refresh(pair, "matchingOrders", "matchingOrderLines")


def held(pair: Pair, entity: str, *key: str) -> dict[str, Any]:
    """The record as P2P holds it."""
    code = pair.connector.site(pair.company).external_code(entity, *key)
    record: dict[str, Any] = pair.sandbox.basware.in_target[entity][code]
    return record


def add_line(pair: Pair, number: int, **columns: Value) -> None:
    """One more line of `ORDER`, like its first."""
    table = pair.sandbox.world.tables["PorMasterDetail"]
    model = table.get(ORDER, 1)
    assert model is not None
    table.insert({**model, "Line": number, **columns})


def add_comment(pair: Pair, number: int, text: str) -> None:
    pair.sandbox.world.tables["PorMasterDetail"].insert(
        {"PurchaseOrder": ORDER, "Line": number, "LineType": "6", "NComment": text}
    )


def test_comments_go_with_the_line_before_them_and_are_no_lines(pair: Pair) -> None:
    add_line(pair, 100)
    add_comment(pair, 101, "Deliver by 15:00")
    add_comment(pair, 102, "Call first")
    add_line(pair, 103)
    refresh_orders(pair)
    assert held(pair, "matchingOrderLines", ORDER, "100")["comment"] == "Deliver by 15:00\nCall first"
    assert "comment" not in held(pair, "matchingOrderLines", ORDER, "103")
    lines = {record["lineNumber"] for record in pair.sandbox.basware.in_target["matchingOrderLines"].values()}
    assert not lines & {"101", "102"}


def test_comments_before_the_first_line_go_with_it(pair: Pair) -> None:
    table = pair.sandbox.world.tables["PorMasterDetail"]
    for row in [row for row in table if row["PurchaseOrder"] == ORDER]:
        table.delete((ORDER, row["Line"]))
        table.insert({**row, "Line": int(str(row["Line"])) + 50, "LineType": "7", "NComment": ""})
    add_comment(pair, 1, "Certificate 3.1 required")
    refresh_orders(pair)
    assert held(pair, "matchingOrderLines", ORDER, "51")["comment"] == "Certificate 3.1 required"


def test_a_changed_comment_sends_its_line_alone(pair: Pair) -> None:
    add_line(pair, 100)
    add_comment(pair, 101, "Deliver by 15:00")
    refresh_orders(pair)
    pair.sandbox.world.tables["PorMasterDetail"].update((ORDER, 101), {"NComment": "Deliver by 17:00"})
    report = refresh_orders(pair)["matchingOrderLines"]
    assert (report.sent, report.confirmed) == (1, 1)
    assert held(pair, "matchingOrderLines", ORDER, "100")["comment"] == "Deliver by 17:00"


def test_the_orders_discount_comes_off_goods_and_not_off_charges(pair: Pair) -> None:
    ten = {
        "MPrice": Decimal(10),
        "MForeignPrice": Decimal(10),
        "MOrderQty": Decimal(4),
        "MDiscPct1": Decimal(0),
    }
    add_line(pair, 100, LineType="1", **ten)
    add_line(pair, 101, LineType="4", NMscChargeValue=Decimal(10), NMscChargeFor=Decimal(10))
    pair.sandbox.world.tables["PorMasterHdr"].update(
        (ORDER,), {"DiscPct1": Decimal(10), "DiscPct2": Decimal(50)}
    )
    refresh_orders(pair)
    goods, charge = (held(pair, "matchingOrderLines", ORDER, line) for line in ("100", "101"))
    assert (goods["netPrice"], goods["netSum"]) == (Decimal("4.5"), 18)
    assert (charge["netPrice"], charge["netSum"]) == (10, 10)
    assert charge["isReceiptRequired"] is False


@pytest.mark.parametrize(("flag", "price", "total"), [("U", "9", "36"), ("V", "9.75", "39")])
def test_a_discount_by_value_comes_off_the_unit_or_the_line(
    pair: Pair, flag: str, price: str, total: str
) -> None:
    ten = {"MPrice": Decimal(10), "MForeignPrice": Decimal(10), "MOrderQty": Decimal(4)}
    add_line(pair, 100, LineType="1", MDiscValFlag=flag, MDiscValue=Decimal(1), **ten)
    refresh_orders(pair)
    line = held(pair, "matchingOrderLines", ORDER, "100")
    assert (line["netPrice"], line["netSum"]) == (Decimal(price), Decimal(total))


def test_a_negative_quantity_is_a_return_in_p2p(pair: Pair) -> None:
    add_line(pair, 100, LineType="7", MOrderQty=Decimal(-2), MPrice=Decimal(10), MForeignPrice=Decimal(10),
             MDiscPct1=Decimal(0))  # fmt: skip
    refresh_orders(pair)
    line = held(pair, "matchingOrderLines", ORDER, "100")
    assert (line["matchingMode"], line["quantity"], line["netPrice"], line["netSum"]) == (
        "Return",
        2,
        -10,
        -20,
    )


def test_a_reversed_receipt_names_the_original_with_its_prices(pair: Pair) -> None:
    receipts = pair.sandbox.world.tables["GrnDetails"]
    pair.sandbox.world.tables["PorMasterHdr"].update((ORDER,), {"OrderStatus": "4"})
    add_line(pair, 100, LineType="1", MOrderQty=Decimal(4))
    header = pair.sandbox.world.tables["PorMasterHdr"].get(ORDER)
    assert header is not None
    receipt: dict[str, Value] = {
        "Supplier": header["Supplier"], "Grn": "R1", "GrnSource": "1", "Journal": 10, "JournalEntry": 1,
        "PurchaseOrder": ORDER, "PurchaseOrderLin": 100, "QtyReceived": Decimal(4), "QtyUom": "KG",
        "OrigGrnValue": Decimal(40), "CurrencyValue": Decimal(40), "OrigReceiptDate": TODAY,
    }  # fmt: skip
    receipts.insert(receipt)
    refresh_orders(pair)
    back = {
        "Journal": 11,
        "QtyReceived": Decimal(-1),
        "OrigGrnValue": Decimal(-10),
        "CurrencyValue": Decimal(-10),
    }
    receipts.insert({**receipt, **back})
    report = refresh_orders(pair)["matchingOrderLines"]
    assert (report.sent, report.confirmed) == (1, 1)
    original, reversal = held(pair, "matchingOrderLines", ORDER, "100")["goodsReceipts"]
    assert (original["quantity"], original["unitOfMeasure"]) == (4, "KGM")
    assert (reversal["quantity"], reversal["netSum"], reversal["netPrice"]) == (-1, -10, 10)
    assert reversal["referenceGRExternalCode"] == original["externalCode"]


def test_the_cost_centre_of_a_line_is_the_section_of_its_gl_code(folder: Path) -> None:
    with open_pair(folder, company={"cost_centers": {"source": "gl_section"}}) as pair:
        add_line(pair, 100, LineType="7", MGlCode="00-6000", MTaxCode="S")
        pair.sync()
        (coding,) = held(pair, "matchingOrderLines", ORDER, "100")["orderLineCoding"]
        assert (coding["accountCode"], coding["costCenterCode"], coding["taxCode"]) == ("00-6000", "00", "S")
        assert held(pair, "costCenters", "00")["costCenterCode"] == "00"


def test_a_rate_that_changes_is_sent_on_the_day_it_comes_into_force(folder: Path) -> None:
    clock = DayClock()
    with open_pair(folder, clock=clock) as pair:
        change: dict[str, Value] = {
            "PrvTaxRate": Decimal("8.25"), "CurTaxRate": Decimal("9.00"), "TaxEffDate": TODAY + timedelta(days=2),
        }  # fmt: skip
        pair.sandbox.world.tables["AdmTax"].update(("S",), change)
        for later, rate, sent in ((0, "8.25", 5), (1, "8.25", 0), (2, "9", 1), (3, "9", 0)):
            day = TODAY + timedelta(days=later)
            clock.go_to(day)
            pair.stage("tax_codes", day=day)
            assert pair.publish("taxCodes", day=day)["taxCodes"].sent == sent
            assert held(pair, "taxCodes", "S  ")["taxPercentage"] == Decimal(rate)


def test_a_changed_map_sends_what_it_touches_and_nothing_else(pair: Pair) -> None:
    units = {**DEFAULT_UNITS, "EA": "C62"}
    pair.connector.settings = pair.connector.settings.model_copy(update={"units": units})
    reports = pair.sync()
    sent = {name: report.sent for name, report in reports.items() if report.sent}
    assert sent == {"matchingOrderLines": reports["matchingOrderLines"].staged}


def test_what_is_not_told_exactly_is_noted_once_for_all_records(pair: Pair) -> None:
    for number in (100, 101, 102):
        add_line(pair, number, LineType="7", MOrderUom="CRATE")
    notes = {note.text: note for note in refresh_orders(pair)["matchingOrderLines"].notes}
    note = notes["unit of measure 'CRATE' has no UN/ECE code and is sent as it is"]
    assert (note.code, note.records, note.example) == ("UNIT_UNMAPPED", 3, f"{ORDER}/100")
    assert "[units]" in note.remedy
    assert held(pair, "matchingOrderLines", ORDER, "100")["uom"] == "CRATE"


def test_a_supplier_is_told_with_its_addresses_bank_and_order_email(pair: Pair) -> None:
    pair.sandbox.world.tables["ApSupplier"].update(
        (SUPPLIER,),
        {
            "BankAccount": "DE89 3704 0044 0532 0130 00",
            "BankBranch": "COBADEFFXXX",
            "Nationality": "DE",
            "PoEmail": "Orders@Acme.Example",
        },
    )
    refresh(pair, "vendors")
    vendor = held(pair, "vendors", SUPPLIER)
    (account,) = vendor["paymentMeans"][0]["financialAccounts"]
    assert account["financialInstitution"]["id"] == "COBADEFFXXX"
    assert account["financialAccountIdentifiers"][0]["id"] == "DE89370400440532013000"
    assert {address["addressType"] for address in vendor["addresses"]} == {
        "PostalAddress",
        "RemittanceAddress",
    }
    assert {address["countryId"] for address in vendor["addresses"]} <= {"DE", "US"}
    assert vendor["orderingDetails"] == {"orderingFormat": "none", "orderEmail": "orders@acme.example"}


def test_a_large_world_holds_every_kind_and_all_of_it_can_be_told(folder: Path) -> None:
    world = WorldOptions(
        suppliers=60, accounts=60, cost_centers=4, orders=80, lines=320, invoices=0, today=TODAY
    )
    with open_pair(folder, world) as pair:
        reports = pair.sync()
        kept = {name: report.quarantined for name, report in reports.items() if report.quarantined}
        assert kept == {"accounts": 1, "vendors": 2}
        lines = list(pair.sandbox.basware.in_target["matchingOrderLines"].values())
        assert {line["matchingMode"] for line in lines} == {"Standard", "Return"}
        assert any(line["netSum"] == 0 for line in lines)
        assert any(line.get("comment") for line in lines)
        receipts = [one for line in lines for one in line.get("goodsReceipts") or ()]
        assert any(one.get("referenceGRExternalCode") for one in receipts)
        codes = {note.code for report in reports.values() for note in report.notes}
        assert {
            "TERMS_FIXED_DAY",
            "TERMS_NOT_EXACT",
            "BANK_ACCOUNT_LEFT_OUT",
            "ORDER_EMAIL_LEFT_OUT",
        } <= codes
        assert {"COUNTRY_UNMAPPED"} <= codes
        problems = [
            problem for problem in reports["vendors"].problems if problem.code == "DUPLICATE_SUPPLIER"
        ]
        assert len(problems) == 2
