"""Documents of every kind through the whole engine: posted once, found again, answered, and both ledgers agree.

What a document holds is told in `test_documents`; here it is the way of it, lost answers included.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.flows import mapping, queue
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.reconciliation import reconcile
from connector_defs.flows.runtime import open_connector
from connector_defs.store import audit
from connector_defs.syspro.documents import gentjl
from connector_tests.flows.pair import (
    ACCOUNT,
    SUPPLIER,
    Pair,
    assert_books_agree,
    invoice,
    open_pair,
    row,
    settings_for,
)

LONG = "2026/CONTRACT-4711/PART-0042 OF THE FRAMEWORK"
JOURNAL = {"posting_mode": "journal", "journal_credit_account": "00-1100"}
POSTS = "Transaction/Post APSTIN"
JOURNALS = "Transaction/Post GENTJL"


def credit(number: str = "CN-1", of: str = "INV-1000") -> dict[str, Any]:
    """A credit note over 50 on an invoice posted before."""
    return invoice(number, "-50.00", tax="0.00", codingRows=[row("-50.00", "0.00")], referenceNumber=of)


def agree(pair: Pair) -> None:
    """Both ledgers agree, the trail is whole, no session is open."""
    assert reconcile(pair.connector).differences == ()
    assert audit.verify(pair.connector.store).ok
    assert pair.sandbox.syspro.sessions == ()


class TestLongNumbers:
    """The number SYSPRO gets is a short form; every look-up goes by that."""

    @pytest.mark.parametrize("fault", [None, "reset_after", "http_502", "late_commit"])
    def test_it_is_found_again_under_the_short_number(self, folder: Path, fault: str | None) -> None:
        with open_pair(folder, posting={"long_numbers": "hash"}) as pair:
            pair.map()
            (bill_id,) = pair.approve(invoice(LONG))
            if fault:
                pair.faults.arm(fault, site="syspro.transaction", seconds=0)
            for _ in range(3):
                pair.run()
            assert pair.state(bill_id) == "responded"
            assert len(pair.sandbox.syspro.ledger.invoices) == 1
            agree(pair)

    def test_two_numbers_of_one_short_form_are_not_both_posted(self, folder: Path) -> None:
        with open_pair(folder, posting={"long_numbers": "tail"}) as pair:
            pair.map()
            ids = pair.approve(
                invoice("2025-NORTH-CONTRACT-4711-0001"), invoice("2026-SOUTH-CONTRACT-4711-0001")
            )
            pair.run()
            assert sorted(pair.state(one) for one in ids) == ["needs_review/DUPLICATE", "responded"]
            agree(pair)


class TestCreditNotesOfTypeC:
    """They stand under the number of the invoice they lower."""

    @pytest.fixture
    def site(self, folder: Path) -> Any:
        with open_pair(folder, posting={"credit_notes": "credit_type"}) as pair:
            pair.map()
            pair.approve(invoice("INV-1000", "500.00", tax="0.00", codingRows=[row("500.00", "0.00")]))
            pair.run()
            yield pair

    def credits(self, pair: Pair) -> list[Decimal]:
        return [
            posted.entry.value
            for posted in pair.sandbox.syspro.ledger.invoices
            if posted.entry.transaction_code == "C"
        ]

    @pytest.mark.parametrize("fault", [None, "reset_before", "reset_after", "http_502", "late_commit"])
    def test_one_is_posted_once(self, site: Pair, fault: str | None) -> None:
        (note_id,) = site.approve(credit())
        if fault:
            site.faults.arm(fault, site="syspro.transaction", seconds=0)
        for _ in range(3):
            site.run()
        assert site.state(note_id) == "responded"
        assert len(self.credits(site)) == 1
        agree(site)

    def test_two_over_one_amount_are_two(self, site: Pair) -> None:
        first, second = site.approve(credit("CN-1"), credit("CN-2"))
        site.run()
        site.run()
        states = [site.state(one) for one in (first, second)]
        assert "responded" in states
        assert len(self.credits(site)) == sum(state == "responded" for state in states)
        vouchers = {site.stored(one).voucher for one in (first, second)} - {""}
        assert len(vouchers) == len(self.credits(site))
        agree(site)

    def test_its_number_is_taken_while_a_person_looks_at_what_was_posted(self, site: Pair) -> None:
        note = credit("CN-1")
        site.approve(note)
        site.run()
        site.approve(note | {"description": "changed", "referenceNumber": "INV-1001"})
        site.run()
        (again,) = site.approve(credit("CN-1") | {"invoiceId": "another"})
        site.run()
        assert site.state(again) == "needs_review/DUPLICATE"
        assert len(self.credits(site)) == 1

    def test_a_lost_one_is_not_posted_again_where_the_journal_is_kept_in_local_currency(
        self, site: Pair
    ) -> None:
        site.approve(credit())
        site.faults.arm("reset_after", site="syspro.transaction")
        with pytest.MonkeyPatch.context() as patch, site.hurried():
            patch.setattr("connector_defs.flows.settling.Settler.settle", lambda settler: None)
            site.run()
        held = site.sandbox.syspro.ledger.tables
        (posted,) = [one for one in site.sandbox.syspro.ledger.invoices if one.entry.transaction_code == "C"]
        key = (posted.year, posted.month, posted.journal, posted.entry_number)
        held["ApJnlSummary"].update(key, {"InvoiceValue": Decimal("-54.25")})
        held["ApInvoice"].update((SUPPLIER, "INV-1000"), {"CurrencyValue": Decimal("542.50")})
        site.connector.clock.wait(1)
        for _ in range(2):
            site.run()
        assert len(self.credits(site)) == 1
        assert [one.code for one in _stored(site) if one.number == "CN-1"] == ["DUPLICATE_IN_SYSPRO"]

    def test_another_credit_beside_a_lost_one_does_not_stand_for_it(self, site: Pair) -> None:
        (note_id,) = site.approve(credit())
        site.faults.arm("reset_before", site="syspro.transaction")
        with pytest.MonkeyPatch.context() as patch, site.hurried():
            patch.setattr("connector_defs.flows.settling.Settler.settle", lambda settler: None)
            site.run()
        summary = site.sandbox.syspro.ledger.tables["ApJnlSummary"]
        entry = summary.as_dict(summary.rows[-1])
        summary.insert(entry | {"Journal": 4711, "TransactionCode": "C", "InvoiceValue": Decimal("-7.00")})
        site.connector.clock.wait(1)
        site.run()
        assert site.state(note_id) == "responded"
        assert self.credits(site) == [Decimal("-50.00")]

    def test_one_that_somebody_keyed_already_waits_for_a_person(self, site: Pair, tmp_path: Path) -> None:
        """Over the same amount on the same invoice: it may well be this one."""
        site.approve(credit("CN-1"))
        elsewhere = tmp_path / "another connector"
        settings = settings_for(site.sandbox, elsewhere, posting={"credit_notes": "credit_type"})
        with open_connector(settings) as other:
            mapping.set_rule(other, "M1", ACCOUNT, None, ACCOUNT, actor="ap", reason="test")
            run_invoices(other, other.companies[0])
        assert len(self.credits(site)) == 1
        (again,) = site.approve(credit("CN-9"))
        site.run()
        assert site.state(again) == "needs_review/DUPLICATE_IN_SYSPRO"
        assert len(self.credits(site)) == 1


class TestJournals:
    """Journal mode: one GL journal for each invoice, found by its reference."""

    @pytest.fixture
    def site(self, folder: Path) -> Any:
        with open_pair(folder, company=JOURNAL) as pair:
            pair.map()
            yield pair

    @pytest.mark.parametrize("fault", [None, "reset_before", "reset_after", "http_502", "late_commit"])
    def test_one_is_posted_once_and_answered_with_its_number(self, site: Pair, fault: str | None) -> None:
        (bill_id,) = site.approve(invoice("J-1"))
        if fault:
            site.faults.arm(fault, site="syspro.transaction", seconds=0)
        for _ in range(3):
            site.run()
        assert site.state(bill_id) == "responded"
        journals = site.sandbox.syspro.ledger.journals
        assert [journal.status for journal in journals] == ["P"]
        voucher = site.stored(bill_id).voucher
        assert voucher == f"GL{journals[0].year}{journals[0].period:02d}-{journals[0].journal:05d}"
        assert site.sandbox.basware.documents[bill_id]["voucherNumber1"] == voucher
        assert site.sandbox.syspro.ledger.invoices == []
        agree(site)

    def test_two_keys_of_one_currency_leave_no_doubt_which_is_the_local_one(self, site: Pair) -> None:
        currencies = site.sandbox.syspro.ledger.tables["TblCurrency"]
        dollar = currencies.get("$")
        assert dollar is not None
        currencies.insert(dollar | {"Currency": "USD"})
        (bill_id,) = site.approve(invoice("J-1"))
        site.run()
        assert site.state(bill_id) == "responded"

    def test_a_credit_note_and_an_invoice_agree_with_their_journals(self, site: Pair) -> None:
        ids = site.approve(invoice("J-1"), credit("J-2"))
        site.run()
        assert {site.state(one) for one in ids} == {"responded"}
        assert len(site.sandbox.syspro.ledger.journals) == 2
        agree(site)

    def test_its_number_is_taken_while_a_person_looks_at_what_was_posted(self, site: Pair) -> None:
        bill = invoice("J-1")
        site.approve(bill)
        site.run()
        site.approve(bill | {"description": "changed"})
        site.run()
        (again,) = site.approve(bill | {"invoiceId": "another"})
        site.run()
        assert sorted(one.code for one in _stored(site)) == ["CHANGED_AFTER_POSTING", "DUPLICATE"]
        assert site.state(again) == "needs_review/DUPLICATE"
        assert len(site.sandbox.syspro.ledger.journals) == 1

    @pytest.mark.parametrize("told_by", ["reply", "table"])
    def test_one_that_syspro_keeps_without_posting_it_waits_for_a_person(
        self, site: Pair, told_by: str
    ) -> None:
        """Where journals need an authorisation: it has a number and stands in no ledger."""
        (bill_id,) = site.approve(invoice("J-1"))
        real = gentjl.read

        def kept(reply: str) -> Any:
            answer = real(reply)
            assert isinstance(answer, gentjl.JournalPosting)
            if told_by == "reply":
                return replace(answer, status="N")
            details = site.sandbox.syspro.ledger.tables["GenJournalDetail"]
            for entry in [details.as_dict(each) for each in list(details.rows)[-3:]]:
                key = tuple(entry[name] for name in ("GlYear", "GlPeriod", "Journal", "EntryNumber"))
                details.update(key, {"EntryPosted": "N"})
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gentjl, "read", kept)
            site.run()
        assert site.state(bill_id) == "needs_review/POSTED_DIFFERENTLY"
        assert "not posted yet" in site.stored(bill_id).reason
        assert "voucherNumber1" not in site.sandbox.basware.documents[bill_id]
        queue.release(site.connector, bill_id, actor="ann", reason="posted in SYSPRO by hand")
        site.run()
        assert site.state(bill_id) == "responded"
        assert len(site.sandbox.syspro.ledger.journals) == 1

    def test_a_journal_changed_in_syspro_is_not_taken_for_what_was_meant(self, site: Pair) -> None:
        """Somebody booked the lost journal over to another account before the look-up."""
        site.approve(invoice("J-1"))
        site.faults.arm("reset_after", site="syspro.transaction")
        with pytest.MonkeyPatch.context() as patch, site.hurried():
            patch.setattr("connector_defs.flows.settling.Settler.settle", lambda settler: None)
            site.run()
        details = site.sandbox.syspro.ledger.tables["GenJournalDetail"]
        entry = details.as_dict(details.rows[-3])
        key = tuple(entry[name] for name in ("GlYear", "GlPeriod", "Journal", "EntryNumber"))
        details.update(key, {"GlCode": "00-6100"})
        site.connector.clock.wait(1)
        site.run()
        (stored,) = _stored(site)
        assert (stored.state, stored.code) == ("needs_review", "POSTED_DIFFERENTLY")
        assert "GL code 00-6100" in stored.reason
        assert len(site.sandbox.syspro.ledger.journals) == 1


class TestPeriods:
    """F19: parked when closed, nothing shifts, drained when opened."""

    def test_a_closed_period_parks_without_an_attempt_and_opens_by_itself(self, folder: Path) -> None:
        with open_pair(folder, posting={"period_rule": "invoice_date"}) as pair:
            pair.map()
            ids = pair.approve(*(invoice(f"INV-{number}") for number in range(3)))
            pair.sandbox.syspro.periods.set_open((2026, 11), is_open=False)
            pair.run()
            assert {pair.state(one) for one in ids} == {"needs_review/PERIOD_CLOSED"}
            pair.connector.clock.wait(1)
            pair.run()
            assert {pair.state(one) for one in ids} == {"needs_review/PERIOD_CLOSED"}
            pair.sandbox.syspro.periods.set_open((2026, 11), is_open=True)
            pair.run()
            assert {pair.state(one) for one in ids} == {"responded"}
            assert [posted.month for posted in pair.sandbox.syspro.ledger.invoices] == [11, 11, 11]
            assert_books_agree(pair)

    def test_a_period_that_syspro_alone_calls_closed_is_asked_for_sparingly(self, folder: Path) -> None:
        """Its control table says open, its AP says closed: no attempt is burnt however often it is asked."""
        timing = {"retry_max_seconds": 60, "linger_seconds": 0}
        with open_pair(folder, posting={"max_attempts": 2}, timing=timing) as pair:
            pair.map()
            (bill_id,) = pair.approve(invoice("INV-1"))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(pair.sandbox.syspro.periods), "is_open", lambda *_: False)
                for _ in range(5):
                    pair.run()
                    pair.run()
                    assert pair.state(bill_id) == "needs_review/PERIOD_CLOSED"
                    pair.connector.clock.wait(61)
            assert pair.sandbox.syspro.requests[POSTS] == 5, "not twice within the longest back-off"
            pair.run()
            assert pair.state(bill_id) == "responded"
            assert_books_agree(pair)


def test_a_document_posted_otherwise_than_meant_is_found_out(pair: Pair) -> None:
    """Trap: SYSPRO drops elements it does not know in silence. Here a ledger line lands on another account."""
    ledger = pair.sandbox.syspro.ledger
    insert = ledger.tables["ApJnlDistrib"].insert

    def elsewhere(values: Mapping[str, Any]) -> None:
        code = "00-6100" if values["ExpenseGlCode"] == "00-6000" else values["ExpenseGlCode"]
        insert({**values, "ExpenseGlCode": code})

    (bill_id,) = pair.approve(invoice("WRONG"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.tables["ApJnlDistrib"], "insert", elsewhere)
        pair.run()
    stored = pair.stored(bill_id)
    assert (stored.state, stored.code) == ("needs_review", "POSTED_DIFFERENTLY")
    assert "GL code 00-6000 has 0 instead of 100.00" in stored.reason
    assert stored.voucher
    pair.run()
    assert len(ledger.find(SUPPLIER, "WRONG")) == 1
    assert pair.in_basware(bill_id) == "TransferInProgress", "nothing was answered"


def _stored(pair: Pair) -> list[Any]:
    from connector_defs.domain.states import State
    from connector_defs.store import invoices

    with pair.connector.store.read() as connection:
        return invoices.in_states(connection, None, frozenset(State))
