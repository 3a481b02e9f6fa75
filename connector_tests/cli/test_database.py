"""`connector db` upgrades the state store, says whether it fits, and tells of a restored one."""

import json
import sqlite3
from pathlib import Path

import pytest

from connector_tests.cli.conftest import Command
from connector_tests.cli.test_example_settings import REQUIRED, SECRETS


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, own_place: Path) -> None:
    for name, value in {**REQUIRED, **SECRETS, "CONNECTOR_STATE_URL": "sqlite:///state.db"}.items():
        monkeypatch.setenv(name, value)


def test_an_empty_store_fails_the_check_and_names_the_upgrade(connector: Command) -> None:
    ended = connector("db", "check")

    assert ended.code == 1
    assert "connector db upgrade" in ended.out


def test_after_the_upgrade_the_check_holds(connector: Command) -> None:
    assert connector("db", "upgrade").code == 0
    ended = connector("db", "check", "--json")

    assert ended.code == 0
    report = json.loads(ended.out)
    assert report["ok"] is True
    assert report["current"] == report["head"]


def test_a_store_of_a_newer_version_is_refused(connector: Command, own_place: Path) -> None:
    connector("db", "upgrade")
    with sqlite3.connect(own_place / "state.db") as store:
        store.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    store.close()

    assert "newer version" in connector("db", "check").out
    refused = connector("db", "upgrade")
    assert refused.code == 2
    assert "newer version" in refused.err


def test_a_store_address_that_is_none_is_wrong_use(
    connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_STATE_URL", "nonsense")
    ended = connector("db", "upgrade")

    assert ended.code == 2
    assert "CONNECTOR_STATE_URL" in ended.err


def test_after_a_restore_every_company_is_held_and_a_person_may_let_it_go_on(connector: Command) -> None:
    held = connector("db", "restored")
    assert (held.code, "M1 is on hold" in held.out) == (0, True)
    assert "on hold already" in connector("db", "restored").out

    gone_on = connector("db", "release", "--reason", "known")
    assert (gone_on.code, "M1 goes on" in gone_on.out) == (0, True)
    told = connector("audit", "show", "M1").out
    assert "held" in told
    assert "known" in told

    again = connector("db", "release", "--reason", "known")
    assert (again.code, "not on hold" in again.out) == (1, True)


def test_a_store_used_with_another_client_is_refused_until_a_person_binds_it_anew(
    connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connector("status").code == 0
    monkeypatch.setattr("connector_defs.store.bindings.companies_at_work", lambda _: frozenset({"M1"}))
    monkeypatch.setenv("BASWARE_CLIENT_ID", "another")

    refused = connector("status")
    assert (refused.code, "connector db rebind" in refused.err) == (2, True)
    bound = connector("db", "rebind", "--reason", "a new client id of the same tenant")
    assert (bound.code, "the settings say another" in bound.out) == (0, True)
    assert connector("status").code == 0
    assert connector("db", "rebind", "--reason", "again").code == 1
