"""The server, the daemon and the tests load the same definitions: these."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from connector_defs.definitions import build_defs, defs
from connector_defs.orchestration.assets.invoices import POSTING_POOL
from connector_defs.orchestration.assets.payments import PAYMENTS_POOL
from connector_defs.orchestration.resources import ConnectorResource

ROOT = Path(__file__).parents[2]

STAGED = {
    "syspro/cost_centers",
    "syspro/gl_accounts",
    "syspro/goods_receipts",
    "syspro/invoice_payments",
    "syspro/order_headers",
    "syspro/order_lines",
    "syspro/payment_terms",
    "syspro/supplier_addresses",
    "syspro/suppliers",
    "syspro/tax_codes",
}
PUBLISHED = {
    "basware/accounts",
    "basware/costCenters",
    "basware/matchingOrderLines",
    "basware/matchingOrders",
    "basware/paymentTerms",
    "basware/taxCodes",
    "basware/vendors",
}
PAYMENTS = {"basware/payment_responses"}
ENRICHMENT = {"basware/vendor_enrichment", "syspro/supplier_updates"}
INVOICES = {
    "basware/approved_documents",
    "basware/data_extracts",
    "basware/transfer_responses",
    "syspro/ap_postings",
}
EXTERNAL = {
    "erp/APSSSP",
    "erp/AdmTax",
    "erp/ApInvoice",
    "erp/ApInvoicePay",
    "erp/ApSupplier",
    "erp/ApSupplierAddr",
    "erp/GenAnalysisCode",
    "erp/GenMaster",
    "erp/GrnDetails",
    "erp/PorMasterDetail",
    "erp/PorMasterHdr",
    "erp/TblApTerms",
    "p2p/accountingDocuments",
    "p2p/accounts",
    "p2p/costCenters",
    "p2p/dataExtracts",
    "p2p/matchingOrderLines",
    "p2p/matchingOrders",
    "p2p/paymentResponses",
    "p2p/paymentTerms",
    "p2p/taxCodes",
    "p2p/transferResponses",
    "p2p/vendors",
}
INVOICE_CHECKS = [
    "unmapped_gl_accounts",
    "unbalanced_documents",
    "gl_accounts_missing_or_on_hold",
    "unknown_suppliers",
    "other_refusals",
    "webhook_subscription",
    "refused_extracts",
    "gl_journals_failed",
    "syspro_would_take_them",
    "oldest_open_item",
    "every_company",
]


def graph() -> AssetGraph:
    return defs.resolve_asset_graph()


def keys(found: set[dg.AssetKey]) -> set[str]:
    return {key.to_user_string() for key in found}


def test_the_assets_are_these() -> None:
    assert keys(graph().materializable_asset_keys) == STAGED | PUBLISHED | INVOICES | PAYMENTS | {
        "basware/request_outcomes",
        "reconciliation",
        *ENRICHMENT,
    }
    assert keys(graph().external_asset_keys) == EXTERNAL


def test_the_checks_are_these() -> None:
    found: dict[str, set[str]] = {}
    for key in graph().asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert found == {
        **{name: {"schema_drift", "every_company"} for name in STAGED},
        **{
            name: {
                "quarantined_records",
                "refused_records",
                "control_totals",
                "unconfirmed_records",
                "every_company",
            }
            | ({"incomplete_orders"} if name == "basware/matchingOrderLines" else set())
            | ({"duplicate_suppliers"} if name == "basware/vendors" else set())
            for name in PUBLISHED
        },
        "basware/approved_documents": set(INVOICE_CHECKS),
        "basware/payment_responses": {"refused_payments", "unclear_payments", "every_company"},
        "basware/vendor_enrichment": {
            "enrichment_approvals",
            "enrichment_reviews",
            "bank_data_in_basware",
            "every_company",
        },
        "syspro/supplier_updates": {"unconfirmed_updates", "every_company"},
        "reconciliation": {"control_totals", "records_agree"},
    }


def test_the_list_of_the_ap_team_comes_first() -> None:
    asset = dg.AssetKey(["basware", "approved_documents"])
    checks = next(check for check in defs.asset_checks or [] if asset in check.keys_by_input_name.values())
    assert [spec.name for spec in checks.check_specs] == INVOICE_CHECKS


def test_jobs_schedules_and_sensors_are_these() -> None:
    repository = defs.get_repository_def()
    assert set(repository.job_names) == {
        "__ASSET_JOB",
        "enrichment",
        "invoices",
        "master_data",
        "payments",
        "purchase_orders",
        "reconcile",
        "request_outcomes",
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "enrichment",
        "master_data",
        "payments",
        "purchase_orders",
        "reconcile",
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "approved_invoices",
        "due_invoices",
        "open_requests",
        "run_failure_alert",
    }
    for instigator in (*repository.schedule_defs, *repository.sensor_defs):
        assert instigator.default_status.value == "RUNNING"


def test_every_asset_belongs_to_exactly_one_job() -> None:
    jobs = [
        "enrichment",
        "invoices",
        "master_data",
        "payments",
        "purchase_orders",
        "reconcile",
        "request_outcomes",
    ]
    made = [
        key.to_user_string()
        for name in jobs
        for key in defs.resolve_job_def(name).asset_layer.executable_asset_keys
    ]
    assert sorted(made) == sorted(
        STAGED | PUBLISHED | INVOICES | PAYMENTS | ENRICHMENT | {"basware/request_outcomes", "reconciliation"}
    )


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("erp/ApSupplier", "p2p/vendors"),
        ("erp/GenMaster", "p2p/accounts"),
        ("erp/GrnDetails", "p2p/matchingOrderLines"),
        ("p2p/accountingDocuments", "erp/ApInvoice"),
        ("p2p/accountingDocuments", "p2p/transferResponses"),
        ("p2p/accountingDocuments", "reconciliation"),
        ("erp/ApSupplier", "reconciliation"),
        ("erp/ApInvoicePay", "p2p/paymentResponses"),
        ("p2p/accountingDocuments", "p2p/paymentResponses"),
        ("p2p/vendors", "erp/APSSSP"),
    ],
)
def test_lineage_goes_from_one_system_to_the_other(source: str, target: str) -> None:
    reached, front = set(), {dg.AssetKey.from_user_string(source)}
    while front:
        reached |= front
        front = {child for key in front for child in graph().get(key).child_keys} - reached
    assert target in keys(reached)


@pytest.mark.parametrize(
    "name", sorted(STAGED | PUBLISHED | INVOICES | PAYMENTS | ENRICHMENT | {"reconciliation"})
)
def test_a_backfill_is_one_run_over_daily_partitions(name: str) -> None:
    node = graph().get(dg.AssetKey.from_user_string(name))
    assert isinstance(node.partitions_def, dg.DailyPartitionsDefinition)
    assert node.partitions_def.end_offset == 1
    assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_dagster_never_repeats_a_posting_a_payment_response_or_a_change_of_a_supplier() -> None:
    for name in ("invoices", "payments", "enrichment"):
        job = defs.resolve_job_def(name)
        assert job.tags["dagster/retry_on_asset_or_op_failure"] == "false"
        assert job.tags["dagster/max_retries"] == "0"
    told = graph().get(dg.AssetKey(["basware", "payment_responses"])).assets_def
    assert (told.op.retry_policy, told.op.pool) == (None, PAYMENTS_POOL)
    changed = graph().get(dg.AssetKey(["syspro", "supplier_updates"])).assets_def
    # It needs a session of an operator, as a posting does.
    assert (changed.op.retry_policy, changed.op.pool) == (None, POSTING_POOL)
    engine = graph().get(dg.AssetKey(["syspro", "ap_postings"])).assets_def
    assert engine.op.retry_policy is None
    assert engine.op.pool == POSTING_POOL
    assert not engine.can_subset
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert config["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_run_config_has_no_room_for_a_secret() -> None:
    assert not ConnectorResource.model_fields
    for job in defs.resolve_all_job_defs():
        assert job.resource_defs["connector"].config_schema.as_field().config_type.fields == {}
        assert all(node.definition.config_schema.as_field().is_required is False for node in job.nodes)


def test_resources_can_be_replaced() -> None:
    other = dg.ResourceDefinition.hardcoded_resource("other")
    assert (build_defs(resources={"connector": other}).resources or {})["connector"] is other


def test_definitions_load_on_a_bare_machine_without_a_warning(tmp_path: Path) -> None:
    """What a newcomer's first `dg check defs` does: no settings, no DAGSTER_HOME, in any folder."""
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "warnings.filterwarnings('ignore', message='The .__fields__. attribute')\n"
        "import dagster as dg; from connector_defs.definitions import defs\n"
        "dg.Definitions.validate_loadable(defs)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_instance_file_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
