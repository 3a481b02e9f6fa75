"""A Basware that keeps subscriptions otherwise than the sandbox does, and a site that subscribes there."""

from typing import Any

from pydantic import SecretStr

from connector_defs.basware.answers import Receipt
from connector_defs.basware.subscriptions import ListedSubscription, Wanted
from connector_defs.domain.errors import RetryLater
from connector_defs.flows import subscriptions, webhook_secret
from connector_defs.flows.push_reports import Subscribed
from connector_defs.store import audit
from connector_tests.flows.pair import Pair

URL = "https://connector.example.com/webhooks/basware"
THEIRS = "https://other.example.com/hook"
NO = Receipt(None, 422, (), "ours-1", None)


class Desk:
    """Another Basware: subscriptions of one kind stand side by side, secrets are shown or not."""

    def __init__(self, pair: Pair, *, shows: bool = True) -> None:
        self.listed: list[ListedSubscription] = []
        self.shows, self.calls = shows, 0
        self.refused: dict[str, Receipt | Exception] = {}
        self.deaf = False
        self.refuses_url = ""
        # After so many calls it shows no list any more.
        self.blind_after: int | None = None
        pair.connector.__dict__["push"] = self

    def subscriptions(self) -> list[ListedSubscription]:
        if self.blind_after is not None and self.calls > self.blind_after:
            raise RetryLater("Basware is away")
        return list(self.listed)

    def subscribe(self, kinds: list[Wanted], url: str, secret: SecretStr) -> Receipt:
        (kind,) = kinds
        self.calls += 1
        answer = NO if url == self.refuses_url else self.refused.get(kind.task_type)
        if isinstance(answer, Receipt):
            return answer
        if not self.deaf:
            self.add(kind, url, secret)
        if answer is not None:
            raise answer
        return Receipt("amzn-1", 200, (), "ours-1", None)

    def add(self, kind: Wanted, url: str, secret: SecretStr | None = None, at: str | None = None) -> None:
        moment = at or f"2026-11-20T08:00:{len(self.listed):02}.000Z"
        shown = secret if self.shows else None
        self.listed.append(
            ListedSubscription(kind.task_type, kind.task_sub_type or "", "Webhook", url, shown, moment)
        )

    def unsubscribe(self, kind: Wanted, after: Any) -> int:
        def goes(one: ListedSubscription) -> bool:
            same = one.task_type == kind.task_type and kind.task_sub_type in ("All", one.task_sub_type)
            return same and one.last_updated > after.isoformat(timespec="milliseconds").replace("+00:00", "Z")

        before = len(self.listed)
        self.listed = [one for one in self.listed if not goes(one)]
        return before - len(self.listed)


def subscribe(pair: Pair, url: str = URL, **how: Any) -> Subscribed:
    return subscriptions.subscribe(pair.connector, url, actor="ap", **how)


def secret_of(pair: Pair, name: str = webhook_secret.NAME) -> str:
    kept = pair.connector.vault.get(name)
    return kept.get_secret_value() if kept else ""


def actions(pair: Pair) -> list[str]:
    return [event.action for event in audit.show(pair.connector.store, "webhook")]
