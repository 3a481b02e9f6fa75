"""What a person decides about one invoice: the period, a rounding, the voucher it has, its failed GL journal."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.domain.invoices import Decisions
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.states import State
from connector_defs.flows import decisions, overview, queue
from connector_defs.store.invoices import LostRace
from connector_tests.flows.by_hand import CLERK, adopt_at_once, events_by, key_in, put
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, open_pair, row
from connector_tests.proof.judge import voucher_of

UNMAPPED = {"codingRows": [row(accountCode="NEW")]}
OFF_BY_07 = {"grossSum": Decimal("108.95")}
WHO = {"actor": "ann", "reason": "as agreed"}


@pytest.fixture
def rounding_pair(folder: Path) -> Any:
    with open_pair(folder, posting={"rounding_account": "00-6010"}) as opened:
        opened.map()
        yield opened


class TestPeriod:
    """A posting period for one invoice alone."""

    def test_an_invoice_of_a_closed_period_is_posted_in_the_one_that_was_chosen(self, pair: Pair) -> None:
        periods = pair.sandbox.syspro.periods
        current, previous = periods.current(), periods.relative("P")
        assert previous is not None
        periods.set_open(current, is_open=False)
        bill = invoice("INV-1")
        (bill_id,) = pair.approve(bill)
        pair.run()
        assert pair.stored(bill_id).state == "needs_review"
        item = decisions.choose_period(pair.connector, "INV-1", "p", **WHO)
        assert item.state == "received"
        pair.run()
        assert pair.state(bill_id) == "responded"
        (posted,) = pair.postings(bill)
        assert (posted.year, posted.month) == previous
        told = events_by(pair, bill_id, "ann")[0].detail
        assert (told["by_hand"], told["period"]) == ("as agreed", "P")
        assert_books_agree(pair)

    def test_a_letter_means_what_it_meant_when_it_was_chosen(self, pair: Pair) -> None:
        """The month ends while the invoice waits for something else."""
        bill = invoice("INV-1", codingRows=[row(accountCode="NEW")])
        (bill_id,) = pair.approve(bill)
        pair.run()
        decisions.choose_period(pair.connector, bill_id, "P", **WHO)
        pair.run()
        assert pair.state(bill_id) == "needs_mapping/UNMAPPED_ACCOUNT"
        control = pair.sandbox.syspro.ledger.tables["ApControl"]
        held = control.as_dict(control.rows[0])
        control.update([held[name] for name in control.schema.key], {"FinPeriod": 12})
        pair.map("NEW")
        pair.run()
        (posted,) = pair.postings(bill)
        assert (posted.year, posted.month) == (2026, 10)
        assert pair.state(bill_id) == "responded"

    @pytest.mark.parametrize("period", ["", "D", "2026-16", "2026-00", "26-11", "11", "CP"])
    def test_what_is_no_period_is_refused(self, pair: Pair, period: str) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
        pair.run()
        with pytest.raises(Fatal, match="no posting period"):
            decisions.choose_period(pair.connector, bill_id, period, **WHO)

    def test_a_period_may_be_named_by_year_and_number(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
        pair.run()
        decisions.choose_period(pair.connector, bill_id, "2026-10", **WHO)
        assert Decisions.read(pair.stored(bill_id).decisions).period == "2026-10"

    def test_the_choice_is_void_as_soon_as_the_invoice_changes_in_basware(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
        pair.run()
        decisions.choose_period(pair.connector, bill_id, "B", **WHO)
        assert Decisions.read(pair.stored(bill_id).decisions).period == "B"
        pair.sandbox.basware.change(bill_id, {"description": "another"})
        pair.run()
        assert pair.stored(bill_id).decisions == "{}"

    def test_a_choice_leaves_other_decisions_as_they_are(self, rounding_pair: Pair) -> None:
        (bill_id,) = rounding_pair.approve(invoice("INV-1", **OFF_BY_07))
        rounding_pair.run()
        decisions.accept_rounding(rounding_pair.connector, bill_id, **WHO)
        decisions.choose_period(rounding_pair.connector, bill_id, "P", **WHO)
        kept = Decisions.read(rounding_pair.stored(bill_id).decisions)
        assert kept == Decisions(period="P", rounding=Decimal("0.70"), stands_for="2026-10")


class TestRounding:
    """A difference between rows and gross sum, accepted as it stands."""

    @pytest.mark.parametrize("gross", ["108.95", "107.55", "109.25", "107.25"])
    def test_an_accepted_difference_goes_to_the_rounding_account_to_the_cent(
        self, rounding_pair: Pair, gross: str
    ) -> None:
        pair = rounding_pair
        bill = invoice("INV-1", grossSum=Decimal(gross))
        (bill_id,) = pair.approve(bill)
        pair.run()
        assert pair.state(bill_id) == "needs_review/UNBALANCED"
        decisions.accept_rounding(pair.connector, bill_id, **WHO)
        pair.run()
        assert pair.state(bill_id) == "responded"
        (posted,) = pair.postings(bill)
        off = Decimal(gross) - Decimal("108.25")
        assert [part.value for part in posted.entry.distributions if part.gl_code == "00-6010"] == [off]
        told = events_by(pair, bill_id, "ann")[0].detail
        assert (told["accepted"], told["currency"], told["account"]) == (str(off), "USD", "00-6010")
        assert_books_agree(pair)

    @pytest.mark.parametrize("gross", ["109.26", "107.24", "999.00"])
    def test_a_larger_difference_is_not_for_a_person_to_accept(self, rounding_pair: Pair, gross: str) -> None:
        (bill_id,) = rounding_pair.approve(invoice("INV-1", grossSum=Decimal(gross)))
        rounding_pair.run()
        with pytest.raises(Fatal, match=r"at most 1\.00 is accepted by hand"):
            decisions.accept_rounding(rounding_pair.connector, bill_id, **WHO)
        assert rounding_pair.state(bill_id) == "needs_review/UNBALANCED"

    def test_the_limit_is_a_setting(self, folder: Path) -> None:
        limits = {"rounding_account": "00-6010", "largest_accepted_rounding": Decimal("0.50")}
        with open_pair(folder, posting=limits) as pair:
            pair.map()
            pair.approve(invoice("INV-1", **OFF_BY_07))
            pair.run()
            with pytest.raises(Fatal, match=r"off by 0\.70 USD; at most 0\.50"):
                decisions.accept_rounding(pair.connector, "INV-1", **WHO)

    def test_without_a_rounding_account_there_is_nowhere_for_it_to_go(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **OFF_BY_07))
        pair.run()
        with pytest.raises(Fatal, match=r"posting\.rounding_account"):
            decisions.accept_rounding(pair.connector, bill_id, **WHO)

    def test_only_an_unbalanced_invoice_has_a_difference_to_accept(self, rounding_pair: Pair) -> None:
        (bill_id,) = rounding_pair.approve(invoice("INV-1", supplierCode="000000000000010"))
        rounding_pair.run()
        with pytest.raises(Fatal, match="needs_review for SUPPLIER_ON_HOLD"):
            decisions.accept_rounding(rounding_pair.connector, bill_id, **WHO)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({}, "its rows make the gross sum"),
            ({"grossSum": None}, "no gross sum"),
        ],
    )
    def test_what_the_payload_does_not_show_is_not_accepted(
        self, rounding_pair: Pair, fields: dict[str, Any], said: str
    ) -> None:
        (bill_id,) = rounding_pair.approve(invoice("INV-1", **fields))
        put(rounding_pair, bill_id, State.NEEDS_REVIEW, code="UNBALANCED")
        with pytest.raises(Fatal, match=said):
            decisions.accept_rounding(rounding_pair.connector, bill_id, **WHO)

    def test_a_payload_that_cannot_be_read_is_named(self, rounding_pair: Pair) -> None:
        (bill_id,) = rounding_pair.approve(invoice("INV-1"))
        put(rounding_pair, bill_id, State.NEEDS_REVIEW, code="UNBALANCED", payload="{}")
        with pytest.raises(Fatal, match="cannot be read"):
            decisions.accept_rounding(rounding_pair.connector, bill_id, **WHO)

    def test_another_difference_after_a_change_in_basware_is_not_accepted_with_it(
        self, rounding_pair: Pair
    ) -> None:
        pair = rounding_pair
        (bill_id,) = pair.approve(invoice("INV-1", **OFF_BY_07))
        pair.run()
        decisions.accept_rounding(pair.connector, bill_id, **WHO)
        pair.sandbox.basware.change(bill_id, {"grossSum": Decimal("108.99")})
        pair.run()
        assert pair.state(bill_id) == "needs_review/UNBALANCED"
        assert pair.sandbox.syspro.ledger.invoices == []


class TestAdopting:
    """A posting that somebody keyed into SYSPRO becomes ours, with evidence, and only where it is beyond doubt."""

    def test_an_adopted_posting_is_answered_and_never_posted_again(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        posted = key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        assert pair.state(bill_id) == "needs_review/DUPLICATE_IN_SYSPRO"
        item = decisions.adopt(pair.connector, bill_id, voucher=voucher_of(posted), **WHO)
        assert (item.state, item.voucher) == ("posted", voucher_of(posted))
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert pair.in_basware(bill_id) == "Transferred"
        (answer,) = pair.sandbox.basware.responses
        assert answer.response["voucherNumber1"] == voucher_of(posted)
        assert pair.postings(bill) == [posted]
        assert_books_agree(pair)

    def test_the_evidence_is_kept_in_the_audit(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        posted = key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        decisions.adopt(pair.connector, bill_id, **WHO)
        told = events_by(pair, bill_id, "ann")[0]
        assert (told.action, told.detail["by_hand"], told.detail["how"]) == (
            "needs_review->posted",
            "as agreed",
            "adopted",
        )
        evidence = told.detail["evidence"]
        assert (evidence["journal"], evidence["entry"]) == (posted.journal, posted.entry_number)
        assert (evidence["year"], evidence["month"]) == (posted.year, posted.month)
        assert (evidence["supplier"], evidence["number"]) == (bill["supplierCode"], "INV-1")
        assert (evidence["value"], evidence["currency_value"]) == ("108.25", "108.25")
        assert (evidence["reference"], evidence["posted_by"]) == (CLERK, "somebody in SYSPRO")

    @pytest.mark.parametrize("state", [State.NEEDS_MAPPING, State.NEEDS_REVIEW, State.DEAD])
    def test_whatever_waits_for_a_person_may_adopt(self, pair: Pair, state: State) -> None:
        bill = invoice("INV-1", **UNMAPPED)
        key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        put(pair, bill_id, state)
        decisions.adopt(pair.connector, bill_id, **WHO)
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert_books_agree(pair)

    def test_a_transferred_again_invoice_gets_the_adopted_voucher_back(self, pair: Pair) -> None:
        bill = invoice("INV-1", **UNMAPPED)
        posted = key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        decisions.adopt(pair.connector, bill_id, **WHO)
        pair.run()
        pair.sandbox.basware.retransfer(bill_id)
        pair.run()
        vouchers = [one.response["voucherNumber1"] for one in pair.sandbox.basware.responses]
        assert vouchers == [voucher_of(posted)] * 2
        assert_books_agree(pair)

    @pytest.mark.parametrize("gross", ["108.24", "200.00", "-108.25"])
    def test_another_amount_is_never_adopted(self, pair: Pair, gross: str) -> None:
        bill = invoice("INV-1")
        posted = key_in(pair, bill, gross)
        (bill_id,) = pair.approve(bill)
        pair.run()
        with pytest.raises(Fatal, match="another amount is never adopted"):
            decisions.adopt(pair.connector, bill_id, voucher=voucher_of(posted), **WHO)
        assert pair.stored(bill_id).voucher == ""

    def test_another_voucher_than_the_one_meant_is_not_adopted(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        posted = key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        with pytest.raises(Fatal, match=f"as voucher {voucher_of(posted)}, not 202601-00001-0001"):
            decisions.adopt(pair.connector, bill_id, voucher="202601-00001-0001", **WHO)

    def test_what_does_not_stand_in_syspro_is_not_adopted(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1", **UNMAPPED))
        key_in(pair, invoice("INV-2"))
        pair.run()
        with pytest.raises(Fatal, match=r"no AP invoice 'INV-1' of supplier"):
            decisions.adopt(pair.connector, bill_id, **WHO)

    def test_a_posting_of_another_basware_invoice_is_not_adopted(self, pair: Pair) -> None:
        """By its marker: our state need not know that other invoice."""
        bill = invoice("INV-1")
        key_in(pair, bill, reference=posting_reference("M1", "another"))
        (bill_id,) = pair.approve(bill)
        put(pair, bill_id, State.NEEDS_REVIEW)
        with pytest.raises(Fatal, match="marker of another Basware invoice"):
            decisions.adopt(pair.connector, bill_id, **WHO)

    def test_our_own_posting_may_be_adopted_where_the_state_forgot_it(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        (bill_id,) = pair.approve(bill)
        key_in(pair, bill, reference=posting_reference("M1", bill_id))
        put(pair, bill_id, State.NEEDS_REVIEW)
        decisions.adopt(pair.connector, bill_id, **WHO)
        evidence = events_by(pair, bill_id, "ann")[0].detail["evidence"]
        assert evidence["posted_by"] == "this connector"

    def test_a_double_cannot_adopt_what_its_twin_has(self, pair: Pair) -> None:
        bill, double = invoice("INV-1"), invoice("INV-1 ")
        key_in(pair, bill)
        bill_id, double_id = pair.approve(bill, double)
        put(pair, bill_id, State.NEEDS_REVIEW)
        put(pair, double_id, State.NEEDS_REVIEW)
        decisions.adopt(pair.connector, bill_id, **WHO)
        with pytest.raises(Fatal, match=f"that of Basware invoice {bill_id}"):
            decisions.adopt(pair.connector, double_id, **WHO)
        assert pair.stored(double_id).voucher == ""
        assert events_by(pair, double_id, "ann") == []

    def test_a_twin_that_may_be_in_syspro_keeps_others_from_adopting(self, pair: Pair) -> None:
        bill, twin = invoice("INV-1"), invoice("INV-1", "50.00", tax="58.25")
        key_in(pair, bill)
        bill_id, twin_id = pair.approve(bill, twin)
        put(pair, bill_id, State.NEEDS_REVIEW)
        put(pair, twin_id, State.UNCERTAIN)
        with pytest.raises(Fatal, match="is, or may be"):
            decisions.adopt(pair.connector, bill_id, **WHO)

    def test_an_invoice_that_changed_in_basware_must_be_taken_in_first(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        pair.sandbox.basware.change(bill_id, {"grossSum": Decimal("300.00")})
        with pytest.raises(Fatal, match="changed in Basware since"):
            decisions.adopt(pair.connector, bill_id, **WHO)

    @pytest.mark.parametrize("status", ["Transferred", "Paid", "WaitingToBeReturned"])
    def test_an_invoice_that_basware_takes_no_voucher_for_adopts_none(self, pair: Pair, status: str) -> None:
        bill = invoice("INV-1")
        key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        pair.sandbox.basware.change(bill_id, {"processingStatus": status})
        with pytest.raises(Fatal, match=status):
            decisions.adopt(pair.connector, bill_id, **WHO)

    def test_an_invoice_that_left_basware_adopts_nothing(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        put(pair, bill_id, State.NEEDS_REVIEW)
        monkeypatch.setattr(pair.connector.basware, "document", lambda _: None)
        with pytest.raises(Fatal, match="not in Basware any more"):
            decisions.adopt(pair.connector, bill_id, **WHO)

    def test_an_invoice_that_moves_during_the_look_up_is_not_adopted(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bill = invoice("INV-1")
        key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        pair.run()
        look_up = decisions.standing

        def while_a_colleague_acts(*arguments: Any) -> Any:
            queue.mark_dead(pair.connector, bill_id, actor="bob", reason="mine")
            return look_up(*arguments)

        monkeypatch.setattr(decisions, "standing", while_a_colleague_acts)
        with pytest.raises(LostRace, match="is dead now"):
            decisions.adopt(pair.connector, bill_id, **WHO)
        assert pair.stored(bill_id).voucher == ""


def test_two_people_who_adopt_one_posting_at_once_do_not_both_have_it(pair: Pair) -> None:
    adopt_at_once(pair)


class TestFailedGlJournals:
    """The AP posting stands, the GL journal does not: told until a person has dealt with it, never posted again."""

    def test_a_failed_gl_journal_is_told_until_it_is_settled(self, pair: Pair) -> None:
        bill = invoice("INV-1")
        (bill_id,) = pair.approve(
            bill,
        )
        pair.sandbox.syspro.ledger.gl_failures_due = 1
        pair.run()
        assert pair.state(bill_id) == "responded"
        (item,) = queue.gl_problems(pair.connector)
        assert (item.invoice_id, item.voucher) == (bill_id, voucher_of(pair.postings(bill)[0]))
        assert "Unable to add GL journal" in item.gl_problem
        assert overview.status(pair.connector).gl_problems == 1
        pair.run()
        assert len(pair.postings(bill)) == 1
        decisions.settle_gl(pair.connector, bill_id, **WHO)
        assert queue.gl_problems(pair.connector, "M1") == []
        assert overview.status(pair.connector).gl_problems == 0
        assert pair.state(bill_id) == "responded"
        told = events_by(pair, bill_id, "ann")[0].detail
        assert told["by_hand"] == "as agreed"
        assert "Unable to add GL journal" in told["settled"]
        assert_books_agree(pair)

    def test_settling_changes_nothing_else_of_an_invoice_under_way(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        later = pair.connector.clock.now()
        before = put(
            pair,
            bill_id,
            State.POSTED,
            gl_problem="1 failed",
            code="NOT_ANSWERED",
            reason="Basware is away",
            remedy="nothing to do",
            next_attempt_at=later,
            voucher="202611-00017-0001",
        )
        decisions.settle_gl(pair.connector, bill_id, **WHO)
        after = pair.stored(bill_id)
        for name in ("state", "code", "reason", "remedy", "next_attempt_at", "voucher", "answers"):
            assert getattr(after, name) == getattr(before, name)

    def test_there_must_be_a_failed_journal_to_settle(self, pair: Pair) -> None:
        (bill_id,) = pair.approve(invoice("INV-1"))
        pair.run()
        with pytest.raises(Fatal, match="no failed GL journal"):
            decisions.settle_gl(pair.connector, bill_id, **WHO)
