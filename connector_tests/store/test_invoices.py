"""Invoices at rest: taken in once, moved legally, found, counted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from connector_defs.domain.states import ALLOWED, State
from connector_defs.store import audit, invoices
from connector_defs.store.engine import Store
from connector_tests.store.builders import NOON, arrival, move_along, stored, take_in

ILLEGAL = [(old, new) for old in State for new in State if new is not old and new not in ALLOWED[old]]


def ids(found: list[invoices.StoredInvoice]) -> list[str]:
    return [one.invoice_id for one in found]


class TestTakingIn:
    """Stored once, with everything that came."""

    def test_an_invoice_is_stored_as_it_came(self, store: Store) -> None:
        one = take_in(
            store, arrival(payload='{"text":"ä € 日本 \\u0000"}', number="Ü-1", gross=Decimal("-0.10"))
        )
        assert one.payload == '{"text":"ä € 日本 \\u0000"}'
        assert (one.state, one.version, one.attempts, one.generation) == (State.RECEIVED, 1, 0, 1)
        assert (one.number, one.supplier, one.currency, str(one.gross)) == ("Ü-1", "0000001", "EUR", "-0.10")
        assert (one.received_at, one.updated_at, one.next_attempt_at, one.fence) == (NOON, NOON, None, None)

    @pytest.mark.parametrize(
        "gross", [None, Decimal("99999999999999999999.999"), Decimal("1E+3"), Decimal("0.00")]
    )
    def test_an_amount_stays_exact(self, store: Store, gross: Decimal | None) -> None:
        assert take_in(store, arrival(gross=gross)).gross == gross

    def test_an_invoice_known_already_is_left_as_it_is(self, store: Store) -> None:
        before = take_in(store)
        with store.write() as connection:
            assert not invoices.insert(connection, "M1", arrival(number="other"), NOON)
        assert stored(store, "inv-1") == before
        assert len(audit.show(store, "inv-1")) == 1

    def test_one_id_may_stand_in_two_companies(self, store: Store) -> None:
        take_in(store)
        with store.write() as connection:
            assert invoices.insert(connection, "M2", arrival(), NOON)
        with store.read() as connection:
            assert invoices.counts(connection)["received"] == 2
            assert invoices.counts(connection, "M2")["received"] == 1

    def test_an_invoice_may_go_straight_to_review(self, store: Store) -> None:
        with store.write() as connection:
            invoices.insert(
                connection,
                "M1",
                arrival(),
                NOON,
                state=State.NEEDS_REVIEW,
                code="MALFORMED",
                reason="why",
                remedy="how",
            )
        one = stored(store, "inv-1")
        assert (one.state, one.code, one.reason, one.remedy) == (
            State.NEEDS_REVIEW,
            "MALFORMED",
            "why",
            "how",
        )
        assert audit.show(store, "inv-1")[0].detail["code"] == "MALFORMED"


class TestMoving:
    """Along legal moves only, each with its event."""

    @pytest.mark.parametrize(("old", "new"), ILLEGAL)
    def test_an_illegal_move_is_a_mistake_of_the_caller(self, old: State, new: State) -> None:
        one = invoices.StoredInvoice(
            **{
                **dict.fromkeys(invoices.StoredInvoice.__dataclass_fields__),
                "invoice_id": "inv-1",
                "state": old,
            }  # type: ignore[arg-type]
        )
        with pytest.raises(ValueError, match=f"invoice inv-1: {old} -> {new} is not a legal move"):
            invoices.move(None, one, new, NOON)  # type: ignore[arg-type]

    def test_a_move_returns_what_then_stands_in_the_store(self, store: Store) -> None:
        one = take_in(store)
        later = NOON + timedelta(seconds=1)
        with store.write() as connection:
            moved = invoices.move(
                connection,
                one,
                State.NEEDS_REVIEW,
                later,
                actor="ann",
                changes={
                    "code": "X",
                    "reason": "why",
                    "remedy": "how",
                    "next_attempt_at": later,
                    "attempts": 3,
                },
                detail={"note": "looked at"},
            )
        assert moved == stored(store, "inv-1")
        assert (moved.version, moved.updated_at, moved.attempts, moved.received_at) == (2, later, 3, NOON)
        event = audit.show(store, "inv-1")[-1]
        assert (event.action, event.actor, event.at) == ("received->needs_review", "ann", later)
        assert {"state": "needs_review", "code": "X", "note": "looked at"}.items() <= event.detail.items()

    def test_the_next_move_clears_what_the_last_one_said(self, store: Store) -> None:
        one = take_in(store)
        with store.write() as connection:
            waiting = {"code": "X", "reason": "why", "remedy": "how", "next_attempt_at": NOON}
            one = invoices.move(connection, one, State.NEEDS_REVIEW, NOON, changes=waiting)
            one = invoices.move(connection, one, State.RECEIVED, NOON)
        assert (one.code, one.reason, one.remedy, one.next_attempt_at) == ("", "", "", None)
        assert one == stored(store, "inv-1")

    def test_a_payload_never_stands_in_the_trail(self, store: Store) -> None:
        one = take_in(store)
        with store.write() as connection:
            invoices.move(connection, one, State.RECEIVED, NOON, changes={"payload": "confidential"})
        assert stored(store, "inv-1").payload == "confidential"
        assert "confidential" not in str(audit.show(store, "inv-1"))


def known_as(
    store: Store, invoice_id: str, key: str, *, company: str = "M1", **changes: str
) -> invoices.StoredInvoice:
    """An invoice that is ready under this number key."""
    taken = take_in(store, arrival(invoice_id, **changes), company=company)
    with store.write() as connection:
        return invoices.move(connection, taken, State.READY, NOON, changes={"number_key": key})


class TestFinding:
    """By id, by the start of an id, by number, by state and due time."""

    def test_an_unknown_invoice_is_none(self, store: Store) -> None:
        with store.read() as connection:
            assert invoices.get(connection, "M1", "nobody") is None
            assert invoices.get_many(connection, "M1", ["nobody"]) == {}
            assert invoices.get_many(connection, "M1", []) == {}

    def test_many_are_found_at_once_however_many_are_asked_for(self, store: Store) -> None:
        for number in range(3):
            take_in(store, arrival(f"inv-{number}"))
        with store.read() as connection:
            found = invoices.get_many(connection, "M1", [f"inv-{number}" for number in range(1000)])
        assert sorted(found) == ["inv-0", "inv-1", "inv-2"]

    @pytest.mark.parametrize(
        ("key", "found"),
        [
            ("aa_1", ["aa_1"]),
            ("aa", ["aa_1", "aab1"]),
            ("N-7", ["aab1"]),
            ("n-7", []),
            ("%", []),
            ("aa_", ["aa_1"]),
        ],
    )
    def test_a_key_is_an_id_its_start_or_an_invoice_number(
        self, store: Store, key: str, found: list[str]
    ) -> None:
        take_in(store, arrival("aa_1"))
        take_in(store, arrival("aab1", number="N-7"))
        with store.read() as connection:
            assert sorted(ids(invoices.find(connection, key))) == found

    def test_states_are_listed_oldest_first(self, store: Store) -> None:
        for number in (3, 1, 2):
            take_in(store, arrival(f"inv-{number}"), now=NOON + timedelta(minutes=number))
        move_along(store, stored(store, "inv-2"), State.READY)
        with store.read() as connection:
            assert ids(invoices.in_states(connection, "M1", {State.RECEIVED})) == ["inv-1", "inv-3"]
            both = {State.RECEIVED, State.READY}
            assert ids(invoices.in_states(connection, None, both, limit=2)) == ["inv-1", "inv-2"]
            assert invoices.ids_in_states(connection, "M1", both) == ["inv-1", "inv-2", "inv-3"]
            assert invoices.in_states(connection, "M2", both) == []

    @pytest.mark.parametrize(
        ("minutes", "found"), [(-1, ["now"]), (0, ["now", "soon"]), (1, ["now", "soon"])]
    )
    def test_only_what_is_due_is_taken_up(self, store: Store, minutes: int, found: list[str]) -> None:
        take_in(store, arrival("now"))
        soon = take_in(store, arrival("soon"))
        with store.write() as connection:
            invoices.move(connection, soon, State.RECEIVED, NOON, changes={"next_attempt_at": NOON})
        due = NOON + timedelta(minutes=minutes)
        with store.read() as connection:
            assert ids(invoices.in_states(connection, "M1", {State.RECEIVED}, due=due)) == found
            assert invoices.ids_in_states(connection, "M1", {State.RECEIVED}, due=due) == found

    @pytest.mark.parametrize(("key", "same"), [("äb-1", True), ("äb-2", False), ("", False)])
    def test_a_number_is_the_same_where_its_key_is(self, store: Store, key: str, same: bool) -> None:
        first = known_as(store, "first", key)
        one = take_in(store, arrival("one"))
        with store.read() as connection:
            found = invoices.same_number(connection, one, "äb-1", {State.READY})
        assert found == (first if same else None)

    def test_a_number_of_another_supplier_company_or_state_is_another(self, store: Store) -> None:
        one = known_as(store, "one", "n")
        known_as(store, "two", "n", supplier="other")
        known_as(store, "three", "n", company="M2")
        move_along(store, known_as(store, "four", "n"), State.NEEDS_REVIEW)
        with store.read() as connection:
            assert invoices.same_number(connection, one, "n", {State.READY}) is None
            assert invoices.same_number(connection, one, "n", {State.NEEDS_REVIEW}) is not None


class TestCounting:
    """Every invoice is in exactly one state (I5)."""

    def test_every_state_is_counted_and_they_add_up(self, store: Store) -> None:
        for number in range(3):
            take_in(store, arrival(f"inv-{number}"))
        move_along(store, stored(store, "inv-0"), State.READY)
        with store.read() as connection:
            found = invoices.counts(connection)
        assert set(found) == {state.value for state in State}
        assert (found["received"], found["ready"], sum(found.values())) == (2, 1, 3)

    def test_the_oldest_open_invoice_is_not_a_finished_one(self, store: Store) -> None:
        with store.read() as connection:
            assert invoices.oldest_open(connection) is None
        take_in(store, arrival("finished"))
        take_in(store, arrival("open"), now=NOON + timedelta(hours=1))
        move_along(store, stored(store, "finished"), State.WITHDRAWN)
        with store.read() as connection:
            assert invoices.oldest_open(connection) == NOON + timedelta(hours=1)


class TestRivals:
    """Who else bears the number, or holds the voucher, and that two who ask come one after the other."""

    def test_all_that_share_the_number_or_hold_the_voucher_are_found_and_nobody_else(
        self, store: Store
    ) -> None:
        one = take_in(store, arrival("one", number="INV-1"))
        take_in(store, arrival("same", number=" inv-1 "))
        holder = take_in(store, arrival("holder", number="other"))
        take_in(store, arrival("stranger", number="INV-2"))
        take_in(store, arrival("supplier", number="INV-1", supplier="0000002"))
        take_in(store, arrival("company", number="INV-1"), company="M2")
        with store.write() as connection:
            invoices.move(connection, holder, State.POSTED, NOON, changes={"voucher": "V-1"})
        with store.write() as connection:
            assert ids(invoices.rivals(connection, one, "V-1")) == ["holder", "same"]

    def test_the_second_to_ask_sees_what_the_first_decided(self, store: Store) -> None:
        first, second = take_in(store, arrival("a", number="N")), take_in(store, arrival("b", number="N"))
        asks = threading.Event()

        def ask() -> list[str]:
            asks.set()
            with store.write() as connection:
                return [rival.voucher for rival in invoices.rivals(connection, second, "V-1")]

        with ThreadPoolExecutor(1) as pool:
            with store.write() as connection:
                assert ids(invoices.rivals(connection, first, "V-1")) == ["b"]
                answer = pool.submit(ask)
                asks.wait()
                with pytest.raises(TimeoutError):
                    answer.result(timeout=0.2)
                invoices.move(connection, first, State.POSTED, NOON, changes={"voucher": "V-1"})
            assert answer.result(timeout=10) == ["V-1"]


def test_failed_gl_journals_are_listed_by_company_without_their_payloads(store: Store) -> None:
    take_in(store, arrival("fine"))
    for name, company in (("late", "M1"), ("other", "M2")):
        stored = take_in(store, arrival(name), company=company, now=NOON + timedelta(hours=company == "M1"))
        with store.write() as connection:
            invoices.move(connection, stored, State.POSTED, NOON, changes={"gl_problem": "1 file in use"})
    with store.read() as connection:
        assert ids(invoices.with_gl_problem(connection, None)) == ["other", "late"]
        (one,) = invoices.with_gl_problem(connection, "M1")
        assert (one.gl_problem, one.payload) == ("1 file in use", "")
