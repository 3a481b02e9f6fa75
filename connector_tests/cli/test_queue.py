"""`connector queue` as a clerk uses it: lists, one invoice in full, every decision, and a preview."""

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.cli import invoice_tables
from connector_defs.domain.states import State
from connector_defs.flows.lanes import lane_name
from connector_defs.flows.reports import Elsewhere, Foreseen, Preview, Problem, Verdict
from connector_defs.store.schema import upgrade
from connector_tests.cli.conftest import Command, Ended
from connector_tests.cli.reports import queue_item
from connector_tests.flows.by_hand import CLERK, key_in, put
from connector_tests.flows.pair import HELD_SUPPLIER, Pair, invoice, open_pair, row
from connector_tests.proof.judge import voucher_of

UNMAPPED = {"codingRows": [row(accountCode="NEW")]}
OFF_BY_07 = {"grossSum": Decimal("108.95")}
WHY = ("--reason", "as agreed")


@pytest.fixture
def pair(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A sandbox and its state, which the command finds through its environment."""
    state = f"sqlite:///{own_place / 'state.db'}"
    upgrade(state)
    Path("connector.toml").write_text('[posting]\nrounding_account = "00-6010"\n', encoding="utf-8")
    with open_pair(own_place, posting={"rounding_account": "00-6010"}) as opened:
        opened.map()
        environment = {
            **opened.sandbox.environment(),
            "CONNECTOR_STATE_URL": state,
            "CONNECTOR_STAGING_URL": str(own_place / "staging"),
            "CONNECTOR_RETRY_BASE_SECONDS": "0.01",
            "CONNECTOR_RETRY_MAX_SECONDS": "0.02",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield opened


def told(ended: Ended) -> Any:
    return json.loads(ended.out)


def waits(pair: Pair, state: State = State.NEEDS_REVIEW, *, number: str = "INV-1", **fields: Any) -> str:
    (bill_id,) = pair.approve(invoice(number))
    put(pair, bill_id, state, **fields)
    return bill_id


class TestLists:
    """What waits, narrowed, summed, and the AP postings whose GL journal failed."""

    @pytest.fixture(autouse=True)
    def waiting(self, pair: Pair) -> None:
        pair.approve(
            invoice("INV-1", **UNMAPPED),
            invoice("INV-2", **OFF_BY_07),
            invoice("INV-3", supplierCode=HELD_SUPPLIER),
        )
        pair.run()

    @pytest.mark.parametrize(
        ("filters", "numbers"),
        [
            ([], ["INV-1", "INV-2", "INV-3"]),
            (["--state", "needs_review"], ["INV-2", "INV-3"]),
            (["--state", "needs_review", "--state", "needs_mapping"], ["INV-1", "INV-2", "INV-3"]),
            (["--code", "UNB"], ["INV-2"]),
            (["--supplier", "10"], ["INV-3"]),
            (["--older-than", "0m"], ["INV-1", "INV-2", "INV-3"]),
            (["--older-than", "2d"], []),
            (["--company", "M1", "--state", "dead"], []),
        ],
    )
    def test_the_list_is_narrowed(self, connector: Command, filters: list[str], numbers: list[str]) -> None:
        ended = connector("queue", "list", "--json", *filters)

        assert ended.code == (1 if numbers else 0), ended.err
        assert sorted(item["invoice_number"] for item in told(ended)) == numbers

    def test_the_sums_are_told_by_reason_and_currency(self, connector: Command) -> None:
        lines = [line.split() for line in connector("queue", "list").out.splitlines()]

        assert ["UNBALANCED", "USD", "1", "108.95"] in lines
        assert ["SUPPLIER_ON_HOLD", "USD", "1", "108.25"] in lines
        assert ["all", "USD", "3", "325.45"] in lines

    def test_an_empty_list_says_so(self, connector: Command) -> None:
        assert "Nothing waits." in connector("queue", "list", "--state", "dead").out

    @pytest.mark.parametrize("age", ["2", "two days", "2w", "-1d", "1.5h"])
    def test_an_age_needs_its_unit(self, connector: Command, age: str) -> None:
        ended = connector("queue", "list", f"--older-than={age}")

        assert ended.code == 2
        assert "90m, 4h, 2d" in ended.err


def test_failed_gl_journals_are_listed_until_they_are_settled(pair: Pair, connector: Command) -> None:
    bill = invoice("INV-1")
    pair.approve(bill)
    pair.sandbox.syspro.ledger.gl_failures_due = 1
    pair.run()
    listed = connector("queue", "list", "--gl-problems")

    assert listed.code == 1
    assert "Unable to add GL journal" in listed.out
    assert voucher_of(pair.postings(bill)[0]) in listed.out
    assert told(connector("queue", "list", "--gl-problems", "--json"))[0]["invoice_number"] == "INV-1"
    status = connector("status")
    assert "1 AP posting(s) stand without their GL journal: connector queue list --gl-problems" in status.out
    assert "gl_problems" not in told(connector("status", "--json"))
    assert "Unable to add GL journal" in connector("queue", "show", "INV-1").out
    assert connector("queue", "settle-gl", "INV-1", *WHY).code == 0
    after = connector("queue", "list", "--gl-problems")
    assert (after.code, after.out) == (0, "No GL journal failed.\n")
    assert "without their GL journal" not in connector("status").out


def test_gl_problems_are_a_list_of_their_own(pair: Pair, connector: Command) -> None:
    ended = connector("queue", "list", "--gl-problems", "--code", "X")

    assert ended.code == 2
    assert "--company alone" in ended.err


class TestShowing:
    """One invoice in full."""

    def test_rows_gl_codes_and_decisions_are_shown(self, pair: Pair, connector: Command) -> None:
        bill = invoice(
            "INV-1", codingRows=[row("60.00"), row("40.00", "0.00", key="row-2", accountCode="NEW")]
        )
        (bill_id,) = pair.approve(bill)
        pair.run()
        connector("queue", "period", "INV-1", "P", *WHY)
        ended = connector("queue", "show", "INV-1")

        assert ended.code == 0
        lines = [" ".join(line.split()) for line in ended.out.splitlines()]
        assert "period chosen P" in lines
        assert any(line.startswith("row-1 00-6000 Tooling – 00-6000 60.00 8.25 S") for line in lines)
        assert any("row-2 NEW Tooling – none: no mapping 40.00" in line for line in lines)
        assert f"connector audit show {bill_id}" in ended.out
        assert "SYSPRO" not in ended.out.replace("reference in SYSPRO", "")

    def test_both_systems_are_asked_where_wanted(self, pair: Pair, connector: Command) -> None:
        bill = invoice("INV-1")
        posted = key_in(pair, bill)
        (bill_id,) = pair.approve(bill)
        put(pair, bill_id, State.NEEDS_REVIEW)
        ended = connector("queue", "show", "INV-1", "--look-up")

        for text in ("WaitingForTransfer", voucher_of(posted), CLERK, "somebody in SYSPRO", "108.25"):
            assert text in ended.out
        found = told(connector("queue", "show", "INV-1", "--look-up", "--json"))
        assert found["elsewhere"]["voucher"] == voucher_of(posted)
        assert found["elsewhere"]["ours"] is False
        assert found["rows"][0]["gl_code"] == "00-6000"
        assert found["rounding"] is None

    def test_what_stands_nowhere_is_told(self, pair: Pair, connector: Command) -> None:
        waits(pair)

        assert (
            "no AP invoice of this supplier and number"
            in connector("queue", "show", "INV-1", "--look-up").out
        )

    def test_a_system_out_of_reach_is_told_and_the_rest_shown(self, pair: Pair, connector: Command) -> None:
        waits(pair)
        pair.faults.arm("http_503", times=100, site="syspro.odata")
        ended = connector("queue", "show", "INV-1", "--look-up")

        assert ended.code == 0
        assert "Could not be asked: SYSPRO" in ended.out
        assert "no AP invoice" not in ended.out
        assert "WaitingForTransfer" in ended.out

    def test_an_amount_in_another_currency_is_shown_beside(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = Elsewhere("Paid", "V-1", Decimal("120.00"), Decimal("100.00"), "R", ours=True)
        invoice_tables._elsewhere(found)

        out = capsys.readouterr().out
        assert "100.00" in out
        assert "this connector" in out


def test_a_period_is_chosen_and_the_invoice_checked_afresh(pair: Pair, connector: Command) -> None:
    bill_id = waits(pair)
    ended = connector("queue", "period", "INV-1", "p", *WHY, "--json")

    assert ended.code == 0, ended.err
    assert told(ended)["state"] == "received"
    assert json.loads(pair.stored(bill_id).decisions) == {"period": "P", "stands_for": "2026-10"}
    assert "as agreed" in connector("audit", "show", "INV-1").out


def test_a_rounding_is_accepted(pair: Pair, connector: Command) -> None:
    bill = invoice("INV-1", **OFF_BY_07)
    (bill_id,) = pair.approve(bill)
    pair.run()
    ended = connector("queue", "accept-rounding", "INV-1", *WHY)

    assert ended.code == 0, ended.err
    assert "INV-1 is received. Post it now: connector sync invoices" in ended.out
    pair.run()
    assert pair.state(bill_id) == "responded"


def test_a_posting_is_adopted(pair: Pair, connector: Command) -> None:
    bill = invoice("INV-1")
    posted = key_in(pair, bill)
    (bill_id,) = pair.approve(bill)
    pair.run()
    ended = connector("queue", "adopt", "INV-1", "--voucher", voucher_of(posted), *WHY)

    assert ended.code == 0, ended.err
    assert f"Basware hears of voucher {voucher_of(posted)}" in ended.out
    assert CLERK in connector("audit", "show", "INV-1").out
    pair.run()
    assert pair.state(bill_id) == "responded"


def test_an_invoice_is_set_aside_and_revived(pair: Pair, connector: Command) -> None:
    bill_id = waits(pair)

    assert (
        "INV-1 is dead. Go on with it: connector queue revive"
        in connector("queue", "dead", "INV-1", *WHY).out
    )
    assert pair.state(bill_id) == "dead/SET_ASIDE"
    assert told(connector("queue", "revive", "INV-1", *WHY, "--json"))["state"] == "received"


@pytest.mark.parametrize(
    "command", ["release", "accept-rounding", "adopt", "reject", "dead", "revive", "settle-gl"]
)
def test_a_decision_without_a_reason_is_wrong_use(pair: Pair, connector: Command, command: str) -> None:
    bill_id = waits(pair)
    ended = connector("queue", command, "INV-1")

    assert ended.code == 2
    assert "--reason" in ended.err
    assert pair.state(bill_id) == "needs_review"


@pytest.mark.parametrize(
    "command",
    [
        ["retry"],
        ["release"],
        ["period", "C"],
        ["accept-rounding"],
        ["adopt"],
        ["reject"],
        ["dead"],
        ["revive"],
        ["settle-gl"],
    ],
    ids=lambda command: command[0],
)
def test_a_decision_that_is_not_allowed_is_wrong_use_and_says_why(
    pair: Pair, connector: Command, command: list[str]
) -> None:
    bill_id = waits(pair, State.UNCERTAIN)
    name, *arguments = command
    ended = connector("queue", name, "INV-1", *arguments, *WHY)

    assert ended.code == 2
    assert "INV-1" in ended.err
    assert pair.stored(bill_id).state == "uncertain"


@pytest.mark.parametrize("command", ["adopt", "reject"])
def test_what_cannot_be_undone_is_asked_first_on_a_terminal(
    pair: Pair, connector: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    bill_id = waits(pair)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    ended = connector("queue", command, "INV-1", *WHY)

    assert ended.code == 1
    assert pair.state(bill_id) == "needs_review"


def test_yes_answers_the_question(pair: Pair, connector: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    bill_id = waits(pair)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    assert connector("queue", "reject", "INV-1", *WHY, "--yes").code == 0
    assert pair.state(bill_id) == "rejected"


class TestPreview:
    """What SYSPRO would say."""

    def test_what_would_post_is_told_and_nothing_is_posted(self, pair: Pair, connector: Command) -> None:
        bill_id = waits(pair, State.RECEIVED)
        ended = connector("queue", "preview")

        assert ended.code == 0, ended.out
        assert "would post" in ended.out
        assert "1 of 1 would post. Nothing was posted or changed." in ended.out
        assert pair.sandbox.syspro.ledger.invoices == []
        assert pair.state(bill_id) == "received"

    def test_one_that_would_not_ends_with_1_and_the_reason(self, pair: Pair, connector: Command) -> None:
        periods = pair.sandbox.syspro.periods
        periods.set_open(periods.current(), is_open=False)
        waits(pair, State.RECEIVED)
        waits(pair, State.RECEIVED, number="INV-2")
        ended = connector("queue", "preview", "INV-1")

        assert ended.code == 1
        assert "refused by SYSPRO" in ended.out
        assert "AP posting period closed" in ended.out
        report = told(connector("queue", "preview", "--limit", "1", "--json"))
        assert report["clean"] is False
        assert [one["verdict"] for one in report["invoices"]] == ["refused_by_syspro"]
        assert report["outages"] == []

    def test_a_busy_operator_is_told(self, pair: Pair, connector: Command) -> None:
        waits(pair, State.RECEIVED)
        with pair.connector.leases.hold(lane_name(pair.company.operator)):
            ended = connector("queue", "preview")

        assert ended.code == 1
        assert "M1 was not asked: lane operator/INTEG is worked on by another process" in ended.out

    def test_what_is_done_has_no_preview(self, pair: Pair, connector: Command) -> None:
        waits(pair, State.RESPONDED)
        ended = connector("queue", "preview", "INV-1")

        assert ended.code == 2
        assert "nothing left to preview" in ended.err

    def test_nothing_from_outside_is_markup(self, capsys: pytest.CaptureFixture[str]) -> None:
        one = Foreseen(
            "M1",
            "id",
            "",
            "[bold]x",
            None,
            "USD",
            "ready",
            Verdict.NOT_ANSWERED,
            texts=("\x1b[2J", "[red]y"),
        )
        outage = Problem("M2", "invoices", "lane", "NOT_ASKED", "busy\x1b[2J", "")
        invoice_tables.preview(Preview((one,), (outage,)))

        out = capsys.readouterr().out
        assert "\x1b[2J" not in out
        assert "[bold]x" in out
        assert "[red]y" in out
        assert "0 of 1 would post" in out


def test_a_sum_leaves_out_what_has_no_amount(capsys: pytest.CaptureFixture[str]) -> None:
    invoice_tables.totals([queue_item(gross=None), queue_item(code="", state="ready")])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["READY", "USD", "1", "1,234.50"] in lines
    assert ["all", "USD", "2", "1,234.50"] in lines
