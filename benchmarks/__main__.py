"""`make bench`: staging, publishing and posting against the least each could cost here.

Floors: staging, the bare download of the same OData pages, parsed and thrown away, and beside it dlt's rest_api source;
publishing, the fewest POSTs that Basware's batch limits allow; posting, posts x SYSPRO's latency, since one operator
posts one at a time.
"""

import argparse
import math
import resource
import tempfile
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.extraction import extraction
from benchmarks.posting import opened, posting
from connector_defs.basware.entities import ENDPOINTS
from connector_defs.flows.entities import ENTITIES, STAGED
from connector_defs.flows.extraction import stage
from connector_defs.flows.publishing import publish
from connector_defs.flows.reports import DateWindow
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions


def main() -> None:
    """Run all three and print one table."""
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument(
        "--lines", type=int, default=1_000_000, help="order lines to stage; 0 leaves it out"
    )
    arguments.add_argument("--repeats", type=int, default=3, help="runs of each reader; the best one counts")
    arguments.add_argument(
        "--dlt", default="", help="an interpreter that has dlt[parquet]; none leaves dlt out"
    )
    arguments.add_argument(
        "--publish", type=int, default=50_000, help="order lines to publish; 0 leaves it out"
    )
    arguments.add_argument("--invoices", type=int, default=200, help="0 leaves posting out")
    arguments.add_argument("--syspro", type=float, default=0.3, help="SYSPRO's seconds for a post")
    arguments.add_argument("--basware", type=float, default=0.2, help="Basware's seconds for any call")
    options = arguments.parse_args()
    table = Table(title="Ratios to the floor of the same run")
    for column in ("what", "measured", "floor", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = extraction(root / "staging", options) if options.lines else []
        rows += _master_data(root / "publishing", options.publish) if options.publish else []
        rows += posting(root / "posting", options) if options.invoices else []
        for row in rows:
            table.add_row(*row)
    Console().print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    Console().print(f"Peak memory of this process, both simulators included: {peak} MB")


def _master_data(folder: Path, lines: int) -> list[tuple[str, str, str, str]]:
    world = WorldOptions(orders=lines // 5, lines=lines, invoices=0)
    today = date.today()  # noqa: DTZ011 - the business date of this machine
    with (
        Sandbox(world, processing_seconds=0.05) as sandbox,
        opened(sandbox.environment(), folder) as connector,
    ):
        company = connector.companies[0]
        for one in STAGED:
            stage(connector, company, one.name, DateWindow.day(today))
        sent = [publish(connector, company, entity.name, today) for entity in ENTITIES]
        requests = sum(report.requests for report in sent)
        least = sum(math.ceil(report.sent / ENDPOINTS[report.entity].batch_limit) for report in sent)
    return [("first publication, POSTs", f"{requests:,}", f"{least:,}", f"{requests / least:.3f}")]


if __name__ == "__main__":
    main()
