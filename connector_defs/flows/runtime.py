"""The connector put together: settings, store, staging and the clients of both systems.

Belongs here: opening and closing. Business rules are in the other rooms of this package.
"""

import getpass
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from connector_defs.basware.client import BaswareClient
from connector_defs.basware.oauth import TokenKeeper, TokenSource
from connector_defs.basware.region_hosts import RegionHosts
from connector_defs.basware.regions import BaswareHosts, HostRefused, RedirectRefused
from connector_defs.basware.scopes import Flow, scopes_of
from connector_defs.basware.transport import RetryPolicy as BaswareRetries
from connector_defs.dialing import AddressRefused
from connector_defs.domain import log_redaction
from connector_defs.domain.clock import Clock, SystemClock
from connector_defs.domain.translation.context import Site
from connector_defs.flows.binding import Binding, bind
from connector_defs.flows.credentials import seal_of
from connector_defs.private_files import make_folder
from connector_defs.settings import CompanySettings, Settings
from connector_defs.settings_secrets import know_secrets
from connector_defs.staging.lake import Staging
from connector_defs.store import audit
from connector_defs.store.access_tokens import AccessTokens
from connector_defs.store.engine import Store
from connector_defs.store.leases import LEASE_SECONDS, Leases
from connector_defs.store.schema import open_store
from connector_defs.store.vault import Vault
from connector_defs.syspro.addresses import Trust, UrlRefused, reach_of
from connector_defs.syspro.enet import EnetClient
from connector_defs.syspro.odata import ODataClient
from connector_defs.syspro.odata_service import RetryPolicy as SysproRetries

_log = logging.getLogger(__name__)
_ATTEMPTS = 4


class Clients:
    """The clients of both systems, made on first use and closed with this object.

    `also` names flows whose scopes are asked for beside those of the flows in use.
    """

    # Where there is no store, no token is shared with other processes.
    keeper: TokenKeeper | None = None

    def __init__(self, settings: Settings, clock: Clock | None = None, also: Sequence[Flow] = ()) -> None:
        self.settings = settings
        self._also = tuple(also)
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
        chosen = self.settings.basware
        return BaswareHosts(
            chosen.region,
            chosen.extra_hosts,
            chosen.redirect_hosts,
            {region: RegionHosts(told.production, told.test) for region, told in chosen.region_hosts.items()},
        )

    @cached_property
    def basware_urls(self) -> tuple[str, str]:
        """API and token URL. Raises HostRefused where one is not the region's, or the two do not belong together."""
        return self.hosts.check_pair(self.settings.basware.api_url, self.settings.basware.token_url)

    @cached_property
    def trust(self) -> Trust:
        """Whom to believe at SYSPRO's doors."""
        return Trust(self.settings.syspro.ca_file, self.settings.syspro.allow_plain_http)

    @property
    def flows(self) -> tuple[Flow, ...]:
        """The flows in use, which decide what Basware is asked for."""
        chosen: tuple[Flow, ...] = (
            *self.settings.schedules.flows,
            *(("data_extracts",) if self.settings.intake.data_extracts else ()),
            *self._also,
        )
        return tuple(dict.fromkeys(chosen))

    def refused(self, refusal: RedirectRefused | AddressRefused) -> None:
        """Something of Basware was not called."""
        _log.warning("%s", refusal)

    def tokens(self, scopes: Sequence[str] | None = None) -> TokenSource:
        """A source of access tokens for the flows in use, or for `scopes`; the caller closes it."""
        chosen = self.settings.basware
        return TokenSource(
            self.basware_urls[1],
            chosen.client_id,
            chosen.client_secret,
            scopes_of(self.flows) if scopes is None else scopes,
            hosts=self.hosts,
            keeper=self.keeper,
            timeout=self.settings.timing.http_timeout_seconds,
        )

    @cached_property
    def basware(self) -> BaswareClient:
        """The Basware client of the tenant."""
        return self._basware(self.tokens())

    @cached_property
    def push(self) -> BaswareClient:
        """The same for subscriptions and tasks, with a token of its own: where these are not granted, only push lacks."""
        return self._basware(self.tokens(scopes_of(["webhook"])))

    def _basware(self, tokens: TokenSource) -> BaswareClient:
        timing = self.settings.timing
        client = BaswareClient(
            self.basware_urls[0],
            tokens,
            hosts=self.hosts,
            timeout=timing.http_timeout_seconds,
            retry=BaswareRetries(timing.retry_base_seconds, timing.retry_max_seconds, _ATTEMPTS),
            max_parallel=self.settings.basware.max_parallel,
            max_parallel_per_endpoint=self.settings.basware.parallel_per_endpoint,
            sleep=self.clock.wait,
            on_refused=self.refused,
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
                trust=self.trust,
                retry=SysproRetries(_ATTEMPTS, timing.retry_base_seconds, timing.retry_max_seconds),
                sleep=self.clock.wait,
            )
            self._odata[company.syspro_company] = self._open.enter_context(client)
        return self._odata[company.syspro_company]

    def new_enet(self) -> EnetClient:
        """A connection of its own to SYSPRO's e.net service, for one session; the caller closes it."""
        timeout = self.settings.timing.http_timeout_seconds
        return EnetClient(self.settings.syspro.enet_url, timeout=timeout, trust=self.trust)

    @cached_property
    def enet(self) -> EnetClient:
        """SYSPRO's e.net service, for a look at it."""
        return self._open.enter_context(self.new_enet())


class Connector(Clients):
    """Everything a flow needs: clients, store, staging, leases, vault."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock | None = None, also: Sequence[Flow] = ()
    ) -> None:
        super().__init__(settings, clock, also)
        self.store = store
        self.staging = Staging(settings.storage.staging_url)
        seal = seal_of(settings.storage)
        self.vault = Vault(store, seal, self.clock)
        # An answer that cannot be read is asked for once more.
        self.keeper = AccessTokens(store, seal, self.clock, 10 + 2 * settings.timing.http_timeout_seconds)
        self.leases = Leases(
            store,
            self.clock,
            seal,
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

    def refused(self, refusal: RedirectRefused | AddressRefused) -> None:
        """As without a store, and written into the trail, with where it would have led."""
        super().refused(refusal)
        what = "redirect" if isinstance(refusal, RedirectRefused) else "address"
        self.audit_refusal("basware", f"{what} refused", str(refusal))

    def audit_refusal(self, system: str, action: str, reason: str) -> None:
        """Write down that something was refused before anything was sent. `system` is basware or syspro."""
        event = audit.Event(
            chain=f"settings/{system}",
            company="",
            key=system,
            action=action,
            actor=person(),
            detail={"region": self.settings.basware.region, "reason": reason},
        )
        with self.store.write() as connection:
            audit.append(connection, [event], self.clock.now())

    def close(self) -> None:
        """Close clients and store."""
        super().close()
        self.store.close()


@contextmanager
def open_connector(
    settings: Settings, clock: Clock | None = None, also: Sequence[Flow] = ()
) -> Iterator[Connector]:
    """As `open_unbound`, and refuses besides a store that was used with another tenant or pairing (StoreRefused)."""
    with open_unbound(settings, clock, also) as connector:
        bind(connector.store, Binding.of(settings, connector.basware_urls[0]), connector.clock.now())
        yield connector


@contextmanager
def open_unbound(
    settings: Settings, clock: Clock | None = None, also: Sequence[Flow] = ()
) -> Iterator[Connector]:
    """Open the store (a new one is set up) and hand out the connector, whatever the store was used with before.

    Raises HostRefused or UrlRefused, audited, before any call where a host may not be called; KeysDoNotFit where no
    master key opens what is sealed in the store. Closes both at the end.
    """
    log_redaction.install()
    # Opening the store may fail as well, and name its URL.
    know_secrets(settings)
    make_folder(Path(settings.storage.staging_url.removeprefix("file://")))
    connector = Connector(settings, open_store(settings.storage.state_url), clock, also)
    try:
        connector.vault.start()
        _check_hosts(connector)
        yield connector
    finally:
        connector.close()


def _check_hosts(connector: Connector) -> None:
    try:
        connector.basware_urls  # noqa: B018 - checking them is the point
    except HostRefused as refusal:
        connector.audit_refusal("basware", "host refused", str(refusal))
        raise
    try:
        for url in (connector.settings.syspro.enet_url, connector.settings.syspro.odata_url):
            reach_of(url, connector.trust)
    except UrlRefused as refusal:
        connector.audit_refusal("syspro", "host refused", str(refusal))
        raise


def person() -> str:
    """Who works at this machine, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
