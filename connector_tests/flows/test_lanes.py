"""Several operators, several workers: who posts what, who rests, who is set aside."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector_defs.domain.states import State
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.runtime import open_connector
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.settings import Settings
from connector_defs.store import invoices
from connector_defs.store.tables import claim, lease
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, open_pair

POSTS = "Transaction/Post APSTIN"
TWO = {"extra_operators": [{"operator": "INTEG2", "operator_password": "two"}]}


def operators(pair: Pair) -> Counter[str]:
    """How many postings each operator made."""
    return Counter(posted.operator for posted in pair.sandbox.syspro.ledger.invoices)


def test_two_operators_post_side_by_side(folder: Path) -> None:
    options = SysproOptions(other_operators={"INTEG2": "two"})
    with open_pair(folder, syspro_options=options, company=TWO, posting={"batch_size": 5}) as pair:
        pair.map()
        pair.approve(*(invoice(f"INV-{number}") for number in range(40)))
        pair.faults.arm("latency", times=1000, site="syspro.transaction", seconds=0.01)
        report = pair.run()
        assert (report.posted, report.responded, report.logons) == (40, 40, 2)
        assert operators(pair).keys() == {"INTEG", "INTEG2"}
        assert operators(pair).total() == pair.sandbox.syspro.requests[POSTS] == 40
        assert pair.sandbox.syspro.session_book.counts["evicted"] == 0
        assert_books_agree(pair)


def test_an_operator_that_cannot_log_on_leaves_its_work_to_the_other(folder: Path) -> None:
    """F18 on one lane: it rests, the other posts, and no invoice burns an attempt."""
    options = SysproOptions(other_operators={"INTEG2": "two"})
    timing = {"linger_seconds": 0, "retry_base_seconds": 60, "retry_max_seconds": 600}
    with open_pair(folder, syspro_options=options, company=TWO, timing=timing) as pair:
        pair.map()
        ids = pair.approve(*(invoice(f"INV-{number}") for number in range(8)))
        pair.faults.arm("refuse_logon", times=1000, site="syspro.logon", match="INTEG2")
        pair.run()
        pair.run()
        assert operators(pair).keys() == {"INTEG"}
        assert pair.states() == {"responded": 8}
        assert {pair.stored(one).attempts for one in ids} == {1}
        assert_books_agree(pair)


def test_what_a_dead_worker_of_one_lane_left_is_recovered_by_that_lane_alone(folder: Path) -> None:
    """Its logon ends the dead one's session; another operator's would not."""
    options = SysproOptions(other_operators={"INTEG2": "two"})
    with open_pair(folder, syspro_options=options, company=TWO) as pair:
        pair.map()
        (bill_id,) = pair.approve(invoice("LEFT"))
        _leave_in_posting(pair, bill_id, lane="operator/INTEG2")
        held = pair.connector.leases._take("operator/INTEG2")
        with pair.hurried():
            pair.run()
        assert pair.state(bill_id) == "posting"
        _end(pair, held.name)
        pair.connector.clock.wait(1)
        pair.run()
        assert pair.state(bill_id) == "responded"
        assert_books_agree(pair)


def test_an_invoice_that_kills_its_workers_is_set_aside_and_the_others_are_posted(folder: Path) -> None:
    """F31: the deaths count even where the worker dies before any attempt is written down."""
    with open_pair(folder, posting={"max_attempts": 3}) as pair:
        pair.map()
        poison, *others = pair.approve(*(invoice(f"INV-{number}") for number in range(4)))
        prepare = _Dying(pair, poison)
        for _ in range(6):
            prepare.run_until_it_dies()
        assert pair.state(poison) == "dead/KILLS_ITS_WORKER"
        assert {pair.state(one) for one in others} == {"responded"}
        assert prepare.deaths == 3
        assert_books_agree(pair)


def test_a_lane_that_works_again_begins_its_pauses_short(folder: Path) -> None:
    timing = {"linger_seconds": 0, "retry_base_seconds": 60, "retry_max_seconds": 6000}
    with open_pair(folder, timing=timing) as pair:
        pair.map()
        pair.approve(invoice("INV-1"))
        pair.faults.arm("refuse_logon", times=3, site="syspro.logon")
        waits = []
        for _ in range(3):
            pair.run()
            pause = pair.connector.leases.pause_of("operator/INTEG")
            assert pause.until is not None
            waits.append((pause.until - pair.connector.clock.now()).total_seconds())
            pair.connector.clock.wait(waits[-1] + 1)
        assert 29 < waits[0] <= 60 < waits[1] + 1 <= 121 < waits[2] + 2 <= 242
        pair.run()
        assert pair.states() == {"responded": 1}
        assert pair.connector.leases.pause_of("operator/INTEG").count == 0


class TestRefusedPassword:
    """SYSPRO locks an operator that tries a wrong password again and again: the lane rests, and no attempt is burnt."""

    TIMING = {"linger_seconds": 0, "retry_base_seconds": 60, "retry_max_seconds": 600}  # noqa: RUF012

    def refuse(self, pair: Pair) -> None:
        pair.sandbox.syspro.session_book.change_password("INTEG", "changed")

    def refused(self, pair: Pair) -> int:
        return pair.sandbox.syspro.session_book.counts["refused"]

    def test_the_invoices_wait_and_the_remedy_is_told(self, folder: Path) -> None:
        with open_pair(folder, timing=self.TIMING) as pair:
            pair.map()
            ids = pair.approve(invoice("INV-1"), invoice("INV-2"))
            self.refuse(pair)
            report = pair.run()
            (problem,) = [one for one in report.problems if one.key == "lane"]
            assert problem.code == "LOGON_REFUSED"
            assert "connector credentials set NAME" in problem.remedy
            assert report.outages == (problem,)
            assert pair.states() == {"acknowledged": 2}
            assert {pair.stored(one).attempts for one in ids} == {0}

    def test_it_is_not_tried_again_before_the_rest_is_over(self, folder: Path) -> None:
        with open_pair(folder, timing=self.TIMING) as pair:
            pair.map()
            pair.approve(invoice("INV-1"))
            self.refuse(pair)
            pair.run()
            assert self.refused(pair) == 1
            report = pair.run()
            assert [one.code for one in report.problems if one.key == "lane"] == ["LANE_BLOCKED"]
            assert "Invalid operator password" in report.problems[0].reason
            assert self.refused(pair) == 1
            pair.connector.clock.wait(61)
            pair.run()
            assert self.refused(pair) == 2

    def test_another_password_ends_the_rest_at_once(self, folder: Path) -> None:
        with open_pair(folder, timing=self.TIMING) as pair:
            pair.map()
            (bill_id,) = pair.approve(invoice("INV-1"))
            self.refuse(pair)
            pair.run()
            settings = pair.connector.settings.model_dump()
            settings["companies"][0]["operator_password"] = "changed"
            with open_connector(Settings.model_validate(settings), pair.connector.clock) as corrected:
                run_invoices(corrected, corrected.companies[0])
                assert corrected.leases.pause_of("operator/INTEG").count == 0
            assert (pair.state(bill_id), pair.stored(bill_id).attempts) == ("responded", 1)
            assert_books_agree(pair)


def test_a_session_whose_key_is_gone_is_ended_by_a_new_logon(folder: Path) -> None:
    """Nobody can log it off by its id; the operator's next logon does."""
    with open_pair(folder) as pair:
        pair.map()
        credentials = pair.sandbox.credentials
        with pair.sandbox.syspro.lock:
            pair.sandbox.syspro.session_book.logon("INTEG", credentials.operator_password, "M1", "")
        with pair.connector.leases.hold("operator/INTEG") as held:
            pair.connector.leases.remember_session(held, "lost")
        with pair.connector.store.write() as connection:
            connection.execute(update(lease).values(sealed_session=b"sealed under another key"))
        pair.approve(invoice("INV-1"))
        pair.run()
        assert pair.states() == {"responded": 1}
        assert pair.sandbox.syspro.sessions == ()
        assert pair.sandbox.syspro.session_book.counts["evicted"] == 1


def test_an_intent_written_ahead_is_taken_back_when_the_lane_stops(folder: Path) -> None:
    """While SYSPRO works on one document the next one's intent is written; what is not sent costs no attempt."""
    timing = {"linger_seconds": 0, "retry_base_seconds": 60, "retry_max_seconds": 600}
    with open_pair(folder, timing=timing) as pair:
        pair.map()
        ids = pair.approve(*(invoice(f"INV-{number}") for number in range(4)))
        pair.faults.arm("system_error", times=2, site="syspro.transaction")
        pair.run()
        assert pair.sandbox.syspro.requests[POSTS] == 2
        stored = {one: pair.stored(one) for one in ids}
        assert sorted(one.state for one in stored.values()) == ["acknowledged"] * 3 + ["uncertain"]
        assert sorted(one.attempts for one in stored.values()) == [0, 0, 0, 1]
        codes = sorted(one.code for one in stored.values() if one.code)
        assert codes == ["ANSWER_LOST", "LANE_BLOCKED", "LANE_BLOCKED"]
        for _ in range(3):
            pair.connector.clock.wait(700)
            pair.run()
        assert pair.states() == {"responded": 4}
        assert_books_agree(pair)


def test_a_run_leaves_no_claim_behind(pair: Pair) -> None:
    pair.approve(*(invoice(f"INV-{number}") for number in range(3)))
    pair.run()
    with pair.connector.store.read() as connection:
        assert connection.execute(select(claim)).all() == []


def _leave_in_posting(pair: Pair, invoice_id: str, *, lane: str) -> None:
    """As a worker of `lane` leaves it that dies between the intent and the call."""
    connector, now = pair.connector, pair.connector.clock.now()
    pair.faults.arm("refuse_logon", site="syspro.logon", times=1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connector.clock), "wait", lambda self, seconds: None)
        run_invoices(connector, pair.company)
    pair.faults.disarm()
    with connector.store.write() as connection:
        connection.execute(update(lease).values(paused_until=None))
        stored = invoices.get(connection, "M1", invoice_id)
        assert stored is not None
        invoices.move(
            connection, stored, State.POSTING, now, changes={"attempts": 1, "fingerprint": "f" * 64}
        )
        connection.execute(
            claim.insert().values(company="M1", invoice_id=invoice_id, lane=lane, fence=1, deaths=0)
        )


def _end(pair: Pair, lane: str) -> None:
    with pair.connector.store.write() as connection:
        connection.execute(update(lease).where(lease.c.name == lane).values(owner=""))


class _Dying:
    """Runs that end as by SIGKILL when they come to evaluate one certain invoice: no clean-up, no give-back."""

    def __init__(self, pair: Pair, poison: str) -> None:
        self._pair = pair
        self._poison = poison
        self.deaths = 0

    def run_until_it_dies(self) -> None:
        class Killed(BaseException):
            pass

        def prepare(evaluator: object, batch: list[invoices.StoredInvoice]) -> object:
            if any(stored.invoice_id == self._poison for stored in batch):
                raise Killed
            return real(evaluator, batch)  # type: ignore[arg-type]

        from connector_defs.flows import evaluation, lane_run

        real = evaluation.Evaluator.prepare
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluation.Evaluator, "prepare", prepare)
            patch.setattr(lane_run.LaneRun, "_give_back", lambda run: None)
            try:
                self._pair.run()
            except Killed:
                self.deaths += 1
