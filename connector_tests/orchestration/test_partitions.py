"""Business days: the calendar, and how a run's partitions become a window."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector_defs.orchestration.partitions import business_days, schedule_settings, today
from connector_defs.settings import ScheduleSettings


def test_today_is_a_partition_and_tomorrow_is_not() -> None:
    days = business_days(ScheduleSettings(first_day="2026-01-31", timezone="Europe/Berlin"))
    noon = datetime(2026, 2, 2, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert list(days.get_partition_keys(noon)) == ["2026-01-31", "2026-02-01", "2026-02-02"]


def test_today_is_told_in_the_zone_of_the_site() -> None:
    east, west = (
        today(ScheduleSettings(timezone=zone)) for zone in ("Pacific/Kiritimati", "Pacific/Honolulu")
    )
    assert (east - west).days == 1


def test_without_settings_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_CONFIG", str(tmp_path / "absent.toml"))
    assert schedule_settings() == ScheduleSettings()


def test_the_settings_of_the_site_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "connector.toml"
    file.write_text('[schedules]\nfirst_day = "2025-07-01"\nmaster_data = "weekly"\n')
    monkeypatch.setenv("CONNECTOR_CONFIG", str(file))
    for name, value in {
        "SYSPRO_ENET_URL": "http://127.0.0.1:1/SYSPROWCFService/Rest",
        "SYSPRO_ODATA_URL": "http://127.0.0.1:1/odata",
        "SYSPRO_ODATA_USERNAME": "reader",
        "SYSPRO_ODATA_PASSWORD": "x",
        "SYSPRO_OPERATOR": "INTEG",
        "SYSPRO_OPERATOR_PASSWORD": "x",
        "SYSPRO_COMPANY_ID": "M1",
        "BASWARE_REGION": "SANDBOX",
        "BASWARE_CLIENT_ID": "c",
        "BASWARE_CLIENT_SECRET": "x",
        "BASWARE_COMPANY_CODE": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    settings = schedule_settings()
    assert (settings.first_day, settings.master_data) == ("2025-07-01", "weekly")
    assert business_days(settings).get_first_partition_key() == date(2025, 7, 1).isoformat()
