"""The logons both simulated systems accept. They open nothing but a sandbox on this machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SandboxCredentials:
    """One operator, one OData user, one OAuth2 client and one webhook signing key."""

    operator: str = "INTEG"
    operator_password: str = "sandbox-operator"
    company_password: str = ""
    odata_username: str = "odata"
    odata_password: str = "sandbox-odata"
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    webhook_secret: str = "sandbox-webhook-secret"
