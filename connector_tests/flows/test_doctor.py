"""`connector ping`: every door tried, every broken one named with what to do about it."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.regions import HostRefused
from connector_defs.flows.doctor import ping
from connector_defs.flows.entities import STAGED
from connector_defs.flows.reports import Probe
from connector_defs.flows.runtime import open_connector
from connector_defs.sandbox.basware.tokens import ALL_SCOPES
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import audit
from connector_tests.flows.pair import SMALL, Pair, open_pair, settings_for

SECRET = "not-the-right-one"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all: ping writes nothing."""
    with Sandbox(SMALL) as running:
        yield running


def probes(sandbox: Sandbox, folder: Path, **sections: Any) -> list[Probe]:
    """What ping finds with settings that differ in `sections`."""
    return list(ping(settings_for(sandbox, folder, **sections)))


def failed(found: list[Probe]) -> dict[str, Probe]:
    """The broken doors by name."""
    return {probe.name: probe for probe in found if not probe.ok}


def test_every_door_of_a_working_pair_is_open(sandbox: Sandbox, folder: Path) -> None:
    found = probes(sandbox, folder)
    assert failed(found) == {}
    names = [probe.name for probe in found]
    tables = {table.tables[0] for table in STAGED}
    assert {name.removeprefix("SYSPRO OData ") for name in names} >= tables
    assert {"state store", "Basware region", "Basware token", "SYSPRO logon", "Basware company"} <= set(names)
    assert sandbox.syspro.sessions == ()


@pytest.mark.parametrize(
    ("sections", "broken", "remedy"),
    [
        ({"company": {"operator_password": SECRET}}, {"SYSPRO logon"}, "passwords"),
        ({"company": {"operator": "NOBODY"}}, {"SYSPRO logon"}, "operator"),
        ({"company": {"company_password": SECRET}}, {"SYSPRO logon"}, "company"),
        ({"syspro": {"odata_password": SECRET}}, "tables", "OData user and password"),
        ({"syspro": {"odata_username": "wrong"}}, "tables", "OData user and password"),
        ({"company": {"syspro_company": "ZZ"}}, "tables and logon", "company"),
        (
            {"basware": {"client_secret": SECRET}},
            {"Basware token", "Basware company"},
            "client id, secret",
        ),
        ({"basware": {"client_id": "wrong"}}, {"Basware token", "Basware company"}, "client id, secret"),
        ({"basware": {"region": "EU"}}, {"Basware region"}, "BASWARE_REGION"),
        ({"basware": {"api_url": "http://192.0.2.1"}}, {"Basware region"}, "BASWARE_REGION"),
        (
            {"syspro": {"enet_url": "http://127.0.0.1:1/SYSPROWCFService/Rest"}},
            {"SYSPRO e.net host", "SYSPRO logon"},
            "SYSPRO_ENET_URL",
        ),
        (
            {"syspro": {"odata_url": "http://127.0.0.1:1/odata"}},
            "odata host and tables",
            "SYSPRO_ODATA_URL",
        ),
        (
            {"basware": {"api_url": "http://127.0.0.1:1"}},
            {"Basware host", "Basware company"},
            "BASWARE_API_URL",
        ),
    ],
)
def test_a_broken_door_is_named_with_its_remedy(
    sandbox: Sandbox, folder: Path, sections: dict[str, Any], broken: set[str] | str, remedy: str
) -> None:
    tables = {f"SYSPRO OData {table.tables[0]}" for table in STAGED}
    expected = {
        "tables": tables,
        "tables and logon": {*tables, "SYSPRO logon"},
        "odata host and tables": {*tables, "SYSPRO OData host"},
    }.get(str(broken), set(broken))
    found = failed(probes(sandbox, folder, **sections))
    assert set(found) == expected
    assert all(probe.detail and probe.remedy for probe in found.values())
    assert any(remedy in probe.remedy for probe in found.values())
    told = json.dumps([vars(probe) for probe in found.values()])
    assert SECRET not in told
    assert sandbox.syspro.sessions == ()


def test_a_missing_table_and_missing_columns_are_told_apart(folder: Path) -> None:
    habits = SysproOptions(absent_columns=frozenset({"ApSupplier.Email"}))
    with open_pair(folder, syspro_options=habits) as pair:
        pair.sandbox.world.tables.pop("TblApTerms")
        found = failed(list(ping(pair.connector.settings)))
        assert set(found) == {"SYSPRO OData ApSupplier", "SYSPRO OData TblApTerms"}
        assert found["SYSPRO OData ApSupplier"].detail == "columns missing: Email"
        assert "exposed" in found["SYSPRO OData TblApTerms"].remedy


def test_a_scope_that_was_not_granted_is_named(pair: Pair) -> None:
    pair.sandbox.basware.tokens.scopes = frozenset(ALL_SCOPES) - {"vendors.write"}
    found = failed(list(ping(pair.connector.settings)))
    assert set(found) == {"Basware token"}
    assert "vendors.write" in found["Basware token"].detail


def test_a_store_of_another_version_is_named(sandbox: Sandbox, folder: Path) -> None:
    with sqlite3.connect(folder / "state.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    found = failed(probes(sandbox, folder))
    assert set(found) == {"state store"}
    assert "newer version" in found["state store"].detail


@pytest.mark.covers("F30")
def test_a_host_of_another_region_is_refused_before_any_call_and_audited(folder: Path) -> None:
    """F30."""
    with open_pair(folder) as pair:
        settings = pair.connector.settings
        elsewhere = settings.model_copy(
            update={"basware": settings.basware.model_copy(update={"region": "EU", "extra_hosts": ()})}
        )
        before = pair.sandbox.basware.requests.total()
        with pytest.raises(HostRefused, match="EU"), open_connector(elsewhere):
            pass
        assert pair.sandbox.basware.requests.total() == before
        assert [event.action for event in audit.show(pair.connector.store, "basware")] == ["host refused"]
