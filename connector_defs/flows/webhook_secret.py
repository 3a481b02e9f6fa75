"""The secret that Basware signs its notifications with: where it is from, and how a new one takes its place.

Belongs here: the names under which it is kept, making one, and comparing one. It is shown nowhere.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from connector_defs.flows.credentials import given_tree, secret_now
from connector_defs.flows.runtime import Connector
from connector_defs.secret_places import secret_places

NAME: Final = "BASWARE_WEBHOOK_SECRET"
# While Basware changes over it may sign with either.
PREVIOUS: Final = "BASWARE_WEBHOOK_SECRET_PREVIOUS"
_BYTES: Final = 32


@dataclass(frozen=True)
class Secrets:
    """What is known of the secret. `set_outside`: it stands in the environment or the file, and is not ours to change."""

    current: SecretStr | None
    previous: SecretStr | None
    set_outside: bool

    def verdict(self, shown: SecretStr | None) -> str:
        """How a secret that Basware shows compares with ours: matches, previous, differs, or not told."""
        if shown is None:
            return "not told"
        if _same(shown, self.current):
            return "matches"
        return "previous" if _same(shown, self.previous) else "differs"


def known(connector: Connector) -> Secrets:
    """The secret as it is now."""
    settings, vault, tree = connector.settings, connector.vault, given_tree()
    set_outside = any(place.name == NAME and place.value(tree) is not None for place in secret_places(tree))
    return Secrets(secret_now(settings, vault, NAME), secret_now(settings, vault, PREVIOUS), set_outside)


def renew(connector: Connector, actor: str) -> SecretStr:
    """Keep a new secret, and the one before it as the previous one; what was made is stored before it is used."""
    before = known(connector).current
    if before is not None:
        connector.vault.put(PREVIOUS, before, actor)
    made = SecretStr(base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode("ascii").rstrip("="))
    connector.vault.put(NAME, made, actor)
    return made


def in_vault(connector: Connector) -> tuple[SecretStr | None, SecretStr | None]:
    """What the vault holds of both, for `put_back`."""
    return connector.vault.get(NAME), connector.vault.get(PREVIOUS)


def put_back(connector: Connector, before: tuple[SecretStr | None, SecretStr | None], actor: str) -> None:
    """Undo `renew`: nobody was told the secret that it made."""
    for name, value in zip((NAME, PREVIOUS), before, strict=True):
        if value is not None:
            connector.vault.put(name, value, actor)
        else:
            connector.vault.remove(name, actor)


def _same(one: SecretStr, other: SecretStr | None) -> bool:
    return other is not None and hmac.compare_digest(_digest(one), _digest(other))


def _digest(secret: SecretStr) -> bytes:
    return hashlib.sha256(secret.get_secret_value().encode()).digest()
