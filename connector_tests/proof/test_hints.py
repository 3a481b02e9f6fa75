"""Notifications are hints and polling is the truth: what arrives without one, twice, or in thousands at once.

The receiver of notifications is not part of this: what is shown here holds whatever it does.
"""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.flows.intake import take_in
from connector_defs.flows.runtime import open_connector
from connector_defs.syspro.documents import apsssp
from connector_tests.flows.pair import SUPPLIER, Pair, assert_books_agree, invoice, open_pair, row

# Fewer where every second counts.
BURST = 5_000 if os.environ.get("CONNECTOR_PROOF") else 400


def test_f21_what_no_notification_told_is_found_by_polling(pair: Pair) -> None:
    """Nobody subscribes here: every notification there could be is lost."""
    bill = invoice("F21")
    (bill_id,) = pair.approve(bill)
    assert pair.sandbox.basware.push.tasks == []
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_f21_doubled_late_and_reordered_hints_change_nothing(pair: Pair) -> None:
    """A hint makes a run and nothing else: runs for what is done already, and in any order, post nothing again."""
    first, second = invoice("F21-1"), invoice("F21-2")
    ids = pair.approve(second)
    pair.run()
    ids += pair.approve(first)
    for _ in range(3):
        pair.run()
    assert [pair.state(one) for one in ids] == ["responded", "responded"]
    assert pair.sandbox.syspro.requests["Transaction/Post APSTIN"] == 2
    assert_books_agree(pair)


def test_f22_thousands_at_once_are_all_durable_and_none_is_taken_twice(folder: Path) -> None:
    """Two workers take the same burst in at the same time (5,000 in the long proof); a third look brings nothing new."""
    with open_pair(folder) as pair:
        model = invoice("F22")
        for number in range(BURST):
            pair.sandbox.basware.accounting.put(
                {**model, "invoiceId": str(uuid.UUID(int=number)), "invoiceNumber": f"F22-{number}"}
            )

        def look() -> int:
            with open_connector(pair.connector.settings, pair.connector.clock) as connector:
                return take_in(connector, connector.companies[0]).received

        with ThreadPoolExecutor(2) as pool:
            received = [future.result() for future in [pool.submit(look), pool.submit(look)]]
        assert sum(received) == BURST
        assert pair.states() == {"received": BURST}
        assert take_in(pair.connector, pair.company).received == 0
        assert pair.sandbox.basware.requests["POST acknowledge"] == 0


def test_h23_bank_details_that_change_in_basware_never_reach_syspro(pair: Pair) -> None:
    """No flow sends a supplier's bank data to SYSPRO, and the document that changes a supplier has no place for it."""
    suppliers = pair.sandbox.world.tables["ApSupplier"]
    before = suppliers.get(SUPPLIER)
    bill = invoice(
        "H23",
        bankAccount="DE02120300000000202051",
        iban="DE02120300000000202051",
        codingRows=[row(text1="IBAN DE02120300000000202051")],
    )
    (bill_id,) = pair.approve(bill)
    pair.run()
    assert pair.state(bill_id) == "responded"
    after = suppliers.get(SUPPLIER)
    assert before is not None
    assert after is not None
    moved = {name for name in after if after[name] != before[name]}
    assert moved == {"CurrentBalance"}
    assert after["CurrentBalance"] - before["CurrentBalance"] == Decimal("108.25")  # type: ignore[operator]
    assert not [name for name in pair.sandbox.syspro.requests if "APSSSP" in name]


@pytest.mark.parametrize(
    "column", ["Bank", "BankAccount", "BankBranch", "EftBankAccType", "SupplierName", "Currency", "OnHold"]
)
def test_h23_a_change_of_bank_data_is_no_document_at_all(column: str) -> None:
    with pytest.raises(ValueError, match="not the connector's to change"):
        apsssp.build(SUPPLIER, {"TermsCode": "30", column: "1"})
