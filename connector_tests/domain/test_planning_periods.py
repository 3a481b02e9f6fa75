"""The posting period of a document: by setting, by date, by a person; and what is open again."""

from dataclasses import replace
from datetime import date

import pytest

from connector_defs.domain.books import PeriodControl
from connector_defs.domain.invoices import ApprovedInvoice, Decisions
from connector_defs.domain.planning import PlanningRules, Refusal, plan
from connector_defs.domain.planning.periods import is_open_now
from connector_tests.domain.builders import MAPPING, books, invoice, periods, planned

BY_INVOICE = PlanningRules(period_rule="invoice_date")
BY_VOUCHER = PlanningRules(period_rule="voucher_date")
JOURNAL = PlanningRules(mode="journal", journal_credit_account="22-CLEAR")
ALL_OPEN = periods(tuple(range(1, 13)))


def of(day: date, **changes: object) -> ApprovedInvoice:
    return invoice(invoice_date=day, due_date=None, **changes)


@pytest.mark.parametrize("letter", ["C", "P", "B"])
def test_a_fixed_period_is_what_the_setting_says_and_needs_no_reading(letter: str) -> None:
    posting = planned(invoice(), rules=PlanningRules(posting_period=letter))
    assert (posting.period, posting.ledger_period) == (letter, None)


@pytest.mark.parametrize(
    ("day", "letter", "number"),
    [
        (date(2026, 2, 1), "C", 2),
        (date(2026, 2, 28), "C", 2),
        (date(2026, 1, 31), "P", 1),
        (date(2026, 1, 1), "P", 1),
    ],
)
def test_a_date_falls_into_the_period_that_holds_it(day: date, letter: str, number: int) -> None:
    posting = planned(of(day), books(periods=periods()), BY_INVOICE)
    assert (posting.period, posting.ledger_period) == (letter, (2026, number))


def test_periods_go_back_over_the_turn_of_the_year() -> None:
    control = replace(
        periods(current=(2026, 1)), periods=tuple(replace(one, status="O") for one in periods().periods)
    )
    posting = planned(of(date(2025, 11, 5)), books(periods=control), BY_INVOICE)
    assert (posting.period, posting.ledger_period) == ("B", (2025, 11))


def test_the_voucher_date_decides_where_the_rule_says_so() -> None:
    one = of(date(2025, 6, 1), voucher_date=date(2026, 1, 15))
    assert planned(one, books(periods=periods()), BY_VOUCHER).period == "P"


def test_periods_need_not_be_months() -> None:
    ends = [date(2026, 1, 28), date(2026, 2, 25)]
    weeks = tuple(
        replace(period, ends=end) for period, end in zip(periods().periods[12:14], ends, strict=True)
    )
    control = PeriodControl((2026, 2), (2026, 2), weeks)
    assert planned(of(date(2026, 1, 29)), books(periods=control), BY_INVOICE).period == "C"
    assert planned(of(date(2026, 1, 28)), books(periods=control), BY_INVOICE).period == "P"


def test_without_any_period_nothing_is_open() -> None:
    outcome = plan(
        of(date(2026, 1, 29)), MAPPING, books(periods=PeriodControl((2026, 2), (2026, 2), ())), BY_INVOICE
    )
    assert isinstance(outcome, Refusal)
    assert outcome.code == "PERIOD_UNREADABLE"


def test_the_letters_that_mean_closed_are_the_sites() -> None:
    one, known = of(date(2026, 2, 3)), books(periods=periods())
    assert planned(one, known, replace(BY_INVOICE, closed_status="X")).period == "C"
    outcome = plan(one, MAPPING, known, replace(BY_INVOICE, closed_status="XO"))
    assert isinstance(outcome, Refusal)
    assert outcome.reason.endswith("is closed; open: B (2025-12)")


@pytest.mark.parametrize("period", ["C", "P", "B", " p "])
def test_a_person_chooses_the_period_of_one_invoice(period: str) -> None:
    known = books(periods=periods(open_months=(2,)))
    posting = planned(of(date(2025, 3, 1)), known, BY_INVOICE, decisions=Decisions(period=period))
    assert posting.period == period.strip().upper()


@pytest.mark.parametrize(("chosen", "letter"), [("2026-02", "C"), ("2025-12", "B")])
def test_a_person_may_name_the_month_of_an_ap_document(chosen: str, letter: str) -> None:
    posting = planned(invoice(), books(periods=periods()), BY_INVOICE, decisions=Decisions(period=chosen))
    assert posting.period == letter


@pytest.mark.parametrize("chosen", ["2025-11", "2026-03", "2026-13", "2031-01"])
def test_a_person_cannot_name_a_period_that_ap_does_not_reach(chosen: str) -> None:
    outcome = plan(invoice(), MAPPING, books(periods=periods()), BY_INVOICE, Decisions(period=chosen))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "PERIOD_CLOSED"


class TestJournals:
    """GENTJL takes year and number."""

    @pytest.mark.parametrize(("letter", "period"), [("C", (2026, 2)), ("P", (2026, 1)), ("B", (2025, 12))])
    def test_a_fixed_letter_is_worked_out_from_the_current_ledger_period(
        self, letter: str, period: tuple[int, int]
    ) -> None:
        rules = replace(JOURNAL, posting_period=letter)
        posting = planned(invoice(), books(periods=ALL_OPEN), rules, decisions=Decisions(period=letter))
        assert posting.ledger_period == period
        assert posting.period == f"{period[0]}-{period[1]:02d}"

    def test_the_current_period_needs_no_reading(self) -> None:
        posting = planned(invoice(), rules=JOURNAL)
        assert (posting.period, posting.ledger_period) == ("", None)

    def test_a_date_may_lie_further_back_than_ap_reaches(self) -> None:
        control = replace(ALL_OPEN, periods=tuple(replace(one, status="O") for one in ALL_OPEN.periods))
        rules = replace(JOURNAL, period_rule="invoice_date")
        assert planned(of(date(2025, 3, 5)), books(periods=control), rules).ledger_period == (2025, 3)

    def test_a_person_chooses_by_year_and_month(self) -> None:
        decisions = Decisions(period="2025-12")
        posting = planned(invoice(), books(periods=periods()), JOURNAL, decisions=decisions)
        assert posting.ledger_period == (2025, 12)

    def test_the_open_ones_are_named_by_year_and_month(self) -> None:
        outcome = plan(
            of(date(2025, 3, 5)),
            MAPPING,
            books(periods=periods()),
            replace(JOURNAL, period_rule="invoice_date"),
        )
        assert isinstance(outcome, Refusal)
        assert outcome.reason.endswith("is closed; open: 2026-02, 2026-01")


class TestReopened:
    """What was parked may go on as soon as its own period is open, and on nothing less."""

    @pytest.mark.parametrize(
        ("one", "control", "rules", "decisions", "open_now"),
        [
            (of(date(2026, 1, 5)), periods(), BY_INVOICE, Decisions(), True),
            (of(date(2026, 1, 5)), periods((2,)), BY_INVOICE, Decisions(), False),
            (of(date(2026, 1, 5)), None, BY_INVOICE, Decisions(), False),
            (of(date(2026, 1, 5)), periods((2,)), BY_INVOICE, Decisions(period="C"), True),
            (of(date(2026, 1, 5)), periods((2,)), BY_INVOICE, Decisions(period="P"), False),
            (of(date(2026, 1, 5)), periods(), PlanningRules(), Decisions(), True),
            (of(date(2026, 1, 5)), periods((1,)), PlanningRules(), Decisions(), False),
            (of(date(2026, 1, 5)), periods((1,)), PlanningRules(posting_period="P"), Decisions(), True),
            (of(date(2026, 1, 5)), periods(current=(2031, 1)), PlanningRules(), Decisions(), False),
            (of(date(2026, 1, 5)), periods((2,)), JOURNAL, Decisions(), True),
            (of(date(2026, 1, 5)), periods((1,)), JOURNAL, Decisions(), False),
        ],
    )
    def test_it_is_told_by_the_control(
        self,
        one: ApprovedInvoice,
        control: PeriodControl | None,
        rules: PlanningRules,
        decisions: Decisions,
        open_now: bool,
    ) -> None:
        assert is_open_now(one, control, rules, decisions) is open_now


class TestFingerprintAndPeriod:
    """The period counts, and a period by date counts as itself."""

    def test_the_turn_of_the_month_leaves_the_fingerprint_of_a_dated_period_alone(self) -> None:
        one = of(date(2026, 1, 5))
        january = planned(one, books(periods=periods(current=(2026, 1))), BY_INVOICE)
        february = planned(one, books(periods=periods()), BY_INVOICE)
        assert (january.period, february.period) == ("C", "P")
        assert january.fingerprint == february.fingerprint

    def test_another_period_is_another_document(self) -> None:
        fixed = [planned(invoice(), rules=PlanningRules(posting_period=letter)) for letter in "CPB"]
        assert len({posting.fingerprint for posting in fixed}) == 3


@pytest.mark.parametrize(
    ("invoice_date", "due_date"),
    [
        (date(2024, 2, 29), date(2024, 3, 30)),
        (date(2026, 1, 31), None),
        (date(2026, 1, 15), date(2026, 1, 15)),
    ],
)
def test_h14_business_dates_pass_as_they_are(invoice_date: date, due_date: date | None) -> None:
    posting = planned(invoice(invoice_date=invoice_date, due_date=due_date))
    assert (posting.invoice_date, posting.due_date) == (invoice_date, due_date)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"due_date": date(2026, 1, 14)}, "DATE_ORDER"),
        ({"invoice_date": date(1, 1, 1)}, "DATE_IMPLAUSIBLE"),
        ({"due_date": date(9999, 12, 31)}, "DATE_IMPLAUSIBLE"),
        ({"invoice_date": None}, "DATE_MISSING"),
    ],
)
def test_h14_dates_that_cannot_be_meant_go_to_review(fields: dict[str, object], code: str) -> None:
    outcome = plan(invoice(**fields), MAPPING, books(), PlanningRules())
    assert isinstance(outcome, Refusal)
    assert outcome.code == code
