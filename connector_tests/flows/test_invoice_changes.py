"""Invoices that change while they are on their way, and what people do with those that wait."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from connector_defs.basware.client import AckOutcome
from connector_defs.domain.errors import Fatal
from connector_defs.flows import invoices as invoice_flow
from connector_defs.flows import queue
from connector_defs.flows.answers import Answerer
from connector_defs.flows.lane_run import LaneRun
from connector_defs.flows.lookup import Found, LookUp
from connector_defs.store import audit, mappings
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, row
from connector_tests.proof.judge import voucher_of

UNBALANCED = {"grossSum": Decimal("109.25")}
DEARER = {"netSum": Decimal("200.00"), "grossSum": Decimal("208.25"), "codingRows": [row("200.00")]}


def test_an_invoice_corrected_in_basware_is_checked_afresh_and_posted(pair: Pair) -> None:
    bill = invoice("INV-1", **UNBALANCED)
    (bill_id,) = pair.approve(bill)
    pair.run()
    assert pair.state(bill_id) == "needs_review/UNBALANCED"
    pair.sandbox.basware.change(bill_id, {"grossSum": Decimal("108.25")})
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.postings(bill)[0].entry.value == Decimal("108.25")
    assert_books_agree(pair)


def test_what_is_edited_between_the_poll_and_the_acknowledge_is_posted_as_edited(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payload that was not fetched just now is fetched again once Basware has locked the invoice."""
    monkeypatch.setattr(invoice_flow, "_FRESH_SECONDS", -1.0)
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    _edit_at_acknowledge(pair, monkeypatch, DEARER)
    pair.run()
    assert pair.postings(bill) == []
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.postings(bill)[0].entry.value == Decimal("208.25")
    assert_books_agree(pair)


def test_what_is_edited_while_the_list_is_out_of_reach_is_posted_as_edited(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    pair.faults.arm("http_503", times=1000, site="syspro.odata")
    pair.run()
    assert pair.state(bill_id) == "received"
    pair.faults.disarm()
    pair.sandbox.basware.change(bill_id, DEARER)
    # The poll fails, so what is stored is all there is to go by; single invoices can still be read.
    pair.faults.arm("http_503", times=4, site="basware.documents")
    assert "INTAKE_FAILED" in [problem.code for problem in pair.run().problems]
    assert pair.postings(invoice("INV-1")) == []
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.postings(invoice("INV-1"))[0].entry.value == Decimal("208.25")
    assert_books_agree(pair)


def test_a_change_after_posting_is_left_to_a_person_and_never_posted_over(pair: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.basware.approve({**bill, **DEARER})
    pair.run()
    assert pair.state(bill_id) == "needs_review/CHANGED_AFTER_POSTING"
    assert [posted.entry.value for posted in pair.postings(bill)] == [Decimal("108.25")]
    with pytest.raises(Fatal, match="never posted again"):
        queue.retry(pair.connector, bill_id, actor="ap", reason="try")
    with pytest.raises(Fatal, match="stands in SYSPRO"):
        queue.reject(pair.connector, bill_id, actor="ap", reason="try")
    pair.run()
    assert pair.state(bill_id) == "needs_review/CHANGED_AFTER_POSTING"


def test_a_change_after_posting_that_a_person_accepts_is_answered_with_the_first_voucher(pair: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.basware.approve({**bill, "description": "PO box corrected"})
    pair.run()
    queue.release(pair.connector, bill_id, actor="ap", reason="text only")
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.in_basware(bill_id) == "Transferred"
    assert len(pair.postings(bill)) == 1
    assert_books_agree(pair)


@pytest.mark.covers("F12")
@pytest.mark.parametrize("lost", ["reset_before", "reset_after"])
def test_what_is_edited_while_an_answer_of_syspro_is_lost_is_never_posted_or_answered_as_it_was(
    pair: Pair, lost: str
) -> None:
    """Basware gave the transfer up, a user corrected the invoice and transferred it again."""
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm(lost, site="syspro.transaction")
    with pair.hurried():
        pair.run()
    assert pair.state(bill_id) == "uncertain/ANSWER_LOST"
    pair.sandbox.basware.approve({**bill, **DEARER})
    pair.next_day()
    for _ in range(3):
        pair.run()
    (posted,) = pair.postings(bill)
    if lost == "reset_before":
        assert (pair.state(bill_id), posted.entry.value) == ("responded", Decimal("208.25"))
        assert_books_agree(pair)
    else:
        assert pair.state(bill_id) == "needs_review/CHANGED_AFTER_POSTING"
        assert (posted.entry.value, pair.in_basware(bill_id)) == (Decimal("108.25"), "WaitingForTransfer")


def test_a_change_is_seen_although_the_first_answer_after_a_look_up_fails(pair: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_after", site="syspro.transaction")
    with pair.hurried():
        pair.run()
    pair.sandbox.basware.approve({**bill, **DEARER})
    pair.connector.clock.wait(1)
    pair.faults.arm("http_503", times=1000, site="basware.documents")
    with pair.hurried():
        pair.run()
    assert pair.state(bill_id) == "posted/FOUND_AGAIN"
    pair.faults.disarm()
    pair.run()
    assert pair.state(bill_id) == "needs_review/CHANGED_AFTER_POSTING"
    assert pair.in_basware(bill_id) == "WaitingForTransfer"


def test_a_posting_that_shows_only_after_the_invoice_changed_is_not_taken_for_the_changed_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_after", site="syspro.transaction")
    with pair.hurried():
        pair.run()
    with monkeypatch.context() as patch, pair.hurried():
        patch.setattr(LookUp, "find", lambda _, wanted, **__: {one.invoice_id: Found(None) for one in wanted})
        patch.setattr(LaneRun, "_post_all", lambda *_: None)
        pair.connector.clock.wait(1)
        pair.run()
    assert pair.state(bill_id) == "acknowledged"
    pair.sandbox.basware.approve({**bill, **DEARER})
    pair.run()
    assert pair.state(bill_id) == "needs_review/POSTED_DIFFERENTLY"
    assert [posted.entry.value for posted in pair.postings(bill)] == [Decimal("108.25")]
    assert pair.in_basware(bill_id) != "Transferred"


def test_an_acknowledged_invoice_that_basware_took_back_is_not_posted_and_comes_again(pair: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("refuse_logon", times=1000, site="syspro.logon")
    with pair.hurried():
        pair.run()
    assert pair.state(bill_id).startswith("acknowledged")
    pair.sandbox.basware.change(bill_id, {"processingStatus": "TransferFailed"})
    pair.faults.disarm()
    pair.next_day()
    pair.run()
    assert (pair.state(bill_id), pair.postings(bill)) == ("withdrawn", [])
    pair.sandbox.basware.retransfer(bill_id)
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_an_invoice_transferred_again_gets_its_first_voucher_back(pair: Pair) -> None:
    """F12."""
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.basware.retransfer(bill_id)
    report = pair.run()
    assert (report.posted, report.logons) == (0, 0)
    assert pair.state(bill_id) == "responded"
    answers = [one.response for one in pair.sandbox.basware.responses]
    assert [answer["voucherNumber1"] for answer in answers] == [voucher_of(pair.postings(bill)[0])] * 2
    assert len({answer["externalCode"] for answer in answers}) == 2
    assert_books_agree(pair)


@pytest.mark.covers("F12")
def test_an_invoice_transferred_again_before_its_answer_was_confirmed_is_answered_anew(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Basware takes each response once: the same one again would be refused until a person had to help."""
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    with monkeypatch.context() as patch:
        patch.setattr(Answerer, "confirm", lambda *_: None)
        pair.run()
    assert pair.state(bill_id) == "posted"
    pair.sandbox.basware.retransfer(bill_id)
    for _ in range(3):
        pair.run()
    assert pair.state(bill_id) == "responded"
    answers = [one.response for one in pair.sandbox.basware.responses]
    assert {answer["voucherNumber1"] for answer in answers} == {voucher_of(pair.postings(bill)[0])}
    assert len({answer["externalCode"] for answer in answers}) == len(answers) == 2
    assert_books_agree(pair)


def test_an_invoice_basware_takes_back_is_withdrawn_and_comes_again_when_offered(pair: Pair) -> None:
    bill = invoice("INV-1", codingRows=[row(accountCode="NEW")])
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.basware.withdraw(bill_id)
    pair.next_day()
    pair.run()
    assert pair.state(bill_id) == "withdrawn"
    pair.map("NEW", "00-6010")
    pair.run()
    assert pair.postings(bill) == []
    pair.sandbox.basware.change(bill_id, {"processingStatus": "WaitingForTransfer"})
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_an_invoice_withdrawn_just_before_the_acknowledge_is_not_posted(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    _edit_at_acknowledge(pair, monkeypatch, {"processingStatus": "WaitingToBeReturned"})
    pair.run()
    assert pair.state(bill_id) == "withdrawn"
    assert pair.postings(bill) == []
    assert_books_agree(pair)


def test_an_invoice_moved_to_another_company_is_not_posted_in_this_one(pair: Pair) -> None:
    bill = invoice("INV-1", codingRows=[row(accountCode="NEW")])
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.basware.change(bill_id, {"companyCode": "2000"})
    pair.map("NEW", "00-6010")
    pair.run()
    assert pair.state(bill_id) == "withdrawn"
    assert "2000" in pair.stored(bill_id).reason
    assert pair.in_basware(bill_id) == "WaitingForTransfer"
    assert pair.postings(bill) == []
    assert_books_agree(pair)


def test_an_invoice_of_an_unknown_company_is_kept_and_never_posted_here(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that was not narrowed to our company: not even a retry by hand may post it here."""
    stray, ours = invoice("INV-1", companyCode="2000"), invoice("INV-2")
    stray_id, our_id = pair.approve(stray, ours)
    everything = partial(_all_companies, pair.connector.basware.documents)
    monkeypatch.setattr(pair.connector.basware, "documents", everything)
    pair.run()
    assert pair.state(stray_id) == "needs_review/COMPANY_UNKNOWN"
    assert pair.state(our_id) == "responded"
    queue.retry(pair.connector, stray_id, actor="ap", reason="try")
    pair.run()
    assert pair.state(stray_id) == "needs_review/COMPANY_UNKNOWN"
    pair.sandbox.basware.change(stray_id, {"description": "edited"})
    pair.run()
    assert pair.state(stray_id) == "needs_review/COMPANY_UNKNOWN"
    assert pair.postings(stray) == []
    assert pair.in_basware(stray_id) == "WaitingForTransfer"


def _all_companies(list_documents: Any, _company: str, status: str, **options: Any) -> Any:
    return list_documents("", status, **options)


@pytest.mark.parametrize(
    "flaw", [{"currencyCode": 7}, {"invoiceId": None}, {"codingRows": "none"}, {"grossSum": "12,50"}]
)
def test_an_invoice_that_cannot_be_read_is_kept_and_the_page_goes_on(
    pair: Pair, flaw: dict[str, Any]
) -> None:
    bills = [invoice("INV-1"), invoice("BAD-1"), invoice("INV-3")]
    first, bad, third = pair.approve(*bills)
    pair.sandbox.basware.accounting.records[bad].update(flaw)
    report = pair.run()
    assert (pair.state(first), pair.state(third)) == ("responded", "responded")
    assert [problem.code for problem in report.problems] == ["MALFORMED"]
    assert pair.states() == {"responded": 2, "needs_review": 1}
    again = pair.run()
    assert again.received == 0
    assert pair.states() == {"responded": 2, "needs_review": 1}


def test_an_unreadable_invoice_is_posted_once_it_is_corrected(pair: Pair) -> None:
    bill = invoice("BAD-1")
    (bill_id,) = pair.approve(bill)
    pair.sandbox.basware.change(bill_id, {"currencyCode": 7})
    pair.run()
    assert pair.state(bill_id) == "needs_review/MALFORMED"
    pair.sandbox.basware.change(bill_id, {"currencyCode": "USD"})
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_an_invoice_that_became_unreadable_is_not_posted_as_it_was(pair: Pair) -> None:
    bill = invoice("INV-1", codingRows=[row(accountCode="NEW")])
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.basware.change(bill_id, {"currencyCode": 7})
    pair.map("NEW", "00-6010")
    pair.run()
    assert pair.state(bill_id) == "needs_review/MALFORMED"
    assert pair.postings(bill) == []
    assert pair.in_basware(bill_id) == "WaitingForTransfer"


@pytest.mark.parametrize("fields", [UNBALANCED, {"codingRows": [row(accountCode="NEW")]}])
def test_a_rejection_reaches_basware_as_a_failed_transfer_with_its_text(
    pair: Pair, fields: dict[str, Any]
) -> None:
    (bill_id,) = pair.approve(invoice("INV-1", **fields))
    pair.run()
    queue.reject(pair.connector, bill_id[:8], actor="ap.clerk", reason="not our order")
    assert pair.state(bill_id) == "rejected"
    assert pair.in_basware(bill_id) == "TransferFailed"
    (answer,) = pair.sandbox.basware.responses
    assert answer.response["responseMessage"] == "not our order"
    assert answer.response["success"] is False
    told = [event for event in audit.show(pair.connector.store, bill_id) if event.actor == "ap.clerk"]
    assert [event.detail["by_hand"] for event in told if "by_hand" in event.detail] == ["not our order"]
    pair.run()
    assert pair.state(bill_id) == "rejected"
    assert_books_agree(pair)


def test_a_rejection_whose_reply_is_lost_can_be_repeated(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1", **UNBALANCED))
    pair.run()
    pair.faults.arm("reset_after", site="basware.responses")
    with pytest.raises(Exception, match="transferResponses"):
        queue.reject(pair.connector, bill_id, actor="ap", reason="no")
    assert pair.stored(bill_id).state == "needs_review"
    queue.reject(pair.connector, bill_id, actor="ap", reason="no")
    assert pair.state(bill_id) == "rejected"
    assert len(pair.sandbox.basware.responses) == 1
    assert_books_agree(pair)


def test_a_rejected_invoice_that_is_transferred_again_is_checked_again(pair: Pair) -> None:
    bill = invoice("INV-1", **UNBALANCED)
    (bill_id,) = pair.approve(bill)
    pair.run()
    queue.reject(pair.connector, bill_id, actor="ap", reason="off by one")
    pair.sandbox.basware.change(bill_id, {"grossSum": Decimal("108.25")})
    pair.sandbox.basware.retransfer(bill_id)
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_a_retry_posts_once_the_cause_is_gone(pair: Pair) -> None:
    bill = invoice("INV-1", supplierCode="000000000000010")
    (bill_id,) = pair.approve(bill)
    pair.run()
    pair.sandbox.world.tables["ApSupplier"].update(("000000000000010",), {"OnHold": "N"})
    queue.retry(pair.connector, "INV-1", actor="ap", reason="released")
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_a_release_ends_the_waiting_time(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    pair.faults.arm("http_503", times=1000, site="basware.responses")
    pair.run()
    assert pair.stored(bill_id).next_attempt_at is not None
    pair.faults.disarm()
    queue.release(pair.connector, bill_id, actor="ap", reason="Basware is back")
    assert pair.stored(bill_id).next_attempt_at is None
    pair.run()
    assert pair.state(bill_id) == "responded"


def test_nobody_can_shorten_the_quarantine_of_a_lost_post(pair: Pair) -> None:
    """SYSPRO may still be at work on it: a look-up too early would say absent, and a second post follow."""
    (bill_id,) = pair.approve(invoice("INV-1"))
    pair.connector.settings.timing.__dict__["linger_seconds"] = 0.0
    pair.faults.arm("reset_before", site="syspro.transaction")
    pair.run()
    for act in (queue.release, queue.retry, queue.reject):
        with pytest.raises(Fatal, match="uncertain"):
            act(pair.connector, bill_id, actor="ap", reason="hurry")
    assert pair.stored(bill_id).next_attempt_at is not None


def test_an_invoice_another_system_answered_cannot_be_rejected(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1", **UNBALANCED))
    pair.run()
    pair.sandbox.basware.change(bill_id, {"processingStatus": "Transferred"})
    with pytest.raises(Fatal, match="Transferred"):
        queue.reject(pair.connector, bill_id, actor="ap", reason="no")
    assert pair.state(bill_id) == "needs_review/UNBALANCED"


def test_the_queue_finds_one_invoice_or_says_why_not(pair: Pair) -> None:
    first, second = pair.approve(
        invoice("SAME-1", **UNBALANCED), invoice("SAME-1", **UNBALANCED, supplierCode="000000000000006")
    )
    pair.run()
    assert queue.show(pair.connector, first).invoice_id == first
    assert queue.show(pair.connector, first[:8]).invoice_id == first
    with pytest.raises(Fatal, match="stands for 2 invoices"):
        queue.show(pair.connector, "SAME-1")
    with pytest.raises(Fatal, match="no invoice"):
        queue.show(pair.connector, first[:7])
    assert {item.invoice_id for item in queue.waiting(pair.connector)} == {first, second}
    assert {item.invoice_id for item in queue.waiting(pair.connector, "M1")} == {first, second}


@pytest.mark.parametrize("act", [queue.retry, queue.reject])
def test_what_is_done_needs_no_hand(pair: Pair, act: Any) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    pair.run()
    with pytest.raises(Fatal, match="responded"):
        act(pair.connector, bill_id, actor="ap", reason="try")


def test_peek_and_due_name_what_a_run_would_move_and_nothing_else(pair: Pair) -> None:
    connector, company = pair.connector, pair.company
    ids = pair.approve(invoice("INV-1"), invoice("INV-2", **UNBALANCED), invoice("INV-3"))
    assert {invoice_id for invoice_id, _ in invoice_flow.peek(connector, company)} == set(ids)
    pair.run()
    assert invoice_flow.peek(connector, company) == []
    assert invoice_flow.due(connector, company) == []
    pair.sandbox.basware.change(ids[1], {"grossSum": Decimal("108.25")})
    pair.sandbox.basware.retransfer(ids[0])
    assert {invoice_id for invoice_id, _ in invoice_flow.peek(connector, company)} == {ids[0], ids[1]}
    (waiting,) = pair.approve(invoice("INV-4", codingRows=[row(accountCode="NEW")]))
    pair.run()
    assert invoice_flow.due(connector, company) == []
    with connector.store.write() as connection:
        mappings.add(
            connection,
            "M1",
            "NEW",
            "",
            "00-6010",
            author="ap",
            reason="new",
            now=connector.clock.now(),
        )
    assert invoice_flow.due(connector, company) == [waiting]


def _edit_at_acknowledge(pair: Pair, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]) -> None:
    """Let a user edit each invoice once, just before our acknowledge arrives."""
    acknowledge = pair.connector.basware.acknowledge
    edited: set[str] = set()

    def after_an_edit(invoice_id: str) -> AckOutcome:
        if invoice_id not in edited:
            edited.add(invoice_id)
            pair.sandbox.basware.change(invoice_id, fields)
        return acknowledge(invoice_id)

    monkeypatch.setattr(pair.connector.basware, "acknowledge", after_an_edit)
