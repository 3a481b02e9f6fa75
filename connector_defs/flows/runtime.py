"""The connector put together: settings, store, staging and the clients of both systems.

Belongs here: opening and closing. Business rules are in the other rooms of this package.
"""

import getpass
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from connector_defs.basware.client import BaswareClient
from connector_defs.basware.oauth import DEFAULT_SCOPES, EXTRACT_SCOPES, TokenSource
from connector_defs.basware.regions import BaswareHosts, HostRefused, default_api_url, default_token_url
from connector_defs.basware.transport import RetryPolicy as BaswareRetries
from connector_defs.domain import log_redaction
from connector_defs.domain.clock import Clock, SystemClock
from connector_defs.domain.translation.context import Site
from connector_defs.private_files import make_folder
from connector_defs.settings import CompanySettings, Settings
from connector_defs.settings_secrets import know_secrets
from connector_defs.staging.lake import Staging
from connector_defs.store import audit
from connector_defs.store.engine import Store
from connector_defs.store.leases import LEASE_SECONDS, Leases
from connector_defs.store.schema import open_store
from connector_defs.store.seal import make_seal
from connector_defs.syspro.enet import EnetClient
from connector_defs.syspro.odata import ODataClient
from connector_defs.syspro.odata_service import RetryPolicy as SysproRetries

_log = logging.getLogger(__name__)
_ATTEMPTS = 4


class Clients:
    """The clients of both systems, made on first use and closed with this object."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        log_redaction.install()
        know_secrets(settings)
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self._open = ExitStack()
        self._odata: dict[str, ODataClient] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._open.close()

    @cached_property
    def hosts(self) -> BaswareHosts:
        """What the region allows."""
        return BaswareHosts(self.settings.basware.region, self.settings.basware.extra_hosts)

    @cached_property
    def basware_urls(self) -> tuple[str, str]:
        """API and token URL. Raises HostRefused where one is not the region's."""
        chosen = self.settings.basware
        return (
            self.hosts.check(chosen.api_url or default_api_url(chosen.region)),
            self.hosts.check(chosen.token_url or default_token_url(chosen.region)),
        )

    def tokens(self) -> TokenSource:
        """A source of access tokens; the caller closes it."""
        chosen = self.settings.basware
        return TokenSource(
            self.basware_urls[1],
            chosen.client_id,
            chosen.client_secret,
            (*DEFAULT_SCOPES, *(EXTRACT_SCOPES if self.settings.intake.data_extracts else ())),
            hosts=self.hosts,
            timeout=self.settings.timing.http_timeout_seconds,
        )

    @cached_property
    def basware(self) -> BaswareClient:
        """The Basware client of the tenant."""
        timing = self.settings.timing
        client = BaswareClient(
            self.basware_urls[0],
            self.tokens(),
            hosts=self.hosts,
            timeout=timing.http_timeout_seconds,
            retry=BaswareRetries(timing.retry_base_seconds, timing.retry_max_seconds, _ATTEMPTS),
            max_parallel=self.settings.basware.max_parallel,
            max_parallel_per_endpoint=self.settings.basware.parallel_per_endpoint,
            sleep=self.clock.wait,
        )
        return self._open.enter_context(client)

    def odata(self, company: CompanySettings) -> ODataClient:
        """SYSPRO's tables of one company."""
        if company.syspro_company not in self._odata:
            syspro, timing = self.settings.syspro, self.settings.timing
            client = ODataClient(
                syspro.odata_url,
                company.syspro_company,
                syspro.odata_username,
                syspro.odata_password,
                timeout=timing.http_timeout_seconds,
                retry=SysproRetries(_ATTEMPTS, timing.retry_base_seconds, timing.retry_max_seconds),
                sleep=self.clock.wait,
            )
            self._odata[company.syspro_company] = self._open.enter_context(client)
        return self._odata[company.syspro_company]

    def new_enet(self) -> EnetClient:
        """A connection of its own to SYSPRO's e.net service, for one session; the caller closes it."""
        return EnetClient(self.settings.syspro.enet_url, timeout=self.settings.timing.http_timeout_seconds)

    @cached_property
    def enet(self) -> EnetClient:
        """SYSPRO's e.net service, for a look at it."""
        return self._open.enter_context(self.new_enet())


class Connector(Clients):
    """Everything a flow needs: clients, store, staging, leases."""

    def __init__(self, settings: Settings, store: Store, clock: Clock | None = None) -> None:
        super().__init__(settings, clock)
        self.store = store
        self.staging = Staging(settings.storage.staging_url)
        key_file = self.staging.root.parent / "master.key"
        self.leases = Leases(
            store,
            self.clock,
            make_seal(settings.storage.master_key, key_file),
            # A lease must outlive the longest call made under it.
            seconds=max(LEASE_SECONDS, 2 * settings.timing.http_timeout_seconds),
        )

    @property
    def companies(self) -> tuple[CompanySettings, ...]:
        """The configured pairs."""
        return self.settings.companies

    def site(self, company: CompanySettings) -> Site:
        """What translations need to know of one pair."""
        return Site(
            syspro_company=company.syspro_company,
            basware_company=company.basware_company,
            organization=company.organization,
            source_system=self.settings.basware.source_system,
            language=self.settings.basware.language,
            currencies=self.settings.currencies,
            units=self.settings.units,
            countries=self.settings.countries,
            cost_center_section=company.cost_centers.line_section,
        )

    def close(self) -> None:
        """Close clients and store."""
        super().close()
        self.store.close()


@contextmanager
def open_connector(settings: Settings, clock: Clock | None = None) -> Iterator[Connector]:
    """Open the store (a new one is set up) and hand out the connector; closes both at the end.

    Raises HostRefused, audited, before any call where a Basware host is not the region's.
    """
    log_redaction.install()
    # Opening the store may fail as well, and name its URL.
    know_secrets(settings)
    make_folder(Path(settings.storage.staging_url.removeprefix("file://")))
    connector = Connector(settings, open_store(settings.storage.state_url), clock)
    try:
        _check_hosts(connector)
        yield connector
    finally:
        connector.close()


def _check_hosts(connector: Connector) -> None:
    try:
        connector.basware_urls  # noqa: B018 - checking them is the point
    except HostRefused as refusal:
        event = audit.Event(
            chain="settings/basware",
            company="",
            key="basware",
            action="host refused",
            actor=person(),
            detail={"region": connector.settings.basware.region, "reason": str(refusal)},
        )
        with connector.store.write() as connection:
            audit.append(connection, [event], connector.clock.now())
        raise


def person() -> str:
    """Who works at this machine, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
