"""`connector ui`: Dagster's UI over a living sandbox with some history, for whoever wants to look before deciding.

Belongs here: the processes, their order and their end. `make ui` calls it; a deployment starts Dagster itself.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from connector_defs.cli.sandbox import fresh_folder
from connector_defs.cli.sandbox_process import SandboxProcess, enter, running_sandbox
from connector_defs.cli.stopping import asked_to_stop
from connector_defs.cli.story import heard
from connector_defs.cli.sync import tell
from connector_defs.cli.terminal import busy, complain, quiet_stdout, say, visible
from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.private_files import make_folder

HOST = "127.0.0.1"
_PROJECT = Path(__file__).parents[2]
_READY_SECONDS = 120.0
_POLL_SECONDS = 0.3
_STOP_SECONDS = 20.0
_BACKFILL_DAYS = 7


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Dagster's UI on this machine.")] = 3000,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two newly approved invoices.")] = 20,
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept; emptied at each start.")] = Path(
        "data/ui"
    ),
) -> None:
    """Open Dagster's UI on simulated systems: flows that have run, a sensor at work, invoices arriving."""
    instance_settings = _PROJECT / "dagster.yaml"
    if not instance_settings.exists():
        raise Fatal(
            f"{instance_settings} is missing: `connector ui` works in the project's own folder (make ui)."
        )
    home = fresh_folder(data_dir)
    dagster_home = home / "dagster"
    make_folder(dagster_home)
    shutil.copyfile(instance_settings, dagster_home / instance_settings.name)
    with ExitStack() as stack:
        with busy("Starting the simulated SYSPRO and Basware"):
            sandbox = stack.enter_context(running_sandbox(home, {}))
        enter(sandbox.environment, home, schedules={"invoice_poll_seconds": "5"})
        os.environ["DAGSTER_HOME"] = str(dagster_home)
        _make_history()
        stop = stack.enter_context(asked_to_stop())
        served = [stack.enter_context(_dagster(home, *command)) for command in _commands(port)]
        with busy("Starting Dagster"):
            _wait_for_ui(port, served, stop)
        if not stop.is_set():
            say(f"Dagster's UI: http://{HOST}:{port}   (Ctrl-C stops everything)", "green")
            say(f"The same state on the command line: . {home}/sandbox.env && connector queue list")
        _approve_now_and_then(sandbox, served, every, stop)


def _commands(port: int) -> list[list[str]]:
    workspace = ["--workspace", str(_PROJECT / "workspace.yaml")]
    return [
        ["dagster_webserver", *workspace, "--host", HOST, "--port", str(port)],
        ["dagster._daemon", "run", *workspace],
    ]


def _make_history() -> None:
    """A sync of today, and the purchase orders of a week as one run."""
    with quiet_stdout(), heard("History: sync all") as story:
        tell(story, "all")
    with quiet_stdout(), busy(f"History: {_BACKFILL_DAYS} days of purchase orders in one run"):
        _backfill_purchase_orders()


def _backfill_purchase_orders() -> None:
    import dagster as dg

    from connector_defs.definitions import defs
    from connector_defs.orchestration.jobs import PURCHASE_ORDERS
    from connector_defs.orchestration.partitions import schedule_settings, today
    from connector_defs.orchestration.schedules import days_until

    settings = schedule_settings()
    request = days_until(today(settings) - timedelta(days=1), _BACKFILL_DAYS, settings)
    if isinstance(request, dg.SkipReason):
        return
    with dg.DagsterInstance.get() as instance:
        defs.resolve_job_def(PURCHASE_ORDERS).execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            tags=request.tags,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


@contextmanager
def _dagster(home: Path, module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """One of Dagster's servers, with everything it starts; stopped as Ctrl-C would stop it."""
    with (home / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, no text from outside  # nosec B603
            [sys.executable, "-m", module, *arguments], stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        complain("One of Dagster's servers does not stop: it is ended.", "yellow")
    # Its code servers live in the same session and outlast a server that was ended hard.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_for_ui(port: int, served: Sequence["subprocess.Popen[bytes]"], stop: threading.Event) -> None:
    import httpx

    deadline = time.monotonic() + _READY_SECONDS
    while not stop.wait(_POLL_SECONDS):
        _raise_if_ended(served)
        try:
            if httpx.get(f"http://{HOST}:{port}/server_info", timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise RetryLater(f"Dagster's UI does not answer on port {port}: see its log in the data folder.")


def _raise_if_ended(served: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in served:
        if process.poll() is not None:
            name = visible(process.args[2]) if isinstance(process.args, list) else "a server"
            raise RetryLater(
                f"{name} ended by itself: see {name}.log in the data folder. A port in use? Name another with --port."
            )


def _approve_now_and_then(
    sandbox: SandboxProcess,
    served: Sequence["subprocess.Popen[bytes]"],
    every: float,
    stop: threading.Event,
) -> None:
    models = [document for document in sandbox.documents() if _can_be_repeated(document)]
    number = 0
    while models and not stop.wait(every):
        _raise_if_ended(served)
        number += 1
        sandbox.approve(newly_approved(random.choice(models), number))  # noqa: S311 - a choice of examples  # nosec B311


def _can_be_repeated(document: Mapping[str, Any]) -> bool:
    """Posted once already, and without a goods receipt, which can be matched only once."""
    matched = any(row.get("goodsReceiptNumber") for row in document["codingRows"])
    return document["processingStatus"] == "Transferred" and not matched


def newly_approved(model: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A new invoice with the model's supplier and coding."""
    kept = {
        name: value
        for name, value in model.items()
        if not name.endswith(("Response", "Responses")) and name not in {"processingStatus", "lastUpdated"}
    }
    rows = [{**row, "externalCode": str(uuid.uuid4())} for row in model["codingRows"]]
    return {**kept, "invoiceId": str(uuid.uuid4()), "invoiceNumber": f"LIVE-{number:05d}", "codingRows": rows}
