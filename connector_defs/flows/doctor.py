"""`connector ping`: each door of both systems tried in order, with what is wrong and what to do about it."""

import shlex
import socket
import ssl
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from connector_defs.domain.errors import ConnectorError
from connector_defs.flows.entities import STAGED
from connector_defs.flows.file_modes import open_to_others
from connector_defs.flows.lanes import credentials
from connector_defs.flows.reports import Probe
from connector_defs.flows.runtime import Clients
from connector_defs.settings import CompanySettings, Settings
from connector_defs.store.schema import check
from connector_defs.syspro.session import EnetCredentials, EnetSession
from connector_defs.syspro.tables import Table

_CONNECT_SECONDS = 5


class _NoMemory:
    """A session memory for a logon that ends at once."""

    def ask(self) -> None:
        """Nothing is held."""

    def remember(self, session_id: str) -> None:
        """Nothing is kept."""

    def forget(self) -> None:
        """Nothing is kept."""

    def orphan(self) -> str | None:
        """Nothing was kept."""
        return None


def ping(settings: Settings) -> Iterator[Probe]:
    """Try everything; a step that fails does not keep the others from being tried. Writes nothing anywhere."""
    yield _store(settings)
    yield _files(settings)
    yield _host("SYSPRO e.net host", settings.syspro.enet_url, "SYSPRO_ENET_URL")
    yield _host("SYSPRO OData host", settings.syspro.odata_url, "SYSPRO_ODATA_URL")
    with Clients(settings) as clients:
        region = _region(clients)
        yield region
        if region.ok:
            yield _host("Basware host", clients.basware_urls[0], "BASWARE_API_URL")
            yield _token(clients)
        for company in settings.companies:
            for logon in credentials(company):
                yield _logon(clients, company, logon)
            yield from _odata(clients, company)
            if region.ok:
                yield _basware_company(clients, company)


def _tried(name: str, company: str, remedy: str, attempt: Callable[[], str]) -> Probe:
    try:
        return Probe(name, company, True, attempt())
    except ConnectorError as error:
        return Probe(name, company, False, str(error), remedy)


def _store(settings: Settings) -> Probe:
    def attempt() -> str:
        status = check(settings.storage.state_url)
        if status.current is not None and not status.ok:
            raise ConnectorError(
                f"schema {status.current}, this version needs {status.head}: {status.remedy}"
            )
        return f"schema {status.current or 'not made yet: the first run makes it'}"

    return _tried("state store", "", "correct CONNECTOR_STATE_URL or run `connector db upgrade`", attempt)


def _files(settings: Settings) -> Probe:
    wide = open_to_others(settings)
    if not wide:
        return Probe("files", "", True, "state, key, staged rows and settings are their owner's alone")
    paths = " ".join(shlex.quote(str(path)) for path in wide)
    return Probe("files", "", False, f"open to other users of this machine: {paths}", f"chmod go= {paths}")


def _host(name: str, url: str, variable: str) -> Probe:
    """Name, port and, for https, certificate."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as plain:
            if parts.scheme == "https":
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured:
                    return Probe(name, "", True, f"{host}:{port} answers with {secured.version()}")
    except ssl.SSLError as error:
        return Probe(
            name, "", False, f"{host}:{port}: {error.reason}", "the certificate must be valid for this host"
        )
    except (OSError, UnicodeError) as error:
        reason = f"{host}:{port} cannot be reached ({error})"
        return Probe(name, "", False, reason, f"check {variable}, name resolution, port and firewall")
    return Probe(name, "", True, f"{host}:{port} answers")


def _region(clients: Clients) -> Probe:
    def attempt() -> str:
        clients.basware_urls  # noqa: B018 - checking them is the point
        return f"API and token URL belong to {clients.settings.basware.region}"

    return _tried(
        "Basware region",
        "",
        "correct BASWARE_REGION, or the URL, or add the host to basware.extra_hosts",
        attempt,
    )


def _token(clients: Clients) -> Probe:
    def attempt() -> str:
        tokens = clients.tokens()
        try:
            tokens.token()
            if tokens.missing:
                raise ConnectorError(f"scopes not granted: {', '.join(sorted(tokens.missing))}")
            return (
                f"granted with {len(tokens.scopes)} scopes" if tokens.granted else "granted, scopes not named"
            )
        finally:
            tokens.close()

    return _tried(
        "Basware token", "", "check client id, secret and the scopes of the client in Basware", attempt
    )


def _logon(clients: Clients, company: CompanySettings, logon: EnetCredentials) -> Probe:
    def attempt() -> str:
        with EnetSession(clients.enet, logon, _NoMemory()) as session:
            profile = {name.lower(): value.strip() for name, value in session.profile().items()}
        told = (profile.get("companyname", ""), f"SYSPRO {profile.get('sysproversion', '')}".strip())
        return f"operator {logon.operator} logged on and off: {', '.join(part for part in told if part)}"

    return _tried(
        "SYSPRO logon",
        company.syspro_company,
        "check operator, passwords and company; the operator must be the connector's own and without MFA",
        attempt,
    )


def _odata(clients: Clients, company: CompanySettings) -> Iterator[Probe]:
    """Each table we need, and whether it has the columns we publish."""
    for staged in STAGED:
        for source in staged.sources[:1]:
            wanted = [name for name in staged.columns if name in source.column_names]

            def attempt(source: Table = source, wanted: list[str] = wanted) -> str:
                served = clients.odata(company).probe(source)
                missing = [name for name in wanted if served and name not in served]
                if missing:
                    raise ConnectorError(f"columns missing: {', '.join(missing)}")
                return f"{len(wanted)} columns" if served else "the table is empty"

            yield _tried(
                f"SYSPRO OData {source.name}",
                company.syspro_company,
                "check OData user and password, the company id, and that the table is exposed to this user",
                attempt,
            )


def _basware_company(clients: Clients, company: CompanySettings) -> Probe:
    """Whether the company holds anything: a wrong region or company looks like an empty one."""

    def attempt() -> str:
        for endpoint in ("accounts", "vendors", "costCenters"):
            for page in clients.basware.list_entities(
                endpoint, company_code=company.basware_company, page_size=1
            ):
                if page:
                    return f"company {company.basware_company} holds {endpoint}"
        return (
            f"company {company.basware_company} is empty: right before the first sync, otherwise a wrong code"
        )

    return _tried(
        "Basware company", company.basware_company, "check BASWARE_COMPANY_CODE and the region", attempt
    )
