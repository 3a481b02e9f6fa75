"""The real daemon and the real webserver on a living sandbox: what an operator sees happen by itself."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest

from connector_defs.orchestration.partitions import today
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_defs.sandbox.world.invoices import InvoiceKind
from connector_defs.settings import ScheduleSettings
from connector_tests.ports import free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORLD = WorldOptions(suppliers=20, accounts=40, cost_centers=5, orders=10, lines=20, invoices=12)
TODAY = today(ScheduleSettings())
T = TypeVar("T")

# Seconds until a condition counts as missed; it takes a tenth of that on an idle machine of two cores.
DEADLINE = 120.0

NODES = """
query { repositoryOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "connector"}) {
  ... on Repository { assetNodes { assetKey { path } dependencyKeys { path } } } } }
"""
LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
RUNS = """
query Runs($filter: RunsFilter) { runsOrError(filter: $filter) {
  ... on Runs { results { status jobName tags { key value } } } } }
"""
CHECK = """
query Check($asset: AssetKeyInput!) { assetChecksOrError: assetNodeOrError(assetKey: $asset) {
  ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { evaluation { success severity metadataEntries {
      label ... on TableMetadataEntry { table { records } } } } } } } } } } }
"""


@dataclass
class Site:
    """A sandbox, and Dagster's webserver; `start_daemon` adds the daemon."""

    sandbox: Sandbox
    home: Path
    url: str
    env: dict[str, str]

    def ask(self, query: str, **variables: object) -> Any:
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        chosen = [{"key": f"dagster/{name}", "value": value} for name, value in tags.items()]
        return list(self.ask(RUNS, filter={"tags": chosen})["runsOrError"]["results"])

    def nodes(self) -> list[dict[str, Any]]:
        return list(self.ask(NODES)["repositoryOrError"]["assetNodes"])


@contextmanager
def process(command: list[str], site_env: dict[str, str], log: Path, cwd: Path) -> Iterator[None]:
    with log.open("w") as out:
        started = subprocess.Popen(
            command, env=site_env, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def until(what: str, found: Callable[[], T | None], seconds: float, logs: Path) -> T:
    """The first true answer of `found`; fails with the tail of the logs when the deadline passes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.2)
    tails = "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(logs.glob("*.log")))
    return pytest.fail(f"not within {seconds} s: {what}\n{tails}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    (tmp_path / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
    (tmp_path / "connector.toml").write_text(
        "[schedules]\ninvoice_poll_seconds = 1\n"
        f'first_day = "{TODAY - timedelta(days=60)}"\nhour = {(time.gmtime().tm_hour + 12) % 24}\n'
    )
    with Sandbox(WORLD) as sandbox:
        port = free_port()
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COV_")},
            **sandbox.environment(),
            "PYTHONPATH": str(ROOT),
            "DAGSTER_HOME": str(tmp_path),
            "CONNECTOR_CONFIG": str(tmp_path / "connector.toml"),
            "CONNECTOR_STATE_URL": f"sqlite:///{tmp_path}/state.db",
            "CONNECTOR_STAGING_URL": str(tmp_path / "staging"),
            "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.2",
            "CONNECTOR_RETRY_BASE_SECONDS": "0.1",
            "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": "1",
        }
        webserver = [
            str(BIN / "dagster-webserver"),
            "-w",
            "workspace.yaml",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
        ]
        with process(webserver, env, tmp_path / "webserver.log", tmp_path):
            made = Site(sandbox, tmp_path, f"http://127.0.0.1:{port}", env)
            until("the webserver answers", lambda: answers(made.url), DEADLINE, tmp_path)
            yield made


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def path(keys: list[str]) -> str:
    return "/".join(keys)


# Dagster writes two events per asset and day, 10 ms each on SQLite: one branch of the graph is enough here.
ACCOUNTS_BRANCH = ("syspro/gl_accounts", "basware/accounts")


def backfill(site: Site, assets: tuple[str, ...], days: int) -> str:
    """Launch one backfill of the assets over the last days, as the UI does; returns its id."""
    launched = site.ask(
        LAUNCH,
        params={
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
            "partitionNames": [str(TODAY - timedelta(days=back)) for back in reversed(range(days))],
            "tags": [],
        },
    )
    answer = launched["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def posted_by_the_sensor(site: Site) -> dict[str, Any] | None:
    """A run of the sensor that is over, once a newly approved invoice is in SYSPRO's ledger.

    A run that another sensor started takes in whatever is approved by then, so that one invoice need not be enough:
    each that got there by another way is followed by one more.
    """
    posted = posted_numbers(site.sandbox)
    approved = [
        number
        for document in site.sandbox.basware.documents.values()
        if (number := str(document["invoiceNumber"])).startswith("LATECOMER-")
    ]
    run = next(iter(sensor_runs(site)), None)
    if posted.issuperset(approved) and not (approved and run):
        approve_another(site.sandbox, f"LATECOMER-{len(approved) + 1}")
        return None
    return run if posted.issuperset(approved) else None


def approve_another(sandbox: Sandbox, number: str) -> None:
    """Approve a plain invoice under this number."""
    plain = next(
        document
        for document in sandbox.world.invoices
        if sandbox.world.invoice_kinds[str(document["invoiceId"])] is InvoiceKind.PLAIN
    )
    document = copy.deepcopy(plain)
    document.update(invoiceId=str(uuid4()), invoiceNumber=number)
    sandbox.basware.approve(document)


def posted_numbers(sandbox: Sandbox) -> set[str]:
    return {posted.entry.invoice for posted in sandbox.syspro.ledger.invoices}


def unmapped_accounts(site: Site) -> list[dict[str, Any]]:
    """The rows of the check's table; none before it was evaluated."""
    node = site.ask(CHECK, asset={"path": ["basware", "approved_documents"]})["assetChecksOrError"]
    check = next(
        check for check in node["assetChecksOrError"]["checks"] if check["name"] == "unmapped_gl_accounts"
    )
    execution = check["executionForLatestMaterialization"]
    evaluation = execution["evaluation"] if execution else None
    if evaluation is None or evaluation["success"]:
        return []
    assert evaluation["severity"] == "WARN"
    tables = {entry["label"]: entry.get("table") for entry in evaluation["metadataEntries"]}
    return [json.loads(record) for record in tables["accounts"]["records"]]


def reached_from(nodes: list[dict[str, Any]], source: str) -> set[str]:
    reached, grown = {source}, True
    while grown:
        children = {
            path(node["assetKey"]["path"])
            for node in nodes
            if reached & {path(key["path"]) for key in node["dependencyKeys"]}
        }
        grown = not children <= reached
        reached |= children
    return reached


def test_the_daemon_fills_thirty_days_in_one_run_and_posts_what_is_approved(site: Site) -> None:
    reached = reached_from(site.nodes(), "erp/ApSupplier")
    assert {"syspro/suppliers", "basware/vendors", "p2p/vendors"} <= reached

    filling = backfill(site, ACCOUNTS_BRANCH, 30)
    daemon = [str(BIN / "dagster-daemon"), "run", "-w", "workspace.yaml"]
    with process(daemon, site.env, site.home / "daemon.log", site.home):
        (run,) = until(
            "the backfill's run is over",
            lambda: [run for run in site.runs(backfill=filling) if run["status"] in ("SUCCESS", "FAILURE")],
            DEADLINE,
            site.home,
        )
        assert run["status"] == "SUCCESS"
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        assert tags["dagster/asset_partition_range_start"] == str(TODAY - timedelta(days=29))
        assert tags["dagster/asset_partition_range_end"] == str(TODAY)
        assert len(site.sandbox.basware.entities["accounts"]) > 0

        run = until(
            "a newly approved invoice is in SYSPRO's ledger, and a run of the sensor is over",
            lambda: posted_by_the_sensor(site),
            DEADLINE,
            site.home,
        )
        assert run["jobName"] == "invoices"
        accounts = until("the AP team's list", lambda: unmapped_accounts(site), DEADLINE, site.home)

    assert {account["account"] for account in accounts} <= {"6400-LEGACY", "6710-LEGACY"}
    assert all(account["invoices"] for account in accounts)
    assert len(site.runs(backfill=filling)) == 1


def sensor_runs(site: Site) -> list[dict[str, Any]]:
    return [run for run in site.runs(sensor_name="approved_invoices") if run["status"] == "SUCCESS"]
