"""What is told of published records as a whole: control totals, ages, incomplete orders, the comparison with Basware.

Belongs here: plain records that the command line prints and Dagster shows. What a single run tells is in `reports`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class MoneyTotal:
    """Net value of the staged order lines of one currency, and where it stands after the run.

    syspro = confirmed + in_flight + held + refused + quarantined + superseded.
    """

    currency: str
    lines: int
    syspro: Decimal
    confirmed: Decimal
    in_flight: Decimal
    held: Decimal
    refused: Decimal
    quarantined: Decimal
    superseded: Decimal


@dataclass(frozen=True)
class ControlTotals:
    """One entity of one company, from SYSPRO's rows to Basware's confirmation; all counts are of one run.

    rows + asked_for = staged + left_out + doubled; staged = unchanged + (sent - closed) + held + in_flight + quarantined
    + superseded; sent + carried = confirmed + refused + pending. `left_out` are comment lines, `doubled` rows whose key
    was read more than once, `asked_for` records read by their order's number, `superseded` ones older than Basware's.
    `carried` ones were sent by earlier runs and had no outcome when this one began, `in_flight` ones are changed and
    wait for the outcome of their older form, `closed` is what is gone from SYSPRO, `unvalued` order lines whose value
    cannot be told. `counted` is the number of rows that SYSPRO's service gives itself, None where it gives none or the
    table moved. `differences` says in words what does not add up.
    """

    company: str
    entity: str
    day: date
    made_at: datetime
    rows: int
    counted: int | None
    left_out: int
    staged: int
    unchanged: int
    sent: int
    carried: int
    confirmed: int
    pending: int
    held: int
    refused: int
    quarantined: int
    in_flight: int
    closed: int
    superseded: int = 0
    asked_for: int = 0
    doubled: int = 0
    money: tuple[MoneyTotal, ...] = ()
    unvalued: int = 0
    differences: tuple[str, ...] = ()

    @property
    def add_up(self) -> bool:
        """True where nothing was lost between SYSPRO's rows and Basware."""
        return not self.differences


@dataclass(frozen=True)
class RecordAge:
    """Records of one entity that are not confirmed, by state: sent (no outcome yet), held or failed.

    `minutes` is how long the oldest of them is not.
    """

    company: str
    entity: str
    state: str
    records: int
    minutes: int


@dataclass(frozen=True)
class MissingLine:
    """A line that an order lacks in Basware, and why. `line` is "" where lines are still to be sent."""

    line: str
    state: str
    code: str
    reason: str


@dataclass(frozen=True)
class IncompleteOrder:
    """An order that Basware knows with `confirmed` of its lines only."""

    company: str
    order: str
    confirmed: int
    missing: tuple[MissingLine, ...]


@dataclass(frozen=True)
class RecordDifference:
    """One record of which SYSPRO, our state and Basware do not tell the same. `field` is "" for the whole record."""

    company: str
    entity: str
    key: str
    kind: str
    field: str
    ours: str
    theirs: str
    remedy: str


@dataclass(frozen=True)
class RecordComparison:
    """One entity of one company, compared record by record as it stands now.

    `syspro` rows are those of the newest reading, of `staged_on`; `ours` and `basware` count the records known to us
    and held by Basware. Of these `compared` were held against Basware's own copy and `matched` of them agree.
    `waiting` ones are known not to be confirmed, `not_compared` are lines of orders that were not asked for.
    `differing` counts all differences, of which the first are listed. `outage` tells why nothing could be compared.
    """

    company: str
    entity: str
    staged_on: date | None
    syspro: int
    ours: int
    basware: int
    compared: int
    matched: int
    waiting: int
    not_compared: int
    differing: int
    differences: tuple[RecordDifference, ...] = ()
    outage: str = ""


@dataclass(frozen=True)
class RecordsReport:
    """Master data and orders of every company: SYSPRO, our state and Basware."""

    comparisons: tuple[RecordComparison, ...]

    @property
    def clean(self) -> bool:
        """True where everything that was to be compared was, and agrees."""
        return not any(one.differing or one.outage for one in self.comparisons)

    @property
    def differences(self) -> tuple[RecordDifference, ...]:
        """The listed differences of all entities."""
        return tuple(found for one in self.comparisons for found in one.differences)
