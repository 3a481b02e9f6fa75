"""`make bench`: staging, publishing and posting against the least each could cost here.

Floors: staging, the bare download of the same OData pages, parsed and thrown away; publishing, the fewest POSTs that
Basware's batch limits allow, each at its latency; posting, posts x SYSPRO's latency, since one operator posts one at a time.
"""

import argparse
import json
import resource
import tempfile
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.posting import opened, posting
from benchmarks.publishing import publishing
from connector_defs.flows.entities import STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.runtime import Connector
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions

_PAGE = 5000


def main() -> None:
    """Run all three and print one table."""
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument("--lines", type=int, default=50_000, help="0 leaves staging out")
    arguments.add_argument("--invoices", type=int, default=200, help="0 leaves posting out")
    arguments.add_argument("--no-publishing", action="store_true")
    arguments.add_argument("--syspro", type=float, default=0.3, help="SYSPRO's seconds for a post")
    arguments.add_argument("--basware", type=float, default=0.2, help="Basware's seconds for any call")
    options = arguments.parse_args()
    table = Table(title="Ratios to the floor of the same run")
    for column in ("what", "measured", "floor", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    with tempfile.TemporaryDirectory() as folder:
        measured = _staging(Path(folder) / "a", options.lines) if options.lines else []
        measured += [] if options.no_publishing else publishing(Path(folder) / "b", options)
        measured += posting(Path(folder) / "c", options) if options.invoices else []
        for row in measured:
            table.add_row(*row)
    Console().print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    Console().print(f"Peak memory of this process, both simulators included: {peak} MB")


def _staging(folder: Path, lines: int) -> list[tuple[str, str, str, str]]:
    world = WorldOptions(orders=lines // 5, lines=lines, invoices=0)
    today = date.today()  # noqa: DTZ011 - the business date of this machine
    with (
        Sandbox(world, processing_seconds=0.05) as sandbox,
        opened(sandbox.environment(), folder) as connector,
    ):
        company = connector.companies[0]
        floor, rows = _bare_download(connector)
        reports = {one.name: stage(connector, company, one.name, DateWindow.day(today)) for one in STAGED}
        staged = reports["order_lines"]
        ratio = (staged.rows / staged.seconds) / (rows / floor)
    return [
        (
            "stage order lines, rows/s",
            f"{staged.rows / staged.seconds:,.0f}",
            f"{rows / floor:,.0f}",
            f"{ratio:.2f}",
        ),
    ]


def _bare_download(connector: Connector) -> tuple[float, int]:
    """Seconds and rows of the same pages, read with nothing but HTTP and a JSON parser."""
    settings = connector.settings.syspro
    columns = ",".join(next(one for one in STAGED if one.name == "order_lines").columns)
    url = f"{settings.odata_url}/{connector.companies[0].syspro_company}/PorMasterDetail"
    rows, last = 0, None
    started = time.monotonic()
    with httpx.Client(auth=(settings.odata_username, settings.odata_password.get_secret_value())) as client:
        while True:
            query = {"$select": columns, "$orderby": "PurchaseOrder,Line", "$top": str(_PAGE)}
            if last:
                query["$filter"] = (
                    "PurchaseOrder gt '{0}' or (PurchaseOrder eq '{0}' and Line gt {1})".format(*last)
                )
            page = json.loads(client.get(url, params=query).content, parse_float=Decimal)["value"]
            if not page:
                return time.monotonic() - started, rows
            rows += len(page)
            last = (page[-1]["PurchaseOrder"], page[-1]["Line"])


if __name__ == "__main__":
    main()
