"""Workers of the proof: real processes with a pid of their own, which end by SIGKILL wherever they stand.

Belongs here: how a worker is started, what it does, and how its end is seen. Not here: when and why it is killed.
Starting Python and importing the connector takes a second. One server process imports it once and forks each
worker from there in some milliseconds, reaps it when it dies, and tells how it ended (multiprocessing's
"forkserver"). The sandbox lives in the process that gives the orders, never in a worker.
"""

import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connector_defs import points
from connector_defs.dialing import tls_context
from connector_defs.domain.errors import ConnectorError
from connector_defs.flows import mapping, runtime
from connector_defs.flows.credentials import Keyring, seal_of, settings_in_force
from connector_defs.flows.entities import ENTITIES, PURCHASE_ORDERS, STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.invoices import run_invoices
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import Connector, open_connector
from connector_defs.settings import CompanySettings, Settings
from connector_defs.store.engine import make_engine
from connector_defs.syspro.enet import EnetClient
from connector_tests.proof import mutations

_LOST_PATIENCE = 120.0
_SECONDS_TO_BEGIN_THE_LAST_TRANSACTION = 0.5
# Reading the public authorities takes 45 ms, and loopback never needs them: read once, before the fork.
tls_context()
_server = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Order:
    """What one worker is to do, and where it is to die.

    `die_at` names a point of `connector_defs.points`, reached for the `arrivals`-th time; with `stop_there` the
    worker is suspended there (SIGSTOP) in place of being killed. `poison` is an invoice number that kills the
    worker as soon as it sends it to SYSPRO. `mutation` switches one protection off.
    `until` names a file: the worker runs again and again, `pause` seconds apart, until it is there.
    """

    settings: str
    job: str = "invoices"
    arguments: dict[str, str] = field(default_factory=dict)
    die_at: str = ""
    arrivals: int = 1
    stop_there: bool = False
    poison: str = ""
    mutation: str = ""
    lease_seconds: float | None = None
    until: str = ""
    pause: float = 0.05


def _run_invoices(connector: Connector, company: CompanySettings) -> None:
    run_invoices(connector, company)


def _set_mapping(connector: Connector, company: CompanySettings, account: str, gl_code: str) -> None:
    mapping.set_rule(
        connector, company.syspro_company, account, None, gl_code, actor="ap", reason="proof of the mapping"
    )


def _tell_payments(connector: Connector, company: CompanySettings) -> None:
    payments = importlib.import_module("connector_defs.flows.payments")
    window = DateWindow.day(connector.clock.now().date())
    stage(connector, company, payments.STAGED_TABLE, window)
    payments.run_payments(connector, company, window, again=True)


def _take_in_extracts(connector: Connector, _company: CompanySettings) -> None:
    importlib.import_module("connector_defs.flows.extracts").take_in_extracts(connector)


def _publish_orders(connector: Connector, company: CompanySettings, day: str) -> None:
    window = DateWindow.day(date.fromisoformat(day))
    for table in STAGED:
        if table.group == PURCHASE_ORDERS:
            stage(connector, company, table.name, window)
    for entity in ENTITIES:
        if entity.group == PURCHASE_ORDERS:
            publish(connector, company, entity.name, window.last)


def _enrich_suppliers(connector: Connector, company: CompanySettings) -> None:
    importlib.import_module("connector_defs.flows.enrichment").compare(connector, company)
    importlib.import_module("connector_defs.flows.supplier_updates").update_suppliers(connector, company)


def _rotate_master_key(connector: Connector, _company: CompanySettings) -> None:
    seal = seal_of(connector.settings.storage)
    Keyring(connector.store, seal, connector.clock, {}).rotate("proof")


def _run_anew(_connector: Connector, _company: CompanySettings, **environment: str) -> None:
    """A run with the settings and secrets of this moment, as the schedule begins one."""
    with open_connector(settings_in_force(environ=environment)) as connector:
        for company in connector.companies:
            run_invoices(connector, company)


# What a worker can be told to do: the functions behind `connector sync …` and `connector mapping set`.
JOBS: dict[str, Callable[..., None]] = {
    "invoices": _run_invoices,
    "mapping": _set_mapping,
    "payments": _tell_payments,
    "extracts": _take_in_extracts,
    "orders": _publish_orders,
    "enrichment": _enrich_suppliers,
    "rotation": _rotate_master_key,
    "anew": _run_anew,
}


def _work(order: Order, answer: Connection) -> None:
    """A worker's life, in its own process."""
    try:
        _prepare(order)
        settings = Settings.model_validate_json(order.settings)
        with open_connector(mutations.settings(order.mutation, settings)) as connector:
            while True:
                _turn(connector, order)
                if not order.until or Path(order.until).exists() or not _wanted():
                    break
                time.sleep(order.pause)
        answer.send("")
    except Exception:  # noqa: BLE001 - told to the one who gave the order, who fails the proof with it
        answer.send(traceback.format_exc())


def _wanted() -> bool:
    """False once the one who gave the order has gone, and with it the file that would end the work."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def _turn(connector: Connector, order: Order) -> None:
    """The job once, for every company. Where there is a next turn, it may give up: so does a run in a schedule."""
    try:
        for company in connector.companies:
            JOBS[order.job](connector, company, **order.arguments)
    except ConnectorError:
        if not order.until:
            raise


def _prepare(order: Order) -> None:
    # Every fault that is met as planned warns; among thousands nobody would see the one that matters.
    logging.disable(logging.WARNING)
    if order.lease_seconds is not None:
        assert hasattr(runtime, "LEASE_SECONDS"), "point this to where a lease gets its length now"
        vars(runtime)["LEASE_SECONDS"] = order.lease_seconds
    mutations.apply(order.mutation)
    if order.poison:
        EnetClient.post = _poisoned(EnetClient.post, order.poison)  # type: ignore[method-assign]
    if order.die_at:
        state_url = Settings.model_validate_json(order.settings).storage.state_url
        death = partial(_stop, state_url) if order.stop_there else _die
        points.arm(order.die_at, order.arrivals, death)


def _poisoned(post: Callable[..., Any], number: str) -> Callable[..., Any]:
    def send(*arguments: Any) -> Any:
        if any(number in str(argument) for argument in arguments):
            _die()
        return post(*arguments)

    return send


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(state_url: str) -> None:
    """Fall asleep, but not with an open transaction: that would keep every other process out of SQLite."""
    time.sleep(_SECONDS_TO_BEGIN_THE_LAST_TRANSACTION)
    engine = make_engine(state_url)
    with engine.begin():
        # Whoever wrote has ended by now.
        pass
    engine.dispose()
    os.kill(os.getpid(), signal.SIGSTOP)
    # The kernel stops a process thread by thread: this one must not get into a transaction meanwhile.
    time.sleep(_SECONDS_TO_BEGIN_THE_LAST_TRANSACTION)


class WorkerFailed(Exception):
    """A worker ended by an error of its own: its traceback."""


class Worker:
    """One worker from its start to its end."""

    def __init__(self, order: Order) -> None:
        self._answer, theirs = _server.Pipe(duplex=False)
        self._process = _server.Process(target=_work, args=(order, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it ended, however."""
        return self._process.is_alive()

    def kill(self) -> None:
        """SIGKILL, now, wherever it stands."""
        self._send(signal.SIGKILL)

    def resume(self) -> None:
        """SIGCONT: go on where SIGSTOP stopped it."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process.is_alive():
            os.kill(self.pid, number)

    def end(self, patience: float = _LOST_PATIENCE) -> bool:
        """Wait for its end; True where it was killed. Raises WorkerFailed where it failed, or never ended."""
        self._process.join(patience)
        if self._process.is_alive():
            self.kill()
            self._process.join(patience)
            raise WorkerFailed(f"the worker did not end within {patience:g} seconds")
        killed = self._process.exitcode == -signal.SIGKILL
        try:
            trouble = "" if killed else self._answer.recv()
        except EOFError:
            trouble = f"the worker ended with exit code {self._process.exitcode}"
        finally:
            self._answer.close()
            self._process.close()
        if trouble:
            raise WorkerFailed(trouble)
        return killed

    def is_stopped(self) -> bool:
        """True while SIGSTOP holds it."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] == "T"

    def memory(self) -> int:
        """Resident memory in kB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def warm_up() -> None:
    """Have the server import what workers need, before it is asked for one."""
    # Under pytest every worker would otherwise import pytest again, which is its main module.
    _server.set_forkserver_preload([__name__, *(["pytest"] if "pytest" in sys.modules else [])])


def in_the_clear(settings: Settings) -> str:
    """The settings as JSON with their secrets, which open nothing but a sandbox."""

    def plain(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    return json.dumps(plain(settings.model_dump()), default=str)


warm_up()
