"""The whole way, both ways, with the state on PostgreSQL."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from connector_defs.flows import overview, preview, queue
from connector_defs.flows.control_totals import with_totals
from connector_defs.flows.enrichment_decisions import approve
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.record_reconciliation import reconcile_records, resend
from connector_defs.flows.source_tables import accept
from connector_defs.sandbox.world import WorldOptions
from connector_tests.flows import enriched
from connector_tests.flows.by_hand import adopt_at_once
from connector_tests.flows.pair import SUPPLIER, TODAY, assert_books_agree, invoice, open_pair
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


def test_what_people_decide_holds_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    """Two people adopt one posting at once; one retries, one sets aside, one asks without posting."""
    with open_pair(tmp_path, storage={"state_url": postgres.database()}) as pair:
        pair.map()
        adopt_at_once(pair)
        bills = [invoice("OFF-1", grossSum=Decimal("109.25")), invoice("OFF-2", grossSum=Decimal("109.25"))]
        retried, aside = pair.approve(*bills)
        pair.run()
        assert preview.preview_one(pair.connector, retried).refused[0].code == "UNBALANCED"
        pair.sandbox.basware.change(retried, {"grossSum": Decimal("108.25")})
        queue.mark_dead(pair.connector, aside, actor="ann", reason="dispute")
        pair.run()
        assert [pair.state(one) for one in (retried, aside)] == ["responded", "dead/SET_ASIDE"]
        assert len(queue.waiting(pair.connector, older_than=timedelta(0), code="SET_")) == 1
        assert queue.gl_problems(pair.connector) == []
        assert_books_agree(pair)


def test_totals_ages_and_the_comparison_of_records_hold_on_postgresql(
    postgres: Postgres, tmp_path: Path
) -> None:
    with open_pair(tmp_path, storage={"state_url": postgres.database()}) as pair:
        pair.stage()
        pair.faults.arm("target_error", times=1, match="/vendors")
        reports = [
            with_totals(pair.connector, pair.company, report, TODAY) for report in pair.publish().values()
        ]
        assert [report.totals.differences for report in reports if report.totals] == [()] * len(ENTITIES)
        pair.next_day()
        status = overview.status(pair.connector)
        assert {(one.entity, one.state, one.minutes) for one in status.unconfirmed} == {
            ("vendors", "failed", 1500),
            ("matchingOrders", "held", 1500),
            ("matchingOrderLines", "held", 1500),
        }
        assert len(status.control_totals) == len(ENTITIES)
        pair.publish()
        next(iter(pair.sandbox.basware.entities["vendors"].values()))["name"] = "Changed by hand"
        compared = reconcile_records(pair.connector, every_order=True)
        assert [one.field for one in compared.differences] == ["name"]
        assert resend(pair.connector, compared, actor="ann") == 1
        pair.publish("vendors")
        assert reconcile_records(pair.connector, every_order=True).clean
        assert accept(pair.connector, pair.company, "suppliers", actor="ann")


def test_a_text_that_postgresql_cannot_hold_concerns_its_own_record_alone(
    postgres: Postgres, tmp_path: Path
) -> None:
    with open_pair(tmp_path, storage={"state_url": postgres.database()}) as pair:
        suppliers = pair.sandbox.world.tables["ApSupplier"]
        suppliers.update((SUPPLIER,), {"TaxRegnNum": "DE\x001"})
        model = suppliers.get(SUPPLIER)
        assert model is not None
        suppliers.insert({**model, "Supplier": "AB\x00C"})
        enriched.publish_suppliers(pair)
        kept = {problem.key: problem for problem in overview.quarantined(pair.connector)}
        assert kept["AB\ufffdC"].code == "CODE_UNREADABLE"
        assert len(pair.sandbox.basware.in_target["vendors"]) == len(suppliers) - 3
        enriched.edit(pair, **enriched.vat("DE129273398"))
        (change,) = enriched.look(pair).changes
        assert (change.syspro, change.basware) == ("DE\ufffd1", "DE129273398")
        approve(pair.connector, pair.company, [SUPPLIER], actor="ann")
        enriched.write(pair)
        assert enriched.in_syspro(pair)[1] == "DE129273398"


def test_what_postgresql_cannot_hold_of_an_invoice_concerns_that_invoice_alone(
    postgres: Postgres, tmp_path: Path
) -> None:
    with open_pair(tmp_path, storage={"state_url": postgres.database()}) as pair:
        pair.map()
        named, unreadable, huge, dated, sound = pair.approve(
            invoice("LONG", invoiceId="x" * 70),
            invoice("NUL", invoiceId="a\x00b", invoiceDate="never"),
            invoice("HUGE", grossSum=Decimal("1e100")),
            invoice("DATED"),
            invoice("SOUND"),
        )
        pair.sandbox.basware.documents[dated]["lastUpdated"] = (
            "2026-11-20T10:00:00+02:00[Europe/Helsinki]" * 2
        )
        pair.run()
        malformed = {pair.state(kept) for kept in ("x" * 64, "a\ufffdb", huge)}
        assert malformed == {"needs_review/MALFORMED"}
        assert pair.state(dated) == pair.state(sound) == "responded"
        assert pair.in_basware(named) == pair.in_basware(unreadable) == "WaitingForTransfer"
