"""The whole sandbox: one generated company in a simulated SYSPRO, its invoices in a simulated Basware, over HTTP."""

from types import TracebackType
from typing import Self

from connector_defs.sandbox.basware import BaswareSandbox
from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.loopback import LoopbackServer, Site
from connector_defs.sandbox.syspro.app import SysproSandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world import WorldOptions, build_world

SYSPRO_SERVER_HEADER = "Microsoft-HTTPAPI/2.0"


class Sandbox:
    """Both simulated systems behind real ports of this machine. A context manager; ports are free to choose.

    `faults` strikes both systems. processing_seconds, token_seconds, transfer_window_seconds and late_responses
    are those of `BaswareSandbox`; syspro_options those of `SysproSandbox`.
    """

    def __init__(
        self,
        world_options: WorldOptions | None = None,
        *,
        faults: FaultPlan | None = None,
        credentials: SandboxCredentials | None = None,
        host: str = "127.0.0.1",
        syspro_port: int = 0,
        basware_port: int = 0,
        processing_seconds: float = 0.3,
        token_seconds: int = 3600,
        transfer_window_seconds: float | None = None,
        late_responses: bool = False,
        syspro_options: SysproOptions | None = None,
    ) -> None:
        self.options = world_options or WorldOptions()
        self.faults = faults or FaultPlan()
        self.credentials = credentials or SandboxCredentials()
        self.host = host
        self.world = build_world(self.options)
        self.syspro = SysproSandbox(
            self.world, self.faults, credentials=self.credentials, options=syspro_options
        )
        self.basware = BaswareSandbox(
            self.world.invoices,
            companies=(self.options.basware_company,),
            faults=self.faults,
            credentials=self.credentials,
            processing_seconds=processing_seconds,
            token_seconds=token_seconds,
            transfer_window_seconds=transfer_window_seconds,
            late_responses=late_responses,
        )
        self._server = LoopbackServer(
            [Site(self.syspro.app, syspro_port, SYSPRO_SERVER_HEADER), Site(self.basware.app, basware_port)],
            host,
        )
        self.syspro_port, self.basware_port = self._server.ports
        self.syspro_url = f"http://{host}:{self.syspro_port}"
        self.basware_url = f"http://{host}:{self.basware_port}"

    def start(self) -> Self:
        """Return once both systems answer."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Free both ports; nothing of the simulated systems is kept."""
        self.basware.close()
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """The settings a connector needs to work with this sandbox. Storage is left to the caller."""
        logon = self.credentials
        return {
            "SYSPRO_ENET_URL": f"{self.syspro_url}/SYSPROWCFService/Rest",
            "SYSPRO_ODATA_URL": f"{self.syspro_url}/odata",
            "SYSPRO_OPERATOR": logon.operator,
            "SYSPRO_OPERATOR_PASSWORD": logon.operator_password,
            "SYSPRO_COMPANY_ID": self.options.company,
            "SYSPRO_COMPANY_PASSWORD": logon.company_password,
            "SYSPRO_ODATA_USERNAME": logon.odata_username,
            "SYSPRO_ODATA_PASSWORD": logon.odata_password,
            "BASWARE_REGION": "SANDBOX",
            "BASWARE_API_URL": self.basware_url,
            "BASWARE_TOKEN_URL": f"{self.basware_url}/v1/tokens",
            "BASWARE_CLIENT_ID": logon.client_id,
            "BASWARE_CLIENT_SECRET": logon.client_secret,
            "BASWARE_COMPANY_CODE": self.options.basware_company,
            "BASWARE_WEBHOOK_SECRET": logon.webhook_secret,
        }
