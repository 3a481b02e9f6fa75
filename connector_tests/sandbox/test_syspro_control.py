"""Control routes: what a test or demo can see of the simulated SYSPRO, and turn in it."""

import pytest

from connector_tests.sandbox.syspro_wire import (
    a_supplier,
    ap_document,
    ap_item,
    errors_of,
    running,
)


def test_the_ledger_tells_what_was_posted() -> None:
    with running() as wire:
        wire.post("APSTIN", ap_document(ap_item(wire.world)))
        ledger = wire.control("GET", "ledger")
        assert ledger["invoices"][0]["entry"]["invoice"] == "INV-1"
        assert ledger["invoices"][0]["entry"]["value"] == 120.0
        assert len(ledger["journals"][0]["lines"]) == 3


def test_sessions_are_shown_without_their_ids_and_can_be_evicted() -> None:
    with running() as wire:
        shown = wire.control("GET", "sessions")
        assert [each["operator"] for each in shown["open"]] == ["INTEG"]
        assert wire.session not in str(shown)
        assert wire.control("POST", "sessions/evict", operator="INTEG") == {"evicted": 1}
        assert wire.sandbox.sessions == ()


def test_counters_add_up_calls_and_sessions() -> None:
    with running() as wire:
        counters = wire.control("GET", "counters")
        assert counters["requests"] == {"Logon": 1}
        assert counters["sessions"]["logon"] == 1


def test_a_period_can_be_closed_and_opened_by_letter_or_number() -> None:
    with running() as wire:
        assert wire.control("GET", "periods")["C"] == {"year": 2026, "month": 3, "open": True}
        assert wire.control("POST", "periods", period="C", open=False)["C"]["open"] is False
        assert wire.rows("GenControl")[0]["CurYrPrdStat3"] == "C"
        assert wire.control("POST", "periods", year=2026, month=3, open=True)["C"]["open"] is True


def test_a_supplier_can_be_put_on_hold() -> None:
    with running() as wire:
        supplier = a_supplier(wire.world)
        row = wire.control("PATCH", "tables/ApSupplier", key=[supplier], changes={"OnHold": "Y"})
        assert row["OnHold"] == "Y"
        errors = errors_of(wire.post("APSTIN", ap_document(ap_item(wire.world, Supplier=supplier))))
        assert "on hold" in errors["Supplier"]


def test_rows_can_be_added_looked_up_and_removed() -> None:
    with running() as wire:
        row = {"Company": "M1", "GlCode": "77-0001", "Description": "New", "AccountType": "E"}
        wire.control("POST", "tables/GenMaster", row=row)
        response = wire.http.get("/_sandbox/syspro/tables/GenMaster", params={"GlCode": "77-0001"})
        assert [each["Description"] for each in response.json()] == ["New"]
        assert wire.control("DELETE", "tables/GenMaster", key=["M1", "77-0001"]) == {"deleted": True}
        assert wire.control("GET", "tables")["GenMaster"] == 60


def test_an_invoice_can_be_paid_in_parts() -> None:
    with running() as wire:
        wire.post("APSTIN", ap_document(ap_item(wire.world)))
        owner = {"supplier": wire.sandbox.ledger.invoices[0].entry.supplier, "invoice": "INV-1"}
        assert wire.control("POST", "payments", **owner, value="20.00")["MthInvBal1"] == 100.0
        paid = wire.control("POST", "payments", **owner)
        assert (paid["MthInvBal1"], paid["InvoiceStatus"], paid["YearInvBalZero"]) == (0.0, "9", 2026)
        payments = wire.rows("ApInvoicePay", filter="Invoice eq 'INV-1'")
        assert [row["PostValue"] for row in payments] == [-20.0, -100.0]
        supplier = wire.world.tables["ApSupplier"].get(owner["supplier"])
        assert supplier
        assert supplier["CurrentBalance"] == 0


def test_a_payment_may_have_a_discount_be_a_cheque_and_be_taken_back() -> None:
    with running() as wire:
        wire.post("APSTIN", ap_document(ap_item(wire.world)))
        owner = {"supplier": wire.sandbox.ledger.invoices[0].entry.supplier, "invoice": "INV-1"}
        wire.control("POST", "payments", **owner, discount="2.00", day="2026-03-05")
        entries = wire.rows("ApInvoicePay", filter="Invoice eq 'INV-1'")
        assert [(row["TrnType"], row["PostValue"]) for row in entries] == [("P", -118.0), ("A", -2.0)]
        assert len({row["PaymentNumber"] for row in entries}) == 1
        assert entries[0]["JournalDate"].startswith("2026-03-05")
        (run,) = wire.rows("ApPayRunDet", filter="Invoice eq 'INV-1'")
        assert (run["NetPayValue"], run["PaymentNumber"]) == (118.0, entries[0]["PaymentNumber"])

        back = wire.control("POST", "payments/reverse", **owner)
        assert (back["MthInvBal1"], back["InvoiceStatus"], back["YearInvBalZero"]) == (120.0, "1", 0)
        paid = wire.control("POST", "payments", **owner, value="20.00", cheque="000881")
        assert (paid["ManualChqNum"], paid["MthInvBal1"]) == ("000881", 100.0)
        assert wire.control("POST", "payments/adjust", **owner, value="-100.00")["MthInvBal1"] == 0.0
        assert len(wire.rows("ApPayRunDet", filter="Invoice eq 'INV-1'")) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "periods", {"year": 2020, "month": 1, "open": True}, 404),
        ("POST", "periods", {"period": "C"}, 404),
        ("POST", "payments", {"supplier": "X", "invoice": "Y"}, 404),
        ("POST", "payments", {"supplier": "X"}, 404),
        ("POST", "payments/reverse", {"supplier": "X", "invoice": "Y"}, 404),
        ("POST", "payments/reverse", {"supplier": "000000000000001", "invoice": "OLD-000001"}, 404),
        ("GET", "tables/Colours", {}, 404),
        ("PATCH", "tables/AdmTax", {"key": [], "changes": {}}, 400),
        ("PATCH", "tables/AdmTax", {"key": ["A"], "changes": {"Colour": "red"}}, 404),
        ("POST", "tables/AdmTax", {"row": {"TaxCode": "A"}}, 400),
    ],
)
def test_a_wrong_order_is_refused_with_a_reason(
    method: str, path: str, body: dict[str, object], status: int
) -> None:
    with running() as wire:
        response = wire.http.request(method, f"/_sandbox/syspro/{path}", json=body)
        assert response.status_code == status
        assert response.json()["error"]


def test_an_operators_password_changes_from_the_next_logon_on() -> None:
    with running() as wire:
        told = wire.control("POST", "operators/password", operator="INTEG", password="next")
        assert told == {"operator": "INTEG"}
        assert len(wire.sandbox.sessions) == 1
        assert wire.logon() == "ERROR: Invalid operator password"
        assert wire.logon(OperatorPassword="next").startswith("ERROR") is False
        nobody = {"operator": "NOBODY", "password": "x"}
        assert wire.http.post("/_sandbox/syspro/operators/password", json=nobody).status_code == 404
