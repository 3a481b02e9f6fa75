"""What a flow tells its caller: plain records that the command line prints and Dagster keeps as metadata.

Counts are records unless the name says otherwise; durations are seconds.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from connector_defs.flows.push_reports import PushStatus
from connector_defs.flows.record_reports import ControlTotals, IncompleteOrder, RecordAge


@dataclass(frozen=True)
class Problem:
    """One record that could not go on, why, and what a person can do about it."""

    company: str
    entity: str
    key: str
    code: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class PublishNote:
    """What Basware was not told, or not exactly, of `records` records that went; `example` is the first one's key."""

    company: str
    entity: str
    code: str
    text: str
    remedy: str
    records: int
    example: str


@dataclass(frozen=True)
class DateWindow:
    """Business days, both ends included."""

    first: date
    last: date

    @classmethod
    def day(cls, day: date) -> "DateWindow":
        """The window of one day."""
        return cls(day, day)


@dataclass(frozen=True)
class StageReport:
    """One staged table of one company. `columns` are (name, type) pairs as Parquet knows them.

    Of SYSPRO's own columns `missing_columns` are read and not served, `changed_columns` hold another kind of value
    than before, and `new_columns` were not there before. `counted` is how many rows the service itself tells.
    """

    company: str
    table: str
    rows: int
    pages: int
    seconds: float
    path: Path
    columns: tuple[tuple[str, str], ...]
    missing_columns: tuple[str, ...] = ()
    new_columns: tuple[str, ...] = ()
    changed_columns: tuple[str, ...] = ()
    counted: int | None = None


@dataclass(frozen=True)
class PublishReport:
    """One entity of one company, compared and published.

    staged = unchanged + sent - deactivated + quarantined + held + superseded; sent + carried = confirmed + pending +
    failed, where `carried` ones were sent by earlier runs and had no outcome when this one began. `superseded` rows are
    older than what Basware has. Of the held ones `in_flight` are still on their way in an older form. `asked_for` is how
    many of the staged ones were asked for by their order's number, beside the rows of the days. `notes` tell of the
    records sent in this run; they ask for nobody at once and are no problems. `totals` are there once they were taken
    (`control_totals`).
    """

    company: str
    entity: str
    staged: int
    unchanged: int
    sent: int
    requests: int
    confirmed: int
    pending: int
    failed: int
    quarantined: int
    deactivated: int
    held: int
    seconds: float
    problems: tuple[Problem, ...] = ()
    notes: tuple[PublishNote, ...] = ()
    carried: int = 0
    in_flight: int = 0
    superseded: int = 0
    asked_for: int = 0
    totals: ControlTotals | None = None


@dataclass(frozen=True)
class FollowUpReport:
    """Request outcomes read back from Basware."""

    requests: int
    confirmed: int
    failed: int
    pending: int
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class ExtractReport:
    """One look at the tenant's data extracts: how many were taken in, and which invoices only they showed.

    `fetched` invoices were asked for because of a row, `received` of them were new. `new_columns` of the table
    were not there when an extract was last taken in.
    """

    extracts: int
    rows: int
    fetched: int
    received: int
    new_columns: tuple[str, ...]
    seconds: float
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class InvoiceRunReport:
    """One company's approved invoices, from intake to answer.

    `states` counts all invoices ever received by state after the run; the other counts are this run's. `outages`
    tell which system could not be worked with; a run with one is to be noticed, although nothing is lost.
    """

    company: str
    fetched: int
    received: int
    posted: int
    responded: int
    released: int
    waiting: int
    retrying: int
    logons: int
    basware_requests: int
    syspro_requests: int
    seconds: float
    states: dict[str, int] = field(default_factory=dict)
    outages: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class ToldPayment:
    """One invoice whose state of payment Basware was told. Amounts in invoice currency, cumulative."""

    company: str
    supplier: str
    invoice_number: str
    invoice_id: str
    paid_total: Decimal
    gross: Decimal | None
    currency: str
    cash_discount: Decimal
    payment_date: date | None
    generation: int


@dataclass(frozen=True)
class PaymentRunReport:
    """One company's payments, from SYSPRO's rows to Basware's answers.

    `rows` were read of ApInvoicePay, `examined` invoices were looked at by key, and `changed` of them are paid
    otherwise than Basware was told. `told` counts the responses Basware took in this run; `confirmed`, `pending`
    (told or to be told, outcome open), `refused` and `unclear` count all payments after it.
    """

    company: str
    rows: int
    examined: int
    changed: int
    told: int
    confirmed: int
    pending: int
    refused: int
    unclear: int
    basware_requests: int
    seconds: float
    payments: tuple[ToldPayment, ...] = ()
    outages: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class QueueItem:
    """An invoice that waits for a person, a mapping or a retry.

    `gl_problem` is SYSPRO's text where the AP posting stands and the GL journal for it failed.
    """

    company: str
    invoice_id: str
    state: str
    code: str
    reason: str
    remedy: str
    supplier: str
    invoice_number: str
    gross: Decimal | None
    currency: str
    attempts: int
    received_at: datetime
    next_attempt_at: datetime | None
    voucher: str = ""
    gl_problem: str = ""


@dataclass(frozen=True)
class CodedRow:
    """A coding row as Basware approved it, with the GL code it maps to now ("" where no rule covers it)."""

    row: str
    account_code: str
    account_name: str
    cost_center: str
    gl_code: str
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None
    tax_code: str
    order_number: str
    order_line: str
    receipt_number: str
    note: str


@dataclass(frozen=True)
class Elsewhere:
    """What the two systems say of an invoice now. `problems` tell what could not be asked.

    `basware` is its processing status, "gone" where Basware has it no more. The SYSPRO fields are those of the AP
    invoice under its supplier and number; no voucher: none stands there.
    """

    basware: str
    voucher: str
    value: Decimal | None
    currency_value: Decimal | None
    reference: str
    ours: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class InvoiceStory:
    """All there is to know of one invoice. `unreadable` tells why its rows cannot be shown.

    `period` and `rounding` are what a person decided for it; `elsewhere` is None where nobody asked.
    """

    item: QueueItem
    invoice_date: date | None
    due_date: date | None
    net: Decimal | None
    tax: Decimal | None
    description: str
    rows: tuple[CodedRow, ...]
    unreadable: str
    period: str
    rounding: Decimal | None
    reference: str
    gl_journal: str
    answers: int
    answered_at: datetime | None
    updated_at: datetime
    elsewhere: Elsewhere | None = None


class Verdict(StrEnum):
    """What a preview says of one invoice."""

    WOULD_POST = "would_post"
    STANDS_THERE = "stands_in_syspro"
    REFUSED_HERE = "refused_here"
    REFUSED_BY_SYSPRO = "refused_by_syspro"
    NOT_ANSWERED = "not_answered"


@dataclass(frozen=True)
class Foreseen:
    """What would become of one invoice if it were posted now; `texts` are the reasons, SYSPRO's as they came."""

    company: str
    invoice_id: str
    invoice_number: str
    supplier: str
    gross: Decimal | None
    currency: str
    state: str
    verdict: Verdict
    code: str = ""
    texts: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True)
class Preview:
    """What SYSPRO would say to the invoices that wait. `outages` tell which company could not be asked, and why."""

    invoices: tuple[Foreseen, ...]
    outages: tuple[Problem, ...] = ()

    @property
    def refused(self) -> tuple[Foreseen, ...]:
        """Those that would not post, or of which nobody knows."""
        fine = (Verdict.WOULD_POST, Verdict.STANDS_THERE)
        return tuple(one for one in self.invoices if one.verdict not in fine)

    @property
    def clean(self) -> bool:
        """True where everything was asked and nothing was refused."""
        return not self.refused and not self.outages


@dataclass(frozen=True)
class UnmappedAccount:
    """A Basware account code without a GL mapping, with what waits for it.

    `dimensions` (name, code) are those that some rule of the account asks for; `rivals` are the rules of a tie,
    equally specific and with different GL codes, in words.
    """

    company: str
    account_code: str
    account_name: str
    cost_center: str
    invoices: int
    total: Decimal
    oldest: datetime
    suppliers: tuple[str, ...]
    dimensions: tuple[tuple[str, str], ...] = ()
    rivals: str = ""


@dataclass(frozen=True)
class Difference:
    """One place where two ledgers, or a ledger and our own state, disagree."""

    company: str
    key: str
    kind: str
    ours: str
    theirs: str
    remedy: str


@dataclass(frozen=True)
class LedgerTotal:
    """Sum of gross amounts of one currency in each of the three books."""

    company: str
    currency: str
    invoices: int
    basware: Decimal
    connector: Decimal
    syspro: Decimal


@dataclass(frozen=True)
class ReconcileReport:
    """Basware's transferred invoices, our postings and SYSPRO's AP ledger, compared one by one."""

    day: date | None
    compared: int
    matched: int
    totals: tuple[LedgerTotal, ...]
    differences: tuple[Difference, ...]

    @property
    def clean(self) -> bool:
        """True where nothing differs, to the cent."""
        return not self.differences


@dataclass(frozen=True)
class Status:
    """The state of everything, as `connector status --json` prints it."""

    invoices: dict[str, int]
    records: dict[str, dict[str, int]]
    oldest_open_minutes: int
    # AP postings that stand while their GL journal failed; not in the JSON, whose shape others rely on.
    gl_problems: int = 0
    unconfirmed: tuple[RecordAge, ...] = ()
    control_totals: tuple[ControlTotals, ...] = ()
    incomplete_orders: tuple[IncompleteOrder, ...] = ()
    # None where nothing is subscribed.
    push: PushStatus | None = None

    def as_json(self) -> dict[str, object]:
        """Shape: `{"invoices": {state: n}, "records": {entity: {…}}, "oldest_open_minutes": n, …}`.

        Others rely on the first three names.
        """
        return {
            "invoices": self.invoices,
            "records": self.records,
            "oldest_open_minutes": self.oldest_open_minutes,
            "unconfirmed": self.unconfirmed,
            "control_totals": self.control_totals,
            "incomplete_orders": self.incomplete_orders,
            "push": self.push,
        }


@dataclass(frozen=True)
class Probe:
    """One step of `connector ping`."""

    name: str
    company: str
    ok: bool
    detail: str
    remedy: str = ""
    # Nothing is broken, but somebody should do something about it.
    warning: str = ""
