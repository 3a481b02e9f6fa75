"""`connector ping`: each door of both systems tried in order, with what is wrong and what to do about it."""

import shlex
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httpcore

from connector_defs.basware.oauth import ScopesRefused
from connector_defs.basware.scopes import Flow, Judgement, judge, scopes_of
from connector_defs.dialing import Dialer, Reach, certificate_flaw, tls_context
from connector_defs.domain.errors import ConnectorError
from connector_defs.flows import push_watch
from connector_defs.flows.binding import Binding, objections
from connector_defs.flows.entities import STAGED
from connector_defs.flows.file_modes import open_to_others
from connector_defs.flows.lanes import credentials, lane_name
from connector_defs.flows.reports import Probe
from connector_defs.flows.runtime import Clients, Connector
from connector_defs.settings import CompanySettings, Settings
from connector_defs.store.engine import Store, make_engine
from connector_defs.store.leases import Leases, LeaseTaken
from connector_defs.store.schema import check
from connector_defs.syspro.addresses import Trust, reach_of
from connector_defs.syspro.odata import TableMissing
from connector_defs.syspro.session import EnetCredentials, EnetSession
from connector_defs.syspro.tables import AP_INVOICE, GEN_ANALYSIS_CODE, GEN_JOURNAL_DETAIL, Table

_CONNECT_SECONDS = 5
_LEDGERS: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "ap": (AP_INVOICE, ("Journal", "EntryNumber", "InvoiceYear", "InvoiceMonth", "OrigInvValue")),
    "journal": (GEN_JOURNAL_DETAIL, ("Reference", "EntryValue")),
}
_SPARE = "cost centres are taken from a section of the GL code"
_TABLE_REMEDY = "check OData user and password, the company id, and that the table is exposed to this user"


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
    """Try everything; a step that fails does not keep the others from being tried. Leaves nothing behind anywhere."""
    usable = _store(settings)
    yield usable
    yield _files(settings)
    if usable.ok and check(settings.storage.state_url).current is not None:
        with closing(_with_store(settings)) as connector:
            yield _master_key(connector)
            yield from _systems(settings, connector, usable=True)
    else:
        yield from _systems(settings, None, usable=usable.ok)


def _systems(settings: Settings, connector: Connector | None, *, usable: bool) -> Iterator[Probe]:
    """The doors of both systems; `connector` has the store, where one is made."""
    with Clients(settings) as clients:
        for name, url, variable in (
            ("SYSPRO e.net host", settings.syspro.enet_url, "SYSPRO_ENET_URL"),
            ("SYSPRO OData host", settings.syspro.odata_url, "SYSPRO_ODATA_URL"),
        ):
            yield _host(name, url, variable, partial(reach_of, url, clients.trust), clients.trust)
        region = _region(clients)
        yield region
        if region.ok:
            if usable:
                yield _binding(clients, connector)
            yield _host(
                "Basware host", clients.basware_urls[0], "BASWARE_API_URL", lambda: clients.hosts.reach
            )
            yield _token(clients)
        for company in settings.companies:
            for logon in credentials(company):
                yield _logon(clients, company, logon, connector.leases if connector else None)
            yield from _odata(clients, company)
            if region.ok:
                yield _basware_company(clients, company)
    if connector is not None and region.ok:
        yield from _subscription(connector)


def _with_store(settings: Settings) -> Connector:
    connector = Connector(settings, Store(make_engine(settings.storage.state_url)))
    # Nothing is left behind, not even a token for others.
    connector.keeper = None
    return connector


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


def _master_key(connector: Connector) -> Probe:
    """Whether a start would be refused for its keys, whatever the vault holds."""

    def attempt() -> str:
        connector.vault.check()
        return "opens what is sealed in the state store"

    remedy = "bring back the key of this store; where it is lost for good: connector credentials discard"
    return _tried("master key", "", remedy, attempt)


def _binding(clients: Clients, connector: Connector | None) -> Probe:
    """Whether the store belongs to what the settings name; a new one belongs to nobody yet."""

    def attempt() -> str:
        if connector is None:
            return "the store belongs to nobody yet"
        against = objections(connector.store, Binding.of(clients.settings, clients.basware_urls[0]))
        if against:
            raise ConnectorError(f"the store was used with other systems: {'; '.join(against)}")
        return "the store belongs to these settings"

    return _tried(
        "state store's tenant",
        "",
        "correct the settings or CONNECTOR_STATE_URL; for the same tenant under another name: connector db rebind",
        attempt,
    )


def _files(settings: Settings) -> Probe:
    wide = open_to_others(settings)
    if not wide:
        return Probe("files", "", True, "state, key, staged rows and settings are their owner's alone")
    paths = " ".join(shlex.quote(str(path)) for path in wide)
    return Probe(
        "files", "", True, "read", warning=f"open to other users of this machine: run chmod go= {paths}"
    )


def _host(
    name: str, url: str, variable: str, reach: Callable[[], Reach], trust: Trust | None = None
) -> Probe:
    """Address, port and, for https, certificate: what the clients themselves accept, and nothing else.

    `trust` is SYSPRO's, who may have an authority of its own.
    """
    try:
        dialer = Dialer(reach())
        context = tls_context(trust.ca_file if trust else None)
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return Probe(
            name, "", True, _answers(dialer, context if parts.scheme == "https" else None, host, port)
        )
    except ConnectorError as error:
        return Probe(name, "", False, str(error), f"correct {variable}, or the setting that is named")
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        flaw = certificate_flaw(error)
        if flaw is None:
            reason = f"{host}:{port} cannot be reached ({error or type(error).__name__})"
            return Probe(name, "", False, reason, f"check {variable}, name resolution, port and firewall")
        remedy = "the certificate must be valid for this host"
        if flaw.authority and trust:
            remedy += ", or the PEM file of its authority be named in syspro.ca_file"
        return Probe(name, "", False, f"{host}:{port}: {flaw}", remedy)


def _answers(dialer: Dialer, context: ssl.SSLContext | None, host: str, port: int) -> str:
    stream = dialer.connect_tcp(host, port, timeout=_CONNECT_SECONDS)
    try:
        if context is None:
            return f"{host}:{port} answers"
        stream = stream.start_tls(context, host, _CONNECT_SECONDS)
        return f"{host}:{port} answers with {stream.get_extra_info('ssl_object').version()}"
    finally:
        stream.close()


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
    """Whether a token is to be had, and whether its scopes are those that the flows in use need."""
    name = "Basware token"
    remedy = "check client id, secret and the scopes of the client in Basware"
    try:
        granted = _granted(clients)
    except ScopesRefused as error:
        return Probe(name, "", False, f"{error}. {_refused_scopes(clients)}", remedy)
    except ConnectorError as error:
        return Probe(name, "", False, str(error), remedy)
    needed = scopes_of(clients.flows)
    if granted is None:
        return Probe(name, "", True, f"granted for {len(needed)} scopes; Basware does not say which")
    found = judge(clients.flows, granted)
    if found.missing:
        told = "; ".join(f"{flow}: {', '.join(lacking)}" for flow, lacking in found.missing.items())
        detail, remedy = f"scopes not granted, by flow: {told}", f"{remedy}, or schedules.flows"
        return Probe(name, "", False, detail, remedy, warning=_surplus(found))
    return Probe(name, "", True, f"granted with the {len(needed)} scopes needed", warning=_surplus(found))


def _granted(clients: Clients, scopes: Sequence[str] | None = None) -> frozenset[str] | None:
    tokens = clients.tokens(scopes)
    try:
        tokens.token()
        return tokens.granted
    finally:
        tokens.close()


def _surplus(found: Judgement) -> str:
    """What was granted beyond need, the dangerous first."""
    told = []
    if found.deleting:
        told.append(
            f"this client may delete in Basware and never needs to ({', '.join(found.deleting)}): have that taken away"
        )
    others = [scope for scope in found.surplus if scope not in found.deleting]
    if others:
        told.append(f"granted and not needed by the flows in use: {', '.join(others)}")
    return "; ".join(told)


def _refused_scopes(clients: Clients) -> str:
    """Basware refuses the request as a whole: which scope it is for, asked one flow and then one scope at a time."""
    refused = {}
    for flow in clients.flows:
        scopes = scopes_of([flow])
        if _is_refused(clients, scopes):
            refused[flow] = [scope for scope in scopes if _is_refused(clients, [scope])]
    if not refused:
        return "Each flow's scopes alone are granted, all together are not."
    told = "; ".join(f"{flow}: {', '.join(scopes) or 'together'}" for flow, scopes in refused.items())
    return f"Refused, by flow: {told}"


def _is_refused(clients: Clients, scopes: Sequence[str]) -> bool:
    try:
        granted = _granted(clients, scopes)
    except ConnectorError:
        return True
    return granted is not None and not granted.issuperset(scopes)


def _subscription(connector: Connector) -> Iterator[Probe]:
    """Whether Basware still notifies us; no step where nothing was subscribed from here."""
    name = "webhook subscription"
    try:
        push = push_watch.status(connector)
        if push is not None:
            found = push_watch.seen(connector, push.url)
            yield Probe(name, "", found.sound, found.detail or "in place", found.remedy)
    except ConnectorError as error:
        yield Probe(name, "", False, str(error), "try again; invoices are polled all the same")


def _logon(
    clients: Clients, company: CompanySettings, logon: EnetCredentials, leases: Leases | None
) -> Probe:
    """A logon of its own, unless a run uses the operator: a second one would end the run's session."""

    def attempt() -> str:
        try:
            with (
                leases.hold(lane_name(logon.operator)) if leases else nullcontext(),
                EnetSession(clients.enet, logon, _NoMemory()) as session,
            ):
                profile = {name.lower(): value.strip() for name, value in session.profile().items()}
        except LeaseTaken:
            return f"operator {logon.operator} is at work in another process, and not logged on a second time"
        told = (profile.get("companyname", ""), f"SYSPRO {profile.get('sysproversion', '')}".strip())
        return f"operator {logon.operator} logged on and off: {', '.join(part for part in told if part)}"

    return _tried(
        "SYSPRO logon",
        company.syspro_company,
        "check operator, passwords and company; the operator must be the connector's own and without MFA",
        attempt,
    )


@dataclass(frozen=True)
class _Door:
    """A table that is read, the columns used of it, and those without which reading it stops or goes wrong.

    Where a `spare` table is not there, another takes its place.
    """

    source: Table
    used: tuple[str, ...]
    vital: tuple[str, ...]
    spare: bool = False

    @property
    def wanted(self) -> list[str]:
        """Every column that is asked for, each once; what is staged in a form of our own has other names."""
        names = dict.fromkeys((*self.used, *self.source.key))
        return [name for name in names if name in self.source.column_names]


def _doors(flows: Sequence[Flow], company: CompanySettings) -> Iterator[_Door]:
    """What is staged, and the ledger that postings are looked up in: nothing is posted that cannot be found again."""
    for staged in STAGED:
        source = staged.sources[0]
        spare = False
        if source is GEN_ANALYSIS_CODE:
            chosen = company.cost_centers.source
            if chosen in ("gl_section", "csv"):
                continue
            spare = chosen == "auto"
        yield _Door(source, staged.columns, (*staged.required, *source.key), spare)
    if "invoices" not in flows:
        return
    ledger, vital = _LEDGERS[company.posting_mode]
    yield _Door(ledger, (*vital, "Reference"), (*vital, *ledger.key))


def _odata(clients: Clients, company: CompanySettings) -> Iterator[Probe]:
    """Each table we need, and whether it has the columns we use.

    A column whose absence stops no reading is a warning: older releases lack some (SYSPRO wire notes 4).
    """
    for door in _doors(clients.flows, company):
        name = f"SYSPRO OData {door.source.name}"
        try:
            served = {column.casefold() for column in clients.odata(company).probe(door.source)}
        except TableMissing as absent:
            yield (
                Probe(name, company.syspro_company, True, "not there", warning=f"{_SPARE} ({absent})")
                if door.spare
                else Probe(name, company.syspro_company, False, str(absent), _TABLE_REMEDY)
            )
            continue
        except ConnectorError as error:
            yield Probe(name, company.syspro_company, False, str(error), _TABLE_REMEDY)
            continue
        missing = [column for column in door.wanted if served and column.casefold() not in served]
        told = f"columns missing: {', '.join(missing)}"
        if any(column in door.vital for column in missing):
            yield Probe(name, company.syspro_company, False, told, _TABLE_REMEDY)
            continue
        warning = f"{told}. What stands there is not read: let the OData operator see them, if this release has them"
        found = f"{len(door.wanted) - len(missing)} columns" if served else "the table is empty"
        yield Probe(name, company.syspro_company, True, found, warning=warning if missing else "")


def _basware_company(clients: Clients, company: CompanySettings) -> Probe:
    """Whether the company holds anything: a wrong region or company looks like an empty one."""

    readable = [
        endpoint
        for endpoint in ("accounts", "vendors", "costCenters", "matchingOrders")
        if f"{endpoint}.read" in scopes_of(clients.flows)
    ]

    def attempt() -> str:
        for endpoint in readable:
            for page in clients.basware.list_entities(
                endpoint, company_code=company.basware_company, page_size=1
            ):
                if page:
                    return f"company {company.basware_company} holds {endpoint}"
        if not readable:
            return f"company {company.basware_company}: the flows in use read no records to know it by"
        return (
            f"company {company.basware_company} is empty: right before the first sync, otherwise a wrong code"
        )

    return _tried(
        "Basware company", company.basware_company, "check BASWARE_COMPANY_CODE and the region", attempt
    )
