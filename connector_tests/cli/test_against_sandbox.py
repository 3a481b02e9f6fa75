"""The commands of an ordinary day, against both simulated systems: what a clerk sees, and what a script reads."""

import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector_defs.cli.sandbox import TIMING, storage_of
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_tests.cli.conftest import Command, Ended, call

SMALL = WorldOptions(suppliers=12, accounts=60, cost_centers=4, orders=10, lines=30, invoices=40)


@dataclass(frozen=True)
class Site:
    """A connector whose first `sync all` is done."""

    environment: dict[str, str]
    first: Ended
    sandbox: Sandbox

    @property
    def state(self) -> Path:
        return Path(self.environment["CONNECTOR_STATE_URL"].removeprefix("sqlite:///"))


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    with Sandbox(SMALL, processing_seconds=0.05) as sandbox, pytest.MonkeyPatch.context() as patch:
        environment = {**sandbox.environment(), **TIMING, **storage_of(home)}
        environment["CONNECTOR_CONFIG"] = str(home / "connector.toml")
        (home / "connector.toml").write_text("[timing]\nlinger_seconds = 1\n", encoding="utf-8")
        for name, value in environment.items():
            patch.setenv(name, value)
        first = call("sync", "all", "--json")
        yield Site(environment, first, sandbox)


@pytest.fixture
def site(synced: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in synced.environment.items():
        monkeypatch.setenv(name, value)
    return synced


def told(ended: Ended) -> Any:
    return json.loads(ended.out)


def test_a_sync_lists_what_needs_attention_and_ends_with_1(site: Site) -> None:
    report = told(site.first)

    assert site.first.code == 1, site.first.err
    assert report["clean"] is False
    assert {each["entity"] for each in report["published"]} >= {"vendors", "matchingOrderLines"}
    assert report["invoices"][0]["fetched"] == SMALL.invoices
    for problem in report["problems"]:
        assert problem["key"]
        assert problem["reason"]
        assert problem["remedy"]


def test_a_sync_prints_tables_for_people(site: Site, connector: Command) -> None:
    ended = connector("sync", "purchase-orders")

    assert "Published to Basware" in ended.out
    assert "matchingOrders" in ended.out
    assert "Traceback" not in ended.err


def test_a_second_sync_sends_nothing(site: Site, connector: Command) -> None:
    report = told(connector("sync", "master-data", "--json"))

    assert [each["entity"] for each in report["published"] if each["sent"]] == []


def test_a_day_outside_the_calendar_is_wrong_use(site: Site, connector: Command) -> None:
    ended = connector("sync", "purchase-orders", "--date", "1999-12-31", "--json")

    assert (ended.code, ended.out) == (2, "")
    assert "1999-12-31" in ended.err


def test_ping_finds_everything_in_order(site: Site, connector: Command) -> None:
    ended = connector("ping", "--json")

    assert ended.code == 0, ended.out
    assert told(ended)["ok"] is True


def test_ping_names_a_wrong_password_without_showing_it(
    site: Site, connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSPRO_ODATA_PASSWORD", "not-this-one")
    ended = connector("ping")

    assert ended.code == 1
    assert "check OData user and password" in ended.out
    assert "not-this-one" not in ended.out + ended.err


def test_status_has_the_documented_shape(site: Site, connector: Command) -> None:
    ended = connector("status", "--json")
    report = told(ended)

    assert ended.code == 0
    assert list(report)[:3] == ["invoices", "records", "oldest_open_minutes"]
    assert sum(report["invoices"].values()) == SMALL.invoices
    assert set(report["records"]["vendors"]) == {"published", "pending", "failed", "quarantined"}
    assert isinstance(report["oldest_open_minutes"], int)
    assert {each["entity"] for each in report["control_totals"]} == set(report["records"]) - {
        "paymentResponses"
    }
    assert [each["differences"] for each in report["control_totals"] if each["differences"]] == []
    (lines,) = (each for each in report["control_totals"] if each["entity"] == "matchingOrderLines")
    assert all(each["syspro"] == each["confirmed"] for each in lines["money"])


def test_status_for_people_leads_to_the_queue(site: Site, connector: Command) -> None:
    out = connector("status").out
    assert "connector queue list" in out
    assert "control totals add up" in out


def test_the_queue_is_listed_with_reasons_and_remedies(site: Site, connector: Command) -> None:
    ended = connector("queue", "list", "--json")
    items = told(ended)

    assert ended.code == 1
    assert items
    assert all(item["reason"] and item["remedy"] for item in items)
    assert all(isinstance(item["gross"], str) for item in items)
    assert str(len(items)) in connector("queue", "list").out


def test_one_waiting_invoice_is_shown_by_its_number(site: Site, connector: Command) -> None:
    item = told(connector("queue", "list", "--json"))[0]
    ended = connector("queue", "show", item["invoice_number"])

    assert ended.code == 0
    assert item["invoice_id"] in ended.out
    shown = told(connector("queue", "show", item["invoice_id"], "--json"))
    assert {name: shown[name] for name in item} == item


def test_an_unknown_invoice_is_wrong_use(site: Site, connector: Command) -> None:
    ended = connector("queue", "show", "no-such-invoice")

    assert ended.code == 2
    assert "no-such-invoice" in ended.err


def test_a_rejected_invoice_leaves_the_queue_and_its_reason_is_in_the_audit(
    site: Site, connector: Command
) -> None:
    waiting = told(connector("queue", "list", "--json"))
    item = next(each for each in waiting if each["state"] == "needs_review")
    ended = connector("queue", "reject", item["invoice_id"], "--reason", "not ours")

    assert ended.code == 0, ended.err
    left = [each["invoice_id"] for each in told(connector("queue", "list", "--json"))]
    assert item["invoice_id"] not in left
    assert "not ours" in connector("audit", "show", item["invoice_id"]).out


def test_rejecting_asks_first_on_a_terminal(
    site: Site, connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = next(
        each for each in told(connector("queue", "list", "--json")) if each["state"] == "needs_review"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    ended = connector("queue", "reject", item["invoice_id"], "--reason", "not ours")

    assert ended.code == 1
    assert told(connector("queue", "show", item["invoice_id"], "--json"))["state"] == "needs_review"


def test_an_invoice_is_released_by_hand(site: Site, connector: Command) -> None:
    item = next(
        each for each in told(connector("queue", "list", "--json")) if each["state"] == "needs_review"
    )
    ended = connector("queue", "release", item["invoice_number"], "--reason", "checked")

    assert ended.code == 0, ended.err
    assert "connector sync invoices" in ended.out


def test_the_unmapped_codes_are_listed_for_people(site: Site, connector: Command) -> None:
    ended = connector("mapping", "list", "--unmapped")

    assert ended.code == 0
    assert "connector mapping set ACCOUNT_CODE GL_CODE" in ended.out
    assert "GL mapping" not in ended.out


def test_an_invoice_is_tried_again_by_hand(site: Site, connector: Command) -> None:
    item = told(connector("queue", "list", "--json"))[-1]
    ended = connector("queue", "retry", item["invoice_id"], "--json")

    assert ended.code == 0, ended.err
    assert told(ended)["invoice_id"] == item["invoice_id"]


def test_a_mapping_releases_the_waiting_invoices_and_the_next_sync_posts_them(
    site: Site, connector: Command
) -> None:
    account = told(connector("mapping", "list", "--unmapped", "--json"))["unmapped"][0]
    waiting = {
        item["invoice_id"]
        for item in told(connector("queue", "list", "--json"))
        if account["account_code"] in item["reason"]
    }
    gl_code = told(connector("sql", "--json", "SELECT GlCode FROM gl_accounts WHERE GlCode = '00-5100'"))[0][
        "GlCode"
    ]
    ended = connector("mapping", "set", account["account_code"], gl_code, "--reason", "new chart", "--json")

    assert ended.code == 0, ended.err
    assert told(ended)["released"] == len(waiting) > 0
    posted = told(connector("sync", "invoices", "--json"))["invoices"][0]["posted"]
    assert posted >= len(waiting)
    life = connector("audit", "show", waiting.pop())
    assert "new chart" in connector("mapping", "list").out
    assert life.code == 0
    assert "posted" in life.out


def test_the_life_of_an_invoice_is_told_by_number_too(site: Site, connector: Command) -> None:
    item = told(connector("queue", "list", "--json"))[0]
    by_number = told(connector("audit", "show", item["invoice_number"], "--json"))

    assert by_number == told(connector("audit", "show", item["invoice_id"], "--json"))
    assert by_number[0]["action"]


def test_the_audit_is_exported_event_by_event(site: Site, connector: Command, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    told_of = told(connector("audit", "export", str(file), "--json"))
    assert told_of["events"] == len(file.read_text(encoding="utf-8").splitlines()) > 0
    assert "event(s) written" in connector("audit", "export", str(file), "--overwrite").out


def test_the_audit_verifies(site: Site, connector: Command) -> None:
    ended = connector("audit", "verify", "--json")

    assert ended.code == 0, ended.out
    assert told(ended)["ok"] is True
    assert told(ended)["broken"] == []
    assert "every hash holds" in connector("audit", "verify").out


def test_a_changed_event_is_located(
    site: Site, connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(site.state) as store:
        store.execute("VACUUM INTO ?", [str(own_place / "copy.db")])
    store.close()
    with sqlite3.connect(own_place / "copy.db") as copy:
        chain, sequence = copy.execute(
            "SELECT chain, sequence FROM audit_event ORDER BY id LIMIT 1"
        ).fetchone()
        copy.execute(
            "UPDATE audit_event SET detail = detail || ' ' WHERE id = (SELECT min(id) FROM audit_event)"
        )
    copy.close()
    monkeypatch.setenv("CONNECTOR_STATE_URL", f"sqlite:///{own_place}/copy.db")
    ended = connector("audit", "verify")

    assert ended.code == 1
    assert chain in ended.out
    located = told(connector("audit", "verify", "--json"))["broken"]
    assert {"chain": chain, "sequence": sequence} == {key: located[0][key] for key in ("chain", "sequence")}


def test_the_books_agree(site: Site, connector: Command) -> None:
    ended = connector("reconcile", "--json")

    assert ended.code == 0, ended.out
    report = told(ended)
    assert report["clean"] is True
    assert report["matched"] == report["compared"] > 0
    assert {each["entity"] for each in report["records"]} >= {"vendors", "matchingOrderLines"}
    assert all(each["matched"] == each["compared"] for each in report["records"])
    out = connector("reconcile", "--orders").out
    assert "agree to the cent" in out
    assert "master data and orders agree" in out


def test_staged_rows_answer_questions(site: Site, connector: Command) -> None:
    ended = connector("sql", "SELECT count(*) AS suppliers FROM suppliers")

    assert ended.code == 0
    assert str(SMALL.suppliers) in ended.out
    assert "suppliers" in connector("sql").out
    assert "suppliers" in told(connector("sql", "--json"))


def test_a_long_answer_is_cut_for_people_and_whole_for_scripts(site: Site, connector: Command) -> None:
    query = "SELECT Supplier FROM suppliers"

    assert "The first 3 rows" in connector("sql", query, "--limit", "3").out
    assert len(told(connector("sql", query, "--json"))) == SMALL.suppliers


def test_a_wrong_query_is_wrong_use_and_names_the_tables(site: Site, connector: Command) -> None:
    ended = connector("sql", "SELECT * FROM nowhere")

    assert ended.code == 2
    assert "suppliers" in ended.err


def test_the_tables_read_are_listed_and_one_can_be_taken_as_it_is(site: Site, connector: Command) -> None:
    tables = {each["name"]: each for each in told(connector("tables", "list", "--json"))}

    assert tables["suppliers"]["rows"] == tables["suppliers"]["counted"] == SMALL.suppliers
    assert "SupplierName" in tables["suppliers"]["columns"]
    assert "suppliers" in connector("tables", "list").out
    assert connector("tables", "accept", "suppliers").code == 0
    assert "accepted" in connector("audit", "show", "tables/M1/suppliers").out
    unknown = connector("tables", "accept", "no-such-table")
    assert unknown.code == 2
    assert "connector tables list" in unknown.err


def test_a_record_changed_in_basware_is_found_and_sent_again(site: Site, connector: Command) -> None:
    vendors = site.sandbox.basware.entities["vendors"]
    code = next(iter(vendors))
    name, vendors[code]["name"] = vendors[code]["name"], "Changed by hand"
    ended = connector("reconcile", "--resend", "--json")

    assert ended.code == 1
    report = told(ended)
    assert report["reopened"] == 1
    (found,) = [each for one in report["records"] for each in one["differences"]]
    assert (found["field"], found["ours"], found["theirs"]) == ("name", name, "Changed by hand")
    connector("sync", "master-data")
    assert vendors[code]["name"] == name
    people = connector("reconcile", "--resend")
    assert people.code == 0, people.out
    assert "0 record(s) go again" in people.out
