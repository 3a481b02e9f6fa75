"""The most specific mapping rule wins, and what does not follow from the rules is not guessed."""

import time
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.gl_mapping import (
    DIMENSION_NAMES,
    Dimensions,
    MappingRule,
    MappingTable,
    RuleKey,
    RuleStatus,
    Tie,
    dimension_text,
    dimensions_of,
    needs_rule,
    read_dimensions,
)
from connector_defs.domain.invoices import CodingRow
from connector_tests.domain.builders import matched, money, row, rule

TABLE = MappingTable(
    [rule("4000", "any"), rule("4000", "one", "CC1"), rule("5000", "two", "CC2"), rule(" 4000", "padded")]
)
NORTH: Dimensions = (("dim1", "NORTH"),)
BOTH: Dimensions = (("dim1", "NORTH"), ("project", "P-7"))
DAY = date(2026, 6, 30)


def coded(account: str = "4000", cost_center: str = "", dimensions: Dimensions = ()) -> CodingRow:
    return row(account_code=account, cost_center=cost_center, dimensions=dimensions)


def code_of(found: MappingRule | Tie | None) -> str | None:
    if isinstance(found, Tie):
        return "tie: " + " ".join(sorted({one.gl_code for one in found.rules}))
    return found.gl_code if found else None


@pytest.mark.parametrize(
    ("account", "cost_center", "gl_code"),
    [
        ("4000", "CC1", "one"),
        ("4000", "CC2", "any"),
        ("4000", "", "any"),
        ("5000", "CC2", "two"),
        ("5000", "CC1", None),
        ("5000", "", None),
        ("6000", "CC1", None),
        (" 4000", "", "padded"),
        ("04000", "", None),
    ],
)
def test_the_rule_for_account_and_cost_centre_goes_before_the_one_for_the_account(
    account: str, cost_center: str, gl_code: str | None
) -> None:
    assert code_of(TABLE.find(coded(account, cost_center), DAY)) == gl_code


def test_no_rule_at_all_maps_nothing() -> None:
    assert MappingTable([]).find(coded(), DAY) is None


@pytest.mark.parametrize(
    ("rules", "one", "expected"),
    [
        pytest.param(
            [rule(gl_code="any"), rule(gl_code="north", dimensions=NORTH)],
            coded(dimensions=BOTH),
            "north",
            id="a dimension goes before none",
        ),
        pytest.param(
            [rule(gl_code="north", dimensions=NORTH)],
            coded(dimensions=(("dim1", "SOUTH"),)),
            None,
            id="another code of the dimension is another row",
        ),
        pytest.param(
            [rule(gl_code="north", dimensions=NORTH)], coded(), None, id="a row without the dimension"
        ),
        pytest.param(
            [rule(gl_code="both", dimensions=BOTH), rule(gl_code="center", cost_center="CC1")],
            coded(cost_center="CC1", dimensions=BOTH),
            "both",
            id="two dimensions go before one cost centre",
        ),
        pytest.param(
            [rule(gl_code="center", cost_center="CC1"), rule(gl_code="north", dimensions=NORTH)],
            coded(cost_center="CC1", dimensions=BOTH),
            "tie: center north",
            id="a cost centre and one dimension are equally specific",
        ),
        pytest.param(
            [
                rule(gl_code="center", cost_center="CC1"),
                rule(gl_code="north", dimensions=NORTH),
                rule(gl_code="all", cost_center="CC1", dimensions=NORTH),
            ],
            coded(cost_center="CC1", dimensions=BOTH),
            "all",
            id="a rule that pins both ends the tie",
        ),
        pytest.param(
            [rule(gl_code="same", cost_center="CC1"), rule(gl_code="same", dimensions=NORTH)],
            coded(cost_center="CC1", dimensions=BOTH),
            "same",
            id="equally specific rules with one GL code leave nothing to guess",
        ),
        pytest.param(
            [rule(gl_code="north", dimensions=NORTH), rule(gl_code="p7", dimensions=(("project", "P-7"),))],
            coded(dimensions=BOTH),
            "tie: north p7",
            id="different dimensions are a tie",
        ),
    ],
)
def test_the_rule_that_pins_most_wins(rules: list[MappingRule], one: CodingRow, expected: str | None) -> None:
    assert code_of(MappingTable(rules).find(one, DAY)) == expected


class TestValidity:
    """Judged by a business date; both ends belong to it."""

    @pytest.mark.parametrize(
        ("begins", "ends", "on", "holds"),
        [
            (None, None, DAY, True),
            (None, None, None, True),
            (DAY, None, DAY, True),
            (DAY, None, date(2026, 6, 29), False),
            (None, DAY, DAY, True),
            (None, DAY, date(2026, 7, 1), False),
            (DAY, DAY, DAY, True),
            (DAY, None, None, False),
            (None, DAY, None, False),
        ],
    )
    def test_a_rule_holds_from_its_first_to_its_last_day(
        self, begins: date | None, ends: date | None, on: date | None, holds: bool
    ) -> None:
        table = MappingTable([rule(valid_from=begins, valid_to=ends)])
        assert (table.find(coded(), on) is not None) is holds

    def test_of_rules_that_pin_the_same_the_later_one_takes_over_on_its_first_day(self) -> None:
        table = MappingTable(
            [rule(gl_code="old"), rule(gl_code="new", valid_from=DAY, valid_to=date(2026, 12, 31))]
        )
        days = [date(2026, 6, 29), DAY, date(2026, 12, 31), date(2027, 1, 1)]
        assert [code_of(table.find(coded(), day)) for day in days] == ["old", "new", "new", "old"]

    def test_a_specific_rule_that_is_over_leaves_the_row_to_the_general_one(self) -> None:
        table = MappingTable([rule(gl_code="any"), rule(gl_code="one", cost_center="CC1", valid_to=DAY)])
        days = [DAY, date(2026, 7, 1)]
        assert [code_of(table.find(coded(cost_center="CC1"), day)) for day in days] == ["one", "any"]


@pytest.mark.parametrize("status", [status for status in RuleStatus if status is not RuleStatus.ACTIVE])
def test_only_active_rules_map(status: RuleStatus) -> None:
    assert MappingTable([rule(status=status)]).find(coded(), DAY) is None


class TestGaps:
    def test_each_kind_of_row_is_told_once_with_the_dimensions_that_rules_ask_for(self) -> None:
        table = MappingTable([rule(gl_code="north", dimensions=NORTH)])
        south = (("dim1", "SOUTH"), ("project", "P-7"))
        other = (("dim1", "SOUTH"), ("project", "P-8"))
        rows = [coded(dimensions=south), coded(dimensions=other), coded(dimensions=NORTH), coded("5000")]
        assert [gap.words for gap in table.gaps(rows, DAY)] == ["'4000' / dim1 'SOUTH'", "'5000'"]

    def test_a_rule_for_another_day_is_told_by_the_date(self) -> None:
        table = MappingTable([rule(valid_from=DAY)])
        (gap,) = table.gaps([coded()], date(2026, 6, 29))
        assert gap.words == "'4000' on 2026-06-29"

    def test_the_rule_that_would_decide_a_tie_pins_what_its_rivals_pin(self) -> None:
        rivals = [rule(gl_code="a", cost_center="CC1"), rule(gl_code="b", dimensions=NORTH)]
        (gap,) = MappingTable(rivals).gaps([coded(cost_center="CC1", dimensions=BOTH)], DAY)
        assert gap.key == RuleKey("", "4000", "CC1", NORTH)


CODES = st.sampled_from(["", "A", "B"])
DAYS = st.sampled_from([date(2026, 1, day) for day in range(1, 5)])
PINNED = st.dictionaries(st.sampled_from(["dim1", "dim2", "project"]), st.sampled_from("AB"), max_size=3)
RULES = st.lists(
    st.builds(
        lambda account, center, pinned, gl_code, begins, ends, status: rule(
            account,
            gl_code,
            center,
            dimensions=tuple(sorted(pinned.items())),
            valid_from=begins,
            valid_to=ends,
            status=status,
        ),
        st.sampled_from(["4000", "5000"]),
        CODES,
        PINNED,
        st.sampled_from(["g1", "g2", "g3"]),
        st.none() | DAYS,
        st.none() | DAYS,
        st.sampled_from([RuleStatus.ACTIVE, RuleStatus.ACTIVE, RuleStatus.ACTIVE, RuleStatus.PROPOSED]),
    ),
    max_size=12,
    # The store keeps one version of a rule in force.
    unique_by=lambda one: one.key,
)


def specified(rules: Sequence[MappingRule], one: CodingRow, on: date | None) -> str | None:
    """The rules of precedence as the module's docstring has them, one after the other, over the whole list."""
    counting = [
        each
        for each in rules
        if each.status is RuleStatus.ACTIVE
        and each.account_code == one.account_code
        and each.cost_center in ("", one.cost_center)
        and set(each.dimensions) <= set(one.dimensions)
        and each.holds_on(on)
    ]
    if not counting:
        return None
    most = max(bool(each.cost_center) + len(each.dimensions) for each in counting)
    best = [each for each in counting if bool(each.cost_center) + len(each.dimensions) == most]
    newest: dict[object, MappingRule] = {}
    for each in sorted(best, key=lambda each: each.valid_from or date.min):
        newest[each.cost_center, each.dimensions] = each
    codes = sorted({each.gl_code for each in newest.values()})
    return codes[0] if len(codes) == 1 else "tie: " + " ".join(codes)


@given(
    rules=RULES, center=CODES, pinned=PINNED, on=st.none() | DAYS, account=st.sampled_from(["4000", "5000"])
)
def test_the_table_answers_as_the_rules_of_precedence_say(
    rules: list[MappingRule], center: str, pinned: dict[str, str], on: date | None, account: str
) -> None:
    one = coded(account, center, tuple(pinned.items()))
    assert code_of(MappingTable(rules).find(one, on)) == specified(rules, one, on)
    assert bool(MappingTable(rules).gaps([one], on)) is (
        specified(rules, one, on) is None or str(specified(rules, one, on)).startswith("tie")
    )


def test_ten_thousand_rules_answer_a_hundred_thousand_rows_in_seconds() -> None:
    rules = [
        rule(str(account), "any") if not center else rule(str(account), "one", f"CC{center}")
        for account in range(100)
        for center in range(100)
    ]
    table = MappingTable(rules)
    rows = [coded(str(number % 100), f"CC{number % 120}") for number in range(1000)]
    began = time.process_time()
    for _ in range(100):
        for one in rows:
            table.find(one, DAY)
    # Measured 0.25 s; a walk through the rules of an account would take 30 times as long.
    assert time.process_time() - began < 4


class TestDimensions:
    @given(st.dictionaries(st.sampled_from(DIMENSION_NAMES), st.text(min_size=1).filter(str.strip)))
    def test_whatever_the_codes_hold_they_are_read_as_they_were_written(self, codes: dict[str, str]) -> None:
        dimensions = tuple(sorted(codes.items()))
        assert read_dimensions(dimension_text(dimensions)) == dimensions

    def test_they_are_written_in_the_order_of_their_names(self) -> None:
        assert dimension_text((("project", "P;7"), ("dim1", "a=b\\"))) == "dim1=a=b\\\\;project=P\\;7"

    def test_names_are_read_with_blanks_around_them_and_in_capitals(self) -> None:
        assert read_dimensions("Project=P-7; DIM1=NORTH ;") == (("dim1", "NORTH "), ("project", "P-7"))

    @pytest.mark.parametrize(
        ("pairs", "words"),
        [
            (["dim1"], "not of the form name=code"),
            (["dim1= "], "not of the form name=code"),
            (["dim11=A"], "there is no dimension 'dim11': the names are project, .*dim10"),
            (["dim1=A", "dim1=B"], "dim1 is named twice"),
        ],
    )
    def test_what_cannot_be_a_dimension_is_told(self, pairs: list[str], words: str) -> None:
        with pytest.raises(ValueError, match=words):
            dimensions_of(pairs)


@pytest.mark.parametrize(
    ("one", "needed"),
    [
        (row(), True),
        (row(account_code=""), False),
        (matched(), False),
        (row(net="0.00"), False),
        (row(net=None, gross=money("10"), tax=money("10")), False),
        (row(net=None, gross=money("10"), tax=None), True),
        (row(net=None), True),
    ],
)
def test_rows_of_some_value_that_no_receipt_stands_for_need_a_rule(one: CodingRow, needed: bool) -> None:
    assert needs_rule(one) is needed


def test_a_rule_is_named_for_people_and_for_a_shell() -> None:
    key = RuleKey("M1", "4000", "CC 1", (("dim1", "N'S"),), date(2027, 1, 1))
    assert key.words == "account code 4000, cost centre CC 1, dim1 N'S, from 2027-01-01"
    assert key.options == "--cost-center 'CC 1' --dimension 'dim1=N'\"'\"'S' --valid-from 2027-01-01"
    assert (RuleKey("M1", "4000").words, RuleKey("M1", "4000").options) == ("account code 4000", "")
