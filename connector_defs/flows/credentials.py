"""Where secrets come from: connector.toml, then the environment, then the vault.

Belongs here: settings completed from the vault, what the vault may hold, and where each value in force comes from. Not
here: how the vault keeps a value (`store.vault`), what settings there are (`settings`).
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from connector_defs.domain.clock import Clock, SystemClock
from connector_defs.domain.errors import Fatal
from connector_defs.secret_places import SecretPlace, nearest, secret_places
from connector_defs.settings import Settings, SettingsError, StorageSettings
from connector_defs.settings_reading import ENVIRONMENT, read_file, read_tree, validated, validated_section
from connector_defs.staging.lake import Staging
from connector_defs.store.engine import Store
from connector_defs.store.resealing import Resealed, discard, rotate
from connector_defs.store.schema import open_store
from connector_defs.store.seal import Seal, make_seal
from connector_defs.store.vault import Vault, look_up

Source = Literal["connector.toml", "environment", "vault", ""]
_LIKE_A_NAME = re.compile(r"[A-Z_]+(?:/[\w.-]+)*")


@dataclass(frozen=True)
class Credential:
    """A secret without its value. `source` is where the value in force comes from; empty where there is none.

    `differs` where the vault holds another value than the one in force: that one is not used.
    """

    name: str
    meaning: str
    source: Source
    in_vault: bool
    fingerprint: str = ""
    changed_at: datetime | None = None
    changed_by: str = ""
    age_days: int | None = None
    differs: bool = False
    known: bool = True


class UnknownCredential(Fatal):
    """No setting takes a secret of this name."""


def settings_in_force(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings with what the vault holds of the secrets that neither file nor environment gives.

    Raises SettingsError for what is missing or wrong then, Fatal where no key opens the vault, LaneBlocked where the
    store is away. Makes no store and no key.
    """
    tree = given_tree(path, environ)
    open_places = {place.name: place for place in secret_places(tree) if place.value(tree) is None}
    storage = _storage_of(tree)
    if storage is not None:
        found = look_up(storage.state_url, seal_of(storage), list(open_places))
        for name, value in found.items():
            open_places[name].fill(tree, value)
    return validated(tree)


def storage_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> StorageSettings:
    """Where the store is, for those who need nothing else of the settings. Raises SettingsError."""
    return validated_section(read_tree(path, environ), "storage", StorageSettings)


def seal_of(storage: StorageSettings) -> Seal:
    """The seal over the store of these settings."""
    beside = Staging(storage.staging_url).root.parent / "master.key"
    return make_seal(storage.master_key, storage.master_key_file or beside)


def secret_now(
    settings: Settings, vault: Vault, name: str, environ: Mapping[str, str] | None = None
) -> SecretStr | None:
    """The value of a secret at this moment, for a process that outlives its change in the vault.

    File and environment go before the vault here as well; what neither has is as it was at the start.
    """
    tree = given_tree(None, environ)
    place = _place(tree, name)
    given = place.value(tree)
    if given is not None:
        return SecretStr(str(given))
    return vault.get(name) or _at_start(settings, place)


class Keyring:
    """The vault as people work with it: names that mean something, and where values come from."""

    def __init__(
        self, store: Store, seal: Seal, clock: Clock, environ: Mapping[str, str] | None = None
    ) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._vault = Vault(store, seal, clock)
        self._environ = os.environ if environ is None else environ

    def put(self, name: str, value: SecretStr, actor: str) -> Credential:
        """Keep a value. Raises UnknownCredential, or Fatal for a value that no system could take."""
        self.check_name(name)
        flaw = _flaw_of(value.get_secret_value())
        if flaw:
            raise Fatal(f"{name} is not set: the value {flaw}.")
        self._vault.start()
        self._vault.put(name, value, actor)
        return next(each for each in self.credentials() if each.name == name)

    def remove(self, name: str, actor: str) -> bool:
        """Forget a value; False where the vault has none of this name."""
        self._vault.start()
        return self._vault.remove(name, actor)

    def credentials(self) -> list[Credential]:
        """Every secret the settings know, then what lies in the vault under a name that no setting has any more."""
        self._vault.start()
        tree, file = given_tree(None, self._environ), _without_empty(read_file(None, self._environ))
        entries = {entry.name: entry for entry in self._vault.entries()}
        found = []
        for place in secret_places(tree):
            entry = entries.pop(place.name, None)
            source = self._source(place, file, tree, in_vault=entry is not None)
            given = place.value(tree)
            if entry is None:
                found.append(Credential(place.name, place.meaning, source, in_vault=False))
                continue
            differs = (
                given is not None
                and self._vault.fingerprint(place.name, SecretStr(str(given))) != entry.fingerprint
            )
            found.append(
                Credential(
                    place.name,
                    place.meaning,
                    source,
                    True,
                    entry.fingerprint,
                    entry.changed_at,
                    entry.changed_by,
                    (self._clock.now() - entry.changed_at).days,
                    differs,
                )
            )
        return found + [
            Credential(
                entry.name,
                "no setting has this name: connector credentials remove it",
                "",
                True,
                entry.fingerprint,
                entry.changed_at,
                entry.changed_by,
                (self._clock.now() - entry.changed_at).days,
                known=False,
            )
            for entry in entries.values()
        ]

    @property
    def has_no_new_key(self) -> bool:
        """Whether a rotation would end under the key that everything is sealed under already."""
        return self._seal.has_one_given_key

    def rotate(self, actor: str) -> Resealed:
        """Seal everything anew; see `store.resealing`."""
        self._vault.start()
        return rotate(self._store, self._seal, actor, self._clock.now())

    def discard(self, actor: str) -> list[str]:
        """Drop what no key opens; see `store.resealing`."""
        return discard(self._store, self._seal, actor, self._clock.now())

    def check_name(self, name: str) -> None:
        """Raises UnknownCredential, with the name that was meant where one is near."""
        _place(read_tree(None, self._environ), name)

    def _source(
        self, place: SecretPlace, file: Mapping[str, Any], tree: Mapping[str, Any], *, in_vault: bool
    ) -> Source:
        if place.value(tree) is None:
            return "vault" if in_vault else ""
        from_variable = place.variable in ENVIRONMENT and self._environ.get(str(place.variable))
        return "environment" if from_variable or place.value(file) is None else "connector.toml"


@contextmanager
def open_keyring(
    path: Path | None = None, environ: Mapping[str, str] | None = None, clock: Clock | None = None
) -> Iterator[Keyring]:
    """The vault of the store that the settings name, however little else they hold yet."""
    storage = storage_settings(path, environ)
    store = open_store(storage.state_url)
    try:
        yield Keyring(store, seal_of(storage), clock or SystemClock(), environ)
    finally:
        store.close()


def given_tree(path: Path | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What file and environment give, before the vault is asked. Raises SettingsError where the file cannot be read."""
    return _without_empty(read_tree(path, environ))


def _without_empty(tree: dict[str, Any]) -> dict[str, Any]:
    """An empty secret is none, in the file as in the environment: it would hide the one in the vault."""
    for place in secret_places(tree):
        if place.value(tree) == "":
            place.clear(tree)
    return tree


def _storage_of(tree: Mapping[str, Any]) -> StorageSettings | None:
    """None where it is wrong: that is told with all else that is wrong."""
    try:
        return validated_section(tree, "storage", StorageSettings)
    except SettingsError:
        return None


def _place(tree: Mapping[str, Any], name: str) -> SecretPlace:
    places = {place.name: place for place in secret_places(tree)}
    if name in places:
        return places[name]
    meant = nearest(name, places)
    hint = f"did you mean {meant}? " if meant else ""
    # What is no name at all may be the secret, given in the wrong place.
    told = repr(name) if _LIKE_A_NAME.fullmatch(name) else "This"
    raise UnknownCredential(f"{told} is not a known credential: {hint}Known are {', '.join(places)}.")


def _at_start(settings: Settings, place: SecretPlace) -> SecretStr | None:
    found: Any = settings
    for step in place.location:
        found = found[step] if isinstance(step, int) else getattr(found, step)
    return found if isinstance(found, SecretStr) and found.get_secret_value() else None


def _flaw_of(value: str) -> str:
    if not value:
        return "is empty"
    if len(value) > 4096:
        return "has more than 4096 characters"
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        return "holds a line break or another control character"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "holds bytes that are no text: give it as UTF-8"
    return ""
