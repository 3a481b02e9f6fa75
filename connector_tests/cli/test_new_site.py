"""A site where nothing has run yet: every look answers with what to do first."""

import json
from pathlib import Path

import pytest

from connector_tests.cli.conftest import Command
from connector_tests.cli.test_example_settings import REQUIRED, SECRETS


@pytest.fixture(autouse=True)
def _new_site(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**REQUIRED, **SECRETS}.items():
        monkeypatch.setenv(name, value)


def test_nothing_waits(connector: Command) -> None:
    ended = connector("queue", "list")

    assert (ended.code, ended.out) == (0, "Nothing waits.\n")
    assert json.loads(connector("queue", "list", "--json").out) == []


def test_nothing_is_mapped_and_nothing_waits_for_it(connector: Command) -> None:
    assert "No invoice waits for a mapping" in connector("mapping", "list").out
    assert json.loads(connector("mapping", "list", "--json").out) == {
        "rules": [],
        "proposed": [],
        "unmapped": [],
    }


def test_nothing_is_staged(connector: Command) -> None:
    assert "connector sync master-data" in connector("sql").out
    assert "connector sync master-data" in connector("sql", "SELECT 1 FROM suppliers").err
    assert json.loads(connector("sql", "--json").out) == []


def test_status_counts_zero(connector: Command) -> None:
    report = json.loads(connector("status", "--json").out)

    assert sum(report["invoices"].values()) == 0
    assert report["oldest_open_minutes"] == 0


def test_the_audit_of_an_unknown_document_is_wrong_use(connector: Command) -> None:
    ended = connector("audit", "show", "no-such-invoice")

    assert ended.code == 2
    assert "no-such-invoice" in ended.err


def test_a_mapping_is_set_before_anything_waits_for_it(connector: Command) -> None:
    ended = connector("mapping", "set", "6100", "10-6100", "--cost-center", "CC010")

    assert ended.code == 0
    assert "M1: account code 6100, cost centre CC010 is GL code 10-6100 (version 1)." in ended.out
    assert "released" not in ended.out


def test_with_several_companies_a_mapping_names_its_own(connector: Command, own_place: Path) -> None:
    (own_place / "connector.toml").write_text(
        """
        [[companies]]
        [[companies]]
        syspro_company = "E2"
        basware_company = "2000"
        operator = "INTEG2"
        operator_password = "x"
        """,
        encoding="utf-8",
    )
    refused = connector("mapping", "set", "6100", "10-6100")
    ended = connector("mapping", "set", "6100", "10-6100", "--company", "2000")

    assert refused.code == 2
    assert "M1, E2" in refused.err
    assert "--company" in refused.err
    assert ended.out.startswith("E2: account code 6100")
    assert connector("mapping", "set", "6100", "1", "--company", "nowhere").code == 2
    assert [rule["company"] for rule in json.loads(connector("mapping", "list", "--json").out)["rules"]] == [
        "E2"
    ]


def test_unreachable_systems_are_listed_by_ping_with_remedies(
    connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, path in (("SYSPRO_ENET_URL", "/Rest"), ("SYSPRO_ODATA_URL", "/odata")):
        monkeypatch.setenv(name, f"http://127.0.0.1:9{path}")
    monkeypatch.setenv("BASWARE_REGION", "SANDBOX")
    monkeypatch.setenv("BASWARE_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("BASWARE_TOKEN_URL", "http://127.0.0.1:9/tokens")
    monkeypatch.setenv("CONNECTOR_RETRY_BASE_SECONDS", "0")
    ended = connector("ping", "--json")

    assert ended.code == 1
    report = json.loads(ended.out)
    assert report["ok"] is False
    assert all(probe["remedy"] for probe in report["probes"] if not probe["ok"])
