"""Leases across processes: who may act on a lane, with a fence number that grows at every change of hands.

A writer that lost its lease still holds the older fence, so its writes match no row. A lease whose owner
was a process of this host that no longer runs is free at once; otherwise it runs out after LEASE_SECONDS.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from connector_defs.domain.clock import Clock
from connector_defs.domain.errors import RetryLater
from connector_defs.processes import is_dead, mark_of, numbering
from connector_defs.store.engine import Store
from connector_defs.store.seal import Seal
from connector_defs.store.sealed import SESSIONS
from connector_defs.store.tables import lease
from connector_defs.store.upsert import insert_missing

LEASE_SECONDS = 90
# In place of a remembered session id that no key opens any more.
UNREADABLE = ""


class LeaseTaken(RetryLater):
    """Another worker holds the lane; it will finish the work or its lease will run out."""


class LeaseLost(RetryLater):
    """The lane passed to another worker while we worked: our write took no effect."""


@dataclass(frozen=True)
class Lease:
    """A lease held by this worker."""

    name: str
    owner: str
    fence: int
    seconds: float = LEASE_SECONDS


@dataclass(frozen=True)
class Pause:
    """Why a lane rests: until when, for the how many-th time in a row, and what the other side said.

    `refused` stands for the passwords that were refused, where that is why.
    """

    until: datetime | None
    count: int
    reason: str
    refused: str = ""


class Leases:
    """Takes, renews and gives back leases; keeps the lane's SYSPRO session id sealed beside it."""

    def __init__(self, store: Store, clock: Clock, seal: Seal, seconds: float = LEASE_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._seal = seal
        self._seconds = seconds

    @contextmanager
    def hold(self, name: str) -> Iterator[Lease]:
        """Hold lease `name` for the block. Raises LeaseTaken where another worker has it."""
        held = self._take(name)
        try:
            yield held
        finally:
            with self._store.write() as connection:
                connection.execute(
                    update(lease)
                    .where(lease.c.name == name, lease.c.fence == held.fence)
                    .values(owner="", expires_at=self._clock.now())
                )

    def _take(self, name: str) -> Lease:
        owner = owner_of(os.getpid())
        now = self._clock.now()
        with self._store.write() as connection:
            insert_missing(
                connection,
                lease,
                [{"name": name, "owner": "", "fence": 0, "expires_at": now - timedelta(days=1)}],
            )
            row = connection.execute(select(lease).where(lease.c.name == name)).one()
            if is_held(row.owner, row.expires_at, now) or not self._change_hands(
                connection, row.name, row.fence, owner, now
            ):
                raise LeaseTaken(
                    f"lane {name} is worked on by another process until {row.expires_at:%H:%M:%S} UTC at the latest; "
                    "run again later"
                )
        return Lease(name, owner, row.fence + 1, self._seconds)

    def _change_hands(self, connection: Connection, name: str, fence: int, owner: str, now: datetime) -> bool:
        taken = connection.execute(
            update(lease)
            .where(lease.c.name == name, lease.c.fence == fence)
            .values(owner=owner, fence=fence + 1, expires_at=now + timedelta(seconds=self._seconds))
        )
        return bool(taken.rowcount)

    def renew(self, held: Lease) -> None:
        """Extend the lease. Raises LeaseLost where it passed on."""
        with self._store.write() as connection:
            renew(connection, held, self._clock.now())

    def pause(self, held: Lease, until: datetime, reason: str, refused: str = "") -> None:
        """Nobody is to try this lane before `until`, or with the passwords that were refused. Raises LeaseLost."""
        with self._store.write() as connection:
            self._set(
                connection,
                held,
                paused_until=until,
                pauses=lease.c.pauses + 1,
                pause_reason=reason,
                refused=refused,
            )

    def unpause(self, held: Lease) -> None:
        """The lane works again: the next pause begins short. Raises LeaseLost."""
        with self._store.write() as connection:
            self._set(connection, held, paused_until=None, pauses=0, pause_reason="", refused="")

    def _set(self, connection: Connection, held: Lease, **values: object) -> None:
        done = connection.execute(
            update(lease).where(lease.c.name == held.name, lease.c.fence == held.fence).values(**values)
        )
        if not done.rowcount:
            raise _lost(held)

    def pause_of(self, name: str) -> Pause:
        """The pause a lane is in, or was in last."""
        with self._store.read() as connection:
            row = connection.execute(select(lease).where(lease.c.name == name)).first()
        if row is None:
            return Pause(None, 0, "")
        return Pause(row.paused_until, row.pauses, row.pause_reason, row.refused)

    def remember_session(self, held: Lease, session_id: str) -> None:
        """Keep the open session's id, sealed, so that a successor can log it off. Raises LeaseLost."""
        if not self._keep(held, self._seal.close(SESSIONS.bound_to(held.name), session_id)):
            raise _lost(held)

    def forget_session(self, held: Lease) -> None:
        """The session is closed. Where the lease passed on, its new holder keeps what it remembers."""
        self._keep(held, None)

    def _keep(self, held: Lease, sealed: bytes | None) -> bool:
        with self._store.write() as connection:
            kept = connection.execute(
                update(lease)
                .where(lease.c.name == held.name, lease.c.fence == held.fence)
                .values(sealed_session=sealed)
            )
        return bool(kept.rowcount)

    def orphan_session(self, held: Lease) -> str | None:
        """The session id a dead predecessor left open, if any; UNREADABLE where its key is gone."""
        with self._store.read() as connection:
            sealed = connection.scalar(select(lease.c.sealed_session).where(lease.c.name == held.name))
        if not sealed:
            return None
        found = self._seal.open(SESSIONS.bound_to(held.name), sealed)
        return UNREADABLE if found is None else found


def owner_of(pid: int) -> str:
    """What the store keeps of a lease's owner; no two are the same."""
    return f"{mark_of(pid)}:{numbering()}:{uuid.uuid4().hex[:8]}"


def is_held(owner: str | None, expires_at: datetime | None, now: datetime) -> bool:
    """True where a lease with these values has a living owner."""
    return bool(owner) and expires_at is not None and expires_at > now and not _has_died(str(owner))


def renew(connection: Connection, held: Lease, now: datetime) -> None:
    """Extend `held` in the caller's transaction: its other writes only commit while the lease is ours."""
    renewed = connection.execute(
        update(lease)
        .where(lease.c.name == held.name, lease.c.fence == held.fence, lease.c.owner == held.owner)
        .values(expires_at=now + timedelta(seconds=held.seconds))
    )
    if not renewed.rowcount:
        raise _lost(held)


def _lost(held: Lease) -> LeaseLost:
    return LeaseLost(f"lane {held.name} passed to another worker; this one stops without writing")


def _has_died(owner: str) -> bool:
    """True only for what is certain: a lease that is taken from a living owner puts two sessions on one operator."""
    mark, *told = owner.rsplit(":", 2)
    return told[:1] == [numbering()] and is_dead(mark)
