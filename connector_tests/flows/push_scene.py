"""A receiver of notifications beside a pair: it verifies, records, and does nothing else.

Here: what tests of push need in the place of `connector serve`, so that they hold for whatever writes the inbox.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector_defs.domain.clock import Clock
from connector_defs.flows import subscriptions, webhook_secret
from connector_defs.flows.push_reports import Subscribed
from connector_defs.flows.runtime import Connector
from connector_defs.store import notifications
from connector_defs.store.notifications import TaskNotice
from connector_tests.flows.pair import Pair, open_pair
from connector_tests.webhook import webhook

# A pair's settings come from a sandbox, which has a secret of its own; these tests let one be made.
NO_SECRET: dict[str, Any] = {"basware": {"webhook_secret": None}}


class SteppedClock:
    """A clock that stands still and moves by waits alone, for tests that are exact to the second."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        """The instant of the last step."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Step."""
        self._now += timedelta(seconds=seconds)


@dataclass
class Inbox:
    """What the receiver did: (status it answered, task type, document)."""

    pair: Pair
    url: str = ""
    answered: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def connector(self) -> Connector:
        """The pair's connector."""
        return self.pair.connector

    def subscribe(self, **how: Any) -> Subscribed:
        """Subscribe, and wait for Basware's tests of the connection."""
        done = subscriptions.subscribe(self.connector, self.url, actor="test", **how)
        self.wait(lambda: len(self.of("ConnectionTest")) >= len(done.asked))
        return done

    def of(self, *kinds: str, status: int = 200) -> list[str]:
        """Documents of the notifications that were answered with `status`."""
        return [document for code, kind, document in self.answered if code == status and kind in kinds]

    @property
    def told(self) -> list[str]:
        """Invoices that genuine notifications named, in the order they came."""
        return self.of("AccoutingDocuments", "AccountingDocuments")

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until it holds."""
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, self.answered
            time.sleep(0.002)

    def take(self, raw: bytes, signature: str) -> int:
        """Verify with either secret, record, answer."""
        known = webhook_secret.known(self.connector)
        good = any(
            secret is not None
            and hmac.compare_digest(
                signature, hmac.new(secret.get_secret_value().encode(), raw, hashlib.sha256).hexdigest()
            )
            for secret in (known.current, known.previous)
        )
        body = json.loads(raw)
        status = 200 if good else 401
        if good and body["taskType"] != "ConnectionTest":
            notice = TaskNotice(
                body["taskId"],
                body["taskType"],
                body.get("taskSubType", ""),
                body["taskStatus"],
                body["documentId"],
                None,
                hashlib.sha256(raw).hexdigest(),
            )
            with self.connector.store.write() as connection:
                notifications.record(connection, notice, self.connector.clock.now())
        self.answered.append((status, body["taskType"], body["documentId"]))
        return status


@contextmanager
def listening(pair: Pair) -> Iterator[Inbox]:
    """The receiver of a pair, on this machine."""
    inbox = Inbox(pair)
    with webhook(inbox.take) as inbox.url:
        yield inbox


@contextmanager
def open_inbox(folder: Path, clock: Clock | None = None) -> Iterator[Inbox]:
    """A pair with a receiver; nothing is subscribed yet."""
    with open_pair(folder, clock=clock, **NO_SECRET) as pair, listening(pair) as inbox:
        pair.map()
        yield inbox


def notify(
    connector: Connector, document_id: str, kind: str = "AccoutingDocuments", task_id: str | None = None
) -> None:
    """A verified notification in the inbox."""
    notice = TaskNotice(task_id or f"t-{document_id}", kind, "", "New", document_id, None, "ab" * 32)
    with connector.store.write() as connection:
        notifications.record(connection, notice, connector.clock.now())
