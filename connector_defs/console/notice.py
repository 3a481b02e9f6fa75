"""The body of a notification, read strictly (Basware wire notes 4.4).

Belongs here: its fields and their limits. A field that is not known is passed over; a text that could not be an
identifier (too long, or with characters nobody sees) makes the whole body unreadable.
"""

import hashlib
from typing import Final

from connector_defs.outside.json_text import BadJson, decode
from connector_defs.store.notifications import TaskNotice

# As wide as the columns of the inbox.
_LIMITS: Final = {
    "taskId": 200,
    "taskStatus": 60,
    "taskType": 60,
    "taskSubType": 60,
    "documentId": 200,
    "companyCode": 60,
}
_CONNECTION_TEST: Final = "connectiontest"


class Unreadable(ValueError):
    """The body is no notification; the text says why and quotes no value of it."""


def read_notice(body: bytes) -> TaskNotice:
    """The notification. Raises Unreadable."""
    try:
        value = decode(body)
    except BadJson:
        raise Unreadable("the body is not strict JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("the body is not a JSON object")
    found = {name: _text(name, value.get(name)) for name in _LIMITS}
    for name in ("taskId", "taskType"):
        if not found[name]:
            raise Unreadable(f"{name} is missing")
    return TaskNotice(
        task_id=found["taskId"],
        task_type=found["taskType"],
        task_sub_type=found["taskSubType"],
        status=found["taskStatus"],
        document_id=found["documentId"],
        company_code=found["companyCode"] or None,
        body_digest=hashlib.sha256(body).hexdigest(),
    )


def is_connection_test(notice: TaskNotice) -> bool:
    """True for the notification that only asks whether anybody is there."""
    return notice.task_type.casefold() == _CONNECTION_TEST


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable(f"{name} is not a text")
    if len(value) > _LIMITS[name]:
        raise Unreadable(f"{name} is longer than {_LIMITS[name]} characters")
    # Control characters, lone surrogates and marks of direction are no part of any identifier.
    if not value.isprintable():
        raise Unreadable(f"{name} has characters that cannot be shown")
    return value
