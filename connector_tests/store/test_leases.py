"""Leases: one holder at a time, a fence that grows, a dead owner's lease at once, a lost one without effect."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select

from connector_defs.domain.states import State
from connector_defs.store import invoices
from connector_defs.store.engine import Store
from connector_defs.store.leases import LEASE_SECONDS, UNREADABLE, LeaseLost, LeaseTaken, owner_of
from connector_defs.store.tables import audit_event, lease
from connector_tests.store.builders import NOON, SetClock, leases, move_along, pretend_owner, stored, take_in

LATER = NOON + timedelta(days=1)


def pid_of_nobody() -> int:
    """The id of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_fence_grows_with_every_holder(store: Store, clock: SetClock) -> None:
    lanes = leases(store, clock)
    fences = []
    for _ in range(3):
        with lanes.hold("operator/A") as held:
            fences.append(held.fence)
    assert fences == [1, 2, 3]


def test_each_lane_has_a_fence_of_its_own(store: Store, clock: SetClock) -> None:
    lanes = leases(store, clock)
    with lanes.hold("operator/A") as one, lanes.hold("operator/B") as other:
        assert (one.fence, other.fence) == (1, 1)


def test_a_second_holder_is_refused_until_the_first_gives_it_back(store: Store, clock: SetClock) -> None:
    first, second = leases(store, clock), leases(store, clock)
    with (
        first.hold("operator/A"),
        pytest.raises(LeaseTaken, match=r"lane operator/A is worked on .* until 12:01:30 UTC"),
        second.hold("operator/A"),
    ):
        pass
    with second.hold("operator/A") as held:
        assert held.fence == 2


def test_a_lease_is_given_back_after_an_error(store: Store, clock: SetClock) -> None:
    lanes = leases(store, clock)
    with pytest.raises(ZeroDivisionError), lanes.hold("operator/A"):
        raise ZeroDivisionError
    with lanes.hold("operator/A") as held:
        assert held.fence == 2


def test_a_lease_runs_out(store: Store, clock: SetClock) -> None:
    lanes = leases(store, clock)
    with lanes.hold("operator/A") as first:
        clock.wait(LEASE_SECONDS - 1)
        with pytest.raises(LeaseTaken), lanes.hold("operator/A"):
            pass
        clock.wait(1)
        with lanes.hold("operator/A") as second:
            assert second.fence == first.fence + 1
            with pytest.raises(LeaseLost):
                lanes.renew(first)


def test_a_renewed_lease_runs_on(store: Store, clock: SetClock) -> None:
    lanes = leases(store, clock, seconds=10)
    with lanes.hold("operator/A") as held:
        clock.wait(9)
        lanes.renew(held)
        clock.wait(9)
        with pytest.raises(LeaseTaken), lanes.hold("operator/A"):
            pass


def test_the_late_end_of_a_lost_lease_does_not_free_the_new_holders(store: Store, clock: SetClock) -> None:
    lanes = leases(store, clock)
    first = lanes.hold("operator/A")
    first.__enter__()
    clock.wait(LEASE_SECONDS)
    with lanes.hold("operator/A"):
        first.__exit__(None, None, None)
        with pytest.raises(LeaseTaken), lanes.hold("operator/A"):
            pass


class TestDeadOwners:
    """A process of this host that no longer runs holds nothing."""

    def test_its_lease_is_taken_at_once(self, store: Store, clock: SetClock) -> None:
        lanes = leases(store, clock)
        with lanes.hold("operator/A"):
            pretend_owner(store, "operator/A", owner_of(pid_of_nobody()), LATER)
            with lanes.hold("operator/A") as held:
                assert held.fence == 2

    @pytest.mark.parametrize(
        "owner",
        [f"another-host{owner_of(os.getpid())}", owner_of(os.getpid()), owner_of(1), "unheard-of"],
        ids=["another host", "this process", "the first process", "in other words"],
    )
    def test_a_living_owner_or_one_of_another_host_keeps_its_lease(
        self, owner: str, store: Store, clock: SetClock
    ) -> None:
        lanes = leases(store, clock)
        with lanes.hold("operator/A"):
            pretend_owner(store, "operator/A", owner, LATER)
            with pytest.raises(LeaseTaken), lanes.hold("operator/A"):
                pass

    def test_one_whose_container_counts_apart_keeps_its_lease(
        self, store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Containers on the host's network share its name; a number that is nobody's here may be somebody's there."""
        lanes = leases(store, clock)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("connector_defs.store.leases.numbering", lambda: "4026539999")
            owner = owner_of(pid_of_nobody())
        with lanes.hold("operator/A"):
            pretend_owner(store, "operator/A", owner, LATER)
            with pytest.raises(LeaseTaken), lanes.hold("operator/A"):
                pass

    def test_what_tells_an_owner_fits_its_column(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("socket.gethostname", lambda: "h" * 64)
        assert len(owner_of(4_194_304)) + len("99999999999") <= 80

    def test_a_killed_holder_is_succeeded_with_the_next_fence(self, state_url: str, store: Store) -> None:
        code = (
            "import os, sys\n"
            "from connector_defs.domain.clock import SystemClock\n"
            "from connector_defs.store.schema import open_store\n"
            "from connector_defs.store.leases import Leases\n"
            "from connector_defs.store.seal import Seal\n"
            "seal = Seal(lambda: sys.argv[2])\n"
            "leases = Leases(open_store(sys.argv[1]), SystemClock(), seal)\n"
            "held = leases.hold('operator/A').__enter__()\n"
            "leases.remember_session(held, 'left-open')\n"
            "os.kill(os.getpid(), 9)\n"
        )
        key = Fernet.generate_key()
        ended = subprocess.run([sys.executable, "-c", code, state_url, key.decode()], check=False)
        assert ended.returncode == -9
        lanes = leases(store, SetClock(), key=key)
        with lanes.hold("operator/A") as held:
            assert held.fence == 2
            assert lanes.orphan_session(held) == "left-open"


class TestLostLeases:
    """A worker that lost its lane writes nothing more."""

    def test_its_move_raises_and_takes_no_effect(self, store: Store, clock: SetClock) -> None:
        lanes = leases(store, clock)
        current = move_along(store, take_in(store), State.READY, State.ACKNOWLEDGED)
        with lanes.hold("operator/A") as first:
            clock.wait(LEASE_SECONDS)
            with (
                lanes.hold("operator/A"),
                pytest.raises(LeaseLost, match="passed to another worker"),
                store.write() as connection,
            ):
                invoices.move(connection, current, State.POSTING, clock.now(), lease=first)
        assert stored(store, "inv-1") == current
        with store.read() as connection:
            assert connection.scalar(select(func.count()).select_from(audit_event)) == 3

    def test_a_move_under_a_held_lease_extends_it_and_keeps_the_fence(
        self, store: Store, clock: SetClock
    ) -> None:
        lanes = leases(store, clock)
        current = move_along(store, take_in(store), State.READY, State.ACKNOWLEDGED)
        with lanes.hold("operator/A") as held:
            clock.wait(60)
            with store.write() as connection:
                moved = invoices.move(connection, current, State.POSTING, clock.now(), lease=held)
            assert moved.fence == stored(store, "inv-1").fence == held.fence
            clock.wait(60)
            with pytest.raises(LeaseTaken), lanes.hold("operator/A"):
                pass

    def test_it_neither_replaces_nor_forgets_the_new_holders_session(
        self, store: Store, clock: SetClock
    ) -> None:
        lanes = leases(store, clock)
        with lanes.hold("operator/A") as first:
            lanes.remember_session(first, "old")
            clock.wait(LEASE_SECONDS)
            with lanes.hold("operator/A") as second:
                lanes.remember_session(second, "new")
                with pytest.raises(LeaseLost):
                    lanes.remember_session(first, "late")
                lanes.forget_session(first)
                assert lanes.orphan_session(second) == "new"


class TestSessions:
    """The open session's id lies sealed beside the lease."""

    def test_it_is_not_readable_in_the_store(self, store: Store, clock: SetClock) -> None:
        lanes = leases(store, clock)
        with lanes.hold("operator/A") as held:
            assert lanes.orphan_session(held) is None
            lanes.remember_session(held, "4711-session")
            with store.read() as connection:
                sealed = connection.scalar(select(lease.c.sealed_session))
            assert b"4711" not in (sealed or b"")
            assert lanes.orphan_session(held) == "4711-session"

    def test_a_successor_finds_what_was_left_open_and_not_what_was_closed(
        self, store: Store, clock: SetClock
    ) -> None:
        lanes = leases(store, clock)
        with lanes.hold("operator/A") as held:
            lanes.remember_session(held, "left")
        with lanes.hold("operator/A") as held:
            assert lanes.orphan_session(held) == "left"
            lanes.forget_session(held)
        with lanes.hold("operator/A") as held:
            assert lanes.orphan_session(held) is None

    def test_what_another_key_sealed_is_a_session_whose_id_nobody_knows(
        self, store: Store, clock: SetClock
    ) -> None:
        with leases(store, clock).hold("operator/A") as held:
            leases(store, clock).remember_session(held, "left")
            assert leases(store, clock).orphan_session(held) == UNREADABLE
