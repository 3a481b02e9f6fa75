"""F32: the state came from yesterday's backup. It is rebuilt and compared before anything leaves for either system."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import RetryLater
from connector_defs.domain.keys import response_code
from connector_defs.flows import restoring
from connector_defs.flows.reconciliation import reconcile
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.sandbox.server import Sandbox
from connector_defs.store import audit, holds
from connector_tests.flows.pair import (
    SMALL,
    SUPPLIER,
    LeapingClock,
    Pair,
    assert_books_agree,
    invoice,
    open_pair,
    row,
    settings_for,
)
from connector_tests.proof.judge import voucher_of

NEW = {"codingRows": [row(accountCode="NEW")]}


class Site:
    """One sandbox whose connector is stopped, given another state, and started again."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.clock = LeapingClock()
        self.sections: dict[str, dict[str, Any]] = {}

    @contextmanager
    def started(self) -> Iterator[Pair]:
        with open_connector(
            settings_for(self.sandbox, self.folder, **self.sections), self.clock
        ) as connector:
            yield Pair(connector, self.sandbox, connector.companies[0])

    def back_up(self) -> None:
        for file in self.folder.glob("state.db*"):
            shutil.copy(file, self.folder / f"backup-{file.name}")

    def restore(self, *, noticed: bool = True) -> None:
        """Put the backup back; where it is not `noticed`, the mark of this machine is gone as well."""
        for file in self.folder.glob("state.db*"):
            file.unlink()
        for file in self.folder.glob("backup-state.db*"):
            shutil.copy(file, self.folder / file.name.removeprefix("backup-"))
        if not noticed:
            (self.folder / "state.mark").unlink(missing_ok=True)


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    with Sandbox(SMALL, processing_seconds=0.0) as sandbox:
        yield Site(sandbox, folder)


def codes(report: Any) -> list[str]:
    return [problem.code for problem in report.problems]


def is_held(connector: Connector) -> bool:
    with connector.store.read() as connection:
        return holds.get(connection, "M1") is not None


def answers(pair: Pair) -> list[str]:
    return [one.response["externalCode"] for one in pair.sandbox.basware.responses]


@pytest.mark.parametrize("noticed", [True, False])
def test_f32_what_was_posted_and_answered_since_the_backup_is_taken_over_and_nothing_is_told_twice(
    site: Site, noticed: bool
) -> None:
    done, unmapped, fresh = invoice("OLD-1"), invoice("INV-1", **NEW), invoice("INV-2")
    with site.started() as pair:
        pair.map()
        done_id, unmapped_id = pair.approve(done, unmapped)
        pair.run()
        assert pair.states() == {"responded": 1, "needs_mapping": 1}
    site.back_up()
    with site.started() as pair:
        pair.map("NEW", "00-6010")
        (fresh_id,) = pair.approve(fresh)
        pair.run()
        assert pair.states() == {"responded": 3}
        told = answers(pair)
        vouchers = {one: pair.stored(one).voucher for one in (done_id, unmapped_id, fresh_id)}
    site.restore(noticed=noticed)
    with site.started() as pair:
        if not noticed:
            assert restoring.hold_all(pair.connector, "restored by hand", actor="ap") == ["M1"]
        report = pair.run()
        assert (report.posted, report.logons) == (0, 0)
        assert pair.states() == {"responded": 3}
        assert {one: pair.stored(one).voucher for one in vouchers} == vouchers
        assert answers(pair) == told
        assert not is_held(pair.connector)
        assert_books_agree(pair)
        told_of = [event.action for event in audit.show(pair.connector.store, "M1")]
        assert told_of == ["held", "released"]


def test_f32_a_posting_that_was_not_answered_is_answered_with_its_voucher(site: Site) -> None:
    bill = invoice("INV-1")
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("INV-1", **NEW))
        pair.run()
    site.back_up()
    with site.started() as pair:
        pair.map("NEW", "00-6010")
        pair.faults.arm("http_503", times=1000, site="basware.responses")
        pair.run()
        assert pair.state(bill_id) == "posted/NOT_ANSWERED"
        pair.faults.disarm()
    site.restore()
    with site.started() as pair:
        report = pair.run()
        assert report.posted == 0
        assert pair.state(bill_id) == "responded"
        assert len(answers(pair)) == 1
        assert pair.stored(bill_id).voucher == voucher_of(pair.postings(bill)[0])
        assert_books_agree(pair)


def test_f32_an_answer_the_backup_does_not_know_of_is_not_given_again(site: Site) -> None:
    """In the backup the invoice is posted and about to be answered."""
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("INV-1"))
        pair.faults.arm("http_503", times=1000, site="basware.responses")
        pair.run()
        assert pair.stored(bill_id).state == "posted"
        pair.faults.disarm()
    site.back_up()
    with site.started() as pair:
        pair.next_day()
        pair.run()
        assert pair.state(bill_id) == "responded"
        told = answers(pair)
    site.restore()
    asked = site.sandbox.basware.requests["POST transferResponses"]
    with site.started() as pair:
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert answers(pair) == told
        assert site.sandbox.basware.requests["POST transferResponses"] == asked
        assert_books_agree(pair)


def test_f32_an_invoice_transferred_again_after_the_backup_gets_an_answer_of_a_new_number(site: Site) -> None:
    bill = invoice("INV-1")
    with site.started() as pair:
        pair.map()
    site.back_up()
    with site.started() as pair:
        (bill_id,) = pair.approve(bill)
        pair.run()
        pair.sandbox.basware.retransfer(bill_id)
    site.restore(noticed=False)
    with site.started() as pair:
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert pair.stored(bill_id).generation == 2
        assert len(set(answers(pair))) == len(answers(pair)) == 2
        assert len(pair.postings(bill)) == 1
        assert_books_agree(pair)


def test_f32_a_repeated_answer_of_an_invoice_the_backup_knows_as_done_is_taken_over(site: Site) -> None:
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("INV-1"))
        pair.run()
    site.back_up()
    with site.started() as pair:
        pair.sandbox.basware.retransfer(bill_id)
        pair.run()
        assert pair.stored(bill_id).generation == 2
    site.restore()
    with site.started() as pair:
        pair.run()
        assert (pair.state(bill_id), pair.stored(bill_id).generation) == ("responded", 2)
        assert len(answers(pair)) == 2
        assert_books_agree(pair)


def test_f32_an_invoice_that_waits_again_after_forgotten_answers_gets_one_of_a_new_number(site: Site) -> None:
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("INV-1"))
        pair.run()
    site.back_up()
    with site.started() as pair:
        pair.sandbox.basware.retransfer(bill_id)
        pair.run()
        pair.sandbox.basware.retransfer(bill_id)
    site.restore(noticed=False)
    with site.started() as pair:
        pair.run()
        assert (pair.state(bill_id), pair.stored(bill_id).generation) == ("responded", 3)
        assert len(set(answers(pair))) == len(answers(pair)) == 3
        assert [event.action for event in audit.show(pair.connector.store, "M1")] == ["held", "released"]
        assert_books_agree(pair)


def test_f32_what_a_person_has_to_decide_is_left_to_them(site: Site) -> None:
    """Changed after it was posted, and another company's invoice in a list that was not narrowed."""
    bill = invoice("INV-1")
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(bill)
        pair.run()
        pair.sandbox.basware.change(
            bill_id, {"description": "edited", "processingStatus": "WaitingForTransfer"}
        )
        pair.run()
        assert pair.state(bill_id) == "needs_review/CHANGED_AFTER_POSTING"
        restoring.hold_all(pair.connector, "restored", actor="ap")
        pair.run()
        assert pair.state(bill_id) == "needs_review/CHANGED_AFTER_POSTING"
        assert not is_held(pair.connector)


def test_f32_invoices_of_another_company_are_not_taken_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site.started() as pair:
        pair.map()
        documents = pair.connector.basware.documents
        monkeypatch.setattr(
            pair.connector.basware, "documents", lambda _, *rest, **options: documents("", *rest, **options)
        )
        code = response_code("M1", "stray", "transfer", 1)
        told = {"externalCode": code, "success": True, "responseMessage": "x", "paymentBlock": False}
        stray = invoice("INV-9", invoiceId="stray", companyCode="2000", transferResponses=[told])
        pair.approve({**stray, "processingStatus": "Transferred"})
        restoring.hold_all(pair.connector, "restored", actor="ap")
        assert restoring.clear_to_post(pair.connector, pair.company) is not None
        assert pair.states() == {}


def test_f32_a_posting_whose_window_ran_out_in_basware_is_known_as_posted_again(site: Site) -> None:
    bill = invoice("INV-1")
    with site.started() as pair:
        pair.map()
    site.back_up()
    with site.started() as pair:
        pair.faults.arm("http_503", times=1000, site="basware.responses")
        (bill_id,) = pair.approve(bill)
        pair.run()
        pair.faults.disarm()
        pair.sandbox.basware.change(bill_id, {"processingStatus": "TransferFailed"})
    site.restore()
    with site.started() as pair:
        pair.run()
        stored = pair.stored(bill_id)
        assert stored.voucher == voucher_of(pair.postings(bill)[0])
        assert stored.state in ("posted", "needs_review")
        assert len(pair.postings(bill)) == 1


def test_f32_a_state_that_is_lost_altogether_is_rebuilt(site: Site) -> None:
    with site.started() as pair:
        pair.map()
        pair.approve(invoice("INV-1"), invoice("INV-2"))
        pair.run()
        told = answers(pair)
    for file in site.folder.glob("state.db*"):
        file.unlink()
    with site.started() as pair:
        pair.run()
        assert pair.states() == {"responded": 2}
        assert answers(pair) == told
        assert_books_agree(pair)


@pytest.mark.parametrize(
    "sections",
    [
        {"posting": {"long_numbers": "hash"}},
        {"company": {"posting_mode": "journal", "journal_credit_account": "00-1100"}},
    ],
    ids=["shortened number", "journal"],
)
def test_f32_what_stands_under_another_name_is_known_again_by_it(site: Site, sections: Any) -> None:
    """The books agree, and a double of the invoice is still one."""
    bill = invoice("2026/CONTRACT-4711/PART-0042 OF THE FRAMEWORK")
    site.sections = sections
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(bill)
        pair.run()
        assert pair.state(bill_id) == "responded"
    for file in site.folder.glob("state.db*"):
        file.unlink()
    with site.started() as pair:
        assert codes(pair.run()) == []
        assert not is_held(pair.connector)
        assert pair.state(bill_id) == "responded"
        assert reconcile(pair.connector).differences == ()
        pair.map()
        (double,) = pair.approve(bill | {"invoiceId": "double"})
        pair.run()
        assert pair.state(double) == "needs_review/DUPLICATE"


def test_f32_books_that_differ_hold_the_lane_until_a_person_lets_it_go_on(site: Site) -> None:
    waiting = invoice("INV-2")
    with site.started() as pair:
        pair.map()
    site.back_up()
    with site.started() as pair:
        pair.approve(invoice("INV-1"))
        pair.run()
        # A clerk removed the posting meanwhile: nothing proves any more what the answer stands for.
        pair.sandbox.world.tables["ApInvoice"].delete((SUPPLIER, "INV-1"))
    site.restore()
    with site.started() as pair:
        (waiting_id,) = pair.approve(waiting)
        for _ in range(2):
            report = pair.run()
            assert "STATE_RESTORED" in codes(report)
            assert (report.posted, report.logons) == (0, 0)
            assert pair.state(waiting_id) == "received"
            assert pair.in_basware(waiting_id) == "WaitingForTransfer"
        assert [one.kind for one in reconcile(pair.connector).differences] == ["FORGOTTEN"]
        assert restoring.release(pair.connector, pair.company, "the clerk knows", actor="ap")
        pair.run()
        assert pair.state(waiting_id) == "responded"


def test_f32_another_amount_in_syspro_is_not_taken_over(site: Site) -> None:
    with site.started() as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("INV-1", **NEW))
        pair.run()
    site.back_up()
    with site.started() as pair:
        pair.map("NEW", "00-6010")
        pair.run()
        other = {"OrigInvValue": Decimal("1.00"), "CurrencyValue": Decimal("1.00")}
        pair.sandbox.world.tables["ApInvoice"].update((SUPPLIER, "INV-1"), other)
    site.restore()
    with site.started() as pair:
        report = pair.run()
        assert "STATE_RESTORED" in codes(report)
        assert pair.stored(bill_id).voucher == ""
        assert pair.state(bill_id) == "needs_mapping/UNMAPPED_ACCOUNT"


def test_f32_what_cannot_be_compared_now_stays_on_hold(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    restoring.hold_all(pair.connector, "restored", actor="ap")
    pair.faults.arm("http_503", times=1000, site="basware")
    report = pair.run()
    assert codes(report) == ["INTAKE_FAILED", "STATE_RESTORED"]
    assert is_held(pair.connector)
    pair.faults.disarm()
    pair.run()
    assert not is_held(pair.connector)
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


def test_f32_an_answer_of_ours_to_an_unknown_invoice_holds_the_company(pair: Pair) -> None:
    """The sign that is left where the mark is gone too; another system's answers are no sign."""
    response = {"externalCode": "x", "success": True, "responseMessage": "posted", "paymentBlock": False}
    (stranger,) = pair.approve(invoice("INV-1", transferResponses=[response]))
    assert restoring.clear_to_post(pair.connector, pair.company) is None
    pair.run()
    assert pair.state(stranger) == "responded"
    assert audit.show(pair.connector.store, "M1") == []


def test_a_store_that_only_grew_is_no_restored_one(pair: Pair) -> None:
    for number in range(3):
        pair.approve(invoice(f"INV-{number}"))
        assert "STATE_RESTORED" not in codes(pair.run())
    assert audit.show(pair.connector.store, "M1") == []


def test_another_store_on_this_machine_is_no_restored_one(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        with open_pair(tmp_path, storage={"state_url": f"sqlite:///{tmp_path / name}"}) as pair:
            pair.map()
            pair.approve(invoice("INV-1"))
            pair.run()
            assert audit.show(pair.connector.store, "M1") == []


@pytest.mark.parametrize("content", ["", "[]", '{"store": 1}', "\x00"])
def test_a_mark_that_cannot_be_read_is_none(pair: Pair, content: str) -> None:
    (pair.connector.staging.root.parent / "state.mark").write_text(content)
    pair.approve(invoice("INV-1"))
    assert pair.run().posted == 1


def test_a_mark_that_cannot_be_written_is_told_in_the_log_and_stops_nothing(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    (pair.connector.staging.root.parent / "state.mark").mkdir()
    pair.approve(invoice("INV-1"))
    assert pair.run().posted == 1
    assert "would go unnoticed" in caplog.text


def test_a_state_that_moves_while_it_is_rebuilt_is_left_for_the_next_run(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    restoring.hold_all(pair.connector, "restored", actor="ap")

    def lost(*_: object) -> int:
        raise RetryLater("another worker was faster")

    monkeypatch.setattr(restoring, "_rebuild", lost)
    assert codes(pair.run()) == ["STATE_RESTORED"]
    assert is_held(pair.connector)
