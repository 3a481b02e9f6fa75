"""`connector ping`: every door tried, every broken one named with what to do about it."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_defs.basware.regions import HostRefused
from connector_defs.flows.doctor import ping
from connector_defs.flows.entities import STAGED
from connector_defs.flows.lanes import free_lanes, lane_session
from connector_defs.flows.reports import Probe
from connector_defs.flows.runtime import open_connector
from connector_defs.sandbox.basware.answer import Answer
from connector_defs.sandbox.basware.tokens import ALL_SCOPES, TokenDesk
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import audit
from connector_defs.syspro.addresses import UrlRefused
from connector_tests.flows.pair import SMALL, Pair, invoice, open_pair, settings_for
from connector_tests.internet import Authority, listening

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
    tables = {*(table.tables[0] for table in STAGED), "ApInvoice"}
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
    tables = {f"SYSPRO OData {name}" for name in (*(table.tables[0] for table in STAGED), "ApInvoice")}
    expected = {
        "tables": tables,
        "tables and logon": {*tables - {"SYSPRO OData GenAnalysisCode"}, "SYSPRO logon"},
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
    habits = SysproOptions(absent_columns=frozenset({"ApSupplier.OnHold"}))
    with open_pair(folder, syspro_options=habits) as pair:
        pair.sandbox.world.tables.pop("TblApTerms")
        found = failed(list(ping(pair.connector.settings)))
        assert set(found) == {"SYSPRO OData ApSupplier", "SYSPRO OData TblApTerms"}
        assert found["SYSPRO OData ApSupplier"].detail == "columns missing: OnHold"
        assert "exposed" in found["SYSPRO OData TblApTerms"].remedy


def test_a_column_that_older_releases_lack_is_a_warning(folder: Path) -> None:
    habits = SysproOptions(absent_columns=frozenset({"ApSupplier.PoEmail"}))
    with open_pair(folder, syspro_options=habits) as pair:
        found = list(ping(pair.connector.settings))
    assert failed(found) == {}
    (told,) = [probe for probe in found if probe.name == "SYSPRO OData ApSupplier"]
    assert told.warning.startswith("columns missing: PoEmail. What stands there is not read")


@pytest.mark.parametrize(
    ("source", "verdicts"), [("auto", ["warning"]), ("gl_section", []), ("analysis", ["failed"])]
)
def test_analysis_codes_are_needed_only_where_they_are_the_cost_centers(
    folder: Path, source: str, verdicts: list[str]
) -> None:
    with open_pair(folder, company={"cost_centers": {"source": source}}) as pair:
        pair.sandbox.world.tables.pop("GenAnalysisCode")
        found = list(ping(pair.connector.settings))
    told = [probe for probe in found if probe.name == "SYSPRO OData GenAnalysisCode"]
    assert ["failed" if not probe.ok else "warning" if probe.warning else "ok" for probe in told] == verdicts


@pytest.mark.parametrize(
    ("mode", "ledger"),
    [
        ({}, "ApInvoice"),
        ({"posting_mode": "journal", "journal_credit_account": "00-2150"}, "GenJournalDetail"),
    ],
)
def test_the_ledger_that_postings_are_looked_up_in_is_a_door_of_its_own(
    folder: Path, mode: dict[str, Any], ledger: str
) -> None:
    with open_pair(folder, company=mode) as pair:
        pair.sandbox.world.tables.pop(ledger)
        assert set(failed(list(ping(pair.connector.settings)))) == {f"SYSPRO OData {ledger}"}


def scopes_probe(pair: Pair, granted: Collection[str], **sections: Any) -> Probe:
    """What ping says of the token where the client has these scopes."""
    pair.sandbox.basware.tokens.scopes = frozenset(granted)
    settings = settings_for(pair.sandbox, Path(pair.connector.staging.root).parent, **sections)
    return next(probe for probe in ping(settings) if probe.name == "Basware token")


def test_a_scope_that_was_not_granted_is_named_with_its_flows(pair: Pair) -> None:
    found = scopes_probe(pair, ALL_SCOPES - {"vendors.read"})
    assert (found.ok, found.detail) == (
        False,
        "scopes not granted, by flow: master_data: vendors.read; enrichment: vendors.read",
    )


def test_a_scope_that_is_not_needed_is_none_that_is_missing(pair: Pair) -> None:
    granted = ALL_SCOPES - {"vendors.write", "accounts.read"}
    assert scopes_probe(pair, granted, schedules={"flows": ("invoices", "enrichment")}).ok


def test_a_company_whose_records_no_flow_reads_is_not_called_empty(sandbox: Sandbox, folder: Path) -> None:
    found = probes(sandbox, folder, schedules={"flows": ("invoices",)})
    told = next(probe for probe in found if probe.name == "Basware company")
    assert (told.ok, "read no records" in told.detail) == (True, True)


def test_a_company_without_records_is_told(folder: Path) -> None:
    with Sandbox(SMALL) as empty:
        told = next(probe for probe in probes(empty, folder) if probe.name == "Basware company")
    assert (told.ok, "is empty" in told.detail) == (True, True)


def test_a_store_that_was_used_with_another_client_is_named(pair: Pair) -> None:
    settings = pair.connector.settings
    other = settings.model_copy(
        update={"basware": settings.basware.model_copy(update={"client_id": "another"})}
    )
    assert "state store's tenant" not in failed(list(ping(other)))
    pair.approve(invoice("A-1"))
    pair.run()
    found = failed(list(ping(other)))["state store's tenant"]
    assert "the settings say another" in found.detail
    assert "connector db rebind" in found.remedy


def test_a_store_that_is_not_made_yet_belongs_to_nobody(sandbox: Sandbox, tmp_path: Path) -> None:
    found = {probe.name: probe for probe in probes(sandbox, tmp_path)}["state store's tenant"]
    assert (found.ok, "nobody yet" in found.detail) == (True, True)


def test_keys_that_would_keep_everything_from_starting_are_named(pair: Pair, folder: Path) -> None:
    """Also where no secret in force lies in the vault, so that nothing else asks for them."""
    settings = pair.connector.settings
    assert "master key" not in failed(list(ping(settings)))
    other = SecretStr(Fernet.generate_key().decode())
    storage = settings.storage.model_copy(update={"master_key": other})
    found = failed(list(ping(settings.model_copy(update={"storage": storage}))))
    assert "no key of CONNECTOR_MASTER_KEY opens" in found["master key"].detail
    (folder / "master.key").unlink()
    assert "does not exist" in failed(list(ping(settings)))["master key"].detail
    assert not (folder / "master.key").exists()


def test_the_session_of_a_run_under_way_is_left_alone(pair: Pair) -> None:
    connector, company = pair.connector, pair.company
    with (
        free_lanes(connector, company) as (lease,),
        lane_session(connector, company, lease) as session,
    ):
        session.profile()
        (told,) = [probe for probe in ping(connector.settings) if probe.name == "SYSPRO logon"]
        session.profile()
        assert session.evictions == 0
    assert told.ok
    assert "operator INTEG is at work in another process" in told.detail
    (told,) = [probe for probe in ping(connector.settings) if probe.name == "SYSPRO logon"]
    assert "logged on and off" in told.detail


def granting(monkeypatch: pytest.MonkeyPatch, surplus: str) -> None:
    """Let the token desk name scopes beside those asked for, as a server may that grants by client."""
    issue = TokenDesk.issue

    def generous(self: TokenDesk, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = issue(self, headers, body)
        told = json.loads(answer.body)
        told["scope"] = f"{told['scope']} {surplus}"
        return replace(answer, body=json.dumps(told).encode())

    monkeypatch.setattr(TokenDesk, "issue", generous)


def test_what_was_granted_beyond_need_is_a_warning_and_deleting_comes_first(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    granting(monkeypatch, "lists.read vendors.delete")
    warning = (
        "this client may delete in Basware and never needs to (vendors.delete): have that taken away; "
        "granted and not needed by the flows in use: lists.read"
    )
    found = scopes_probe(pair, ALL_SCOPES)
    assert (found.ok, found.warning) == (True, warning)
    # What is missing does not hide it.
    found = scopes_probe(pair, ALL_SCOPES - {"vendors.read"})
    assert (found.ok, found.warning) == (False, warning)


def test_a_server_that_refuses_the_whole_request_is_asked_which_scope_it_means(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = TokenDesk.issue

    def strict(self: TokenDesk, headers: Mapping[str, str], body: bytes) -> Answer:
        if b"matchingOrders.write" in body:
            return Answer(400, b'{"error": "invalid_scope"}')
        return issue(self, headers, body)

    monkeypatch.setattr(TokenDesk, "issue", strict)
    found = scopes_probe(pair, ALL_SCOPES)
    assert not found.ok
    assert found.detail.endswith("Refused, by flow: purchase_orders: matchingOrders.write")


def test_a_server_that_takes_each_flow_but_not_all_of_them_is_told_so(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = TokenDesk.issue

    def short(self: TokenDesk, headers: Mapping[str, str], body: bytes) -> Answer:
        return Answer(422, b"{}") if len(body) > 300 else issue(self, headers, body)

    monkeypatch.setattr(TokenDesk, "issue", short)
    assert "all together are not" in scopes_probe(pair, ALL_SCOPES).detail


def test_a_server_that_names_no_scopes_is_believed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = TokenDesk.issue

    def silent(self: TokenDesk, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = issue(self, headers, body)
        told = {name: value for name, value in json.loads(answer.body).items() if name != "scope"}
        return replace(answer, body=json.dumps(told).encode())

    monkeypatch.setattr(TokenDesk, "issue", silent)
    found = scopes_probe(pair, ALL_SCOPES)
    assert (found.ok, found.warning) == (True, "")
    assert "does not say which" in found.detail


@pytest.mark.parametrize(
    ("names", "days", "trusted", "ok", "told"),
    [
        (("127.0.0.1",), 30, True, True, "answers with TLSv1"),
        (("127.0.0.1",), -1, True, False, "expired"),
        (("erp.example",), 30, True, False, "use the name it was issued for"),
        (("127.0.0.1",), 30, False, False, "certificate is refused"),
    ],
)
def test_the_certificate_of_syspro_is_looked_at_as_the_clients_do(
    sandbox: Sandbox,
    folder: Path,
    names: tuple[str, ...],
    days: int,
    trusted: bool,
    ok: bool,
    told: str,
) -> None:
    authority = Authority(folder)
    with listening(lambda _: b"", authority.context(*names, days=days)) as erp:
        url = f"https://127.0.0.1:{erp.port}/Rest"
        chosen = settings_for(
            sandbox, folder, syspro={"enet_url": url, "ca_file": authority.pem if trusted else None}
        )
        found = next(probe for probe in ping(chosen) if probe.name == "SYSPRO e.net host")
    assert (found.ok, told in found.detail) == (ok, True)
    assert ("syspro.ca_file" in found.remedy) is (not ok and not trusted)


def test_a_url_of_syspro_that_is_not_safe_is_named_without_a_call(sandbox: Sandbox, folder: Path) -> None:
    found = failed(probes(sandbox, folder, syspro={"enet_url": "http://erp.example:31002/Rest"}))
    assert set(found) == {"SYSPRO e.net host", "SYSPRO logon"}
    assert "plain http" in found["SYSPRO e.net host"].detail
    assert "SYSPRO_ENET_URL" in found["SYSPRO e.net host"].remedy


def test_a_url_of_syspro_that_is_not_safe_is_refused_at_the_start_and_audited(pair: Pair) -> None:
    settings = pair.connector.settings
    unsafe = settings.model_copy(
        update={"syspro": settings.syspro.model_copy(update={"odata_url": "http://erp.example/odata"})}
    )
    with pytest.raises(UrlRefused, match="plain http"), open_connector(unsafe):
        pass
    assert [event.action for event in audit.show(pair.connector.store, "syspro")] == ["host refused"]


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
