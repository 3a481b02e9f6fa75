"""A sandbox in a process of its own, for the commands that bring one along (`demo`, `ui`)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector_defs.cli.endings import DEBUG_VARIABLE
from connector_defs.cli.sandbox import read_exports
from connector_defs.cli.terminal import visible
from connector_defs.domain.errors import RetryLater

# 100,000 order lines take a few seconds to grow; a busy machine may need ten times that.
_START_SECONDS = 90.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 10.0
_SYSPRO = "/_sandbox/syspro"
_BASWARE = "/_sandbox/basware"


@dataclass(frozen=True)
class SandboxProcess:
    """Where both simulated systems answer, and their control routes."""

    environment: Mapping[str, str]

    def writes(self) -> int:
        """Calls so far that wrote master data or orders to Basware, as Basware itself counts them."""
        counters: dict[str, int] = self._ask("BASWARE_API_URL", f"{_BASWARE}/counters")
        return sum(count for name, count in counters.items() if _is_record_write(name))

    def documents(self) -> list[dict[str, Any]]:
        """Every accounting document Basware holds, amounts as Decimal."""
        found: list[dict[str, Any]] = self._ask("BASWARE_API_URL", f"{_BASWARE}/documents")
        return found

    def approve(self, document: Mapping[str, Any]) -> None:
        """A person in Basware approves one more invoice."""
        import httpx
        import msgspec

        body = msgspec.json.Encoder(decimal_format="number").encode(document)
        url = f"{self.environment['BASWARE_API_URL']}{_BASWARE}/approve"
        httpx.post(url, content=body, timeout=30, trust_env=False).raise_for_status()

    def pay(self, supplier: str, invoice: str, value: Decimal) -> None:
        """SYSPRO pays `value` of a posted invoice."""
        import httpx

        url = httpx.URL(self.environment["SYSPRO_ENET_URL"]).copy_with(path=f"{_SYSPRO}/payments")
        body = {"supplier": supplier, "invoice": invoice, "value": str(value)}
        httpx.post(url, json=body, timeout=30, trust_env=False).raise_for_status()

    def enrich_vendors(self, number: int) -> list[dict[str, Any]]:
        """People in Basware change payment terms and tax ids of so many vendors; tells what SYSPRO is to hold."""
        import httpx

        url = f"{self.environment['BASWARE_API_URL']}{_BASWARE}/vendors/enrich"
        answer = httpx.post(url, json={"vendors": number}, timeout=30, trust_env=False).raise_for_status()
        made: list[dict[str, Any]] = answer.json()
        return made

    def suppliers(self) -> dict[str, dict[str, Any]]:
        """SYSPRO's suppliers by their code, as its tables hold them."""
        rows = self._ask("SYSPRO_ENET_URL", f"{_SYSPRO}/tables/ApSupplier", limit="100000")
        return {row["Supplier"]: row for row in rows}

    def payment_writes(self) -> int:
        """Payment responses Basware was sent so far, as Basware itself counts them."""
        counters: dict[str, int] = self._ask("BASWARE_API_URL", f"{_BASWARE}/counters")
        return counters.get("POST paymentResponses", 0)

    def open_sessions(self) -> int:
        """SYSPRO operators logged on now: each keeps a licence seat."""
        return len(self._ask("SYSPRO_ENET_URL", f"{_SYSPRO}/sessions")["open"])

    def _ask(self, variable: str, path: str, **query: str) -> Any:
        import httpx

        url = httpx.URL(self.environment[variable], params=query).copy_with(path=path)
        answer = httpx.get(url, timeout=30, trust_env=False).raise_for_status()
        return json.loads(answer.text, parse_float=Decimal)


def _is_record_write(operation: str) -> bool:
    method, _, name = operation.partition(" ")
    return method in {"POST", "PATCH", "PUT", "DELETE"} and name.partition("/")[0] in {
        "taxCodes",
        "accounts",
        "costCenters",
        "paymentTerms",
        "vendors",
        "matchingOrders",
        "matchingOrderLines",
    }


@contextmanager
def running_sandbox(home: Path, options: Mapping[str, int]) -> Iterator[SandboxProcess]:
    """Start `connector sandbox` with its state under `home`; it ends with the block, or with this process."""
    env_file = home / "sandbox.env"
    command = [sys.executable, "-m", "connector_defs.cli", "sandbox", "--stop-with-stdin"]
    command += ["--env-file", str(env_file), "--data-dir", str(home / "state")]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    log = home / "sandbox.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command, no text from outside  # nosec B603
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=output, start_new_session=True
        )
        try:
            _wait_until_it_answers(process, env_file, log)
            yield SandboxProcess(read_exports(env_file.read_text(encoding="utf-8")))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", env_file: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not env_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise RetryLater("The sandbox did not start: " + " | ".join(visible(line) for line in last))
        time.sleep(_POLL_SECONDS)


def enter(environment: Mapping[str, str], home: Path, *, schedules: Mapping[str, str] | None = None) -> None:
    """Lead this process, and what it starts, to the sandbox and to nothing else.

    Settings of the place the command was called from are left out: a production connector.toml in the
    working folder must not mix with a sandbox. `schedules` are keys of that section, as TOML values.
    """
    for name in list(os.environ):
        if name.startswith(("SYSPRO_", "BASWARE_", "CONNECTOR_")) and name != DEBUG_VARIABLE:
            del os.environ[name]
    lines = ["[timing]", "linger_seconds = 5", "[schedules]"]
    lines += [f"{name} = {value}" for name, value in (schedules or {}).items()]
    settings = home / "connector.toml"
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.environ.update(environment)
    os.environ["CONNECTOR_CONFIG"] = str(settings.resolve())
