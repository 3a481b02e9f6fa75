"""One operator has one session: opened late, opened again once, always closed."""

import logging
import threading

import httpx
import pytest
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal, LaneBlocked, OutcomeUnknown, RetryLater
from connector_defs.syspro.enet import EnetClient, SessionLost
from connector_defs.syspro.session import ASKED_FOR, EnetCredentials, EnetSession
from connector_tests.syspro.test_enet import BASE, EXPIRED, GOOD, Service, client_of

CREDENTIALS = EnetCredentials("INTEG", SecretStr("op-secret"), "M1", SecretStr(""))


class Lease:
    """A lease in memory that keeps the order of what it was told."""

    def __init__(self, left_over=None):
        self.left_over = left_over
        self.told = []

    def ask(self):
        self.told.append("ask")

    def remember(self, session_id):
        self.told.append(f"remember {session_id}")

    def forget(self):
        self.told.append("forget")

    def orphan(self):
        return self.left_over


def session_of(service, lease=None):
    return EnetSession(client_of(service), CREDENTIALS, lease or Lease())


def paths(service):
    return [request.url.path.rsplit("/", 1)[1] for request in service.requests]


def test_a_batch_logs_on_once_and_off_at_its_end():
    service, lease = Service("S1", GOOD, GOOD, "0"), Lease()
    with session_of(service, lease) as session:
        session.post("APSTIN", "<p/>", "<d/>")
        session.query("COMFND", "<q/>")
        assert lease.told == ["ask", "remember S1"]
    assert paths(service) == ["Logon", "Post", "Query", "Logoff"]
    assert lease.told == ["ask", "remember S1", "forget"]
    assert (session.logons, session.evictions) == (1, 0)


def test_a_batch_without_calls_opens_nothing():
    service = Service()
    with session_of(service):
        pass
    assert service.requests == []


def test_the_session_is_closed_when_the_batch_fails():
    service = Service("S1", GOOD, "0")

    def batch():
        with session_of(service) as session:
            session.setup("Update", "APSSSP", "<p/>", "<d/>")
            raise KeyError

    with pytest.raises(KeyError):
        batch()
    assert paths(service) == ["Logon", "Update", "Logoff"]


def test_an_evicted_session_is_opened_again_and_the_call_repeated_once():
    service, lease = Service("S1", EXPIRED, "S2", GOOD, "0"), Lease()
    with session_of(service, lease) as session:
        session.post("APSTIN", "<p/>", "<d/>")
    assert paths(service) == ["Logon", "Post", "Logon", "Post", "Logoff"]
    assert service.query(3)["UserId"] == service.query(4)["UserId"] == "S2"
    assert lease.told == ["ask", "remember S1", "forget", "ask", "remember S2", "forget"]
    assert (session.logons, session.evictions) == (2, 1)


def test_two_evictions_within_one_call_point_to_a_shared_operator():
    service = Service("S1", EXPIRED, "S2", EXPIRED)
    with (
        pytest.raises(SessionLost, match="Operator INTEG lost its session twice"),
        session_of(service) as session,
    ):
        session.profile()
    assert paths(service) == ["Logon", "GetLogonProfile", "Logon", "GetLogonProfile"]
    assert session.evictions == 2


def test_a_look_before_the_repeat_runs_under_the_new_session_and_can_stop_it():
    service = Service("S1", EXPIRED, "S2", GOOD, "0")

    with session_of(service) as session:

        def look():
            session.query("COMFND", "<q/>")
            raise OutcomeUnknown("found")

        with pytest.raises(OutcomeUnknown, match="found"):
            session.post("APSTIN", "<p/>", "<d/>", before_repeat=look)
    assert paths(service) == ["Logon", "Post", "Logon", "Query", "Logoff"]


def test_a_look_that_finds_nothing_lets_the_repeat_go_on_even_after_another_eviction():
    service = Service("S1", EXPIRED, "S2", EXPIRED, "S3", GOOD, GOOD, "0")
    with session_of(service) as session:
        session.post("APSTIN", "<p/>", "<d/>", before_repeat=lambda: session.query("COMFND", "<q/>") and None)
    assert paths(service) == ["Logon", "Post", "Logon", "Query", "Logon", "Query", "Post", "Logoff"]
    assert service.query(6)["UserId"] == "S3"


@pytest.mark.parametrize(
    ("text", "kind"), [("ERROR: Invalid operator password", Fatal), ("ERROR: no licence", LaneBlocked)]
)
def test_a_refused_logon_passes_on_and_leaves_nothing_to_close(text, kind):
    service = Service(text)
    with pytest.raises(kind), session_of(service) as session:
        session.post("APSTIN", "<p/>", "<d/>")
    assert paths(service) == ["Logon"]


def test_an_orphan_is_logged_off_first():
    service, lease = Service("0"), Lease("OLD")
    with session_of(service, lease):
        pass
    assert paths(service) == ["Logoff"]
    assert service.query()["UserId"] == "OLD"
    assert lease.told == ["forget"]


def test_a_session_whose_id_died_with_its_worker_is_ended_by_a_logon():
    """Only the operator is known: its next logon ends whatever it has open, and is logged off with the batch."""
    service, lease = Service("S1", "0"), Lease(ASKED_FOR)
    with session_of(service, lease):
        pass
    assert paths(service) == ["Logon", "Logoff"]
    assert lease.told == ["ask", "remember S1", "forget"]


def test_the_session_that_ends_a_lost_one_serves_the_batch():
    service, lease = Service("S1", GOOD, "0"), Lease(ASKED_FOR)
    with session_of(service, lease) as session:
        session.query("COMFND", "<q/>")
    assert paths(service) == ["Logon", "Query", "Logoff"]


def test_a_lost_session_that_cannot_be_ended_yet_does_not_stop_the_batch(caplog):
    service, lease = Service(httpx.ConnectError("refused"), "S1", GOOD, "0"), Lease(ASKED_FOR)
    with session_of(service, lease) as session:
        session.query("COMFND", "<q/>")
    assert "orphan session not closed" in caplog.text
    assert lease.told == ["ask", "ask", "remember S1", "forget"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("ERROR: No e.net Solutions license is available for this operator at present", ["ask", "forget"]),
        ("ERROR: Invalid operator password", ["ask", "forget"]),
        (httpx.ReadTimeout("slow"), ["ask"]),
    ],
)
def test_what_is_asked_for_stays_remembered_unless_it_was_plainly_refused(answer, told):
    lease = Lease()
    with session_of(Service(answer), lease) as session, pytest.raises((RetryLater, Fatal)):
        session.open()
    assert lease.told == told


def test_an_orphan_that_cannot_be_reached_does_not_stop_the_batch(caplog):
    service, lease = Service(httpx.ConnectError("refused"), "S1", GOOD, "0"), Lease("OLD")
    with session_of(service, lease) as session:
        session.query("COMFND", "<q/>")
    assert "orphan session not closed" in caplog.text
    assert lease.told == ["ask", "remember S1", "forget"]


def test_a_failed_log_off_leaves_the_session_to_the_lease(caplog):
    service, lease = Service("S1", GOOD, httpx.ReadTimeout("slow")), Lease()
    with session_of(service, lease) as session:
        session.query("COMFND", "<q/>")
    assert lease.told == ["ask", "remember S1"]
    assert "session not closed" in caplog.text


def test_a_session_that_cannot_be_remembered_is_closed_at_once():
    class Forgetful(Lease):
        def remember(self, session_id):
            raise RetryLater("store locked")

    service = Service("S1", "0")
    with pytest.raises(RetryLater, match="store locked"), session_of(service, Forgetful()) as session:
        session.query("COMFND", "<q/>")
    assert paths(service) == ["Logon", "Logoff"]


def test_calls_from_several_threads_wait_in_line():
    running = []
    worst = []

    class Slow(Service):
        def __call__(self, request):
            running.append(1)
            worst.append(len(running))
            answer = super().__call__(request)
            running.pop()
            return answer

    service = Slow("S1", *[GOOD] * 20, "0")
    with session_of(service) as session:
        threads = [threading.Thread(target=session.query, args=("COMFND", "<q/>")) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(worst) == 1
    assert session.logons == 1


def test_credentials_do_not_show_their_passwords():
    assert "op-secret" not in repr(CREDENTIALS)


def test_a_service_nobody_listens_on_blocks_the_lane():
    client = EnetClient(BASE.replace("https://erp.example:31002", "http://127.0.0.1:1"), timeout=5)
    with client, pytest.raises(LaneBlocked, match=r"Nothing was sent"):
        client.query("S", "COMFND", "<q/>")


def test_a_lost_session_is_told_in_the_log_without_its_id(caplog):
    caplog.set_level(logging.DEBUG)
    with session_of(Service("SECRET-ID", EXPIRED, "SECOND-ID", GOOD, "0")) as session:
        session.query("COMFND", "<q/>")
    assert "lost its session, logging on again" in caplog.text
    assert "SECRET-ID" not in caplog.text
