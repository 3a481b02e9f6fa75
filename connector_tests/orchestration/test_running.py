"""Running the jobs in process: what a company cannot do, what a run reports, what it leaves alone."""

import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.flows.reports import DateWindow
from connector_defs.orchestration import running
from connector_defs.orchestration.listening import Event, StepFailed, StepStarted
from connector_defs.orchestration.partitions import schedule_settings, today
from connector_defs.orchestration.running import run
from connector_defs.settings import SettingsError
from connector_tests.orchestration.fakes import SECRET, FakeSite, problem

ROOT = Path(__file__).parents[2]
TODAY = today(schedule_settings())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return FakeSite().install(monkeypatch)


def test_a_run_hands_back_every_report_in_the_order_of_the_work(site: FakeSite) -> None:
    heard: list[Event] = []
    outcome = run("master-data", None, heard.append)
    assert outcome.success
    assert outcome.failures == ()
    entities = [(entity, company) for entity, company, _ in site.published]
    assert {company for _, company in entities} == {"M1", "M2"}
    assert entities.index(("taxCodes", "M2")) < entities.index(("accounts", "M1"))
    assert [event for event in heard if not isinstance(event, StepStarted)] == list(outcome.reports)
    assert StepStarted("basware/vendors", "M1") in heard
    assert site.open_now == 0


def test_a_run_prints_nothing(site: FakeSite, capfd: pytest.CaptureFixture[str]) -> None:
    run("invoices")
    assert capfd.readouterr() == ("", "")


def test_all_runs_the_five_jobs_one_after_the_other(site: FakeSite) -> None:
    outcome = run("all")
    assert len(outcome.run_ids) == 5
    assert outcome.run_id == outcome.run_ids[-1]
    assert [type(report).__name__ for report in outcome.reports][-10:] == [
        *["InvoiceRunReport"] * 2,
        *["StageReport"] * 2,
        *["PaymentRunReport"] * 2,
        *["EnrichmentReport"] * 2,
        *["SupplierUpdateReport"] * 2,
    ]
    assert [entity for entity, company, _ in site.published if company == "M1"][-2:] == [
        "matchingOrders",
        "matchingOrderLines",
    ]


def test_a_flow_that_is_not_in_use_is_left_out_of_all_and_refused_alone(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = schedule_settings().model_copy(update={"flows": ("invoices",)})
    monkeypatch.setattr(running, "schedule_settings", lambda: chosen)
    assert len(run("all").run_ids) == 1
    with pytest.raises(Fatal, match=r"payments is not among the flows in use \(invoices\)"):
        run("payments")


def test_the_day_is_the_partition(site: FakeSite) -> None:
    day = TODAY - timedelta(days=3)
    run("purchase-orders", day)
    (window, _) = site.windows["order_headers"]
    assert (window.first, window.last) == (day, day)
    assert {partition for *_, partition in site.published} == {day}


def test_today_takes_in_what_waits_and_an_earlier_day_reads_again_from_there(site: FakeSite) -> None:
    run("invoices")
    run("invoices", TODAY - timedelta(days=2))
    assert site.reread == [None, None, *[TODAY - timedelta(days=2)] * 2]


def test_today_tells_what_is_new_and_an_earlier_day_tells_refused_payments_again(site: FakeSite) -> None:
    day = TODAY - timedelta(days=2)
    assert run("payments").success
    assert run("payments", day).success
    assert site.paid == [
        ("M1", TODAY, False),
        ("M2", TODAY, False),
        ("M1", day, True),
        ("M2", day, True),
    ]
    assert [(window.first, window.last) for window in site.windows["invoice_payments"]] == [
        *[(TODAY, TODAY)] * 2,
        *[(day, day)] * 2,
    ]


def test_an_outage_in_the_payments_fails_the_run_after_everything_else_went_on(site: FakeSite) -> None:
    site.payment_outages = (problem(entity="paymentResponses"),)
    outcome = run("payments")
    assert not outcome.success
    assert len(outcome.reports) == 4
    assert "one character" in outcome.failures[0]


def test_today_compares_what_is_new_and_an_earlier_day_the_vendors_sent_since(site: FakeSite) -> None:
    day = TODAY - timedelta(days=2)
    assert run("enrichment").success
    assert run("enrichment", day).success
    assert site.compared == [("M1", None), ("M2", None), ("M1", day), ("M2", day)]


def test_a_company_that_could_not_be_compared_gets_nothing_written(site: FakeSite) -> None:
    site.errors[("compare", "M1")] = RetryLater("Basware is away")
    outcome = run("enrichment")
    assert not outcome.success
    assert [
        (type(report).__name__, report.company) for report in outcome.reports if hasattr(report, "company")
    ] == [
        ("EnrichmentReport", "M2"),
        ("SupplierUpdateReport", "M2"),
    ]


def test_an_outage_while_suppliers_are_changed_fails_the_run_at_its_end(site: FakeSite) -> None:
    site.update_outages = (problem(entity="supplier_enrichment"),)
    outcome = run("enrichment")
    assert not outcome.success
    assert len(outcome.reports) == 4
    assert "one character" in outcome.failures[0]


@pytest.mark.parametrize("day", [date(1999, 12, 31), TODAY + timedelta(days=1)])
def test_a_day_outside_the_calendar_is_refused(site: FakeSite, day: date) -> None:
    with pytest.raises(Fatal, match="first_day in connector"):
        run("invoices", day)


def test_an_unknown_name_is_refused(site: FakeSite) -> None:
    with pytest.raises(Fatal, match="known are master-data"):
        run("payroll")


def test_one_companys_failure_stops_only_what_builds_on_it(site: FakeSite) -> None:
    site.errors[("suppliers", "M1")] = RetryLater("OData of M1 is away")
    heard: list[Event] = []
    outcome = run("master-data", None, heard.append)
    assert not outcome.success
    assert ("vendors", "M2", TODAY) in site.published
    assert ("vendors", "M1", TODAY) not in site.published
    assert ("accounts", "M1", TODAY) in site.published
    assert [event for event in heard if isinstance(event, StepFailed)] == [
        StepFailed("syspro/suppliers", "M1", "OData of M1 is away")
    ]
    assert [text.split("\n")[0] for text in outcome.failures] == [
        "syspro/suppliers could not be done for 1 of the companies:",
        "basware/vendors could not be done for 1 of the companies:",
    ]
    assert "company M1: left out, because syspro/suppliers failed: OData of M1 is away" in outcome.failures[1]


def test_a_company_that_fails_in_the_invoices_does_not_hide_the_lists_of_the_others(site: FakeSite) -> None:
    site.errors[("invoices", "M1")] = ZeroDivisionError("a defect")
    outcome = run("invoices")
    assert not outcome.success
    assert [report.company for report in outcome.reports] == ["M2"]  # type: ignore[union-attr]
    assert outcome.failures == (
        "basware/approved_documents could not be done for 1 of the companies:\n"
        "  company M1: unexpected ZeroDivisionError: a defect",
    )


def test_a_step_no_company_went_through_stops_what_builds_on_it(site: FakeSite) -> None:
    site.errors.update({("gl_accounts", name): RetryLater("away") for name in ("M1", "M2")})
    outcome = run("master-data")
    assert not outcome.success
    published = {entity for entity, *_ in site.published}
    assert "accounts" not in published
    assert "vendors" in published


def test_a_failed_flow_does_not_keep_the_next_from_running(site: FakeSite) -> None:
    site.errors.update({("suppliers", name): RetryLater("away") for name in ("M1", "M2")})
    outcome = run("all")
    assert not outcome.success
    assert site.reread == [None, None]


def test_missing_settings_are_told_with_their_remedy(site: FakeSite) -> None:
    site.opening = SettingsError(["basware.region is missing: set BASWARE_REGION"])
    outcome = run("invoices")
    assert outcome.failures == (str(site.opening),)


def test_runs_are_kept_in_the_instance_of_dagster_home(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    outcome = run("invoices")
    with dg.DagsterInstance.get() as instance:
        kept = instance.get_run_by_id(outcome.run_id)
        assert kept is not None
        assert kept.status is dg.DagsterRunStatus.SUCCESS
        event = instance.get_latest_materialization_event(dg.AssetKey(["syspro", "ap_postings"]))
        events = instance.all_logs(outcome.run_id)
    assert event is not None
    assert event.run_id == outcome.run_id
    assert all(SECRET not in str(entry) for entry in events)
    assert SECRET not in str(kept)


STUCK = """
import time
import pytest
from pathlib import Path
from connector_defs.flows import invoices
from connector_defs.orchestration import running
from connector_defs.orchestration.running import run
from connector_tests.orchestration.fakes import FakeSite

patch = pytest.MonkeyPatch()
FakeSite().install(patch)
patch.setattr(invoices, "run_invoices", lambda *_, **__: (Path("posting").touch(), time.sleep(600)))
run("invoices")
"""


def test_a_run_killed_while_posting_does_not_keep_the_next_from_its_pool(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    killed = subprocess.Popen([sys.executable, "-c", STUCK], cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "posting").exists():
            assert killed.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        killed.kill()
        killed.wait()
    assert run("invoices").success
    with dg.DagsterInstance.get() as instance:
        statuses = sorted(kept.status.value for kept in instance.get_runs())
    assert statuses == ["FAILURE", "SUCCESS"]


def test_a_run_has_the_patience_of_the_settings(site: FakeSite) -> None:
    run("invoices")
    assert site.opened_with == [site.settings]


def test_lines_and_receipts_are_staged_after_their_orders(site: FakeSite) -> None:
    run("purchase-orders")
    assert next(iter(site.windows)) == "order_headers"


def test_a_range_of_days_is_one_run(site: FakeSite) -> None:
    days = DateWindow(TODAY - timedelta(days=9), TODAY - timedelta(days=2))
    outcome = run("purchase-orders", days)
    assert outcome.success
    assert len(outcome.run_ids) == 1
    assert site.windows["order_headers"] == [days, days]
    assert {partition for *_, partition in site.published} == {days.last}
    assert set(site.published_from) == {days.first}


@pytest.mark.parametrize(
    "days",
    [DateWindow(date(1999, 12, 31), TODAY), DateWindow(TODAY, TODAY + timedelta(days=1))],
)
def test_a_range_that_leaves_the_calendar_is_refused(site: FakeSite, days: DateWindow) -> None:
    with pytest.raises(Fatal, match="first_day in connector"):
        run("master-data", days)


@pytest.mark.parametrize(
    ("flow", "names", "staged", "published"),
    [
        ("master-data", ["vendors"], {"suppliers", "supplier_addresses"}, {"vendors"}),
        ("master-data", ["supplier_addresses"], {"suppliers", "supplier_addresses"}, {"vendors"}),
        ("master-data", ["taxCodes", "accounts"], {"tax_codes", "gl_accounts"}, {"taxCodes", "accounts"}),
        (
            "purchase-orders",
            ["goods_receipts"],
            {"order_headers", "order_lines", "goods_receipts"},
            {"matchingOrderLines"},
        ),
        (
            "all",
            ["order_headers"],
            {"order_headers", "order_lines", "goods_receipts"},
            {"matchingOrders", "matchingOrderLines"},
        ),
    ],
)
def test_single_entities_are_run_with_the_tables_they_are_made_of(
    site: FakeSite, flow: str, names: list[str], staged: set[str], published: set[str]
) -> None:
    outcome = run(flow, entities=names)
    assert outcome.success
    assert len(outcome.run_ids) == 1
    assert set(site.windows) == staged
    assert {entity for entity, *_ in site.published} == published
    assert site.reread == []


@pytest.mark.parametrize(
    ("flow", "name", "told"),
    [
        ("master-data", "vendor", "choose from taxCodes, accounts, costCenters, paymentTerms, vendors, or"),
        ("master-data", "matchingOrders", "'matchingOrders' is no entity of this flow"),
        ("invoices", "vendors", "only master-data and purchase-orders consist of entities"),
    ],
)
def test_an_unknown_entity_is_refused_with_the_choices(
    site: FakeSite, flow: str, name: str, told: str
) -> None:
    with pytest.raises(Fatal, match=told):
        run(flow, entities=["vendors", name] if flow == "master-data" else [name])
    assert site.windows == {}


@pytest.mark.parametrize("flow", ["master-data", "invoices", "payments"])
def test_a_run_for_one_company_leaves_the_others_alone(site: FakeSite, flow: str) -> None:
    outcome = run(flow, companies=["M2"])
    assert outcome.success
    assert {report.company for report in outcome.reports} == {"M2"}  # type: ignore[union-attr]


def test_a_run_for_a_company_that_is_not_configured_fails_and_names_the_choices(site: FakeSite) -> None:
    outcome = run("master-data", companies=["M2", "M9"], entities=["vendors"])
    assert not outcome.success
    assert "M9 is not configured; known are M1, M2" in outcome.failures[0]
    assert site.windows == {}
