"""Payment terms: one test for each line of the room's table, and one for all that Basware cannot be told."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.entities import PaymentTerm
from connector_defs.domain.keys import external_code
from connector_defs.domain.translation.context import Untranslatable
from connector_defs.domain.translation.terms import payment_term
from connector_tests.domain.site import PAYMENT_TERM, SITE


def term_of(**changes: Any) -> PaymentTerm:
    entity = payment_term({**PAYMENT_TERM, **changes}, SITE).entity
    assert isinstance(entity, PaymentTerm)
    return entity


def notes_of(**changes: Any) -> set[str]:
    return {note.code for note in payment_term({**PAYMENT_TERM, **changes}, SITE).notes}


def due_of(**changes: Any) -> tuple[int | None, ...]:
    """How, days, ends of month, days after them."""
    term = term_of(**changes)
    return term.due_date_calc, term.due_date_days, term.due_date_eom, term.due_date_days2


def discount_of(**changes: Any) -> tuple[int | None, ...]:
    term = term_of(**changes)
    return (
        term.cash_due_date_calc,
        term.cash_due_date_days,
        term.cash_due_date_eom,
        term.cash_due_date_days2,
    )


LEFT_OPEN = (0, None, None, None)


def test_the_code_is_sent_trimmed_and_known_by_its_stored_form() -> None:
    entity = term_of(TermsCode="3 ")
    assert entity.payment_term_code == "3"
    assert entity.external_code == external_code("paymentTerms", "M1", "3 ")


@pytest.mark.parametrize("option", ["N", "n", "D", "", " ", None])
def test_a_number_of_days_is_sent(option: str | None) -> None:
    assert due_of(DueFix=option) == (1, 30, 0, 0)
    assert discount_of(DiscFix=option) == (1, 10, 0, 0)
    assert notes_of(DueFix=option, DiscFix=option) == set()


@pytest.mark.parametrize(
    ("day", "months", "due"),
    [(20, 1, (1, 0, 1, 20)), (5, 2, (1, 0, 2, 5)), (28, 12, (1, 0, 12, 28)), (31, 1, (1, 0, 2, 0))],
    ids=["20th of next month", "5th of the one after", "28th in a year", "end of next month"],
)
def test_a_fixed_day_is_told_by_ends_of_month_and_noted(
    day: int, months: int, due: tuple[int | None, ...]
) -> None:
    fixed = {"DueFix": "Y", "DueDayOfMonth": day, "DueMonths": months}
    assert due_of(**fixed) == due
    assert notes_of(**fixed) == {"TERMS_FIXED_DAY"}
    cash = {"DiscFix": "Y", "DiscDayOfMonth": day, "DiscMonths": months}
    assert discount_of(**cash) == due
    assert notes_of(**cash) == {"TERMS_FIXED_DAY"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"Fix": "Y", "DayOfMonth": 20, "Months": 0}, "own month", id="a day of the own month"),
        pytest.param({"Fix": "Y", "DayOfMonth": 30, "Months": 1}, "day 30", id="a day that February lacks"),
        pytest.param({"Fix": "Y", "DayOfMonth": 0, "Months": 1}, "day 0", id="no day"),
        pytest.param({"Fix": "Y", "DayOfMonth": 5, "Months": 13}, "13 month", id="over a year"),
        pytest.param(
            {"Fix": "Y", "DayOfMonth": 31, "Months": 12}, "12 month", id="the end of a thirteenth month"
        ),
        pytest.param({"Fix": "N", "Months": 2}, "months go with", id="months beside days"),
        pytest.param({"Fix": "N", "Days": -5}, "below 0", id="days before the invoice"),
        pytest.param({"Fix": "X"}, "'X' is not known", id="an unknown option"),
        pytest.param({"Fix": "N", "Days": None}, "does not give", id="a column the site does not give"),
    ],
)
def test_what_basware_cannot_be_told_exactly_is_left_open_and_noted(
    changes: dict[str, Any], why: str
) -> None:
    due = {f"Due{name}": value for name, value in changes.items()}
    assert due_of(**due) == LEFT_OPEN
    (note,) = payment_term({**PAYMENT_TERM, **due}, SITE).notes
    assert note.code == "TERMS_NOT_EXACT"
    assert why in note.text
    cash = {f"Disc{name}": value for name, value in changes.items()}
    assert discount_of(**cash) == LEFT_OPEN
    assert term_of(**cash).cash_discount is None
    assert notes_of(**cash) == {"TERMS_NOT_EXACT"}


def test_a_discount_is_one_step() -> None:
    assert str(term_of().cash_discount) == "2"


def test_without_a_discount_nothing_of_it_is_sent() -> None:
    assert discount_of(DiscPct=Decimal(0)) == LEFT_OPEN
    assert term_of(DiscPct=Decimal(0)).cash_discount is None
    assert notes_of(DiscPct=Decimal(0)) == set()


def test_a_discount_that_the_site_does_not_show_is_noted() -> None:
    assert discount_of(DiscPct=None) == LEFT_OPEN
    assert notes_of(DiscPct=None) == {"DISCOUNT_UNKNOWN"}


@pytest.mark.parametrize("percent", ["-1", "100.01"])
def test_an_impossible_discount_is_quarantined(percent: str) -> None:
    with pytest.raises(Untranslatable, match="is none") as refusal:
        term_of(DiscPct=Decimal(percent))
    assert refusal.value.code == "DISCOUNT_IMPOSSIBLE"


def test_it_is_valid_for_all_times_that_matter() -> None:
    entity = term_of()
    assert (entity.valid_from, entity.valid_to) == (date(2000, 1, 1), date(2099, 12, 31))
