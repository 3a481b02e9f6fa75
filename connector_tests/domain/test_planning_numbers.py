"""Invoice numbers that do not fit, texts that name the document, and what is told of what was lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.invoices import Posting
from connector_defs.domain.planning import PlanningRules, plan
from connector_tests.domain.builders import MAPPING, books, invoice, planned, refused, row

LONG = "2026/CONTRACT-4711/PART-0042"
TAIL = PlanningRules(long_numbers="tail")
HASH = PlanningRules(long_numbers="hash")


def test_a_long_number_is_refused_unless_a_rule_shortens_it() -> None:
    assert refused(invoice(number=LONG)).code == "NUMBER_TOO_LONG"


@pytest.mark.parametrize(
    ("rules", "short"), [(TAIL, "TRACT-4711/PART-0042"), (HASH, "2026/CONTRACT-2Q6Q2D")], ids=["tail", "hash"]
)
def test_a_shortened_number_keeps_the_original_in_the_notation_and_in_a_remark(
    rules: PlanningRules, short: str
) -> None:
    posting = planned(invoice(number=LONG), rules=rules)
    assert posting.number == short
    assert (posting.notation, posting.journal_notation) == (LONG, "")
    assert posting.remarks == (f"invoice number {LONG!r} is posted as {short!r}",)


def test_an_original_of_60_characters_stands_in_both_notations() -> None:
    number = "A" * 30 + "B" * 30
    posting = planned(invoice(number=number), rules=HASH)
    assert (posting.notation, posting.journal_notation) == ("A" * 30, "B" * 30)


def test_what_of_a_still_longer_original_has_no_place_is_told() -> None:
    posting = planned(invoice(number="N" * 60 + "XYZ"), rules=HASH)
    assert posting.remarks[-1] == "of the invoice number 'XYZ' is not in SYSPRO's notations"


@pytest.mark.parametrize("rules", [TAIL, HASH])
def test_a_number_that_fits_is_never_touched(rules: PlanningRules) -> None:
    assert planned(invoice(number="N" * 20), rules=rules).number == "N" * 20


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=21, max_size=100))
def test_a_shortened_number_fits_and_is_always_the_same(number: str) -> None:
    for rules in (TAIL, HASH):
        first = plan(invoice(number=number), MAPPING, books(), rules)
        assert isinstance(first, Posting)
        assert 0 < len(first.number) <= 20
        assert plan(invoice(number=number), MAPPING, books(), rules) == first


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=21, max_size=40),
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=21, max_size=40),
)
def test_two_long_numbers_with_one_beginning_stay_two(one: str, other: str) -> None:
    numbers = {f"SAME-BEGINNING-{one}", f"SAME-BEGINNING-{other}"}
    assert len({planned(invoice(number=number), rules=HASH).number for number in numbers}) == len(numbers)


@pytest.mark.parametrize("number", ["inv 1", "INV 1", " INV1", "Inv1 ", "I N V 1"])
def test_numbers_that_differ_in_case_or_blanks_share_their_key(number: str) -> None:
    assert planned(invoice(number=number)).number_key == "inv1"


@pytest.mark.parametrize(
    "note",
    ["Müller & Söhne <A> \"b\" 'c'", "a ]]> b", "=1+1", "\ttab"],
    ids=["markup", "cdata", "cell", "tab"],
)
def test_h1_markup_stays_what_it_is(note: str) -> None:
    posting = planned(invoice(row(note=note), description=note[:20]))
    assert posting.rows[0].note == note.strip()
    assert posting.remarks == ()


@pytest.mark.parametrize("bad", ["\x00", "\ud800", "\ufffe"])
def test_h2_characters_no_ledger_holds_are_cleaned_with_a_remark(bad: str) -> None:
    posting = planned(invoice(row(note=f"Pa{bad}per"), description=f"In{bad}k"))
    assert (posting.rows[0].note, posting.notation) == ("Paper", "Basware Ink")
    assert posting.remarks == (
        f"characters lost in notation: {bad!r}",
        f"characters lost in note of row r1: {bad!r}",
    )


def test_h2_a_vertical_tab_is_a_blank() -> None:
    assert planned(invoice(row(note="Pa\x0bper"))).rows[0].note == "Pa per"


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\ud800", "\ufffe"])
def test_h2_in_an_invoice_number_they_are_refused(bad: str) -> None:
    assert refused(invoice(number=f"IN{bad}V")).code == "NUMBER_CHARACTERS"


def test_h2_what_was_replaced_when_the_invoice_was_read_is_remarked() -> None:
    note = "codingRows[0].lastComment: characters that cannot be stored were replaced"
    assert planned(invoice(notes=(note,))).remarks == (note,)
    assert planned(invoice(number=LONG, notes=(note,)), rules=HASH).remarks[-1] == note


@pytest.mark.parametrize(
    ("text", "carried", "lost"),
    [("Łódź 👍", "Lódz", "👍"), ("Αθήνα", "Athina", ""), ("Київ", "Kiyiv", "")],
)
def test_h3_letters_are_transliterated_and_losses_told(text: str, carried: str, lost: str) -> None:
    posting = planned(invoice(row(note=text)))
    assert posting.rows[0].note == carried
    assert posting.remarks == ((f"characters lost in note of row r1: {lost!r}",) if lost else ())
