"""A simulated SYSPRO over real HTTP: e.net REST, OData, and a ledger one can look into."""

from connector_defs.sandbox.syspro.app import SysproSandbox
from connector_defs.sandbox.syspro.options import SysproOptions

__all__ = ["SysproOptions", "SysproSandbox"]
