"""Batches are as full as the limits allow, and never fuller."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connector_defs.basware.batches import MAX_REQUEST_BYTES, pack


def body(batch: list[tuple[int, bytes]]) -> bytes:
    return b"[" + b",".join(record for _, record in batch) + b"]"


@given(st.lists(st.integers(min_value=1, max_value=40)), st.integers(1, 5), st.integers(10, 60))
def test_batches_keep_order_limits_and_every_record(sizes: list[int], max_count: int, max_bytes: int) -> None:
    records = [(number, b"x" * size) for number, size in enumerate(sizes)]
    batches = list(pack(records, max_count, max_bytes))
    assert [record for batch in batches for record in batch] == records
    for batch in batches:
        assert len(batch) <= max_count
        assert len(body(batch)) <= max_bytes or len(batch) == 1
    for batch, following in pairwise(batches):
        assert len(batch) == max_count or len(body([*batch, following[0]])) > max_bytes


def test_nothing_to_send_makes_no_batch() -> None:
    assert list(pack([], 500)) == []


def test_a_batch_of_exactly_the_limit_is_one_request() -> None:
    half = (MAX_REQUEST_BYTES - 3) // 2
    records = [(1, b"x" * half), (2, b"x" * (MAX_REQUEST_BYTES - 3 - half))]
    (batch,) = pack(records, 500)
    assert len(body(batch)) == MAX_REQUEST_BYTES


def test_a_record_that_is_too_large_harms_no_other() -> None:
    records = [(1, b"x"), (2, b"x" * (MAX_REQUEST_BYTES + 1)), (3, b"x")]
    assert [[key for key, _ in batch] for batch in pack(records, 500)] == [[1], [2], [3]]
