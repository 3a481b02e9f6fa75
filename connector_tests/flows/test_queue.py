"""The plain acts on what waits: each with its reason, refused where it would not be right, safe beside a worker."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.states import State
from connector_defs.flows import decisions, queue, restoring
from connector_defs.flows.reports import QueueItem
from connector_defs.store.invoices import LostRace
from connector_tests.flows.by_hand import events_by, key_in, put
from connector_tests.flows.pair import EURO_SUPPLIER, HELD_SUPPLIER, Pair, assert_books_agree, invoice, row

UNBALANCED = {"grossSum": Decimal("109.25")}
UNMAPPED = {"codingRows": [row(accountCode="NEW")]}
_S = State

Act = Callable[..., QueueItem]


def period(connector: Any, key: str, *, actor: str, reason: str) -> QueueItem:
    return decisions.choose_period(connector, key, "P", actor=actor, reason=reason)


# act -> the states in which it may be done to an invoice that never reached SYSPRO, and the state it leads to
ACTS: dict[Act, dict[State, State]] = {
    queue.retry: dict.fromkeys(
        [_S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.DEAD, _S.REJECTED, _S.WITHDRAWN], _S.RECEIVED
    ),
    queue.release: {
        **dict.fromkeys([_S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.DEAD, _S.REJECTED, _S.WITHDRAWN], _S.RECEIVED),
        **{state: state for state in (_S.READY, _S.ACKNOWLEDGED, _S.POSTED)},
    },
    queue.reject: dict.fromkeys([_S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.DEAD], _S.REJECTED),
    queue.mark_dead: dict.fromkeys([_S.NEEDS_MAPPING, _S.NEEDS_REVIEW], _S.DEAD),
    queue.revive: {_S.DEAD: _S.RECEIVED},
    period: dict.fromkeys(
        [_S.RECEIVED, _S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.READY, _S.ACKNOWLEDGED, _S.DEAD], _S.RECEIVED
    ),
    decisions.accept_rounding: {},
    decisions.adopt: {},
    decisions.settle_gl: {},
}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_an_act_leads_where_it_says_or_is_refused_and_changes_nothing(pair: Pair, act: Act) -> None:
    for state in State:
        (bill_id,) = pair.approve(invoice(f"{state}"))
        before = put(pair, bill_id, state)
        if state in ACTS[act]:
            assert act(pair.connector, bill_id, actor="ann", reason=" why ").state == ACTS[act][state]
            told = [event.detail for event in events_by(pair, bill_id, "ann") if "by_hand" in event.detail]
            assert [detail["by_hand"] for detail in told] == ["why"]
        else:
            with pytest.raises(Fatal, match=str(state)):
                act(pair.connector, bill_id, actor="ann", reason="why")
            assert pair.stored(bill_id) == before
            assert events_by(pair, bill_id, "ann") == []


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_no_act_but_a_release_moves_what_stands_in_syspro(pair: Pair, act: Act) -> None:
    for state in (_S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.DEAD, _S.UNCERTAIN, _S.POSTED, _S.RESPONDED):
        (bill_id,) = pair.approve(invoice(f"{state}"))
        before = put(pair, bill_id, state, voucher="202611-00017-0001", code="UNBALANCED")
        if act is queue.release and state in (_S.NEEDS_REVIEW, _S.POSTED):
            assert act(pair.connector, bill_id, actor="ann", reason="why").state == _S.POSTED
            continue
        with pytest.raises(Fatal):
            act(pair.connector, bill_id, actor="ann", reason="why")
        assert pair.stored(bill_id) == before


@pytest.mark.parametrize(
    ("act", "state", "fields"),
    [
        (queue.retry, _S.NEEDS_REVIEW, {}),
        (queue.release, _S.READY, {}),
        (queue.reject, _S.NEEDS_REVIEW, {}),
        (queue.mark_dead, _S.NEEDS_REVIEW, {}),
        (queue.revive, _S.DEAD, {}),
        (period, _S.NEEDS_REVIEW, {}),
        (decisions.adopt, _S.NEEDS_REVIEW, {}),
        (decisions.settle_gl, _S.RESPONDED, {"gl_problem": "1 failed"}),
    ],
)
def test_an_act_without_a_reason_is_not_done(
    pair: Pair, act: Act, state: State, fields: dict[str, Any]
) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    before = put(pair, bill_id, state, **fields)
    with pytest.raises(Fatal, match="reason"):
        act(pair.connector, bill_id, actor="ann", reason="  ")
    assert pair.stored(bill_id) == before
    assert pair.sandbox.basware.responses == []


class TestRejecting:
    """What the clerk reads in Basware, and what can come between."""

    def test_a_long_reason_is_cut_visibly_for_basware_and_kept_whole_here(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNBALANCED))
        pair.run()
        reason = "not ours, " * 40
        queue.reject(pair.connector, bill_id, actor="ann", reason=reason)
        told = pair.sandbox.basware.responses[0].response["responseMessage"]
        assert len(told) == queue.TOLD_AT_MOST
        assert told == reason[:249] + "…"
        kept = events_by(pair, bill_id, "ann")[-1].detail
        assert (kept["by_hand"], kept["told_basware"]) == (reason.strip(), told)
        assert_books_agree(pair)

    def test_a_reason_of_just_the_right_length_is_told_whole(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNBALANCED))
        pair.run()
        queue.reject(pair.connector, bill_id, actor="ann", reason="x" * 250)
        assert pair.sandbox.basware.responses[0].response["responseMessage"] == "x" * 250

    def test_a_mapping_that_comes_while_basware_is_told_does_not_set_the_invoice_going(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bill = invoice("INV-1", **UNMAPPED)
        (bill_id,) = pair.approve(bill)
        pair.run()
        respond = pair.connector.basware.respond_transfer

        def while_others_work(*arguments: Any) -> Any:
            monkeypatch.setattr(pair.connector.basware, "respond_transfer", respond)
            pair.map("NEW", "00-6010")
            pair.run()
            return respond(*arguments)

        monkeypatch.setattr(pair.connector.basware, "respond_transfer", while_others_work)
        queue.reject(pair.connector, bill_id, actor="ann", reason="not ours")
        pair.run()
        assert pair.state(bill_id) == "rejected"
        assert pair.postings(bill) == []
        assert_books_agree(pair)

    def test_a_worker_that_was_faster_is_told_before_basware_hears_anything(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
        pair.run()
        stale = pair.stored(bill_id)
        pair.map("NEW", "00-6010")
        pair.run()
        monkeypatch.setattr(queue, "find", lambda *_: stale)
        with pytest.raises(LostRace, match=r"was needs_mapping and is responded now.*queue show"):
            queue.reject(pair.connector, bill_id, actor="ann", reason="not ours")
        assert pair.in_basware(bill_id) == "Transferred"
        assert_books_agree(pair)

    def test_a_rejection_that_somebody_overtook_says_that_basware_knows(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNBALANCED))
        pair.run()
        respond = pair.connector.basware.respond_transfer

        def then_a_colleague_retries(*arguments: Any) -> Any:
            receipt = respond(*arguments)
            queue.retry(pair.connector, bill_id, actor="bob", reason="looks right to me")
            return receipt

        monkeypatch.setattr(pair.connector.basware, "respond_transfer", then_a_colleague_retries)
        with pytest.raises(LostRace, match=r"^Basware was told of the rejection, but .* is received now"):
            queue.reject(pair.connector, bill_id, actor="ann", reason="not ours")

    def test_an_invoice_answered_elsewhere_waits_again_for_what_it_waited_for(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNBALANCED))
        pair.run()
        before = pair.stored(bill_id)
        pair.sandbox.basware.change(bill_id, {"processingStatus": "Paid"})
        with pytest.raises(Fatal, match="Paid"):
            queue.reject(pair.connector, bill_id, actor="ann", reason="no")
        after = pair.stored(bill_id)
        assert (after.state, after.code, after.reason, after.remedy) == (
            before.state,
            before.code,
            before.reason,
            before.remedy,
        )

    def test_a_lost_answer_leaves_it_in_review_with_the_remedy(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
        pair.run()
        pair.faults.arm("reset_before", times=10, site="basware.responses")
        with pytest.raises(Exception, match="transferResponses"):
            queue.reject(pair.connector, bill_id, actor="ann", reason="no")
        assert pair.state(bill_id) == "needs_review/REJECTION_BEGUN"
        assert "once more" in pair.stored(bill_id).remedy
        pair.faults.disarm()
        queue.reject(pair.connector, bill_id, actor="ann", reason="no")
        assert pair.state(bill_id) == "rejected"
        assert pair.in_basware(bill_id) == "TransferFailed"
        assert_books_agree(pair)


class TestSettingAside:
    """Dead by hand, and back."""

    def test_a_dead_invoice_rests_until_it_is_revived(self, pair: Pair) -> None:
        bill = invoice("INV-1", **UNMAPPED)
        (bill_id,) = pair.approve(bill)
        pair.run()
        item = queue.mark_dead(pair.connector, "INV-1", actor="ann", reason="supplier in dispute")
        assert (item.state, item.code, item.reason) == ("dead", "SET_ASIDE", "supplier in dispute")
        pair.map("NEW", "00-6010")
        pair.run()
        assert pair.state(bill_id) == "dead/SET_ASIDE"
        assert pair.in_basware(bill_id) == "WaitingForTransfer"
        assert pair.postings(bill) == []
        queue.revive(pair.connector, "INV-1", actor="ann", reason="settled")
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert_books_agree(pair)

    def test_a_revived_invoice_has_all_its_attempts_again(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        put(pair, bill_id, State.DEAD, attempts=10, code="ATTEMPTS_USED_UP")
        queue.revive(pair.connector, bill_id, actor="ann", reason="SYSPRO is repaired")
        assert pair.stored(bill_id).attempts == 0

    def test_what_syspro_has_after_all_is_found_by_the_revived_invoice_and_not_posted_again(
        self, pair: Pair
    ) -> None:
        bill = invoice("INV-1")
        (bill_id,) = pair.approve(bill)
        key_in(pair, bill, reference=posting_reference("M1", bill_id))
        put(pair, bill_id, State.DEAD, fingerprint="f" * 64, attempts=10)
        queue.revive(pair.connector, bill_id, actor="ann", reason="try")
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert len(pair.postings(bill)) == 1
        assert_books_agree(pair)

    def test_an_uncertain_invoice_is_left_to_the_look_up_even_after_its_quarantine(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        put(pair, bill_id, State.UNCERTAIN, next_attempt_at=pair.connector.clock.now())
        pair.connector.clock.wait(10_000)
        with pytest.raises(Fatal, match="look-up that decides on it must go on"):
            queue.mark_dead(pair.connector, bill_id, actor="ann", reason="enough")


@pytest.mark.parametrize("act", [queue.retry, queue.release, queue.mark_dead, period])
def test_an_act_on_an_invoice_that_moved_meanwhile_says_so(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
    pair.run()
    stale = pair.stored(bill_id)
    pair.map("NEW", "00-6010")
    pair.run()
    before = pair.stored(bill_id)
    for module in (queue, decisions):
        monkeypatch.setattr(module, "find", lambda *_: stale)
    with pytest.raises(LostRace, match=r"INV-1 moved meanwhile: it was needs_mapping and is responded now"):
        act(pair.connector, bill_id, actor="ann", reason="why")
    assert pair.stored(bill_id) == before
    assert_books_agree(pair)


def test_a_release_ends_only_the_waiting_and_keeps_the_voucher(pair: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    pair.faults.arm("http_503", times=1000, site="basware.responses")
    pair.run()
    voucher = pair.stored(bill_id).voucher
    queue.release(pair.connector, bill_id, actor="ann", reason="now")
    assert pair.stored(bill_id).voucher == voucher != ""


def test_a_release_of_what_basware_no_longer_has_is_refused(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    before = put(pair, bill_id, State.NEEDS_REVIEW, voucher="202611-00017-0001")
    monkeypatch.setattr(pair.connector.basware, "document", lambda _: None)
    with pytest.raises(Fatal, match="not in Basware any more"):
        queue.release(pair.connector, bill_id, actor="ann", reason="why")
    assert pair.stored(bill_id) == before


class TestListing:
    """What is asked for, and nothing else."""

    @pytest.fixture
    def waiting(self, pair: Pair) -> dict[str, str]:
        bills = {
            "unmapped": invoice("INV-1", **UNMAPPED),
            "unbalanced": invoice("INV-2", **UNBALANCED),
            "held": invoice("INV-3", supplierCode=HELD_SUPPLIER),
            "euro": invoice("INV-4", supplierCode=EURO_SUPPLIER),
        }
        ids = dict(zip(bills, pair.approve(*bills.values()), strict=True))
        pair.run()
        return ids

    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            ({}, {"unmapped", "unbalanced", "held", "euro"}),
            ({"company_name": "1000"}, {"unmapped", "unbalanced", "held", "euro"}),
            ({"states": [State.NEEDS_MAPPING]}, {"unmapped"}),
            ({"states": [State.RESPONDED]}, set()),
            ({"code": "UNBALANCED"}, {"unbalanced"}),
            ({"code": "supplier_"}, {"held"}),
            ({"supplier": "10"}, {"held"}),
            ({"supplier": HELD_SUPPLIER, "code": "UNBALANCED"}, set()),
            ({"older_than": timedelta(hours=2)}, set()),
            ({"older_than": timedelta(0)}, {"unmapped", "unbalanced", "held", "euro"}),
        ],
    )
    def test_filters_narrow_the_list(
        self, pair: Pair, waiting: dict[str, str], filters: dict[str, Any], names: set[str]
    ) -> None:
        found = queue.waiting(pair.connector, **filters)
        assert {item.invoice_id for item in found} == {waiting[name] for name in names}

    def test_what_came_before_is_older(self, pair: Pair, waiting: dict[str, str]) -> None:
        pair.connector.clock.wait(3 * 3600)
        (late_id,) = pair.approve(invoice("INV-5", **UNMAPPED))
        pair.run()
        found = queue.waiting(pair.connector, older_than=timedelta(hours=2))
        assert {item.invoice_id for item in found} == set(waiting.values()) - {late_id}


@pytest.mark.parametrize("act", [queue.reject, queue.release])
def test_nothing_is_told_basware_while_the_state_is_older_than_the_books(
    pair: Pair, act: Callable[..., QueueItem]
) -> None:
    """A restored state may have forgotten that the invoice stands in SYSPRO."""
    (bill_id,) = pair.approve(invoice("INV-1", grossSum=Decimal("999.00")))
    pair.run()
    assert pair.state(bill_id) == "needs_review/UNBALANCED"
    restoring.hold_all(pair.connector, "the state was restored", actor="ops")
    with pytest.raises(Fatal, match="cannot be decided on: the state was restored"):
        act(pair.connector, bill_id, actor="ap", reason="not ours")
    assert pair.in_basware(bill_id) == "WaitingForTransfer"
    pair.run()
    queue.reject(pair.connector, bill_id, actor="ap", reason="not ours")
    assert pair.in_basware(bill_id) == "TransferFailed"
