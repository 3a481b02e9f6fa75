"""`connector ping`: is everything there that a sync needs, and what to do where it is not."""

from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import settings
from connector_defs.cli.terminal import busy, print_json, say

EPILOG = examples("connector ping", "connector ping --json")


def ping(
    json: Annotated[
        bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")
    ] = False,
) -> None:
    """Try hosts, TLS, logons, tables, token, scopes, company and region, and say what is wrong.

    Nothing is written to either system. Exit code 1: a step failed, its remedy is listed. A warning, such as a scope
    that was granted and is not needed, leaves it 0.
    """
    loaded = settings()
    from connector_defs.flows.doctor import ping as probes

    with busy("Trying both systems"):
        found = list(probes(loaded))
    clean = all(probe.ok for probe in found)
    warnings = [probe.warning for probe in found if probe.warning]
    if json:
        print_json({"ok": clean, "warnings": warnings, "probes": found})
    else:
        tables.probes(found)
        failed = sum(not probe.ok for probe in found)
        say(
            "Everything answers." if clean else f"{failed} of {len(found)} steps failed.",
            "green" if clean else "red",
        )
    finish(clean=clean)
