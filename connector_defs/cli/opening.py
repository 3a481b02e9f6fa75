"""What most commands need first: the settings, an open connector, and who is asking."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connector_defs.domain.errors import Fatal

if TYPE_CHECKING:
    from connector_defs.flows.runtime import Connector
    from connector_defs.settings import CompanySettings, Settings


def settings() -> "Settings":
    """The settings of this process; raises SettingsError."""
    from connector_defs.settings import load_settings

    return load_settings()


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
