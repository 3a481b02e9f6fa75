"""The schema's version: set up, checked, upgraded, refused."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from connector_defs.domain.errors import Fatal
from connector_defs.store import schema
from connector_defs.store.engine import make_engine
from connector_defs.store.schema import SchemaOutdated, open_store
from connector_defs.store.tables import metadata
from connector_tests.store.builders import stored, take_in

HEAD = schema.check("sqlite://").head


def run(url: str, statement: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_the_code_knows(state_url: str) -> None:
    store = open_store(state_url)
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    store.close()


def test_an_empty_store_is_set_up_when_it_is_opened(empty_url: str) -> None:
    assert schema.check(empty_url).current is None
    store = open_store(empty_url)
    with store.read() as connection:
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())
    store.close()
    assert schema.check(empty_url) == schema.SchemaStatus(HEAD, HEAD)
    assert schema.check(empty_url).ok


def test_what_was_stored_is_there_when_it_is_opened_again(empty_url: str) -> None:
    store = open_store(empty_url)
    before = take_in(store)
    store.close()
    again = open_store(empty_url)
    assert stored(again, "inv-1") == before
    again.close()


def test_checking_changes_nothing(empty_url: str) -> None:
    status = schema.check(empty_url)
    assert (status.ok, status.current, status.head) == (False, None, HEAD)
    assert status.remedy == "run `connector db upgrade`"
    assert schema.check(empty_url).current is None


def test_upgrading_twice_is_the_same_as_once(empty_url: str) -> None:
    assert schema.upgrade(empty_url) == HEAD
    assert schema.upgrade(empty_url) == HEAD
    assert schema.check(empty_url).ok


def test_a_store_of_a_newer_version_is_refused_with_the_remedy(state_url: str) -> None:
    run(state_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        SchemaOutdated, match=r"has schema 9999, this version needs \d+: .* install that version"
    ):
        open_store(state_url)
    with pytest.raises(SchemaOutdated, match=r"schema 9999 .* is unknown here"):
        schema.upgrade(state_url)
    assert not schema.check(state_url).ok


def test_tables_of_unknown_origin_are_refused_with_the_remedy(state_url: str) -> None:
    run(state_url, "DROP TABLE alembic_version")
    with pytest.raises(SchemaOutdated, match=r"schema of unknown origin, .* run `connector db upgrade`"):
        open_store(state_url)


@pytest.mark.parametrize("attempt", [open_store, schema.check, schema.upgrade])
def test_a_file_that_is_no_database_is_named_as_such(attempt: object, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database, but long enough to be looked at " * 30, encoding="utf-8")
    with pytest.raises(Fatal, match="the file that CONNECTOR_STATE_URL names is no state store"):
        attempt(f"sqlite:///{file}")  # type: ignore[operator]
    assert file.read_text(encoding="utf-8").startswith("no database")
