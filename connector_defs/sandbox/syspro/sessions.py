"""e.net sessions: one per operator, a second logon evicts the first, seats are few, idle ones end.

Source: SYSPRO wire notes 1.6 and 1.7.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.syspro.options import SysproOptions

INVALID_SESSION = (
    "The supplied UserID is invalid. Either the logon was not performed, or the session has expired. "
    "Please logon again."
)
NO_SEAT = "No e.net Solutions license is available for this operator at present"
ODD_LOGOFF = "Unable to read the SYSPRO base directory registry string BaseDir8"


class EnetError(Exception):
    """A refusal by e.net itself: answered with status 200 and the text `ERROR: …`."""


@dataclass(slots=True)
class Session:
    """One open logon."""

    session_id: str
    operator: str
    company: str
    opened: datetime
    used: datetime


class Sessions:
    """All open sessions of the service. Not thread-safe: the owner holds a lock."""

    def __init__(
        self,
        company: str,
        credentials: SandboxCredentials,
        options: SysproOptions,
        clock: Callable[[], datetime],
    ) -> None:
        self._company = company
        self._company_password = credentials.company_password
        self._passwords = {credentials.operator: credentials.operator_password, **options.other_operators}
        self._options = options
        self._clock = clock
        self._open: dict[str, Session] = {}
        self.counts: Counter[str] = Counter()

    @property
    def open(self) -> tuple[Session, ...]:
        """Sessions not logged off, evicted or idle too long."""
        self._end_idle()
        return tuple(self._open.values())

    def logon(self, operator: str, operator_password: str, company: str, company_password: str) -> str:
        """A new session id; EnetError for a wrong password, a wrong company or a full service."""
        if self._passwords.get(operator) != operator_password:
            self.counts["refused"] += 1
            raise EnetError("Invalid operator password")
        if company != self._company:
            self.counts["refused"] += 1
            raise EnetError(f"Company '{company}' not found")
        if company_password != self._company_password:
            self.counts["refused"] += 1
            raise EnetError("Invalid company password")
        self._end_idle()
        for earlier in [each for each in self._open.values() if each.operator == operator]:
            del self._open[earlier.session_id]
            self.counts["evicted"] += 1
        if len(self._open) >= self._options.seats:
            self.refuse()
        now = self._clock()
        session_id = self._new_id()
        self._open[session_id] = Session(session_id, operator, company, now, now)
        self.counts["logon"] += 1
        return session_id + ("  " if self._options.session_shape == "v7" else "")

    def change_password(self, operator: str, password: str) -> None:
        """From the next logon on the operator has this password; open sessions live on. KeyError when unknown."""
        if operator not in self._passwords:
            raise KeyError(operator)
        self._passwords[operator] = password

    def refuse(self) -> None:
        """Answer a logon as a service without a free seat does."""
        self.counts["refused"] += 1
        raise EnetError(NO_SEAT)

    def check(self, user_id: str) -> Session:
        """The session of this id, with or without its trailing blanks; its idle time starts again."""
        session = self.find(user_id)
        if session is None:
            raise EnetError(INVALID_SESSION)
        session.used = self._clock()
        return session

    def find(self, user_id: str) -> Session | None:
        """The open session of this id, without counting as its use."""
        self._end_idle()
        return self._open.get(user_id.rstrip(" "))

    def logoff(self, user_id: str) -> str:
        self._end_idle()
        if self._open.pop(user_id.rstrip(" "), None) is None:
            raise EnetError(ODD_LOGOFF)
        self.counts["logoff"] += 1
        return "0"

    def evict(self, user_id: str) -> None:
        """End a session as a logon of the same operator elsewhere does."""
        if self._open.pop(user_id.rstrip(" "), None) is not None:
            self.counts["evicted"] += 1

    def evict_operator(self, operator: str) -> int:
        """End every session of an operator; how many there were."""
        ids = [each.session_id for each in self._open.values() if each.operator == operator]
        for session_id in ids:
            self.evict(session_id)
        return len(ids)

    def _end_idle(self) -> None:
        limit = self._clock() - timedelta(minutes=self._options.idle_minutes)
        for session in [each for each in self._open.values() if each.used < limit]:
            del self._open[session.session_id]
            self.counts["expired"] += 1

    def _new_id(self) -> str:
        if self._options.session_shape == "v7":
            return secrets.token_hex(17).upper()
        return (secrets.token_hex(37) + "0").upper()
