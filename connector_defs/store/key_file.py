"""The file with the master keys: made once, readable by its owner alone, never replaced while anything needs it.

Belongs here: reading, making and replacing the file. Not here: what is sealed under the keys (`seal`), and when new
keys are made (`resealing`).
"""

import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.private_files import make_folder

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PART = ".part"


class KeyFileMissing(Fatal):
    """There is no key file."""


class KeyFile:
    """Keys in a file, separated by commas; the first one seals. Read anew each time: it may have been replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> str:
        """The keys. Raises KeyFileMissing, or Fatal where others may read the file or we may not."""
        try:
            with self.path.open(encoding="ascii") as file:
                self._refuse_readers(os.fstat(file.fileno()))
                return file.read()
        except FileNotFoundError:
            raise KeyFileMissing(f"the key file {self.path} does not exist") from None
        except UnicodeDecodeError:
            raise Fatal(f"{self.path} holds no key: it is no text") from None
        except OSError as error:
            raise Fatal(
                f"the key file {self.path} cannot be read ({error.strerror}): give it to the user that runs the connector"
            ) from None

    def make(self, key: str) -> None:
        """Make the file, whole and durable at once; one that another process made meanwhile stays as it is."""
        place = self._place()
        with self._told():
            make_folder(place.parent)
            part = _write_part(place, key)
            try:
                # A rotation that begins here sweeps the part away; there is a file then.
                with suppress(FileExistsError, FileNotFoundError):
                    os.link(part, place)
            finally:
                part.unlink(missing_ok=True)
            _make_durable(place.parent)

    def replace(self, keys: str) -> None:
        """Put other keys in place of the present ones: whoever reads finds the one or the other, never a part.

        Only for who is `alone` with the file: what a killed process left of its own attempt goes.
        """
        place = self._place()
        with self._told():
            for left in place.parent.glob(f"{place.name}.*{_PART}"):
                left.unlink(missing_ok=True)
            _write_part(place, keys).replace(place)
            _make_durable(place.parent)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else replaces the file within the block. Raises RetryLater where somebody is at it."""
        with self._told():
            descriptor = os.open(f"{self._place()}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RetryLater(f"another process replaces {self.path} at this moment") from None
            yield
        finally:
            os.close(descriptor)

    def _place(self) -> Path:
        """Where the file lies: what a link leads to, for others may know it by that name."""
        return self.path.resolve()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What keeps the file from being written, in words. Raises Fatal."""
        try:
            yield
        except OSError as error:
            raise Fatal(
                f"the key file {self.path} cannot be written ({error.strerror}): correct the rights of its folder, "
                "or give the keys in CONNECTOR_MASTER_KEY"
            ) from None

    def _refuse_readers(self, about: os.stat_result) -> None:
        if about.st_uid != os.geteuid():
            raise Fatal(
                f"the key file {self.path} belongs to another user: chown it to the user that runs the connector"
            )
        if about.st_mode & _OTHERS:
            raise Fatal(
                f"the key file {self.path} can be read by others (mode {stat.S_IMODE(about.st_mode):04o}): "
                f"chmod 600 {self.path}. Whoever may have read it could open the vault: then run "
                "`connector credentials rotate` and change the credentials themselves"
            )


def _write_part(place: Path, text: str) -> Path:
    part = place.with_name(f"{place.name}.{uuid.uuid4().hex}{_PART}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return part


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
