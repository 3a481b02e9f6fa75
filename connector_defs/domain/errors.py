"""Errors named by what to do next. Every exception that crosses a package border is one of these.

The text names what was attempted, on which record, and whether trying again can help. No secret, no URL
with its query string, ever enters an exception text: these texts are logged, stored, shown and sent.
"""

from connector_defs.domain.redaction import redacted


class ConnectorError(Exception):
    """Root of all errors the connector raises on purpose."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class Fatal(ConnectorError):
    """Settings or use are wrong: retrying cannot clear this, a person must change something."""


class RetryLater(ConnectorError):
    """Nothing took effect at the other end; the same call may be made again.

    `retry_after` is the other side's own wish in seconds, where it gave one.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LaneBlocked(RetryLater):
    """The system as a whole refuses us (no licence seat, service down): pause the lane, burn no attempt."""


class OutcomeUnknown(ConnectorError):
    """The call may have taken effect: look before repeating it."""


class RecordRefused(ConnectorError):
    """This one record cannot go on; queue it with `code` and carry on with the others."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code
