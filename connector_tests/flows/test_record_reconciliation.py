"""Master data and orders compared: a planted difference of each kind is found and named, and nothing else is."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from connector_defs.domain.errors import RetryLater
from connector_defs.flows import record_reconciliation
from connector_defs.flows.control_totals import with_totals
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.record_reconciliation import reconcile_records, resend
from connector_defs.flows.record_reports import RecordComparison, RecordDifference
from connector_defs.store import audit, records, tables
from connector_tests.flows.pair import EURO_SUPPLIER, SUPPLIER, TODAY, Pair, open_pair

LINES = "matchingOrderLines"
ORDER = "000000000010001"
ORDERLESS_SUPPLIER = "000000000000005"


def compared(pair: Pair, **options: Any) -> dict[str, RecordComparison]:
    return {one.entity: one for one in reconcile_records(pair.connector, **options).comparisons}


def found(pair: Pair) -> list[tuple[str, str, str, str]]:
    """Every difference: entity, kind, key, field."""
    report = reconcile_records(pair.connector, every_order=True)
    assert all(difference.remedy for difference in report.differences)
    return [(one.entity, one.kind, one.key, one.field) for one in report.differences]


def in_basware(pair: Pair, entity: str, key: str) -> dict[str, Any]:
    """The API's copy of a record, to be changed behind our back."""
    with pair.connector.store.read() as connection:
        code = records.by_keys(connection, entity, "M1", [key])[key].external_code
    return pair.sandbox.basware.entities[entity][code]


def test_what_was_published_agrees_record_by_record(published: Pair) -> None:
    report = reconcile_records(published.connector, every_order=True)
    assert report.clean
    assert report.differences == ()
    by_entity = {one.entity: one for one in report.comparisons}
    assert list(by_entity) == [entity.name for entity in ENTITIES]
    vendors = by_entity["vendors"]
    assert (vendors.syspro, vendors.ours, vendors.basware) == (12, 12, 10)
    assert (vendors.compared, vendors.matched, vendors.waiting, vendors.staged_on) == (10, 10, 2, TODAY)
    lines = by_entity[LINES]
    assert (lines.compared, lines.matched, lines.not_compared) == (lines.syspro, lines.syspro, 0)
    assert lines.basware == len(published.sandbox.basware.entities[LINES])


def _rename(pair: Pair) -> None:
    in_basware(pair, "vendors", SUPPLIER)["name"] = "Renamed by hand"


def _drop(pair: Pair) -> None:
    del pair.sandbox.basware.entities["vendors"][in_basware(pair, "vendors", SUPPLIER)["externalCode"]]


def _deactivate(pair: Pair) -> None:
    in_basware(pair, "vendors", SUPPLIER)["processingStatus"] = {"active": False, "paymentDenied": False}


def _type_in(pair: Pair) -> None:
    in_basware(pair, "vendors", SUPPLIER)["contacts"] = [{"name": "by hand", "role": "PrimaryContact"}]


def _another_price(pair: Pair) -> None:
    in_basware(pair, LINES, f"{ORDER}/1")["netPrice"] = Decimal("0.01")


def _lose_a_line(pair: Pair) -> None:
    code = in_basware(pair, LINES, f"{ORDER}/1")["externalCode"]
    del pair.sandbox.basware.entities[LINES][code]
    del pair.sandbox.basware.master._lines_of[in_basware(pair, "matchingOrders", ORDER)["externalCode"]][code]


def _close_an_order(pair: Pair) -> None:
    in_basware(pair, "matchingOrders", ORDER)["isClosed"] = True


def _another_rate(pair: Pair) -> None:
    in_basware(pair, "taxCodes", "S  ")["taxPercentage"] = Decimal("9.99")


def _add(pair: Pair, entity: str, like: str, **changes: Any) -> None:
    stranger = {**in_basware(pair, entity, like), "externalCode": "made-by-hand", **changes}
    pair.sandbox.basware.entities[entity]["made-by-hand"] = stranger


def _add_vendor(pair: Pair) -> None:
    _add(pair, "vendors", SUPPLIER, vendorCode="X-1")


def _forget(pair: Pair) -> None:
    with pair.connector.store.write() as connection:
        connection.execute(
            delete(tables.published_record).where(
                tables.published_record.c.entity == "vendors", tables.published_record.c.key == SUPPLIER
            )
        )


@pytest.mark.parametrize(
    ("plant", "differences"),
    [
        (_rename, [("vendors", "DIFFERS_IN_BASWARE", SUPPLIER, "name")]),
        (_drop, [("vendors", "MISSING_IN_BASWARE", SUPPLIER, "")]),
        (_deactivate, [("vendors", "INACTIVE_IN_BASWARE", SUPPLIER, "")]),
        (_another_price, [(LINES, "DIFFERS_IN_BASWARE", f"{ORDER}/1", "netPrice")]),
        (_lose_a_line, [(LINES, "MISSING_IN_BASWARE", f"{ORDER}/1", "")]),
        (_close_an_order, [("matchingOrders", "INACTIVE_IN_BASWARE", ORDER, "")]),
        (_another_rate, [("taxCodes", "DIFFERS_IN_BASWARE", "S  ", "taxPercentage")]),
        (_add_vendor, [("vendors", "EXTRA_IN_BASWARE", "X-1", "")]),
        (
            _forget,
            [
                ("vendors", "NOT_PUBLISHED", SUPPLIER, ""),
                ("vendors", "EXTRA_IN_BASWARE", SUPPLIER, ""),
            ],
        ),
    ],
)
def test_a_planted_difference_is_found_and_named(
    published: Pair, plant: Callable[[Pair], None], differences: list[tuple[str, str, str, str]]
) -> None:
    plant(published)
    assert found(published) == differences


def test_a_field_that_we_leave_empty_and_basware_has_is_a_difference(published: Pair) -> None:
    _type_in(published)
    assert {(kind, key) for _, kind, key, _ in found(published)} == {("DIFFERS_IN_BASWARE", SUPPLIER)}


def test_what_basware_owns_and_what_basware_adds_is_no_difference(published: Pair) -> None:
    vendor = in_basware(published, "vendors", SUPPLIER)
    vendor["paymentTerms"] = {"paymentTermCode": "60"}
    vendor["identifiers"] = [{"id": "DE999", "schemeId": "VAT"}]
    vendor["buvid"] = "4711"
    in_basware(published, LINES, f"{ORDER}/1")["invoicedQuantity"] = Decimal(1)
    assert found(published) == []


@pytest.mark.parametrize("changes", [{"sourceSystem": "OTHER"}, {"processingStatus": {"active": False}}])
def test_a_vendor_of_another_system_or_out_of_use_is_not_ours_to_miss(
    published: Pair, changes: dict[str, Any]
) -> None:
    _add(published, "vendors", SUPPLIER, vendorCode="X-1", **changes)
    assert found(published) == []


def test_a_record_without_a_source_system_is_ours_where_its_external_code_says_so(published: Pair) -> None:
    _add(published, "taxCodes", "S  ", taxCode="HAND")
    assert found(published) == []
    with published.connector.store.write() as connection:
        connection.execute(
            delete(tables.published_record).where(tables.published_record.c.key.in_(["S  ", "00-6000"]))
        )
    kinds = {(entity, kind, key) for entity, kind, key, _ in found(published)}
    assert kinds >= {("taxCodes", "EXTRA_IN_BASWARE", "S"), ("accounts", "EXTRA_IN_BASWARE", "00-6000")}


def test_what_changed_in_syspro_and_was_not_sent_is_named(published: Pair) -> None:
    published.sandbox.world.tables["ApSupplier"].update((SUPPLIER,), {"SupplierName": "New name"})
    published.stage("suppliers")
    assert found(published) == [("vendors", "NOT_SENT", SUPPLIER, "")]
    published.publish("vendors")
    assert found(published) == []


def test_what_is_gone_in_syspro_is_named_until_it_is_closed_in_basware(published: Pair) -> None:
    assert published.sandbox.world.tables["ApSupplier"].delete((ORDERLESS_SUPPLIER,))
    published.stage("suppliers")
    assert found(published) == [("vendors", "GONE_IN_SYSPRO", ORDERLESS_SUPPLIER, "")]
    published.publish("vendors")
    assert found(published) == []
    in_basware(published, "vendors", ORDERLESS_SUPPLIER)["processingStatus"] = {"active": True}
    assert found(published) == [("vendors", "ACTIVE_IN_BASWARE", ORDERLESS_SUPPLIER, "")]


def test_an_order_outside_of_the_newest_reading_is_still_looked_for_in_basware(published: Pair) -> None:
    published.sandbox.world.tables["PorMasterHdr"].update(
        (ORDER,), {"OrderStatus": "9", "DatePoCompleted": date(2026, 8, 1)}
    )
    published.sync()
    later = date(2026, 11, 22)
    published.sync(day=later)
    orders = compared(published)["matchingOrders"]
    assert (orders.staged_on, orders.ours - orders.syspro) == (later, 1)
    assert found(published) == []
    in_basware(published, "matchingOrders", ORDER)["isClosed"] = False
    assert found(published) == [("matchingOrders", "ACTIVE_IN_BASWARE", ORDER, "")]


def test_held_refused_and_quarantined_records_wait_and_are_no_difference(folder: Path) -> None:
    with open_pair(folder) as pair:
        pair.stage()
        pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms")
        pair.faults.arm("target_error", times=1, match="/vendors")
        pair.publish("vendors", "matchingOrders", LINES)
        report = compared(pair)
        assert report["vendors"].waiting == 12
        assert report["matchingOrders"].waiting == report["matchingOrders"].syspro > 0
        assert (report[LINES].waiting, report[LINES].compared) == (report[LINES].syspro, 0)
        assert sum(one.differing for one in report.values()) == 0


def test_a_record_that_went_touched_agrees(folder: Path) -> None:
    with open_pair(folder) as pair:
        pair.stage()
        pair.faults.arm("target_error", times=2)
        pair.publish("taxCodes", "accounts", "vendors")
        pair.publish()
        assert found(pair) == []


def test_lines_are_sampled_and_what_was_not_asked_for_is_counted(
    published: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_reconciliation, "ORDERS_SAMPLED", 2)
    before = published.sandbox.basware.requests["GET matchingOrderLines"]
    lines = compared(published)[LINES]
    assert published.sandbox.basware.requests["GET matchingOrderLines"] - before == 2
    assert lines.compared + lines.not_compared == lines.syspro
    assert lines.compared == lines.matched > 0 < lines.not_compared
    sampled = set()
    for _ in range(12):
        published.next_day()
        comparison = record_reconciliation._Comparison(
            published.connector, published.company, ENTITIES[-1], every_order=False
        )
        comparison.compare()
        sampled |= comparison._orders
    assert len(sampled) > 2, "another day, other orders"


def test_a_sampled_order_that_is_not_read_any_more_is_compared_by_our_state(
    published: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.sandbox.world.tables["PorMasterHdr"].update(
        (ORDER,), {"OrderStatus": "9", "DatePoCompleted": date(2026, 8, 1)}
    )
    published.sync()
    published.sync(day=date(2026, 11, 22))
    lines = compared(published, every_order=True)[LINES]
    assert lines.ours > lines.syspro
    assert (lines.matched, lines.not_compared) == (lines.ours, 0)
    monkeypatch.setattr(record_reconciliation, "ORDERS_SAMPLED", 0)
    assert compared(published)[LINES].not_compared == lines.ours


def test_a_forced_resend_puts_basware_right_again(published: Pair) -> None:
    _rename(published)
    _lose_a_line(published)
    _another_rate(published)
    report = reconcile_records(published.connector, every_order=True)
    assert resend(published.connector, report, actor="ann") == 3
    published.publish()
    assert found(published) == []
    assert in_basware(published, "vendors", SUPPLIER)["name"] == "Summit Pallets LLC"
    assert audit.verify(published.connector.store).ok
    told = [event.detail.get("by") for event in audit.show(published.connector.store, SUPPLIER)]
    assert "ann" in told
    assert resend(published.connector, reconcile_records(published.connector), actor="ann") == 0


def test_a_resend_leaves_alone_what_it_cannot_put_right(published: Pair) -> None:
    _add_vendor(published)
    _forget(published)
    assert resend(published.connector, reconcile_records(published.connector), actor="ann") == 0


def test_many_differences_are_counted_and_the_first_listed(
    published: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_reconciliation, "MOST_LISTED", 3)
    for record in published.sandbox.basware.entities["accounts"].values():
        record["accountNames"] = [{"language": "en-US", "translation": "all the same"}]
    accounts = compared(published)["accounts"]
    assert accounts.differing == accounts.compared > 3
    assert len(accounts.differences) == 3


def test_nothing_staged_yet_compares_our_state_with_basware(folder: Path) -> None:
    with open_pair(folder) as pair:
        empty = compared(pair)["vendors"]
        assert (empty.staged_on, empty.syspro, empty.compared, empty.differing) == (None, 0, 0, 0)
        pair.sync()
        for path in pair.connector.staging.root.rglob("rows.parquet"):
            path.unlink()
        _drop(pair)
        assert found(pair) == [("vendors", "MISSING_IN_BASWARE", SUPPLIER, "")]


def test_an_entity_that_cannot_be_read_stops_no_other(
    published: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = published.connector.basware.list_entities

    def away(endpoint: str, **options: Any) -> Any:
        if endpoint == "accounts":
            raise RetryLater("Basware is away")
        return listed(endpoint, **options)

    monkeypatch.setattr(published.connector.basware, "list_entities", away)
    report = reconcile_records(published.connector, [published.company])
    assert not report.clean
    outages = {one.entity: one.outage for one in report.comparisons if one.outage}
    assert outages == {"accounts": "Basware is away"}
    assert sum(one.matched for one in report.comparisons) > 10


def test_a_row_that_can_no_longer_be_translated_waits(
    published: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site's maps are part of the hash, so it takes a new version of the connector."""
    before = compared(published)["vendors"]
    monkeypatch.setattr(
        "connector_defs.domain.translation.context.Site.currency", lambda *_: json.loads('"TOO LONG"')
    )
    vendors = compared(published)["vendors"]
    assert (vendors.compared, vendors.waiting) == (0, before.compared + before.waiting)


def test_a_line_taken_back_in_basware_waits_for_its_correction(published: Pair) -> None:
    published.sandbox.world.tables["PorMasterDetail"].update((ORDER, 1), {"MOrderQty": Decimal(0)})
    published.sync()
    assert found(published) == []


def test_records_differ_by_company(published: Pair) -> None:
    with published.connector.store.write() as connection:
        connection.execute(
            update(tables.published_record)
            .where(tables.published_record.c.key == EURO_SUPPLIER)
            .values(company="M2")
        )
    differences = [
        one for one in reconcile_records(published.connector).differences if one.entity == "vendors"
    ]
    assert {type(one) for one in differences} == {RecordDifference}
    assert {(one.company, one.kind) for one in differences} == {
        ("M1", "NOT_PUBLISHED"),
        ("M1", "EXTRA_IN_BASWARE"),
    }


def test_suppliers_held_back_as_duplicates_wait_in_totals_and_comparison(folder: Path) -> None:
    with open_pair(folder, publishing={"duplicate_suppliers": "hold"}) as pair:
        for supplier in (SUPPLIER, EURO_SUPPLIER):
            pair.sandbox.world.tables["ApSupplier"].update((supplier,), {"TaxRegnNum": "DE 123456789"})
        pair.stage()
        report = with_totals(pair.connector, pair.company, pair.publish("vendors")["vendors"], TODAY)
        assert report.totals is not None
        assert (report.totals.differences, report.totals.quarantined >= 4) == ((), True)
        vendors = compared(pair)["vendors"]
        assert (vendors.differing, vendors.waiting) == (0, report.totals.quarantined)
