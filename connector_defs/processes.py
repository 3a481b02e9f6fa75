"""Which process something belongs to, and whether that process still lives.

Belongs here: the mark of a process, and the verdict on one. Not here: what a dead one left behind, and who may take it.
"""

import os
import socket
from pathlib import Path


def mark_of(pid: int) -> str:
    """The process in words that outlive it: host, number, and when it started."""
    return f"{_host()}:{pid}:{_start_of(pid) or ''}"


def is_dead(mark: str) -> bool:
    """True where `mark` is of a process of this host that no longer runs; of other hosts nothing is known."""
    host, pid, start = mark.rsplit(":", 2)
    if host != _host():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(start) and _start_of(int(pid)) != start


def numbering() -> str:
    """Where the numbers of processes mean the same as here: two containers may share a host's name, and count apart.

    Empty where the system does not say.
    """
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _host() -> str:
    return socket.gethostname()[:40]


def _start_of(pid: int) -> str | None:
    """When the process started, in kernel ticks: tells a process from a later one with its number.

    None where the system has no /proc, and for a process that is dead but not yet buried.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else fields[19]
