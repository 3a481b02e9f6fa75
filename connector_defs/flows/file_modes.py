"""Which of the connector's files other users of this machine may open: told by `connector ping`, changed by nobody.

What the connector makes itself is its owner's alone (`private_files`). This is about what was there before.
"""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from connector_defs.domain.errors import Fatal
from connector_defs.private_files import is_open_to_others
from connector_defs.settings import Settings
from connector_defs.store.engine import database_url

_ENDS_OF_SECRETS = ("password", "secret", "master_key")


def open_to_others(settings: Settings) -> list[Path]:
    """Files and folders with state, keys, rows or secrets that group or others may use, in the order of their names."""
    return sorted(path for path in _places(settings) if is_open_to_others(path))


def _places(settings: Settings) -> Iterator[Path]:
    try:
        state = database_url(settings.storage.state_url)
    except Fatal:
        # Told by the step that tries the store.
        state = None
    if state is not None and state.get_backend_name() == "sqlite" and state.database:
        yield from (Path(f"{state.database}{ending}") for ending in ("", "-wal", "-shm"))
    staging = Path(settings.storage.staging_url.removeprefix("file://"))
    yield staging
    yield staging.parent / "master.key"
    file = Path(os.environ.get("CONNECTOR_CONFIG") or "connector.toml")
    if _holds_a_secret(file):
        yield file
    home = os.environ.get("DAGSTER_HOME")
    if home:
        yield Path(home)


def _holds_a_secret(file: Path) -> bool:
    """Whether a settings file has a key for a secret; one that cannot be read was refused before."""
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return any(key.endswith(_ENDS_OF_SECRETS) for key in _keys(tree))


def _keys(tree: object) -> Iterator[str]:
    match tree:
        case dict():
            for key, value in tree.items():
                yield str(key)
                yield from _keys(value)
        case list():
            for value in tree:
                yield from _keys(value)
