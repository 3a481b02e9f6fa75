"""`connector init` writes a first settings file that holds no secret, and sets up the store."""

import stat
from pathlib import Path

import pytest

from connector_defs.settings_reading import load_settings
from connector_tests.cli.conftest import Command
from connector_tests.cli.test_example_settings import SECRETS

GIVEN = [
    "--enet-url=https://syspro.test/Rest",
    "--odata-url=https://syspro.test/odata",
    "--odata-username=odata",
    "--syspro-company=M1",
    "--operator=INTEG",
    "--region=EU",
    "--client-id=client",
    "--basware-company=1000",
]


def test_the_file_it_writes_loads_once_the_secrets_are_set(connector: Command, own_place: Path) -> None:
    ended = connector("init", *GIVEN)

    assert ended.code == 0
    settings = load_settings(own_place / "connector.toml", SECRETS)
    assert settings.basware.client_id == "client"
    assert settings.companies[0].operator == "INTEG"


def test_the_file_is_readable_by_its_owner_alone(connector: Command, own_place: Path) -> None:
    connector("init", *GIVEN)

    assert stat.S_IMODE((own_place / "connector.toml").stat().st_mode) == 0o600


def test_no_secret_of_the_environment_enters_the_file(
    connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, f"hush-{name}")
    ended = connector("init", *GIVEN)

    assert "hush" not in (own_place / "connector.toml").read_text(encoding="utf-8")
    assert "hush" not in ended.out + ended.err


def test_a_password_of_the_database_is_used_and_not_written(
    connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("connector_defs.store.schema.upgrade", lambda url: opened.append(url) or "0001")
    url = "postgresql+psycopg://me:hush-1@db:5433/x?password=hush-2&sslmode=require"
    ended = connector("init", *GIVEN, f"--state-url={url}")

    assert opened == [url]
    text = (own_place / "connector.toml").read_text(encoding="utf-8")
    assert 'state_url = "postgresql+psycopg://me@db:5433/x?sslmode=require"' in text
    assert "hush" not in text + ended.out + ended.err
    assert "CONNECTOR_STATE_URL" in ended.out


def test_it_says_which_variables_to_set_and_what_is_still_open(connector: Command) -> None:
    ended = connector("init", "--region", "EU")

    assert ended.code == 0
    for name in SECRETS:
        assert name in ended.out
    assert "SYSPRO_ENET_URL" in ended.out


def test_values_in_the_environment_are_taken_over(
    connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASWARE_API_URL", "https://test-api.basware.com")
    connector("init", *GIVEN)

    text = (own_place / "connector.toml").read_text(encoding="utf-8")
    assert 'api_url = "https://test-api.basware.com"' in text


def test_a_value_with_quotes_and_backslashes_survives(connector: Command, own_place: Path) -> None:
    connector("init", *GIVEN[:-2], '--client-id=a"b\\c', "--basware-company=1000")

    settings = load_settings(own_place / "connector.toml", SECRETS)
    assert settings.basware.client_id == 'a"b\\c'


def test_an_existing_file_is_not_overwritten_unless_asked(connector: Command, own_place: Path) -> None:
    (own_place / "connector.toml").write_text("# mine\n", encoding="utf-8")
    refused = connector("init", *GIVEN)

    assert refused.code == 2
    assert "--force" in refused.err
    assert (own_place / "connector.toml").read_text(encoding="utf-8") == "# mine\n"
    assert connector("init", "--force", *GIVEN).code == 0
    assert "INTEG" in (own_place / "connector.toml").read_text(encoding="utf-8")


def test_it_writes_where_config_points(connector: Command, own_place: Path) -> None:
    connector("--config", "etc/mine.toml", "init", *GIVEN)

    assert (own_place / "etc" / "mine.toml").exists()


def test_the_state_store_is_set_up(
    connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector("init", *GIVEN)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    assert (own_place / "data" / "state.db").exists()
    checked = connector("db", "check")
    assert checked.code == 0, checked


def test_on_a_terminal_it_asks_for_what_is_missing(
    connector: Command, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(question: str, **_: object) -> str:
        asked.append(question)
        return "INTEG"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", answer)
    connector("init", *[given for given in GIVEN if "operator" not in given])

    assert asked == ["SYSPRO operator of this connector (empty: later)"]
    assert 'operator = "INTEG"' in (own_place / "connector.toml").read_text(encoding="utf-8")
