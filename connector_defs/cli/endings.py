"""How a command ends: exit codes, and every exception as a text that says what to do.

0: done and clean. 1: business problems, listed with key, reason and remedy, or a fault of the moment.
2: wrong use or wrong settings. No traceback unless CONNECTOR_DEBUG=1 asks for it.
"""

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType

import typer

from connector_defs.cli.terminal import complain
from connector_defs.domain.errors import ConnectorError, Fatal, LaneBlocked, OutcomeUnknown, RetryLater
from connector_defs.domain.redaction import redacted

DEBUG_VARIABLE = "CONNECTOR_DEBUG"
_LONGEST = 500


class Ending(IntEnum):
    """The exit codes of `connector`."""

    CLEAN = 0
    PROBLEMS = 1
    WRONG_USE = 2


def finish(*, clean: bool) -> None:
    """End the command with 0, or with 1 where it has just listed problems."""
    raise typer.Exit(Ending.CLEAN if clean else Ending.PROBLEMS)


def explain(error: Exception) -> Ending:
    """Tell the person on stderr what went wrong and what to do; returns the exit code."""
    if os.environ.get(DEBUG_VARIABLE):
        complain(redacted("".join(traceback.format_exception(error))), style="dim")
    if isinstance(error, ConnectorError):
        complain(redacted(str(error)))
        hint = _hint(error)
        if hint:
            complain(hint, style="")
        return Ending.WRONG_USE if isinstance(error, Fatal) else Ending.PROBLEMS
    # SQLAlchemy's own text quotes the statement and its parameters, which may be an invoice or a secret.
    cause = getattr(error, "orig", None) or error
    text = redacted(str(cause))[:_LONGEST]
    complain(f"Something unexpected happened: {type(error).__name__}: {text}")
    complain(
        f"What is stored stays stored, and the command may be run again. To see where it happened: {DEBUG_VARIABLE}=1",
        style="",
    )
    return Ending.PROBLEMS


@contextmanager
def nothing_in_the_open() -> Iterator[None]:
    """While it lasts, files are made for their owner alone, and what no code catches is told without secrets."""
    mask = os.umask(0o077)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = _tell
    sys.unraisablehook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)
    threading.excepthook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        os.umask(mask)


def _tell(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def _hint(error: ConnectorError) -> str:
    match error:
        case LaneBlocked():
            return "The other system refuses us as a whole: run the command again when it is back."
        case RetryLater():
            return "Nothing took effect: run the command again."
        case OutcomeUnknown():
            return "The call may have taken effect: run the command again, it looks before it repeats."
        case _:
            return ""
