"""`connector records`: what Basware has not plainly confirmed, and the order to send something again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.store.schema import upgrade
from connector_tests.cli.conftest import Command, Ended
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair

WHY = ("--reason", "lost in P2P")


@pytest.fixture
def pair(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A company whose suppliers are published, and whose state the command finds through its environment."""
    state = f"sqlite:///{own_place / 'state.db'}"
    upgrade(state)
    with open_pair(own_place) as opened:
        environment = {
            **opened.sandbox.environment(),
            "CONNECTOR_STATE_URL": state,
            "CONNECTOR_STAGING_URL": str(own_place / "staging"),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        opened.stage()
        opened.publish("vendors")
        yield opened


def told(ended: Ended) -> Any:
    return json.loads(ended.out)


def test_what_is_not_plainly_confirmed_is_listed_with_its_reason(pair: Pair, connector: Command) -> None:
    ended = connector("records", "list", "--json")
    assert ended.code == 1
    codes = {one["key"]: one["code"] for one in told(ended)}
    assert codes["000000000000011"] == "NAME_TOO_SHORT"
    assert codes[SUPPLIER] == "WARNING"
    warned = connector("records", "list", "--state", "warning", "--entity", "vendors", "--company", "1000")
    assert "payment term" in warned.out
    assert connector("records", "list", "--state", "failed").out == "Every record is confirmed.\n"
    assert connector("records", "list", "--entity", "accounts").code == 0


def test_a_state_or_company_that_does_not_exist_is_refused(pair: Pair, connector: Command) -> None:
    for wrong in (("--state", "lost"), ("--company", "M9")):
        ended = connector("records", "list", *wrong)
        assert ended.code == 2
        assert wrong[1] in ended.err


def test_one_record_goes_again_with_the_next_run(pair: Pair, connector: Command) -> None:
    ended = connector("records", "resend", "vendors", "1", *WHY)
    assert (ended.code, ended.out) == (0, "1 record(s) of vendors go again with the next run.\n")
    assert pair.publish("vendors")["vendors"].sent == 1


def test_a_whole_entity_goes_again_and_what_cannot_is_listed(pair: Pair, connector: Command) -> None:
    ended = connector("records", "resend", "vendors", "--all", "--company", "M1", "--json", *WHY)
    assert ended.code == 1
    report = told(ended)
    assert len(report["marked"]) == 10
    assert {one["code"] for one in report["left"]} == {"NOT_SENDABLE"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("vendors", *WHY), "give keys, or --all"),
        (("vendors", "1", "--all", *WHY), "give keys, or --all"),
        (("vendors", "1"), "--reason"),
        (("suppliers", "1", *WHY), "no such entity"),
        (("vendors", "4711", *WHY), "knows no vendors record"),
    ],
)
def test_a_wrong_order_marks_nothing(
    pair: Pair, connector: Command, arguments: tuple[str, ...], complaint: str
) -> None:
    ended = connector("records", "resend", *arguments)
    assert ended.code == 2
    assert complaint in ended.err
    assert pair.publish("vendors")["vendors"].sent == 0


def test_with_several_companies_one_must_be_named(pair: Pair, connector: Command) -> None:
    Path("connector.toml").write_text(
        "[[companies]]\n[[companies]]\nsyspro_company = 'M2'\nbasware_company = '2000'\n"
        "operator = 'B'\noperator_password = 'x'\n",
        encoding="utf-8",
    )
    ended = connector("records", "resend", "vendors", "1", *WHY)
    assert ended.code == 2
    assert "--company" in ended.err
