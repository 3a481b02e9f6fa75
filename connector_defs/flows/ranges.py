"""One reading of SYSPRO into the partitions of its days.

Belongs here: which rows of a reading go into which day's file. What is read is in `extraction`, which orders a day
holds in `day_rows`.

A range of days is read once, and every day of it gets the file that a run for it alone would have made of the same
rows. A table that is read whole is one file for all days. Of orders and payments the reading is put aside and the
days are picked out of it one after the other, so neither memory nor open files grow with the range.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from connector_defs.flows.day_rows import days_of
from connector_defs.flows.reports import DateWindow
from connector_defs.staging.lake import Reading, Staging

# Which rows of a batch belong to a day.
Pick = Callable[[pa.RecordBatch, date], pa.Array]

_ROWS_AT_A_TIME = 20_000


@contextmanager
def partitions(
    staging: Staging,
    table: str,
    company: str,
    window: DateWindow,
    schema: pa.Schema,
    reading: Reading,
    pick: Pick | None,
) -> Iterator[pq.ParquetWriter]:
    """A writer for the rows of one reading; the partitions appear when the block ends without an exception.

    All rows must belong to the window. `pick` tells which of them a day holds; None stands for all of them. `since`
    of the reading is said of the last day alone, which is the one that goes on from what was read before.
    """
    *earlier, last = days_of(window)
    if pick is None or not earlier:
        with staging.writer(table, company, last, schema, reading) as writer:
            yield writer
        staging.share(table, company, last, earlier)
        return
    with tempfile.TemporaryDirectory(prefix="connector-reading-") as folder:
        aside = Path(folder) / "rows.parquet"
        with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
            yield writer
        for day in (*earlier, last):
            told = reading if day == last else Reading(reading.read_at)
            with staging.writer(table, company, day, schema, told) as partition:
                _pick_out(aside, partition, day, pick)


def _pick_out(aside: Path, partition: pq.ParquetWriter, day: date, pick: Pick) -> None:
    with pq.ParquetFile(aside) as rows:
        for batch in rows.iter_batches(_ROWS_AT_A_TIME):
            chosen = batch.filter(pick(batch, day))
            if chosen.num_rows:
                partition.write_batch(chosen)
