"""Secrets planted everywhere, every flow run, everything searched: none may be found (invariant I8).

Both systems are as careless as systems can be: they say in their refusals what they were sent, passwords, tokens and
session ids included. The connector is as loud as it can be made (`loud`). The same with the redaction switched off
must find secrets, or the search proves nothing.

Staged Parquet files hold suppliers' bank accounts by need, and nothing else does.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

import connector_tests
from connector_defs.sandbox.basware.answer import Answer
from connector_defs.sandbox.basware.schema import encode
from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.syspro.sessions import EnetError
from connector_defs.sandbox.world import WorldOptions
from connector_tests.proof.crowd import postgres
from connector_tests.proof.grep import Hit, hits
from connector_tests.proof.loud import UNREDACTED
from connector_tests.proof.tally import Tally

_ROOT = Path(connector_tests.__file__).parent.parent
WORLD = WorldOptions(suppliers=20, accounts=24, cost_centers=4, orders=8, lines=20, invoices=12)
# Its check digits hold.
ACCOUNT = "DE89370400440532013000"
BANK_ACCOUNT = "supplier's bank account"
ALLOWED = {BANK_ACCOUNT: (".parquet",)}
SECOND = "second operator's password"
REFUSED = "a refused password"
# So many of the planted secrets must be found where nothing is masked.
_LEAST_FOUND = 6

# What a person and a scheduler do in a day, and what goes wrong then. Variables in front of the words are changed.
_REPORTS = (
    "status --json",
    "queue list",
    "queue list --json",
    "records list",
    "enrichment list",
    "mapping list",
    "mapping suggest",
    "mapping export exports/rules.csv",
    "mapping export exports/rules.xlsx",
    "tables list",
    "audit verify",
    "credentials list --json",
    "audit export exports/audit.jsonl",
    "audit export exports/audit.csv",
    "reconcile",
)


@dataclass
class Planted:
    """The secrets, by what they are; tokens and sessions as they are issued."""

    fixed: Mapping[str, str]
    tokens: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    def all(self) -> dict[str, list[str]]:
        """Every value of every secret."""
        issued = {"access token": self.tokens, "SYSPRO session": self.sessions}
        return {**{name: [value] for name, value in self.fixed.items()}, **issued}


def new_secrets() -> Planted:
    """Secrets with the signs that URLs, XML, JSON and base64 write otherwise."""
    return Planted(
        {
            "client secret": 'cs/Zu+gang&"7"~planted',
            "operator password": "Opera<tor&Wort>9_planted",
            SECOND: "zweiter%Gang/planted",
            "company password": "Firma+Wort=planted8",
            "OData password": "odata:Lese'Wört?planted",
            "webhook secret": "hook-signing-planted-2026",
            "previous webhook secret": "hook-signing-planted-2025",
            "master key": Fernet.generate_key().decode(),
            "PostgreSQL password": "pg@Wort/planted#1",
            BANK_ACCOUNT: ACCOUNT,
            REFUSED: "falsches&Wört/planted",
        }
    )


@dataclass
class Site:
    """Two careless systems, and the place of a connector."""

    sandbox: Sandbox
    folder: Path
    planted: Planted
    environment: dict[str, str]
    database: str = ""
    commands: int = 0

    def tell(self, words: str, *, module: str = "connector_tests.proof.loud", **changed: str) -> int:
        """Run a command to its end; what it says is written to files, as a service would."""
        self.commands += 1
        ended = subprocess.run(
            [sys.executable, "-m", module, *words.split()],
            env={**self.environment, **changed},
            cwd=self.folder,
            capture_output=True,
            check=False,
            timeout=300,
        )
        told = self.folder / "told" / f"{self.commands:02}.log"
        told.write_bytes(f"{words}: {ended.returncode}\n".encode() + ended.stdout + ended.stderr)
        return ended.returncode

    def found(self) -> list[Hit]:
        """Secrets anywhere in what was written."""
        return hits(self.folder, self.planted.all(), database=self.database, allowed=ALLOWED)


@contextmanager
def careless_sandbox(planted: Planted, folder: Path) -> Iterator[Sandbox]:
    """Both systems, which say in every refusal what they were sent."""
    fixed = planted.fixed
    credentials = SandboxCredentials(
        operator_password=fixed["operator password"],
        company_password=fixed["company password"],
        odata_password=fixed["OData password"],
        client_secret=fixed["client secret"],
        webhook_secret=fixed["webhook secret"],
    )
    options = SysproOptions(other_operators={"INTEG2": fixed[SECOND]})
    faults = FaultPlan(7, {"reset_before": 0.02, "http_503": 0.02, "evict_session": 0.02})
    with Sandbox(
        WORLD, faults=faults, credentials=credentials, syspro_options=options, processing_seconds=0.02
    ) as sandbox:
        suppliers = sandbox.syspro.ledger.tables["ApSupplier"]
        for key in [row["Supplier"] for row in suppliers][:3]:
            suppliers.update((key,), {"BankAccount": ACCOUNT})
        _speak_of_logons(sandbox, planted)
        _speak_of_tokens(sandbox, planted)
        basic = base64.b64encode(f"{credentials.client_id}:{credentials.client_secret}".encode()).decode()
        sandbox.basware.plan_ending(
            "vendors", message=f"financialAccountIdentifiers: id {ACCOUNT} is refused"
        )
        sandbox.basware.plan_ending("accounts", message=f"the client logged on with {basic}")
        yield sandbox


def _speak_of_logons(sandbox: Sandbox, planted: Planted) -> None:
    book = sandbox.syspro.session_book
    logon, check = book.logon, book.check

    def logon_and_say(operator: str, password: str, company: str, company_password: str) -> str:
        try:
            session = logon(operator, password, company, company_password)
        except EnetError as error:
            raise EnetError(
                f"{error}: Logon?Operator={operator}&OperatorPassword={quote(password)} ({password}) for company"
                f" {company} <CompanyPassword>{company_password}</CompanyPassword>"
            ) from None
        planted.sessions.append(session.strip())
        return session

    def check_and_say(user_id: str) -> Any:
        try:
            return check(user_id)
        except EnetError as error:
            raise EnetError(f"{error} (UserId={user_id})") from None

    book.logon, book.check = logon_and_say, check_and_say  # type: ignore[method-assign]


def _speak_of_tokens(sandbox: Sandbox, planted: Planted) -> None:
    desk = sandbox.basware.tokens
    issue = desk.issue

    def issue_and_say(headers: Mapping[str, str], body: bytes) -> Answer:
        answer = issue(headers, body)
        if answer.status == 200:
            planted.tokens.append(json.loads(answer.body)["access_token"])
            return answer
        said = f"you sent {headers.get('authorization', '')} and {body.decode()}"
        return Answer(answer.status, encode({"error": "invalid_client", "error_description": said}))

    desk.issue = issue_and_say  # type: ignore[method-assign]


@contextmanager
def open_site(folder: Path, *, state_url: str = "") -> Iterator[Site]:
    """A site of its own. `state_url` is a PostgreSQL that trusts everybody, so that a password can be planted in it."""
    planted = new_secrets()
    fixed = planted.fixed
    for name in ("told", "exports", "dagster"):
        (folder / name).mkdir()
    shutil.copy(_ROOT / "dagster.yaml", folder / "dagster" / "dagster.yaml")
    _listen_to_all(folder / "dagster" / "dagster.yaml")
    url = make_url(state_url).set(password=fixed["PostgreSQL password"]) if state_url else None
    with careless_sandbox(planted, folder) as sandbox, tempfile.TemporaryDirectory() as elsewhere:
        settings = Path(elsewhere, "connector.toml")
        settings.write_text(
            "[[companies]]\nextra_operators = [{ operator = 'INTEG2', operator_password = "
            f"{json.dumps(fixed[SECOND])} }}]\n"
        )
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("COV_", "CONNECTOR_"))
            },
            **sandbox.environment(),
            "PYTHONPATH": str(_ROOT),
            "DAGSTER_HOME": str(folder / "dagster"),
            "CONNECTOR_CONFIG": str(settings),
            "CONNECTOR_MASTER_KEY": fixed["master key"],
            "CONNECTOR_STATE_URL": url.render_as_string(hide_password=False)
            if url
            else f"sqlite:///{folder / 'state.db'}",
            "CONNECTOR_STAGING_URL": str(folder / "staging"),
            "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.05",
            "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": "0.3",
            "CONNECTOR_RETRY_BASE_SECONDS": "0.05",
            "CONNECTOR_RETRY_MAX_SECONDS": "0.2",
            "BASWARE_WEBHOOK_SECRET_PREVIOUS": fixed["previous webhook secret"],
        }
        yield Site(sandbox, folder, planted, environment, state_url)


def _listen_to_all(instance: Path) -> None:
    """Dagster takes the lines of every logger into its events, down to DEBUG."""
    text = instance.read_text(encoding="utf-8")
    text = text.replace("    - connector_defs\n", "    - root\n").replace(
        "python_log_level: INFO", "python_log_level: DEBUG"
    )
    instance.write_text(text, encoding="utf-8")


def a_day(site: Site, reports: Sequence[str] = _REPORTS) -> None:
    """Everything that the connector does, well and badly."""
    refused = site.planted.fixed[REFUSED]
    site.tell("--verbose ping")
    # Nobody is let in while invoices are to be posted: steps of a run that fail, in our command and in Dagster's.
    site.tell("sync master-data")
    site.tell("sync invoices", SYSPRO_OPERATOR_PASSWORD=refused, CONNECTOR_DEBUG="1")
    tags = json.dumps({"dagster/partition": datetime.now(UTC).date().isoformat()}, separators=(",", ":"))
    site.tell(
        f"job execute -m connector_defs.definitions -j invoices --tags {tags}",
        module="dagster",
        SYSPRO_OPERATOR_PASSWORD=refused,
    )
    said = f"sent with {site.planted.tokens[0]}"
    site.sandbox.basware.plan_ending("matchingOrders", message=said)
    site.tell("--verbose sync all")
    site.sandbox.basware.enrich_vendors(12)
    site.tell("--verbose sync enrichment")
    site.tell("--verbose sync master-data --entity vendors")
    site.tell("ping --json", SYSPRO_OPERATOR_PASSWORD=refused, BASWARE_CLIENT_SECRET=refused)
    site.tell("sync master-data", BASWARE_CLIENT_SECRET=refused, SYSPRO_ODATA_PASSWORD=refused)
    site.tell(
        "sync payments",
        SYSPRO_ODATA_URL=f"http://user:{quote(refused)}@127.0.0.1:9/odata?key={quote(refused)}",
    )
    site.tell(
        "status",
        CONNECTOR_STATE_URL=f"postgresql://me:{quote(refused)}@127.0.0.1:9/none",
        CONNECTOR_DEBUG="1",
    )
    site.tell("status", CONNECTOR_MASTER_KEY=refused)
    for words in reports:
        site.tell(words)
    with_an_invoice = next(iter(site.sandbox.basware.documents))
    site.tell(f"audit show {with_an_invoice} --json")


def holds_its_accounts(folder: Path) -> bool:
    """Whether the planted account came as far as the staged rows: otherwise nothing was put to the test."""
    return any(
        ACCOUNT in row["BankAccount"]
        for file in folder.rglob("suppliers/**/rows.parquet")
        for row in pq.read_table(file, columns=["BankAccount"]).to_pylist()
    )


def search(name: str, *, state_url: str = "", switched_off: bool = False) -> Tally:
    """One day on one site. Clean where nothing is found, or, with the redaction switched off, where much is."""
    tally = Tally("secrets", scenarios=1)
    with (
        tempfile.TemporaryDirectory(prefix="connector-secrets-") as place,
        open_site(Path(place), state_url=state_url) as site,
    ):
        if switched_off:
            site.environment[UNREDACTED] = "1"
        a_day(site)
        tally.runs += site.commands
        found = site.found()
        if not holds_its_accounts(site.folder):
            tally.fail(name, "the planted bank account never came to the connector")
        if not (site.planted.tokens and site.planted.sessions):
            tally.fail(name, "no token or no session was issued")
    names = sorted({hit.secret for hit in found})
    told = f"{name}: {len(found)} finds in all that {site.commands} commands wrote"
    if not switched_off:
        tally.flaws += [f"{name}: {hit}" for hit in found]
        tally.notes.append(f"{told}, of {len(site.planted.all())} planted secrets")
    elif len(names) < _LEAST_FOUND:
        tally.fail(name, f"without redaction only {', '.join(names) or 'nothing'} is found")
    else:
        tally.notes.append(f"{told}, of {len(names)} secrets: {', '.join(names)}")
    return tally


def _on_postgres() -> Tally:
    with postgres() as state_url:
        return search("secrets on PostgreSQL", state_url=state_url)


# What the proof runs: the state in either store, and the search where it must find something.
RUNS: Mapping[str, Callable[[], Tally]] = {
    "secrets on PostgreSQL": _on_postgres,
    "secrets on SQLite": partial(search, "secrets on SQLite"),
    "secrets unredacted": partial(search, "secrets with the redaction switched off", switched_off=True),
}
