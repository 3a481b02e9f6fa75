"""When a command that serves ends: Ctrl-C, SIGTERM, or the end of the process that started it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop(*, stop_with_stdin: bool = False) -> Iterator[threading.Event]:
    """An event set by the first Ctrl-C or SIGTERM, so that what was started can be stopped in order.

    With `stop_with_stdin` it is set, too, when standard input closes: that happens however the process at
    its other end dies. For the main thread.
    """
    stop = threading.Event()
    former = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    if stop_with_stdin:

        def watch() -> None:
            while sys.stdin.read(1024):
                pass
            stop.set()

        threading.Thread(target=watch, daemon=True, name="stdin").start()
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
