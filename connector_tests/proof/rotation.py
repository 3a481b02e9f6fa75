"""Everything that opens a door is changed while the connector works, and the rotation of the master key is killed.

Belongs here: the two scenarios and what must hold in them. The tests do a little of both, `make proof` all.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random

from pydantic import SecretStr

from connector_defs.domain.clock import SystemClock
from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.states import State
from connector_defs.flows.credentials import Keyring, seal_of, secret_now, settings_in_force
from connector_defs.flows.runtime import open_connector
from connector_defs.store import invoices
from connector_defs.store.access_tokens import AccessTokens
from connector_defs.store.seal import Seal, split_keys
from connector_defs.store.sealed import CREDENTIALS, SESSIONS, TOKENS
from connector_defs.store.vault import CANARY, Vault
from connector_tests.proof.crowd import postgres
from connector_tests.proof.judge import Judge
from connector_tests.proof.kinds import PLAIN
from connector_tests.proof.site import ProofSite, dice, open_site, wait_until
from connector_tests.proof.tally import Tally, total
from connector_tests.proof.workers import Worker, WorkerFailed

KILLS_OF_THE_PROOF, ROUNDS_OF_THE_PROOF = 20, 10
_CREDENTIALS = 40
# A kill comes within the time that so many rotations take.
_ROTATIONS = 2.5
_BEFORE, _AFTER = "before all was sealed anew", "before the old key went"
_FINISHED = "between two rotations"
_LANE, _CLIENT = "operator/ROTATED", "c" * 64
_SECRETS = (
    "BASWARE_CLIENT_SECRET",
    "BASWARE_WEBHOOK_SECRET",
    "SYSPRO_OPERATOR_PASSWORD",
    "SYSPRO_ODATA_PASSWORD",
)
_FILE = "[timing]\nlinger_seconds = 3\n[posting]\nbatch_size = 4\n"


def run(seed: int) -> Tally:
    """Both, at length: kills on SQLite and on PostgreSQL."""
    with postgres() as state_url:
        tallies = [
            kill_rotations(seed, KILLS_OF_THE_PROOF),
            kill_rotations(seed, KILLS_OF_THE_PROOF, state_url),
            change_everything(seed, ROUNDS_OF_THE_PROOF, workers=2),
        ]
    return total("rotation", tallies)


def kill_rotations(seed: int, kills: int, state_url: str = "") -> Tally:
    """Processes that rotate the master key one time after the other, each killed at a random moment."""
    tally = Tally("rotation", scenarios=1)
    throw = dice(seed, "rotation", state_url)
    with open_site("K", seed, state_url=state_url) as site:
        sealed = _Sealed(site)
        usual = sealed.rotate()
        stages: Counter[str] = Counter()
        for number in range(1, kills + 1):
            _kill_one_rotation(site, sealed, throw.uniform(0, _ROTATIONS * usual))
            tally.kills["amid a rotation of the master key"] += 1
            stages[sealed.stage()] += 1
            for flaw in sealed.flaws():
                tally.fail(f"rotation of the master key, seed {seed}, kill {number}", flaw)
        sealed.rotate()
        for flaw in sealed.flaws():
            tally.fail(f"rotation of the master key, seed {seed}, after the kills", flaw)
        if sealed.stage() != _FINISHED:
            tally.fail(f"rotation of the master key, seed {seed}", "a finished rotation left the old key")
    tally.notes.append(
        f"Processes that rotated the master key again and again on {'PostgreSQL' if state_url else 'SQLite'} were killed "
        f"{kills} times ({', '.join(f'{number} {stage}' for stage, number in sorted(stages.items()))}): "
        f"{_CREDENTIALS} credentials, a session id and an access token could be read after every kill."
    )
    return tally


def _kill_one_rotation(site: ProofSite, sealed: "_Sealed", later: float) -> None:
    """Kill a process some seconds after it began with its first rotation."""
    before = sealed.key_file.stat().st_ino, sealed.key_file.stat().st_mtime_ns
    worker = Worker(site.order(job="rotation", until=str(site.folder / "never"), pause=0.0))
    begun = wait_until(lambda: (sealed.key_file.stat().st_ino, sealed.key_file.stat().st_mtime_ns) != before)
    time.sleep(later)
    worker.kill()
    if not worker.end() or not begun:
        raise WorkerFailed("the rotation ended before it was killed")


class _Sealed:
    """Everything sealed in the site's store, with what it must open to."""

    def __init__(self, site: ProofSite) -> None:
        self._site = site
        self._storage = site.connector.settings.storage
        self._clock = SystemClock()
        seal = seal_of(self._storage)
        assert seal.file is not None
        self.key_file = seal.file.path
        self._credentials = {f"PROOF_{number:02d}": f"secret {number} é" for number in range(_CREDENTIALS)}
        for name, value in self._credentials.items():
            site.connector.vault.put(name, SecretStr(value), "proof")
        self._prints = {entry.name: entry.fingerprint for entry in site.connector.vault.entries()}
        with site.connector.leases.hold(_LANE) as lease:
            site.connector.leases.remember_session(lease, "session-7")
        AccessTokens(site.connector.store, seal, self._clock, 60).obtain(
            _CLIENT, lambda _: True, lambda: "token-9"
        )

    def rotate(self) -> float:
        """One rotation to its end; how many seconds it took."""
        begun = time.monotonic()
        Keyring(self._site.connector.store, seal_of(self._storage), self._clock, {}).rotate("proof")
        return time.monotonic() - begun

    def stage(self) -> str:
        """How far the last rotation has come."""
        keys = split_keys(self.key_file.read_text(encoding="ascii"))
        if len(keys) == 1:
            return _FINISHED
        newest = Seal(lambda: keys[0])
        with self._site.connector.store.read() as connection:
            canary = CREDENTIALS.values(connection)[CANARY]
        return _BEFORE if newest.open(CREDENTIALS.bound_to(CANARY), canary) is None else _AFTER

    def flaws(self) -> Iterator[str]:
        """What can no longer be read, by a process that begins now and by one that has run all the while."""
        store, seal = self._site.connector.store, seal_of(self._storage)
        for who, vault in (
            ("a new process", Vault(store, seal, self._clock)),
            ("an old process", self._site.connector.vault),
        ):
            try:
                vault.start()
                wrong = [name for name, value in self._credentials.items() if _value(vault, name) != value]
            except ConnectorError as refused:
                yield f"{who} is refused: {refused}"
                continue
            if wrong:
                yield f"{who} reads otherwise: {', '.join(wrong)}"
            if {entry.name: entry.fingerprint for entry in vault.entries()} != self._prints:
                yield f"{who} sees other fingerprints"
        with store.read() as connection:
            session, token = SESSIONS.values(connection)[_LANE], TOKENS.values(connection)[_CLIENT]
        if seal.open(SESSIONS.bound_to(_LANE), session) != "session-7":
            yield "the session id cannot be read"
        if seal.open(TOKENS.bound_to(_CLIENT), token) != "token-9":
            yield "the access token cannot be read"


def _value(vault: Vault, name: str) -> str | None:
    found = vault.get(name)
    return None if found is None else found.get_secret_value()


def change_everything(seed: int, rounds: int, workers: int, batch: int = 6) -> Tally:
    """Master key, webhook secret, OAuth secret and operator password, each changed while invoices are posted."""
    tally = Tally("rotation", scenarios=1, runs=workers)
    scenario = f"secrets changed at work, seed {seed}"
    throw = dice(seed, "secrets")
    with open_site("R", seed) as site:
        environment = _environment(site)
        with _crew(site, environment, workers) as ring:
            smith = _Locksmith(site, ring)
            for _ in range(rounds):
                for change in smith.changes(throw):
                    site.approve([bill for _ in range(batch) for bill in PLAIN.write(site.desk)])
                    time.sleep(throw.uniform(0, 0.2))
                    change()
            if not wait_until(lambda: site.at_rest, 60):
                open_now = {state: number for state, number in site.counts().items() if number}
                tally.fail(scenario, f"not at rest after the last change: {open_now}")
        tally.invoices = site.approved
        for flaw in (*smith.flaws, *_failed_invoices(site, environment)):
            tally.fail(scenario, flaw)
    tally.notes.append(
        f"Master key, webhook secret, OAuth secret and operator password were changed {rounds} times each while "
        f"{workers} processes ran `sync`: {tally.invoices} invoices, each posted at its first attempt."
    )
    return tally


def _environment(site: ProofSite) -> dict[str, str]:
    """The settings of the site without the secrets that the vault holds."""
    environment = site.sandbox.environment()
    file = site.folder / "connector.toml"
    file.write_text(_FILE, encoding="utf-8")
    return {
        **{name: value for name, value in environment.items() if name not in _SECRETS},
        "CONNECTOR_CONFIG": str(file),
        "CONNECTOR_STATE_URL": site.connector.settings.storage.state_url,
        "CONNECTOR_STAGING_URL": site.connector.settings.storage.staging_url,
        "CONNECTOR_RETRY_BASE_SECONDS": "0.05",
        "CONNECTOR_RETRY_MAX_SECONDS": "0.5",
        "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": "0.6",
        "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.05",
    }


@contextmanager
def _crew(site: ProofSite, environment: dict[str, str], workers: int) -> Iterator[Keyring]:
    """Workers that run one time after the other, each with the secrets that the vault holds at its start."""
    seal = seal_of(site.connector.settings.storage)
    ring = Keyring(site.connector.store, seal, SystemClock(), environment)
    for name in _SECRETS:
        ring.put(name, SecretStr(site.sandbox.environment()[name]), "proof")
    enough = site.folder / "enough"
    order = site.order(job="anew", arguments=environment, until=str(enough))
    crew = [Worker(order) for _ in range(workers)]
    try:
        yield ring
        enough.touch()
        for worker in crew:
            worker.end()
    finally:
        for worker in crew:
            # One that ended has no process any more to be killed.
            if not enough.exists():
                worker.kill()


class _Locksmith:
    """Changes one secret at a time, at the other side and in the vault, as people do."""

    def __init__(self, site: ProofSite, ring: Keyring) -> None:
        self._site = site
        self._ring = ring
        self._numbers = itertools.count(1)
        logon = site.sandbox.credentials
        self._client_secret, self._webhook = logon.client_secret, logon.webhook_secret
        self.flaws: list[str] = []

    def changes(self, throw: Random) -> Sequence["partial[None]"]:
        """Each kind of change once, in another order every time."""
        kinds = [self._master_key, self._webhook_secret, self._oauth_secret, self._operator_password]
        throw.shuffle(kinds)
        return [partial(kind) for kind in kinds]

    def _new(self, what: str) -> str:
        return f"{what}-{next(self._numbers)}"

    def _put(self, name: str, value: str) -> None:
        self._ring.put(name, SecretStr(value), "proof")

    def _master_key(self) -> None:
        if self._ring.rotate("proof").credentials < len(_SECRETS):
            self.flaws.append("the rotation of the master key left credentials out")

    def _webhook_secret(self) -> None:
        """Both are in force until the older one is taken out."""
        older, newer = self._webhook, self._new("webhook")
        self._put("BASWARE_WEBHOOK_SECRET_PREVIOUS", older)
        self._put("BASWARE_WEBHOOK_SECRET", newer)
        if self._in_force() != {older, newer}:
            self.flaws.append("not both webhook secrets are in force")
        self._ring.remove("BASWARE_WEBHOOK_SECRET_PREVIOUS", "proof")
        if self._in_force() != {newer}:
            self.flaws.append("the older webhook secret is still in force")
        self._webhook = newer

    def _in_force(self) -> set[str]:
        settings = self._site.connector.settings
        settings = settings.model_copy(
            update={"basware": settings.basware.model_copy(update={"webhook_secret": None})}
        )
        vault = self._site.connector.vault
        names = ("BASWARE_WEBHOOK_SECRET", "BASWARE_WEBHOOK_SECRET_PREVIOUS")
        found = [secret_now(settings, vault, name, {}) for name in names]
        return {one.get_secret_value() for one in found if one is not None}

    def _oauth_secret(self) -> None:
        """Basware takes both for a while; then the older one and every token of it are refused."""
        tokens, newer = self._site.sandbox.basware.tokens, self._new("client")
        tokens.change_secret(new=newer)
        self._put("BASWARE_CLIENT_SECRET", newer)
        time.sleep(0.1)
        tokens.change_secret(retire=self._client_secret)
        tokens.revoke()
        self._client_secret = newer

    def _operator_password(self) -> None:
        """SYSPRO takes the new one alone from one moment to the next; the vault learns of it later."""
        newer, book = self._new("operator"), self._site.sandbox.syspro.session_book
        with self._site.sandbox.syspro.lock:
            refused = book.counts["refused"]
            book.change_password(self._site.sandbox.credentials.operator, newer)
        self._site.approve(PLAIN.write(self._site.desk))
        if not wait_until(lambda: book.counts["refused"] > refused, 20):
            self.flaws.append("nobody met the refused password")
        self._put("SYSPRO_OPERATOR_PASSWORD", newer)


def _failed_invoices(site: ProofSite, environment: dict[str, str]) -> Iterator[str]:
    """Whatever did not get through at its first attempt. The judge looks with the secrets that are in force now."""
    with open_connector(settings_in_force(environ=environment)) as connector:
        verdict = Judge(site.sandbox, connector).at_rest(site.expected)
    yield from (str(breach) for breach in verdict.breaches)
    company = site.connector.companies[0].syspro_company
    with site.connector.store.read() as connection:
        for stored in invoices.in_states(connection, company, set(State), with_payload=False):
            if stored.state is not State.RESPONDED or stored.attempts != 1:
                yield f"{stored.number} is {stored.state} after {stored.attempts} attempts"
