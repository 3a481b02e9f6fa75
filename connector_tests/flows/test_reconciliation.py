"""The three books compared: a planted difference of each kind is found and named, and nothing else is."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete

from connector_defs.domain.states import State
from connector_defs.flows.reconciliation import reconcile
from connector_defs.store import invoices, tables
from connector_tests.flows.pair import (
    EURO_SUPPLIER,
    SUPPLIER,
    Pair,
    assert_books_agree,
    invoice,
    open_pair,
    row,
)

BILL = invoice("INV-1")


@pytest.fixture
def posted(pair: Pair) -> Pair:
    """Three invoices through to the end: two in dollars, one in euro."""
    pair.approve(
        BILL,
        invoice("INV-2", "10.00", tax="0.83"),
        invoice("EU-1", supplierCode=EURO_SUPPLIER, currencyCode="EUR"),
    )
    pair.run()
    assert pair.states() == {"responded": 3}
    return pair


def test_books_that_agree_are_clean_to_the_cent(posted: Pair) -> None:
    report = reconcile(posted.connector)
    assert report.clean
    assert (report.compared, report.matched) == (3, 3)
    assert [
        (one.currency, one.invoices, one.basware, one.connector, one.syspro) for one in report.totals
    ] == [
        ("EUR", 1, Decimal("108.25"), Decimal("108.25"), Decimal("108.25")),
        ("USD", 2, Decimal("119.08"), Decimal("119.08"), Decimal("119.08")),
    ]
    assert_books_agree(posted)


def _vanish(pair: Pair) -> None:
    pair.sandbox.world.tables["ApInvoice"].delete((SUPPLIER, "INV-1"))


def _another_amount(pair: Pair) -> None:
    pair.sandbox.world.tables["ApInvoice"].update(
        (SUPPLIER, "INV-1"), {"OrigInvValue": Decimal("108.26"), "CurrencyValue": Decimal("108.26")}
    )


def _another_journal(pair: Pair) -> None:
    pair.sandbox.world.tables["ApInvoice"].update((SUPPLIER, "INV-1"), {"Journal": 999})


def _not_transferred(pair: Pair) -> None:
    pair.sandbox.basware.change(str(BILL["invoiceId"]), {"processingStatus": "TransferFailed"})


def _changed_there(pair: Pair) -> None:
    pair.sandbox.basware.change(str(BILL["invoiceId"]), {"grossSum": Decimal("1.00")})


def _another_voucher_there(pair: Pair) -> None:
    pair.sandbox.basware.change(str(BILL["invoiceId"]), {"voucherNumber1": "OTHER-1"})


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (_vanish, "NOT_IN_SYSPRO"),
        (_another_amount, "AMOUNT"),
        (_another_journal, "VOUCHER"),
        (_not_transferred, "NOT_TRANSFERRED"),
        (_changed_there, "CHANGED"),
        (_another_voucher_there, "VOUCHER"),
    ],
)
def test_a_planted_difference_is_found_and_named(
    posted: Pair, plant: Callable[[Pair], None], kind: str
) -> None:
    plant(posted)
    report = reconcile(posted.connector)
    assert [(one.kind, one.key) for one in report.differences] == [(kind, f"{SUPPLIER} INV-1")]
    assert report.differences[0].remedy
    assert (report.compared, report.matched, report.clean) == (3, 2, False)


def test_an_invoice_another_system_answered_is_named(posted: Pair) -> None:
    (waiting,) = posted.approve(invoice("INV-4", codingRows=[row(accountCode="NEW")]))
    posted.run()
    posted.sandbox.basware.change(waiting, {"processingStatus": "Transferred"})
    kinds = [one.kind for one in reconcile(posted.connector).differences]
    assert kinds == ["TRANSFERRED_WITHOUT_US"]


def test_two_invoices_that_claim_one_posting_are_named(posted: Pair) -> None:
    double = invoice("INV-1", invoiceId="another-id")
    posted.approve({**double, "processingStatus": "Transferred"})
    with posted.connector.store.write() as connection:
        first = invoices.get(connection, "M1", str(BILL["invoiceId"]))
        assert first is not None
        now = posted.connector.clock.now()
        arrived = invoices.Arrival(
            "another-id", first.payload, first.payload_digest, "", SUPPLIER, "INV-1", "USD", first.gross
        )
        invoices.insert(connection, "M1", arrived, now)
        stored = invoices.get(connection, "M1", "another-id")
        assert stored is not None
        invoices.move(connection, stored, State.POSTED, now, changes={"voucher": first.voucher})
    assert [one.kind for one in reconcile(posted.connector).differences] == ["ONE_POSTING_TWICE"]


def test_a_day_holds_what_was_posted_on_it(posted: Pair) -> None:
    today = posted.connector.clock.now().date()
    assert reconcile(posted.connector, today).compared == 3
    assert reconcile(posted.connector, today - timedelta(days=1)).compared == 0
    assert reconcile(posted.connector, today).clean


def test_nothing_posted_is_nothing_to_compare(folder: Path) -> None:
    with open_pair(folder) as pair:
        report = reconcile(pair.connector)
        assert (report.compared, report.totals, report.clean) == (0, (), True)


def test_an_answer_of_ours_that_the_store_does_not_know_points_to_a_restored_backup(posted: Pair) -> None:
    """F32."""
    with posted.connector.store.write() as connection:
        connection.execute(delete(tables.invoice).where(tables.invoice.c.invoice_id == BILL["invoiceId"]))
    assert [(one.kind, one.key) for one in reconcile(posted.connector).differences] == [
        ("FORGOTTEN", str(BILL["invoiceId"]))
    ]
