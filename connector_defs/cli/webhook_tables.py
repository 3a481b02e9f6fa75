"""What people see of push notifications. Belongs here: which fields and columns are shown. No secret is among them."""

from connector_defs.cli.tables import table
from connector_defs.cli.terminal import say
from connector_defs.flows.push_reports import PushStatus, Standing, Subscribed, Subscriptions


def subscribed(done: Subscribed) -> None:
    """What a call to subscribe has done."""
    if done.asked:
        say(f"Basware was asked to notify {done.url} of {', '.join(done.asked)}.")
    else:
        say(f"Basware notifies {done.url} already: nothing was done.")
    if done.new_secret:
        say("A new secret signs the notifications; the one before it stays good until the next rotation.")
    for note in done.notes:
        say(f"Note: {note}.")
    _stands(done.standing)


def listed(found: Subscriptions) -> None:
    """Every subscription, then where ours stands."""
    if found.listed:
        table(
            f"{len(found.listed):,} subscription(s) at Basware",
            [
                ("task", "key"),
                ("sub type", "key"),
                ("kind", "key"),
                ("address", "sentence"),
                ("ours", "key"),
                ("secret", "key"),
                ("last updated", "key"),
            ],
            [
                (
                    one.task_type,
                    one.task_sub_type,
                    one.subscription_type,
                    one.url,
                    one.ours,
                    one.secret,
                    one.last_updated,
                )
                for one in found.listed
            ],
        )
    else:
        say("Basware has no subscription of this client.")
    if found.standing is not None:
        _stands(found.standing)


def status(push: PushStatus | None) -> None:
    """Push and the pace of the polls; nothing where nothing is subscribed."""
    if push is None:
        return
    newest = (
        push.newest_notification.isoformat(sep=" ", timespec="seconds")
        if push.newest_notification
        else "none yet"
    )
    share = "" if push.loss_rate is None else f" ({push.loss_rate:.2%})"
    say(
        f"Push notifications: subscription {push.standing.state}; {push.received:,} came in 30 days, the newest {newest}; "
        f"{push.lost:,} never came{share}."
    )
    if not push.standing.sound:
        say(f"{push.standing.detail}: {push.standing.remedy}", "yellow")
    table(
        "Polls",
        [
            ("company", "key"),
            ("last poll", "key"),
            ("next in seconds", "number"),
            ("missed by push", "number"),
        ],
        [(one.company, one.polled_at, one.next_poll_seconds, one.missed) for one in push.polls],
    )


def _stands(standing: Standing) -> None:
    if standing.sound:
        say("The subscription is in place." + (f" ({standing.detail})" if standing.detail else ""), "green")
    else:
        say(f"The subscription is {standing.state}: {standing.detail}. What to do: {standing.remedy}", "red")
