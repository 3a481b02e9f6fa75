"""What most commands need first: the settings, an open connector, and who is asking."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connector_defs.domain.errors import Fatal

if TYPE_CHECKING:
    from connector_defs.flows.credentials import Keyring
    from connector_defs.flows.runtime import Connector
    from connector_defs.settings import CompanySettings, Settings, StorageSettings


def settings() -> "Settings":
    """The settings of this process, with secrets from the vault; raises SettingsError."""
    from connector_defs.flows.credentials import settings_in_force

    return settings_in_force()


def storage() -> "StorageSettings":
    """Where the store is, whatever else is missing in the settings; raises SettingsError."""
    from connector_defs.flows.credentials import storage_settings

    return storage_settings()


@contextmanager
def keyring() -> Iterator["Keyring"]:
    """The vault, whatever else is missing in the settings."""
    from connector_defs.flows.credentials import open_keyring

    with open_keyring() as opened_keyring:
        yield opened_keyring


@contextmanager
def opened() -> Iterator["Connector"]:
    """The connector with its store and staging; raises Fatal where the store needs `connector db upgrade`."""
    from connector_defs.flows.runtime import open_connector

    with open_connector(settings()) as connector:
        yield connector


def actor() -> str:
    """The name that the audit keeps for what is done by hand."""
    from connector_defs.flows.runtime import person

    return person()


def chosen_company(connector: "Connector", name: str | None) -> "CompanySettings":
    """The named company pair, or the only one; raises Fatal where a name is needed."""
    if name is not None:
        return connector.settings.company(name)
    if len(connector.companies) == 1:
        return connector.companies[0]
    known = ", ".join(company.syspro_company for company in connector.companies)
    raise Fatal(f"Several companies are configured ({known}): say which one with --company.")
