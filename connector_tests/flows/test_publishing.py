"""Master data and purchase orders from staged rows into P2P: sent once and confirmed one by one, whatever happens."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.basware.answers import Receipt
from connector_defs.domain.errors import RetryLater
from connector_defs.flows import mapping, overview
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import audit, records
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair
from connector_tests.flows.published import (
    ENDPOINTS,
    ORDER,
    TOMORROW,
    assert_adds_up,
    grow_order,
    in_target,
    posts,
    published_lines,
    record,
    refresh,
)


def test_the_first_load_is_confirmed_record_by_record(pair: Pair) -> None:
    reports = pair.sync()
    for name, report in reports.items():
        assert_adds_up(report)
        assert (
            report.confirmed
            == report.staged - report.quarantined
            == len(pair.sandbox.basware.in_target[name])
        )
    assert overview.status(pair.connector).records["vendors"] == {
        "published": 10,
        "pending": 0,
        "failed": 0,
        "quarantined": 2,
    }
    assert audit.verify(pair.connector.store).ok


def test_an_unchanged_night_sends_nothing(published: Pair) -> None:
    before = posts(published)
    reports = published.sync(day=TOMORROW)
    assert posts(published) == before
    assert {report.requests for report in reports.values()} == {0}
    for report in reports.values():
        assert_adds_up(report)


@pytest.mark.parametrize(
    ("table", "key", "change", "entity", "record_key"),
    [
        ("ApSupplier", (SUPPLIER,), {"SupplierName": "Summit Pallets Inc"}, "vendors", SUPPLIER),
        ("ApSupplierAddr", (SUPPLIER,), {"SupPostalCode": "49504"}, "vendors", SUPPLIER),
        ("GenMaster", ("M1", "00-6000"), {"Description": "Tooling and jigs"}, "accounts", "00-6000"),
        ("TblApTerms", ("30",), {"DueDays": Decimal(31)}, "paymentTerms", "30"),
        ("AdmTax", ("S",), {"CurTaxRate": Decimal("8.5")}, "taxCodes", "S  "),
        ("PorMasterHdr", (ORDER,), {"OrderDueDate": date(2026, 12, 1)}, "matchingOrders", ORDER),
    ],
)
def test_one_changed_row_is_one_record_in_one_request(
    published: Pair,
    table: str,
    key: tuple[Value, ...],
    change: dict[str, Value],
    entity: str,
    record_key: str,
) -> None:
    before, old = posts(published), in_target(published, entity, record_key)
    published.sandbox.world.tables[table].update(key, change)
    reports = refresh(published, entity)
    assert posts(published) == before + 1
    assert (reports[entity].sent, reports[entity].confirmed) == (1, 1)
    assert in_target(published, entity, record_key) != old


def test_balances_and_dates_of_last_use_are_no_change(published: Pair) -> None:
    before = posts(published)
    published.sandbox.world.tables["ApSupplier"].update((SUPPLIER,), {"CurrentBalance": Decimal("99.99")})
    published.sandbox.world.tables["GenMaster"].update(("M1", "00-6000"), {"CurrentBalance": Decimal("1.00")})
    published.sync()
    assert posts(published) == before


def test_a_published_account_stands_for_itself_in_the_mapping(published: Pair) -> None:
    mapped = {rule.account_code: rule.gl_code for rule in mapping.rules(published.connector)}
    assert mapped["00-6010"] == "00-6010"
    assert "00-9000" not in mapped, "a statistical account takes no postings"


def test_suppliers_go_where_the_site_serves_no_addresses(pair: Pair) -> None:
    del pair.sandbox.world.tables["ApSupplierAddr"]
    assert refresh(pair, "vendors")["vendors"].confirmed == 10


@pytest.mark.parametrize("there", [True, False])
def test_a_receipt_without_a_request_id_is_followed_by_a_look(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    post = pair.connector.basware.post

    def nameless(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        return replace(post(endpoint, payload), request_id=None) if there else Receipt(None, 200, (), "ours")

    monkeypatch.setattr(pair.connector.basware, "post", nameless)
    report = refresh(pair, "taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed, report.failed) == ((5, 5, 0) if there else (5, 0, 5))
    assert_adds_up(report)
    assert record(pair, "taxCodes", "S  ").code == ("" if there else "NO_REQUEST_ID")


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        ("basware.entities.write", "reset_before"),
        ("basware.entities.write", "reset_after"),
        ("basware.entities.write", "http_500"),
        ("basware.entities.write", "http_502"),
        ("basware.entities.write", "http_503"),
        ("basware.entities.write", "rate_limited"),
        ("basware.entities.write", "expired_token"),
        ("basware.entities.write", "error_body"),
        ("basware.entities.write", "wrong_encoding"),
        ("basware.status", "http_503"),
        ("basware.status", "rate_limited"),
        ("basware.status", "error_body"),
        ("basware.status", "reset_after"),
        ("syspro.odata", "http_503"),
        ("syspro.odata", "short_page"),
        ("syspro.odata", "error_body"),
    ],
)
def test_faults_on_the_way_leave_p2p_complete(pair: Pair, site: str, fault: str) -> None:
    times = 1 if fault == "expired_token" else 2
    pair.faults.arm(fault, times=times, site=site, seconds=0)
    for _ in range(3):
        with suppress(RetryLater):
            refresh(pair, "taxCodes", "vendors")
    assert pair.faults.drawn[fault] == times
    states = overview.status(pair.connector).records
    for name, published in (("taxCodes", 5), ("vendors", 10)):
        assert (states[name]["published"], states[name]["pending"], states[name]["failed"]) == (
            published,
            0,
            0,
        )
        assert len(pair.sandbox.basware.in_target[name]) == published


def test_a_crash_between_the_post_and_its_request_id_is_made_good_by_the_next_run(
    staged: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Basware calls the repeat unchanged, which does not say that P2P has it: so it goes once more, touched."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "open_request", crash)
    with pytest.raises(KeyboardInterrupt):
        staged.publish("taxCodes")
    monkeypatch.undo()
    report = staged.publish("taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed) == (5, 5)
    assert staged.sandbox.basware.requests["POST taxCodes"] == 3


def test_an_outage_amid_the_batches_loses_no_request_that_got_through(folder: Path) -> None:
    """Two requests at once: one is received, the other finds Basware down. The first one's id is kept."""
    with open_pair(folder) as pair:
        grow_order(pair, 150)
        pair.stage()
        pair.publish(*ENDPOINTS[:-1])
        pair.faults.arm("latency", site="basware.entities.write", seconds=0.3)
        pair.faults.arm("http_503", times=1000, site="basware.entities.write")
        with pytest.raises(RetryLater):
            pair.publish("matchingOrderLines")
        pair.faults.disarm()
        with pair.connector.store.read() as connection:
            known = records.counts(connection)["matchingOrderLines"]
            assert records.incomplete_orders(connection, "M1")
        assert known.get("sent", 0) + known.get("confirmed", 0) == 100
        report = pair.publish("matchingOrderLines")["matchingOrderLines"]
        assert report.confirmed == report.sent == len(published_lines(pair)) - 100
        with pair.connector.store.read() as connection:
            assert records.incomplete_orders(connection, "M1") == []
        assert len(pair.sandbox.basware.in_target["matchingOrderLines"]) == report.staged
