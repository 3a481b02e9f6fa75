"""Keeps query strings of URLs out of the logs: they hold signed links, filters and keys.

Here: the logging filter and where it sits. Not here: what the project itself logs, which never has a query.
"""

import logging
import re
from typing import Final

# A filter works on the records of its own logger only, so each logger of the two libraries is named.
HTTP_LOGGERS: Final = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

_QUERY = re.compile(r"\?[^\s'\"<>]+")
_AUTHORIZATION = re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{6,}")


def without_query(text: str) -> str:
    """The text with every query string cut to `?…` and every credential of an Authorization header masked."""
    return _AUTHORIZATION.sub(r"\1 …", _QUERY.sub("?…", text))


class CutQuery(logging.Filter):
    """Rewrites a record so that no query string and no Authorization value is in its message."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        cleaned = without_query(message)
        if cleaned != message:
            record.msg, record.args = cleaned, ()
        return True


def install() -> None:
    """Put the filter on the loggers of the HTTP libraries; a second call changes nothing."""
    for name in HTTP_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(present, CutQuery) for present in logger.filters):
            logger.addFilter(CutQuery())
