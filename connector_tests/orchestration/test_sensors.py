"""The sensors look lightly, start one run at a time, and never turn trouble into a storm of runs."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from connector_defs.definitions import defs
from connector_defs.domain.errors import RetryLater
from connector_defs.orchestration import sensors
from connector_defs.orchestration.partitions import schedule_settings, today
from connector_defs.orchestration.resources import ConnectorResource
from connector_defs.settings import ScheduleSettings, SettingsError
from connector_tests.orchestration.fakes import FakeSite


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    return FakeSite().install(monkeypatch)


class Ticker:
    """Ticks one sensor as the daemon does: the cursor of a tick is given to the next."""

    def __init__(self, instance: dg.DagsterInstance, name: str = "approved_invoices") -> None:
        self.instance, self.name, self.cursor = instance, name, None

    def tick(self) -> SensorExecutionData:
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"connector": ConnectorResource()},
            repository_def=defs.get_repository_def(),
        ) as context:
            result = defs.resolve_sensor_def(self.name).evaluate_tick(context)
        self.cursor = result.cursor
        return result


def test_a_newly_approved_invoice_starts_a_run_for_today(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.peeked = {"M2": [("invoice-1", "2026-11-20T10:00:00Z")]}
    result = Ticker(instance).tick()
    assert [request.partition_key for request in result.run_requests] == [
        today(schedule_settings()).isoformat()
    ]
    assert [request.run_key for request in result.run_requests] == [None]
    assert site.open_now == 0


def test_a_tick_has_less_patience_than_a_run(instance: dg.DagsterInstance, site: FakeSite) -> None:
    Ticker(instance).tick()
    (hurried,) = site.opened_with
    assert hurried.timing.http_timeout_seconds == 5
    assert hurried.timing.retry_max_seconds == 0.5
    assert hurried.companies == site.settings.companies


def test_nothing_approved_starts_nothing(instance: dg.DagsterInstance, site: FakeSite) -> None:
    result = Ticker(instance).tick()
    assert not result.run_requests
    assert result.skip_message == "nothing waits"


def test_the_cursor_holds_no_invoice_id(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.peeked = {"M1": [("invoice-1", "2026-11-20T10:00:00Z")]}
    ticker = Ticker(instance)
    ticker.tick()
    assert ticker.cursor is not None
    assert "invoice-1" not in ticker.cursor


def test_what_the_last_run_did_not_clear_is_tried_ever_more_rarely(
    instance: dg.DagsterInstance, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.peeked = {"M1": [("stuck", "2026-11-20T10:00:00Z")]}
    ticker, runs = Ticker(instance), []
    for minute in range(60 * 6):
        monkeypatch.setattr(sensors.time, "time", lambda now=minute * 60.0: now)
        runs += [minute for _ in ticker.tick().run_requests]
    assert runs[:5] == [0, 1, 3, 7, 15]
    assert len(runs) < 30


def test_no_run_is_asked_for_while_one_is_at_work(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.peeked = {"M1": [("invoice-1", "2026-11-20T10:00:00Z")]}
    run = dg.DagsterRun(job_name="invoices", run_id=str(uuid4()), status=dg.DagsterRunStatus.STARTED)
    instance.run_storage.add_run(run)
    result = Ticker(instance).tick()
    assert not result.run_requests
    assert result.skip_message == f"run {run.run_id} of the invoices is queued or in progress"
    assert site.looked == 0


def test_missing_settings_are_a_reason_to_skip_not_a_traceback(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.opening = SettingsError(["basware.region is missing: set BASWARE_REGION"])
    result = Ticker(instance).tick()
    assert "set BASWARE_REGION" in (result.skip_message or "")


def test_one_company_out_of_reach_does_not_hide_the_other(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.errors[("peek", "M1")] = RetryLater("Basware did not answer within 5 s")
    site.peeked = {"M2": [("invoice-1", "2026-11-20T10:00:00Z")]}
    assert Ticker(instance).tick().run_requests


def test_what_cannot_be_seen_is_not_forgotten(
    instance: dg.DagsterInstance, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors.time, "time", lambda: 1000.0)
    site.peeked = {"M1": [("stuck", "2026-11-20T10:00:00Z")]}
    ticker = Ticker(instance)
    ticker.tick()
    kept = ticker.cursor
    site.errors = {("peek", name): RetryLater("away") for name in ("M1", "M2")}
    skipped = ticker.tick()
    assert skipped.skip_message == "company M1: away; company M2: away"
    assert ticker.cursor == kept
    site.errors.clear()
    assert not ticker.tick().run_requests


def test_before_the_first_day_nothing_runs(instance: dg.DagsterInstance) -> None:
    first_day = (today(ScheduleSettings()) + timedelta(days=2)).isoformat()
    sensor = sensors.sensors(ScheduleSettings(first_day=first_day))[0]
    with dg.build_sensor_context(instance=instance, resources={"connector": ConnectorResource()}) as context:
        skipped = sensor.evaluate_tick(context).skip_message
    assert (skipped or "").endswith(f"is before the first day, {first_day}.")


def test_a_due_invoice_starts_a_run(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.due = {"M1": ["invoice-1"]}
    assert Ticker(instance, "due_invoices").tick().run_requests


def test_a_failed_run_is_told_in_one_line(
    instance: dg.DagsterInstance, site: FakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    site.errors = {("invoices", name): RetryLater(f"SYSPRO {name} is away") for name in ("M1", "M2")}
    result = defs.resolve_job_def("invoices").execute_in_process(
        instance=instance,
        partition_key=today(schedule_settings()).isoformat(),
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    failure = next(event for event in result.all_events if event.is_job_failure)
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failure_alert",
        dagster_event=failure,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    sensors.run_failure_alert(context)
    (record,) = [record for record in caplog.records if "ALERT" in record.message]
    assert "job invoices failed" in record.message
    assert "invoice_engine: " in record.message
    assert "company M1: SYSPRO M1 is away company M2: SYSPRO M2 is away" in record.message
    assert "\n" not in record.message


def test_lists_to_be_read_whole_and_extracts_start_a_run_once(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    ticker = Ticker(instance, "due_invoices")
    assert not ticker.tick().run_requests
    site.whole_lists_due = "2026-11-19"
    assert ticker.tick().run_requests
    assert not ticker.tick().run_requests
    site.whole_lists_due = "2026-11-20"
    assert ticker.tick().run_requests
    site.whole_lists_due, site.extracts_due = None, True
    assert ticker.tick().run_requests
    assert not ticker.tick().run_requests


def test_records_without_an_outcome_start_a_look_at_them(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    ticker = Ticker(instance, "open_requests")
    assert ticker.tick().skip_message == "nothing waits"
    site.outcomes_due = {"M2": ["request-1"]}
    (request,) = ticker.tick().run_requests
    assert (request.partition_key, request.run_key) == (None, None)
    assert not ticker.tick().run_requests, "the same again is worth a run only later"


@pytest.mark.parametrize("job", ["master_data", "purchase_orders", "request_outcomes"])
def test_outcomes_are_left_to_a_run_that_publishes(
    instance: dg.DagsterInstance, site: FakeSite, job: str
) -> None:
    site.outcomes_due = {"M1": ["request-1"]}
    run = dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=dg.DagsterRunStatus.STARTED)
    instance.run_storage.add_run(run)
    result = Ticker(instance, "open_requests").tick()
    assert result.skip_message == f"run {run.run_id} of {job} is queued or in progress"


def test_outcomes_that_cannot_be_seen_are_not_forgotten(instance: dg.DagsterInstance, site: FakeSite) -> None:
    site.outcomes_due = {"M1": ["request-1"]}
    ticker = Ticker(instance, "open_requests")
    ticker.tick()
    kept = ticker.cursor
    site.errors = {("outcomes due", name): RetryLater("away") for name in ("M1", "M2")}
    assert ticker.tick().skip_message == "company M1: away; company M2: away"
    assert ticker.cursor == kept


def test_the_look_tells_what_it_found(instance: dg.DagsterInstance, site: FakeSite) -> None:
    result = defs.resolve_job_def("request_outcomes").execute_in_process(instance=instance)
    (made,) = result.asset_materializations_for_node("basware__request_outcomes")
    told = {name: made.metadata[name].value for name in ("requests", "confirmed", "failed", "pending")}
    assert told == {"requests": 4, "confirmed": 14, "failed": 2, "pending": 6}


def test_an_open_notification_starts_a_run_whenever_the_next_poll_is_due(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.hint = "1 until 08:00"
    ticker = Ticker(instance, "due_invoices")
    assert ticker.tick().run_requests
    assert site.polled == [], "only our own state was looked at"
    assert not ticker.tick().run_requests, "the same one again is worth a run only later"
    site.hint = "2 until 08:01"
    assert ticker.tick().run_requests


def test_notifications_are_looked_for_every_ten_seconds_however_rarely_basware_is_polled() -> None:
    def intervals(seconds: int) -> dict[str, int | None]:
        made = sensors.sensors(ScheduleSettings(invoice_poll_seconds=seconds))
        return {sensor.name: sensor.minimum_interval_seconds for sensor in made[:2]}

    assert intervals(60) == {"approved_invoices": 60, "due_invoices": 10}
    assert intervals(5) == {"approved_invoices": 5, "due_invoices": 5}


def test_a_company_that_cannot_be_looked_at_hides_no_notification(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.errors[("due", "M1")] = RetryLater("the store is busy")
    site.hint = "1 until 08:00"
    assert Ticker(instance, "due_invoices").tick().run_requests


def test_while_push_works_a_tick_says_when_each_company_is_polled(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.until_poll = {"M1": 840}
    site.peeked = {"M1": [("unseen", "2026-11-20T10:00:00Z")]}
    result = Ticker(instance).tick()
    assert result.skip_message == "nothing waits; company M1 is polled in 840 s"
    assert site.polled == [("M2", False)]


def test_a_poll_that_shows_something_is_noted_as_leaving_it(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.peeked = {"M1": [("invoice-1", "2026-11-20T10:00:00Z")]}
    Ticker(instance).tick()
    assert site.polled == [("M1", True), ("M2", False)]


def test_what_was_seen_of_a_company_is_remembered_while_it_is_not_polled(
    instance: dg.DagsterInstance, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors.time, "time", lambda: 1000.0)
    site.peeked = {"M1": [("stuck", "2026-11-20T10:00:00Z")]}
    ticker = Ticker(instance)
    assert ticker.tick().run_requests
    site.until_poll = {"M1": 30}
    assert not ticker.tick().run_requests
    site.peeked["M2"] = [("new", "2026-11-20T10:00:00Z")]
    assert ticker.tick().run_requests, "the other company's is new"
    site.until_poll = {}
    assert not ticker.tick().run_requests, "both were seen before"


def test_push_is_looked_at_last_and_only_where_basware_answers(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    Ticker(instance).tick()
    assert site.push_looks == 1
    site.errors[("peek", "M2")] = RetryLater("away")
    Ticker(instance).tick()
    Ticker(instance, "due_invoices").tick()
    assert site.push_looks == 1


def test_a_notification_of_a_failed_request_starts_a_look_which_settles_it(
    instance: dg.DagsterInstance, site: FakeSite
) -> None:
    site.request_hint = "1 until 08:00"
    assert Ticker(instance, "open_requests").tick().run_requests
    defs.resolve_job_def("request_outcomes").execute_in_process(instance=instance)
    assert site.settled_requests == 1
