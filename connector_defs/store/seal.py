"""Encryption of what must not lie in the store in clear: session ids now, credentials as they come.

The key is CONNECTOR_MASTER_KEY (several, comma-separated: the first seals, all open), else a key file next
to the state, made on first use and readable by its owner alone.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal
from connector_defs.domain.known_secrets import know
from connector_defs.private_files import make_folder


class Seal:
    """Seals and opens small secrets."""

    def __init__(self, keys: MultiFernet) -> None:
        self._keys = keys

    def close(self, secret: str) -> bytes:
        """Encrypt."""
        return self._keys.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str | None:
        """Decrypt; None where no key fits any more."""
        try:
            return self._keys.decrypt(sealed).decode()
        except InvalidToken:
            return None


def make_seal(master_key: SecretStr | None, key_file: Path) -> Seal:
    """The seal for these settings. Raises Fatal where the key is not a Fernet key."""
    text = master_key.get_secret_value() if master_key else _key_file(key_file)
    source = "CONNECTOR_MASTER_KEY is not a key" if master_key else f"{key_file} holds no key"
    keys = [part.strip() for part in text.split(",") if part.strip()]
    know(keys)
    try:
        return Seal(MultiFernet([Fernet(key) for key in keys]))
    except ValueError:
        raise Fatal(f"{source}: it takes 32 url-safe base64 bytes, several separated by commas") from None


def _key_file(path: Path) -> str:
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = Fernet.generate_key().decode()
        file.write(key)
    return key
