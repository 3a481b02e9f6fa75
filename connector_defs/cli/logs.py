"""Where log lines go: stderr, one line per event, warnings only unless asked for more."""

import logging
import sys

from connector_defs.cli.terminal import visible

# These write whole URLs, query and all, at INFO.
_TALKATIVE = ("httpx", "httpcore", "uvicorn", "alembic")


class OneLine(logging.Formatter):
    """Line breaks and control characters inside a message are spelled out, so none can fake a second event."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        record.message = visible(record.message)
        return super().formatMessage(record)


def configure_logs(*, verbose: bool) -> None:
    """Send the connector's log to stderr: WARNING and above, with `verbose` INFO and above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def is_verbose() -> bool:
    """Whether `--verbose` was given."""
    return logging.getLogger().isEnabledFor(logging.INFO)
