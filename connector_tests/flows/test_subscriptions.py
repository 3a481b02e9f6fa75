"""Subscribing: the secret is stored first, whatever fails is finished by the next call, nobody else's is touched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector_defs.basware.answers import ApiError, Receipt
from connector_defs.basware.regions import HostRefused
from connector_defs.basware.subscriptions import Wanted
from connector_defs.domain.errors import OutcomeUnknown, RecordRefused, RetryLater
from connector_defs.flows import push_watch, subscriptions, webhook_secret
from connector_defs.flows.push_reports import Standing
from connector_defs.flows.push_watch import INVOICES, REQUESTS, WANTED
from connector_defs.store import audit
from connector_tests.flows.desk import THEIRS, URL, Desk, actions, secret_of, subscribe
from connector_tests.flows.pair import Pair
from connector_tests.flows.push_scene import Inbox, open_inbox


@pytest.fixture
def inbox(folder: Path) -> Iterator[Inbox]:
    with open_inbox(folder) as opened:
        yield opened


def test_subscribing_makes_a_secret_of_32_bytes_and_basware_tests_the_connection_with_it(
    inbox: Inbox,
) -> None:
    done = inbox.subscribe()
    assert done.standing == Standing("ours", "")
    assert done.asked == ("AccountingDocuments/WaitingForTransfer", "RequestStatus/Error")
    assert done.new_secret
    assert done.notes == ()
    assert len(secret_of(inbox.pair)) == 43
    assert len(inbox.of("ConnectionTest")) == 2, "both were signed with a secret that was there already"
    assert inbox.of("ConnectionTest", status=401) == []
    assert actions(inbox.pair) == ["webhook secret made", "webhook subscribed", "webhook subscribed"]
    assert secret_of(inbox.pair) not in repr(audit.show(inbox.connector.store, "webhook"))


def test_what_is_there_already_is_left_alone(inbox: Inbox) -> None:
    inbox.subscribe()
    before = secret_of(inbox.pair)
    again = inbox.subscribe()
    assert (again.asked, again.new_secret, again.standing.sound) == ((), False, True)
    assert secret_of(inbox.pair) == before


def test_a_rotation_keeps_the_old_secret_good_beside_the_new_one(inbox: Inbox) -> None:
    inbox.subscribe()
    first = secret_of(inbox.pair)
    rotated = inbox.subscribe(rotate=True)
    assert rotated.new_secret
    assert secret_of(inbox.pair) != first
    assert secret_of(inbox.pair, webhook_secret.PREVIOUS) == first
    assert inbox.of("ConnectionTest", status=401) == []
    (shown, _) = subscriptions.show(inbox.connector).listed
    assert (shown.secret, shown.ours) == ("matches", True)


def test_a_secret_of_the_environment_is_used_and_said_so(site: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(webhook_secret.NAME, "given-from-outside")
    desk = Desk(site)
    done = subscribe(site, rotate=True)
    assert not done.new_secret
    assert "change it there to rotate" in done.notes[0]
    assert {one.token.get_secret_value() for one in desk.listed if one.token} == {"given-from-outside"}
    assert secret_of(site) == ""


def test_a_path_that_nobody_listens_at_is_noted(site: Pair) -> None:
    Desk(site)
    (note,) = subscribe(site, "https://connector.example.com/basware").notes
    assert "/webhooks/basware" in note


def test_an_address_that_cannot_be_one_is_refused_before_anything_is_made(site: Pair) -> None:
    desk = Desk(site)
    with pytest.raises(HostRefused):
        subscribe(site, "http://connector.example.com/webhooks/basware")
    assert (desk.calls, secret_of(site), actions(site)) == (0, "", [])


@pytest.mark.parametrize("shows", [True, False])
def test_a_rotation_that_never_reached_basware_is_finished_and_not_begun_again(
    site: Pair, shows: bool
) -> None:
    desk = Desk(site, shows=shows)
    subscribe(site)
    first = secret_of(site)
    desk.deaf, desk.refused["AccountingDocuments"] = True, RetryLater("Basware is away")
    with pytest.raises(RetryLater):
        subscribe(site, rotate=True)
    second = secret_of(site)
    assert second != first
    assert secret_of(site, webhook_secret.PREVIOUS) == first, "Basware still signs with it"
    status = push_watch.status(site.connector)
    assert status is not None
    assert status.standing.detail == "a call to subscribe was not finished"
    assert push_watch.check(site.connector) == status.standing, "only the next call to subscribe ends that"

    desk.deaf, desk.refused = False, {}
    done = subscribe(site, rotate=True)
    assert "with --rotate" in done.notes[0]
    assert (secret_of(site), secret_of(site, webhook_secret.PREVIOUS)) == (second, first)
    assert done.standing.sound
    if shows:
        assert {one.token.get_secret_value() for one in desk.listed if one.token} == {second}


def test_a_lost_answer_counts_where_basware_shows_the_subscription(site: Pair) -> None:
    desk = Desk(site)
    desk.refused["AccountingDocuments"] = OutcomeUnknown("no answer")
    assert subscribe(site).standing.sound
    assert desk.calls == 2


def test_a_lost_answer_that_basware_knows_nothing_of_is_left_to_the_next_call(site: Pair) -> None:
    desk = Desk(site)
    desk.deaf, desk.refused["AccountingDocuments"] = True, OutcomeUnknown("no answer")
    with pytest.raises(OutcomeUnknown):
        subscribe(site)
    kept = secret_of(site)
    desk.deaf, desk.refused = False, {}
    assert subscribe(site).standing.sound
    assert secret_of(site) == kept


def test_a_refusal_names_the_reason_and_never_the_secret(site: Pair) -> None:
    desk = Desk(site)

    tried: list[SecretStr] = []

    def echo(kinds: list[Wanted], url: str, secret: SecretStr) -> Receipt:
        tried.append(secret)
        told = f"token {secret.get_secret_value()} is not liked"
        return Receipt(None, 400, (ApiError(None, "VALIDATION", "BAD", told),), "ours-1", None)

    desk.subscribe = echo  # type: ignore[method-assign]
    with pytest.raises(RecordRefused, match=r"\(400\): BAD token … is not liked") as refused:
        subscribe(site)
    assert tried[0].get_secret_value() not in str(refused.value)

    def quote(kinds: list[Wanted], url: str, secret: SecretStr) -> Receipt:
        return Receipt(
            None, 422, (ApiError(None, "", "HTTP_422", secret.get_secret_value()[:20]),), "o", None
        )

    desk.subscribe = quote  # type: ignore[method-assign]
    with pytest.raises(RecordRefused, match=r"\(422\): no reason given"):
        subscribe(site)


def test_replacing_one_for_all_sub_types_spares_those_of_others(site: Pair) -> None:
    desk = Desk(site)
    desk.add(Wanted("AccountingDocuments", "All"), THEIRS)
    desk.add(Wanted("AccountingDocuments", "WaitingForPrebook"), "https://prebook.example.com/hook")
    with pytest.raises(RecordRefused, match=r"WaitingForPrebook to https://prebook\.example\.com"):
        subscribe(site, replace=True)
    assert (len(desk.listed), desk.calls, secret_of(site)) == (2, 0, "")


def test_a_double_stays_where_ending_it_would_end_one_of_others(site: Pair) -> None:
    desk = Desk(site)
    desk.add(Wanted("AccountingDocuments", "All"), URL)
    desk.add(Wanted("AccountingDocuments", "WaitingForPrebook"), "https://prebook.example.com/hook")
    assert subscribe(site).standing.sound
    assert len(desk.listed) == 4


def test_without_notifications_of_requests_invoices_are_notified_all_the_same(site: Pair) -> None:
    desk = Desk(site)
    desk.refused["RequestStatus"] = Receipt(None, 422, (), "ours-1", None)
    done = subscribe(site)
    assert done.standing.sound
    assert "RequestStatus/Error" in done.standing.detail
    assert any("found by polling alone" in note for note in done.notes)


def test_a_subscription_of_somebody_else_is_not_taken_over(site: Pair) -> None:
    desk = Desk(site)
    desk.add(Wanted("AccountingDocuments", "All"), f"{THEIRS}?key=x", SecretStr("theirs"))
    with pytest.raises(RecordRefused, match="--replace") as refused:
        subscribe(site)
    assert "key=x" not in str(refused.value)
    assert (desk.calls, secret_of(site)) == (0, "")
    assert subscribe(site, replace=True).standing.sound
    assert {one.url for one in desk.listed} == {URL}


def test_where_a_second_subscription_stands_beside_the_first_one_is_left(site: Pair) -> None:
    desk = Desk(site)
    subscribe(site)
    assert len(desk.listed) == 2
    subscribe(site, rotate=True)
    assert sorted(one.task_type for one in desk.listed) == ["AccountingDocuments", "RequestStatus"]
    assert {webhook_secret.known(site.connector).verdict(one.token) for one in desk.listed} == {"matches"}


def test_a_store_that_does_not_know_the_address_learns_it(site: Pair) -> None:
    desk = Desk(site, shows=False)
    site.connector.vault.put(webhook_secret.NAME, SecretStr("kept"), "ap")
    for kind in WANTED:
        desk.add(kind, URL)
    assert subscribe(site).asked == ()
    status = push_watch.status(site.connector)
    assert status is not None
    assert (status.url, status.standing.sound) == (URL, True)


def test_a_subscription_without_any_secret_here_gets_one(site: Pair) -> None:
    desk = Desk(site, shows=False)
    for kind in WANTED:
        desk.add(kind, URL)
    done = subscribe(site)
    assert (len(done.asked), done.new_secret, done.standing.sound) == (2, True, True)


def test_a_subscription_signed_with_another_secret_is_made_ours(site: Pair) -> None:
    desk = Desk(site)
    subscribe(site)
    kept = secret_of(site)
    desk.listed = []
    desk.add(INVOICES, URL, SecretStr("of somebody else"))
    found = push_watch.check(site.connector)
    assert found is not None
    assert (found.state, "another secret" in found.detail) == ("foreign", True)
    assert subscribe(site).standing.sound
    assert secret_of(site) == kept


def test_the_list_shows_how_secrets_compare_and_no_secret(site: Pair) -> None:
    desk = Desk(site)
    assert subscriptions.show(site.connector).standing is None
    subscribe(site)
    desk.add(Wanted("ExportedContracts", None), THEIRS, SecretStr("theirs"))
    desk.add(Wanted("ExportedPurchaseOrders", None), THEIRS)
    found = subscriptions.show(site.connector)
    assert [one.secret for one in found.listed] == ["matches", "matches", "differs", "not told"]
    assert [one.ours for one in found.listed] == [True, True, False, False]
    assert "theirs" not in repr(found)
    assert secret_of(site) not in repr(found)


def test_unsubscribing_deletes_ours_and_leaves_others(site: Pair) -> None:
    desk = Desk(site)
    desk.add(Wanted("ExportedContracts", None), THEIRS)
    subscribe(site)
    done = subscriptions.unsubscribe(site.connector, actor="ap")
    assert done.deleted == (str(INVOICES), str(REQUESTS))
    assert [one.url for one in desk.listed] == [THEIRS]
    assert [one.url for one in done.left] == [THEIRS]
    assert push_watch.status(site.connector) is None
    assert actions(site)[-1] == "webhook unsubscribed"
    assert subscriptions.unsubscribe(site.connector, actor="ap").deleted == ()


def test_unsubscribing_spares_an_older_one_of_the_same_kind(site: Pair) -> None:
    desk = Desk(site)
    subscribe(site)
    desk.add(INVOICES, THEIRS, at="2026-11-01T00:00:00.000Z")
    subscriptions.unsubscribe(site.connector, actor="ap")
    assert [one.url for one in desk.listed] == [THEIRS]


@pytest.mark.parametrize("at", ["2026-11-30T00:00:00.000Z", "some day"])
def test_unsubscribing_stops_where_basware_would_delete_another_one_too(site: Pair, at: str) -> None:
    desk = Desk(site)
    subscribe(site)
    desk.add(INVOICES, THEIRS, at=at)
    with pytest.raises(RecordRefused, match="say --all"):
        subscriptions.unsubscribe(site.connector, actor="ap")
    assert len(desk.listed) == 3
    subscriptions.unsubscribe(site.connector, every=True, actor="ap")
    assert desk.listed == []


def test_what_basware_still_lists_afterwards_is_told(site: Pair) -> None:
    desk = Desk(site)
    subscribe(site)
    desk.unsubscribe = lambda *_: 0  # type: ignore[method-assign, assignment]
    with pytest.raises(RecordRefused, match="still lists 2"):
        subscriptions.unsubscribe(site.connector, actor="ap")
    assert push_watch.status(site.connector) is not None
