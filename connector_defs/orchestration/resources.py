"""The connector as a Dagster resource.

Belongs here: opening it once per run, on first use, and closing it.
Does not belong here: settings. They come from `connector.toml`, the environment and the vault of the process
that runs, never from run config, so no secret can show in a run's page.
"""

from contextlib import AbstractContextManager, ExitStack

import dagster as dg
from pydantic import PrivateAttr

from connector_defs.flows.credentials import settings_in_force
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.orchestration.runs import sign
from connector_defs.settings import CompanySettings, Settings

# A tick has 60 seconds in all, then Dagster cuts it off; a client tries a call up to four times.
_GLANCE_TIMEOUT_SECONDS = 5.0
_GLANCE_PAUSE_SECONDS = 0.5


class ConnectorResource(dg.ConfigurableResource[Connector]):
    """Gives assets, checks and sensors the open connector.

    `connector` raises SettingsError or Fatal where it cannot be opened, with the remedy in the text.
    """

    _closing: ExitStack = PrivateAttr(default_factory=ExitStack)
    _connector: Connector | None = PrivateAttr(default=None)
    _in_a_run: bool = PrivateAttr(default=False)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Sign a run with this process, so that it can be told from a run whose process is dead."""
        self._in_a_run = context.run is not None
        if context.run is not None and context.instance is not None:
            sign(context.instance, context.run.run_id)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster's
        """Close what was opened: store, staging, HTTP connections, SYSPRO sessions."""
        self._connector = None
        self._closing.close()

    @property
    def connector(self) -> Connector:
        """The open connector."""
        if self._connector is None:
            self._connector = self._closing.enter_context(self._open())
        return self._connector

    @property
    def companies(self) -> tuple[CompanySettings, ...]:
        """The configured company pairs."""
        return self.connector.companies

    def _open(self) -> AbstractContextManager[Connector]:
        settings = settings_in_force()
        return open_connector(settings if self._in_a_run else _for_a_glance(settings))


def _for_a_glance(settings: Settings) -> Settings:
    """The same settings with the patience of a sensor."""
    timing = settings.timing
    hurried = timing.model_copy(
        update={
            "http_timeout_seconds": min(timing.http_timeout_seconds, _GLANCE_TIMEOUT_SECONDS),
            "retry_base_seconds": min(timing.retry_base_seconds, _GLANCE_PAUSE_SECONDS),
            "retry_max_seconds": min(timing.retry_max_seconds, _GLANCE_PAUSE_SECONDS),
        }
    )
    return settings.model_copy(update={"timing": hurried})
