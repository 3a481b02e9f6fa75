"""`connector mapping` as clerks and scripts meet it: rules set, approved, suggested, exported and imported."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.cli.opening import opened
from connector_defs.cli.sandbox import TIMING, storage_of
from connector_defs.sandbox.server import Sandbox
from connector_tests.cli.conftest import Command, Ended, call
from connector_tests.flows.pair import ACCOUNT, SMALL, invoice, row

OTHER = "00-6010"


def told(ended: Ended) -> Any:
    return json.loads(ended.out)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SMALL) as opened_sandbox:
        yield opened_sandbox


@pytest.fixture
def site(sandbox: Sandbox, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A connector with a store of its own, and the person ann at the keyboard."""
    settings = own_place / "connector.toml"
    settings.write_text("[timing]\nlinger_seconds = 1\n", encoding="utf-8")
    environment = {
        **sandbox.environment(),
        **TIMING,
        **storage_of(own_place),
        "CONNECTOR_CONFIG": str(settings),
    }
    for name, value in {**environment, "LOGNAME": "ann"}.items():
        monkeypatch.setenv(name, value)
    return sandbox


@pytest.fixture
def careful(site: Sandbox, own_place: Path) -> Sandbox:
    """The same, where rules need a second person."""
    with (own_place / "connector.toml").open("a", encoding="utf-8") as settings:
        settings.write("[mapping]\nsecond_approver = true\n")
    return site


_numbers = iter(range(1, 1000))


def take_in(sandbox: Sandbox, **fields: Any) -> str:
    """An approved invoice on an account code without a rule, taken in and evaluated."""
    from connector_defs.flows.invoices import run_invoices

    number = f"CLI-{next(_numbers)}"
    coded = row(**{"accountCode": "NEW", "accountName": "Tooling", **fields})
    sandbox.basware.approve(invoice(number, codingRows=[coded]))
    with opened() as connector:
        run_invoices(connector, connector.companies[0])
    return number


def state_of(number: str) -> str:
    return str(told(call("queue", "show", number, "--json"))["state"])


class TestSetAndList:
    def test_a_rule_is_set_listed_and_withdrawn(self, site: Sandbox, connector: Command) -> None:
        options = ["--cost-center", "CC1", "--dimension", "project=P-7", "--dimension", "dim1=NORTH"]
        ended = connector(
            "mapping",
            "set",
            "6100",
            OTHER,
            *options,
            "--valid-from",
            "2027-01-01",
            "--valid-to",
            "2027-12-31",
        )
        assert ended.code == 0, ended.err
        assert (
            "M1: account code 6100, cost centre CC1, dim1 NORTH, project P-7, from 2027-01-01, until 2027-12-31 "
            "is GL code 00-6010 (version 1)."
        ) in ended.out
        (listed,) = told(connector("mapping", "list", "--json"))["rules"]
        assert listed["dimensions"] == [["dim1", "NORTH"], ["project", "P-7"]]
        assert (listed["valid_from"], listed["valid_to"]) == ("2027-01-01", "2027-12-31")
        assert (listed["status"], listed["author"], listed["reason"]) == ("active", "ann", "set by hand")
        shown = connector("mapping", "list").out
        assert "dim1=NORTH, project=P-7" in shown
        assert "2027-01-01 to 2027-12-31" in shown

        gone = connector("mapping", "set", "6100", *options, "--valid-from", "2027-01-01", "--retire")
        assert gone.code == 0, gone.err
        assert "has this rule no more (it was GL code 00-6010) (version 2)." in gone.out
        assert told(connector("mapping", "list", "--json"))["rules"] == []
        events = told(connector("audit", "show", "6100", "--json"))
        assert [event["action"] for event in events] == ["mapping set", "mapping retired"]
        assert told(connector("audit", "verify", "--json"))["ok"] is True

    def test_columns_that_no_rule_fills_are_not_shown(self, site: Sandbox, connector: Command) -> None:
        connector("mapping", "set", "6100", OTHER)
        shown = connector("mapping", "list").out
        assert "dimensions" not in shown
        assert "approved by" not in shown
        assert "status" in shown

    def test_a_rule_releases_what_waited(self, site: Sandbox, connector: Command) -> None:
        number = take_in(site)
        assert state_of(number) == "needs_mapping"
        ended = connector("mapping", "set", "NEW", ACCOUNT)
        assert "1 waiting invoice(s) released. Post them now: connector sync invoices" in ended.out
        assert state_of(number) == "received"

    def test_a_tie_is_listed_with_its_rules(self, site: Sandbox, connector: Command) -> None:
        connector("mapping", "set", "NEW", ACCOUNT, "--cost-center", "CC1")
        connector("mapping", "set", "NEW", OTHER, "--dimension", "dim1=NORTH")
        number = take_in(site, costCenterCode="CC1", dimCode1="NORTH")
        item = told(connector("queue", "show", number, "--json"))
        assert item["code"] == "MAPPING_AMBIGUOUS"
        listed = connector("mapping", "list", "--unmapped").out
        assert "CC1, dim1=NORTH" in listed
        assert "NEW: equally specific rules: account code NEW, cost centre CC1 -> 00-6000; " in listed
        # The remedy is a line that can be typed as it stands.
        command = shlex.split(item["remedy"].split("`")[1].replace("GLCODE", OTHER))
        assert connector(*command[1:]).code == 0
        assert state_of(number) == "received"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["6100"], "Name the GL code to set, or --retire"),
            (["6100", OTHER, "--retire"], "Name the GL code to set, or --retire"),
            (["6100", "--retire"], "no rule for account code 6100 is in force"),
            (["6100", "--retire", "--valid-to", "2027-01-01"], "set it with --valid-to"),
            (["6100", OTHER, "--dimension", "colour=red"], "there is no dimension 'colour'"),
            (["6100", OTHER, "--dimension", "dim1"], "not of the form name=code"),
            (["6100", OTHER, "--valid-from", "1.1.2027"], "2027"),
            (["6100", OTHER, "--company", "M9"], "company 'M9' is not configured"),
            (["6" * 51, OTHER], "has 51 characters"),
        ],
    )
    def test_wrong_use_ends_with_2_and_says_what_to_do(
        self, site: Sandbox, connector: Command, arguments: list[str], words: str
    ) -> None:
        ended = connector("mapping", "set", *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert words in ended.err
        assert told(connector("mapping", "list", "--json"))["rules"] == []


class TestApprove:
    def test_another_person_approves_and_the_invoice_goes_on(
        self, careful: Sandbox, connector: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = take_in(careful)
        proposed = connector("mapping", "set", "NEW", ACCOUNT, "--cost-center", "CC 1", "--json")
        assert told(proposed)["rule"]["status"] == "proposed"
        said = connector("mapping", "set", "NEW", ACCOUNT)
        assert "is proposed to be GL code 00-6000" in said.out
        assert "Another person approves it: connector mapping approve NEW" in said.out
        assert state_of(number) == "needs_mapping"
        listed = connector("mapping", "list", "--proposed").out
        assert "they map nothing until another person approves" in listed
        assert len(told(connector("mapping", "list", "--json"))["proposed"]) == 2

        own = connector("mapping", "approve", "NEW")
        assert (own.code, own.out) == (2, "")
        assert "ann proposed it, so another person must approve it" in own.err

        monkeypatch.setenv("LOGNAME", "bob")
        other = connector("mapping", "approve", "NEW", OTHER)
        assert other.code == 2
        assert "look again" in other.err
        ended = connector("mapping", "approve", "NEW", ACCOUNT, "--reason", "checked")
        assert ended.code == 0, ended.err
        assert "1 waiting invoice(s) released" in ended.out
        assert state_of(number) == "received"
        assert "bob" in connector("mapping", "list").out

    def test_all_are_approved_but_ones_own(
        self, careful: Sandbox, connector: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connector("mapping", "set", "A", ACCOUNT)
        connector("mapping", "set", "B", ACCOUNT)
        left = connector("mapping", "approve", "--all")
        assert left.code == 1
        assert "0 proposal(s) approved." in left.out
        assert "another person must approve them" in left.out
        monkeypatch.setenv("LOGNAME", "bob")
        connector("mapping", "set", "C", ACCOUNT)
        report = connector("mapping", "approve", "--all", "--company", "M1", "--json")
        assert report.code == 1
        assert [rule["account_code"] for rule in told(report)["decided"]] == ["A", "B"]
        assert [rule["account_code"] for rule in told(report)["own"]] == ["C"]
        monkeypatch.setenv("LOGNAME", "ann")
        assert connector("mapping", "approve", "--all").code == 0

    def test_a_proposal_is_refused(self, careful: Sandbox, connector: Command) -> None:
        connector("mapping", "set", "A", ACCOUNT)
        ended = connector("mapping", "approve", "A", "--refuse", "--reason", "typo")
        assert ended.code == 0
        assert "the proposal is ended" in ended.out
        assert told(connector("mapping", "list", "--proposed", "--json"))["proposed"] == []

    def test_a_withdrawal_waits_too(self, careful: Sandbox, connector: Command, monkeypatch: Any) -> None:
        connector("mapping", "set", "A", ACCOUNT)
        monkeypatch.setenv("LOGNAME", "bob")
        connector("mapping", "approve", "A")
        ended = connector("mapping", "set", "A", "--retire")
        assert "keeps GL code 00-6000 until another person approves the withdrawal" in ended.out
        assert "connector mapping approve A" in ended.out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], "Name the account code whose proposal you approve, or say --all"),
            (["A", "--all"], "takes no account code"),
            (["--all", "--refuse"], "takes no account code and no --refuse"),
            (["A"], "nothing is proposed for account code A"),
        ],
    )
    def test_wrong_use_ends_with_2(
        self, careful: Sandbox, connector: Command, arguments: list[str], words: str
    ) -> None:
        ended = connector("mapping", "approve", *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert words in ended.err


class TestSuggest:
    def test_candidates_come_with_the_line_that_accepts_them(self, site: Sandbox, connector: Command) -> None:
        number = take_in(site)
        report = told(connector("mapping", "suggest", "--json"))
        (one,) = [each for each in report if each["account_code"] == "NEW"]
        best = one["suggestions"][0]
        assert 0 < best["score"] <= 100
        assert best["grounds"]
        ended = connector("mapping", "suggest", "NEW")
        assert ended.code == 0
        assert best["accept"] in ended.out
        assert "the names are alike to 100 of 100" in ended.out
        assert told(connector("mapping", "list", "--json"))["rules"] == []
        assert connector(*shlex.split(best["accept"])[1:]).code == 0
        assert state_of(number) == "received"

    def test_nothing_to_suggest_is_said(self, site: Sandbox, connector: Command) -> None:
        assert connector("mapping", "suggest").out == "No invoice waits for a mapping.\n"
        assert "nothing speaks for any GL code" in connector("mapping", "suggest", "ZZZ").out

    def test_an_account_code_is_no_place_for_a_second_command(
        self, site: Sandbox, connector: Command
    ) -> None:
        (one,) = told(connector("mapping", "suggest", "6010; rm -rf ~", "--json"))
        assert "'6010; rm -rf ~'" in one["suggestions"][0]["accept"]


class TestFiles:
    @pytest.mark.parametrize("name", ["rules.csv", "rules.xlsx"])
    def test_an_export_is_imported_as_unchanged(
        self, site: Sandbox, connector: Command, own_place: Path, name: str
    ) -> None:
        connector("mapping", "set", "0100", OTHER, "--dimension", "dim1=1E5", "--reason", "=1+1")
        ended = connector("mapping", "export", name)
        assert (ended.code, ended.out) == (0, f"1 rule(s) written to {name}.\n")
        assert connector("mapping", "export", name).code == 2
        again = connector("mapping", "export", name, "--overwrite", "--company", "1000", "--json")
        assert told(again) == {"file": name, "rules": 1}
        ended = connector("mapping", "import", name)
        assert (ended.code, ended.out) == (
            0,
            "0 added, 0 changed, 0 retired, 1 unchanged, 0 refused. Imported.\n",
        )

    def test_a_dry_run_lists_changes_and_the_invoices_it_would_free(
        self, site: Sandbox, connector: Command, own_place: Path
    ) -> None:
        number = take_in(site)
        connector("mapping", "set", "A", ACCOUNT)
        lines = ["account_code,gl_code,valid_from", f"NEW,{ACCOUNT},", f"A,{OTHER},", f"A,{OTHER},2027-01-01"]
        Path("rules.csv").write_text("\n".join(lines), encoding="utf-8")
        ended = connector("mapping", "import", "rules.csv", "--dry-run")
        assert ended.code == 0, ended.err
        assert "1 waiting invoice(s) that it frees" in ended.out
        assert number in ended.out
        assert "108.25 USD" in ended.out
        assert "from 2027-01-01" in ended.out
        assert "2 added, 1 changed, 0 retired, 0 unchanged, 0 refused. Nothing was changed" in ended.out
        report = told(connector("mapping", "import", "rules.csv", "--dry-run", "--json"))
        assert (report["clean"], report["imported"]) == (True, False)
        assert [(each["line"], each["kind"]) for each in report["changes"]] == [
            (2, "added"),
            (3, "changed"),
            (4, "added"),
        ]
        assert report["frees"][0]["gross"] == "108.25"
        assert state_of(number) == "needs_mapping"
        ended = connector("mapping", "import", "rules.csv", "--reason", "new chart")
        assert "1 waiting invoice(s) released" in ended.out
        assert state_of(number) == "received"
        assert "new chart" in connector("mapping", "list").out

    def test_a_refused_line_keeps_everything_out_and_ends_with_1(
        self, site: Sandbox, connector: Command
    ) -> None:
        lines = [f"A,{ACCOUNT}", *(f"B{number},99-{number}" for number in range(25))]
        Path("rules.csv").write_text("\n".join(["account_code,gl_code", *lines]), encoding="utf-8")
        ended = connector("mapping", "import", "rules.csv")
        assert ended.code == 1
        assert "GL code '99-0' is not in SYSPRO" in ended.out
        assert "… and 5 more. All of them: --json." in ended.out
        assert "25 refused. Nothing is imported while a line is refused." in ended.out
        assert told(connector("mapping", "list", "--json"))["rules"] == []
        report = connector("mapping", "import", "rules.csv", "--json")
        assert (report.code, len(told(report)["refused"])) == (1, 25)

    def test_without_syspro_the_codes_are_not_checked_and_that_is_said(
        self, site: Sandbox, connector: Command
    ) -> None:
        Path("rules.csv").write_text("account_code,gl_code\nA,99-9999\n", encoding="utf-8")
        site.faults.arm("http_503", times=1000, site="syspro.odata")
        ended = connector("mapping", "import", "rules.csv")
        assert ended.code == 0
        assert "GL codes were not compared with SYSPRO" in ended.out

    def test_imported_rules_wait_for_a_second_person(self, careful: Sandbox, connector: Command) -> None:
        take_in(careful)
        Path("rules.csv").write_text(f"account_code,gl_code\nNEW,{ACCOUNT}\n", encoding="utf-8")
        ended = connector("mapping", "import", "rules.csv")
        assert ended.code == 0
        assert "waiting invoice(s) that the approval frees" in ended.out
        assert (
            "They are proposals until another person approves: connector mapping approve --all" in ended.out
        )

    @pytest.mark.parametrize(
        "arguments", [["import", "none.csv"], ["import", "rules.txt"], ["export", "rules.pdf"]]
    )
    def test_a_file_that_cannot_be_used_ends_with_2(
        self, site: Sandbox, connector: Command, arguments: list[str]
    ) -> None:
        ended = connector("mapping", *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert arguments[1] in ended.err
