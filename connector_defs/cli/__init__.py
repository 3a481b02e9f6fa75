"""The `connector` command: what a person or a script types, and what they read back.

Belongs here: commands, their help, tables, JSON, exit codes, the demo. Does not belong here: a business rule.
"""

from connector_defs.cli.app import main

__all__ = ["main"]
