"""One e.net session of one operator, used by one caller at a time.

Belongs here: when to log on, when again, and that every session is logged off.
Not here: who may hold the operator across processes; the `SessionLease` given by the caller knows that.
Source: SYSPRO wire notes 1.6, 1.7.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from pydantic import SecretStr

from connector_defs.domain.errors import ConnectorError, Fatal
from connector_defs.points import reach
from connector_defs.syspro.enet import EnetClient, Reply, SessionLost, SetupAction, SystemRefused

_log = logging.getLogger(__name__)

# Remembered while a logon is asked for. No session id holds a blank.
ASKED_FOR: Final = "asked for"

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class EnetCredentials:
    """What `Logon` asks for; the company password is often empty."""

    operator: str
    operator_password: SecretStr
    company: str
    company_password: SecretStr


class SessionLease(Protocol):
    """Durable memory of the operator's session id, so that a dead process leaves no session behind."""

    def ask(self) -> None:
        """A logon comes next: until its answer is remembered, a session may be open whose id nobody knows.

        Raises where the operator is another worker's by now: a logon would evict that one.
        """
        ...

    def remember(self, session_id: str) -> None:
        """A session was opened."""
        ...

    def forget(self) -> None:
        """The remembered session is closed."""
        ...

    def orphan(self) -> str | None:
        """The id a dead process left open, if any; ASKED_FOR where it died before it learnt the id."""
        ...


class EnetSession:
    """Calls under one session, which is opened at the first call and closed on leaving the `with` block.

    Where e.net no longer knows the session (expired, or evicted by a second logon of the operator), it logs
    on once more and repeats the call once; a second loss within one call raises `SessionLost`, for then
    somebody else uses the operator. `logons` and `evictions` count. Calls from several threads wait in line.
    """

    def __init__(self, client: EnetClient, credentials: EnetCredentials, lease: SessionLease) -> None:
        self._client = client
        self._credentials = credentials
        self._lease = lease
        self._lock = RLock()
        self._session: str | None = None
        self.logons = 0
        self.evictions = 0

    def __enter__(self) -> Self:
        orphan = self._lease.orphan()
        if orphan:
            try:
                if orphan == ASKED_FOR:
                    # Of a session whose id nobody knows, only a new logon of its operator makes an end.
                    self.open()
                else:
                    self._client.logoff(orphan)
                    self._lease.forget()
            except ConnectorError as error:
                _log.warning("Operator %s: orphan session not closed: %s", self._credentials.operator, error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log off. A log-off that fails is logged and left to the lease as an orphan; it never raises."""
        with self._lock:
            session, self._session = self._session, None
            if session is None:
                return
            try:
                self._client.logoff(session)
                reach("logoff.answered")
            except ConnectorError as error:
                _log.warning("Operator %s: session not closed: %s", self._credentials.operator, error)
            else:
                self._lease.forget()

    def open(self) -> None:
        """Log on now, if that was not done yet: what refuses the logon has then touched no document."""
        with self._lock:
            self._open()

    def post(
        self,
        business_object: str,
        xml_parameters: str,
        xml_in: str,
        *,
        before_repeat: Callable[[], None] | None = None,
    ) -> Reply:
        """`EnetClient.post` under this session.

        `before_repeat` runs after a fresh logon and before the call is repeated: a place to look whether the
        first one posted after all, and to raise if it did.
        """
        return self._under_session(
            lambda session: self._client.post(session, business_object, xml_parameters, xml_in), before_repeat
        )

    def query(self, business_object: str, xml_in: str) -> Reply:
        """`EnetClient.query` under this session."""
        return self._under_session(lambda session: self._client.query(session, business_object, xml_in))

    def setup(self, action: SetupAction, business_object: str, xml_parameters: str, xml_in: str) -> Reply:
        """`EnetClient.setup` under this session."""
        return self._under_session(
            lambda session: self._client.setup(session, action, business_object, xml_parameters, xml_in)
        )

    def profile(self) -> dict[str, str]:
        """`EnetClient.profile` under this session."""
        return self._under_session(self._client.profile)

    def _under_session(
        self, call: Callable[[str], _Result], before_repeat: Callable[[], None] | None = None
    ) -> _Result:
        with self._lock:
            try:
                return call(self._open())
            except SessionLost as lost:
                self._drop()
                _log.warning(
                    "Operator %s lost its session, logging on again: %s", self._credentials.operator, lost
                )
            session = self._open()
            if before_repeat is not None:
                before_repeat()
                session = self._open()
            try:
                return call(session)
            except SessionLost as lost:
                self._drop()
                raise SessionLost(
                    f"Operator {self._credentials.operator} lost its session twice within one call: another "
                    f"program or person uses the same operator. Give the connector one of its own. ({lost})"
                ) from None

    def _open(self) -> str:
        if self._session is None:
            self._lease.ask()
            try:
                session = self._logon()
            except (Fatal, SystemRefused):
                # Refused in so many words: no session was opened.
                self._lease.forget()
                raise
            self._session = session
            self.logons += 1
            reach("logon.answered")
            try:
                self._lease.remember(session)
            except BaseException:
                self.close()
                raise
            reach("logon.remembered")
        return self._session

    def _logon(self) -> str:
        credentials = self._credentials
        return self._client.logon(
            credentials.operator,
            credentials.operator_password,
            credentials.company,
            credentials.company_password,
        )

    def _drop(self) -> None:
        self._session = None
        self.evictions += 1
        self._lease.forget()
