"""Order lines from OData to a staged partition, against the bare download of the same pages and against dlt.

Three readers of one server (`order_lines_server`), each in a process of its own, so that its peak memory is its own:
ours (`flows.extraction.stage`, whole), the bare one (the same requests one after the other, each body parsed by the
fastest JSON reader there is and thrown away), and dlt's rest_api source with Parquet loading (`dlt_rest_api`). The
machine has other work: of several runs, taken in turn, the best of each counts.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import httpx
import pyarrow as pa

from benchmarks import order_lines_server as server
from benchmarks.posting import Row, opened
from connector_defs.flows.entities import staged_table
from connector_defs.flows.extraction import stage
from connector_defs.flows.reports import DateWindow
from connector_defs.syspro import conditions
from connector_defs.syspro.conditions import Condition
from connector_defs.syspro.odata import ROW_CAP
from connector_defs.syspro.tables import POR_MASTER_DETAIL, Table

DAY = date(2026, 1, 31)
_ORDERS = pa.schema([("PurchaseOrder", pa.string())])
_SMALL_SHARE = 10
_LOGIN = (server.USERNAME, server.PASSWORD)
# Readers of JSON that may be installed, and what makes plain Python values of a body.
_READERS = {"json": "loads", "orjson": "loads", "msgspec": "json.decode", "simdjson": "loads"}


@dataclass(frozen=True)
class Run:
    """One reader's run; `peak` in MB."""

    rows: int
    seconds: float
    peak: int

    @property
    def speed(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def order_lines() -> Table:
    """The table with the columns that are staged."""
    return POR_MASTER_DETAIL.narrowed(staged_table("order_lines").columns)


def extraction(folder: Path, options: argparse.Namespace) -> list[Row]:
    """`options.lines` lines three ways, and ours with a tenth of them."""
    lines = (
        max(options.lines // (_SMALL_SHARE * server.LINES_A_BLOCK), 1) * _SMALL_SHARE * server.LINES_A_BLOCK
    )
    folder.mkdir(parents=True)
    with server.serving(folder, lines, order_lines().column_names) as url:
        reader = _fastest_reader(url)
        runs: dict[str, list[Run]] = {"ours": [], "bare": [], "small": [], "dlt": []}
        for turn in range(options.repeats):
            at = folder / str(turn)
            runs["bare"].append(_run("bare", url, lines, at / "bare", reader))
            runs["ours"].append(_run("ours", url, lines, at / "ours"))
            runs["small"].append(_run("ours", url, lines // _SMALL_SHARE, at / "small"))
            if options.dlt:
                runs["dlt"].append(_run_dlt(options.dlt, url, lines, at / "dlt"))
            shutil.rmtree(at)
    return _table(lines, reader, runs)


def _table(lines: int, reader: str, runs: Mapping[str, Sequence[Run]]) -> list[Row]:
    ours, bare = (max(runs[name], key=lambda run: run.speed) for name in ("ours", "bare"))
    peak, small = (max(run.peak for run in runs[name]) for name in ("ours", "small"))
    table = [
        _against(f"stage {lines:,} order lines, rows/s; floor: bare download, {reader}", ours, bare),
        (
            f"  peak memory, MB; floor: {lines // _SMALL_SHARE:,} lines",
            f"{peak}",
            f"{small}",
            f"{peak / small:.2f}",
        ),
    ]
    if runs["dlt"]:
        dlt = max(runs["dlt"], key=lambda run: run.speed)
        table.append(_against("  against dlt rest_api, Parquet, rows/s", ours, dlt))
        table.append(("  peak memory against dlt, MB", f"{peak}", f"{dlt.peak}", f"{peak / dlt.peak:.2f}"))
    else:
        table.append(("  dlt left out: no interpreter with dlt given by --dlt", "", "", ""))
    return table


def _against(what: str, ours: Run, other: Run) -> Row:
    return (what, f"{ours.speed:,.0f}", f"{other.speed:,.0f}", f"{ours.speed / other.speed:.2f}")


def _whole_range(lines: int) -> Condition:
    last = lines // server.LINES_A_BLOCK * server.ORDERS_A_BLOCK - 1
    return conditions.all_of(
        (
            conditions.ge("PurchaseOrder", server.order_number(0)),
            conditions.le("PurchaseOrder", server.order_number(last)),
        )
    )


def _run(kind: str, url: str, lines: int, folder: Path, reader: str = "") -> Run:
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.extraction", kind, url, str(lines), str(folder), reader]
    return _finished(command, os.environ, lines)


def _finished(command: Sequence[str], environment: Mapping[str, str], lines: int) -> Run:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=dict(environment))  # noqa: S603 - ours
    run = Run(**json.loads(done.stdout.splitlines()[-1]))
    if run.rows != lines:
        raise SystemExit(f"{run.rows:,} rows instead of {lines:,}: {' '.join(command[:4])}")
    return run


def _run_dlt(interpreter: str, url: str, lines: int, folder: Path) -> Run:
    folder.mkdir(parents=True)
    told = {
        "url": f"{url}/{server.COMPANY}",
        "username": server.USERNAME,
        "password": server.PASSWORD,
        "select": ",".join(order_lines().column_names),
        "filter": conditions.render(_whole_range(lines)),
        "columns": {field.name: _dlt_type(field.type) for field in order_lines().arrow_schema},
        "folder": str(folder),
    }
    script = str(Path(__file__).with_name("dlt_rest_api.py"))
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "HOME": str(folder)}
    return _finished([interpreter, script, json.dumps(told)], {**os.environ, **quiet}, lines)


def _dlt_type(kind: pa.DataType) -> dict[str, object]:
    if pa.types.is_decimal(kind):
        return {"data_type": "decimal", "precision": kind.precision, "scale": kind.scale}
    if pa.types.is_date(kind):
        return {"data_type": "date"}
    return {"data_type": "bigint" if pa.types.is_integer(kind) else "text"}


def _fastest_reader(url: str) -> str:
    """Name of the JSON reader that makes Python values of one full page in the least time."""
    page = httpx.get(
        f"{url}/{server.COMPANY}/{server.TABLE}", auth=_LOGIN, params={"$top": str(ROW_CAP)}, timeout=60
    ).content
    taken: dict[str, float] = {}
    for name in _READERS:
        try:
            read = _reader(name)
        except ImportError:
            continue
        times = []
        for _ in range(10):
            started = time.perf_counter()
            read(page)
            times.append(time.perf_counter() - started)
        taken[name] = min(times)
    return min(taken, key=lambda name: taken[name])


def _reader(name: str) -> Callable[[bytes], dict[str, list[dict[str, object]]]]:
    module, _, function = f"{name}.{_READERS[name]}".rpartition(".")
    read: Callable[[bytes], dict[str, list[dict[str, object]]]] = getattr(
        importlib.import_module(module), function
    )
    return read


def _ours(url: str, lines: int, folder: Path) -> tuple[int, float]:
    nowhere = "http://127.0.0.1:9"
    environment = {
        "SYSPRO_ENET_URL": f"{nowhere}/Rest",
        "SYSPRO_ODATA_URL": url,
        "SYSPRO_OPERATOR": "bench",
        "SYSPRO_OPERATOR_PASSWORD": "bench",
        "SYSPRO_COMPANY_ID": server.COMPANY,
        "SYSPRO_ODATA_USERNAME": server.USERNAME,
        "SYSPRO_ODATA_PASSWORD": server.PASSWORD,
        "BASWARE_REGION": "SANDBOX",
        "BASWARE_API_URL": nowhere,
        "BASWARE_TOKEN_URL": f"{nowhere}/v1/tokens",
        "BASWARE_CLIENT_ID": "bench",
        "BASWARE_CLIENT_SECRET": "bench",
        "BASWARE_COMPANY_CODE": "M1",
    }
    with opened(environment, folder) as connector:
        company = connector.companies[0]
        orders = lines // server.LINES_A_BLOCK * server.ORDERS_A_BLOCK
        with connector.staging.writer("order_headers", company.syspro_company, DAY, _ORDERS) as writer:
            for start in range(0, orders, ROW_CAP):
                numbers = [server.order_number(n) for n in range(start, min(start + ROW_CAP, orders))]
                writer.write_batch(pa.record_batch([numbers], schema=_ORDERS))
        report = stage(connector, company, "order_lines", DateWindow.day(DAY))
    return report.rows, report.seconds


def _bare(url: str, lines: int, reader: str) -> tuple[int, float]:
    read = _reader(reader)
    rows, where = 0, _whole_range(lines)
    columns = order_lines().column_names
    key = [("PurchaseOrder", 0), ("Line", 0)]
    started = time.monotonic()
    with httpx.Client(auth=_LOGIN, timeout=60) as client:
        condition = where
        while True:
            query = {
                "$select": ",".join(columns),
                "$filter": conditions.render(condition),
                "$orderby": "PurchaseOrder,Line",
                "$top": str(ROW_CAP),
            }
            answer = client.get(f"{url}/{server.COMPANY}/{server.TABLE}", params=query)
            page = read(answer.raise_for_status().content)["value"]
            if not page:
                return rows, time.monotonic() - started
            rows += len(page)
            last = (str(page[-1]["PurchaseOrder"]), int(str(page[-1]["Line"])))
            condition = conditions.all_of([where, conditions.after_key(key, last)])


def _peak_memory() -> int:
    """MB. `ru_maxrss` would hold the parent's memory too: it outlives the exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) // 1024


def main(kind: str, url: str, lines: str, folder: str, reader: str) -> None:
    """One run in this process, told on standard output."""
    rows, seconds = _bare(url, int(lines), reader) if kind == "bare" else _ours(url, int(lines), Path(folder))
    print(json.dumps(asdict(Run(rows, seconds, _peak_memory()))))  # noqa: T201 - what the parent reads


if __name__ == "__main__":
    main(*sys.argv[1:])
