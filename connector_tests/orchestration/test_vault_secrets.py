"""A run gets its secrets from the vault, as they are when it begins."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from connector_defs.flows.credentials import open_keyring
from connector_defs.orchestration.resources import ConnectorResource
from connector_tests.bare_site import PLAIN, REQUIRED


def put(name: str, value: str) -> None:
    with open_keyring() as ring:
        ring.put(name, SecretStr(value), "ann")


def client_secret_of_a_run() -> str:
    resource = ConnectorResource()
    try:
        return resource.connector.settings.basware.client_secret.get_secret_value()
    finally:
        resource._closing.close()


def test_a_secret_changed_in_the_vault_is_the_next_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONNECTOR_CONFIG", raising=False)
    for name in REQUIRED:
        monkeypatch.delenv(name, raising=False)
    for name, value in PLAIN.items():
        monkeypatch.setenv(name, value)
    for name in REQUIRED:
        put(name, "first")
    assert client_secret_of_a_run() == "first"
    put("BASWARE_CLIENT_SECRET", "second")
    assert client_secret_of_a_run() == "second"
