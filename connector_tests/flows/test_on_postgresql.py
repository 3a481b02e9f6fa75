"""The whole way, both ways, with the state on PostgreSQL."""

from pathlib import Path

from connector_defs.sandbox.world import WorldOptions
from connector_tests.flows.pair import TODAY, assert_books_agree, open_pair
from connector_tests.postgres import Postgres


def test_both_flows_run_and_reconcile_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    world = WorldOptions(
        suppliers=12, accounts=20, cost_centers=4, orders=8, lines=30, invoices=30, today=TODAY
    )
    state = {"state_url": postgres.empty_database()}
    with open_pair(tmp_path, world, processing_seconds=0.01, storage=state) as pair:
        first = pair.sync()
        assert all(report.failed == report.pending == 0 for report in first.values())
        report = pair.run()
        assert report.received == 30
        assert report.posted == report.responded > 20
        assert sum(second.requests for second in pair.sync().values()) == 0
        assert_books_agree(pair)
