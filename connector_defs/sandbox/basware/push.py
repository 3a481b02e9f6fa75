"""Push notifications: subscriptions, tasks, and the thread that delivers (wire notes section 4).

Delivery is at least once, in no promised order, to this machine only: the sandbox never calls another host.
"""

import hashlib
import hmac
import queue
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from connector_defs.sandbox.basware.answer import Answer, Call, instant, ok, parse_instant
from connector_defs.sandbox.basware.paging import Pages
from connector_defs.sandbox.basware.schema import NotJson, Record, check_list, encode
from connector_defs.sandbox.faults import Fault, FaultPlan

SIGNATURE = "x-bwapi-signature-256"
_TASK_TYPES = frozenset(
    [
        "AccountingDocuments",
        "ExportedPurchaseRequisitions",
        "ExportedPurchaseOrders",
        "RequestStatus",
        "ExportedContracts",
        "ExportedContractSpends",
    ]
)
_TASK_SUB_TYPES = frozenset(
    [
        "WaitingForPrebook",
        "WaitingForTransfer",
        "WaitingForPrebookCancelation",
        "WaitingToBeRemoved",
        "WaitingToBeReturned",
        "WaitingToBeCompleted",
        "WaitingForExport",
        "Error",
        "Success",
        "All",
    ]
)
_TRIES = 3


@dataclass(slots=True)
class Task:
    """One notification and its fate."""

    task_id: str
    task_type: str
    document_id: str
    url: str
    secret: str
    last_updated: datetime
    task_sub_type: str | None = None
    status: str = "New"
    history: list[Record] = field(default_factory=list)

    def payload(self) -> bytes:
        """The body on the wire; `AccoutingDocuments` is Basware's own spelling (wire notes 4.4)."""
        shown = "AccoutingDocuments" if self.task_type == "AccountingDocuments" else self.task_type
        body = {
            "taskId": self.task_id,
            "taskStatus": "New",
            "taskType": shown,
            "documentId": self.document_id,
            "expirationTime": instant(self.last_updated + timedelta(days=1)),
        }
        return encode(body | ({"taskSubType": self.task_sub_type} if self.task_sub_type else {}))

    def view(self) -> Record:
        """`Task` of the wire."""
        body: Record = {
            "taskId": self.task_id,
            "taskStatus": self.status,
            "taskType": self.task_type,
            "documentId": self.document_id,
            "isSimulatedTask": False,
            "lastUpdated": instant(self.last_updated),
            "taskHistory": self.history,
        }
        return body | ({"taskSubType": self.task_sub_type} if self.task_sub_type else {})


class Push:
    """Subscriptions and tasks. Route methods run under the sandbox's lock; delivery has its own thread."""

    def __init__(
        self, faults: FaultPlan, pages: Pages, clock: Callable[[], datetime], *, retry_seconds: float = 0.5
    ) -> None:
        self._faults = faults
        self._pages = pages
        self._clock = clock
        self._retry_seconds = retry_seconds
        self.subscriptions: dict[tuple[str, str], Record] = {}
        self.tasks: list[Task] = []
        self._outbox: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._held: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def notify(self, task_type: str, sub_type: str, document_id: str) -> None:
        """Tell every subscriber of this type that something waits."""
        for (subscribed, sub), subscription in self.subscriptions.items():
            if subscribed == task_type and sub in ("All", sub_type):
                self._send(subscription, task_type, document_id, sub_type)

    def subscribe(self, call: Call) -> Answer:
        """Take an array of subscriptions; each gets a ConnectionTest. A second one of a type replaces the first."""
        try:
            wanted, violations = check_list("Subscription-Input", call.body)
        except NotJson as error:
            return _refuse(call, str(error))
        if violations:
            return _refuse(call, "; ".join(violation.message for violation in violations))
        answered = []
        for each in wanted:
            each.setdefault("taskSubType", "Error" if each["taskType"] == "RequestStatus" else "All")
            if each["taskType"] not in _TASK_TYPES or each["taskSubType"] not in _TASK_SUB_TYPES:
                return Answer(422, encode({"message": "UnprocessableEntity"}))
            answered.append(each | {"lastUpdated": instant(self._clock())})
        for each in answered:
            self.subscriptions[each["taskType"], each["taskSubType"]] = each
            self._send(each, "ConnectionTest", str(uuid.uuid4()))
        return ok(answered)

    def list_subscriptions(self, call: Call) -> Answer:
        """`{"subscriptions": [...]}`, 404 when there is none."""
        after = call.updated_after()
        found = [
            each
            for (task_type, sub_type), each in self.subscriptions.items()
            if call.query.get("taskType", task_type) == task_type
            and call.query.get("taskSubType", sub_type) in (sub_type, "All")
            and (after is None or parse_instant(each["lastUpdated"]) > after)
        ]
        return ok({"subscriptions": found}) if found else _nothing()

    def unsubscribe(self, call: Call) -> Answer:
        """Delete by lastUpdated, taskType and taskSubType, all three required."""
        if any(not call.query.get(name) for name in ("lastUpdated", "taskType", "taskSubType")):
            return Answer(422, encode({"message": "UnprocessableEntity"}))
        after = parse_instant(call.query["lastUpdated"])
        gone = [
            key
            for key, each in self.subscriptions.items()
            if key[0] == call.query["taskType"]
            and call.query["taskSubType"] in (key[1], "All")
            and parse_instant(each["lastUpdated"]) > after
        ]
        for key in gone:
            del self.subscriptions[key]
        return ok({"status": "Deleted successfully", "numberOfRecordsDeleted": len(gone)})

    def list_tasks(self, call: Call) -> Answer:
        """One page of tasks, 404 when there is none."""
        page, headers = self._pages.cut(call, self._matching(call), 100)
        return ok({"taskStatus": page}, **headers) if page else _nothing()

    def release(self) -> int:
        """Send what `late_notification` held back, the newest first; returns how many."""
        held = []
        while not self._held.empty():
            held.append(self._held.get())
        for task in reversed(held):
            self._outbox.put(task)
        return len(held)

    def close(self) -> None:
        """Stop delivering; what is not sent stays New."""
        self._closed.set()
        self._outbox.put(None)
        if self._thread:
            self._thread.join(timeout=5)

    def _matching(self, call: Call) -> Iterator[tuple[int, Record]]:
        after = call.updated_after()
        for position, task in enumerate(self.tasks):
            if (
                call.query.get("taskType", task.task_type) == task.task_type
                and call.query.get("taskStatus", task.status) == task.status
                and call.query.get("documentId", task.document_id) == task.document_id
                and (after is None or task.last_updated > after)
            ):
                yield position, task.view()

    def _send(
        self, subscription: Record, task_type: str, document_id: str, sub_type: str | None = None
    ) -> None:
        task = Task(
            str(uuid.uuid4()),
            task_type,
            document_id,
            subscription["notificationWebhookURL"],
            subscription["webhookAuthenticationToken"],
            self._clock(),
            sub_type,
        )
        self.tasks.append(task)
        self._outbox.put(task)
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="basware-notifications", daemon=True)
            self._thread.start()

    def _deliver(self) -> None:
        with httpx.Client(timeout=10, trust_env=False, follow_redirects=False) as client:
            while (task := self._outbox.get()) is not None and not self._closed.is_set():
                fault = self._faults.draw("basware.notification", f"{task.task_type} {task.document_id}")
                if fault is None or self._goes_out(client, task, fault):
                    self._attempt(client, task)

    def _goes_out(self, client: httpx.Client, task: Task, fault: Fault) -> bool:
        """Play the fault; False where the notification itself does not go out now."""
        match fault.name:
            case "lost_notification":
                return False
            case "failed_notification":
                self._note(task, "Failed", "given up")
                return False
            case "late_notification":
                self._held.put(task)
                return False
            case "latency":
                time.sleep(fault.seconds)
            case "double_notification":
                self._attempt(client, task)
            case "forged_notification":
                # Another id, so that it is not taken for a double of the real one.
                self._post(client, replace(task, task_id=str(uuid.uuid4()), secret=secrets.token_urlsafe(32)))
            case "foreign_notification":
                self._post(client, replace(task, task_id=str(uuid.uuid4()), document_id=str(uuid.uuid4())))
        return True

    def _post(self, client: httpx.Client, task: Task) -> int:
        """The status that the subscriber answers with. Raises httpx.HTTPError where there is no answer."""
        body = task.payload()
        headers = {"content-type": "application/json", SIGNATURE: sign(body, task.secret)}
        return client.post(task.url, content=body, headers=headers).status_code

    def _attempt(self, client: httpx.Client, task: Task) -> None:
        if not _is_loopback(task.url):
            self._note(task, "Failed", "the sandbox notifies this machine only")
            return
        for attempt in range(1, _TRIES + 1):
            try:
                status = self._post(client, task)
            except httpx.HTTPError as error:
                message = f"try {attempt}: {type(error).__name__}"
            else:
                if status == 200:
                    self._note(task, "Completed", f"try {attempt}: 200")
                    return
                message = f"try {attempt}: {status}"
            self._note(task, "New" if attempt < _TRIES else "Failed", message)
            if attempt == _TRIES or self._closed.wait(self._retry_seconds * attempt):
                return

    def _note(self, task: Task, status: str, message: str) -> None:
        task.status = status
        task.last_updated = self._clock()
        task.history.append(
            {"action": "Notify", "timeStamp": instant(task.last_updated), "messages": [message]}
        )


def sign(body: bytes, secret: str) -> str:
    """HMAC-SHA256 over the raw body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(call: Call, message: str) -> Answer:
    error = {"type": "VALIDATION", "code": "SCHEMA_VALIDATION_ERROR", "message": message}
    return Answer(400, encode({"requestId": call.request_id, "hasError": True, "errorMessages": [error]}))


def _nothing() -> Answer:
    return Answer(404, encode({"detail": "Not Found"}))
