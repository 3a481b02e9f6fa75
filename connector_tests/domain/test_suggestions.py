"""Candidates for an account code: what speaks for them, and what never may be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.books import LedgerCode
from connector_defs.domain.suggestions import Evidence, code_likeness, name_likeness, suggest
from connector_tests.domain.builders import ledger_code

CHART = [
    ledger_code("00-6010", description="Tool hire"),
    ledger_code("00-6020", description="Hire of fork-lift trucks"),
    ledger_code("00-6400", description="Legal fees"),
    ledger_code("00-6030", description=""),
]


def codes(evidence: Evidence, chart: list[LedgerCode] = CHART) -> list[str]:
    return [one.gl_code for one in suggest(evidence, chart)]


def test_the_name_on_the_row_finds_the_description() -> None:
    best = suggest(Evidence("T-1", "Hire, tool"), CHART)[0]
    assert (best.gl_code, best.description) == ("00-6010", "Tool hire")
    assert best.score == 75
    assert best.grounds == ("the names are alike to 100 of 100: 'Hire, tool', 'Tool hire'",)


def test_what_the_supplier_was_posted_to_before_speaks_for_a_code() -> None:
    evidence = Evidence("T-1", suppliers=("S1",), posted={"00-6020": 9, "00-6400": 1})
    best = suggest(evidence, CHART)
    assert [one.gl_code for one in best] == ["00-6020"]
    assert best[0].grounds == ("9 of 10 ledger lines of supplier S1 were posted there",)


def test_lines_on_accounts_that_nobody_chose_do_not_count() -> None:
    chart = [*CHART, ledger_code("00-2100", control_account=True)]
    best = suggest(Evidence("T-1", suppliers=("S1",), posted={"00-6020": 2, "00-2100": 9, "TAX": 9}), chart)[
        0
    ]
    assert best.grounds == ("2 of 2 ledger lines of supplier S1 were posted there",)


def test_one_posting_is_a_weaker_ground_than_many() -> None:
    one = suggest(Evidence("T-1", posted={"00-6020": 1}), CHART)[0]
    many = suggest(Evidence("T-1", posted={"00-6020": 50}), CHART)[0]
    assert one.score < many.score


def test_other_codes_with_the_same_cost_centre_speak_for_a_code() -> None:
    centers = ("C1", "C2", "C3", "C4")
    best = suggest(Evidence("T-1", cost_centers=centers, same_center={"00-6400": 4}), CHART)[0]
    assert best.grounds == ("4 of 4 other account codes with cost centre C1, C2, C3 and others stand for it",)


def test_a_part_that_both_codes_hold_speaks_for_a_code() -> None:
    best = suggest(Evidence("6400-LEGACY"), CHART)[0]
    assert (best.gl_code, best.grounds) == ("00-6400", ("both codes hold 6400",))


def test_more_grounds_make_a_higher_score_and_the_strongest_is_told_first() -> None:
    name = suggest(Evidence("T-1", "Legal fees"), CHART)[0]
    both = suggest(Evidence("6400", "Legal fees"), CHART)[0]
    assert both.score > name.score
    assert both.grounds[0].startswith("the names are alike")
    assert both.score < 100


@pytest.mark.parametrize(
    "flaw",
    [{"on_hold": True}, {"control_account": True}, {"account_type": "S"}, {"analysis_required": True}],
)
def test_a_code_that_nothing_may_be_posted_to_is_never_suggested(flaw: dict[str, object]) -> None:
    evidence = Evidence("00-6010", "Tool hire", posted={"00-6010": 99})
    assert codes(evidence)[0] == "00-6010"
    assert codes(evidence, [ledger_code("00-6010", description="Tool hire", **flaw)]) == []


def test_nothing_is_suggested_where_nothing_speaks_for_it() -> None:
    assert codes(Evidence("ZZ", "Quantum entanglement")) == []


@given(
    st.text(max_size=12),
    st.text(max_size=12),
    st.dictionaries(st.sampled_from([one.code for one in CHART]), st.integers(1, 99)),
)
def test_a_score_is_a_percentage_whatever_stands_in_the_texts(
    account: str, name: str, posted: dict[str, int]
) -> None:
    for one in suggest(Evidence(account, name, posted=posted, same_center=posted), CHART):
        assert 15 <= one.score <= 100
        assert one.grounds


def test_names_are_compared_without_case_order_and_punctuation() -> None:
    assert name_likeness("REPAIRS & maintenance", "Maintenance, repairs") == 100
    assert name_likeness("", "Repairs") == name_likeness("Repairs", "—") == 0
    assert name_likeness("Tooling", "Tooling and repairs") < 90


@pytest.mark.parametrize(
    ("one", "other", "strength", "words"),
    [
        ("00.6000", "00-6000", 1.0, "the codes differ in punctuation only"),
        ("6000", "00-6000", 0.9, "both codes hold 6000"),
        ("00-60001", "00-60002", 0.43, "the codes are alike to 86 of 100"),
        ("ABC", "00-6000", 0.0, "the codes are alike to 0 of 100"),
        ("ABC-1", "ABC-2", 0.0, "the codes are alike to 75 of 100"),
        ("--", "", 0.0, "the codes are alike to 0 of 100"),
    ],
)
def test_codes_are_alike_by_their_parts(one: str, other: str, strength: float, words: str) -> None:
    found, told = code_likeness(one, other)
    assert (round(found, 3), told) == (pytest.approx(strength, abs=0.01), words)
