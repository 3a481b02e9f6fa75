"""`connector sandbox`: both systems, simulated on this machine, and the environment that leads to them."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from connector_defs.cli.examples import examples
from connector_defs.cli.stopping import asked_to_stop
from connector_defs.cli.terminal import busy, complain
from connector_defs.domain.errors import Fatal
from connector_defs.private_files import make_folder, write_private

EPILOG = examples(
    "connector sandbox",
    "connector sandbox --invoices 5000 --orders 20000 --lines 100000",
    "connector sandbox --fault reset_after=0.02 --fault http_503=0.05",
    "connector sandbox --env-file sandbox.env    (then, in another shell: . ./sandbox.env)",
)

# Waits that production keeps long, as short as two systems on one machine allow.
TIMING = {
    "CONNECTOR_HTTP_TIMEOUT_SECONDS": "20",
    "CONNECTOR_RETRY_BASE_SECONDS": "0.2",
    "CONNECTOR_RETRY_MAX_SECONDS": "2",
    "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": "2",
    "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": "0.2",
}
# A folder with this file was made by a sandbox, and may be emptied by the next one.
MARKER = ".sandbox"


def sandbox(
    *,
    suppliers: Annotated[int, typer.Option(min=1, help="Suppliers in SYSPRO.")] = 200,
    accounts: Annotated[int, typer.Option(min=1, help="GL accounts.")] = 300,
    cost_centers: Annotated[int, typer.Option(min=1, help="Cost centres.")] = 40,
    orders: Annotated[int, typer.Option(min=0, help="Purchase orders.")] = 500,
    lines: Annotated[int, typer.Option(min=0, help="Order lines over all orders.")] = 2500,
    invoices: Annotated[int, typer.Option(min=0, help="Approved invoices in Basware.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records and faults.")] = 7,
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    syspro_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
    basware_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=RATE", help="A fault and its probability per call; repeatable."),
    ] = None,
    processing_seconds: Annotated[
        float, typer.Option(min=0, help="Basware's time to work on a request.")
    ] = 0.3,
    data_dir: Annotated[
        Path,
        typer.Option(help="Where the connector keeps its state against this sandbox; emptied at each start."),
    ] = Path("data/sandbox"),
    env_file: Annotated[
        Path | None, typer.Option(help="Write the environment here, too, once both answer.")
    ] = None,
    stop_with_stdin: Annotated[
        bool, typer.Option(hidden=True, help="Stop when standard input closes.")
    ] = False,
) -> None:
    """Simulate SYSPRO and Basware over real HTTP on this machine, until Ctrl-C.

    Prints `export NAME=value` lines: in another shell they lead every `connector` command to the sandbox.
    The simulated records live in memory, so each start is a fresh one.
    """
    from connector_defs.sandbox.faults import FaultPlan
    from connector_defs.sandbox.server import Sandbox
    from connector_defs.sandbox.world.options import WorldOptions

    world = WorldOptions(
        seed=seed,
        suppliers=suppliers,
        accounts=accounts,
        cost_centers=cost_centers,
        orders=orders,
        lines=lines,
        invoices=invoices,
    )
    rates = parse_rates(fault or [])
    try:
        plan = FaultPlan(seed=seed, rates=rates)
    except ValueError as error:
        raise Fatal(f"--fault: {error}") from None
    home = fresh_folder(data_dir)
    with busy("Growing the simulated companies"):
        server = Sandbox(
            world,
            faults=plan,
            host=host,
            syspro_port=syspro_port,
            basware_port=basware_port,
            processing_seconds=processing_seconds,
        )
    with asked_to_stop(stop_with_stdin=stop_with_stdin) as stop, server:
        environment = {**server.environment(), **TIMING, **storage_of(home)}
        exports = as_exports(environment)
        sys.stdout.write(exports)
        sys.stdout.flush()
        if env_file is not None:
            write_private(env_file, exports)
        complain("Both systems answer. Ctrl-C stops them.", style="")
        stop.wait()


def parse_rates(faults: list[str]) -> dict[str, float]:
    """`name=rate` pairs; raises Fatal for what is not a probability."""
    rates: dict[str, float] = {}
    for pair in faults:
        name, _, rate = pair.partition("=")
        try:
            rates[name] = float(rate)
        except ValueError:
            raise Fatal(
                f"--fault {pair}: write NAME=RATE with a rate from 0 to 1, as in http_503=0.05"
            ) from None
        if not 0 <= rates[name] <= 1:
            raise Fatal(f"--fault {pair}: the rate is a probability from 0 to 1")
    return rates


def fresh_folder(folder: Path) -> Path:
    """An empty folder of ours; raises Fatal rather than emptying one that a sandbox did not make."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise Fatal(f"{folder} holds files that no sandbox made: name another folder with --data-dir.")
        shutil.rmtree(folder)
    make_folder(folder)
    (folder / MARKER).touch()
    return folder.resolve()


def storage_of(home: Path) -> dict[str, str]:
    """Where the connector keeps state and staged rows while it talks to a sandbox."""
    return {
        "CONNECTOR_STATE_URL": f"sqlite:///{home / 'state.db'}",
        "CONNECTOR_STAGING_URL": str(home / "staging"),
    }


def as_exports(environment: Mapping[str, str]) -> str:
    """Lines that a shell can evaluate."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))


def read_exports(text: str) -> dict[str, str]:
    """The environment back from `as_exports`."""
    pairs = (
        shlex.split(line.removeprefix("export "))[0].partition("=") for line in text.splitlines() if line
    )
    return {name: value for name, _, value in pairs}
