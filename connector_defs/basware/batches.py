"""Packs encoded records into requests as full as the limits allow (Basware wire notes 2.3).

Here: counting records and bytes. Not here: encoding, order of records, or sending.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

K = TypeVar("K")

# "6 MB" taken as decimal, the smaller reading.
MAX_REQUEST_BYTES = 6_000_000


def pack(
    records: Iterable[tuple[K, bytes]], max_count: int, max_bytes: int = MAX_REQUEST_BYTES
) -> Iterator[list[tuple[K, bytes]]]:
    """Batches in the order given; each fits as a JSON array into `max_count` records and `max_bytes` bytes.

    A record that is too large by itself gets a batch of its own: sending that one is refused, the others go on.
    """
    batch: list[tuple[K, bytes]] = []
    size = 2
    for key, record in records:
        grown = size + len(record) + (1 if batch else 0)
        if batch and (len(batch) >= max_count or grown > max_bytes):
            yield batch
            batch, grown = [], 2 + len(record)
        batch.append((key, record))
        size = grown
    if batch:
        yield batch
