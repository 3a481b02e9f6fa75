"""Encryption of what must not lie in the store in clear: credentials, session ids, access tokens.

Belongs here: sealing under the first master key, opening under any of them. Not here: where what is sealed lies, and
whether the keys fit the store (`vault`).
What is sealed is bound to its name, so that one sealed value put in another one's place in the database opens nothing.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal
from connector_defs.domain.known_secrets import know
from connector_defs.store.key_file import KeyFile

VARIABLE = "CONNECTOR_MASTER_KEY"
_KEY: Final = re.compile(r"[A-Za-z0-9_+/-]{43}=")


class Seal:
    """Seals and opens small secrets under keys that may be replaced meanwhile.

    `keys` gives the present ones, separated by commas; `file` is where they lie, unless they were given.
    """

    def __init__(self, keys: Callable[[], str], file: KeyFile | None = None) -> None:
        self._keys = keys
        self.file = file
        self._made: tuple[str, MultiFernet] | None = None

    @property
    def source(self) -> str:
        """Where the keys come from, as a person knows it."""
        return VARIABLE if self.file is None else str(self.file)

    @property
    def has_one_given_key(self) -> bool:
        """Whether a rotation has no other key to go to: one was given, and none can be made for a variable."""
        return self.file is None and len(split_keys(self._keys())) == 1

    def close(self, name: str, secret: str) -> bytes:
        """Encrypt under the first key, bound to `name`. Raises Fatal where there is no key."""
        return self._fernet().encrypt(json.dumps({"name": name, "value": secret}).encode())

    def open(self, name: str, sealed: bytes) -> str | None:
        """Decrypt; None where no key fits any more, or where it was not sealed as `name`. Raises Fatal without a key."""
        try:
            content = json.loads(self._fernet().decrypt(sealed))
        except (InvalidToken, ValueError):
            return None
        if not isinstance(content, dict) or content.get("name") != name:
            return None
        value = content.get("value")
        return value if isinstance(value, str) else None

    def check(self) -> None:
        """Raises KeyFileMissing or Fatal where there are no keys to be had."""
        self._fernet()

    def _fernet(self) -> MultiFernet:
        text = self._keys()
        made = self._made
        if made is None or made[0] != text:
            made = self._made = (text, _fernet_of(text, self.source))
        return made[1]


def make_seal(master_key: SecretStr | None, key_file: Path) -> Seal:
    """The seal for these settings: the keys given, else those of the key file. Looks at neither yet."""
    if master_key is not None:
        return Seal(master_key.get_secret_value)
    file = KeyFile(key_file)
    return Seal(file.read, file)


def split_keys(text: str) -> list[str]:
    """The single keys, each on a line of its own or behind a comma."""
    return text.replace(",", " ").split()


def _fernet_of(text: str, source: str) -> MultiFernet:
    keys = split_keys(text)
    know(keys)
    # What stands behind a whole key would be passed over without a word, another key among it.
    if keys and all(map(_KEY.fullmatch, keys)):
        return MultiFernet([Fernet(key) for key in keys])
    flaw = "is not a key" if source == VARIABLE else "holds no key"
    raise Fatal(f"{source} {flaw}: it takes 32 url-safe base64 bytes, several separated by commas")
