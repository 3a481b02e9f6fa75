"""Push subscriptions and tasks as Basware describes them (Basware wire notes, section 4).

Here: what is asked for, and lenient reading of what is answered. Not here: receiving notifications, and what a
subscription or a task means to us.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr, ValidationError

from connector_defs.basware.entities import Subscription, WireValue, to_wire
from connector_defs.basware.wire import BadJson, decode, elements, encode, storable
from connector_defs.domain.errors import Fatal

WEBHOOK: Final = "Webhook"
ALL: Final = "All"
NEW: Final = "New"
FAILED: Final = "Failed"
# A DELETE takes what was updated after its instant (Basware wire notes 4.9): this is before all of them.
SINCE_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """What is subscribed to: a kind of task and its sub type, None where Basware's default is meant."""

    task_type: str
    task_sub_type: str | None

    def __str__(self) -> str:
        return f"{self.task_type}/{self.task_sub_type or 'default'}"


@dataclass(frozen=True)
class ListedSubscription:
    """A subscription that Basware holds. Texts are "" and `token` is None where it does not tell them."""

    task_type: str
    task_sub_type: str
    subscription_type: str
    url: str
    token: SecretStr | None
    last_updated: str

    def covers(self, wanted: Wanted) -> bool:
        """True where it brings what is wanted; a sub type that is not told counts as all of them."""
        subs = {"", ALL.casefold(), (wanted.task_sub_type or "").casefold()}
        return (
            self.task_type.casefold() == wanted.task_type.casefold()
            and self.task_sub_type.casefold() in subs
            and self.subscription_type.casefold() in {"", WEBHOOK.casefold()}
        )


@dataclass(frozen=True)
class Task:
    """One notification as Basware remembers it; "" where it does not tell a text."""

    task_id: str
    task_type: str
    task_sub_type: str
    status: str
    document_id: str
    last_updated: datetime | None


def subscribe_body(wanted: list[Wanted], url: str, secret: SecretStr) -> bytes:
    """The array that POST takes. Raises Fatal where Basware would not take it; the text names no secret."""
    try:
        asked = [
            Subscription(
                task_type=one.task_type,
                task_sub_type=one.task_sub_type,
                subscription_type=WEBHOOK,
                notification_webhook_url=url,
                webhook_authentication_token=secret.get_secret_value(),
            )
            for one in wanted
        ]
    except ValidationError as error:
        fields = ", ".join(str(detail["loc"][0]) for detail in error.errors(include_input=False))
        raise Fatal(
            f"the subscription cannot be sent to Basware: {fields} is outside of its limits"
        ) from None
    return encode([to_wire(one) for one in asked])


def read_subscriptions(body: bytes) -> list[ListedSubscription]:
    """The subscriptions of a list, bare or wrapped. BadJson where it is none."""
    return [_subscription(fields) for fields in _listed(body, "subscriptions")]


def read_tasks(body: bytes) -> list[Task]:
    """The tasks of a page. One without an id is left out: nobody could ever tell it from another."""
    found = [_task(fields) for fields in _listed(body, "taskStatus")]
    return [task for task in found if task.task_id]


def read_deleted(body: bytes) -> int | None:
    """How many subscriptions were deleted; None where the answer does not tell."""
    try:
        fields = decode(body) if body else None
    except BadJson:
        return None
    number = fields.get("numberOfRecordsDeleted") if isinstance(fields, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _subscription(fields: Mapping[str, WireValue]) -> ListedSubscription:
    token = _text(fields, "webhookAuthenticationToken")
    return ListedSubscription(
        task_type=_text(fields, "taskType"),
        task_sub_type=_text(fields, "taskSubType"),
        subscription_type=_text(fields, "subscriptionType"),
        url=_text(fields, "notificationWebhookURL"),
        token=SecretStr(token) if token else None,
        last_updated=_text(fields, "lastUpdated"),
    )


def _task(fields: Mapping[str, WireValue]) -> Task:
    return Task(
        task_id=_text(fields, "taskId"),
        task_type=_text(fields, "taskType"),
        task_sub_type=_text(fields, "taskSubType"),
        status=_text(fields, "taskStatus"),
        document_id=_text(fields, "documentId"),
        last_updated=_instant(_text(fields, "lastUpdated")),
    )


def _listed(body: bytes, wrapper: str) -> list[dict[str, WireValue]]:
    """The objects of a list that can be trusted, fit to be stored; what is flawed or no object harms no other."""
    read = (storable(one.value) for one in elements(body, wrapper) if one.flaw is None)
    return [value for value in read if isinstance(value, dict)]


def _text(fields: Mapping[str, WireValue], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _instant(text: str) -> datetime | None:
    """A moment, UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
