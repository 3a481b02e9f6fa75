"""Files that only their owner may read: settings, and the environment with a sandbox's passwords."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write the whole file with mode 0600 under a temporary name, then put it in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
