"""`connector enrichment` and `sync enrichment`, against both simulated systems: shown, decided, written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.cli.sandbox import TIMING, storage_of
from connector_defs.flows.entities import ENTITIES, MASTER_DATA, STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import open_connector
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_defs.settings_reading import load_settings
from connector_tests.cli.conftest import Command, Ended
from connector_tests.flows.pair import TODAY

WORLD = WorldOptions(suppliers=40, accounts=20, cost_centers=4, orders=8, lines=30, invoices=0)
FIRST, SECOND = "000000000000001", "000000000000002"


@pytest.fixture
def new_sandbox(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both systems, and a connector that knows nothing yet."""
    with Sandbox(WORLD, processing_seconds=0.0) as running:
        for name, value in {**running.environment(), **TIMING, **storage_of(own_place)}.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def sandbox(new_sandbox: Sandbox) -> Sandbox:
    """The same; suppliers and payment terms are published, and one term is changed in Basware."""
    with open_connector(load_settings()) as connector:
        (company,) = connector.companies
        for table in STAGED:
            if table.group == MASTER_DATA:
                stage(connector, company, table.name, DateWindow.day(TODAY))
        for entity in ENTITIES:
            if entity.group == MASTER_DATA:
                publish(connector, company, entity.name, TODAY)
    new_sandbox.basware.edit_vendor(FIRST, {"paymentTerms": {"paymentTermCode": "45"}})
    return new_sandbox


def told(ended: Ended) -> Any:
    return json.loads(ended.out)


def term(sandbox: Sandbox, supplier: str = FIRST) -> str:
    row = sandbox.syspro.ledger.tables["ApSupplier"].get(supplier)
    assert row is not None
    return str(row["TermsCode"]).strip()


def test_from_the_table_to_syspro(sandbox: Sandbox, connector: Command) -> None:
    before = term(sandbox)
    dry = connector("sync", "enrichment", "--dry-run")
    assert dry.code == 0
    assert "nothing is stored or written" in dry.out
    assert "waits for approval" in dry.out
    assert FIRST in dry.out
    assert connector("enrichment", "list").out.strip() == "Nothing differs."

    proposed = connector("sync", "enrichment", "--json")
    assert proposed.code == 1
    report = told(proposed)
    assert report["enrichment"][0]["proposed"] == 1
    assert [problem["code"] for problem in report["problems"]] == ["AWAITS_APPROVAL"]
    assert term(sandbox) == before

    listed = connector("enrichment", "list", "--json")
    assert (listed.code, told(listed)[0]["basware"]) == (1, "45")
    assert connector("enrichment", "approve", "--all").code == 0
    assert connector("enrichment", "list").code == 0

    written = connector("sync", "enrichment")
    assert written.code == 0, written.out
    assert "Suppliers changed in SYSPRO" in written.out
    assert term(sandbox) == "45"
    assert [each["sent"] for each in told(connector("sync", "master-data", "--json"))["published"]] == [0] * 5
    assert "enrichment applied" in connector("audit", "show", FIRST).out
    assert connector("audit", "verify").code == 0


def test_the_dry_run_in_json_names_the_reason_of_a_question(sandbox: Sandbox, connector: Command) -> None:
    sandbox.basware.edit_vendor(SECOND, {"paymentTerms": {"paymentTermCode": "NET90"}})
    ended = connector("sync", "enrichment", "--dry-run", "--json")
    report = told(ended)
    assert (ended.code, report["clean"], report["dry_run"]) == (1, False, True)
    assert [problem["code"] for problem in report["problems"]] == ["UNKNOWN_TERM"]
    assert {change["outcome"] for change in report["enrichment"][0]["changes"]} == {
        "waits for approval",
        "needs a person",
    }
    later = told(connector("sync", "enrichment", "--dry-run", "--json", "--date", "2999-01-01"))
    assert later["enrichment"][0]["vendors"] == 0


def test_a_dry_run_that_cannot_ask_says_so(
    sandbox: Sandbox, connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSPRO_ODATA_PASSWORD", "wrong")
    ended = connector("sync", "enrichment", "--dry-run")
    assert ended.code == 1
    assert "M1" in ended.out
    assert "Traceback" not in ended.err


def test_what_is_rejected_is_put_away_with_its_reason(sandbox: Sandbox, connector: Command) -> None:
    connector("sync", "enrichment")
    ended = connector("enrichment", "reject", FIRST, "--reason", "agreed in the contract", "--json")
    assert (ended.code, told(ended)["changes"][0]["reason"]) == (0, "agreed in the contract")
    assert connector("sync", "enrichment").code == 0
    again = connector("enrichment", "reject", "--all")
    assert (again.code, again.out.strip()) == (0, "Nothing to be rejected.")


def test_a_question_cannot_be_approved(sandbox: Sandbox, connector: Command) -> None:
    sandbox.basware.edit_vendor(FIRST, {"paymentTerms": {"paymentTermCode": "NET90"}})
    connector("sync", "enrichment")
    ended = connector("enrichment", "approve", FIRST)
    assert ended.code == 1
    assert "SYSPRO has no payment term 'NET90'" in ended.out


def test_twenty_differences_are_shown_and_the_rest_is_counted(sandbox: Sandbox, connector: Command) -> None:
    sandbox.basware.enrich_vendors(30)
    for number in range(25):
        sandbox.basware.entities["vendors"][f"x{number}"] = {
            "externalCode": f"x{number}",
            "vendorCode": f"X{number}",
            "name": "unknown",
            "companies": [{"companyCode": "1000"}],
            "lastUpdated": "2026-11-20T08:00:00.000Z",
        }
    ended = connector("sync", "enrichment", "--dry-run")
    assert "25 vendor(s) not compared" in ended.out
    assert ended.out.count("more. All of them: --json.") == 2
    connector("sync", "enrichment")
    listed = connector("enrichment", "list").out
    assert listed.count("waits for approval") > 20
    assert "more. All of them" not in listed


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "invoices", "--dry-run"),
        ("enrichment", "approve"),
        ("enrichment", "approve", FIRST, "--all"),
        ("enrichment", "approve", "nobody"),
    ],
)
@pytest.mark.usefixtures("new_sandbox")
def test_wrong_use_ends_with_2(connector: Command, arguments: tuple[str, ...]) -> None:
    assert connector(*arguments).code == 2
