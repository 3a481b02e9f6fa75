"""The state store is there but takes nothing: what the flow of invoices then does, and does not."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connector_defs.domain.errors import LaneBlocked
from connector_defs.store import engine
from connector_tests.flows.pair import assert_books_agree, invoice, open_pair


def test_f28_nothing_is_acknowledged_while_the_store_takes_nothing_and_the_next_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.05)
    with open_pair(folder, timing={"linger_seconds": 0.2}) as pair:
        pair.map()
        bills = [invoice(f"F28-{number}") for number in range(3)]
        pair.approve(*bills)
        with closing(sqlite3.connect(folder / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(
                LaneBlocked, match=r"state store is not available .* the work goes on when it is back"
            ):
                pair.run()
            other.execute("ROLLBACK")
        assert pair.sandbox.basware.requests["POST acknowledge"] == 0
        assert pair.sandbox.syspro.ledger.invoices == []
        assert pair.states() == {}
        pair.run()
        assert pair.states() == {"responded": 3}
        assert_books_agree(pair)
