"""`connector`, as loud as it can be made: every logger at DEBUG, whatever it tells of requests and connections.

For the proof that no secret leaves even so. `CONNECTOR_PROOF_UNREDACTED=1` switches the redaction off in this process,
so that the proof can be seen to fail.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connector_defs.cli import app, logs
from connector_defs.domain import known_secrets, redaction

UNREDACTED = "CONNECTOR_PROOF_UNREDACTED"


def _as_it_is(text: str) -> str:
    return text


@contextmanager
def unredacted() -> Iterator[None]:
    """The redaction switched off in every module that is loaded, and only while the block lasts."""
    originals = (redaction.redacted, known_secrets.covered)
    found: list[tuple[Any, str, Any]] = [
        (module, name, value)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("connector_defs")
        for name, value in vars(module).items()
        if any(value is original for original in originals)
    ]
    if len({name for _, name, _ in found}) < len(originals):
        raise LookupError(
            "the redaction is gone from where the proof knows it; point it to what protects in its place"
        )
    for module, name, _ in found:
        setattr(module, name, _as_it_is)
    try:
        yield
    finally:
        for module, name, value in found:
            setattr(module, name, value)


@contextmanager
def every_logger() -> Iterator[None]:
    """No library is kept quiet, and nothing is too small to be told."""
    talkative, configure = logs._TALKATIVE, app.configure_logs

    def loudly(*, verbose: bool) -> None:
        configure(verbose=verbose)
        root = logging.getLogger()
        root.setLevel(logging.DEBUG)
        for handler in root.handlers:
            handler.setLevel(logging.DEBUG)

    logs._TALKATIVE, app.configure_logs = (), loudly
    try:
        yield
    finally:
        logs._TALKATIVE, app.configure_logs = talkative, configure


def main(words: list[str]) -> int:
    """`connector` with these words."""
    # Whatever a command loads late is loaded now, for a module that comes later would bring its redaction along.
    import connector_defs.definitions
    import connector_defs.flows.doctor
    import connector_defs.orchestration.running  # noqa: F401

    with every_logger():
        if not os.environ.get(UNREDACTED):
            return app.main(words)
        with unredacted():
            return app.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
