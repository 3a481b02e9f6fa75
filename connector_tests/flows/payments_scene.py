"""The scene of the payment tests: invoices posted and paid in SYSPRO, and what Basware was told of them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.domain.keys import response_code
from connector_defs.flows import day_rows
from connector_defs.flows.extraction import stage
from connector_defs.flows.payments import run_payments
from connector_defs.flows.reports import DateWindow, PaymentRunReport
from connector_defs.store import audit
from connector_defs.store import payments as store
from connector_defs.store.payments import Payment
from connector_tests.flows.pair import (
    SUPPLIER,
    TODAY,
    Pair,
    invoice,
)

PAYS = "POST paymentResponses"
ALL_FIELDS = {
    "externalCode",
    "success",
    "paymentBlock",
    "responseMessage",
    "sourceSystem",
    "paymentDate",
    "paymentTermCode",
    "paymentMethod",
    "paidTotal",
    "cashDiscount",
    "checkNumber",
    "paymentMessage",
    "paymentNumber",
    "paymentDocument",
    "paymentReversalDocument",
}


def post(pair: Pair, *numbers: str, net: str = "100.00", **fields: Any) -> list[str]:
    """Invoices of 108.25 each, posted and answered; returns their ids."""
    documents = [invoice(number, net, **fields) for number in numbers]
    found = pair.approve(*documents)
    pair.run()
    assert {pair.state(invoice_id) for invoice_id in found} == {"responded"}
    return found


def pay(pair: Pair, number: str, value: str | None = None, **how: Any) -> None:
    how.setdefault("day", TODAY)
    supplier = how.pop("supplier", SUPPLIER)
    pair.sandbox.syspro.ledger.pay(supplier, number, None if value is None else Decimal(value), **how)


def take_back(pair: Pair, number: str, day: date = TODAY) -> None:
    pair.sandbox.syspro.ledger.take_back(SUPPLIER, number, day=day)


def tell(pair: Pair, day: date = TODAY, *, again: bool = False) -> PaymentRunReport:
    """What the payments job does for one day, on that day."""
    window = DateWindow.day(day)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_rows, "business_day", lambda _: day)
        stage(pair.connector, pair.company, "invoice_payments", window)
    return run_payments(pair.connector, pair.company, window, again=again)


def responses(pair: Pair, invoice_id: str) -> list[dict[str, Any]]:
    """The payment responses Basware holds for an invoice, oldest first."""
    return list(pair.sandbox.basware.documents[invoice_id].get("paymentResponses") or ())


def paid(pair: Pair, invoice_id: str) -> list[str]:
    return [str(each["paidTotal"]) for each in responses(pair, invoice_id)]


def codes(invoice_id: str, *generations: int) -> list[str]:
    return [response_code("M1", invoice_id, "payment", generation) for generation in generations]


def stored(pair: Pair, invoice_id: str) -> Payment:
    with pair.connector.store.read() as connection:
        return store.get_many(connection, "M1", [invoice_id])[invoice_id]


def actions(pair: Pair, invoice_id: str) -> list[str]:
    return [
        event.action for event in audit.show(pair.connector.store, invoice_id) if "payment" in event.action
    ]


def writes(pair: Pair) -> int:
    return pair.sandbox.basware.requests[PAYS]


def stored_numbers(pair: Pair) -> list[str]:
    rows = pair.sandbox.world.tables["ApInvoicePay"]
    return [str(row["PaymentNumber"]) for row in rows if row["Invoice"] == "INV-1"]


def touch(pair: Pair, invoice_id: str) -> None:
    """Let the payment be one that was last looked at long ago."""
    with pair.connector.store.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE payment SET updated_at = '2020-01-01T00:00:00.000000Z' WHERE invoice_id = '{invoice_id}'"
        )


ONE_RUN = """
from datetime import date
from connector_defs.flows.payments import run_payments
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import open_connector
from connector_defs.settings_reading import load_settings

with open_connector(load_settings()) as connector:
    run_payments(connector, connector.companies[0], DateWindow.day(date({day})))
"""


def delete_last_rows(pair: Pair, number: int) -> None:
    table = pair.sandbox.world.tables["ApInvoicePay"]
    rows = [row for row in table if row["Invoice"] == "INV-1"]
    for row in rows[-number:]:
        table.delete((SUPPLIER, "INV-1", row["EntryNumber"]))
        pair.sandbox.world.tables["ApPayRunDet"].delete((row["PaymentNumber"], SUPPLIER, "INV-1"))


def read_until(pair: Pair) -> date | None:
    with pair.connector.store.read() as connection:
        return store.read_until(connection, "M1")
