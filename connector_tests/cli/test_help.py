"""Help is there for every command, comes at once, and names an example."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from connector_tests.cli.conftest import Command

COMMANDS = [
    "demo", "sandbox", "init", "ping", "credentials set", "credentials list", "credentials remove",
    "credentials rotate", "credentials discard", "db upgrade", "db check", "db restored", "db release", "db rebind",
    "sync", "serve", "status", "reconcile", "sql",
    "queue list", "queue show", "queue preview", "queue retry", "queue release", "queue reject",
    "queue period", "queue accept-rounding", "queue adopt", "queue dead", "queue revive", "queue settle-gl",
    "mapping list", "mapping set", "mapping approve", "mapping suggest", "mapping import", "mapping export",
    "webhook subscribe", "webhook list", "webhook unsubscribe",
    "enrichment list", "enrichment approve", "enrichment reject",
    "audit show", "audit verify", "audit export", "tables list", "tables accept", "records list", "records resend",
]  # fmt: skip
HEAVY = (
    "dagster",
    "duckdb",
    "httpx",
    "openpyxl",
    "pandas",
    "pyarrow",
    "pydantic",
    "rapidfuzz",
    "sqlalchemy",
    "connector_defs.sandbox",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(connector: Command, command: str) -> None:
    ended = connector(*command.split(), "--help")

    assert ended.code == 0
    assert "Examples" in ended.out
    assert f"connector {command}" in ended.out


@pytest.mark.parametrize(
    "group",
    ["", "queue", "mapping", "enrichment", "audit", "credentials", "db", "tables", "records", "webhook"],
)
def test_a_group_without_a_command_lists_its_commands(connector: Command, group: str) -> None:
    ended = connector(*group.split())

    assert "Commands" in ended.out or "Every day" in ended.out


def test_it_tells_its_version(connector: Command) -> None:
    ended = connector("--version")
    assert (ended.code, ended.out) == (0, f"connector {version('syspro-basware-connector')}\n")


def test_help_does_not_wait_for_heavy_imports() -> None:
    code = f"import sys, connector_defs.cli; print([name for name in {HEAVY!r} if name in sys.modules])"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
