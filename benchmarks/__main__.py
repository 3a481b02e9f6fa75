"""`make bench`: staging, publishing and posting against the least each could cost here.

Floors: staging, the bare download of the same OData pages, parsed and thrown away, and beside it dlt's rest_api source;
publishing, the fewest POSTs that Basware's batch limits allow, each at its latency; posting, posts x SYSPRO's latency,
since one operator posts one at a time.
"""

import argparse
import resource
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.extraction import extraction
from benchmarks.posting import posting
from benchmarks.publishing import publishing


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
    arguments.add_argument("--invoices", type=int, default=200, help="0 leaves posting out")
    arguments.add_argument("--no-publishing", action="store_true")
    arguments.add_argument("--syspro", type=float, default=0.3, help="SYSPRO's seconds for a post")
    arguments.add_argument("--basware", type=float, default=0.2, help="Basware's seconds for any call")
    options = arguments.parse_args()
    table = Table(title="Ratios to the floor of the same run")
    for column in ("what", "measured", "floor", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = extraction(root / "staging", options) if options.lines else []
        rows += [] if options.no_publishing else publishing(root / "publishing", options)
        rows += posting(root / "posting", options) if options.invoices else []
        for row in rows:
            table.add_row(*row)
    Console().print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    Console().print(f"Peak memory of this process, both simulators included: {peak} MB")


if __name__ == "__main__":
    main()
