"""Which vendors a comparison reads: what is new since the last one, and once a day all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector_defs.flows.vendor_reading import SOURCE, begin
from connector_defs.store import cursors
from connector_tests.flows.enriched import edit, look, term, vat
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """Suppliers published to Basware, and an overlap that hides nothing."""
    with open_pair(folder, enrichment={"overlap_hours": 0}) as opened:
        opened.stage("suppliers", "supplier_addresses")
        opened.publish("vendors")
        yield opened


def cursor(pair: Pair) -> cursors.Cursor:
    with pair.connector.store.read() as connection:
        return cursors.get(connection, "M1", SOURCE)


def stamp(pair: Pair, text: str) -> None:
    for record in pair.sandbox.basware.entities["vendors"].values():
        record["lastUpdated"] = text


def test_the_first_reading_is_whole_and_the_next_only_of_what_moved(pair: Pair) -> None:
    stamp(pair, "2026-11-01T00:00:00.000Z")
    first = look(pair)
    assert first.vendors == first.compared > 5
    edit(pair, **term("60"))
    assert look(pair).vendors == 1


def test_the_cursor_comes_from_the_vendors_and_never_from_ahead_of_our_clock(pair: Pair) -> None:
    stamp(pair, "2026-11-01T00:00:00.000Z")
    look(pair)
    assert cursor(pair).last_updated == datetime(2026, 11, 1, tzinfo=UTC)
    stamp(pair, "2999-01-01T00:00:00.000Z")
    look(pair)
    moved = cursor(pair).last_updated
    assert moved is not None
    assert moved < datetime(2999, 1, 1, tzinfo=UTC)


def test_a_poll_that_finds_nothing_moves_nothing(pair: Pair) -> None:
    stamp(pair, "2026-11-01T00:00:00.000Z")
    look(pair)
    before = cursor(pair)
    assert look(pair).vendors == 0
    assert cursor(pair) == before


def test_a_day_later_the_list_is_read_whole_again(pair: Pair) -> None:
    stamp(pair, "2026-11-01T00:00:00.000Z")
    whole = look(pair).vendors
    pair.next_day()
    assert look(pair).vendors == whole


def test_a_whole_reading_of_the_future_does_not_count(pair: Pair) -> None:
    look(pair)
    with pair.connector.store.write() as connection:
        ahead = pair.connector.clock.now() + timedelta(days=2)
        cursors.mark_listed(connection, "M1", [SOURCE], ahead)
    assert begin(pair.connector, pair.company).whole


def test_vendors_without_a_readable_time_leave_no_cursor_and_are_read_whole(pair: Pair) -> None:
    stamp(pair, "yesterday")
    look(pair)
    assert cursor(pair).last_updated is None
    assert begin(pair.connector, pair.company).whole


def test_an_earlier_day_is_read_again_and_moves_no_cursor(pair: Pair) -> None:
    look(pair)
    before = cursor(pair)
    reading = begin(pair.connector, pair.company, pair.connector.clock.now().date() - timedelta(days=3))
    with pair.connector.store.write() as connection:
        list(reading.pages())
        reading.keep(connection)
    assert cursor(pair) == before
    assert not reading.whole


def test_a_site_without_vendors_is_read_to_its_end(folder: Path) -> None:
    with open_pair(folder) as pair:
        assert look(pair).vendors == 0
        assert cursor(pair).listed_at is not None


def test_pages_are_compared_as_they_come(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(pair, **vat("DE811"))
    every = list(pair.sandbox.basware.entities["vendors"].values())
    pages = [every[:3], [], every[3:], every[:1]]
    monkeypatch.setattr(pair.connector.basware, "list_entities", lambda *_, **__: iter(pages))
    report = look(pair)
    assert report.vendors == len(every) + 1
    assert [one.supplier for one in report.changes] == [SUPPLIER]
