"""A call to subscribe that Basware refuses leaves everything as it was."""

import pytest
from pydantic import SecretStr

from connector_defs.domain.errors import RecordRefused
from connector_defs.flows import push_watch, webhook_secret
from connector_defs.flows.push_reports import Standing
from connector_defs.flows.push_watch import INVOICES
from connector_tests.flows.desk import NO, THEIRS, URL, Desk, actions, secret_of, subscribe
from connector_tests.flows.pair import Pair


def test_the_first_call_leaves_no_secret_and_nothing_to_watch(site: Pair) -> None:
    desk = Desk(site)
    desk.refused["AccountingDocuments"] = NO
    with pytest.raises(RecordRefused, match=r"\(422\): no reason given$"):
        subscribe(site)
    assert (secret_of(site), secret_of(site, webhook_secret.PREVIOUS)) == ("", "")
    assert push_watch.status(site.connector) is None
    assert actions(site) == ["webhook secret made", "webhook subscription refused"]
    desk.refused = {}
    assert subscribe(site).standing.sound


def test_a_rotation_leaves_the_secret_that_works(site: Pair) -> None:
    desk = Desk(site)
    subscribe(site)
    first = secret_of(site)
    subscribe(site, rotate=True)
    second = secret_of(site)
    desk.refused["AccountingDocuments"] = NO
    with pytest.raises(RecordRefused):
        subscribe(site, rotate=True)
    assert (secret_of(site), secret_of(site, webhook_secret.PREVIOUS)) == (second, first)
    status = push_watch.status(site.connector)
    assert status is not None
    assert (status.standing, status.url) == (Standing("ours", ""), URL)


@pytest.mark.parametrize("blind", [True, False])
def test_a_rotation_is_not_undone_where_basware_may_sign_with_the_new_secret(site: Pair, blind: bool) -> None:
    desk = Desk(site, shows=False)
    subscribe(site)
    first = secret_of(site)
    desk.refused["AccountingDocuments"] = NO
    desk.blind_after = desk.calls if blind else None
    with pytest.raises(RecordRefused):
        subscribe(site, rotate=True)
    assert secret_of(site) != first
    assert secret_of(site, webhook_secret.PREVIOUS) == first
    status = push_watch.status(site.connector)
    assert status is not None
    assert status.standing.detail == "a call to subscribe was not finished"


def test_the_subscription_that_was_to_be_replaced_is_made_again(site: Pair) -> None:
    desk = Desk(site)
    subscribe(site)
    kept = secret_of(site)
    desk.refuses_url = "https://typo.example.com/webhooks/basware"
    with pytest.raises(RecordRefused, match=r"no reason given$"):
        subscribe(site, desk.refuses_url, replace=True)
    assert {one.url for one in desk.listed} == {URL}
    assert len(desk.listed) == 2
    assert secret_of(site) == kept
    found = push_watch.check(site.connector)
    assert found == Standing("ours", "")


def test_one_that_cannot_be_made_again_is_named(site: Pair) -> None:
    desk = Desk(site)
    desk.add(INVOICES, f"{THEIRS}?key=x")
    desk.refuses_url = URL
    with pytest.raises(
        RecordRefused,
        match=r"AccountingDocuments/WaitingForTransfer to https://other\.example\.com/hook\?… was deleted",
    ):
        subscribe(site, replace=True)


def test_one_that_basware_does_not_delete_stays(site: Pair) -> None:
    desk = Desk(site)
    desk.add(INVOICES, THEIRS, SecretStr("theirs"))

    def fixed(*_: object) -> int:
        raise RecordRefused("it stays", code="unsubscribe_refused")

    desk.unsubscribe = fixed  # type: ignore[method-assign]
    with pytest.raises(RecordRefused, match=r"it stays$"):
        subscribe(site, replace=True)
    assert [one.url for one in desk.listed] == [THEIRS]
    assert (secret_of(site), push_watch.status(site.connector)) == ("", None)
