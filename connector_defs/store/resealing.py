"""Sealing all anew: under a new master key, or without what no key opens any more.

Both are one transaction. A rotation of the key file has three steps, and whoever dies between any two of them leaves
a file whose keys open everything: the new key is put in front of the old one, all is sealed anew, the old key goes.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import Fernet
from sqlalchemy import delete, update

from connector_defs.store import audit
from connector_defs.store.engine import Store
from connector_defs.store.key_file import KeyFileMissing
from connector_defs.store.seal import Seal, split_keys
from connector_defs.store.sealed import CREDENTIALS, SESSIONS, TOKENS
from connector_defs.store.tables import vault
from connector_defs.store.vault import (
    CANARY,
    fingerprint_key,
    fingerprint_of,
    keys_do_not_fit,
    plant_canary,
    unreadable_of,
)


@dataclass(frozen=True)
class Resealed:
    """How many values are sealed under the first key now."""

    credentials: int
    sessions: int
    tokens: int


def rotate(store: Store, seal: Seal, actor: str, now: datetime) -> Resealed:
    """Seal everything under the first key of CONNECTOR_MASTER_KEY, or under a new key of the key file.

    Raises KeysDoNotFit, without changing anything, where a credential cannot be opened.
    """
    if seal.file is None:
        return _reseal(store, seal, actor, now)
    with seal.file.alone():
        present = split_keys(seal.file.read())
        new = Fernet.generate_key().decode()
        seal.file.replace(",".join((new, *present)))
        resealed = _reseal(store, seal, actor, now)
        seal.file.replace(new)
    return resealed


def _reseal(store: Store, seal: Seal, actor: str, now: datetime) -> Resealed:
    with store.write() as connection:
        # Alone with the vault from here on; the canary opens, or nothing is changed.
        fingerprint_key(connection, seal)
        credentials = CREDENTIALS.values(connection, to_change=True)
        unreadable = unreadable_of(credentials, seal)
        if unreadable:
            raise keys_do_not_fit(seal, unreadable)
        counts = {}
        for column in (CREDENTIALS, SESSIONS, TOKENS):
            counts[column.kind] = 0
            for key, sealed in column.values(connection, to_change=True).items():
                value = seal.open(column.bound_to(key), sealed)
                if value is None:
                    # A session or a token of a key that is gone: both are made anew where they are needed.
                    continue
                column.put(connection, key, seal.close(column.bound_to(key), value))
                counts[column.kind] += key != CANARY
        resealed = Resealed(*(counts[column.kind] for column in (CREDENTIALS, SESSIONS, TOKENS)))
        event = audit.Event(
            chain="credentials/",
            company="",
            key="master key",
            action="sealed anew",
            actor=actor,
            detail=vars(resealed),
        )
        audit.append(connection, [event], now)
    return resealed


def discard(store: Store, seal: Seal, actor: str, now: datetime) -> list[str]:
    """Drop every credential that no key opens; returns their names. The rest stays. Audited.

    Where the key file is gone, a new key is made.
    """
    try:
        seal.check()
    except KeyFileMissing:
        if seal.file is None:
            raise
        seal.file.make(Fernet.generate_key().decode())
    with store.write() as connection:
        credentials = CREDENTIALS.values(connection, to_change=True)
        lost = unreadable_of(credentials, seal)
        connection.execute(delete(vault).where(vault.c.name.in_(lost)))
        plant_canary(connection, seal, now)
        print_key = fingerprint_key(connection, seal)
        for name, sealed in credentials.items():
            value = seal.open(CREDENTIALS.bound_to(name), sealed)
            if name != CANARY and value is not None:
                told = fingerprint_of(print_key, name, value)
                connection.execute(update(vault).where(vault.c.name == name).values(fingerprint=told))
        named = [name for name in lost if name != CANARY]
        events = [
            audit.Event(f"credentials/{name}", "", name, "credential discarded: no key opens it", actor)
            for name in named
        ]
        audit.append(connection, events, now)
    return named
