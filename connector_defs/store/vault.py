"""Credentials at rest: sealed, by name, with who changed them when.

Belongs here: one credential's way in and out, and whether the master keys fit the store. Not here: which names there
are and what they are for (`secret_places`), sealing all anew (`resealing`).

The row without a name is the vault's own. It is the canary that tells at every start whether the keys are those of
this store, and holds the key of the fingerprints: random, so that nobody can try values against a fingerprint
without the master key, and kept when the master key is rotated, so that a fingerprint stands for a value for good.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Connection, delete, inspect, select

from connector_defs.domain.clock import Clock
from connector_defs.domain.errors import Fatal
from connector_defs.domain.known_secrets import know
from connector_defs.store import audit
from connector_defs.store.engine import Store, database_url, make_engine
from connector_defs.store.key_file import KeyFileMissing
from connector_defs.store.seal import Seal
from connector_defs.store.sealed import CREDENTIALS, SEALED
from connector_defs.store.tables import vault
from connector_defs.store.upsert import insert_missing, upsert

CANARY = ""
_FINGERPRINT_DIGITS = 12
_LOOKS = 3
_NEVER_STARTED = "the vault was never started"


class KeysDoNotFit(Fatal):
    """The master keys are not those that the store was sealed under."""


@dataclass(frozen=True)
class Entry:
    """A credential without its value."""

    name: str
    changed_at: datetime
    changed_by: str
    fingerprint: str


class Vault:
    """The credentials of one store. `start` comes first."""

    def __init__(self, store: Store, seal: Seal, clock: Clock) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock

    def start(self) -> None:
        """Make sure that the keys open what lies in the store; a store with nothing sealed gets its key here.

        Raises KeysDoNotFit rather than making a key beside values that are sealed under another one.
        """
        try:
            self._seal.check()
        except KeyFileMissing:
            if self._seal.file is None or self._holds_something_sealed():
                raise key_is_gone(self._seal) from None
            self._seal.file.make(Fernet.generate_key().decode())
        if CANARY not in _all_opened(self._sealed, self._seal):
            with self._store.write() as connection:
                plant_canary(connection, self._seal, self._clock.now())
            # Another process may have planted its own, under another key.
            _all_opened(self._sealed, self._seal)

    def check(self) -> None:
        """Whether the keys open what lies in the store; makes and changes nothing. Raises KeysDoNotFit, or Fatal for
        keys that are none. A store that was never started may have no key file yet."""
        try:
            self._seal.check()
        except KeyFileMissing:
            if self._holds_something_sealed():
                raise key_is_gone(self._seal) from None
            return
        _all_opened(self._sealed, self._seal)

    def _sealed(self) -> dict[str, bytes]:
        with self._store.read() as connection:
            return CREDENTIALS.values(connection)

    def _holds_something_sealed(self) -> bool:
        with self._store.read() as connection:
            return any(column.values(connection) for column in SEALED)

    def get(self, name: str) -> SecretStr | None:
        """The value, or None where there is none. Raises KeysDoNotFit where no key opens it."""
        return _all_opened(lambda: _named(self._store, [name]), self._seal).get(name)

    def put(self, name: str, value: SecretStr, actor: str) -> None:
        """Keep a value; audited with its fingerprint. Raises ValueError for an empty one."""
        if not name or not value.get_secret_value():
            raise ValueError("a credential has a name and a value")
        know([value.get_secret_value()])
        with self._store.write() as connection:
            print_key = fingerprint_key(connection, self._seal)
            fingerprint = fingerprint_of(print_key, name, value.get_secret_value())
            upsert(
                connection,
                vault,
                [
                    {
                        "name": name,
                        "sealed": self._seal.close(CREDENTIALS.bound_to(name), value.get_secret_value()),
                        "fingerprint": fingerprint,
                        "changed_at": self._clock.now(),
                        "changed_by": actor[:80],
                    }
                ],
            )
            event = _event(name, "credential set", actor, fingerprint=fingerprint)
            audit.append(connection, [event], self._clock.now())

    def remove(self, name: str, actor: str = "connector") -> bool:
        """Forget a value; audited. False where there was none."""
        with self._store.write() as connection:
            gone = connection.execute(delete(vault).where(vault.c.name == name, vault.c.name != CANARY))
            if not gone.rowcount:
                return False
            audit.append(connection, [_event(name, "credential removed", actor)], self._clock.now())
        return True

    def entries(self) -> list[Entry]:
        """What the vault holds, by name, without any value."""
        query = (
            select(vault.c.name, vault.c.changed_at, vault.c.changed_by, vault.c.fingerprint)
            .where(vault.c.name != CANARY)
            .order_by(vault.c.name)
        )
        with self._store.read() as connection:
            return [Entry(*row) for row in connection.execute(query)]

    def fingerprint(self, name: str, value: SecretStr) -> str:
        """What stands for this value of this credential; equal values of other credentials have others."""
        print_key = self.get(CANARY)
        if print_key is None:
            raise KeysDoNotFit(_NEVER_STARTED)
        return fingerprint_of(print_key.get_secret_value(), name, value.get_secret_value())


def look_up(state_url: str, seal: Seal, names: Collection[str]) -> dict[str, SecretStr]:
    """What the vault at `state_url` holds of `names`; nothing where there is no store yet. Makes nothing and changes
    nothing, so that settings can be read before anything is opened.

    Raises KeysDoNotFit where no key opens a value, LaneBlocked where the store is away.
    """
    if not _is_there(state_url):
        return {}
    store = Store(make_engine(state_url))
    try:
        with store.read() as connection:
            if not inspect(connection).has_table(vault.name):
                return {}
        return _all_opened(lambda: _named(store, names), seal)
    finally:
        store.close()


def plant_canary(connection: Connection, seal: Seal, now: datetime) -> None:
    """Give the store its canary; one that is there stays."""
    sealed = seal.close(CREDENTIALS.bound_to(CANARY), secrets.token_hex(32))
    row = {"name": CANARY, "sealed": sealed, "fingerprint": "", "changed_at": now, "changed_by": "connector"}
    insert_missing(connection, vault, [row])


def fingerprint_key(connection: Connection, seal: Seal) -> str:
    """The key of the fingerprints. Whoever asked for it is alone with the vault until the transaction ends: so no
    value is sealed under a key that a rotation is about to retire."""
    sealed = connection.scalar(select(vault.c.sealed).where(vault.c.name == CANARY).with_for_update())
    if sealed is None:
        raise KeysDoNotFit(_NEVER_STARTED)
    opened = seal.open(CREDENTIALS.bound_to(CANARY), sealed)
    if opened is None:
        raise keys_do_not_fit(seal, [CANARY])
    return opened


def fingerprint_of(key: str, name: str, value: str) -> str:
    """Some digits that stand for the value."""
    content = f"{name}\n{value}".encode()
    return hmac.digest(key.encode(), content, hashlib.sha256).hex()[:_FINGERPRINT_DIGITS]


def unreadable_of(credentials: dict[str, bytes], seal: Seal) -> list[str]:
    """Names of the credentials that no key opens."""
    return [
        name for name, sealed in credentials.items() if seal.open(CREDENTIALS.bound_to(name), sealed) is None
    ]


def _is_there(state_url: str) -> bool:
    """False for a SQLite file that nothing has made yet: looking at it would make it."""
    url = database_url(state_url)
    if url.get_backend_name() != "sqlite":
        return True
    return bool(url.database) and Path(str(url.database)).exists()


def _named(store: Store, names: Collection[str]) -> dict[str, bytes]:
    with store.read() as connection:
        query = select(vault.c.name, vault.c.sealed).where(vault.c.name.in_(names))
        return {row[0]: row[1] for row in connection.execute(query)}


def _all_opened(read: Callable[[], dict[str, bytes]], seal: Seal) -> dict[str, SecretStr]:
    """Every value that `read` finds. Raises KeysDoNotFit where one cannot be opened.

    It is read once more then: between reading and opening a rotation may have ended, with the key it was sealed under.
    """
    lost: list[str] = []
    for _ in range(_LOOKS):
        found = read()
        try:
            opened = {name: seal.open(CREDENTIALS.bound_to(name), sealed) for name, sealed in found.items()}
        except KeyFileMissing:
            raise key_is_gone(seal) from None
        lost = [name for name, value in opened.items() if value is None]
        if not lost:
            know(value for value in opened.values() if value is not None)
            return {name: SecretStr(value) for name, value in opened.items() if value is not None}
    raise keys_do_not_fit(seal, lost)


def _event(name: str, action: str, actor: str, **detail: str) -> audit.Event:
    return audit.Event(
        chain=f"credentials/{name}", company="", key=name, action=action, actor=actor, detail=detail
    )


def key_is_gone(seal: Seal) -> KeysDoNotFit:
    return KeysDoNotFit(
        f"the key file {seal.source} does not exist, but the state store holds values that are sealed under its key. "
        "Bring the file back from the backup, or give the key in CONNECTOR_MASTER_KEY. Where the key is lost for good: "
        "`connector credentials discard`, then set the credentials again"
    )


def keys_do_not_fit(seal: Seal, names: Iterable[str]) -> KeysDoNotFit:
    told = ", ".join(name for name in names if name != CANARY)
    return KeysDoNotFit(
        f"no key of {seal.source} opens what is sealed in the state store{f' ({told})' if told else ''}: it was sealed "
        "under another key, or changed in the database. Give the key of that time beside the present one (in "
        "CONNECTOR_MASTER_KEY or in the key file, separated by a comma, the present one first), then run `connector "
        "credentials rotate`. Where it is lost for good: `connector credentials discard`, then set what it names again"
    )
