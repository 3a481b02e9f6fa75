"""The posting period: by setting, by date, or as a person decided; a closed one parks the invoice.

APSTIN takes C, P or B, counted back from the current AP period; GENTJL takes year and number. A period never
shifts by itself: what falls into a closed, too old or future period waits, with the open ones named.
Source: SYSPRO wire notes 2.1, 2.3, 4.2 (ApControl), 4.4 (GenControl), traps 18 to 20.
"""

import re
from dataclasses import dataclass
from datetime import date

from connector_defs.domain.books import LedgerPeriod, PeriodControl
from connector_defs.domain.invoices import ApprovedInvoice, Decisions
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused

PERIOD_CLOSED = "PERIOD_CLOSED"
_LETTERS = ("C", "P", "B")
_NUMBERED = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True)
class ChosenPeriod:
    """What the document says, and the ledger period that is; None where SYSPRO alone knows it."""

    document: str
    ledger_period: tuple[int, int] | None = None


def period_of(
    invoice: ApprovedInvoice, control: PeriodControl | None, rules: PlanningRules, decisions: Decisions
) -> ChosenPeriod:
    """The period of the document. A person's decision goes before the rule, and means what it meant when it was made."""
    # A letter that was chosen in another month is another letter by now.
    chosen = decisions.stands_for or decisions.period.strip().upper()
    if not rules.journal and not decisions.stands_for:
        if chosen in _LETTERS:
            return ChosenPeriod(chosen)
        if rules.period_rule == "fixed":
            if chosen:
                raise _no_period(chosen, "C, P or B")
            return ChosenPeriod(rules.posting_period)
    elif control is None and (chosen or rules.posting_period) == "C" and rules.period_rule == "fixed":
        return ChosenPeriod("")
    if control is None:
        raise Refused(
            "PERIOD_UNREADABLE",
            "SYSPRO's periods (ApControl, GenControl) cannot be read or are not told by their last days",
            "give the OData user access to both tables, or set posting.period_rule to fixed",
        )
    places = {(period.year, period.number): place for place, period in enumerate(control.periods)}
    current = places.get(control.gl_current if rules.journal else control.ap_current)
    if current is None:
        raise Refused(
            "PERIOD_UNREADABLE",
            f"the current period {control.gl_current if rules.journal else control.ap_current} is none of GenControl's",
            "compare ApControl and GenControl in SYSPRO, or set posting.period_rule to fixed",
        )
    place, what = _wanted(invoice, control, rules, chosen, places, current)
    back = current - place if place is not None else -1
    reach = len(control.periods) if rules.journal else len(_LETTERS)
    by_person = bool(chosen)
    if place is None or not 0 <= back < reach or (not by_person and _closed(control.periods[place], rules)):
        why = "is none of SYSPRO's open ones" if place is None else _why(back, reach)
        raise Refused(
            PERIOD_CLOSED,
            f"{what} {why}; open: {_open_ones(control, rules, current) or 'none'}",
            "wait until the period is open again, or choose one of the open periods for this invoice",
        )
    period = control.periods[place]
    return ChosenPeriod(str(period) if rules.journal else _LETTERS[back], (period.year, period.number))


def named_by(letter: str, control: PeriodControl, *, journal: bool) -> str:
    """The period, CCYY-MM, that a letter means now; "" where it is none or means none."""
    places = {(period.year, period.number): place for place, period in enumerate(control.periods)}
    current = places.get(control.gl_current if journal else control.ap_current)
    if letter not in _LETTERS or current is None or current < _LETTERS.index(letter):
        return ""
    return str(control.periods[current - _LETTERS.index(letter)])


def is_open_now(
    invoice: ApprovedInvoice, control: PeriodControl | None, rules: PlanningRules, decisions: Decisions
) -> bool:
    """True where an invoice that was parked for its period could be posted now. Never True on a guess."""
    if control is None:
        return False
    try:
        chosen = period_of(invoice, control, rules, decisions)
    except Refused:
        return False
    period = _named(chosen, control)
    return period is not None and not _closed(period, rules)


def _named(chosen: ChosenPeriod, control: PeriodControl) -> LedgerPeriod | None:
    by_key = {(period.year, period.number): place for place, period in enumerate(control.periods)}
    if chosen.ledger_period is not None:
        return control.periods[by_key[chosen.ledger_period]]
    place = by_key.get(control.ap_current, -1) - _LETTERS.index(chosen.document)
    return control.periods[place] if place >= 0 else None


def _wanted(
    invoice: ApprovedInvoice,
    control: PeriodControl,
    rules: PlanningRules,
    chosen: str,
    places: dict[tuple[int, int], int],
    current: int,
) -> tuple[int | None, str]:
    """Place of the period that is asked for, None where there is none, and how to call it."""
    letter = chosen or (rules.posting_period if rules.period_rule == "fixed" else "")
    if letter in _LETTERS:
        place = current - _LETTERS.index(letter)
        return (place if place >= 0 else None), f"period {letter}"
    if chosen:
        numbered = _NUMBERED.fullmatch(chosen)
        if numbered is None:
            raise _no_period(chosen, "C, P, B or CCYY-MM")
        return places.get((int(numbered[1]), int(numbered[2]))), f"period {chosen}"
    name, day = (
        ("invoice date", invoice.invoice_date)
        if rules.period_rule == "invoice_date"
        else ("voucher date", invoice.voucher_date)
    )
    if day is None:
        raise Refused(
            "DATE_MISSING",
            f"the invoice has no {name}, which its posting period follows from",
            "enter it in Basware and transfer it again, or choose a period for this invoice",
        )
    return _holding(day, control.periods), f"the period of {name} {day}"


def _holding(day: date, periods: tuple[LedgerPeriod, ...]) -> int | None:
    """Place of the period that holds `day`; the first one is taken to be no longer than a month."""
    if day < periods[0].ends.replace(day=1):
        return None
    return next((place for place, period in enumerate(periods) if day <= period.ends), None)


def _no_period(chosen: str, forms: str) -> Refused:
    return Refused(
        "PERIOD_INVALID",
        f"{chosen!r} is no period here: it is {forms}",
        "choose another period for this invoice",
    )


def _closed(period: LedgerPeriod, rules: PlanningRules) -> bool:
    return bool(period.status.strip()) and period.status.strip() in rules.closed_status


def _why(back: int, reach: int) -> str:
    if back < 0:
        return "is in the future"
    return "is too long ago" if back >= reach else "is closed"


def _open_ones(control: PeriodControl, rules: PlanningRules, current: int) -> str:
    reach = current + 1 if rules.journal else len(_LETTERS)
    places = range(current, max(current - reach, -1), -1)
    return ", ".join(
        str(control.periods[place])
        if rules.journal
        else f"{_LETTERS[current - place]} ({control.periods[place]})"
        for place in places
        if not _closed(control.periods[place], rules)
    )
