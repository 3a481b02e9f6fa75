"""Subscribing to Basware's push notifications, looking at what is subscribed, and ending it.

Belongs here: the order of the steps, so that what Basware refuses leaves everything as it was, and whatever else fails
leaves what the next call repairs. The secret is stored before Basware learns it, because its first notification may
come before its answer does (Basware wire notes 4.3).
Whether a second subscription of a kind replaces the first is not published (4.9), so everything is looked at first
and afterwards.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from connector_defs.basware.answers import Receipt
from connector_defs.basware.subscriptions import ALL, SINCE_EVER, ListedSubscription, Wanted
from connector_defs.domain.errors import ConnectorError, OutcomeUnknown, RecordRefused
from connector_defs.domain.redaction import redacted
from connector_defs.flows import webhook_secret
from connector_defs.flows.polling import moment_of
from connector_defs.flows.push_reports import (
    ShownSubscription,
    Standing,
    Subscribed,
    Subscriptions,
    Unsubscribed,
)
from connector_defs.flows.push_watch import INVOICES, PENDING, WANTED, check, standing
from connector_defs.flows.runtime import Connector
from connector_defs.flows.webhook_secret import Secrets
from connector_defs.store import audit, push_watch
from connector_defs.store.push_watch import SUBSCRIPTION, Watch

PATH = "/webhooks/basware"
_TEXT_OF_ERRORS = 300


def subscribe(
    connector: Connector, url: str, *, rotate: bool = False, replace: bool = False, actor: str
) -> Subscribed:
    """Have Basware notify `url` of invoices for transfer and of failed requests.

    What is there already is left alone, unless `rotate` asks for a new secret. With `replace`, a subscription of the
    same kind that goes elsewhere is deleted first. Raises HostRefused where the address cannot be one, and
    RecordRefused where Basware or another subscription is against it.
    """
    connector.hosts.check_callback(url)
    listed = connector.push.subscriptions()
    elsewhere = [one for one in listed if _is_wanted(one) and one.url != url]
    if elsewhere and not replace:
        places = ", ".join(sorted({_shown_url(one.url) for one in elsewhere}))
        raise RecordRefused(
            f"Basware notifies {places} already, and a second subscription might take its place: say --replace "
            "to delete that one, or leave the notifications to it",
            code="subscribed_elsewhere",
        )
    theirs = _kinds(elsewhere)
    for kind in theirs:
        _spare_others(kind, [one for one in listed if one.url == url or one in elsewhere], listed)
    known = webhook_secret.known(connector)
    watch = _watch(connector)
    pending = watch is not None and watch.detail.startswith(PENDING)
    notes = _notes(url, known, finished=pending and rotate, rotate=rotate)
    stale = any(one.url == url and known.verdict(one.token) in ("previous", "differs") for one in listed)
    again = rotate or pending or stale or bool(elsewhere) or known.current is None
    lacking = [one for one in WANTED if again or not _has(listed, url, one)]
    new_secret = not known.set_outside and (known.current is None or (rotate and not pending))
    if lacking:
        kept = webhook_secret.in_vault(connector)
        _begin(connector, url)
        if new_secret:
            webhook_secret.renew(connector, actor)
            _record(connector, "webhook secret made", actor, {})
        try:
            for kind in theirs:
                connector.push.unsubscribe(kind, SINCE_EVER)
            notes += _ask(connector, lacking, url, actor)
        except RecordRefused as refused:
            if pending or not _is_absent(connector, url):
                raise
            lost = _restore(connector, elsewhere, watch, known)
            if new_secret:
                webhook_secret.put_back(connector, kept, actor)
            _record(connector, "webhook subscription refused", actor, {"url": url, "reason": str(refused)})
            if lost:
                raise RecordRefused(
                    f"{refused}. The subscription for {', '.join(lost)} was deleted for it and could not be made "
                    "again: whoever uses that one must subscribe anew",
                    code=refused.code,
                ) from None
            raise
        notes += _end_doubles(connector, url, actor)
    else:
        _keep_address(connector, url)
    found = check(connector, finished=True) or Standing("missing", "")
    return Subscribed(url, tuple(map(str, lacking)), new_secret, tuple(notes), found)


def show(connector: Connector) -> Subscriptions:
    """What Basware lists, and where ours stands."""
    listed = connector.push.subscriptions()
    known, watch = webhook_secret.known(connector), _watch(connector)
    url = watch.url if watch else None
    found = standing(listed, watch.url, known) if watch else None
    return Subscriptions(tuple(_shown(one, known, url) for one in listed), found)


def unsubscribe(connector: Connector, *, every: bool = False, actor: str) -> Unsubscribed:
    """Delete our subscriptions, or `every` one that the client sees.

    Raises RecordRefused where Basware would delete another one along with ours; nothing is deleted then.
    """
    listed = connector.push.subscriptions()
    known, watch = webhook_secret.known(connector), _watch(connector)
    url = watch.url if watch else None
    chosen = [one for one in listed if every or (one.url == url and _is_wanted(one))]
    steps = [(kind, _delete_after(kind, chosen, listed)) for kind in _kinds(chosen)]
    for kind, after in steps:
        connector.push.unsubscribe(kind, after)
    left = connector.push.subscriptions() if steps else listed
    remaining = [one for one in left if one in chosen]
    if remaining:
        raise RecordRefused(
            f"Basware still lists {len(remaining)} subscription(s) that were to be deleted: run it again",
            code="unsubscribe_refused",
        )
    with connector.store.write() as connection:
        push_watch.forget(connection)
    deleted = tuple(str(kind) for kind, _ in steps)
    if deleted:
        _record(connector, "webhook unsubscribed", actor, {"subscriptions": list(deleted), "every": every})
    return Unsubscribed(deleted, tuple(_shown(one, known, None) for one in left))


def _begin(connector: Connector, url: str) -> None:
    """From here on, until Basware shows the subscription, the next call is to finish this one."""
    detail = f"{PENDING}\nrun `connector webhook subscribe --url {url}`"
    with connector.store.write() as connection:
        push_watch.keep(connection, SUBSCRIPTION, "missing", connector.clock.now(), url=url, detail=detail)


def _is_absent(connector: Connector, url: str) -> bool:
    """True where Basware, which has just refused, certainly does not sign with the newest secret for `url`; where that
    cannot be told the next call is to finish this one."""
    known = webhook_secret.known(connector)
    try:
        listed = connector.push.subscriptions()
    except ConnectorError:
        return False
    ours = [one for one in listed if one.url == url and one.covers(INVOICES)]
    return all(known.verdict(one.token) in ("previous", "differs") for one in ours)


def _restore(
    connector: Connector, deleted: Sequence[ListedSubscription], watch: Watch | None, known: Secrets
) -> list[str]:
    """Put back what was deleted and what was watched; returns the subscriptions that could not be."""
    lost = []
    left = connector.push.subscriptions()
    for one in (each for each in deleted if each not in left):
        kind = Wanted(one.task_type, one.task_sub_type or None)
        token = one.token or (known.current if watch and one.url == watch.url else None)
        try:
            if token is None or not connector.push.subscribe([kind], one.url, token).accepted:
                lost.append(f"{kind} to {_shown_url(one.url)}")
        except ConnectorError:
            lost.append(f"{kind} to {_shown_url(one.url)}")
    with connector.store.write() as connection:
        if watch is None:
            push_watch.forget(connection)
        else:
            now = connector.clock.now()
            push_watch.keep(connection, SUBSCRIPTION, watch.state, now, url=watch.url, detail=watch.detail)
    return lost


def _keep_address(connector: Connector, url: str) -> None:
    """The address that is watched, where this store has not known it: it was restored, or is another one."""
    watch = _watch(connector)
    if watch is None or watch.url != url:
        with connector.store.write() as connection:
            push_watch.keep(connection, SUBSCRIPTION, "ours", connector.clock.now(), url=url)


def _ask(connector: Connector, kinds: Sequence[Wanted], url: str, actor: str) -> list[str]:
    """Subscribe to each kind; returns what is to be noted. Without the first kind there is nothing, so it raises."""
    notes = []
    for kind in kinds:
        try:
            receipt = _ask_one(connector, kind, url)
        except RecordRefused as refused:
            if kind == INVOICES:
                raise
            notes.append(f"{refused}; these are found by polling alone")
            continue
        detail = {"subscription": str(kind), "url": url}
        if receipt is not None:
            detail |= {"basware_request": receipt.request_id or "", "our_request": receipt.client_request_id}
        _record(connector, "webhook subscribed", actor, detail)
    return notes


def _ask_one(connector: Connector, kind: Wanted, url: str) -> Receipt | None:
    """None where the answer was lost and Basware shows the subscription all the same."""
    known = webhook_secret.known(connector)
    if known.current is None:
        raise AssertionError("a secret is stored before anybody is asked")
    try:
        receipt = connector.push.subscribe([kind], url, known.current)
    except OutcomeUnknown:
        listed = connector.push.subscriptions()
        if any(
            one.url == url and one.covers(kind) and known.verdict(one.token) == "matches" for one in listed
        ):
            return None
        raise
    if 200 <= receipt.http_status < 300:
        return receipt
    # An answer may quote what was sent.
    secret = known.current.get_secret_value()
    told = [f"{error.code} {error.message}" for error in receipt.errors if not error.code.startswith("HTTP_")]
    reason = "; ".join(told).replace(secret, "…")[:_TEXT_OF_ERRORS] or "no reason given"
    raise RecordRefused(
        f"Basware refuses the subscription for {kind} ({receipt.http_status}): {reason}",
        code="subscription_refused",
    )


def _end_doubles(connector: Connector, url: str, actor: str) -> list[str]:
    """Where a second subscription stands beside the first, every invoice would be told twice: one is left."""
    listed = connector.push.subscriptions()
    doubled = []
    for kind in WANTED:
        beside = [one for one in listed if one.url == url and one.covers(kind)]
        kinds = _kinds(beside)
        # Being told twice changes nothing: no other subscription is deleted for it.
        if len(beside) > 1 and all(one in beside for each in kinds for one in _of_kind(each, listed)):
            doubled.append(kind)
            for each in kinds:
                connector.push.unsubscribe(each, SINCE_EVER)
    return _ask(connector, doubled, url, actor)


def _notes(url: str, known: Secrets, *, finished: bool, rotate: bool) -> list[str]:
    notes = []
    if known.set_outside:
        notes.append(
            f"{webhook_secret.NAME} is set in the environment or the settings file: it is used, and none is made"
            + (", so change it there to rotate" if rotate else "")
        )
    if finished:
        notes.append(
            "an earlier call was finished with its secret; for a further one run it again with --rotate"
        )
    if urlsplit(url).path != PATH:
        notes.append(f"`connector serve` listens at {PATH}: the path must be mapped to it")
    return notes


def _watch(connector: Connector) -> Watch | None:
    with connector.store.read() as connection:
        return push_watch.get(connection, SUBSCRIPTION)


def _is_wanted(one: ListedSubscription) -> bool:
    return any(one.covers(kind) for kind in WANTED)


def _has(listed: Sequence[ListedSubscription], url: str, kind: Wanted) -> bool:
    return any(one.url == url and one.covers(kind) for one in listed)


def _kinds(chosen: Sequence[ListedSubscription]) -> list[Wanted]:
    kinds = {Wanted(one.task_type, one.task_sub_type or ALL) for one in chosen if one.task_type}
    return sorted(kinds, key=str)


def _of_kind(kind: Wanted, listed: Sequence[ListedSubscription]) -> list[ListedSubscription]:
    """What Basware deletes together."""
    return [
        one
        for one in listed
        if one.task_type == kind.task_type and kind.task_sub_type in (ALL, one.task_sub_type or ALL)
    ]


def _spare_others(
    kind: Wanted, chosen: Sequence[ListedSubscription], listed: Sequence[ListedSubscription]
) -> None:
    """Raises RecordRefused where deleting the kind would take one along that is not chosen."""
    others = [one for one in _of_kind(kind, listed) if one not in chosen]
    if others:
        told = ", ".join(
            sorted({f"{one.task_type}/{one.task_sub_type or ALL} to {_shown_url(one.url)}" for one in others})
        )
        raise RecordRefused(
            f"Basware would delete the subscription for {told} along with that for {kind}: ask Basware to delete "
            "that one alone",
            code="subscribed_elsewhere",
        )


def _delete_after(
    kind: Wanted, chosen: Sequence[ListedSubscription], listed: Sequence[ListedSubscription]
) -> datetime:
    """The instant after which Basware deletes every subscription of the kind: such that it takes the chosen alone."""
    of_kind = _of_kind(kind, listed)
    others = [one for one in of_kind if one not in chosen]
    if not others:
        return SINCE_EVER
    ours = [moment_of(one.last_updated) for one in of_kind if one in chosen]
    theirs = [moment_of(one.last_updated) for one in others]
    first = min((at for at in ours if at), default=None)
    if first is None or None in ours or any(at is None or at >= first for at in theirs):
        places = ", ".join(sorted({_shown_url(one.url) for one in others}))
        raise RecordRefused(
            f"Basware would delete the subscription for {kind} to {places} along with ours: say --all where that is "
            "meant, or ask Basware to delete ours",
            code="unsubscribe_refused",
        )
    return first - timedelta(milliseconds=1)


def _shown(one: ListedSubscription, known: Secrets, url: str | None) -> ShownSubscription:
    return ShownSubscription(
        one.task_type,
        one.task_sub_type,
        one.subscription_type,
        _shown_url(one.url),
        known.verdict(one.token),
        one.last_updated,
        one.url == url,
    )


def _shown_url(url: str) -> str:
    return redacted(url) or "an address it does not tell"


def _record(connector: Connector, action: str, actor: str, detail: Mapping[str, object]) -> None:
    event = audit.Event(
        chain="settings/webhook", company="", key="webhook", action=action, actor=actor, detail=detail
    )
    with connector.store.write() as connection:
        audit.append(connection, [event], connector.clock.now())
