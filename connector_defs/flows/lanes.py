"""A lane is one SYSPRO operator: its lease, its logon, and what is remembered of its session.

A company with several operators has several lanes, which post side by side. What is posted is in `posting`.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from pydantic import SecretStr

from connector_defs.domain.errors import LaneBlocked
from connector_defs.flows.backoff import backoff
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store.leases import UNREADABLE, Lease, Leases, LeaseTaken
from connector_defs.syspro.enet import LogonRefused
from connector_defs.syspro.session import ASKED_FOR, EnetCredentials, EnetSession

_PAUSE_SECONDS = 0.2
_PREFIX = "operator/"


class LaneSession:
    """The durable memory of the lane's session id, so that a successor can log off what a crash left open."""

    def __init__(self, leases: Leases, lease: Lease) -> None:
        self._leases = leases
        self._lease = lease

    def ask(self) -> None:
        """The operator is still ours to log on, and its logon is asked for. Raises LeaseLost."""
        self._leases.renew(self._lease)
        self._leases.remember_session(self._lease, ASKED_FOR)

    def remember(self, session_id: str) -> None:
        """A session was opened."""
        self._leases.remember_session(self._lease, session_id)

    def forget(self) -> None:
        """The session is closed."""
        self._leases.forget_session(self._lease)

    def orphan(self) -> str | None:
        """The id a dead process left open, if any, or that it was asking for one.

        An id that no key opens any more is as good as one that was never learnt.
        """
        found = self._leases.orphan_session(self._lease)
        return ASKED_FOR if found == UNREADABLE else found


def lane_name(operator: str) -> str:
    """The lease of a lane: SYSPRO keeps one session per operator, whatever the company."""
    return f"{_PREFIX}{operator}"


def lane_names(company: CompanySettings) -> frozenset[str]:
    """Every lane of the company."""
    return frozenset(lane_name(each.operator) for each in credentials(company))


def credentials(company: CompanySettings) -> tuple[EnetCredentials, ...]:
    """The e.net logon of each operator, the first one's first."""
    first = EnetCredentials(
        company.operator, company.operator_password, company.syspro_company, company.company_password
    )
    return (
        first,
        *(
            EnetCredentials(
                each.operator, each.operator_password, company.syspro_company, company.company_password
            )
            for each in company.extra_operators
        ),
    )


@contextmanager
def free_lanes(
    connector: Connector, company: CompanySettings, *, at_most: int | None = None
) -> Iterator[list[Lease]]:
    """Leases of every lane nobody works on, or of `at_most` so many; where all are taken or rest, one is waited for.

    Raises LeaseTaken where others work on all of them, LaneBlocked where the free ones rest until later.
    """
    linger = connector.settings.timing.linger_seconds
    deadline = time.monotonic() + linger
    latest = connector.clock.now() + timedelta(seconds=linger)
    with ExitStack() as held:
        while True:
            leases, taken, resting = _take(held, connector, company, at_most)
            if leases:
                break
            soon = [until for until in resting if until <= latest]
            if time.monotonic() >= deadline or not (taken or soon):
                raise taken or LaneBlocked(_rests(connector, company))
            pause = (min(soon) - connector.clock.now()).total_seconds() if soon and not taken else 0.0
            connector.clock.wait(max(pause, _PAUSE_SECONDS))
        reach("lane.leased")
        yield leases
    reach("lane.returned")


def _take(
    held: ExitStack, connector: Connector, company: CompanySettings, at_most: int | None
) -> tuple[list[Lease], LeaseTaken | None, list[datetime]]:
    leases: list[Lease] = []
    taken: LeaseTaken | None = None
    resting: list[datetime] = []
    for name in sorted(lane_names(company)):
        if len(leases) == at_most:
            break
        until = _rests_until(connector, name)
        if until is not None:
            resting.append(until)
            continue
        try:
            leases.append(held.enter_context(connector.leases.hold(name)))
        except LeaseTaken as other:
            taken = other
    return leases, taken, resting


def _rests_until(connector: Connector, name: str) -> datetime | None:
    """None where the lane may go: its rest is over, or other passwords are in force than those that were refused."""
    pause = connector.leases.pause_of(name)
    if pause.until is None or pause.until <= connector.clock.now():
        return None
    if pause.refused and pause.refused != _fingerprint(connector, name):
        return None
    return pause.until


def _fingerprint(connector: Connector, name: str) -> str:
    """What stands for the passwords that the lane logs on with."""
    passwords = [
        f"{each.company}\n{each.operator_password.get_secret_value()}\n{each.company_password.get_secret_value()}"
        for company in connector.companies
        for each in credentials(company)
        if lane_name(each.operator) == name
    ]
    return connector.vault.fingerprint(name, SecretStr("\n".join(passwords)))


def _rests(connector: Connector, company: CompanySettings) -> str:
    pauses = [connector.leases.pause_of(name) for name in sorted(lane_names(company))]
    reasons = "; ".join(dict.fromkeys(pause.reason for pause in pauses if pause.reason))
    until = min((pause.until for pause in pauses if pause.until is not None), default=None)
    return f"the lane rests{f' until {until:%H:%M:%S} UTC' if until else ''}: {reasons}"


@contextmanager
def lane_session(connector: Connector, company: CompanySettings, lease: Lease) -> Iterator[EnetSession]:
    """A session of the lane's operator over a connection of its own; logged off whatever happens."""
    logon = next(each for each in credentials(company) if lane_name(each.operator) == lease.name)
    with (
        connector.new_enet() as client,
        EnetSession(client, logon, LaneSession(connector.leases, lease)) as session,
    ):
        yield session


def rest(connector: Connector, lease: Lease, blocked: LaneBlocked | LogonRefused) -> datetime:
    """SYSPRO as a whole refuses: the lane rests, longer each time in a row. Returns until when.

    A refused password is tried again as rarely: SYSPRO locks an operator after some refusals. Another password ends
    the rest.
    """
    timing = connector.settings.timing
    count = connector.leases.pause_of(lease.name).count + 1
    wait = backoff(count, timing.retry_base_seconds, timing.retry_max_seconds)
    until = connector.clock.now() + wait
    refused = _fingerprint(connector, lease.name) if isinstance(blocked, LogonRefused) else ""
    connector.leases.pause(lease, until, str(blocked), refused)
    return until
