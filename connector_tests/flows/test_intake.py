"""Polling with a cursor: cheap, and no invoice missed by it, whatever becomes of `lastUpdated`."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.documents import DocumentPage
from connector_defs.domain.errors import RetryLater
from connector_defs.flows import intake as intake_flow
from connector_defs.flows import invoices as invoice_flow
from connector_defs.flows import polling
from connector_defs.flows.intake import IN_PROGRESS, WAITING, Intake, full_list_due, take_in, waiting_pages
from connector_defs.store import cursors
from connector_defs.store.cursors import Cursor
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, open_pair, row

WAITS = {"codingRows": [row(accountCode="NEW")]}


@pytest.fixture
def narrow(folder: Path) -> Iterator[Pair]:
    """A pair that asks again for one hour only, so that a document can lie behind the cursor."""
    with open_pair(folder, intake={"overlap_hours": 1}) as opened:
        opened.map()
        yield opened


def poll(pair: Pair) -> Intake:
    return take_in(pair.connector, pair.company)


def cursor(pair: Pair, status: str = WAITING) -> Cursor:
    with pair.connector.store.read() as connection:
        return cursors.get(connection, pair.company.syspro_company, status)


def asked_since(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[datetime | None]]:
    """What every list is asked for from now on."""
    asked: dict[str, list[datetime | None]] = {IN_PROGRESS: [], WAITING: []}
    documents = pair.connector.basware.documents

    def listed(company: str, status: str, **options: Any) -> Iterator[DocumentPage]:
        asked[status].append(options.get("last_updated"))
        return documents(company, status, **options)

    monkeypatch.setattr(pair.connector.basware, "documents", listed)
    return asked


def at(pair: Pair, bill_id: str, moment: datetime) -> None:
    """Let Basware hold the invoice with this lastUpdated, as if its clock had been there."""
    pair.sandbox.basware.accounting.records[bill_id]["lastUpdated"] = moment.isoformat()


def now() -> datetime:
    return datetime.now(UTC)


def test_the_first_poll_reads_everything_and_the_next_only_what_moved(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_since(pair, monkeypatch)
    first, second = pair.approve(invoice("INV-1", **WAITS), invoice("INV-2", **WAITS))
    at(pair, first, now() - timedelta(days=9))
    at(pair, second, now() - timedelta(days=3))
    newest = polling.moment_of(pair.sandbox.basware.documents[second]["lastUpdated"])
    assert poll(pair).received == 2
    assert cursor(pair).last_updated == newest
    assert poll(pair).fetched == 1
    assert newest is not None
    assert asked == {IN_PROGRESS: [None, None], WAITING: [None, newest - timedelta(hours=24)]}


def test_a_poll_costs_one_request_a_list_however_many_invoices_wait_here(pair: Pair) -> None:
    """Each of them was asked for singly once, at every poll."""
    ids = pair.approve(*(invoice(f"INV-{number}", **WAITS) for number in range(30)))
    pair.run()
    for bill_id in ids:
        at(pair, bill_id, now() - timedelta(days=30))
    (newest,) = pair.approve(invoice("NEW-1", **WAITS))
    pair.run()
    before = pair.sandbox.basware.requests.copy()
    assert poll(pair).seen == {newest}
    spent = pair.sandbox.basware.requests - before
    assert spent == {"GET accountingDocuments": 2, "GET link": 1}


def test_what_waits_for_a_person_and_is_not_shown_by_a_poll_was_not_withdrawn(narrow: Pair) -> None:
    old, _ = narrow.approve(invoice("INV-1", **WAITS), invoice("INV-2", **WAITS))
    at(narrow, old, now() - timedelta(days=2))
    narrow.run()
    narrow.run()
    assert narrow.state(old) == "needs_mapping/UNMAPPED_ACCOUNT"
    narrow.map("NEW", "00-6010")
    narrow.run()
    assert narrow.state(old) == "responded"
    assert_books_agree(narrow)


def test_what_waits_for_a_person_is_found_withdrawn_by_the_next_whole_list(narrow: Pair) -> None:
    (bill_id,) = narrow.approve(invoice("INV-1", **WAITS))
    narrow.run()
    narrow.sandbox.basware.withdraw(bill_id)
    narrow.run()
    assert narrow.state(bill_id) == "needs_mapping/UNMAPPED_ACCOUNT"
    narrow.next_day()
    narrow.run()
    assert narrow.state(bill_id) == "withdrawn"


def test_a_withdrawn_invoice_that_a_mapping_frees_is_looked_at_before_basware_is_told(narrow: Pair) -> None:
    bill = invoice("INV-1", **WAITS)
    (bill_id,) = narrow.approve(bill)
    narrow.run()
    narrow.sandbox.basware.withdraw(bill_id)
    narrow.map("NEW", "00-6010")
    narrow.run()
    assert narrow.state(bill_id) == "withdrawn"
    assert narrow.sandbox.basware.requests["POST acknowledge"] == 0
    assert narrow.postings(bill) == []


def test_an_invoice_that_moved_behind_the_cursor_is_found_by_the_next_whole_list(narrow: Pair) -> None:
    """A clock jump at Basware, or a commit out of order: its lastUpdated is older than cursor less overlap."""
    narrow.approve(invoice("INV-1", **WAITS))
    narrow.run()
    late = invoice("LATE-1")
    (late_id,) = narrow.approve(late)
    at(narrow, late_id, now() - timedelta(hours=3))
    assert late_id not in poll(narrow).seen
    narrow.next_day()
    narrow.run()
    assert narrow.state(late_id) == "responded"
    assert_books_agree(narrow)


def test_a_change_behind_the_cursor_is_found_too(narrow: Pair) -> None:
    changed, _ = narrow.approve(invoice("INV-1", **WAITS), invoice("INV-2", **WAITS))
    narrow.run()
    narrow.sandbox.basware.change(changed, {"codingRows": [row()]})
    at(narrow, changed, now() - timedelta(days=2))
    narrow.next_day()
    narrow.run()
    assert narrow.state(changed) == "responded"
    assert_books_agree(narrow)


def test_within_the_overlap_nothing_is_missed_by_a_late_commit(narrow: Pair) -> None:
    narrow.approve(invoice("INV-1", **WAITS))
    narrow.run()
    (late_id,) = narrow.approve(invoice("LATE-1"))
    at(narrow, late_id, now() - timedelta(minutes=30))
    narrow.run()
    assert narrow.state(late_id) == "responded"


def test_a_lastupdated_of_the_future_does_not_blind_the_polls(narrow: Pair) -> None:
    (ahead,) = narrow.approve(invoice("AHEAD-1", **WAITS))
    at(narrow, ahead, datetime(2099, 1, 1, tzinfo=UTC))
    narrow.run()
    kept = cursor(narrow).last_updated
    assert kept is not None
    assert kept <= narrow.connector.clock.now()
    (next_id,) = narrow.approve(invoice("INV-2"))
    narrow.run()
    assert narrow.state(next_id) == "responded"


@pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", None])
def test_a_lastupdated_that_cannot_be_read_moves_no_cursor_and_loses_no_invoice(
    pair: Pair, text: str | None
) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    pair.sandbox.basware.accounting.records[bill_id]["lastUpdated"] = text
    intake = poll(pair)
    assert intake.received == 1
    assert cursor(pair).last_updated is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:00:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T08:00:00.1234567Z", datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-20T08:00:00+02:00", datetime(2026, 11, 20, 6, tzinfo=UTC)),
        ("9999-12-31T23:59:59-05:00", None),
    ],
)
def test_a_lastupdated_is_an_instant(text: str, moment: datetime | None) -> None:
    assert polling.moment_of(text) == moment


def test_a_list_that_breaks_off_moves_no_cursor(pair: Pair) -> None:
    """The continuation token of the list got lost (410): what came before stands, the next poll begins again."""
    ids = pair.approve(*(invoice(f"INV-{number}", **WAITS) for number in range(101)))
    poll(pair)
    before = cursor(pair)
    more = pair.approve(*(invoice(f"MORE-{number}", **WAITS) for number in range(20)))
    # The first page holds what moved last: its cursor would jump over the second page.
    pair.sandbox.basware.change(ids[0], {"description": "moved"})
    pair.faults.arm("lost_continuation", site="basware.documents")
    pair.faults.arm("lost_continuation", site="basware.documents")
    with pytest.raises(RetryLater, match="stale"):
        poll(pair)
    assert cursor(pair) == before
    pair.faults.disarm()
    poll(pair)
    assert pair.states() == {"received": len(ids) + len(more)}
    assert cursor(pair) != before


def test_a_whole_list_that_breaks_off_is_read_whole_again(pair: Pair) -> None:
    pair.approve(*(invoice(f"INV-{number}", **WAITS) for number in range(101)))
    pair.faults.arm("lost_continuation", times=3, site="basware.documents")
    with pytest.raises(RetryLater):
        poll(pair)
    assert full_list_due(pair.connector, pair.company) is not None
    pair.faults.disarm()
    poll(pair)
    assert full_list_due(pair.connector, pair.company) is None


def test_a_list_without_a_last_page_moves_no_cursor(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A continuation that is answered by 404 may stand for the end, or for a token that is gone."""
    pair.approve(invoice("INV-1", **WAITS))
    documents = pair.connector.basware.documents

    def cut(*arguments: Any, **options: Any) -> Iterator[DocumentPage]:
        for page in documents(*arguments, **options):
            yield DocumentPage(page.documents, page.malformed, last=False)

    monkeypatch.setattr(pair.connector.basware, "documents", cut)
    assert poll(pair).received == 1
    assert cursor(pair) == Cursor()
    assert full_list_due(pair.connector, pair.company) is not None


def test_a_killed_round_of_whole_lists_is_whole_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends after the single reads: a round that died between must not count as done for a day."""
    (bill_id,) = pair.approve(invoice("INV-1", **WAITS))
    pair.run()
    pair.sandbox.basware.withdraw(bill_id)
    pair.next_day()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(intake_flow, "_look_at_each", die)
    with pytest.raises(KeyboardInterrupt):
        poll(pair)
    monkeypatch.undo()
    pair.run()
    assert pair.state(bill_id) == "withdrawn"


def test_whole_lists_are_due_again_when_this_clock_was_set_back(pair: Pair) -> None:
    poll(pair)
    ahead = pair.connector.clock.now() + timedelta(days=400)
    with pair.connector.store.write() as connection:
        cursors.mark_listed(connection, pair.company.syspro_company, [WAITING, IN_PROGRESS], ahead)
    assert full_list_due(pair.connector, pair.company) is not None


def test_the_setting_decides_when_lists_are_read_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pair(folder, intake={"full_list_hours": 0}) as pair:
        asked = asked_since(pair, monkeypatch)
        poll(pair)
        poll(pair)
        assert asked == {IN_PROGRESS: [None, None], WAITING: [None, None]}


def test_reading_again_from_a_day_on_leaves_the_cursor_alone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll(pair)
    before = cursor(pair)
    asked = asked_since(pair, monkeypatch)
    pair.approve(invoice("INV-1", **WAITS))
    assert take_in(pair.connector, pair.company, updated_from=date(2026, 1, 2)).received == 1
    day = datetime(2026, 1, 2, tzinfo=UTC)
    assert asked == {IN_PROGRESS: [day], WAITING: [day]}
    assert cursor(pair) == before


def test_many_invoices_about_to_go_on_are_listed_and_not_asked_for_singly(narrow: Pair) -> None:
    """After a long outage of SYSPRO thousands are in `received`: a list of them is cheaper than each by itself."""
    ids = narrow.approve(*(invoice(f"INV-{number}") for number in range(120)))
    poll(narrow)
    for bill_id in ids:
        at(narrow, bill_id, now() - timedelta(days=2))
    narrow.approve(invoice("NEW-1"))
    poll(narrow)
    narrow.sandbox.basware.withdraw(ids[0])
    before = narrow.sandbox.basware.requests.copy()
    assert len(poll(narrow).seen) == 120
    spent = narrow.sandbox.basware.requests - before
    assert spent["GET accountingDocuments/{invoiceId}"] == 1
    assert narrow.state(ids[0]) == "withdrawn"


def test_an_acknowledged_invoice_lost_by_a_crash_is_found_by_a_poll(pair: Pair) -> None:
    """F4: TransferInProgress in Basware, and this state knows it as ready at most."""
    poll(pair)
    bill = invoice("INV-1", processingStatus="TransferInProgress")
    (bill_id,) = pair.approve(bill)
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert len(pair.postings(bill)) == 1
    assert_books_agree(pair)


def test_f21_an_invoice_no_notification_told_of_is_found_by_a_poll_and_doubles_do_nothing(pair: Pair) -> None:
    poll(pair)
    (bill_id,) = pair.approve(invoice("INV-1", **WAITS))
    assert poll(pair).received == 1
    version = pair.stored(bill_id).version
    again = poll(pair)
    assert (again.received, again.fetched) == (0, 1)
    assert pair.stored(bill_id).version == version


def test_a_look_before_a_run_reads_no_more_than_a_poll_and_moves_nothing(pair: Pair) -> None:
    old, new = pair.approve(invoice("INV-1", **WAITS), invoice("INV-2", **WAITS))
    pair.run()
    at(pair, old, now() - timedelta(days=5))
    before = cursor(pair)
    shown = [one.invoice_id for page in waiting_pages(pair.connector, pair.company) for one in page.documents]
    assert shown == [new]
    assert invoice_flow.peek(pair.connector, pair.company) == []
    assert cursor(pair) == before


def test_what_is_read_singly_may_be_unreadable_by_now(narrow: Pair) -> None:
    bad, _ = narrow.approve(invoice("INV-1"), invoice("INV-2"))
    poll(narrow)
    narrow.sandbox.basware.change(bad, {"currencyCode": 7})
    at(narrow, bad, now() - timedelta(days=2))
    poll(narrow)
    assert narrow.state(bad) == "needs_review/MALFORMED"


def test_an_id_that_cannot_be_asked_for_singly_is_no_withdrawn_invoice(narrow: Pair) -> None:
    strange, _ = narrow.approve(invoice("INV-1", invoiceId="."), invoice("INV-2"))
    poll(narrow)
    at(narrow, strange, now() - timedelta(days=2))
    poll(narrow)
    assert narrow.state(strange) == "received"
