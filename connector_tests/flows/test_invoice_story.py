"""One invoice in full: its rows and their GL codes, what was decided, and what both systems say of it now."""

from datetime import date
from decimal import Decimal

import pytest

from connector_defs.domain.keys import posting_reference
from connector_defs.domain.states import State
from connector_defs.flows import decisions, invoice_story
from connector_tests.flows.by_hand import CLERK, key_in, put
from connector_tests.flows.pair import ACCOUNT, SUPPLIER, Pair, invoice, row
from connector_tests.proof.judge import voucher_of

ROWS = [
    row("60.00", "5.00", key="r1", costCenterCode="CC1"),
    row("40.00", "3.25", key="r2", accountCode="NEW", lastComment="toner"),
    row(
        "0.00",
        "0.00",
        key="r3",
        accountCode=None,
        orderNumber="PO1",
        orderLineNumber="2",
        goodsReceiptNumber="G1",
    ),
]


def test_every_row_is_told_with_the_gl_code_it_maps_to_now(pair: Pair) -> None:
    pair.map("NEW", "00-6010")
    pair.map(ACCOUNT, "00-6020", cost_center="CC1")
    (bill_id,) = pair.approve(invoice("INV-1", codingRows=ROWS))
    put(pair, bill_id, State.NEEDS_REVIEW)
    told = invoice_story.tell(pair.connector, "INV-1")
    assert [(one.row, one.account_code, one.cost_center, one.gl_code) for one in told.rows] == [
        ("r1", ACCOUNT, "CC1", "00-6020"),
        ("r2", "NEW", "", "00-6010"),
        ("r3", "", "", ""),
    ]
    assert [(one.net, one.tax) for one in told.rows[:2]] == [
        (Decimal("60.00"), Decimal("5.00")),
        (Decimal("40.00"), Decimal("3.25")),
    ]
    last = told.rows[2]
    assert (last.order_number, last.order_line, last.receipt_number) == ("PO1", "2", "G1")
    assert (told.net, told.tax, told.item.gross) == (Decimal("100.00"), Decimal("8.25"), Decimal("108.25"))
    assert (told.invoice_date, told.due_date) == (date(2026, 11, 9), date(2026, 12, 9))
    assert (told.unreadable, told.elsewhere) == ("", None)


def test_an_account_without_a_rule_is_told_as_such(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1", codingRows=[row(accountCode="NEW")]))
    put(pair, bill_id, State.NEEDS_MAPPING)
    assert invoice_story.tell(pair.connector, bill_id).rows[0].gl_code == ""


def test_what_was_decided_is_told(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    put(pair, bill_id, State.NEEDS_REVIEW, decisions='{"rounding": "0.70"}')
    decisions.choose_period(pair.connector, bill_id, "B", actor="ann", reason="agreed")
    told = invoice_story.tell(pair.connector, bill_id)
    assert (told.period, told.rounding) == ("B", Decimal("0.70"))


def test_a_payload_that_cannot_be_read_is_told_beside_what_is_known(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    put(pair, bill_id, State.NEEDS_REVIEW, payload="{}", code="MALFORMED")
    told = invoice_story.tell(pair.connector, bill_id)
    assert told.rows == ()
    assert told.unreadable
    assert told.item.code == "MALFORMED"


class TestLookingUp:
    """What SYSPRO and Basware say, asked only where somebody wants to know."""

    def test_our_own_posting_is_told_as_ours(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        (bill_id,) = pair.approve(bill)
        pair.run()
        found = invoice_story.tell(pair.connector, bill_id, look_up=True).elsewhere
        assert found is not None
        assert (found.basware, found.voucher) == ("Transferred", voucher_of(pair.postings(bill)[0]))
        assert (found.value, found.ours, found.problems) == (Decimal("108.25"), True, ())
        assert found.reference == posting_reference("M1", bill_id)

    def test_what_somebody_keyed_is_told_as_theirs(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        key_in(pair, bill, "50.00")
        (bill_id,) = pair.approve(bill)
        put(pair, bill_id, State.NEEDS_REVIEW)
        found = invoice_story.tell(pair.connector, bill_id, look_up=True).elsewhere
        assert found is not None
        assert (found.value, found.reference, found.ours) == (Decimal("50.00"), CLERK, False)

    def test_what_stands_nowhere_is_told_so(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        put(pair, bill_id, State.NEEDS_REVIEW)
        monkeypatch.setattr(pair.connector.basware, "document", lambda _: None)
        found = invoice_story.tell(pair.connector, bill_id, look_up=True).elsewhere
        assert found is not None
        assert (found.basware, found.voucher, found.value, found.problems) == ("gone", "", None, ())

    def test_a_system_out_of_reach_leaves_the_rest_of_the_story(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        put(pair, bill_id, State.NEEDS_REVIEW)
        pair.faults.arm("http_503", times=100, site="syspro.odata")
        pair.faults.arm("http_503", times=100, site="basware.documents")
        told = invoice_story.tell(pair.connector, bill_id, look_up=True)
        assert told.elsewhere is not None
        assert [problem.split(":")[0] for problem in told.elsewhere.problems] == ["Basware", "SYSPRO"]
        assert told.item.supplier == SUPPLIER

    def test_an_invoice_without_a_number_is_not_looked_for(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        put(pair, bill_id, State.NEEDS_REVIEW, number="")
        told = invoice_story.tell(pair.connector, bill_id, look_up=True)
        assert told.elsewhere is not None
        assert (told.elsewhere.voucher, told.elsewhere.problems) == ("", ())
