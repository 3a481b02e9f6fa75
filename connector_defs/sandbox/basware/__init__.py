"""Basware's API simulated: an own reading of the wire, sharing no code with the connector's client."""

from connector_defs.sandbox.basware.sandbox import BaswareSandbox

__all__ = ["BaswareSandbox"]
