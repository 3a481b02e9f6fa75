"""Payment terms: when an invoice is due, and until when its discount may be taken.

| Basware | SYSPRO | rule |
|---|---|---|
| paymentTermCode | TblApTerms.TermsCode | trimmed; known by its stored form |
| dueDateDays | DueDays | where DueFix says days: so many days after the invoice's date |
| dueDateEom, dueDateDays2 | DueMonths, DueDayOfMonth | where DueFix says fixed day: months' ends, then so many days |
| dueDateCalc 0 | – | what cannot be said exactly: the due date is left to a person, and a note says why |
| cashDiscount | DiscPct | one step |
| cashDueDateDays, -Eom, -Days2 | DiscFix, -Days, -Months, -DayOfMonth | as for the due date; not exact = no discount |

SYSPRO offers two options for either date, a number of days or a fixed day of the month after a number of months
(its help on AP Invoice Terms); of a fixed day in the invoice's own month it takes the next month's where the day has
gone by, and that Basware cannot say. The letters of the options are not public: Y and F are taken for the fixed day,
N, D and blank for days, any other is left to a person.
"""

from dataclasses import dataclass
from datetime import date

from connector_defs.basware.entities import PaymentTerm, PaymentTermCompany
from connector_defs.domain.translation.context import (
    Notes,
    Site,
    SourceRow,
    Translated,
    Untranslatable,
    code_within_limit,
    number,
    plain,
    text,
    trimmed,
    whole,
)

_ALWAYS = (date(2000, 1, 1), date(2099, 12, 31))
_FIXED_DAY = frozenset("YF")
_DAYS = frozenset(("", "N", "D"))
# Basware counts up to 12 ends of month (wire notes 5).
_MONTHS = 12
# Every month has this day; a later one Basware would take into the next month in February.
_LAST_COMMON_DAY = 28
_LAST_DAY = 31


@dataclass(frozen=True)
class _Deadline:
    """Days, then ends of month, then days again, counted from the invoice's date."""

    days: int
    months: int = 0
    then_days: int = 0


def payment_term(row: SourceRow, site: Site) -> Translated:
    """TblApTerms row -> PaymentTermEntity."""
    code = code_within_limit(trimmed(row, "TermsCode"), "payment terms")
    what = f"payment terms {code!r}"
    notes = Notes()
    due = _deadline(row, "Due", "due date", notes)
    discount = number(row, "DiscPct")
    if not 0 <= discount <= 100:
        raise Untranslatable(
            "DISCOUNT_IMPOSSIBLE",
            f"{what}: a discount of {plain(discount)} % is none",
        )
    if row.get("DiscPct") is None:
        notes.add(
            "DISCOUNT_UNKNOWN",
            "payment terms go without discount: SYSPRO does not give DiscPct",
            "let the OData operator see the column",
        )
    cash = _deadline(row, "Disc", "discount", notes) if discount else None
    return Translated(
        PaymentTerm(
            external_code=site.external_code("paymentTerms", text(row, "TermsCode")),
            payment_term_code=code,
            payment_term_names=site.names(text(row, "Description"), what),
            valid_from=_ALWAYS[0],
            valid_to=_ALWAYS[1],
            due_date_calc=0 if due is None else 1,
            due_date_days=due and due.days,
            due_date_eom=due and due.months,
            due_date_days2=due and due.then_days,
            cash_due_date_calc=0 if cash is None else 1,
            cash_due_date_days=cash and cash.days,
            cash_due_date_eom=cash and cash.months,
            cash_due_date_days2=cash and cash.then_days,
            cash_discount=plain(discount) if cash else None,
            companies=(PaymentTermCompany(company_code=site.basware_company, inherit=False, active=True),),
        ),
        notes=notes.found,
    )


def _deadline(row: SourceRow, prefix: str, what: str, notes: Notes) -> _Deadline | None:
    """The date that the columns `<prefix>…` describe, None with a note where Basware cannot be told it."""
    option = trimmed(row, f"{prefix}Fix").upper()
    told: _Deadline | str
    if option in _DAYS:
        told = _in_days(row, prefix)
    elif option in _FIXED_DAY:
        told = _on_a_day(row, prefix)
    else:
        told = f"the option {option!r} is not known"
    if isinstance(told, str):
        notes.add(
            "TERMS_NOT_EXACT",
            f"the {what} is not told: {told}",
            "a person gives it in P2P; or write the terms in SYSPRO as a number of days",
        )
        return None
    if option in _FIXED_DAY:
        notes.add(
            "TERMS_FIXED_DAY",
            f"the {what} is told as a fixed day of a month counted from the invoice's",
            "compare it once with the date SYSPRO makes of the same terms",
        )
    return told


def _in_days(row: SourceRow, prefix: str) -> _Deadline | str:
    """So many days, or why they cannot be told."""
    if row.get(f"{prefix}Days") is None:
        return f"SYSPRO does not give {prefix}Days"
    if whole(row, f"{prefix}Months"):
        return "months go with a fixed day, and the option says days"
    days = whole(row, f"{prefix}Days")
    return _Deadline(days) if days >= 0 else "the number of days is below 0"


def _on_a_day(row: SourceRow, prefix: str) -> _Deadline | str:
    """A day of a later month, or why it cannot be told."""
    day, months = whole(row, f"{prefix}DayOfMonth"), whole(row, f"{prefix}Months")
    if months == 0:
        return "a fixed day of the invoice's own month, or of the next once it is past"
    if day >= _LAST_DAY and 0 < months < _MONTHS:
        return _Deadline(0, months + 1)
    if 1 <= day <= _LAST_COMMON_DAY and 0 < months <= _MONTHS:
        return _Deadline(0, months, day)
    return f"day {day} after {months} month(s)"
