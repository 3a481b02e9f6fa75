"""GL mapping as people work with it: rules set, withdrawn, proposed and approved, and the invoices that frees."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.domain.gl_mapping import DIMENSION_NAMES, MappingRule, RuleKey, RuleStatus
from connector_defs.flows import mapping, overview
from connector_defs.flows.intake import approved_invoice
from connector_defs.store import audit
from connector_tests.flows.pair import ACCOUNT, Pair, assert_books_agree, invoice, open_pair, row

NORTH = (("dim1", "NORTH"),)
OTHER = "00-6010"


@pytest.fixture
def careful(folder: Path) -> Iterator[Pair]:
    """A site where every rule needs a second person."""
    with open_pair(folder, mapping={"second_approver": True}) as opened:
        yield opened


def waiting(pair: Pair, *rows: dict[str, object], **fields: object) -> str:
    """An invoice on an account that has no rule, taken in and found so."""
    number = f"W-{len(pair.sandbox.basware.documents)}"
    (one,) = pair.approve(invoice(number, codingRows=list(rows) or [row(accountCode="NEW")], **fields))
    pair.run()
    return one


def set_new(pair: Pair, gl_code: str = ACCOUNT, **more: object) -> tuple[MappingRule, int]:
    told = {"actor": "ann", "reason": "agreed", **more}
    return mapping.set_rule(pair.connector, "M1", "NEW", None, gl_code, **told)  # type: ignore[arg-type]


class TestSet:
    def test_a_rule_frees_what_waited_for_it_and_the_next_run_posts_it(self, pair: Pair) -> None:
        one = waiting(pair)
        assert pair.state(one) == "needs_mapping/UNMAPPED_ACCOUNT"
        _, freed = set_new(pair)
        assert (freed, pair.state(one)) == (1, "received")
        pair.run()
        assert pair.state(one) == "responded"
        assert_books_agree(pair)

    def test_a_rule_for_a_dimension_posts_that_row_to_its_own_code(self, pair: Pair) -> None:
        rows = [
            row("60.00", "0", key="r1", accountCode="NEW", dimCode1="NORTH"),
            row("40.00", "8.25", key="r2", accountCode="NEW", dimCode1="SOUTH"),
        ]
        one = waiting(pair, *rows)
        assert set_new(pair, OTHER, dimensions=NORTH)[1] == 0
        assert set_new(pair)[1] == 1
        pair.run()
        assert pair.state(one) == "responded"
        (posted,) = pair.postings(invoice("W-0"))
        coded = {part.gl_code: str(part.value) for part in posted.entry.distributions}
        assert coded[OTHER] == "60.00"
        assert coded[ACCOUNT] == "40.00"

    def test_a_rule_that_holds_from_later_on_frees_nothing_until_it_holds(self, pair: Pair) -> None:
        one = waiting(pair)
        assert set_new(pair, valid_from=date(2026, 11, 10))[1] == 0
        pair.run()
        assert pair.state(one) == "needs_mapping/UNMAPPED_ACCOUNT"
        assert set_new(pair, valid_from=date(2026, 11, 9), valid_to=date(2026, 11, 9))[1] == 1
        pair.run()
        assert pair.state(one) == "responded"

    def test_a_voucher_date_goes_before_the_invoice_date(self, pair: Pair) -> None:
        set_new(pair, valid_from=date(2026, 11, 10))
        early, late = waiting(pair), waiting(pair, voucherDate="2026-11-10T00:00:00")
        assert pair.state(early) == "needs_mapping/UNMAPPED_ACCOUNT"
        assert pair.state(late) == "responded"
        assert "'NEW' on 2026-11-09" in pair.stored(early).reason

    def test_a_tie_waits_and_whatever_ends_it_frees_the_invoice(self, pair: Pair) -> None:
        mapping.set_rule(pair.connector, "M1", "NEW", "CC1", OTHER, actor="ann", reason="center")
        set_new(pair, dimensions=NORTH)
        tied = row(accountCode="NEW", costCenterCode="CC1", dimCode1="NORTH")
        one = waiting(pair, tied)
        assert pair.state(one) == "needs_mapping/MAPPING_AMBIGUOUS"
        assert (
            "cost centre CC1 -> 00-6010; account code NEW, dim1 NORTH -> 00-6000" in pair.stored(one).reason
        )
        (listed,) = overview.unmapped_accounts(pair.connector)
        assert (listed.account_code, listed.dimensions) == ("NEW", NORTH)
        assert "00-6010" in listed.rivals
        _, freed = mapping.retire_rule(
            pair.connector, RuleKey("M1", "NEW", "CC1"), actor="ann", reason="gone"
        )
        assert freed == 1
        pair.run()
        assert pair.state(one) == "responded"
        assert pair.postings(invoice("W-0"))[0].entry.distributions[0].gl_code == ACCOUNT

    def test_rows_without_value_hold_nothing_up(self, pair: Pair) -> None:
        one = waiting(pair, row(accountCode="NEW"), row("0.00", "0.00", key="r2", accountCode="NEVER"))
        assert [each.account_code for each in overview.unmapped_accounts(pair.connector)] == ["NEW"]
        assert set_new(pair)[1] == 1
        pair.run()
        assert pair.state(one) == "responded"

    @pytest.mark.parametrize(
        ("account", "center", "gl_code", "more", "words"),
        [
            (" ", None, "1", {}, "the account code is missing"),
            ("a", None, " ", {}, "the GL code is missing"),
            ("a" * 51, None, "1", {}, "account code 'a+' has 51 characters, at most 50"),
            ("a", None, "1" * 36, {}, "GL code '1+' has 36 characters, at most 35"),
            ("a", "c" * 201, "1", {}, "cost centre 'c+' has 201 characters, at most 200"),
            ("a", None, "1", {"dimensions": (("dim1", "d" * 300),)}, "dimensions '.*' has 305 characters"),
            ("a", None, "1", {"reason": "r" * 1001}, "reason '.*' has 1001 characters"),
            ("a\x00", None, "1", {}, "account code 'a.*' holds a control character"),
            ("a", None, "1", {"reason": "\udcff"}, "reason '.*' holds a control character"),
            (
                "a",
                None,
                "1",
                {"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 31)},
                "it ends on 2026-01-31, before it begins on 2026-02-01",
            ),
        ],
    )
    def test_what_cannot_be_a_rule_is_refused_with_the_reason(
        self,
        pair: Pair,
        account: str,
        center: str | None,
        gl_code: str,
        more: dict[str, object],
        words: str,
    ) -> None:
        told = {"actor": "ann", "reason": "agreed", **more}
        with pytest.raises(Fatal, match=words):
            mapping.set_rule(pair.connector, "M1", account, center, gl_code, **told)  # type: ignore[arg-type]
        assert [rule.account_code for rule in mapping.rules(pair.connector)] == [ACCOUNT]


class TestRetire:
    def test_a_withdrawn_rule_maps_nothing_and_can_be_set_again(self, pair: Pair) -> None:
        set_new(pair)
        key = RuleKey("M1", "NEW")
        rule, _ = mapping.retire_rule(pair.connector, key, actor="bob", reason="wrong")
        assert (rule.status, rule.version, rule.gl_code, rule.author) == (
            RuleStatus.RETIRED,
            2,
            ACCOUNT,
            "bob",
        )
        one = waiting(pair)
        assert pair.state(one) == "needs_mapping/UNMAPPED_ACCOUNT"
        again, freed = set_new(pair)
        assert freed == 1
        assert again.version == 3
        assert audit.verify(pair.connector.store).ok

    def test_a_rule_that_is_not_in_force_cannot_be_withdrawn(self, pair: Pair) -> None:
        with pytest.raises(Fatal, match="no rule for account code NEW, cost centre CC1 is in force"):
            mapping.retire_rule(pair.connector, RuleKey("M1", "NEW", "CC1"), actor="bob", reason="wrong")
        with pytest.raises(Fatal, match="cannot be withdrawn: reason"):
            mapping.retire_rule(pair.connector, RuleKey("M1", ACCOUNT), actor="bob", reason="\x00")


class TestSecondApprover:
    KEY = RuleKey("M1", "NEW")

    def test_a_rule_maps_nothing_until_another_person_approves_it(self, careful: Pair) -> None:
        one = waiting(careful)
        rule, freed = set_new(careful)
        assert (rule.status, freed) == (RuleStatus.PROPOSED, 0)
        careful.run()
        assert careful.state(one) == "needs_mapping/UNMAPPED_ACCOUNT"
        assert mapping.rules(careful.connector) == []
        for same in ("ann", " ANN "):
            with pytest.raises(Fatal, match="ann proposed it, so another person must approve it"):
                mapping.decide(careful.connector, self.KEY, actor=same, reason="mine")
        approved, freed = mapping.decide(careful.connector, self.KEY, actor="bob", reason="checked")
        assert (approved.author, approved.approved_by, freed) == ("ann", "bob", 1)
        careful.run()
        assert careful.state(one) == "responded"
        assert_books_agree(careful)

    def test_only_the_code_that_was_read_is_approved(self, careful: Pair) -> None:
        set_new(careful, OTHER)
        with pytest.raises(Fatal, match="GL code 00-6010 is proposed, not 00-6000: look again"):
            mapping.decide(careful.connector, self.KEY, actor="bob", reason="checked", gl_code=ACCOUNT)
        mapping.decide(careful.connector, self.KEY, actor="bob", reason="checked", gl_code=OTHER)
        with pytest.raises(Fatal, match="nothing is proposed for account code NEW"):
            mapping.decide(careful.connector, self.KEY, actor="bob", reason="twice")

    def test_the_rule_before_goes_on_until_the_new_one_is_approved(self, careful: Pair) -> None:
        set_new(careful)
        mapping.decide(careful.connector, self.KEY, actor="bob", reason="checked")
        set_new(careful, OTHER)
        assert [rule.gl_code for rule in mapping.rules(careful.connector, "M1")] == [ACCOUNT]
        assert [rule.gl_code for rule in mapping.proposals(careful.connector, "1000")] == [OTHER]

    def test_a_withdrawal_needs_the_second_person_too(self, careful: Pair) -> None:
        set_new(careful)
        mapping.decide(careful.connector, self.KEY, actor="bob", reason="checked")
        rule, _ = mapping.retire_rule(careful.connector, self.KEY, actor="ann", reason="wrong")
        assert rule.status is RuleStatus.RETIRING
        assert len(mapping.rules(careful.connector)) == 1
        gone, _ = mapping.decide(careful.connector, self.KEY, actor="bob", reason="indeed")
        assert (gone.status, gone.approved_by) == (RuleStatus.RETIRED, "bob")
        assert mapping.rules(careful.connector) == []

    def test_a_refused_proposal_leaves_everything_as_it_was_and_its_author_may_take_it_back(
        self, careful: Pair
    ) -> None:
        set_new(careful)
        rule, freed = mapping.decide(careful.connector, self.KEY, actor="ann", reason="typo", refuse=True)
        assert (rule.status, freed) == (RuleStatus.REFUSED, 0)
        assert mapping.proposals(careful.connector) == mapping.rules(careful.connector) == []
        last = audit.show(careful.connector.store, "NEW")[-1]
        assert (last.action, last.actor, last.detail["note"]) == ("mapping proposal refused", "ann", "typo")

    def test_all_proposals_of_others_are_approved_at_once_and_ones_own_are_left(self, careful: Pair) -> None:
        one = waiting(careful)
        set_new(careful)
        set_new(careful, OTHER, actor="bob", dimensions=NORTH)
        approval = mapping.approve_all(careful.connector, None, actor="bob", reason="checked")
        assert [rule.gl_code for rule in approval.decided] == [ACCOUNT]
        assert [rule.gl_code for rule in approval.own] == [OTHER]
        assert (approval.released, careful.state(one)) == (1, "received")

    def test_identities_of_published_accounts_need_nobody(self, careful: Pair) -> None:
        careful.sync()
        assert all(rule.author == "connector" for rule in mapping.rules(careful.connector))
        assert len(mapping.rules(careful.connector)) > 5
        assert mapping.proposals(careful.connector) == []


def test_a_coding_row_names_its_dimensions_as_rules_do(pair: Pair) -> None:
    codes = {f"dimCode{number}": f"D{number}" for number in range(1, 11)}
    others = {
        "projectCode": "P",
        "profitCenterCode": "PC",
        "businessUnitCode": "BU",
        "fixedAssetCode": "FA",
    }
    one = waiting(pair, row(accountCode="NEW", **codes, **others))
    names = [name for name, _ in approved_invoice(pair.stored(one)).rows[0].dimensions]
    assert sorted(names) == sorted(DIMENSION_NAMES)


def test_rows_that_only_the_dates_of_their_invoices_tell_apart_are_one_line_of_the_list(pair: Pair) -> None:
    set_new(pair, valid_from=date(2027, 1, 1))
    waiting(pair)
    waiting(pair, invoiceDate="2026-11-08T00:00:00")
    (listed,) = overview.unmapped_accounts(pair.connector)
    assert replace(listed, oldest=None, total=None) == replace(  # type: ignore[arg-type]
        listed,
        account_code="NEW",
        invoices=2,
        oldest=None,
        total=None,  # type: ignore[arg-type]
    )
