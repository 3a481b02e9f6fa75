"""What the checks and the metadata show, and that findings of the business stop nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pytest

from connector_defs.definitions import defs
from connector_defs.domain.errors import RetryLater
from connector_defs.flows import overview
from connector_defs.flows.push_reports import PollPace, PushStatus, Standing
from connector_defs.flows.record_reports import (
    IncompleteOrder,
    MissingLine,
    MoneyTotal,
    RecordAge,
    RecordDifference,
)
from connector_defs.flows.reports import Difference, Foreseen, Preview, UnmappedAccount, Verdict
from connector_defs.orchestration.partitions import schedule_settings, today
from connector_defs.orchestration.tables import ROWS_SHOWN, table
from connector_defs.store.extracts import StoredExtract
from connector_tests.orchestration.fakes import (
    FakeSite,
    control_total,
    problem,
    review_item,
    supplier_change,
    unmapped_account,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    return FakeSite().install(monkeypatch)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def ran(instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=today(schedule_settings()).isoformat(),
        raise_on_error=False,
        run_config=QUIET,
    )


def asked_alone(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_job_def_def_for_assets([key.asset_key])
    assert job is not None
    alone = job.get_subset(asset_selection=set(), asset_check_selection={key})
    return alone.execute_in_process(instance=instance, run_config=QUIET)


def step_failures(result: dg.ExecuteInProcessResult) -> list[str | None]:
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [
        failure.user_failure_data.description if failure.user_failure_data else None for failure in failures
    ]


def evaluations(result: dg.ExecuteInProcessResult, asset: str) -> Mapping[str, dg.AssetCheckEvaluation]:
    key = dg.AssetKey.from_user_string(asset)
    return {
        found.check_name: found for found in result.get_asset_check_evaluations() if found.asset_key == key
    }


def rows(value: object) -> list[dict[str, object]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> Mapping[str, dg.MetadataValue]:
    key = dg.AssetKey.from_user_string(asset)
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    return event.step_materialization_data.materialization.metadata


def test_unmapped_accounts_are_listed_with_all_the_ap_team_needs(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    tied = "cost centre CC10 -> 10-4711; dim1 NORTH -> 20-4711"
    site.unmapped = [replace(unmapped_account(), dimensions=(("dim1", "NORTH"),), rivals=tied)]
    result = ran(instance, "invoices")
    assert result.success
    found = evaluations(result, "basware/approved_documents")["unmapped_gl_accounts"]
    assert not found.passed
    assert not found.blocking
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.description == "1 accounts without a GL mapping hold up 2 invoices"
    assert rows(found.metadata["accounts"]) == [
        {
            "company": "M1",
            "account": "9-4711",
            "name": "Sundries",
            "cost_center": "CC10",
            "dimensions": "dim1=NORTH",
            "invoices": 2,
            "total": "99.95",
            "oldest": "2026-11-20T08:30:00+00:00",
            "suppliers": "0000001, 0000007",
            "equally_specific_rules": tied,
        }
    ]


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("UNBALANCED", "unbalanced_documents"),
        ("GL_CODE_ON_HOLD", "gl_accounts_missing_or_on_hold"),
        ("GL_CODE_UNKNOWN", "gl_accounts_missing_or_on_hold"),
        ("SUPPLIER_UNKNOWN", "unknown_suppliers"),
        ("NUMBER_TOO_LONG", "other_refusals"),
    ],
)
def test_a_refusal_shows_in_the_check_of_its_kind_and_in_no_other(
    instance: dg.DagsterInstance, site: FakeSite, code: str, check: str
) -> None:
    site.reviews = [review_item(code)]
    result = ran(instance, "invoices")
    assert result.success
    found = evaluations(result, "basware/approved_documents")
    assert [name for name, evaluation in found.items() if not evaluation.passed] == [check]
    assert [row["code"] for row in rows(found[check].metadata["invoices"])] == [code]


def test_a_gl_journal_that_failed_is_told_while_its_ap_posting_stands(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    item = replace(
        review_item(""), state="responded", voucher="202611-00017-0001", gl_problem="1 file in use"
    )
    site.gl_problems = [item]
    found = evaluations(ran(instance, "invoices"), "basware/approved_documents")
    assert [name for name, evaluation in found.items() if not evaluation.passed] == ["gl_journals_failed"]
    failed = found["gl_journals_failed"]
    assert "AP posting stands" in str(failed.description)
    (told,) = rows(failed.metadata["invoices"])
    assert (told["voucher"], told["gl_problem"]) == ("202611-00017-0001", "1 file in use")


def test_syspro_is_not_asked_unless_a_site_wants_it(instance: dg.DagsterInstance, site: FakeSite) -> None:
    found = evaluations(ran(instance, "invoices"), "basware/approved_documents")["syspro_would_take_them"]
    assert (found.passed, found.description) == (True, "not asked: posting.preview_check is off")
    assert site.previews == 0


@pytest.mark.parametrize(
    ("verdict", "outage", "count"),
    [
        (Verdict.WOULD_POST, False, 0),
        (Verdict.STANDS_THERE, False, 0),
        (Verdict.REFUSED_BY_SYSPRO, False, 1),
        (Verdict.REFUSED_HERE, True, 2),
        (Verdict.WOULD_POST, True, 1),
    ],
)
def test_what_syspro_would_not_take_is_told_before_it_is_posted(
    instance: dg.DagsterInstance, site: FakeSite, verdict: Verdict, outage: bool, count: int
) -> None:
    site.settings = site.settings.model_copy(
        update={"posting": site.settings.posting.model_copy(update={"preview_check": True})}
    )
    one = Foreseen("M1", "id", "INV-1", "0001", Decimal("1.00"), "EUR", "ready", verdict, texts=("why", "so"))
    site.preview = Preview((one,), (problem("M2", "invoices"),) if outage else ())
    found = evaluations(ran(instance, "invoices"), "basware/approved_documents")["syspro_would_take_them"]
    assert (found.passed, found.metadata["found"].value) == (count == 0, count)
    assert (found.metadata["asked"].value, len(rows(found.metadata["not_asked"]))) == (1, int(outage))
    refused = rows(found.metadata["invoices"])
    fine = verdict in (Verdict.WOULD_POST, Verdict.STANDS_THERE)
    assert [row["reasons"] for row in refused] == ([] if fine else ["why; so"])
    assert site.previews == 1


@pytest.mark.parametrize(("minutes", "passed"), [(24 * 60, True), (24 * 60 + 1, False)])
def test_an_item_open_for_more_than_a_day_is_told(
    instance: dg.DagsterInstance, site: FakeSite, minutes: int, passed: bool
) -> None:
    site.oldest_open_minutes = minutes
    found = evaluations(ran(instance, "invoices"), "basware/approved_documents")
    assert found["oldest_open_item"].passed is passed


def test_payments_that_could_not_be_told_show_and_stop_nothing(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.refused_payments = [problem("M1", "paymentResponses")]
    site.unclear_payments = [problem("M1", "paymentResponses"), problem("M2", "paymentResponses")]
    result = ran(instance, "payments")
    assert result.success
    found = evaluations(result, "basware/payment_responses")
    counts = {
        name: evaluation.metadata["found"].value
        for name, evaluation in found.items()
        if name != "every_company"
    }
    assert counts == {"refused_payments": 1, "unclear_payments": 2}
    assert not any(found[name].passed or found[name].blocking for name in counts)


def test_payments_told_are_a_table_with_exact_amounts(instance: dg.DagsterInstance, site: FakeSite) -> None:
    shown = metadata(ran(instance, "payments"), "basware/payment_responses")
    assert (shown["dagster/row_count"].value, shown["rows"].value) == (2, 20)
    assert [(row["company"], row["paid_total"], row["gross"]) for row in rows(shown["payments"])] == [
        ("M1", "50.00", "108.25"),
        ("M2", "50.00", "108.25"),
    ]


def test_differences_of_suppliers_are_a_table_before_anything_is_written(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    result = ran(instance, "enrichment")
    shown = metadata(result, "basware/vendor_enrichment")
    assert (shown["dagster/row_count"].value, shown["proposed"].value) == (36, 2)
    assert [(row["supplier"], row["syspro"], row["basware"]) for row in rows(shown["differences"])] == [
        ("0000001", "30", "60")
    ] * 2
    assert [row["code"] for row in rows(shown["not_compared"])] == ["NAME_TOO_SHORT"] * 2
    written = metadata(result, "syspro/supplier_updates")
    assert (written["dagster/row_count"].value, written["sent"].value) == (4, 2)
    assert [row["state"] for row in rows(written["changes"])] == ["applied"] * 2


def test_what_waits_of_the_enrichment_shows_by_its_kind_and_stops_nothing(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.differences_of_suppliers = [
        supplier_change(),
        supplier_change(state="review"),
        supplier_change(state="review", field="tax_id"),
        supplier_change(state="review", field="bank_data"),
        supplier_change(state="failed"),
    ]
    result = ran(instance, "enrichment")
    assert result.success
    found = {
        **evaluations(result, "basware/vendor_enrichment"),
        **evaluations(result, "syspro/supplier_updates"),
    }
    counts = {name: one.metadata["found"].value for name, one in found.items() if name != "every_company"}
    assert counts == {
        "enrichment_approvals": 1,
        "enrichment_reviews": 2,
        "bank_data_in_basware": 1,
        "unconfirmed_updates": 1,
    }
    assert not any(found[name].passed or found[name].blocking for name in counts)


def test_records_that_cannot_go_show_at_their_entity(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.quarantined = [problem("M1", "vendors"), problem("M2", "vendors")]
    site.refused = [problem("M1", "accounts")]
    result = ran(instance, "master_data")
    assert result.success
    vendors, accounts = (evaluations(result, name) for name in ("basware/vendors", "basware/accounts"))
    assert (vendors["quarantined_records"].passed, vendors["refused_records"].passed) == (False, True)
    assert (accounts["quarantined_records"].passed, accounts["refused_records"].passed) == (True, False)
    assert [row["company"] for row in rows(vendors["quarantined_records"].metadata["records"])] == [
        "M1",
        "M2",
    ]


def test_a_column_syspro_no_longer_sends_is_schema_drift(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.missing_columns = ("TermsCode",)
    result = ran(instance, "master_data")
    found = evaluations(result, "syspro/suppliers")["schema_drift"]
    assert not found.passed
    assert rows(found.metadata["missing_columns"]) == [
        {"company": "M1", "column": "TermsCode"},
        {"company": "M2", "column": "TermsCode"},
    ]


def test_a_column_in_another_form_is_an_error_and_a_new_one_a_note(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.new_columns = ("NewInRelease9",)
    noted = evaluations(ran(instance, "master_data"), "syspro/suppliers")["schema_drift"]
    assert noted.passed
    assert noted.description == "2 columns that were not there before"
    assert [row["column"] for row in rows(noted.metadata["new_columns"])] == ["NewInRelease9"] * 2

    site.new_columns, site.changed_columns = (), ("DiscPct: number became text",)
    drifted = evaluations(ran(instance, "master_data"), "syspro/suppliers")["schema_drift"]
    assert (drifted.passed, drifted.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_totals_that_do_not_add_up_are_an_error_that_names_the_difference(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    money = MoneyTotal(
        "EUR", 3, *(Decimal(amount) for amount in ("30.00", "20.00", "0", "10.00", "0", "0", "0"))
    )
    site.totals = [
        control_total(money=(money,)),
        control_total(company="M2", rows=11, differences=("rows read, and records made of them: 11 and 10",)),
        control_total(entity="accounts"),
    ]
    result = ran(instance, "master_data")
    assert result.success
    vendors = evaluations(result, "basware/vendors")["control_totals"]
    assert (vendors.passed, vendors.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert vendors.description == "rows read, and records made of them: 11 and 10"
    assert [(row["company"], row["rows"]) for row in rows(vendors.metadata["totals"])] == [
        ("M1", 10),
        ("M2", 11),
    ]
    assert [(row["currency"], row["held"]) for row in rows(vendors.metadata["money"])] == [("EUR", "10.00")]
    accounts = evaluations(result, "basware/accounts")["control_totals"]
    assert accounts.passed
    assert "money" not in accounts.metadata


@pytest.mark.parametrize(("hours", "passed"), [(26, True), (27, False)])
def test_records_unconfirmed_for_longer_than_the_setting_are_told(
    instance: dg.DagsterInstance, site: FakeSite, hours: int, passed: bool
) -> None:
    site.ages = (RecordAge("M1", "vendors", "failed", 3, hours * 60),)
    result = ran(instance, "master_data")
    assert result.success
    found = evaluations(result, "basware/vendors")["unconfirmed_records"]
    assert (found.passed, found.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert [row["state"] for row in rows(found.metadata["ages"])] == ["failed"]
    assert evaluations(result, "basware/accounts")["unconfirmed_records"].passed


def test_suppliers_that_are_likely_the_same_are_listed(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.duplicates = [problem("M1", "vendors")]
    result = ran(instance, "master_data")
    assert result.success
    found = evaluations(result, "basware/vendors")["duplicate_suppliers"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert [row["company"] for row in rows(found.metadata["records"])] == ["M1"]


def test_an_incomplete_order_is_listed_line_by_line_with_its_reasons(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    missing = MissingLine("2", "quarantined", "VALUE_DISCOUNT", "a discount by value")
    site.incomplete = [IncompleteOrder("M1", "10001", 3, (missing,))]
    result = ran(instance, "purchase_orders")
    assert result.success
    found = evaluations(result, "basware/matchingOrderLines")["incomplete_orders"]
    assert not found.passed
    assert found.description == "1 orders are in Basware without all of their lines"
    assert rows(found.metadata["lines"]) == [
        {
            "company": "M1",
            "order": "10001",
            "lines_there": 3,
            "line": "2",
            "state": "quarantined",
            "code": "VALUE_DISCOUNT",
            "reason": "a discount by value",
        }
    ]


def test_records_that_agree_pass(instance: dg.DagsterInstance, site: FakeSite) -> None:
    result = ran(instance, "reconcile")
    found = evaluations(result, "reconciliation")["records_agree"]
    assert (found.passed, found.description) == (True, "the records agree")
    assert metadata(result, "reconciliation")["matched_records"].value == 9


@pytest.mark.parametrize("outage", ["", "Basware is away"])
def test_a_record_that_differs_or_cannot_be_compared_is_an_error(
    instance: dg.DagsterInstance, site: FakeSite, outage: str
) -> None:
    different = RecordDifference("M1", "vendors", "1", "DIFFERS_IN_BASWARE", "name", "Ann", "Bob", "resend")
    site.record_differences, site.comparison_outage = (() if outage else (different,)), outage
    result = ran(instance, "reconcile")
    assert result.success
    found = evaluations(result, "reconciliation")["records_agree"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert [row["field"] for row in rows(found.metadata["record_differences"])] == (
        [] if outage else ["name"]
    )
    assert [row["outage"] for row in rows(found.metadata["entities"])] == [outage]


def test_records_that_differ_while_a_run_sends_them_are_a_warning(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.record_differences = (RecordDifference("M1", "vendors", "1", "NOT_SENT", "", "new", "old", "sync"),)
    sending = instance.create_run_for_job(
        defs.resolve_job_def("master_data"), status=dg.DagsterRunStatus.STARTED
    )
    during = evaluations(ran(instance, "reconcile"), "reconciliation")["records_agree"]
    assert (during.passed, during.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(during.description).endswith("while master_data was at work")
    instance.report_run_failed(sending)
    after = evaluations(ran(instance, "reconcile"), "reconciliation")["records_agree"]
    assert (after.passed, after.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_check_can_be_asked_again_alone(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.unmapped = [unmapped_account()]
    ran(instance, "invoices")
    site.unmapped = []
    key = dg.AssetCheckKey(dg.AssetKey(["basware", "approved_documents"]), "unmapped_gl_accounts")
    result = asked_alone(instance, key)
    (again,) = result.get_asset_check_evaluations()
    assert (again.asset_check_key, again.passed) == (key, True)


def test_a_company_left_out_is_told_again_without_failing_a_run_that_did_not_leave_it_out(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.errors[("invoices", "M1")] = RetryLater("SYSPRO is away")
    failed = ran(instance, "invoices")
    assert not failed.success
    assert not evaluations(failed, "basware/approved_documents")["every_company"].passed
    key = dg.AssetCheckKey(dg.AssetKey(["basware", "approved_documents"]), "every_company")
    again = asked_alone(instance, key)
    assert again.success
    assert not again.get_asset_check_evaluations()[0].passed


def test_staged_tables_tell_rows_columns_and_place(instance: dg.DagsterInstance, site: FakeSite) -> None:
    told = metadata(ran(instance, "master_data"), "syspro/suppliers")
    assert told["dagster/row_count"].value == 20
    assert told["pages"].value == 4
    assert str(told["dagster/uri"].value).endswith(".parquet")
    schema = told["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type) for column in schema.columns] == [
        ("Supplier", "string"),
        ("Balance", "decimal128(14, 2)"),
    ]


def test_published_entities_tell_what_was_sent(instance: dg.DagsterInstance, site: FakeSite) -> None:
    told = metadata(ran(instance, "master_data"), "basware/vendors")
    numbers = ("dagster/row_count", "unchanged", "sent", "requests", "confirmed", "quarantined")
    assert [told[name].value for name in numbers] == [20, 12, 6, 2, 6, 2]
    assert [row["key"] for row in rows(told["problems"])] == ["0000001", "0000001"]
    assert [(row["text"], row["records"]) for row in rows(told["notes"])] == [("a text is cut", 3)] * 2


def test_the_three_invoice_assets_tell_their_own_side(instance: dg.DagsterInstance, site: FakeSite) -> None:
    result = ran(instance, "invoices")
    counts = {
        name: metadata(result, name)["dagster/row_count"].value
        for name in ("basware/approved_documents", "syspro/ap_postings", "basware/transfer_responses")
    }
    assert counts == {
        "basware/approved_documents": 6,
        "syspro/ap_postings": 4,
        "basware/transfer_responses": 4,
    }


def test_control_totals_hold_when_the_books_agree(instance: dg.DagsterInstance, site: FakeSite) -> None:
    result = ran(instance, "reconcile")
    found = evaluations(result, "reconciliation")["control_totals"]
    assert found.passed
    (total,) = rows(found.metadata["totals"])
    assert (total["currency"], total["basware"], total["syspro"]) == ("EUR", "1234.50", "1234.50")
    assert site.reconciled == [today(schedule_settings())]


def test_a_difference_between_the_books_is_an_error_that_lists_it(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.differences = (Difference("M1", "invoice-1", "amount", "10.00", "10.01", "look into it"),)
    result = ran(instance, "reconcile")
    assert result.success
    found = evaluations(result, "reconciliation")["control_totals"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert [row["key"] for row in rows(found.metadata["difference_list"])] == ["invoice-1"]


def test_several_days_are_reconciled_as_the_whole_of_the_books(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    last = today(schedule_settings())
    result = defs.resolve_job_def("reconcile").execute_in_process(
        instance=instance,
        run_config=QUIET,
        tags={
            "dagster/asset_partition_range_start": (last - timedelta(days=6)).isoformat(),
            "dagster/asset_partition_range_end": last.isoformat(),
        },
    )
    assert result.success
    assert site.reconciled == [None]


def test_books_out_of_reach_fail_the_reconciliation_with_the_reason(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.opening = RetryLater("the state store is locked")
    result = ran(instance, "reconcile")
    assert step_failures(result) == ["the state store is locked"]


def test_an_unreachable_ledger_fails_the_reconciliation_with_the_reason(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.errors[("reconcile", "")] = RetryLater("SYSPRO's tables are away")
    assert step_failures(ran(instance, "reconcile")) == ["reconciliation: SYSPRO's tables are away"]


def test_a_check_that_cannot_be_answered_says_why(
    instance: dg.DagsterInstance, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> list[UnmappedAccount]:
        raise RetryLater("the state store is locked")

    monkeypatch.setattr(overview, "unmapped_accounts", away)
    assert step_failures(ran(instance, "invoices")) == ["unmapped_gl_accounts: the state store is locked"]


def test_a_table_never_staged_shows_no_drift(instance: dg.DagsterInstance, site: FakeSite) -> None:
    result = asked_alone(instance, dg.AssetCheckKey(dg.AssetKey(["syspro", "suppliers"]), "schema_drift"))
    (found,) = result.get_asset_check_evaluations()
    assert (found.passed, found.description) == (True, "not staged yet")


def test_a_table_shows_no_more_than_a_page_can_hold() -> None:
    assert len(table(("number",), ((number,) for number in range(1000))).records) == ROWS_SHOWN


def test_a_cell_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold list"):
        table(("cell",), [([],)])


def test_data_extracts_are_an_asset_of_their_own_where_they_are_used(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    key = dg.AssetKey(["basware", "data_extracts"])
    assert ran(instance, "invoices").success
    assert instance.get_latest_materialization_event(key) is None

    site.settings = site.settings.model_copy(
        update={"intake": site.settings.intake.model_copy(update={"data_extracts": True})}
    )
    result = ran(instance, "invoices")
    assert result.success
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert (metadata["extracts"].value, metadata["received"].value) == (1, 2)
    assert [record.data for record in metadata["new_columns"].records] == [{"column": "TAX_SUM"}]


def test_an_extract_that_was_refused_is_a_warning(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.refused_extracts = [StoredExtract("e-7", "refused", 0, 0, "", "one row has no id", NOON)]
    result = ran(instance, "invoices")
    assert result.success
    found = evaluations(result, "basware/approved_documents")["refused_extracts"]
    assert not found.passed
    (shown,) = found.metadata["extracts"].records
    assert (shown.data["extract"], shown.data["reason"]) == ("e-7", "one row has no id")


def test_a_subscription_that_is_missing_is_a_warning_with_its_remedy(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(["basware", "approved_documents"]), "webhook_subscription")
    (silent,) = asked_alone(instance, key).get_asset_check_evaluations()
    assert (silent.passed, silent.description) == (
        True,
        "nothing is subscribed: invoices are found by polling",
    )
    polls = (PollPace("M1", NOON, 60, 2, NOON),)
    missing = Standing("missing", "Basware has no subscription", "run `connector webhook subscribe`")
    site.push = PushStatus(missing, "https://c.example.com/", NOON, NOON, "listed", NOON, 99, 1, 0.01, polls)
    (found,) = asked_alone(instance, key).get_asset_check_evaluations()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "Basware has no subscription; run `connector webhook subscribe`"
    assert (found.metadata["lost"].value, found.metadata["loss_rate"].value) == (1, 0.01)
    assert rows(found.metadata["polls"])[0]["missed"] == 2


def test_a_run_tells_what_the_open_notifications_led_to(instance: dg.DagsterInstance, site: FakeSite) -> None:
    told = metadata(ran(instance, "invoices"), "basware/approved_documents")
    assert {
        name: told[f"notifications_{name}"].value for name in ("open", "fetched", "received", "settled")
    } == {
        "open": 3,
        "fetched": 2,
        "received": 1,
        "settled": 2,
    }
    assert told["notifications_trouble"].value == "away"
    assert site.push_looks == 1
