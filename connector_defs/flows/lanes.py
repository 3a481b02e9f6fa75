"""A lane is one SYSPRO operator: its lease, its logon, and what is remembered of its session.

What is posted on it is in `posting`.
"""

from connector_defs.settings import CompanySettings
from connector_defs.store.leases import Lease, Leases
from connector_defs.syspro.session import EnetCredentials


class LaneSession:
    """The durable memory of the lane's session id, so that a successor can log off what a crash left open."""

    def __init__(self, leases: Leases, lease: Lease) -> None:
        self._leases = leases
        self._lease = lease

    def remember(self, session_id: str) -> None:
        """A session was opened."""
        self._leases.remember_session(self._lease, session_id)

    def forget(self) -> None:
        """The session is closed."""
        self._leases.forget_session(self._lease)

    def orphan(self) -> str | None:
        """The id a dead process left open, if any."""
        return self._leases.orphan_session(self._lease)


def lane_name(company: CompanySettings) -> str:
    """The lease of a lane: SYSPRO keeps one session per operator, whatever the company."""
    return f"operator/{company.operator}"


def credentials(company: CompanySettings) -> EnetCredentials:
    """The pair's e.net logon."""
    return EnetCredentials(
        company.operator, company.operator_password, company.syspro_company, company.company_password
    )
