"""The state of everything, as people and checks ask for it. Reads our own store alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.errors import Fatal
from connector_defs.domain.gl_mapping import Gap
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow
from connector_defs.domain.planning import needs_mapping
from connector_defs.domain.states import State
from connector_defs.domain.translation.context import REMEDIES
from connector_defs.flows import control_totals, duplicates, push_watch
from connector_defs.flows.books import planning_rules
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.intake import approved_invoice
from connector_defs.flows.payments import ENTITY as PAYMENTS
from connector_defs.flows.payments import payment_problem
from connector_defs.flows.queue import waiting
from connector_defs.flows.record_reports import IncompleteOrder, MissingLine, RecordAge
from connector_defs.flows.reports import Problem, QueueItem, Status, UnmappedAccount
from connector_defs.flows.runtime import Connector
from connector_defs.store import invoices, mappings, payments, record_ages, records
from connector_defs.store.invoices import StoredInvoice
from connector_defs.store.records import Record, RecordState

# How a record's state counts in `connector status`.
_COUNTED_AS = {
    "confirmed": "published",
    "sent": "pending",
    "held": "pending",
    "failed": "failed",
    "quarantined": "quarantined",
}
_PAYMENT_COUNTED_AS = {
    "confirmed": "published",
    "planned": "pending",
    "answered": "pending",
    "refused": "failed",
    "unclear": "quarantined",
}


def status(connector: Connector) -> Status:
    """Invoices by state, records by entity, the ages of what is open, control totals, incomplete orders."""
    with connector.store.read() as connection:
        by_state = invoices.counts(connection)
        by_entity = records.counts(connection)
        by_payment = payments.counts(connection)
        oldest = invoices.oldest_open(connection)
        open_records = record_ages.open_since(connection)
        gl_problems = len(invoices.with_gl_problem(connection, None))
        unfinished = sum(
            len(records.headers_alone(connection, company.syspro_company))
            for company in connector.settings.companies
        )
    counted = {}
    for entity in ENTITIES:
        counts = dict.fromkeys(("published", "pending", "failed", "quarantined"), 0)
        for state, number in by_entity.get(entity.name, {}).items():
            counts[_COUNTED_AS[state]] += number
        counted[entity.name] = counts
    # An order is published with its last line, not with its header (invariant I10).
    counted["matchingOrders"]["published"] -= unfinished
    counted["matchingOrders"]["pending"] += unfinished
    counted[PAYMENTS] = dict.fromkeys(("published", "pending", "failed", "quarantined"), 0)
    for payment_state, counted_as in _PAYMENT_COUNTED_AS.items():
        counted[PAYMENTS][counted_as] += by_payment.get(payment_state, 0)
    return Status(
        by_state,
        counted,
        _minutes_since(connector, oldest) if oldest else 0,
        gl_problems,
        tuple(
            RecordAge(one.company, one.entity, one.state, one.records, _minutes_since(connector, one.since))
            for one in open_records
        ),
        tuple(control_totals.latest(connector)),
        tuple(incomplete_orders(connector)),
        push_watch.status(connector),
    )


def _minutes_since(connector: Connector, moment: datetime) -> int:
    return max(int((connector.clock.now() - moment).total_seconds() // 60), 0)


def duplicate_suppliers(connector: Connector) -> list[Problem]:
    """Suppliers of the newest reading that are likely the same."""
    found: list[Problem] = []
    for company in connector.companies:
        day = connector.staging.newest_day(("suppliers",), company.syspro_company)
        if day is not None:
            found += duplicates.supplier_duplicates(connector, company, day)
    return found


def incomplete_orders(connector: Connector) -> list[IncompleteOrder]:
    """Orders that Basware knows without all of their lines, with what keeps each line back (invariant I10)."""
    found = []
    with connector.store.read() as connection:
        for company in connector.companies:
            name = company.syspro_company
            orders = records.incomplete_orders(connection, name)
            unfinished = set(records.unfinished_orders(connection, name))
            lines = record_ages.lines_of(connection, name, orders)
            found += [_incomplete(name, order, lines.get(order, []), order in unfinished) for order in orders]
    return found


def _incomplete(company: str, order: str, lines: list[Record], unfinished: bool) -> IncompleteOrder:
    missing = [
        MissingLine(
            line.key.rpartition("/")[2],
            line.state,
            line.code,
            line.reason or "Basware has it and has not said what became of it",
        )
        for line in lines
        if line.state != "confirmed"
    ]
    if unfinished:
        reason = "more of its lines were to follow when the run ended: the next run sends them"
        missing.append(MissingLine("", "", "UNFINISHED", reason))
    confirmed = sum(line.state == "confirmed" for line in lines)
    return IncompleteOrder(company, order, confirmed, tuple(missing))


def unmapped_accounts(connector: Connector) -> list[UnmappedAccount]:
    """Account codes without a GL mapping, with the invoices that wait for them: the AP team's list."""
    with connector.store.read() as connection:
        stuck = invoices.in_states(connection, None, {State.NEEDS_MAPPING})
        tables = {
            company: mappings.table_of(connection, company)
            for company in {stored.company for stored in stuck}
        }
    grouped: dict[tuple[str, Gap], list[tuple[StoredInvoice, CodingRow]]] = {}
    for stored in stuck:
        document = _document(stored)
        rules = planning_rules(connector.settings, connector.settings.company(stored.company))
        for row in (row for row in document.rows if needs_mapping(row, rules)):
            for gap in tables[stored.company].gaps([row], document.mapping_date):
                # Rows that only their invoices' dates tell apart are one thing to the AP team.
                key = (stored.company, replace(gap, on=None))
                grouped.setdefault(key, []).append((stored, row))
    found = [
        UnmappedAccount(
            company=company,
            account_code=gap.account_code,
            account_name=next((row.account_name for _, row in rows if row.account_name), ""),
            cost_center=gap.cost_center,
            invoices=len({stored.invoice_id for stored, _ in rows}),
            total=sum((row.net or row.gross or Decimal(0) for _, row in rows), Decimal(0)),
            oldest=min(stored.received_at for stored, _ in rows),
            suppliers=tuple(sorted({stored.supplier for stored, _ in rows})),
            dimensions=gap.dimensions,
            rivals=gap.rival_words,
        )
        for (company, gap), rows in grouped.items()
    ]
    return sorted(found, key=lambda one: (one.company, one.oldest, one.account_code))


def _document(stored: StoredInvoice) -> ApprovedInvoice:
    try:
        return approved_invoice(stored)
    except MalformedDocument as bad:
        raise AssertionError(f"invoice {stored.invoice_id} was mapped, so it was readable") from bad


def quarantined(connector: Connector) -> list[Problem]:
    """Records that cannot be sent as they stand in SYSPRO."""
    general = "correct the record in SYSPRO; it goes by itself then"
    found = _problems(connector, "quarantined", general)
    return [replace(problem, remedy=REMEDIES.get(problem.code, general)) for problem in found]


def refused(connector: Connector) -> list[Problem]:
    """Records that Basware refused."""
    return _problems(connector, "failed", "correct the cause; it goes again with the next run")


def warned(connector: Connector) -> list[Problem]:
    """Records that P2P took with a warning: saved in part."""
    with connector.store.read() as connection:
        return [
            _problem(record, "correct what the warning names, in SYSPRO or P2P")
            for record in records.with_problems(connection, ["confirmed"], code="WARNING")
        ]


def unsettled(connector: Connector, state: str | None = None) -> list[Problem]:
    """Records that are not plainly confirmed: in one state (`warning` among them), or all of them.

    Raises Fatal where there is no such state.
    """
    kinds: dict[str, Callable[[], list[Problem]]] = {
        "failed": lambda: refused(connector),
        "quarantined": lambda: quarantined(connector),
        "held": lambda: _problems(connector, "held", "nothing to do: it goes once that is confirmed"),
        "sent": lambda: _problems(connector, "sent", "nothing to do: Basware is asked again"),
        "warning": lambda: warned(connector),
    }
    if state is not None and state not in kinds:
        raise Fatal(f"no such state: {state}; known are {', '.join(kinds)}")
    return [one for name, found in kinds.items() if state in (None, name) for one in found()]


def refused_payments(connector: Connector) -> list[Problem]:
    """Payments that Basware refused."""
    return _payment_problems(connector, "refused")


def unclear_payments(connector: Connector) -> list[Problem]:
    """Payments whose rows in SYSPRO can be read in more than one way."""
    return _payment_problems(connector, "unclear")


def _payment_problems(connector: Connector, state: str) -> list[Problem]:
    found = []
    with connector.store.read() as connection:
        for one in payments.in_states(connection, {state}):
            stored = invoices.get(connection, one.company, one.invoice_id)
            found.append(payment_problem(one, stored.number if stored else ""))
    return found


def _problems(connector: Connector, state: RecordState, remedy: str) -> list[Problem]:
    with connector.store.read() as connection:
        return [_problem(record, remedy) for record in records.with_problems(connection, [state])]


def _problem(record: Record, remedy: str) -> Problem:
    return Problem(record.company, record.entity, record.key, record.code, record.reason, remedy)


def review_items(connector: Connector, code_prefix: str | None = None) -> list[QueueItem]:
    """Invoices in review; with `code_prefix`, those whose reason code begins with it."""
    return [
        item
        for item in waiting(connector)
        if item.state == State.NEEDS_REVIEW and item.code.startswith(code_prefix or "")
    ]
