"""Control totals: every row that SYSPRO gave is accounted for, up to what Basware confirmed of it.

Belongs here: taking the totals after an entity was published, and saying what does not add up. They are taken from
the staged rows and from the state each has in the store, apart from the run's own count, which they are held against.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from connector_defs.basware.entities import Entity as WireEntity
from connector_defs.basware.entities import OrderLine
from connector_defs.domain.translation.context import Site, Untranslatable
from connector_defs.flows import duplicates
from connector_defs.flows.delta import Changed, Delta
from connector_defs.flows.entities import Entity
from connector_defs.flows.entities import entity as entity_named
from connector_defs.flows.record_reports import ControlTotals, MoneyTotal
from connector_defs.flows.reports import DateWindow, Problem, PublishReport
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import control

CODE = "TOTALS_DIFFER"
_LINES = "matchingOrderLines"
_PLACES = ("confirmed", "in_flight", "held", "refused", "quarantined", "superseded")
_PLACE_OF = {"sent": "in_flight", "held": "held", "failed": "refused", "quarantined": "quarantined"}
_REMEDY = (
    "run the flow again; if it stays, look the records up in staging (`connector sql`) and in the audit trail"
)


@dataclass
class _Standing:
    """Where the staged rows stand after the run. `lost` are keys that nothing is known of, or only an older form."""

    staged: int = 0
    rows: int = 0
    left_out: int = 0
    doubled: int = 0
    unvalued: int = 0
    lost: list[str] = field(default_factory=list)
    lines: Counter[str] = field(default_factory=Counter)
    syspro: dict[str, Decimal] = field(default_factory=dict)
    money: dict[tuple[str, str], Decimal] = field(default_factory=dict)


def with_totals(
    connector: Connector,
    company: CompanySettings,
    report: PublishReport,
    day: date,
    *,
    first: date | None = None,
) -> PublishReport:
    """The report of a run with its control totals, which are kept; what does not add up is one of its problems.

    With `first`, the run was over all days from there to `day`.
    """
    entity = entity_named(report.entity)
    site = connector.site(company)
    beside = duplicates.beside(connector, company, entity.name, day)
    window = DateWindow(first or day, day)
    standing = _standing(Delta(connector, entity, site, window, beside=beside), entity, site)
    totals = ControlTotals(
        company=company.syspro_company,
        entity=entity.name,
        day=day,
        made_at=connector.clock.now(),
        rows=standing.rows,
        counted=_counted(connector, company, entity, day),
        left_out=standing.left_out,
        staged=report.staged,
        unchanged=report.unchanged,
        sent=report.sent,
        carried=report.carried,
        confirmed=report.confirmed,
        pending=report.pending,
        held=report.held - report.in_flight,
        refused=report.failed,
        quarantined=report.quarantined,
        in_flight=report.in_flight,
        closed=report.deactivated,
        superseded=report.superseded,
        asked_for=report.asked_for,
        doubled=standing.doubled,
        money=_money(standing),
        unvalued=standing.unvalued,
    )
    totals = replace(totals, differences=tuple(_differences(totals, standing)))
    with connector.store.write() as connection:
        control.keep_totals(connection, totals.company, totals.entity, day, _figures(totals), totals.made_at)
    found = [
        Problem(totals.company, totals.entity, "control totals", CODE, text, _REMEDY)
        for text in totals.differences
    ]
    return replace(report, totals=totals, problems=(*report.problems, *found))


def latest(connector: Connector) -> list[ControlTotals]:
    """The control totals of the last run of every entity and company."""
    with connector.store.read() as connection:
        told = control.latest_totals(connection)
    return sorted((_totals(figures) for figures in told), key=lambda one: (one.company, one.entity))


def _counted(connector: Connector, company: CompanySettings, entity: Entity, day: date) -> int | None:
    with connector.store.read() as connection:
        seen = control.seen(connection, company.syspro_company, entity.sources[0])
    return seen.counted if seen and seen.day == day else None


def _standing(staged: Delta, entity: Entity, site: Site) -> _Standing:
    found = _Standing()
    with staged as delta:
        found.rows, found.left_out, found.doubled = delta.rows()
        for rows in delta.all_rows():
            for changed in rows:
                found.staged += 1
                place = _place(changed)
                if place is None:
                    found.lost.append(changed.key)
                if entity.name == _LINES:
                    _value(found, entity, site, changed, place)
    return found


def _place(changed: Changed) -> str | None:
    if changed.row["verdict"] == "superseded":
        return "superseded"
    state, same = changed.row["known_state"], changed.row["known_hash"] == changed.hash
    if state == "confirmed":
        # A line that can no longer be told is taken back in Basware, and waits here for its correction.
        return "confirmed" if same else None if changed.row["known_active"] else "quarantined"
    return _PLACE_OF.get(state)


def _value(found: _Standing, entity: Entity, site: Site, changed: Changed, place: str | None) -> None:
    try:
        line: WireEntity | None = entity.translate(changed.row, site).entity
    except (Untranslatable, ValidationError):
        line = None
    if not isinstance(line, OrderLine) or line.net_sum is None or line.currency_code is None:
        found.unvalued += 1
        return
    currency = line.currency_code
    found.lines[currency] += 1
    found.syspro[currency] = found.syspro.get(currency, Decimal(0)) + line.net_sum
    if place is not None:
        found.money[currency, place] = found.money.get((currency, place), Decimal(0)) + line.net_sum


def _money(standing: _Standing) -> tuple[MoneyTotal, ...]:
    return tuple(
        MoneyTotal(
            currency=currency,
            lines=standing.lines[currency],
            syspro=total,
            **{place: standing.money.get((currency, place), Decimal(0)) for place in _PLACES},
        )
        for currency, total in sorted(standing.syspro.items())
    )


def _differences(totals: ControlTotals, standing: _Standing) -> list[str]:
    """What does not add up, each in words with both numbers."""
    found = []

    def must_be(left: int, right: int, text: str) -> None:
        if left != right:
            found.append(f"{text}: {left} and {right}, a difference of {abs(left - right)}")

    made = totals.staged - totals.asked_for + totals.left_out + totals.doubled
    must_be(totals.rows, made, "rows read, and records made of them")
    if totals.counted is not None:
        must_be(totals.counted, totals.rows, "rows that SYSPRO counts, and rows read")
    compared = totals.staged - totals.asked_for
    must_be(compared, standing.staged, "records compared in the run, and records staged")
    waiting = totals.held + totals.in_flight + totals.quarantined + totals.superseded
    must_be(
        totals.staged,
        totals.unchanged + totals.sent - totals.closed + waiting,
        "records staged, and records unchanged, sent, held, on their way, quarantined or superseded",
    )
    must_be(
        totals.sent + totals.carried,
        totals.confirmed + totals.refused + totals.pending,
        "records sent now or before, and records confirmed, refused or without an outcome",
    )
    if standing.lost:
        shown = ", ".join(standing.lost[:5]) + (" …" if len(standing.lost) > 5 else "")
        found.append(
            f"{len(standing.lost)} staged record(s) have no state here, or one of an older form: {shown}"
        )
    for money in totals.money:
        placed = sum((getattr(money, place) for place in _PLACES), Decimal(0))
        if placed != money.syspro:
            found.append(
                f"value of order lines in {money.currency}: {money.syspro} in SYSPRO, {placed} accounted for, a "
                f"difference of {money.syspro - placed}"
            )
    return found


def _figures(totals: ControlTotals) -> dict[str, Any]:
    """As JSON values: amounts as exact text."""
    figures = asdict(totals)
    figures["day"], figures["made_at"] = totals.day.isoformat(), totals.made_at.isoformat()
    figures["money"] = [
        {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(one).items()}
        for one in totals.money
    ]
    return figures


def _totals(figures: dict[str, Any]) -> ControlTotals:
    money = tuple(
        MoneyTotal(one["currency"], one["lines"], *(Decimal(one[name]) for name in ("syspro", *_PLACES)))
        for one in figures["money"]
    )
    return ControlTotals(
        **{
            **figures,
            "day": date.fromisoformat(figures["day"]),
            "made_at": datetime.fromisoformat(figures["made_at"]),
            "money": money,
            "differences": tuple(figures["differences"]),
        }
    )
