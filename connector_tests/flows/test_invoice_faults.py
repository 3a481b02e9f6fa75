"""Faults on the way of an invoice: whatever is lost, late or refused, it is posted once and answered once.

The numbers are those of the list of faults the connector must survive; times and places are the fault plan's.
"""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.answers import ApiError, Receipt
from connector_defs.domain.errors import Fatal, OutcomeUnknown
from connector_defs.domain.states import State
from connector_defs.flows import lookup, queue
from connector_defs.sandbox.syspro import app
from connector_defs.sandbox.syspro.apstin_rules import _ItemCheck
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import audit, invoices
from connector_defs.syspro.enet import Reply
from connector_defs.syspro.session import EnetSession
from connector_tests.flows.pair import SUPPLIER, Pair, assert_books_agree, invoice, open_pair
from connector_tests.proof.judge import voucher_of

POSTS = "Transaction/Post APSTIN"
ACKNOWLEDGES = "POST acknowledge"


@pytest.mark.parametrize(
    ("fault", "site"),
    [
        (fault, site)
        for site, faults in {
            "basware.token": ("http_503", "reset_before", "rate_limited", "error_body", "wrong_encoding"),
            "basware.documents": ("http_500", "rate_limited", "reset_after", "wrong_encoding", "short_page"),
            "basware.link": ("http_503", "error_body", "lost_continuation"),
            "basware.acknowledge": (
                "reset_before",
                "reset_after",
                "http_500",
                "http_502",
                "http_503",
                "rate_limited",
                "expired_token",
                "error_body",
                "wrong_encoding",
            ),
            "basware.responses": (
                "reset_before",
                "reset_after",
                "http_500",
                "http_502",
                "http_503",
                "rate_limited",
                "expired_token",
                "error_body",
                "wrong_encoding",
            ),
            "syspro.logon": ("reset_before", "http_503", "system_error"),
            "syspro.transaction": (
                "reset_before",
                "reset_after",
                "http_500",
                "http_502",
                "http_503",
                "evict_session",
                "system_error",
                "error_body",
                "wrong_encoding",
            ),
            "syspro.odata": (
                "reset_before",
                "reset_after",
                "http_500",
                "http_503",
                "rate_limited",
                "short_page",
                "error_body",
                "wrong_encoding",
            ),
        }.items()
        for fault in faults
    ],
)
def test_one_fault_anywhere_costs_no_invoice_and_doubles_none(pair: Pair, fault: str, site: str) -> None:
    bills = [invoice(f"INV-{number}") for number in range(3)]
    ids = pair.approve(*bills)
    pair.faults.arm(fault, site=site, seconds=0)
    pair.run()
    pair.run()
    assert sum(pair.faults.drawn.values()) == 1
    assert pair.states() == {"responded": len(ids)}
    assert [len(pair.postings(bill)) for bill in bills] == [1, 1, 1]
    assert_books_agree(pair)


@pytest.mark.covers("F3")
def test_an_acknowledge_whose_reply_is_lost_was_ours(pair: Pair) -> None:
    """F3: the invoice itself shows that it is ours, so nothing is repeated."""
    bill = invoice("F3")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_after", site="basware.acknowledge")
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.sandbox.basware.requests[ACKNOWLEDGES] == 1
    assert_books_agree(pair)


@pytest.mark.covers("F6")
def test_a_posting_whose_reply_is_lost_is_found_and_not_repeated(pair: Pair) -> None:
    """F6."""
    bill = invoice("F6")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_after", site="syspro.transaction")
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.sandbox.syspro.requests[POSTS] == 1
    assert_books_agree(pair)


@pytest.mark.parametrize("stands", [True, False])
def test_a_reply_that_names_another_invoice_is_no_answer_to_this_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, stands: bool
) -> None:
    """The look-up decides, whether this one was posted or not."""
    bill = invoice("MINE")
    (bill_id,) = pair.approve(bill)
    if not stands:
        pair.faults.arm("reset_before", site="syspro.transaction")
    real = EnetSession.post
    mixed_up = []

    def another(session: EnetSession, *document: str, **options: Any) -> Reply:
        if mixed_up:
            return real(session, *document, **options)
        mixed_up.append(document)
        with suppress(OutcomeUnknown):
            reply = real(session, *document, **options)
            return replace(reply, text=reply.text.replace("MINE", "THEIRS"))
        key = "<Key><TrnYear>2026</TrnYear><TrnMonth>11</TrnMonth><Journal>7</Journal><EntryNumber>1</EntryNumber></Key>"
        one = f"<Item><Transaction>{key}<Supplier>9</Supplier><Invoice>THEIRS</Invoice></Transaction></Item>"
        return Reply("APSTIN", f"<postapinvoice>{one}</postapinvoice>")

    monkeypatch.setattr(EnetSession, "post", another)
    for _ in range(2):
        pair.run()
    assert pair.state(bill_id) == "responded"
    assert len(pair.postings(bill)) == 1
    assert pair.stored(bill_id).voucher == voucher_of(pair.postings(bill)[0])
    assert_books_agree(pair)


def test_a_reply_may_show_the_keys_without_padding(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    (bill_id,) = pair.approve(invoice("Inv-1"))
    real = EnetSession.post

    def edited(session: EnetSession, *document: str, **options: Any) -> Reply:
        reply = real(session, *document, **options)
        text = reply.text.replace(f"<Supplier>{SUPPLIER}<", "<Supplier>      1<").replace("Inv-1", "INV-1 ")
        assert text != reply.text
        return replace(reply, text=text)

    monkeypatch.setattr(EnetSession, "post", edited)
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert "ANSWER_LOST" not in str(audit.show(pair.connector.store, bill_id))


def test_a_posting_lost_on_the_way_is_looked_up_and_posted_once(pair: Pair) -> None:
    """F5: the look-up says absent."""
    bill = invoice("F5")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_before", site="syspro.transaction")
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert pair.sandbox.syspro.requests[POSTS] == 2
    assert_books_agree(pair)


@pytest.mark.covers("F8")
def test_nothing_is_posted_from_uncertain_while_the_lookup_fails(pair: Pair) -> None:
    """F8."""
    (bill_id,) = pair.approve(invoice("F8"))
    pair.faults.arm("reset_before", site="syspro.transaction")
    # The first look-up is the one before the post; all from the second on fail.
    posts = pair.sandbox.syspro.requests
    original = pair.connector.clock.wait

    def fail_lookups_once_posted(seconds: float) -> None:
        if posts[POSTS] == 1 and not pair.faults.rates:
            pair.faults.rates["http_503"] = 0.0
            pair.faults.arm("http_503", times=1000, site="syspro.odata", match="ApInvoice")
        original(seconds)

    pair.connector.clock.wait = fail_lookups_once_posted  # type: ignore[method-assign]
    pair.run()
    report = pair.run()
    assert pair.stored(bill_id).state == "uncertain"
    assert posts[POSTS] == 1
    assert [problem.code for problem in report.problems if problem.key == "F8"]
    pair.connector.clock.wait = original  # type: ignore[method-assign]
    pair.faults.disarm()
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


@pytest.mark.covers("F6")
@pytest.mark.parametrize("seconds", [0.02, 0.4], ids=["before the look-up", "after it"])
def test_a_commit_that_comes_late_does_not_make_two(pair: Pair, seconds: float) -> None:
    """SYSPRO goes on after the connection was cut; its own key stops the second posting, ours reads it back."""
    (bill_id,) = pair.approve(invoice("LATE"))
    pair.faults.arm("late_commit", site="syspro.transaction", seconds=seconds)
    pair.run()
    pair.sandbox.syspro.settle()
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


@pytest.mark.covers("F16")
def test_an_eviction_in_mid_batch_costs_one_logon_and_the_batch_goes_on(pair: Pair) -> None:
    """F16."""
    bills = [invoice(f"INV-{number}") for number in range(5)]
    pair.approve(*bills)
    pair.faults.arm("evict_session", site="syspro.transaction", match="INV-2")
    report = pair.run()
    assert report.logons == 2
    assert pair.states() == {"responded": 5}
    assert_books_agree(pair)


@pytest.mark.covers("F18")
def test_a_refused_logon_pauses_the_lane_and_burns_no_attempt(pair: Pair) -> None:
    """F18: intake goes on meanwhile."""
    first, second = pair.approve(invoice("INV-1"), invoice("INV-2"))
    pair.faults.arm("refuse_logon", times=1000)
    with pair.hurried():
        report = pair.run()
        assert [problem.code for problem in report.problems if problem.key == "lane"] == ["LANE_BLOCKED"]
        assert pair.states() == {"acknowledged": 2}
        assert (pair.stored(first).attempts, pair.stored(second).attempts) == (0, 0)
        (third,) = pair.approve(invoice("INV-3"))
        assert pair.run().received == 1
    pair.faults.disarm()
    pair.run()
    assert pair.states() == {"responded": 3}
    assert pair.stored(third).attempts == 1
    assert_books_agree(pair)


@pytest.mark.covers("F10")
@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "http_500", "http_503", "rate_limited"])
def test_a_lost_answer_to_basware_is_sent_again_with_the_same_voucher(pair: Pair, fault: str) -> None:
    """F10."""
    bill = invoice("F10")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm(fault, times=2, site="basware.responses", seconds=0)
    pair.run()
    pair.run()
    assert pair.state(bill_id) == "responded"
    answers = [one.response for one in pair.sandbox.basware.responses]
    assert {answer["voucherNumber1"] for answer in answers} == {voucher_of(pair.postings(bill)[0])}
    assert len({answer["externalCode"] for answer in answers}) == 1
    assert_books_agree(pair)


@pytest.mark.covers("F11")
def test_an_answer_after_the_recovery_window_counts_where_basware_still_takes_it(folder: Path) -> None:
    """F11."""
    with open_pair(folder, late_responses=True) as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("F11"))
        pair.faults.arm("http_503", times=1000, site="basware.responses")
        pair.run()
        assert pair.stored(bill_id).state == "posted"
        pair.sandbox.basware.change(bill_id, {"processingStatus": "TransferFailed"})
        pair.faults.disarm()
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert_books_agree(pair)


@pytest.mark.covers("F11")
def test_an_answer_basware_takes_no_more_becomes_a_task_with_the_voucher(pair: Pair) -> None:
    """F11: and a user who transfers it again gets the first voucher."""
    bill = invoice("F11")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("http_503", times=1000, site="basware.responses")
    pair.run()
    pair.sandbox.basware.change(bill_id, {"processingStatus": "TransferFailed"})
    pair.faults.disarm()
    for _ in range(3):
        pair.run()
    assert pair.state(bill_id) == "needs_review/ANSWER_REFUSED"
    assert voucher_of(pair.postings(bill)[0]) in pair.stored(bill_id).reason
    with pytest.raises(Fatal, match="never posted again"):
        queue.retry(pair.connector, bill_id, actor="ap", reason="try")
    pair.sandbox.basware.retransfer(bill_id)
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert len(pair.postings(bill)) == 1
    assert_books_agree(pair)


def test_a_failing_gl_integration_is_noted_and_not_posted_again(pair: Pair) -> None:
    bill = invoice("GL-1")
    (bill_id,) = pair.approve(bill)
    pair.sandbox.syspro.ledger.gl_failures_due = 1
    pair.run()
    pair.run()
    stored = pair.stored(bill_id)
    assert (stored.state, stored.gl_journal) == ("responded", "")
    assert "Unable to add GL journal" in stored.gl_problem
    assert len(pair.postings(bill)) == 1
    assert_books_agree(pair)


@pytest.mark.parametrize("system", ["syspro", "basware"])
def test_nothing_is_lost_while_a_whole_system_is_away(pair: Pair, system: str) -> None:
    bills = [invoice(f"INV-{number}") for number in range(3)]
    pair.approve(*bills)
    sites = {
        "syspro": ("syspro.logon", "syspro.transaction", "syspro.odata", "syspro.logoff"),
        "basware": ("basware",),
    }
    for site in sites[system]:
        pair.faults.arm("reset_before", times=100_000, site=site)
    report = pair.run()
    assert report.problems
    assert report.posted == 0
    if system == "syspro":
        assert report.received == 3, "intake goes on"
        assert pair.sandbox.basware.requests[ACKNOWLEDGES] == 0
    pair.faults.disarm()
    pair.run()
    assert pair.states() == {"responded": 3}
    assert_books_agree(pair)


def test_lost_answers_in_a_row_pause_the_lane(folder: Path) -> None:
    """The service is ill, not the invoices: the fourth is not even tried, and nobody tries until the pause is over."""
    timing = {"linger_seconds": 0, "retry_base_seconds": 60, "retry_max_seconds": 600}
    with open_pair(folder, timing=timing) as pair:
        pair.map()
        pair.approve(*(invoice(f"INV-{number}") for number in range(6)))
        pair.faults.arm("reset_after", times=3, site="syspro.transaction")
        for _ in range(2):
            report = pair.run()
            lane = [problem for problem in report.problems if problem.key == "lane"]
            assert [problem.code for problem in lane] == ["LANE_BLOCKED"]
            assert pair.sandbox.syspro.requests[POSTS] == 3
        assert "the lane rests until" in lane[0].reason
        pair.connector.clock.wait(61)
        pair.run()
        pair.run()
        assert pair.states() == {"responded": 6}
        assert pair.sandbox.syspro.requests[POSTS] == 6
        assert pair.connector.leases.pause_of("operator/INTEG").count == 0
        assert_books_agree(pair)


def test_attempts_end_and_a_person_can_start_them_again(folder: Path) -> None:
    """F31: an invoice whose every attempt is lost ends dead, and the others are posted."""
    with open_pair(folder, posting={"max_attempts": 2}) as pair:
        pair.map()
        poison, sound = pair.approve(invoice("POISON"), invoice("SOUND"))
        pair.faults.arm("reset_before", times=1000, site="syspro.transaction", match="POISON")
        pair.run()
        pair.run()
        assert pair.state(poison) == "dead/ATTEMPTS_USED_UP"
        assert pair.state(sound) == "responded"
        pair.faults.disarm()
        queue.retry(pair.connector, poison, actor="ap", reason="network repaired")
        pair.run()
        assert pair.state(poison) == "responded"
        assert_books_agree(pair)


def test_a_refusal_of_the_number_ends_in_review_and_never_in_a_circle(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SYSPRO refuses the number, though nothing stands under it: three of them must not pause the lane either."""
    refused = [invoice(f"BAD-{number}") for number in range(4)]
    ids = pair.approve(*refused, invoice("GOOD-1"))
    _refuse_number("BAD-", monkeypatch)
    pair.run()
    assert [pair.state(one) for one in ids] == ["needs_review/SYSPRO_REFUSED"] * 4 + ["responded"]
    assert pair.sandbox.syspro.requests[POSTS] == 5
    assert_books_agree(pair)


def _refuse_number(beginning: str, patch: pytest.MonkeyPatch) -> None:
    """Let SYSPRO refuse invoice numbers that begin so, in the element it uses for a number it knows."""
    verdict_on = _ItemCheck._invoice

    def refusing(check: _ItemCheck, supplier: dict[str, Value] | None, code: str) -> str:
        number = verdict_on(check, supplier, code)
        if number.startswith(beginning):
            check.read.refuse("Invoice", 110010, "Invoice number not allowed")
        return number

    patch.setattr(_ItemCheck, "_invoice", refusing)


def test_what_syspro_refuses_waits_with_syspros_own_words_and_can_be_rejected(pair: Pair) -> None:
    """A period that is closed: nothing was posted, so the invoice may be given back."""
    (bill_id,) = pair.approve(invoice("PERIOD"))
    periods = pair.sandbox.syspro.periods
    period = periods.relative("C")
    assert period is not None
    periods.set_open(period, is_open=False)
    pair.run()
    assert pair.state(bill_id) == "needs_review/PERIOD_CLOSED"
    assert "period" in pair.stored(bill_id).reason.lower()
    queue.reject(pair.connector, bill_id, actor="ap", reason="belongs to last year")
    assert pair.state(bill_id) == "rejected"
    assert pair.in_basware(bill_id) == "TransferFailed"
    assert_books_agree(pair)


@pytest.mark.covers("F19")
def test_a_closed_period_that_is_told_by_text_alone_parks_every_invoice_and_costs_no_attempt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a reply but `ERROR: …`: it may have posted, so the look-up comes first, and nothing is sent again."""
    monkeypatch.setattr(app, "SYSTEM_ERROR", "ERROR: AP posting period closed")
    with open_pair(folder, timing={"linger_seconds": 0}) as pair:
        pair.map()
        ids = pair.approve(*(invoice(f"INV-{number}") for number in range(5)))
        pair.faults.arm("system_error", times=5, site="syspro.transaction")
        pair.run()
        assert pair.states() == {"uncertain": 5}
        period = pair.sandbox.syspro.periods.relative("C")
        assert period is not None
        pair.sandbox.syspro.periods.set_open(period, is_open=False)
        pair.connector.clock.wait(700)
        pair.run()
        assert {pair.state(one) for one in ids} == {"needs_review/PERIOD_CLOSED"}
        assert {pair.stored(one).attempts for one in ids} == {0}
        assert "AP posting period closed" in pair.stored(ids[0]).reason
        pair.sandbox.syspro.periods.set_open(period, is_open=True)
        pair.connector.clock.wait(700)
        pair.run()
        assert pair.states() == {"responded": 5}
        assert_books_agree(pair)


def test_a_reopened_period_drains_in_order(pair: Pair) -> None:
    """F19."""
    periods = pair.sandbox.syspro.periods
    period = periods.relative("C")
    assert period is not None
    periods.set_open(period, is_open=False)
    ids = []
    for number in range(3):
        ids += pair.approve(invoice(f"INV-{number}"))
        pair.run()
    assert pair.states() == {"needs_review": 3}
    periods.set_open(period, is_open=True)
    for one in reversed(ids):
        queue.retry(pair.connector, one, actor="ap", reason="reopened")
    pair.run()
    assert pair.states() == {"responded": 3}
    entries = [posted.entry.invoice for posted in pair.sandbox.syspro.ledger.invoices]
    assert entries == ["INV-0", "INV-1", "INV-2"]
    assert_books_agree(pair)


def test_amounts_are_never_taken_for_equal_by_accident(pair: Pair) -> None:
    """An answer is lost, and meanwhile someone keys the same number over another amount."""
    bill = invoice("SAME")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_before", site="syspro.transaction")
    pair.connector.settings.timing.__dict__["linger_seconds"] = 0.0
    pair.run()
    assert pair.stored(bill_id).state == "uncertain"
    pair.sandbox.world.tables["ApInvoice"].insert(
        {
            "Supplier": bill["supplierCode"],
            "Invoice": "SAME",
            "OrigInvValue": Decimal("99.00"),
            "CurrencyValue": Decimal("99.00"),
            "InvoiceYear": 2026,
            "InvoiceMonth": 11,
            "Journal": 4711,
            "EntryNumber": 1,
        }
    )
    pair.connector.clock.wait(1)
    pair.run()
    assert pair.state(bill_id) == "needs_review/DUPLICATE_IN_SYSPRO"
    assert pair.postings(bill) == []
    assert_books_agree(pair)


def test_the_same_invoice_keyed_by_hand_after_a_lost_post_is_not_taken_for_ours(pair: Pair) -> None:
    """Same number and same amount, but another reference: a person decides."""
    bill = invoice("SAME")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("reset_before", site="syspro.transaction")
    pair.connector.settings.timing.__dict__["linger_seconds"] = 0.0
    pair.run()
    pair.sandbox.world.tables["ApInvoice"].insert(
        {
            "Supplier": bill["supplierCode"],
            "Invoice": "SAME",
            "Reference": "keyed by A. Clerk",
            "OrigInvValue": bill["grossSum"],
            "CurrencyValue": bill["grossSum"],
            "InvoiceYear": 2026,
            "InvoiceMonth": 11,
            "Journal": 4711,
            "EntryNumber": 1,
        }
    )
    pair.connector.clock.wait(1)
    pair.run()
    assert pair.state(bill_id) == "needs_review/DUPLICATE_IN_SYSPRO"
    queue.reject(pair.connector, bill_id, actor="ap", reason="keyed by hand already")
    assert pair.in_basware(bill_id) == "TransferFailed"
    assert_books_agree(pair)


def test_a_site_that_keeps_its_own_text_in_the_reference_still_finds_what_a_lost_answer_posted(
    pair: Pair,
) -> None:
    """F6 where TransactionReference does not reach ApInvoice.Reference."""
    first, second = invoice("OWN-1"), invoice("OWN-2")
    (first_id,) = pair.approve(first)
    pair.run()
    with pair.connector.store.write() as connection:
        stored = invoices.get(connection, "M1", first_id)
        assert stored is not None
        changes = {"reference": "AP batch 12", "voucher": stored.voucher}
        invoices.move(connection, stored, State.RESPONDED, pair.connector.clock.now(), changes=changes)
    (second_id,) = pair.approve(second)
    pair.faults.arm("reset_after", site="syspro.transaction")
    pair.connector.settings.timing.__dict__["linger_seconds"] = 0.0
    pair.run()
    assert pair.state(second_id).startswith("uncertain")
    table = pair.sandbox.world.tables["ApInvoice"]
    table.update((second["supplierCode"], "OWN-2"), {"Reference": "AP batch 13"})
    pair.connector.clock.wait(1)
    pair.run()
    pair.run()
    assert pair.state(second_id) == "responded"
    assert len(pair.postings(second)) == 1


def test_one_document_that_syspro_chokes_on_ends_dead_and_the_others_are_posted(pair: Pair) -> None:
    """F31: `e.net exception raised: 100000` may be one document's fault; only two in a row are the system's."""
    good, bad = invoice("GOOD"), invoice("POISON")
    bad_id, good_id = pair.approve(bad, good)
    pair.faults.arm("system_error", times=1000, site="syspro.transaction", match="POISON")
    pair.run()
    assert pair.state(good_id) == "responded"
    for _ in range(15):
        pair.connector.clock.wait(1)
        pair.run()
    assert pair.stored(bad_id).state == "dead"
    assert "e.net exception raised: 100000" in pair.stored(bad_id).reason
    assert pair.postings(bad) == []
    assert_books_agree(pair)


def test_what_syspro_confirmed_is_never_posted_again_although_it_cannot_be_seen(pair: Pair) -> None:
    """A confirmed journal outweighs a look-up that does not find it, however long it does not."""
    bill = invoice("UNSEEN")
    (bill_id,) = pair.approve(bill)
    with pytest.MonkeyPatch.context() as patch, pair.hurried():
        patch.setattr(lookup, "find_entries", lambda odata, keys, currencies: {})
        for _ in range(4):
            pair.run()
            pair.connector.clock.wait(1)
    assert pair.state(bill_id) == "uncertain/NOT_READ_BACK"
    assert pair.sandbox.syspro.requests[POSTS] == 1
    with pytest.raises(Fatal):
        queue.reject(pair.connector, bill_id, actor="ap", reason="gone?")
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_an_answer_that_basware_keeps_refusing_is_handed_to_a_person_with_its_text(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("REFUSED"))
    refusal = Receipt(
        None, 400, (ApiError(None, "BUSINESS", "DATA_VALIDATION_FAILED", "no such voucher"),), "id"
    )
    pair.connector.basware.respond_transfer = lambda invoice_id, response: refusal  # type: ignore[method-assign]
    for _ in range(8):
        pair.run()
        pair.connector.clock.wait(1)
    stored = pair.stored(bill_id)
    assert (stored.state, stored.code) == ("needs_review", "ANSWER_REFUSED")
    assert "no such voucher" in stored.reason
    assert stored.voucher
