"""Payments at rest: one row an invoice, told in the invoice's own chain, written only under the lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from connector_defs.domain.states import State
from connector_defs.store import audit, payments
from connector_defs.store.engine import Store
from connector_defs.store.leases import Lease, LeaseLost
from connector_defs.store.payments import Change, Payment
from connector_defs.store.tables import invoice
from connector_tests.store.builders import NOON, SetClock, arrival, leases, take_in

DAY = date(2026, 1, 31)


def payment(invoice_id: str = "inv-1", **changes: Any) -> Payment:
    plain = Payment(
        company="M1",
        invoice_id=invoice_id,
        state="planned",
        generation=1,
        digest="d1",
        facts="{}",
        paid_total=Decimal("50.00"),
        entries=1,
        external_code="code-1",
        body="",
        attempts=0,
        told_digest="",
        told_total=None,
        told_code="",
        request_id="",
        client_request_id="",
        code="",
        reason="",
        remedy="",
        updated_at=NOON,
    )
    return replace(plain, **changes)


@contextmanager
def held(store: Store) -> Iterator[Lease]:
    with leases(store, SetClock()).hold("payments/M1") as lease:
        yield lease


def respond(store: Store, *invoice_ids: str) -> None:
    """Take invoices in that Basware has the voucher of."""
    for invoice_id in invoice_ids:
        take_in(store, arrival(invoice_id))
    with store.write() as connection:
        row = update(invoice).where(invoice.c.invoice_id.in_(invoice_ids))
        connection.execute(row.values(state=State.RESPONDED.value))


def answered(store: Store) -> list[payments.Answered]:
    with store.read() as connection:
        return list(payments.answered_invoices(connection, "M1"))


def test_a_payment_comes_back_as_it_was_stored_beside_its_invoice(store: Store) -> None:
    respond(store, "inv-1", "inv-2")
    take_in(store, arrival("inv-3"))
    one = payment(told_total=Decimal("20.10"))
    with held(store) as lease, store.write() as connection:
        payments.save(connection, lease, [Change(one)], NOON)
        assert payments.get_many(connection, "M1", ["inv-1", "inv-2"]) == {"inv-1": one}
    first, second = answered(store)
    assert (first.invoice_id, first.payment, second.payment) == ("inv-1", one, None)
    assert (first.supplier, first.number, first.gross) == ("0000001", "N-inv-1", Decimal("121.00"))


@pytest.mark.parametrize(
    ("known", "needs"),
    [
        (payment(state="planned"), True),
        (payment(state="answered"), True),
        (payment(state="refused"), True),
        (payment(state="unclear"), True),
        (payment(state="confirmed"), False),
        (payment(state="unpaid"), False),
        (payment(state="confirmed", updated_at=NOON - timedelta(seconds=1)), True),
    ],
)
def test_an_invoice_needs_a_look_while_it_is_not_settled_or_was_answered_since(
    store: Store, known: Payment, needs: bool
) -> None:
    respond(store, "inv-1", "inv-2")
    with held(store) as lease, store.write() as connection:
        payments.save(connection, lease, [Change(known)], NOON)
    assert [one.needs_a_look for one in answered(store)] == [needs, True]


def test_events_stand_in_the_chain_of_the_invoice_which_still_verifies(store: Store) -> None:
    take_in(store)
    with held(store) as lease, store.write() as connection:
        quiet = Change(payment(state="unpaid"))
        told = Change(payment(), "payment planned", {"paid_total": "50.00", "request_id": ""})
        payments.save(connection, lease, [quiet, told], NOON)
    events = audit.show(store, "inv-1")
    assert [event.action for event in events] == ["received", "payment planned"]
    assert events[-1].detail.keys() == {"payment", "paid_total", "row"}
    assert audit.verify(store).ok


def test_without_the_lease_nothing_is_written(store: Store) -> None:
    respond(store, "inv-1")
    with held(store) as lease:
        lost = replace(lease, fence=lease.fence - 1)
        with pytest.raises(LeaseLost), store.write() as connection:
            payments.save(connection, lost, [Change(payment(), "payment planned")], NOON)
    assert answered(store)[0].payment is None


def test_it_may_be_told_only_while_the_invoice_is_responded(store: Store) -> None:
    respond(store, "inv-1")
    take_in(store, arrival("inv-2"))
    with store.write() as connection:
        assert payments.may_be_told(connection, payment("inv-1"))
        assert not payments.may_be_told(connection, payment("inv-2"))


def test_states_are_counted_and_listed_by_company(store: Store) -> None:
    respond(store, "inv-1", "inv-2", "inv-3")
    states = {"inv-1": "planned", "inv-2": "refused", "inv-3": "refused"}
    with held(store) as lease, store.write() as connection:
        payments.save(
            connection, lease, [Change(payment(key, state=state)) for key, state in states.items()], NOON
        )
        assert (
            payments.counts(connection) == payments.counts(connection, "M1") == {"planned": 1, "refused": 2}
        )
        assert payments.counts(connection, "M2") == {}
        listed = payments.in_states(connection, {"refused"}, "M1")
        assert [one.invoice_id for one in listed] == ["inv-2", "inv-3"]
        assert payments.in_states(connection, {"refused"}) == listed
        assert payments.in_states(connection, {"refused"}, "M2") == []


def test_what_was_read_never_goes_back(store: Store) -> None:
    with store.write() as connection:
        assert payments.read_until(connection, "M1") is None
        for day in (DAY, DAY - timedelta(days=3), DAY + timedelta(days=1)):
            payments.remember_read(connection, "M1", day, NOON)
        assert payments.read_until(connection, "M1") == DAY + timedelta(days=1)
        assert payments.read_until(connection, "M2") is None


def test_the_first_answered_invoice_says_where_reading_begins(store: Store) -> None:
    with store.read() as connection:
        assert payments.first_received(connection, "M1") is None
    respond(store, "inv-1")
    with store.read() as connection:
        assert payments.first_received(connection, "M1") == NOON
