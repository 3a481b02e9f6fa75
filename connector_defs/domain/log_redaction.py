"""No log record holds a secret: each is cleaned as it is made, whichever logger makes it and whoever reads it.

Belongs here: the record factory and its installation. What counts as a secret is in `redaction`.
A filter would sit on one logger, or on one handler, and miss those that are made later: of httpx, uvicorn, Dagster,
SQLAlchemy. The factory makes the records of all of them.
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from connector_defs.domain.redaction import redacted


class CleanRecords:
    """Makes records as the factory before it did, and takes the secrets out of them."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        """A record without secrets in its message, its arguments and its exception."""
        record = self._make(*arguments, **named)
        _clean_message(record)
        _clean_exception(record)
        return record


def install() -> None:
    """Clean every record of this process from now on; a second call changes nothing."""
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, CleanRecords):
        logging.setLogRecordFactory(CleanRecords(factory))


def _clean_message(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - whatever a caller's objects raise; the handler reports it, with the arguments
        record.msg, record.args = _clean(record.msg), _clean_arguments(record.args)
        return
    cleaned = redacted(message)
    if cleaned == message:
        return
    # Arguments stay apart where that is enough: uvicorn's lines of access are made of them.
    record.args = _clean_arguments(record.args)
    try:
        apart = record.getMessage()
    except (TypeError, ValueError, KeyError):
        apart = ""
    if redacted(apart) != apart or not apart:
        record.msg, record.args = cleaned, ()


def _clean_arguments(arguments: Any) -> Any:
    if isinstance(arguments, tuple):
        return tuple(_clean(each) for each in arguments)
    if isinstance(arguments, Mapping):
        return {name: _clean(each) for name, each in arguments.items()}
    return _clean(arguments)


def _clean(argument: object) -> object:
    if argument is None or isinstance(argument, bool | int | float):
        return argument
    try:
        text = str(argument)
    except Exception:  # noqa: BLE001 - an object that cannot be shown shows nothing
        return argument
    cleaned = redacted(text)
    return argument if cleaned == text else cleaned


def _clean_exception(record: logging.LogRecord) -> None:
    """An exception that names a secret is left as the text of its traceback, without it."""
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        cleaned = redacted(text)
        if cleaned != text:
            record.exc_info, record.exc_text = None, cleaned
