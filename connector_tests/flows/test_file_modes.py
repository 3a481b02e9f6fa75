"""Files that other users of the machine may open are told by `connector ping`, and those we make are not among them."""

from pathlib import Path

import pytest

from connector_defs.flows.doctor import ping
from connector_defs.flows.file_modes import open_to_others
from connector_tests.flows.pair import Pair


def test_what_the_connector_made_is_its_owner_s_alone(pair: Pair, folder: Path) -> None:
    pair.stage("suppliers")
    assert open_to_others(pair.connector.settings) == []
    made = [path for path in folder.rglob("*") if path.stat().st_mode & 0o077]
    assert made == []
    assert {path.name for path in folder.iterdir()} >= {"state.db", "state.db-wal", "staging", "master.key"}


def test_what_is_open_to_others_is_told_with_what_to_do(
    pair: Pair, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = folder / "mine and yours.toml"
    settings.write_text("[basware]\nclient_secret = 'x'\n", encoding="utf-8")
    home = folder / "dagster"
    home.mkdir()
    monkeypatch.setenv("CONNECTOR_CONFIG", str(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    for path, mode in (
        ("state.db", 0o640),
        ("staging", 0o755),
        ("mine and yours.toml", 0o644),
        ("dagster", 0o755),
    ):
        (folder / path).chmod(mode)
    wide = open_to_others(pair.connector.settings)
    assert [path.name for path in wide] == ["dagster", "mine and yours.toml", "staging", "state.db"]
    (probe,) = [probe for probe in ping(pair.connector.settings) if probe.name == "files"]
    assert probe.ok
    assert "run chmod go= " in probe.warning
    assert f"{folder}/state.db" in probe.warning
    assert f"'{settings}'" in probe.warning


@pytest.mark.parametrize(
    "text", ["[basware]\nregion = 'EU'\n", "[[companies]]\noperator = 'X'\n", "no = [toml", None]
)
def test_settings_without_a_secret_may_be_read_by_anybody(
    pair: Pair, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    settings = folder / "mine.toml"
    if text is not None:
        settings.write_text(text, encoding="utf-8")
        settings.chmod(0o644)
    monkeypatch.setenv("CONNECTOR_CONFIG", str(settings))
    assert open_to_others(pair.connector.settings) == []


@pytest.mark.parametrize("url", ["postgresql://me@db/x", "postgresql://me@db:port/x", "nonsense"])
def test_a_store_that_is_no_file_has_no_mode(pair: Pair, url: str) -> None:
    chosen = pair.connector.settings
    storage = chosen.storage.model_copy(update={"state_url": url})
    assert open_to_others(chosen.model_copy(update={"storage": storage})) == []


def test_a_secret_in_a_list_of_the_settings_file_counts(
    pair: Pair, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = folder / "mine.toml"
    settings.write_text("[[companies]]\nextra_operators = [{ operator_password = 'x' }]\n", encoding="utf-8")
    settings.chmod(0o644)
    monkeypatch.setenv("CONNECTOR_CONFIG", str(settings))
    assert open_to_others(pair.connector.settings) == [settings]
