"""Published readings: they only move forward, each entity and company by itself."""

from datetime import date, timedelta

from connector_defs.store import readings
from connector_defs.store.engine import Store
from connector_defs.store.readings import PublishedReading
from connector_defs.store.tables import NEVER_READ
from connector_tests.store.builders import NOON

LATE = NOON + timedelta(days=1)


def newest(store: Store, entity: str = "vendors", company: str = "M1") -> PublishedReading:
    with store.read() as connection:
        return readings.newest(connection, entity, company)


def test_what_was_never_published_is_older_than_any_reading(store: Store) -> None:
    assert newest(store) == PublishedReading(NEVER_READ, None, None)


def test_an_older_reading_and_an_earlier_date_change_nothing(store: Store) -> None:
    start, day, hour = date(2026, 1, 17), date(2026, 1, 31), timedelta(hours=1)
    with store.write() as connection:
        readings.remember(connection, "vendors", "M1", NOON, LATE, start, day)
        readings.remember(connection, "vendors", "M1", NOON - hour, LATE, day, day - timedelta(days=1))
        readings.remember(connection, "vendors", "M1", NOON - hour, LATE)
    assert newest(store) == PublishedReading(NOON, start, day)
    with store.write() as connection:
        readings.remember(connection, "vendors", "M1", NOON + hour, LATE)
        readings.remember(connection, "vendors", "M1", NOON, LATE, day, day + timedelta(days=1))
    assert newest(store) == PublishedReading(NOON + hour, start, day + timedelta(days=1))
    assert newest(store, company="M2") == newest(store, "accounts") == PublishedReading()


def test_a_reading_ahead_of_the_clock_gives_way(store: Store) -> None:
    with store.write() as connection:
        readings.remember(connection, "vendors", "M1", LATE, LATE)
        readings.remember(connection, "vendors", "M1", NOON, NOON)
    assert newest(store).read_at == NOON
