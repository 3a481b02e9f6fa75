"""The simulated company: every SYSPRO table and the approved invoices that refer to it, from one seed."""

from connector_defs.sandbox.world.build import World, build_world
from connector_defs.sandbox.world.options import WorldOptions
from connector_defs.sandbox.world.tables import Row, TableStore, Value

__all__ = ["Row", "TableStore", "Value", "World", "WorldOptions", "build_world"]
