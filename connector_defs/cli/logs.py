"""Where log lines go: stderr, one line per event, warnings only unless asked for more."""

import logging
import os
import sys
from copy import copy

from connector_defs.cli.endings import DEBUG_VARIABLE
from connector_defs.cli.terminal import visible
from connector_defs.domain import log_redaction

# These tell of every single request at INFO.
_TALKATIVE = ("httpx", "httpcore", "uvicorn", "alembic")


class OneLine(logging.Formatter):
    """One line per event: what could fake a second one is spelled out, and an exception is its last line.

    CONNECTOR_DEBUG=1 brings the tracebacks back.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = copy(record)
        if line.exc_info and not os.environ.get(DEBUG_VARIABLE):
            error = line.exc_info[1]
            line.msg, line.args = f"{record.getMessage()}: {type(error).__name__}: {error}", None
            line.exc_info = line.exc_text = None
        elif line.exc_text and not line.exc_info and not os.environ.get(DEBUG_VARIABLE):
            # A secret was taken out of it: what is left of the exception is the text of its traceback.
            line.msg, line.args = f"{record.getMessage()}: {_ending_of(line.exc_text)}", None
            line.exc_text = None
        return super().format(line)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The message with control characters spelled out."""
        record.message = visible(record.message)
        return super().formatMessage(record)


def _ending_of(trace: str) -> str:
    """What a traceback ends with: the exception's own lines, behind those that are set in."""
    lines = trace.split("\n")
    last_frame = max((number for number, line in enumerate(lines) if line.startswith("  ")), default=-1)
    return "\n".join(lines[last_frame + 1 :])


def configure_logs(*, verbose: bool) -> None:
    """Send the connector's log to stderr: WARNING and above, with `verbose` INFO and above. No secret gets there."""
    log_redaction.install()
    level = logging.INFO if verbose else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    # Dagster gives our loggers a level of their own while it runs a job, which would pass by the root's.
    handler.setLevel(level)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def is_verbose() -> bool:
    """Whether `--verbose` was given."""
    return logging.getLogger().isEnabledFor(logging.INFO)
