"""Whatever is changed behind the trail's back is found, and where."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import String, delete, func, literal, select, type_coerce, update
from sqlalchemy.schema import Column, Table

from connector_defs.domain.states import State
from connector_defs.store.audit import Verification, checkpoint, verify
from connector_defs.store.engine import Store
from connector_defs.store.schema import open_store
from connector_defs.store.tables import (
    audit_checkpoint,
    audit_event,
    audit_head,
    gl_mapping,
    invoice,
    published_record,
)
from connector_tests.store.builders import NOON, add_rule, move_along, record, save, take_in
from connector_tests.store.conftest import BACKENDS

INVOICE, MAPPING, RECORD = "invoice/M1/inv-1", "mapping/M1/4000/", "vendors/M1/0000001"
NEXT_DAY = NOON + timedelta(days=1)


TABLES = (invoice, gl_mapping, published_record, audit_event, audit_head, audit_checkpoint)


@pytest.fixture(scope="module", params=BACKENDS)
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with one invoice, one mapping of two versions and one published record, sealed for the day."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").empty_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('sealed')}/state.db"
    store = open_store(url)
    move_along(store, take_in(store), State.READY, State.ACKNOWLEDGED, State.POSTING)
    add_rule(store)
    add_rule(store, gl_code="40-5000")
    save(store, record())
    assert checkpoint(store, NEXT_DAY) == 1
    yield store
    store.close()


@pytest.fixture
def books(sealed: Store) -> Iterator[Store]:
    """The sealed store; what a test does to it is undone."""
    with sealed.read() as connection:
        before = [
            (table, [dict(row._mapping) for row in connection.execute(select(table))]) for table in TABLES
        ]
    yield sealed
    with sealed.write() as connection:
        for table, rows in before:
            connection.execute(delete(table))
            connection.execute(table.insert(), rows)
    assert verify(sealed).ok


def other(column: Column[object]) -> object:
    """SQL for the column's value with one byte, or one unit, changed."""
    if column.type.python_type is int:
        return column + 1
    text = type_coerce(column, String)
    return func.substr(text, 1, func.length(text) - 1) + literal("~", String)


def change(store: Store, column: Column[object], row: object, value: object | None = None) -> None:
    with store.write() as connection:
        changed = connection.execute(
            update(column.table).where(row).values({column.name: other(column) if value is None else value})  # type: ignore[arg-type]
        )
        assert changed.rowcount == 1


def remove(store: Store, table: Table, row: object) -> None:
    with store.write() as connection:
        assert connection.execute(delete(table).where(row)).rowcount  # type: ignore[arg-type]


def places(verification: Verification) -> set[tuple[str, int]]:
    assert not verification.ok
    return {(link.chain, link.sequence) for link in verification.broken}


MIDDLE = (audit_event.c.chain == INVOICE) & (audit_event.c.sequence == 2)


@pytest.mark.parametrize("name", [column.name for column in audit_event.c if column.name != "id"])
def test_a_changed_byte_in_an_event_is_found_at_its_place(books: Store, name: str) -> None:
    change(books, audit_event.c[name], MIDDLE, 7 if name == "sequence" else None)
    found = places(verify(books))
    expected = {"chain": (INVOICE[:-1] + "~", 2), "sequence": (INVOICE, 7)}
    assert expected.get(name, (INVOICE, 2)) in found


@pytest.mark.parametrize(
    "moment", ["2026-01-31 12:00:00.000000Z", "2026-01-31T12:00:00.000000z", "yesterday"]
)
def test_a_moment_written_in_another_way_is_found_at_its_place(books: Store, moment: str) -> None:
    change(books, audit_event.c.at, MIDDLE, literal(moment, String))
    assert (INVOICE, 2) in places(verify(books))


@pytest.mark.parametrize("detail", ["", "[]", "{}", '"x"', "null", '{"row":1}'])
def test_a_last_event_with_another_detail_is_found_whatever_stands_there(books: Store, detail: str) -> None:
    change(books, audit_event.c.detail, (audit_event.c.chain == RECORD), detail)
    assert places(verify(books)) == {(RECORD, 1)}


def test_a_rewritten_hash_breaks_the_link_to_the_next_event(books: Store) -> None:
    change(books, audit_event.c.hash, MIDDLE)
    assert {(INVOICE, 2), (INVOICE, 3)} <= places(verify(books))


def test_a_removed_event_is_found_at_its_place(books: Store) -> None:
    remove(books, audit_event, MIDDLE)
    verification = verify(books)
    assert (INVOICE, 3) in places(verification)
    assert any(link.reason == "event 2 is missing" for link in verification.broken)
    assert any(link.chain == "checkpoint/2026-01-31" for link in verification.broken)


def test_a_removed_tail_is_found(books: Store) -> None:
    remove(books, audit_event, (audit_event.c.chain == INVOICE) & (audit_event.c.sequence > 2))
    assert (INVOICE, 2) in places(verify(books))


def test_a_removed_tail_is_found_though_the_recorded_end_was_moved_too(books: Store) -> None:
    tail = (audit_event.c.chain == INVOICE) & (audit_event.c.sequence > 2)
    with books.write() as connection:
        before = connection.scalar(select(audit_event.c.hash).where(MIDDLE))
        connection.execute(delete(audit_event).where(tail))
        connection.execute(
            update(audit_head).where(audit_head.c.chain == INVOICE).values(sequence=2, hash=before)
        )
    assert {chain for chain, _ in places(verify(books))} == {INVOICE, "checkpoint/2026-01-31"}


def test_a_whole_removed_chain_is_found(books: Store) -> None:
    remove(books, audit_event, audit_event.c.chain == INVOICE)
    assert (INVOICE, 0) in places(verify(books))


@pytest.mark.parametrize("name", ["sequence", "hash"])
def test_a_changed_end_of_a_chain_is_found(books: Store, name: str) -> None:
    change(books, audit_head.c[name], audit_head.c.chain == MAPPING)
    assert places(verify(books)) == {(MAPPING, 2)}


def test_a_removed_end_of_a_chain_is_found(books: Store) -> None:
    remove(books, audit_head, audit_head.c.chain == MAPPING)
    assert places(verify(books)) == {(MAPPING, 2)}


# The columns of a key say which row it is, so a changed one is two findings: a row too many, and one gone.
ROWS = [
    (invoice, INVOICE, 4, invoice.c.invoice_id == "inv-1"),
    (gl_mapping, MAPPING, 2, gl_mapping.c.version == 2),
    (published_record, RECORD, 1, published_record.c.key == "0000001"),
]
CELLS = [
    pytest.param(column, chain, sequence, row, id=f"{table.name}.{column.name}")
    for table, chain, sequence, row in ROWS
    for column in table.c
    if not column.primary_key and column.name not in ("next_attempt_at", "fence", "answered_at")
]


@pytest.mark.parametrize(("column", "chain", "sequence", "row"), CELLS)
def test_a_changed_cell_is_found_in_its_row(
    books: Store, column: Column[object], chain: str, sequence: int, row: object
) -> None:
    empty = not isinstance(column.type.python_type(), int) and column.name in EMPTY
    change(books, column, row, literal("~", String) if empty else None)
    assert places(verify(books)) == {(chain, sequence)}


EMPTY = {
    "code",
    "reason",
    "remedy",
    "parent",
    "fingerprint",
    "reference",
    "voucher",
    "gl_journal",
    "gl_problem",
    "intent",
    "number_key",
    "valid_to",
    "approved_by",
}


@pytest.mark.parametrize(("name", "value"), [("next_attempt_at", NOON), ("answered_at", NOON), ("fence", 3)])
def test_a_cell_filled_where_none_was_is_found(books: Store, name: str, value: object) -> None:
    change(books, invoice.c[name], invoice.c.invoice_id == "inv-1", value)
    assert places(verify(books)) == {(INVOICE, 4)}


@pytest.mark.parametrize(
    ("table", "chain", "sequence", "row"), ROWS, ids=lambda one: getattr(one, "name", "")
)
def test_a_removed_row_is_found(books: Store, table: Table, chain: str, sequence: int, row: object) -> None:
    remove(books, table, row)
    assert places(verify(books)) == {(chain, sequence)}


def test_a_mapping_that_lost_all_its_versions_is_found(books: Store) -> None:
    remove(books, gl_mapping, gl_mapping.c.company == "M1")
    gone = "the row that the trail tells of is gone"
    assert [(link.chain, link.sequence, link.reason) for link in verify(books).broken] == [
        (MAPPING, 1, gone),
        (MAPPING, 2, gone),
    ]


@pytest.mark.parametrize("name", [column.name for column in gl_mapping.c if not column.primary_key])
def test_a_changed_cell_of_a_superseded_version_is_found_at_its_event(books: Store, name: str) -> None:
    empty = name in EMPTY
    change(books, gl_mapping.c[name], gl_mapping.c.version == 1, literal("~", String) if empty else None)
    assert places(verify(books)) == {(MAPPING, 1)}


def test_a_removed_superseded_version_is_found_at_its_event(books: Store) -> None:
    remove(books, gl_mapping, gl_mapping.c.version == 1)
    assert places(verify(books)) == {(MAPPING, 1)}


@pytest.mark.parametrize("detail", ["", "[]", "{}", "null", '{"row":1}'])
def test_an_event_of_a_version_with_another_detail_is_found_whatever_stands_there(
    books: Store, detail: str
) -> None:
    event = (audit_event.c.chain == MAPPING) & (audit_event.c.sequence == 1)
    change(books, audit_event.c.detail, event, detail)
    assert (MAPPING, 1) in places(verify(books))
    assert (MAPPING, 2) not in places(verify(books))


@pytest.mark.parametrize(
    ("name", "value"), [("dimensions", "dim1=A"), ("valid_from", "2026-01-01"), ("version", 9)]
)
def test_a_version_moved_to_another_rule_is_found_where_it_was_and_where_it_is(
    books: Store, name: str, value: object
) -> None:
    change(books, gl_mapping.c[name], gl_mapping.c.version == 1, value)
    assert places(verify(books)) == {(MAPPING, 0), (MAPPING, 1)}


def test_a_version_that_no_event_explains_is_found(books: Store) -> None:
    with books.write() as connection:
        row = connection.execute(select(gl_mapping).where(gl_mapping.c.version == 2)).one()._mapping
        connection.execute(gl_mapping.insert(), [{**row, "version": 3, "gl_code": "99"}])
    assert places(verify(books)) == {(MAPPING, 0)}


@pytest.mark.parametrize(
    ("column", "chain", "row"),
    [
        (invoice.c.invoice_id, "invoice/M1/inv-~", invoice.c.invoice_id == "inv-1"),
        (published_record.c.key, "vendors/M1/000000~", published_record.c.key == "0000001"),
        (gl_mapping.c.account_code, "mapping/M1/400~/", gl_mapping.c.version == 2),
    ],
)
def test_a_row_that_no_event_explains_is_found(
    books: Store, column: Column[object], chain: str, row: object
) -> None:
    change(books, column, row)
    assert (chain, 0) in places(verify(books))


@pytest.mark.parametrize(
    ("name", "value"), [("digest", None), ("last_event", None), ("last_event", 1), ("day", "2026-01-30")]
)
def test_a_changed_checkpoint_is_found(books: Store, name: str, value: object) -> None:
    change(books, audit_checkpoint.c[name], audit_checkpoint.c.day == "2026-01-31", value)
    ((chain, _),) = places(verify(books))
    assert chain.startswith("checkpoint/2026-01-3")


def test_a_removed_checkpoint_is_found_by_the_next(books: Store) -> None:
    move_one = NEXT_DAY + timedelta(days=1)
    take_in_late(books)
    assert checkpoint(books, move_one) == 1
    remove(books, audit_checkpoint, audit_checkpoint.c.day == "2026-01-31")
    assert places(verify(books)) == {("checkpoint/2026-02-01", 0)}


def take_in_late(store: Store) -> None:
    add_rule(store, account="5000", now=NEXT_DAY)


def test_one_tampered_place_does_not_hide_another(books: Store) -> None:
    change(books, audit_event.c.actor, MIDDLE)
    change(books, published_record.c.state, published_record.c.key == "0000001")
    assert {(INVOICE, 2), (RECORD, 1)} <= places(verify(books))


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE invoice SET gross = 'much'", (INVOICE, 4)),
        ("UPDATE invoice SET received_at = 'yesterday'", (INVOICE, 4)),
        ("UPDATE invoice SET updated_at = x'00ff'", (INVOICE, 4)),
        ("UPDATE audit_event SET sequence = 'two' WHERE action = 'received->ready'", (INVOICE, 3)),
    ],
)
def test_a_value_of_another_kind_is_found_and_does_not_stop_the_check(
    tmp_path: Path, statement: str, place: tuple[str, int]
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/state.db")
    move_along(store, take_in(store), State.READY, State.ACKNOWLEDGED, State.POSTING)
    with store.write() as connection:
        connection.exec_driver_sql(statement)
    assert place in places(verify(store))
    store.close()


def test_a_damaged_database_file_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    store = open_store(f"sqlite:///{file}")
    for number in range(40):
        add_rule(store, account=str(number), reason="r" * 500)
    with store.write() as connection:
        root = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'audit_event'"
        ).scalar()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar()
    store.close()
    assert isinstance(root, int)
    assert isinstance(size, int)
    with file.open("r+b") as raw:
        raw.seek((root - 1) * size)
        raw.write(b"\xff" * size)
    store = open_store(f"sqlite:///{file}")
    verification = verify(store)
    store.close()
    assert [link.chain for link in verification.broken] == ["store"]
    assert "the database file is damaged" in verification.broken[0].reason
