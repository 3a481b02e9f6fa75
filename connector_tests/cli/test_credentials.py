"""`connector credentials`: asked for without showing, never an argument, listed without values."""

import io
import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from connector_defs.cli import credentials
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_defs.secret_places import MEANINGS
from connector_tests.cli.conftest import Command, Ended

NAME = "BASWARE_CLIENT_SECRET"
VALUE = "hunter2-geheim"


class Terminal(io.StringIO):
    """Standard input that a person sits at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, connector: Command) -> Command:
    """The command with a value on standard input."""

    def call(*arguments: str, value: str = VALUE) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(value))
        return connector("credentials", *arguments)

    return call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Every question put to a person, who answers with the value."""
    questions: list[dict[str, object]] = []

    def answer(question: str, **options: object) -> str:
        questions.append({"question": question, **options})
        return VALUE

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("typer.prompt", answer)
    return questions


def listed(connector: Command) -> dict[str, dict[str, object]]:
    ended = connector("credentials", "list", "--json")
    assert ended.code == 0, ended.err
    return {each["name"]: each for each in json.loads(ended.out)["credentials"]}


def test_a_value_from_standard_input_is_kept_and_not_shown(piped: Command, connector: Command) -> None:
    ended = piped("set", NAME, "--stdin", value=f"{VALUE}\n")
    assert ended.code == 0, ended.err
    told = listed(connector)[NAME]
    assert (told["source"], told["in_vault"], told["age_days"]) == ("vault", True, 0)
    assert f"fingerprint {told['fingerprint']}" in ended.out
    shown = connector("credentials", "list").out
    assert "today" in shown
    assert VALUE not in ended.out + ended.err + shown
    assert VALUE.encode() not in b"".join(file.read_bytes() for file in Path("data").iterdir())


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_line_break_at_the_end_is_no_part_of_the_value(
    piped: Command, connector: Command, ending: str
) -> None:
    piped("set", NAME, "--stdin", value=VALUE)
    before = listed(connector)[NAME]["fingerprint"]
    piped("set", NAME, "--stdin", value=f"{VALUE}{ending}")
    assert listed(connector)[NAME]["fingerprint"] == before


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_bytes_that_are_no_text_are_refused_without_showing_them(
    monkeypatch: pytest.MonkeyPatch, connector: Command, errors: str
) -> None:
    """Either kind of standard input: which one it is, the language of the machine decides."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"geheim\xff"), "utf-8", errors=errors))
    ended = connector("credentials", "set", NAME, "--stdin")
    assert (ended.code, "UTF-8" in ended.err) == (2, True)
    assert "geheim" not in ended.out + ended.err
    assert not listed(connector)[NAME]["in_vault"]


@pytest.mark.parametrize("option", [(), ("--stdin",)], ids=["plain", "with --stdin"])
def test_at_a_terminal_it_is_asked_for_twice_without_showing_it(
    asked: list[dict[str, object]], connector: Command, option: tuple[str, ...]
) -> None:
    ended = connector("credentials", "set", NAME, *option)
    assert ended.code == 0, ended.err
    (question,) = asked
    assert question == {
        "question": NAME,
        "hide_input": True,
        "confirmation_prompt": f"{NAME} again",
        "err": True,
    }
    assert listed(connector)[NAME]["in_vault"]


@pytest.mark.parametrize("arguments", [(NAME, VALUE), (NAME, "two", VALUE), (VALUE, NAME)])
def test_it_is_never_an_argument(arguments: tuple[str, ...], piped: Command) -> None:
    ended = piped("set", *arguments)
    assert (ended.code, "never given as an argument" in ended.err) == (2, True)
    assert VALUE not in ended.out + ended.err


def test_without_a_terminal_and_without_stdin_it_says_how(piped: Command) -> None:
    ended = piped("set", NAME)
    assert (ended.code, "--stdin" in ended.err) == (2, True)


@pytest.mark.parametrize("given", [VALUE, f"{NAME}:{VALUE}", f"{NAME}={VALUE}"])
def test_a_value_in_the_place_of_the_name_is_not_told(given: str, piped: Command) -> None:
    for command in ("set", "remove"):
        ended = piped(command, given)
        assert (ended.code, "This is not a known credential" in ended.err) == (2, True)
        assert VALUE not in ended.out + ended.err


def test_an_unknown_name_is_refused_before_anything_is_asked(
    asked: list[dict[str, object]], connector: Command
) -> None:
    ended = connector("credentials", "set", "BASWARE_CLIENT_SECERT")
    assert ended.code == 2
    assert f"did you mean {NAME}" in ended.err
    assert asked == []


def test_it_says_where_another_value_is_in_force(
    piped: Command, connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, "another")
    told = f"{NAME}: the value in the environment is in force; it differs from the vault's"
    assert told in piped("set", NAME, "--stdin").out
    assert told in connector("credentials", "list").out
    monkeypatch.setenv(NAME, VALUE)
    assert "is the same as the vault's" in connector("credentials", "list").out


class TestRemoving:
    """Only what is there, and only after a yes."""

    def test_it_is_gone_after_a_yes(self, piped: Command, connector: Command) -> None:
        piped("set", NAME, "--stdin")
        assert piped("remove", NAME, "--yes").code == 0
        assert not listed(connector)[NAME]["in_vault"]

    @pytest.mark.parametrize(("answer", "left"), [("y\n", False), ("n\n", True)])
    def test_it_is_asked_for(
        self, piped: Command, connector: Command, monkeypatch: pytest.MonkeyPatch, answer: str, left: bool
    ) -> None:
        piped("set", NAME, "--stdin")
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        ended = connector("credentials", "remove", NAME)
        assert (ended.code != 0, listed(connector)[NAME]["in_vault"]) == (left, left)

    def test_without_a_terminal_it_takes_a_word(self, piped: Command, connector: Command) -> None:
        piped("set", NAME, "--stdin")
        assert (piped("remove", NAME).code, "--yes" in piped("remove", NAME).err) == (2, True)
        assert listed(connector)[NAME]["in_vault"]

    def test_what_is_not_there_is_told(self, piped: Command) -> None:
        ended = piped("remove", NAME, "--yes")
        assert (ended.code, f"holds no {NAME}" in ended.err) == (2, True)
        assert "did you mean" in piped("remove", "BASWARE_CLIENT_SECERT", "--yes").err


class TestSealingAnew:
    """Rotation of the master key, and what is done after one was lost."""

    def test_it_says_how_many(self, piped: Command, connector: Command) -> None:
        piped("set", NAME, "--stdin")
        key = Path("data/master.key").read_text(encoding="ascii")
        assert "Sealed anew: 1 credential(s), 0 session id(s), 0 access token(s)." in piped("rotate").out
        assert Path("data/master.key").read_text(encoding="ascii") != key
        assert json.loads(piped("rotate", "--json").out) == {"credentials": 1, "sessions": 0, "tokens": 0}
        assert listed(connector)[NAME]["in_vault"]

    def test_it_says_where_there_was_no_other_key_to_go_to(
        self, piped: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        told = []
        for keys in (old, f"{new},{old}", new):
            monkeypatch.setenv("CONNECTOR_MASTER_KEY", keys)
            ended = piped("rotate")
            assert ended.code == 0, ended.err
            told.append("the same key as before" in ended.out)
        assert told == [True, False, True]

    def test_a_lost_key_is_told_and_what_it_opened_can_be_discarded(
        self, piped: Command, connector: Command
    ) -> None:
        piped("set", NAME, "--stdin")
        Path("data/master.key").unlink()
        refused = piped("list")
        assert refused.code == 2
        assert "connector credentials discard" in refused.err
        assert piped("discard").code == 2
        gone = piped("discard", "--yes")
        assert f"{NAME} is gone: connector credentials set {NAME}" in gone.out
        assert not listed(connector)[NAME]["in_vault"]
        assert "nothing is gone" in piped("discard", "--yes").out
        assert json.loads(piped("discard", "--yes", "--json").out) == {"discarded": []}

    def test_a_key_file_that_others_may_read_is_refused(self, piped: Command) -> None:
        piped("set", NAME, "--stdin")
        Path("data/master.key").chmod(0o644)
        ended = piped("list")
        assert (ended.code, "chmod 600" in ended.err) == (2, True)


def test_an_old_credential_says_its_age() -> None:
    from datetime import UTC, datetime

    assert credentials._age(datetime(2026, 1, 2, tzinfo=UTC), 30) == "2026-01-02 (30 days ago)"


def test_a_name_without_a_setting_is_shown_as_such(
    piped: Command, connector: Command, own_place: Path
) -> None:
    file = own_place / "connector.toml"
    file.write_text("[[companies]]\nsyspro_company='M1'\n[[companies]]\nsyspro_company='M2'\n")
    piped("set", "SYSPRO_OPERATOR_PASSWORD/M2", "--stdin")
    file.unlink()
    assert "unknown name" in connector("credentials", "list").out
    assert piped("remove", "SYSPRO_OPERATOR_PASSWORD/M2", "--yes").code == 0


def test_with_its_secrets_in_the_vault_alone_every_door_opens(
    piped: Command, connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ping` logs on everywhere; before, it names what is missing and both remedies."""
    world = WorldOptions(suppliers=2, accounts=4, cost_centers=2, orders=1, lines=1, invoices=0)
    with Sandbox(world) as sandbox:
        for name, value in sandbox.environment().items():
            if name not in MEANINGS:
                monkeypatch.setenv(name, value)
        refused = connector("ping")
        assert refused.code == 2
        for name in ("BASWARE_CLIENT_SECRET", "SYSPRO_OPERATOR_PASSWORD", "SYSPRO_ODATA_PASSWORD"):
            assert f"set {name} or" in refused.err
            assert f"connector credentials set {name}" in refused.err
            assert piped("set", name, "--stdin", value=sandbox.environment()[name]).code == 0
        opened = connector("ping", "--json")
        assert opened.code == 0, opened.out
