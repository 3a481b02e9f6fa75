"""Files and folders that only their owner may read: state, staged rows, keys, settings, exports.

Belongs here: how they are made, and how wide an existing one is open. What is there already is left as it is: whoever
made it may have had a reason, and `connector ping` tells of it.
"""

import os
import stat
import tempfile
import threading
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
# Between making a file and closing it no other thread may open it, which would lose its locks as well.
_MAKING = threading.Lock()


def make_folder(path: Path) -> None:
    """Make a folder and the missing ones above it, each for its owner alone. Raises OSError."""
    missing = [path]
    while not missing[-1].exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def create(path: Path) -> int:
    """The descriptor of an empty file for writing; a new one is its owner's alone. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)


def make_file(path: Path) -> None:
    """See that a file is there, for a library that opens it by its name; a new one is its owner's alone.

    One that is there is not opened: with any descriptor that is closed, POSIX drops all locks of the process on that
    file, and SQLite's would be among them. Other processes then take its write-ahead log away under our connections.
    """
    with _MAKING:
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, FILE_MODE))


def write_private(path: Path, text: str) -> None:
    """Write the whole file under a temporary name, then put it in place."""
    make_folder(path.parent)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def scratch_folder(name: str) -> Path:
    """A folder for temporary files of this user; one that somebody else prepared under its name is not used."""
    path = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    try:
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        found = path.lstat()
    except FileExistsError:
        return Path(tempfile.mkdtemp(prefix=f"{name}-"))
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not is_open_to_others(path):
        return path
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


def is_open_to_others(path: Path) -> bool:
    """Whether group or others may do anything with it, or with what a link leads to; False for what is not there."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False
