"""Errors as Dagster stores and shows them, without secrets.

Belongs here: the one place where Dagster turns an exception into text, for the events of failed steps, for ticks of
sensors and schedules, and for code that cannot be loaded. Its own switch (DAGSTER_REDACT_USER_CODE_ERRORS) hides whole
errors, which would leave people without any reason. What counts as a secret is in `domain.redaction`.
"""

import traceback
from typing import Any

from dagster_shared.error import SerializableErrorInfo

from connector_defs.domain.redaction import redacted

_as_dagster_tells = SerializableErrorInfo.from_traceback.__func__  # type: ignore[attr-defined]


def _without_secrets(cls: type[SerializableErrorInfo], trace: traceback.TracebackException) -> Any:
    """Causes and contexts come here as well, one after the other."""
    told = _as_dagster_tells(cls, trace)
    return told._replace(message=redacted(told.message), stack=[redacted(frame) for frame in told.stack])


def clean_errors() -> None:
    """From now on no error of this process enters Dagster with a secret; a second call changes nothing."""
    SerializableErrorInfo.from_traceback = classmethod(_without_secrets)  # type: ignore[assignment, method-assign]
