"""Published records: what Basware was sent, under which request, and what became of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from connector_defs.store import audit, records
from connector_defs.store.engine import Store
from connector_defs.store.records import Record
from connector_tests.store.builders import NOON, record, save


def sent(store: Store, request_id: str, *some: Record, minutes: int = 0) -> list[Record]:
    stamped = [replace(one, state="sent", request_id=request_id) for one in some]
    with store.write() as connection:
        records.open_request(connection, request_id, "client-1", stamped, NOON + timedelta(minutes=minutes))
    return stamped


def open_ids(connection: Connection, entity: str | None = None) -> list[str]:
    return [one.request_id for one in records.open_requests(connection, "M1", entity)]


def test_a_record_is_known_by_its_key_and_overwritten_by_its_next_form(store: Store) -> None:
    save(store, record(), record("0000002"))
    save(store, record(hash="x" * 32, state="failed", code="E1", reason="why", touches=2))
    with store.read() as connection:
        found = records.by_keys(connection, "vendors", "M1", ["0000001", "0000002", "nobody"])
        assert records.by_keys(connection, "vendors", "M2", ["0000001"]) == {}
        assert records.by_keys(connection, "accounts", "M1", ["0000001"]) == {}
    assert found == {
        "0000001": record(hash="x" * 32, state="failed", code="E1", reason="why", touches=2),
        "0000002": record("0000002"),
    }


def test_every_write_of_a_record_has_its_event(store: Store) -> None:
    save(store, record(state="sent"), action="sent")
    save(store, record(state="failed", reason="why"), action="failed")
    save(store)
    life = audit.show(store, "0000001")
    assert [event.action for event in life] == ["sent", "failed"]
    assert {"state": "failed", "reason": "why", "request_id": "request-1"}.items() <= life[1].detail.items()
    assert "code" not in life[1].detail
    assert life[1].chain == "vendors/M1/0000001"


def test_more_keys_than_one_query_takes_are_found(store: Store) -> None:
    many = [record(f"{number:07}") for number in range(900)]
    save(store, *many)
    with store.read() as connection:
        assert len(records.by_keys(connection, "vendors", "M1", [one.key for one in many])) == 900


def test_what_is_known_is_read_in_slices_for_the_delta(store: Store) -> None:
    save(store, record(touches=3, parent="p", active=0), record("other", company="M2"))
    with store.read() as connection:
        rows = [tuple(row) for part in records.known(connection, "vendors", "M1") for row in part]
    never = "1970-01-01T00:00:00.000000Z"
    assert rows == [("0000001", "h" * 32, "confirmed", 0, 3, "p", never)]


class TestRequests:
    """A batch is followed until every record of it has its outcome."""

    def test_open_requests_are_listed_oldest_first(self, store: Store) -> None:
        sent(store, "later", record("2"), minutes=2)
        sent(store, "sooner", record("1"), minutes=1)
        sent(store, "accounts", record("3", entity="accounts"), minutes=3)
        sent(store, "elsewhere", record("4", company="M2"))
        with store.read() as connection:
            assert open_ids(connection) == ["sooner", "later", "accounts"]
            assert open_ids(connection, "accounts") == ["accounts"]

    def test_a_request_remembers_its_records(self, store: Store) -> None:
        stamped = sent(store, "r1", record("1"), record("2"))
        with store.read() as connection:
            assert sorted(records.of_request(connection, "r1"), key=lambda one: one.key) == stamped
            assert records.of_request(connection, "r2") == []
        assert audit.show(store, "1")[-1].detail["client_request_id"] == "client-1"

    def test_closing_it_writes_every_outcome(self, store: Store) -> None:
        one, two = sent(store, "r1", record("1"), record("2"))
        with store.write() as connection:
            records.poll_missed(connection, "r1")
            (waiting,) = records.open_requests(connection, "M1")
            assert (waiting.polls, waiting.sent_at, waiting.received_at) == (1, NOON, None)
            done = [replace(one, state="confirmed"), replace(two, state="failed", code="E", reason="why")]
            records.close_request(connection, "r1", done, NOON)
        with store.read() as connection:
            assert open_ids(connection) == []
            assert records.has_closed_requests(connection, "M1", "vendors")
            assert not records.has_closed_requests(connection, "M1", "accounts")
            states = {one.key: one.state for one in records.of_request(connection, "r1")}
        assert states == {"1": "confirmed", "2": "failed"}
        assert [event.action for event in audit.show(store, "2")] == ["sent", "failed"]
        assert audit.verify(store).ok

    def test_a_record_sent_again_belongs_to_its_newest_request(self, store: Store) -> None:
        sent(store, "r1", record("1"), record("2"))
        sent(store, "r2", record("1"))
        with store.read() as connection:
            assert [one.key for one in records.of_request(connection, "r1")] == ["2"]


class TestReports:
    """Counts and lists for people."""

    def test_records_are_counted_by_entity_and_state(self, store: Store) -> None:
        save(store, record("1"), record("2"), record("3", state="failed"), record("4", entity="accounts"))
        with store.read() as connection:
            assert records.counts(connection) == {
                "vendors": {"confirmed": 2, "failed": 1},
                "accounts": {"confirmed": 1},
            }

    def test_problems_are_listed_in_order(self, store: Store) -> None:
        save(store, record("2", state="failed"), record("1", state="quarantined"), record("3"))
        with store.read() as connection:
            found = records.with_problems(connection, ["failed", "quarantined"])
        assert [one.key for one in found] == ["1", "2"]

    @pytest.mark.parametrize(
        ("order_state", "line_state", "incomplete"),
        [
            ("confirmed", "confirmed", []),
            ("confirmed", "sent", ["42"]),
            ("confirmed", "failed", ["42"]),
            ("sent", "quarantined", ["42"]),
            ("failed", "sent", ["42"]),
        ],
    )
    def test_an_order_basware_knows_without_all_its_lines_is_incomplete(
        self, store: Store, order_state: str, line_state: str, incomplete: list[str]
    ) -> None:
        line = {"entity": "matchingOrderLines", "parent": "42"}
        save(
            store,
            record("42", entity="matchingOrders", state=order_state),
            record("42/1", **line),
            record("42/2", state=line_state, **line),
            record("42/1", company="M2", state="failed", **line),
        )
        with store.read() as connection:
            assert records.incomplete_orders(connection, "M1") == incomplete

    def test_an_order_that_basware_never_had_is_not_called_incomplete(self, store: Store) -> None:
        line = {"entity": "matchingOrderLines", "parent": "42", "state": "held"}
        save(store, record("42", entity="matchingOrders", state="failed"), record("42/1", **line))
        with store.read() as connection:
            assert records.incomplete_orders(connection, "M1") == []

    def test_the_mark_of_an_unfinished_order_is_told_apart_from_its_state(self, store: Store) -> None:
        save(store, record("42", entity="matchingOrders"), record("43", entity="matchingOrders"))
        for unfinished, marked in ((True, ["42"]), (True, ["42"]), (False, [])):
            with store.write() as connection:
                records.mark_orders(connection, "M1", ["42"], unfinished=unfinished, now=NOON)
            save(store, record("42", entity="matchingOrders", state="failed"))
            with store.read() as connection:
                assert records.unfinished_orders(connection, "M1") == marked
                assert records.incomplete_orders(connection, "M1") == marked
                assert records.unfinished_orders(connection, "M2") == []
        assert [event.action for event in audit.show(store, "42")].count("unfinished") == 1
        assert audit.verify(store).ok

    def test_a_forced_record_differs_from_every_content(self, store: Store) -> None:
        save(store, record("1", touches=2), record("2", hash=records.GONE, active=0))
        with store.write() as connection:
            known = records.by_keys(connection, "vendors", "M1", ["1", "2"])
            records.force(connection, list(known.values()), actor="ann", reason="lost", now=NOON)
        with store.read() as connection:
            one, two = records.by_keys(connection, "vendors", "M1", ["1", "2"]).values()
        assert (one.state, one.hash, one.touches, one.active) == ("confirmed", records.FORCED, 3, 1)
        assert (two.hash, two.active) == (records.FORCED, 1)
        assert audit.show(store, "1")[-1].detail["why"] == "lost"
        assert audit.verify(store).ok
