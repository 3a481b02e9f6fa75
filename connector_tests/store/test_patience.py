"""A store for those who must answer at once: it waits a little, then says that it is away."""

import time

import pytest
from sqlalchemy import text

from connector_defs.domain.errors import LaneBlocked
from connector_defs.store.engine import Store, make_engine
from connector_tests.store.builders import NOON
from connector_tests.store.test_notifications import record, task


@pytest.mark.covers("F28")
def test_a_lock_of_another_is_waited_for_as_long_as_told(state_url: str) -> None:
    others, ours = Store(make_engine(state_url)), Store(make_engine(state_url, patience=0.1))
    try:
        record(ours, task("before"))
        with others.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE notification IN EXCLUSIVE MODE"))
            begun = time.monotonic()
            with pytest.raises(LaneBlocked, match="the state store is not available"):
                record(ours, task("meanwhile"), now=NOON)
            assert time.monotonic() - begun < 20
        assert record(ours, task("after")) == 1
    finally:
        others.close()
        ours.close()
