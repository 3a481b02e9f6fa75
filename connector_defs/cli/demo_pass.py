"""What every step of the demo is made of: one pass of a flow through Dagster, and one promise."""

from dataclasses import dataclass

from connector_defs.cli.story import Story, heard
from connector_defs.cli.sync import tell
from connector_defs.cli.terminal import quiet_stdout


@dataclass(frozen=True)
class Check:
    """One thing the demo promises, and whether it held."""

    promise: str
    held: bool
    found: str


def run_flow(flow: str) -> Story:
    """Run a flow and hear what it reports."""
    with quiet_stdout(), heard(f"sync {flow}") as story:
        tell(story, flow)
    return story
