"""Ports for servers that must be told theirs before they start."""

import os
import socket
from itertools import count

# Below the range from which the system hands out ports, so that no connection takes one in between.
_RANGE = range(20_000, 30_000)
_next = count(os.getpid() * 37)


def free_port() -> int:
    """A loopback port on which nothing listens."""
    while True:
        port = _RANGE[next(_next) % len(_RANGE)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
